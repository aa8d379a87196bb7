"""signpost rotate: a key signs once the world can see it, and its record stays
until nobody needs it. Real name servers, a real daemon under traffic, a caching
resolver for the verifiers, and a clock that the test sets.
"""
import calendar
import contextlib
import json
import os
import random
import re
import resource
import shutil
import socket
import subprocess
import threading
import time

import harness  # first: it finds t/lib
import machine
import nameserver
import ports
import world
from harness import SAMPLE

FIRST, SECOND = "127.0.0.2", "127.0.0.3"
START = 1890000000  # 2029-11-22
HOUR, DAY = 3600, 86400


class Case(harness.Case):
    """Domains in one zone, example.org, with a primary and a secondary."""

    zone = "example.org"
    strangers = None

    def begin(self, *records, domains=("example.org",), rotate="", out=(),
              minimum=900, remembers=86400, hurry=10, command=None):
        self.world = world.World(self, START)
        if command:
            rotate += "\n" + command()
        self.primary = self.world.serve(FIRST, {self.zone: world.zone_text(
            self.zone, (FIRST, SECOND), *records, minimum=minimum)})
        self.secondary = self.world.follow(SECOND, {self.zone: FIRST})
        self.resolver = self.world.resolve({self.zone: (FIRST, SECOND)},
                                           remembers=remembers)
        self.serve(domains, rotate, out, hurry)

    def meet_strangers(self):
        """Verifiers have a resolver of their own, with a longer memory than
        that which the tools ask."""
        self.strangers = self.world.resolve({self.zone: (FIRST, SECOND)})

    def asked_early(self, domain, selector):
        """Somebody asks for a key's record before it is there, and his resolver
        remembers for as long as it may that there is none."""
        self.strangers.texts("%s._domainkey.%s" % (selector, domain))

    def serve(self, domains, rotate, out, hurry):
        self.hop = self.relay()
        self.daemon = harness.Signpost(
            self.hop, keys=False, domain=", ".join(domains), hurry=hurry,
            out=("selector = auto", *out),
            rest="[rotate]\n%s\n[dns]\nnameserver = %s\n" % (
                rotate, self.resolver.address()))
        self.addCleanup(self.daemon.clean)
        self.addCleanup(self._stops_well, self.daemon)
        self.start()

    def start(self):
        """The daemon; until it serves, it signs nothing for the tool."""
        with open(self.daemon.log, "a"):
            before = len(self.daemon.lines("serving, "))
        self.daemon.start()
        self.daemon.wait_log("serving, ", before + 1)
        self.client, self.used = None, 0

    # --- the tool ---

    def rotate(self, verb, *words, domain=("example.org",), status=0,
               environment=None):
        """What it printed, as JSON."""
        words = [verb, "-c", self.daemon.config, "--json", *map(str, words),
                 *(w for d in domain for w in ("-d", d))]
        # A server that a busy machine left no time in 3 s counts as silent.
        for _ in range(5):
            done = subprocess.run(
                [harness.binary(), "rotate", *words], stdin=subprocess.DEVNULL,
                env=self.world.environment() | (environment or {}),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                timeout=400, check=False)
            said = done.stdout + done.stderr
            if (status, done.returncode) != (0, 75) or not re.search(
                    "gives no answer|does not serve the zone", said):
                break
        self.assertEqual(done.returncode, status, said)
        self.said = json.loads(done.stdout) if done.stdout else []
        return self.said

    def one(self, verb, *words, **options):
        said = self.rotate(verb, *words, **options)
        self.assertEqual(len(said), 1, said)
        return said[0]

    def file(self, domain="example.org"):
        with open(os.path.join(self.daemon.dir, "keys", domain,
                               "selectors"), encoding="ascii") as f:
            return f.read()

    def rows(self, domain="example.org"):
        """(kind, state, name) of each."""
        return [tuple(line.split()[:3])
                for line in self.file(domain).splitlines()
                if line and not line.startswith("#")]

    # --- DNS ---

    def publish(self, record, act="add", everywhere=True):
        self.primary.update(self.zone, (
            act, record["name"] + ".", "TXT", *(
                [record["value"]] if act == "add" else [])))
        if everywhere:
            self.secondary.catch_up(self.zone, self.primary)

    # --- mail ---

    def send(self, domain="example.org"):
        """A message through the daemon, as it came out."""
        if self.client is None or time.monotonic() - self.used > 1:
            # The daemon's timers hurry: it has closed an idle one.
            if self.client:
                self.client.close()
            self.client = self.daemon.client()
            self.client.ehlo()
        self.used = time.monotonic()
        answer = self.client.message(SAMPLE.replace(
            b"ann@example.org", b"ann@" + domain.encode()))
        self.assertEqual(answer.code, 250, answer)
        return self.hop.messages[-1].data

    def selectors(self, data):
        header = data.split(b"\r\n\r\n")[0].replace(b"\r\n\t", b" ")
        return [found.decode() for found in re.findall(
            rb"(?m)^DKIM-Signature:.*?[; ]s=([^;]+);", header)]

    def signed_by(self, *selectors, domain="example.org"):
        """A message that is, which may take a moment: a key that was replaced
        less than 30 s ago finishes what had been begun with it. Whichever key
        signs, none of the messages sent meanwhile is unsigned, and each one
        verifies."""
        def sent():
            self.mail = self.send(domain)
            found = self.selectors(self.mail)
            if selectors:
                self.assertEqual(len(found), len(selectors), found)
                self.assertTrue(self.verifies(self.mail), found)
            return found == list(selectors)
        harness.wait_until("mail to be signed by %s" % (selectors,), sent, 60)
        return self.mail

    def verifies(self, data):
        """By a stranger, who asks a resolver."""
        import dkim

        def txt(name, timeout=5):
            name = name.decode() if isinstance(name, bytes) else name
            texts = (self.strangers or self.resolver).texts(name)
            if texts is None:
                raise AssertionError("no answer for " + name)
            return texts[0] if texts else b""
        return all(dkim.DKIM(data).verify(idx=i, dnsfunc=txt)
                   for i in range(len(self.selectors(data))))


class Life(Case):
    def test_from_one_key_to_the_next(self):
        self.begin()
        made = self.one("prepare")
        first = made["selector"]
        self.assertEqual((made["outcome"], first, made["state"]),
                         ("done", "m202911r", "staged"))
        self.assertEqual(self.rows(), [("rsa", "staged", first)])
        key = os.path.join(self.daemon.dir, "keys/example.org", first + ".pem")
        self.assertEqual(os.stat(key).st_mode & 0o7777, 0o600)
        self.assertEqual(self.selectors(self.send()), [])  # before_published
        # once more: it is told again
        self.assertEqual(self.one("prepare")["publish"], made["publish"])

        self.assertIn("ns1.example.org (127.0.0.2) does not have " + first,
                      self.one("activate", status=75)["text"])
        self.publish(made["publish"], everywhere=False)
        text = self.one("activate", status=75)["text"]
        self.assertIn("ns2.example.org (127.0.0.3) does not have", text)
        self.assertNotIn("ns1", text)
        self.world.later(5 * HOUR)
        self.secondary.catch_up(self.zone, self.primary)
        self.one("activate", status=75)
        self.world.later(HOUR - 600)
        self.assertEqual(self.one("activate", status=75)["outcome"], "waiting")
        self.assertEqual(self.rows(), [("rsa", "staged", first)])
        self.world.later(600)
        self.assertEqual(self.one("activate")["outcome"], "done")
        self.assertEqual(self.rows(), [("rsa", "active", first)])
        mail = self.signed_by(first)
        self.assertTrue(self.verifies(mail))

        # the next one
        self.world.later(181 * DAY)
        made = self.one("prepare")
        second = made["selector"]
        self.assertEqual(second, "m203005r")
        self.publish(made["publish"])
        self.one("activate", status=75)
        self.assertEqual(self.selectors(self.send()), [first])
        self.world.later(HOUR + 600)
        self.one("activate")
        self.assertEqual(self.rows(), [("rsa", "retired", first),
                                       ("rsa", "active", second)])
        late, mail = mail, self.signed_by(second)
        self.assertTrue(self.verifies(mail) and self.verifies(late))

        # the old one's end
        waiting = self.one("retire", status=75)
        self.assertIn("its record stays up to", waiting["text"])
        self.world.later(7 * DAY - 600)
        self.one("retire", status=75)
        self.world.later(600)
        said = self.rotate("retire", status=1)
        self.assertIn("take down the TXT record of %s._domainkey.example.org"
                      % first, said[0]["text"])
        self.publish({"name": first + "._domainkey.example.org"}, "delete")
        self.assertIn("may be in caches", self.one("retire", status=75)["text"])
        self.assertTrue(os.path.exists(key))
        self.world.later(HOUR + 600)
        self.assertEqual(self.one("retire")["outcome"], "done")
        self.assertFalse(os.path.exists(key))
        self.assertEqual(self.rows(), [("rsa", "active", second)])
        self.assertEqual(self.rotate("retire"), [])


    def test_a_revoked_record_has_gone_too(self):
        self.begin()
        first = self.one("prepare")["publish"]
        self.publish(first)
        self.one("activate", status=75)
        self.world.later(HOUR + 600)
        self.one("activate")
        self.publish(self.one("prepare")["publish"])
        self.one("activate", status=75)
        self.world.later(HOUR + 600)
        self.one("activate")
        self.one("retire", status=75)
        self.world.later(7 * DAY + 600)
        self.assertIn('put "v=DKIM1; p=" in its place, which says that it is '
                      "revoked", self.rotate("retire", status=1)[0]["text"])
        self.publish(first, "delete")
        self.publish({"name": first["name"], "value": "v=DKIM1; p="})
        self.assertIn("its record has gone, and may be in caches",
                      self.one("retire", status=75)["text"])
        self.world.later(HOUR + 600)
        self.assertEqual(self.one("retire")["outcome"], "done")
        self.assertEqual(self.rows(), [("rsa", "active", "m202911r2")])
        self.assertEqual(self.resolver.texts(first["name"]), [b"v=DKIM1; p="])

    def people(self, *words):
        """What it prints for them."""
        done = subprocess.run(
            [harness.binary(), "rotate", *words, "-c", self.daemon.config],
            stdin=subprocess.DEVNULL, env=self.world.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=400, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()

    def test_two_kinds_in_two_domains_for_people(self):
        """Each kind is rotated by itself, and both sign; --all, and what is
        printed for people."""
        names = ("example.org", "sub.example.org")
        self.begin(domains=names, out=("signature = dkim(a=rsa-sha256)",
                                       "signature = dkim(a=ed25519-sha256)"))
        said = self.people("prepare", "-d", "sub.example.org")
        made = self.rotate("prepare", "--all", domain=())
        self.assertEqual([(r["domain"], r["selector"]) for r in made], [
            (d, s) for d in names[::-1] for s in ("m202911r", "m202911e")])
        for row in made[:2]:
            record = row["publish"]
            self.assertIn(record["name"] + ".", "\n".join(said))
            printed = "".join(re.findall('"([^"]*)"', "".join(said)))
            self.assertIn(record["value"], printed)
        for row in made:
            self.publish(row["publish"])
        self.rotate("activate", "--all", domain=(), status=75)
        self.world.later(HOUR + 600)
        now = self.world.now
        self.assertEqual(
            [r["outcome"] for r in self.rotate("activate", "--all",
                                               domain=())], ["done"] * 4)
        for name in names:
            self.assertTrue(self.verifies(self.signed_by(
                "m202911r", "m202911e", domain=name)))

        # The next of both, and what there is then.
        for row in self.rotate("prepare"):
            self.publish(row["publish"])
        self.rotate("activate", status=75)
        self.world.later(HOUR + 600)
        self.rotate("activate")
        self.assertTrue(self.verifies(self.signed_by(
            "m202911r2", "m202911e2")))
        rows = self.rotate("status")
        self.assertEqual(
            [(r["kind"], r["selector"], r["state"], r["bits"], r["signs"],
              r["record"]) for r in rows], [
                ("rsa", "m202911r", "retired", 2048, False, "visible"),
                ("ed25519", "m202911e", "retired", 256, False, "visible"),
                ("rsa", "m202911r2", "active", 2048, True, "visible"),
                ("ed25519", "m202911e2", "active", 256, True, "visible")])
        for row in rows:
            for moment in "made", "since", "used":
                when = calendar.timegm(time.strptime(row[moment],
                                                     "%Y-%m-%dT%H:%M:%SZ"))
                # The daemon's clock is the machine's.
                ahead = self.world.ahead if (
                    moment == "used" and row["signs"]) else 0
                self.assertTrue(now - 2 * HOUR < when + ahead
                                <= self.world.now + 1, (moment, row))
        head, *table = self.people("status", "-d", "example.org")
        self.assertEqual(head.split(), [
            "domain", "kind", "selector", "state", "bits", "since", "last",
            "used", "record"])
        self.assertEqual([line.split() for line in table], [
            [r["domain"], r["kind"], r["selector"], r["state"],
             str(r["bits"]), r["since"], r["used"], r["record"]]
            for r in self.rotate("status")])


PUBLISH = """#!/usr/bin/python3
import sys
sys.path[:0] = [%(lib)r]
import world
act, name, ttl, kind, text = sys.argv[1:]
with open(%(log)r, "a") as log:
    log.write(" ".join(sys.argv[1:4]) + "\\n")
world.update(%(server)r, %(zone)r,
             ("add", name + ".", kind, text, int(ttl)) if act == "add" else
             ("delete", name + ".", kind))
"""


class Automatic(Case):
    """What the timer runs."""

    def auto(self, status=0, **options):
        return self.rotate("auto", domain=(), status=status, **options)

    def command(self):
        """For publish =: a program that changes the primary; and whoever runs
        it as."""
        folder = self.world.clock.directory
        self.published = os.path.join(folder, "published")
        path = self.world.clock.write("publish", PUBLISH % {
            "lib": os.path.dirname(world.__file__), "log": self.published,
            "server": FIRST, "zone": self.zone})
        os.chmod(path, 0o755)
        with open(self.published, "w", encoding="ascii"):
            os.chmod(self.published, 0o666)
        return "publish = %s\npublish_user = nobody" % path

    def age(self, days):
        """So many days pass, four runs a day, the secondary following hours
        later; of each of them a message."""
        for _ in range(days * 4):
            self.world.later(DAY // 4)
            self.auto()
            active = [row[2] for row in self.rows() if row[1] == "active"]
            self.secondary.catch_up(self.zone, self.primary)
            # Its clock is not ours: what it goes on to do with the key before
            # for 30 s is nothing that hours later is done.
            mail = self.signed_by(*active)
            if active:
                self.assertTrue(self.verifies(mail))

    def test_a_command_publishes_and_nobody_has_to_do_anything(self):
        self.begin(command=self.command)
        self.auto()
        self.assertEqual(self.rows(), [("rsa", "staged", "m202911r")])
        self.age(2)
        self.assertEqual(self.rows(), [("rsa", "active", "m202911r")])
        self.world.later(179 * DAY)
        self.age(2)
        self.assertEqual(self.rows(), [("rsa", "retired", "m202911r"),
                                       ("rsa", "active", "m203005r")])
        self.age(9)
        self.assertEqual(self.rows(), [("rsa", "active", "m203005r")])
        self.assertEqual(
            self.resolver.texts("m202911r._domainkey.example.org"), [])
        self.assertEqual(sorted(os.listdir(os.path.join(
            self.daemon.dir, "keys/example.org"))),
            ["m203005r.pem", "selectors"])

    def test_a_person_is_told_once(self):
        self.begin()
        told = [r for r in self.auto(status=1) if r["outcome"] == "person"]
        self.assertEqual(len(told), 1)
        self.assertTrue(told[0]["text"].startswith("publish this record"))
        for _ in range(3):
            self.world.later(HOUR)
            self.auto()
        self.publish(told[0]["publish"])
        for _ in range(6):  # twice, where every server answers in time
            self.world.later(HOUR)
            self.auto()
            if self.rows() == [("rsa", "active", "m202911r")]:
                break
        else:
            self.fail(self.said)

    def test_keys_that_no_file_names_are_told_of_once(self):
        self.begin()
        folder = os.path.join(self.daemon.dir, "keys", "example.org")
        key = os.path.join(folder, "old.pem")
        harness.make_key(key)
        want = "`signpost rotate adopt -d example.org -s SELECTOR' takes over"
        told, = self.auto(status=1)
        self.assertEqual(told["outcome"], "person")
        self.assertIn(want, told["text"])
        for _ in range(3):
            self.world.later(DAY)
            waiting, = self.auto()
            self.assertEqual(waiting["outcome"], "waiting")
            # Who looks sees it.
            shown, = self.rotate("status", status=1)
            self.assertIn(want, shown["text"])
            self.assertEqual(os.listdir(folder).count("selectors"), 0)
        self.publish({"name": "old._domainkey.example.org",
                      "value": harness.key_record(key)})
        self.world.later(HOUR)
        self.one("adopt", "-s", "old")
        self.assertEqual(sorted(os.listdir(folder)),
                         ["old.pem", "selectors"])
        # And once more, where somebody takes the file away.
        os.remove(os.path.join(folder, "selectors"))
        self.auto(status=1)
        self.auto()

    def test_what_stands_is_told_once_until_it_has_gone(self):
        """A mistake in the file, a key that cannot be read, one that the daemon
        would not take: told and mailed once, and once more when it is there
        again."""
        self.begin(rotate="notify = admin@example.net")
        self.auto(status=1)
        self.publish(self.one("prepare")["publish"])
        self.auto()
        self.world.later(HOUR + 600)
        folder = os.path.join(self.daemon.dir, "keys", "example.org")
        key = os.path.join(folder, "m202911r.pem")
        beside = os.path.join(self.daemon.dir, "keys", ".told-example.org")

        def told(status, text=None):
            """By a run that prints for people, and by mail."""
            before = len(self.hop.messages)
            done = subprocess.run(
                [harness.binary(), "rotate", "auto", "-c",
                 self.daemon.config], env=self.world.environment(),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, timeout=400, check=False)
            self.assertEqual(done.returncode, status, done)
            mails = self.hop.messages[before:]
            if text is None:
                self.assertEqual((done.stderr, mails), ("", []))
            else:
                self.assertIn(text, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)
                self.assertEqual(len(mails), 1)
                self.assertIn(text.encode(), mails[0].data)

        # What a person must do, told, is waited for.
        os.chmod(key, 0o644)
        told(1, "which lets others in")
        told(0)
        self.world.later(HOUR)
        told(0)
        # Another complaint is news, and then the first one is again.
        with open(key, "rb") as f:
            good = f.read()
        with open(key, "wb") as f:
            f.write(b"no key\n")
        told(78, "its key: ")
        # A file that is wrong is so until it is mended.
        told(78)
        with open(key, "wb") as f:
            f.write(good)
        told(1, "which lets others in")
        os.chmod(key, 0o600)
        told(0)
        self.assertEqual(self.rows(), [("rsa", "active", "m202911r")])
        self.assertFalse(os.path.exists(beside))
        with open(os.path.join(folder, "selectors"), "rb") as f:
            text = f.read()
        for _ in range(2):
            with open(os.path.join(folder, "selectors"), "wb") as f:
                f.write(text + b"rsa aktive x\n")
            told(78, "selectors:3: ")
            told(78)
            self.assertEqual(os.stat(beside).st_mode & 0o7777, 0o600)
            with open(os.path.join(folder, "selectors"), "wb") as f:
                f.write(text)
            told(0)
            self.assertFalse(os.path.exists(beside))
        # Whom no mail has reached is told again.
        with open(os.path.join(folder, "selectors"), "wb") as f:
            f.write(text + b"rsa aktive x\n")
        self.hop.scripts = [{"mail": "451 4.3.0 later"}]
        self.rotate("auto", domain=(), status=78)
        self.hop.scripts = [{}]
        told(78, "selectors:3: ")
        told(78)

    def test_that_all_names_are_taken_is_told_once(self):
        self.begin()
        folder = os.path.join(self.daemon.dir, "keys", "example.org")
        key = os.path.join(folder, "old.pem")
        harness.make_key(key)
        for number in range(1, 41):
            os.link(key, os.path.join(folder, "m202911r%s.pem" % (
                number if number > 1 else "")))
        self.publish({"name": "old._domainkey.example.org",
                      "value": harness.key_record(key)})
        with open(os.open(os.path.join(folder, "selectors"), os.O_WRONLY |
                          os.O_CREAT, 0o600), "w", encoding="ascii") as f:
            f.write("rsa active old since=2029-01-01T00:00:00Z\n")
        said, = self.auto(status=1)
        self.assertEqual((said["outcome"], said["text"]), (
            "person", "every name that [rotate] name gives is taken still"))
        said, = self.auto()
        self.assertEqual(said["outcome"], "waiting")
        os.remove(os.path.join(folder, "m202911r40.pem"))
        self.auto(status=1)  # a record to publish
        self.assertEqual(self.rows()[1], ("rsa", "staged", "m202911r40"))

    def test_a_folder_that_cannot_be_made_is_told_of_once(self):
        """Then nothing can be kept beside it: it is in systemd's directory."""
        self.begin()
        keys = os.path.join(self.daemon.dir, "keys")
        os.symlink(os.path.join(keys + "-are", "not", "here"), keys)
        state = os.path.join(self.daemon.dir, "state")
        os.mkdir(state)
        environment = {"STATE_DIRECTORY": state}
        for _ in range(2):
            said, = self.auto(status=1, environment=environment)
            self.assertEqual((said["outcome"], said["text"]), (
                "person", keys + "/example.org: No such file or directory"))
            for _ in range(2):
                said, = self.auto(environment=environment)
                self.assertEqual(said["outcome"], "waiting")
            self.assertEqual(os.listdir(state), ["told-example.org"])
            os.unlink(keys)
            self.auto(status=1, environment=environment)  # a record to publish
            self.assertEqual(os.listdir(state), [])
            shutil.rmtree(keys)
            os.symlink(os.path.join(keys + "-are", "not", "here"), keys)

    def test_what_a_person_must_do_comes_by_mail_too(self):
        self.begin(rotate="notify = admin@example.net")
        told = [r for r in self.auto(status=1) if r["outcome"] == "person"]
        self.auto()
        [mail] = self.hop.wait_messages(1)
        self.assertIn(b"RCPT TO:<admin@example.net>", mail.rcpt[0])
        self.assertIn(b"\r\nTo: <admin@example.net>\r\n", mail.data)
        self.assertIn(told[0]["text"].encode(), mail.data)
        self.assertIn(told[0]["publish"]["name"].encode(), mail.data)

    def test_a_record_that_vanishes_is_found(self):
        self.begin(command=self.command)
        self.auto()
        self.age(1)
        self.assertEqual(self.rows(), [("rsa", "active", "m202911r")])
        with open(self.daemon.config, encoding="ascii") as f:
            text = f.read()
        with open(self.daemon.config, "w", encoding="ascii") as f:
            f.write(re.sub("(?m)^publish =.*", "", text))
        self.publish({"name": "m202911r._domainkey.example.org"}, "delete")
        self.world.later(2 * HOUR)  # the command has it kept for an hour
        told, = [r for r in self.auto(status=1) if r["outcome"] == "person"]
        self.assertIn("its record is not to be seen", told["text"])
        self.assertIn(" lost=", self.file())
        self.rotate("status", status=1)
        self.assertEqual(self.said[0]["record"], "missing")
        self.auto()
        self.publish(told["publish"])
        self.world.later(HOUR)
        self.auto()
        self.assertNotIn(" lost=", self.file())
        self.assertEqual(self.rotate("status")[0]["record"], "visible")

    def test_without_the_daemon_nothing_changes_hands(self):
        self.begin(command=self.command)
        self.auto()
        self.secondary.catch_up(self.zone, self.primary)
        self.world.later(HOUR)
        self.auto()
        self.assertEqual(self.daemon.stop(), 0)
        for _ in range(4):
            self.world.later(4 * DAY)
            self.auto()
            self.assertEqual(self.rows(), [("rsa", "staged", "m202911r")])
        self.rotate("activate", status=75)
        self.start()
        self.auto()
        self.assertEqual(self.rows(), [("rsa", "active", "m202911r")],
                         self.said)

    def test_it_does_nothing_where_rotate_is_not_set(self):
        self.begin()
        with open(self.daemon.config, encoding="ascii") as f:
            text = f.read()
        with open(self.daemon.config, "w", encoding="ascii") as f:
            f.write(text.replace("[rotate]\n", ""))
        self.assertEqual(self.auto(), [])
        self.assertFalse(os.path.exists(os.path.join(self.daemon.dir, "keys")))

    def test_many_at_once_do_what_one_would(self):
        self.begin(command=self.command)
        for step in range(8):
            self.world.later(HOUR)
            runs = [subprocess.Popen(
                [harness.binary(), "rotate", "auto", "-c", self.daemon.config],
                env=self.world.environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                for _ in range(5)]
            for run in runs:
                said = run.communicate(timeout=400)[0]
                # Or it has waited long enough for the others, on a slow machine.
                self.assertTrue(
                    run.returncode in (0, 1) or run.returncode == 78 and
                    "another program is at it" in said, said)
            self.secondary.catch_up(self.zone, self.primary)
            self.assertEqual([row[0] for row in self.rows()], ["rsa"])
        self.assertEqual(self.rows(), [("rsa", "active", "m202911r")])


class Truncating:
    """In front of a server: every answer by UDP is cut, TCP is passed on."""

    def __init__(self, address, to):
        self.to = to
        self.asked = {"udp": 0, "tcp": 0}
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, 53))
        self.tcp = socket.create_server((address, 53))
        for serve in self.cut, self.accept:
            threading.Thread(target=serve, daemon=True).start()

    def cut(self):
        while True:
            try:
                packet, peer = self.udp.recvfrom(4096)
                self.asked["udp"] += 1
                self.udp.sendto(packet[:2] + b"\x86\0\0\1\0\0\0\0\0\0" +
                                packet[12:packet.index(b"\0", 12) + 5], peer)
            except OSError:
                return

    def accept(self):
        while True:
            try:
                peer, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(peer,),
                             daemon=True).start()

    def pass_on(self, peer):
        with peer, socket.create_connection((self.to, 53), 10) as other:
            for one, two in ((peer, other), (other, peer)):
                one.settimeout(10)
                n = one.recv(2, socket.MSG_WAITALL)
                two.sendall(n + one.recv(int.from_bytes(n, "big"),
                                         socket.MSG_WAITALL))
        self.asked["tcp"] += 1

    def close(self):
        self.udp.close()
        self.tcp.close()


class Checking:
    """In front of a resolver: one that checks DNSSEC, and finds the TXT record of
    this name bogus while it is told so."""

    def __init__(self, port):
        self.bogus = None
        self.port = ports.free_port()
        self.at = port
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                packet, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            threading.Thread(target=self.answer, args=(packet, peer),
                             daemon=True).start()

    def answer(self, packet, peer):
        if self.bogus and nameserver.name_wire(self.bogus) + b"\0\x10" \
                in packet.lower():
            reply = packet[:2] + b"\x81\x82\0\1\0\0\0\0\0\0" + packet[
                12:packet.index(b"\0", 12) + 5]
        else:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as behind:
                behind.settimeout(30)
                behind.sendto(packet, ("127.0.0.1", self.at))
                reply = behind.recv(4096)
        with contextlib.suppress(OSError):
            self.udp.sendto(reply, peer)

    def close(self):
        self.udp.close()


class Together(Case):
    """With the daemon, and with people who edit the file."""

    def ready(self):
        """A second key that may sign; and the file."""
        self.begin()
        self.publish(self.one("prepare")["publish"])
        self.one("activate", status=75)
        self.world.later(HOUR + 600)
        self.one("activate")
        self.signed_by("m202911r")
        self.publish(self.one("prepare")["publish"])
        self.one("activate", status=75)
        self.world.later(HOUR + 600)
        return self.file()

    def hurried(self):
        """A minute of the tool's waits is six seconds."""
        return {"T_HURRY": "10", "LD_PRELOAD": "%s %s" % (
            world.FAKETIME, os.path.join(os.environ["SIGNPOST_BUILD"],
                                         "t/lib/libt_hurry.so"))}

    def test_a_key_that_the_daemon_would_not_take_changes_nothing(self):
        before = self.ready()
        key = os.path.join(self.daemon.dir, "keys/example.org/m202911r2.pem")
        os.chmod(key, 0o644)
        said = self.rotate("activate", status=1)
        self.assertIn("which lets others in", said[-1]["text"])
        self.assertEqual(before, self.file())
        os.chmod(key, 0o600)
        self.one("activate")
        self.assertTrue(self.verifies(self.signed_by("m202911r2")))

    @contextlib.contextmanager
    def delayed(self, call, number):
        """An activate that stops for ten seconds at that call. Then it is there;
        and behind, it has ended."""
        trace = os.path.join(self.daemon.dir, "trace")
        run = subprocess.Popen(
            ["strace", "-qq", "-o", trace, "-e", "trace=" + call, "-e",
             "inject=%s:delay_enter=10000000:when=%d" % (call, number), "-E",
             "LD_PRELOAD=" + world.FAKETIME, harness.binary(), "rotate",
             "activate", "-d", "example.org", "-c", self.daemon.config],
            env=self.world.environment() | {"LD_PRELOAD": ""},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        harness.wait_until("it to be there", lambda: self.calls(
            trace, call) >= number)
        yield run
        run.said = run.communicate(timeout=400)[0]

    def calls(self, trace, call):
        if not os.path.exists(trace):
            return 0
        with open(trace, encoding="ascii", errors="replace") as f:
            return len(re.findall(r"(?m)^%s\(" % call, f.read()))

    def test_what_does_not_verify_by_dns_is_put_back(self):
        """The trial's signature is looked at, not only the record before it: here
        the key becomes another one between the two."""
        self.ready()
        with self.delayed("flock", 3) as run:
            harness.usual_key(os.path.join(
                self.daemon.dir, "keys/example.org/m202911r2.pem"))
        self.assertEqual(run.returncode, 1, run.said)
        self.assertIn("its trial signature does not verify", run.said)
        self.assertEqual(self.rows(), [("rsa", "active", "m202911r"),
                                       ("rsa", "staged", "m202911r2")])

    def test_a_daemon_with_other_settings_is_no_proof(self):
        self.ready()
        # Mail of the domain is signed for another one by now.
        self.daemon.configure(
            out=("selector = auto", "signature = dkim(d=else.example.org)"),
            rest="[rotate]\n[dns]\nnameserver = %s\n" %
            self.resolver.address())
        with open(self.daemon.config, encoding="ascii") as f:
            other = f.read()
        self.daemon.configure(
            out=("selector = auto",), rest="[rotate]\n[dns]\nnameserver = %s\n" %
            self.resolver.address())
        mine = self.daemon.config
        path = os.path.join(self.daemon.dir, "other.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(other)
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.config = path
        self.start()
        self.daemon.config = mine
        said = self.one("activate", status=1, environment=self.hurried())
        self.assertIn("the file is what it was before", said["text"])
        self.assertEqual(self.rows(), [("rsa", "active", "m202911r"),
                                       ("rsa", "staged", "m202911r2")])

    def test_it_can_be_reverted_while_the_record_stands(self):
        self.ready()
        self.one("activate")
        self.signed_by("m202911r2")
        self.one("revert")
        self.assertTrue(self.verifies(self.signed_by("m202911r")))
        self.assertEqual(self.rows(), [("rsa", "active", "m202911r"),
                                       ("rsa", "retired", "m202911r2")])
        self.publish({"name": "m202911r2._domainkey.example.org"}, "delete")
        self.world.later(HOUR)
        self.assertIn("does not stand any more",
                      self.one("revert", status=1)["text"])

    def test_a_key_that_signs_already_is_adopted(self):
        self.begin()
        folder = os.path.join(self.daemon.dir, "keys", "example.org")
        key = os.path.join(folder, "old.pem")
        harness.make_key(key)
        self.one("adopt", "-s", "old", status=1)
        self.publish({"name": "old._domainkey.example.org",
                      "value": harness.key_record(key)})
        self.world.later(HOUR)
        self.one("adopt", "-s", "old")
        self.assertEqual(self.rows(), [("rsa", "active", "old")])
        self.assertTrue(self.verifies(self.signed_by("old")))
        self.assertEqual(self.one("adopt", "-s", "old")["outcome"], "nothing")
        # Without a date it is as old as its file, of which the clock is the
        # machine's: years ago by ours.
        path = os.path.join(folder, "selectors")
        with open(path, "w", encoding="ascii") as f:
            f.write("rsa active old\n")
        self.world.at(time.time() + 179 * DAY)
        self.rotate("auto", domain=())
        self.assertEqual(self.rows(), [("rsa", "active", "old")])
        self.world.later(2 * DAY)
        self.rotate("auto", domain=(), status=1)
        self.assertEqual([row[1] for row in self.rows()],
                         ["active", "staged"])

    def test_what_a_person_edits_meanwhile_counts(self):
        text = self.ready()
        path = os.path.join(self.daemon.dir, "keys/example.org/selectors")
        # It has read the file, and asks the DNS.
        with self.delayed("connect", 1) as run:
            with open(path + ".mine", "w", encoding="ascii") as f:
                os.chmod(path + ".mine", 0o600)
                f.write("# mine\n" + text.replace("staged ", "retired"))
            os.rename(path + ".mine", path)
        self.assertIn(run.returncode, (0, 75), run.said)
        self.assertEqual(self.rows(), [("rsa", "active", "m202911r"),
                                       ("rsa", "retired", "m202911r2")])
        self.assertTrue(self.file().startswith("# mine\n"))
        self.assertTrue(self.verifies(self.signed_by("m202911r")))


class Servers(Case):
    """What name servers do, and what a key waits for then."""

    def test_a_wildcard_is_no_record_of_any_name(self):
        self.begin('*.example.org. 86400 TXT "v=spf1 -all"')
        made = self.one("prepare")
        self.assertEqual(made["selector"], "m202911r")
        self.publish(made["publish"])
        self.world.later(HOUR)
        # what the wildcard gave a minute before may be kept for a day
        self.one("activate", status=75)
        self.world.later(DAY - 600)
        self.one("activate", status=75)
        self.world.later(600)
        self.one("activate")

    def test_a_name_that_has_something_is_taken(self):
        self.begin("m202911r._domainkey TXT x",
                   "m202911r2._domainkey CNAME elsewhere.example.org.")
        self.assertEqual(self.one("prepare")["selector"], "m202911r3")
        self.one("prepare", "-s", "m202911r", status=0)  # is staged already
        self.rotate("retire", "-s", "m202911r3", status=75)
        self.world.later(HOUR + 600)
        self.rotate("retire")
        self.assertEqual(os.listdir(os.path.join(
            self.daemon.dir, "keys/example.org")), [])
        self.assertIn("the name is taken", self.one(
            "prepare", "-s", "m202911r", status=1)["text"])

    def test_a_name_is_taken_by_any_record_and_by_a_key_file(self):
        self.begin("m202911r._domainkey SRV 0 0 1 ns1",
                   "below.m202911r2._domainkey TXT x",
                   "m202911r3._domainkey CAA 0 issue x")
        folder = os.path.join(self.daemon.dir, "keys", "example.org")
        harness.make_key(os.path.join(folder, "m202911r4.pem"))
        self.assertEqual(self.one("prepare")["selector"], "m202911r5")
        self.rotate("retire", "-s", "m202911r5", status=75)
        text = self.one("prepare", "-s", "m202911r3", status=1)["text"]
        self.assertIn("the name is taken: ns1.example.org (127.0.0.2) has "
                      "something else than TXT at m202911r3._domainkey."
                      "example.org", text)
        text = self.one("prepare", "-s", "m202911r4", status=1)["text"]
        self.assertIn("the name is taken: its key is there", text)

    def test_a_wildcard_of_another_type_takes_no_name(self):
        self.begin("*.example.org. MX 10 ns1")
        self.assertEqual(self.one("prepare")["selector"], "m202911r")

    def test_a_name_that_is_a_zone_of_its_own_can_have_a_key(self):
        zone = "a._domainkey.example.org"
        self.world = world.World(self, START)
        servers = self.world.serve(FIRST, {
            zone: "@ 300 SOA ns1.ns.test. root.ns.test. 1 9 9 99999 900\n"
                  "@ 300 NS ns1.ns.test.\n",
            "ns.test": world.zone_text("ns.test", (FIRST,))})
        self.resolver = self.world.resolve({
            zone: (FIRST,), "ns.test": (FIRST,)})
        self.serve(("example.org",), "name = a, b", (), 10)
        made = self.one("prepare")
        self.assertEqual(made["selector"], "a")
        servers.update(zone, ("add", zone + ".", "TXT",
                              made["publish"]["value"]))
        self.one("activate", status=75)
        self.world.later(HOUR + 600)
        self.one("activate")

    def waits_for_two_hours(self, *options):
        """A key that is staged; something else was met there that may be kept
        for two hours, and gives way to its record now."""
        self.one("activate", status=75)
        waiting = self.one("activate", status=75)
        self.assertIn("there may be something else in a cache",
                      waiting["text"])
        until = calendar.timegm(time.strptime(waiting["until"],
                                              "%Y-%m-%dT%H:%M:%SZ"))
        self.assertLess(abs(until - self.world.now - 2 * HOUR), 600)
        self.world.later(2 * HOUR - 900)
        self.assertEqual(self.one("activate", status=75)["until"],
                         waiting["until"])
        self.world.later(1500)
        self.one("activate")

    def test_an_old_record_counts_for_as_long_as_it_may_be_kept(self):
        self.begin()
        made = self.one("prepare")["publish"]
        self.primary.update(self.zone, (
            "add", made["name"] + ".", "TXT", "v=DKIM1; p=", 7200))
        self.secondary.catch_up(self.zone, self.primary)
        self.assertIn("has something else at",
                      self.one("activate", status=75)["text"])
        self.publish(made, "delete")
        self.publish(made)
        self.waits_for_two_hours()

    def test_an_alias_counts_for_as_long_as_it_may_be_kept(self):
        self.begin("a._domainkey 7200 CNAME a.keys.example.org.",
                   rotate="name = a, b")
        made = self.one("prepare")["publish"]
        self.assertEqual(made["name"], "a.keys.example.org")
        self.assertIn("does not have a.keys.example.org",
                      self.one("activate", status=75)["text"])
        self.publish(made)
        self.waits_for_two_hours()

    def test_a_server_of_a_family_without_a_route_is_left_out(self):
        self.begin("@ NS ns6", "ns6 AAAA 2001:db8::6")
        self.publish(self.one("prepare")["publish"])
        self.one("activate", status=75)
        self.world.later(HOUR + 600)
        self.one("activate")

    def test_one_of_its_addresses_is_enough(self):
        # Of five, in whatever order, one at which a server has the zone; at
        # one is a server that has not, at two is nobody, to one is no way.
        self.begin(*("%s %s" % (name, address) for name in ("ns1", "ns2")
                     for address in ("A 127.0.0.4", "A 127.0.0.67",
                                     "A 127.0.0.68", "AAAA 2001:db8::6")))
        self.world.serve("127.0.0.4", {
            "else.test": world.zone_text("else.test", ("127.0.0.4",))})
        self.publish(self.one("prepare")["publish"], everywhere=False)
        self.assertIn("ns2.example.org", self.one(
            "activate", status=75)["text"])
        self.secondary.catch_up(self.zone, self.primary)
        self.one("activate", status=75)
        self.world.later(HOUR + 600)
        self.one("activate")

    def resolve_by(self, port, rotate=""):
        """For the tool, from now on."""
        self.daemon.configure(
            out=("selector = auto",),
            rest="[rotate]\n%s\n[dns]\nnameserver = 127.0.0.1:%d\n" % (
                rotate, port))

    def test_a_split_horizon_has_a_resolver_of_its_own(self):
        """[dns] is the inside, where nobody knows the zone."""
        self.begin()
        inside = self.world.resolve({})
        self.resolve_by(inside.port)
        self.publish(self.one("prepare")["publish"])
        self.one("activate", status=75)
        self.world.later(HOUR + 600)
        self.one("activate", status=75)
        self.assertEqual(self.one("status")["record"], "missing")
        self.resolve_by(inside.port,
                        "resolver = 127.0.0.1:%d" % self.resolver.port)
        self.one("activate", status=75)
        self.world.later(HOUR + 600)
        self.one("activate")
        self.assertTrue(self.verifies(self.signed_by("m202911r")))
        self.assertEqual(self.one("status")["record"], "visible")

    def test_what_the_checking_resolver_finds_bogus_waits(self):
        self.begin()
        checking = Checking(self.resolver.port)
        self.addCleanup(checking.close)
        self.resolve_by(checking.port)
        made = self.one("prepare")["publish"]
        self.publish(made)
        self.one("activate", status=75)
        self.world.later(HOUR + 600)
        checking.bogus = made["name"]
        waiting = self.one("activate", status=75)
        self.assertEqual(waiting["outcome"], "waiting")
        self.assertIn("all name servers have the record, but the resolver "
                      "gives no answer (with DNSSEC: it may be bogus)",
                      waiting["text"])
        self.assertEqual(self.one("status")["record"], "unknown")
        checking.bogus = None
        self.one("activate")

    def test_one_that_lies_keeps_it_waiting_and_is_named(self):
        self.begin()
        made = self.one("prepare")["publish"]
        self.publish(made)
        self.secondary.stop()
        liar = self.world.serve(SECOND, {self.zone: world.zone_text(
            self.zone, (FIRST, SECOND),
            "m202911r._domainkey 2147483647 TXT \"v=DKIM1; p=\"")})
        for _ in range(3):
            self.world.later(8 * DAY)
            text = self.one("activate", status=75)["text"]
            self.assertIn("ns2.example.org (127.0.0.3) has something else",
                          text)
        liar.stop()
        self.secondary.start()
        self.secondary.catch_up(self.zone, self.primary)
        self.one("activate", status=75)
        # nobody keeps anything for 68 years
        self.world.later(7 * DAY + 600)
        self.one("activate")

    def test_one_that_is_silent_is_told_of_after_a_day_and_can_be_left_out(
            self):
        self.begin()
        made = self.one("prepare")["publish"]
        self.publish(made)
        self.rotate("auto", domain=())
        self.secondary.stop()
        self.world.later(2 * HOUR)
        text = self.one("activate", status=75)["text"]
        self.assertIn("ns2.example.org (127.0.0.3) gives no answer", text)
        self.rotate("auto", domain=())
        self.world.later(DAY)
        told = [r for r in self.rotate("auto", domain=(), status=1)
                if r["outcome"] == "person"]
        self.assertIn("for more than a day", told[0]["text"])
        self.rotate("auto", domain=())
        self.assertEqual(self.rows(), [("rsa", "staged", "m202911r")])
        self.one("activate", "--without", "ns2.example.org")

    def test_what_does_not_fit_is_asked_for_by_tcp(self):
        cutting = Truncating("127.0.0.4", FIRST)
        self.addCleanup(cutting.close)
        self.begin("@ NS ns4", "ns4 A 127.0.0.4")
        made = self.one("prepare")["publish"]
        self.assertGreater(cutting.asked["tcp"], 0)
        self.publish(made)
        self.one("activate", status=75)
        self.world.later(HOUR + 600)
        self.one("activate")

    def test_a_clock_that_is_set_back_lets_nothing_sign_early(self):
        self.begin()
        made = self.one("prepare")["publish"]
        self.publish(made)
        self.one("activate", status=75)
        self.world.later(-30 * DAY)
        self.resolver.restart()  # that keeps what it has for a month
        self.one("activate", status=75)
        self.world.later(HOUR)
        self.one("activate", status=75)
        self.world.later(7 * DAY)
        self.one("activate")

    def test_several_domains_each_have_their_own_errors(self):
        names = ["a.example.org", "b.example.org", "c.example.org"]
        self.begin(domains=names)
        made = {r["domain"]: r["publish"]
                for r in self.rotate("prepare", domain=names)}
        for name in names:
            self.publish(made[name])
        self.rotate("activate", domain=names, status=75)
        path = os.path.join(self.daemon.dir, "keys/b.example.org/selectors")
        with open(path, "a", encoding="ascii") as f:
            f.write("rsa aktive x\n")
        self.world.later(HOUR + 600)
        said = self.rotate("activate", domain=names, status=78)
        self.assertEqual([(r["domain"], r["outcome"]) for r in said],
                         [("b.example.org", "wrong"), ("a.example.org", "done"),
                          ("c.example.org", "done")])
        self.assertIn("selectors:3: ", said[0]["text"])


class Delegated(Case):
    """Customers have aliases at two fixed names, in a zone of their own, and
    have nothing to do with it from then on."""

    zone = "keys.provider.test"

    def begin_delegated(self):
        aliases = ["%s._domainkey 3600 CNAME %s.customer.%s." % (
            name, name, self.zone) for name in ("a", "b")]
        self.world = world.World(self, START)
        self.primary = self.world.serve(FIRST, {
            self.zone: world.zone_text(self.zone, (FIRST, SECOND))})
        self.secondary = self.world.follow(SECOND, {self.zone: FIRST})
        self.world.serve("127.0.0.4", {"customer.test": world.zone_text(
            "customer.test", ("127.0.0.4",), *aliases)})
        self.resolver = self.world.resolve({
            self.zone: (FIRST, SECOND), "customer.test": ("127.0.0.4",)})
        self.serve(("customer.test",), "name = a, b", (), 10)

    def test_two_names_in_turn_for_years(self):
        self.begin_delegated()
        at = {"domain": ("customer.test",)}
        for turn in range(5):
            made = self.one("prepare", **at)
            self.assertEqual(made["selector"], "ab"[turn % 2])
            self.assertEqual(
                made["publish"]["name"],
                "%s.customer.keys.provider.test" % made["selector"])
            text = self.one("activate", status=75, **at)["text"]
            self.assertIn("ns1.keys.provider.test (127.0.0.2) does not have "
                          "%s.customer.keys.provider.test" % made["selector"],
                          text)
            self.publish(made["publish"])
            self.one("activate", status=75, **at)
            self.world.later(HOUR + 600)
            self.one("activate", **at)
            mail = self.signed_by(made["selector"], domain="customer.test")
            self.assertTrue(self.verifies(mail))
            if turn > 0:
                # the names are both taken still
                self.assertEqual(self.one("prepare", status=75, **at)[
                    "outcome"], "waiting")
                self.world.later(8 * DAY)
                self.rotate("retire", status=1, **at)
                self.publish(former, "delete")
                self.one("retire", status=75, **at)
                self.world.later(HOUR + 600)
                self.one("retire", **at)
            former = made["publish"]
            self.world.later(180 * DAY)


class Killed(Case):
    """A run of `auto' that is ended in the middle, at each call that leaves a
    trace or waits; and one whose disk is full there."""

    CALLS = ("mkdir", "fsync", "rename", "renameat", "unlink", "unlinkat",
             "connect", "flock")
    FULL = {"mkdir": 1, "fsync": 4, "rename": 1, "renameat": 2, "write": 3}

    def auto(self, call=None, number=1, how=None):
        """Its exit status; with a call, at the call of that number this
        happens."""
        strace = [] if call is None else [
            "strace", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e",
            "inject=%s:%s:when=%d" % (call, how, number), "-E",
            "LD_PRELOAD=" + world.FAKETIME]
        done = subprocess.run(
            [*strace, harness.binary(), "rotate", "auto", "-c",
             self.daemon.config],
            env=self.world.environment() | (
                {"LD_PRELOAD": ""} if strace else {}),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=400, check=False)
        self.said = done.stdout
        return done.returncode

    def folder(self):
        return os.path.join(self.daemon.dir, "keys", "example.org")

    def files(self):
        if not os.path.exists(self.folder()):
            return {}
        found = {}
        for name in os.listdir(self.folder()):
            with open(os.path.join(self.folder(), name), "rb") as f:
                found[name] = f.read()
        return found

    def put_back(self, files):
        """The folder as it was, while the daemon looks at it."""
        for name, text in files.items():
            path = os.path.join(self.folder(), name)
            with open(os.open(path + ".beside", os.O_WRONLY | os.O_CREAT,
                              0o600), "wb") as f:
                f.write(text)
            os.rename(path + ".beside", path)
        for name in set(self.files()) - set(files):
            os.remove(os.path.join(self.folder(), name))

    def check_mail(self):
        """Whatever happened: it is signed, by a key that can be seen."""
        if self.signs:
            mail = self.send()
            self.assertEqual(len(self.selectors(mail)), 1, self.file())
            self.assertTrue(self.verifies(mail), self.file())

    def at_each(self, call, how, ended, want):
        """From the same files on, a run that meets this at the first such call,
        at the second, until one comes to its end without; and behind each one
        that finds all well."""
        before, number = self.files(), 1
        while True:
            status = self.auto(call, number, how)
            self.check_mail()
            if status in ended:
                return
            self.met[call] = self.met.get(call, 0) + 1
            self.assertIn(self.auto(), (0, 1), self.said)
            self.assertEqual(self.rows(), want, (call, number, self.said))
            self.assertEqual(
                set(self.files()),
                {row[2] + ".pem" for row in want} | {"selectors"})
            self.check_mail()
            number += 1
            self.assertLess(number, 200)
            self.put_back(before)

    def step(self, *want):
        want = [("rsa", *row.split()) for row in want]
        for call in self.CALLS:
            before = self.files()
            self.at_each(call, "signal=KILL", (0, 1), want)
            self.put_back(before)
        self.assertIn(self.auto(), (0, 1))
        self.assertEqual(self.rows(), want)

    def live(self, step):
        self.signs, self.met = False, {}
        self.begin()
        step("staged m202911r")
        made = self.one("prepare")["publish"]
        self.publish(made)
        self.auto()
        self.world.later(HOUR + 600)
        step("active m202911r")
        self.signed_by("m202911r")
        self.signs = True
        self.world.later(181 * DAY)
        step("active m202911r", "staged m203005r")
        self.publish(self.one("prepare", status=0)["publish"])
        self.auto()
        self.world.later(HOUR + 600)
        step("retired m202911r", "active m203005r")
        self.signed_by("m203005r")
        self.world.later(7 * DAY + 600)
        self.auto()
        self.publish({"name": made["name"]}, "delete")
        self.auto()
        self.world.later(HOUR + 600)
        step("active m203005r")

    def test_at_every_step_of_a_life(self):
        self.live(self.step)
        # It has been ended everywhere where it leaves something.
        self.assertEqual(set(self.met), set(self.CALLS))

    def full(self, *want):
        """Runs of which each finds the disk full a step later; then one that
        does not."""
        want = [("rsa", *row.split()) for row in want]
        before = self.files()
        for call, numbers in self.FULL.items():
            for number in range(1, numbers + 1):
                self.auto(call, number, "error=ENOSPC")
                self.check_mail()
                self.assertIn(self.auto(), (0, 1), self.said)
                self.assertEqual(self.rows(), want, (call, number, self.said))
                self.assertEqual(
                    set(self.files()),
                    {row[2] + ".pem" for row in want} | {"selectors"})
                self.put_back(before)
        self.assertIn(self.auto(), (0, 1))

    def test_with_a_full_disk_nothing_is_lost(self):
        self.live(self.full)


class Years(Case):
    """Three years of fifty domains, with a person who publishes what auto tells,
    a secondary that follows hours later or is down, runs that are ended or come
    in twos, and a daemon that is restarted. Of all mail none is unsigned and none
    fails, at once or five days later."""

    DOMAINS = ["d%02d.example.org" % n for n in range(50)]
    LATE = 5 * DAY
    AT_ONCE = 10
    REMEMBERED = 5 * HOUR  # that there is no such record

    def run_auto(self):
        """And before anything of it is published, somebody asks for it."""
        said = self.said_by(self.popen())
        self.states()
        self.do_what_is_told(said)

    def auto(self):
        """What a person has to do is done on the primary."""
        self.do_what_is_told(self.said_by(self.popen()))

    def said_by(self, run):
        said = json.loads(run.communicate(timeout=400)[0] or "[]")
        self.assertIn(run.returncode, (0, 1), said)
        return said

    def do_what_is_told(self, said):
        changes = []
        for row in said:
            if row["outcome"] == "person" and "publish" in row:
                changes.append(("add", row["publish"]["name"] + ".", "TXT",
                                row["publish"]["value"]))
            elif "remove" in row:
                changes.append(("delete", row["remove"]["name"] + ".", "TXT"))
        if changes:
            self.primary.update(self.zone, *changes)

    def popen(self, **options):
        return subprocess.Popen(
            [harness.binary(), "rotate", "auto", "-c", self.daemon.config,
             "--json"], env=self.world.environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **options)

    def states(self):
        """Of all keys of all domains; and who is active."""
        self.active, states = {}, set()
        for domain in self.DOMAINS:
            for _, state, name in self.rows(domain):
                states.add(state)
                if state == "staged" and (domain, name) not in self.asked:
                    self.asked.add((domain, name))
                    self.asked_early(domain, name)
                if state == "active":
                    self.active[domain] = name
        return states

    def check(self, domain):
        mail = self.signed_by(self.active[domain], domain=domain)
        self.assertTrue(self.verifies(mail), (domain, self.file(domain)))
        self.late.append((self.world.now + self.LATE, domain, mail))

    def check_late(self):
        while self.late and self.late[0][0] <= self.world.now:
            _, domain, mail = self.late.pop(0)
            self.assertTrue(self.verifies(mail), (
                domain, self.selectors(mail), self.file(domain)))
            self.checked += 1

    def fault(self, chance):
        """One of what may happen to a run, now and then."""
        what = chance.randrange(12)
        if what == 0:
            run = self.popen(stderr=subprocess.DEVNULL)
            time.sleep(chance.random() * 0.3)
            run.kill()
            run.communicate()
        elif what == 1:
            other = self.popen(stderr=subprocess.DEVNULL)
            self.auto()
            other.communicate(timeout=400)
        elif what == 2:
            self.secondary.stop()
            self.auto()
            self.secondary.start()
        elif what == 3:
            self.assertEqual(self.daemon.stop(), 0)
            self.auto()
            self.start()

    def test_of_all_messages_none_is_unsigned_and_none_fails(self):
        chance = random.Random(20261130)
        self.begin(domains=self.DOMAINS, minimum=self.REMEMBERED, remembers=1,
                   out=("signature = dkim(a=ed25519-sha256)",))
        self.meet_strangers()
        self.late, self.checked, turn, follows = [], 0, 0, 0
        self.asked = set()
        self.run_auto()
        while self.world.now < START + 3 * 365 * DAY:
            states = self.states()
            self.world.later(3 * HOUR if "staged" in states else
                             12 * HOUR if "retired" in states else 10 * DAY)
            self.fault(chance)
            before = dict(self.active)
            self.run_auto()
            if self.world.now >= follows:
                self.secondary.catch_up(self.zone, self.primary)
                follows = self.world.now + chance.randrange(10) * HOUR
            self.states()
            changed = [d for d in self.active if
                       self.active[d] != before.get(d)]
            for domain in changed + [
                    self.DOMAINS[(turn + n) % 50] for n in range(self.AT_ONCE)
                    if self.DOMAINS[(turn + n) % 50] in self.active]:
                self.check(domain)
            turn += self.AT_ONCE
            self.check_late()
        self.assertEqual(self.daemon.lines("unsigned=|no signature"), [])
        self.assertEqual(len(self.active), 50)
        self.assertGreater(self.checked, 1500)
        # Each had six keys and has one or two; nothing lies about.
        for domain in self.DOMAINS:
            self.assertEqual(
                len(os.listdir(os.path.join(self.daemon.dir, "keys", domain))),
                1 + len(self.rows(domain)))
        self.assertTrue(self.active["d00.example.org"].startswith("m2032"),
                        self.active)


class Many(Case):
    """Ten thousand domains."""

    COUNT = 10000

    def test_a_run_takes_less_than_a_minute_of_the_processor(self):
        names = ["k%05d.example.org" % n for n in range(self.COUNT)]
        self.world = world.World(self, START)
        folder = self.world.clock.directory
        keys = os.path.join(folder, "keys")
        harness.make_key(os.path.join(folder, "key"), "ed25519")
        record = harness.key_record(os.path.join(folder, "key"), "ed25519")
        with open(os.path.join(folder, "selectors"), "w",
                  encoding="ascii") as f:
            f.write("ed25519 active s since=2029-11-01T00:00:00Z\n")
        for name in names:
            os.makedirs(os.path.join(keys, name))
            for to, of in ("s.pem", "key"), ("selectors", "selectors"):
                os.link(os.path.join(folder, of),
                        os.path.join(keys, name, to))
        self.resolver = self.world.resolve({}, *(
            's._domainkey.%s. TXT "%s"' % (name, record)
            for name in names[:-1]))
        config = self.world.clock.write("signpost.conf", """[out]
listen = 127.0.0.1:1
relay = 127.0.0.1:2
user = nobody
domain = *
selector = auto
signature = dkim(a=ed25519-sha256)
keyfile = %s/$domain/$selector.pem
[rotate]
[dns]
nameserver = %s
""" % (keys, self.resolver.address()))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [harness.binary(), "rotate", "auto", "-c", config, "--json"],
            env=self.world.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, timeout=900, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = after.ru_utime + after.ru_stime - (
            before.ru_utime + before.ru_stime)
        self.assertEqual(done.returncode, 1, done.stdout)
        # The one whose record is missing is the only one that is named.
        self.assertEqual([row["domain"] for row in json.loads(done.stdout)],
                         names[-1:])
        self.assertLess(took, 60)


if __name__ == "__main__":
    machine.alone(__file__, "192.0.2.25", FIRST, SECOND, "127.0.0.4")
    harness.main()
