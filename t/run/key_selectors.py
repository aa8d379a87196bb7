"""selector = auto: a file beside a domain's keys says which of them signs. It
changes by a rename, without a reload and under traffic: no message is unsigned
and none fails. A mistake in it stops no mail.
"""
import contextlib
import json
import os
import pwd
import re
import signal
import subprocess
import threading
import time
import urllib.request

import control
import harness
import nameserver
from harness import SAMPLE

# A change is known within so many seconds.
NOTICED = 60

BOTH = ("signature = dkim(c=relaxed/relaxed, a=rsa-sha256)",
        "signature = dkim(c=relaxed/relaxed, a=ed25519-sha256)",
        "signature = domainkeys(c=nofws)")


class Case(harness.Case):
    """A domain with keys of its own: a, b of RSA and e of Ed25519, of which
    the file names what a test says."""

    def begin(self, text, out=(), domain="example.org", signers=2, workers=2,
              more=(), **options):
        self.hop = self.relay()
        self.daemon = harness.Signpost(
            self.hop, out=("selector = auto", *out), domain=domain, keys=False,
            daemon=("workers = %d" % workers, "signers = %d" % signers, *more),
            **options)
        self.addCleanup(self.daemon.clean)
        self.addCleanup(self._stops_well, self.daemon)
        self.folder = os.path.join(self.daemon.dir, "keys", "example.org")
        self.records = {}
        for name, kind in (("a", "rsa"), ("b", "rsa"), ("e", "ed25519")):
            path = os.path.join(self.folder, name + ".pem")
            harness.make_key(path, kind)
            self.records[name + "._domainkey.example.org"] = \
                harness.key_record(path, kind)
        if text is not None:
            self.put(text)
        self.daemon.start()
        self.client = self.daemon.client()
        self.client.ehlo()

    def put(self, text, mode=0o600):
        """In place by a rename, as it is to be."""
        beside = os.path.join(self.folder, "beside")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT, mode), "w") as f:
            f.write(text)
        os.chmod(beside, mode)
        os.rename(beside, os.path.join(self.folder, "selectors"))

    def sent(self, message=SAMPLE, client=None):
        answer = (client or self.client).message(message)
        self.assertEqual(answer.code, 250, answer)
        return self.hop.messages[-1].data

    def selectors_of(self, data):
        """Of all signatures, in order."""
        header = data.split(b"\r\n\r\n")[0].replace(b"\r\n\t", b" ")
        return [found.decode() for found in re.findall(
            rb"(?m)^(?:DKIM|DomainKey)-Signature:.*?[; ]s=([^;]+);", header)]

    def wait_for(self, selectors):
        """Until all of its signers know."""
        begun = time.monotonic()
        harness.wait_until(
            "mail to be signed by %s" % selectors, lambda: all(
                self.selectors_of(self.sent()) == selectors
                for _ in range(4)), NOTICED)
        return time.monotonic() - begun

    def tool(self, *words, stdin=b"", want=0):
        done = subprocess.run(
            [harness.binary(), words[0], "-c", self.daemon.config, *words[1:]],
            input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=400, check=False)
        self.assertEqual(done.returncode, want, done.stderr.decode())
        return done.stdout.decode() + done.stderr.decode()


class Signs(Case):
    def test_each_kind_has_its_key(self):
        self.begin("rsa active a\ned25519 active e\nrsa staged b\n", BOTH)
        data = self.sent()
        self.assertEqual(self.selectors_of(data), ["a", "e", "a"])
        for index in (0, 1):
            self.assertTrue(harness.dkim_verifies(data, self.records, index))
        self.daemon.wait_log(
            r"signed=dkim:example\.org:a:rsa-sha256,"
            r"dkim:example\.org:e:ed25519-sha256,"
            r"domainkeys:example\.org:a:rsa-sha1 ")

    def test_an_active_key_that_is_not_there_is_trouble(self):
        self.begin("rsa active none\n")
        self.assertEqual(self.client.message(SAMPLE).code, 451)
        self.daemon.wait_log(r"no signature dkim:example\.org:auto: key file "
                             r"/\S+/none\.pem: No such file")

    def test_a_domain_without_a_file(self):
        self.begin(None)
        self.assertEqual(self.client.message(SAMPLE).code, 451)
        self.daemon.wait_log(
            r"no signature dkim:example\.org:auto: /\S+/example.org/selectors: "
            r"No such file")

    def test_any_domain_and_its_parents(self):
        self.begin("rsa active a\n", domain="*")
        data = self.sent(SAMPLE.replace(b"ann@example.org",
                                        b"ann@deep.in.example.org"))
        self.assertEqual(self.selectors_of(data), ["a"])
        self.assertTrue(harness.dkim_verifies(data, self.records))
        self.sent(SAMPLE.replace(b"ann@example.org", b"ann@example.net"))
        self.daemon.wait_log(r" unsigned=no-key ")

    def test_a_map_may_ask_for_it(self):
        self.begin("rsa active a\n", signers=1)
        with open(os.path.join(self.daemon.dir, "map"), "w") as f:
            f.write("ann@example.org dkim(s=auto)\n"
                    "example.org dkim(s=b)\n")
        self.daemon.selector = "b"
        self.daemon.configure(
            ("sender_map = %s/map" % self.daemon.dir,),
            ("workers = 1", "signers = 1"))
        self.daemon.process.send_signal(signal.SIGHUP)
        other = SAMPLE.replace(b"ann@", b"bob@")
        harness.wait_until("the map to count", lambda: self.selectors_of(
            self.sent(other, self.fresh())) == ["b"])
        data = self.sent(client=self.fresh())
        self.assertEqual(self.selectors_of(data), ["a"])

    def fresh(self):
        client = self.daemon.client()
        client.ehlo()
        return client


class Changes(Case):
    def test_a_new_key_signs_without_a_reload(self):
        self.begin("rsa active a\ned25519 active e\n", BOTH)
        self.assertEqual(self.selectors_of(self.sent()), ["a", "e", "a"])
        self.put("rsa retired a\nrsa active b\ned25519 active e\n")
        self.wait_for(["b", "e", "b"])
        self.assertEqual(self.daemon.lines("reload"), [])
        answer = self.asked()
        self.assertEqual({key["selector"] for key in answer["keys"]},
                         {"b", "e"})
        self.assertEqual(answer["failures"], [])

    def asked(self):
        return control.ask(os.path.join(self.daemon.dir, "control"),
                           b"key example.org")

    @contextlib.contextmanager
    def traffic(self, clients=4, pause=0.0):
        """None of their messages is unsigned or fails. `pause`, s, is behind
        each: for minutes of mail that need not take all of the machine."""
        over = threading.Event()
        failures = []

        def send(number):
            try:
                client = self.daemon.client()
                client.ehlo()
                while not over.is_set():
                    answer = client.message(
                        SAMPLE + b"%d\r\n" % number * (number * 2000 + 1))
                    if answer.code != 250:
                        failures.append(str(answer))
                        return
                    time.sleep(pause)
            except (AssertionError, OSError, harness.Gone) as e:
                failures.append(repr(e))

        senders = [threading.Thread(target=send, args=(n % 4,))
                   for n in range(clients)]
        for sender in senders:
            sender.start()
        try:
            yield
        finally:
            over.set()
            for sender in senders:
                sender.join(2 * harness.WAIT)
        self.assertEqual(self.daemon.lines("unsigned=|no signature|failed="),
                         [])
        self.assertEqual(failures, [])

    def test_no_message_is_unsigned_or_fails(self):
        """The file changes to and fro while four clients send; each message
        holds, whichever key signed it."""
        self.begin("rsa active a\ned25519 active e\n", BOTH[:2], hurry=2)
        with self.traffic(pause=0.02):
            for old, new in ("ab", "ba", "ab"):
                self.put("rsa retired %s\nrsa active %s\n"
                         "ed25519 active e\n" % (old, new))
                self.wait_for([new, "e"])
        used = set()
        messages = list(self.hop.messages)
        for message in messages:
            found = self.selectors_of(message.data)
            self.assertEqual(len(found), 2)
            used.add(found[0])
        self.assertEqual(used, {"a", "b"})
        # To check each of thousands takes long, and they are alike.
        step = max(1, len(messages) // 150)
        for message in messages[::step]:
            for index in (0, 1):
                self.assertTrue(harness.dkim_verifies(
                    message.data, self.records, index))

    def test_signers_that_see_it_at_different_times_put_nothing_off(self):
        """One has forgotten the key before when the other still signs with it:
        what the first one says of the new key sends the second to look."""
        # More questions than two signers have at a time: who has a place for
        # the next one is chance.
        self.begin("rsa active a\n", [
            "signature = dkim(c=%s/%s)" % (header, body)
            for header in ("relaxed", "simple")
            for body in ("relaxed", "simple")], workers=1, unlike="6 0.25")
        harness.wait_until("one of each kind", self.are_unlike, 120)
        self.wait_keys("a")
        with self.traffic(12):
            self.put("rsa retired a\nrsa active b\n")
            self.wait_keys("b")

    def test_a_change_between_the_first_looks_of_two_puts_nothing_off(self):
        """Each knows one key alone, and the first may not look again so soon."""
        self.begin("rsa active a\n", workers=1, unlike="0.25 0.25")
        self.assertEqual(self.selectors_of(self.sent()), ["a"])
        self.put("rsa retired a\nrsa active b\n")
        with self.traffic(12):
            self.wait_keys("b")

    def are_unlike(self):
        """Or one of them is killed: who comes in its place may be of the other
        kind."""
        state = control.ask(os.path.join(self.daemon.dir, "control"), b"state")
        pids = [w["pid"] for w in state["workers"]
                if (w["role"], w["state"]) == ("signer", "serving")]
        if len(pids) != 2:
            return False
        if sum(pids) % 2 == 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pids[0], signal.SIGKILL)
            return False
        return True

    def wait_keys(self, selector):
        harness.wait_until("both to have " + selector, lambda: {
            (key["selector"], key["signers"])
            for key in self.asked()["keys"]} == {(selector, 2)}, NOTICED)

    def test_the_same_file_by_another_name_is_another_key(self):
        self.begin("rsa active a\n", signers=1, hurry=5)
        os.unlink(os.path.join(self.folder, "b.pem"))
        os.link(os.path.join(self.folder, "a.pem"),
                os.path.join(self.folder, "b.pem"))
        self.assertEqual(self.selectors_of(self.sent()), ["a"])
        self.put("rsa active b\n")
        self.wait_for(["b"])


class Mistakes(Case):
    MISTAKE = "rsa retired a\nrsa active b\nrsa active c\n"

    def test_what_was_good_goes_on_and_one_line_says_so(self):
        self.begin("rsa active a\n", hurry=5)
        self.wait_for(["a"])
        self.put(self.MISTAKE)
        self.daemon.wait_log(
            r"/example\.org/selectors:3: of each kind one key alone is active, "
            r"and a line above has it: \"c\"; what it said before goes on",
            seconds=NOTICED)
        # All signers have asked again, and one that knows nothing too.
        path = os.path.join(self.daemon.dir, "control")
        state = control.ask(path, b"state")
        signer = [w for w in state["workers"] if w["role"] == "signer"][0]
        os.kill(signer["pid"], signal.SIGKILL)
        self.daemon.wait_log(r"killed by signal 9")
        harness.wait_until("a signer in its place", lambda: [
            w["state"] for w in control.ask(path, b"state")["workers"]
            if w["role"] == "signer"] == ["serving"] * 2)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            self.assertEqual(self.selectors_of(self.sent()), ["a"])
        self.assertEqual(
            len(self.daemon.lines("selectors:3: ")), 1, self.daemon.text())
        self.assertEqual(self.daemon.lines("unsigned=|no signature"), [])
        self.put(self.MISTAKE.replace("active c", "staged c"))
        self.wait_for(["b"])

    def test_what_others_may_write_is_a_mistake(self):
        self.begin("rsa active a\n", hurry=5)
        self.wait_for(["a"])
        self.put("rsa active b\n", 0o664)
        self.daemon.wait_log(r"has mode 0664, which lets others write to it: "
                             r"chmod go-w ", seconds=NOTICED)
        self.assertEqual(self.selectors_of(self.sent()), ["a"])
        os.chmod(os.path.join(self.folder, "selectors"), 0o644)
        self.wait_for(["b"])

    def test_a_test_and_a_reload_refuse_it(self):
        self.begin("rsa active a\n")
        self.wait_for(["a"])
        self.put(self.MISTAKE)
        said = self.tool("serve", "-t", want=78)
        self.assertIn("/example.org/selectors:3: of each kind", said)
        self.assertIn("selectors:3: of each kind", self.tool("reload", want=78))
        self.assertEqual(self.selectors_of(self.sent()), ["a"])


class BeforePublished(Case):
    def test_unsigned_is_the_default(self):
        self.begin("rsa staged a\ned25519 active e\n", BOTH[:1])
        self.assertEqual(self.sent(), SAMPLE)
        self.daemon.wait_log(r" unsigned=not-published ")
        self.put("rsa active a\ned25519 active e\n")
        self.wait_for(["a"])

    def test_other_signatures_are_made(self):
        self.begin("rsa staged a\ned25519 active e\n", BOTH[:2])
        data = self.sent()
        self.assertEqual(self.selectors_of(data), ["e"])
        self.assertTrue(harness.dkim_verifies(data, self.records))
        self.daemon.wait_log(
            r"left-out=dkim:example\.org:auto:not-published ")

    def test_sign(self):
        self.begin("rsa staged a\nrsa staged b\n", ("before_published = sign",))
        data = self.sent()
        self.assertEqual(self.selectors_of(data), ["a"])
        self.assertTrue(harness.dkim_verifies(data, self.records))

    def test_tempfail_whatever_on_error_says(self):
        self.begin("rsa staged a\n",
                   ("before_published = tempfail", "on_error = pass"))
        answer = self.client.message(SAMPLE)
        self.assertEqual(str(answer)[:9], "451 4.3.0")
        self.assertEqual(self.hop.messages, [])
        self.daemon.wait_log(
            r"no signature dkim:example\.org:auto: the key a of example\.org "
            r"is staged: its record is not published yet")


class Figures(Case):
    def test_what_the_world_sees_of_keys_is_shown(self):
        port = harness.free_port()
        self.begin("rsa active a\ned25519 staged e\n", BOTH[:2], hurry=5,
                   rest="[metrics]\nlisten = 127.0.0.1:%d\n"
                   "[results]\nuser = daemon\n" % port)
        self.wait_for(["a"])
        self.shows(port, 1, 0, 1)
        self.assertIn("\nkeys: 1 are staged", self.page(port, "/health"))
        self.put("rsa active a lost=2026-11-29T10:00:00Z\n"
                 "ed25519 active e\n")
        self.wait_for(["a", "e"])
        self.shows(port, 1, 1, 0)
        self.assertIn("\nkeys: 1 sign whose record is gone",
                      self.page(port, "/health"))
        self.assertIn("1 sign whose record is gone from the DNS",
                      self.page(port, "/"))
        said = self.tool("status")
        self.assertIn("keys           1 published, 1 whose record is gone or "
                      "wrong, 0 staged", said)
        self.put("rsa active b\ned25519 active e\n")
        self.wait_for(["b", "e"])
        self.shows(port, 2, 0, 0)
        self.assertIn("keys: 2 sign, and their records were there", self.page(port, "/health?verbose"))

    def page(self, port, path):
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path),
                                    timeout=harness.WAIT) as answer:
            return answer.read().decode()

    def shows(self, port, *counts):
        want = ["signpost_key_published{state=\"%s\"} %d" % pair for pair in
                zip(("published", "lost", "staged"), counts)]
        harness.wait_until("%s" % want, lambda: [
            line for line in self.page(port, "/metrics").splitlines()
            if line.startswith("signpost_key_published")] == want, NOTICED)
        state = control.ask(os.path.join(self.daemon.dir, "control"), b"state")
        self.assertEqual(state["keys"], dict(zip(
            ("published", "lost", "staged"), counts)))


class Tools(Case):
    FILE = "rsa active a\nrsa staged b\ned25519 active e\n"

    def test_sign_and_explain_use_what_the_file_names(self):
        self.begin(self.FILE, BOTH[:2])
        signed = self.tool("sign", stdin=SAMPLE).encode()
        signed = signed.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self.assertEqual(self.selectors_of(signed), ["a", "e"])
        said = self.tool("explain", stdin=SAMPLE)
        self.assertIn("d=example.org s=a a=rsa-sha256", said)
        self.assertIn("/keys/example.org/a.pem (rsa, 2048 bits)", said)
        self.assertIn("d=example.org s=e a=ed25519-sha256", said)
        # Without a daemon the file is all there is.
        self.assertEqual(self.daemon.stop(), 0)
        self.put("rsa staged a\n")
        said = self.tool("explain", stdin=SAMPLE, want=1)
        self.assertIn("is staged: its record is not published yet", said)
        self.put("rsa sleeping a\n")
        said = self.tool("sign", stdin=SAMPLE, want=78)
        self.assertIn("selectors:1: a key is staged, active or retired", said)

    def test_dns_prints_all_that_are_to_be_there(self):
        self.begin(self.FILE + "rsa retired c since=%s\n" % time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime()), BOTH[:2])
        os.link(os.path.join(self.folder, "a.pem"),
                os.path.join(self.folder, "c.pem"))
        said = self.tool("dns", "--for", "dkim")
        for name in "abec":
            self.assertIn("%s._domainkey.example.org" % name, said)

    def test_keygen_stages_what_it_makes(self):
        self.begin(self.FILE)
        said = self.tool("keygen", "-d", "example.org", "-d", "new.example",
                         "-s", "n", "-t", "both")
        self.assertIn("nr is staged", said)
        path = os.path.join(self.folder, "selectors")
        with open(path) as f:
            text = f.read()
        now = r"made=2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n"
        new = (r"rsa      staged   nr  " + now +
               r"ed25519  staged   ne  " + now)
        self.assertRegex(text, r"\A%s%s\Z" % (re.escape(self.FILE), new))
        with open(path.replace("example.org", "new.example")) as f:
            self.assertRegex(f.read(), r"\A# kept by .*\n%s\Z" % new)
        # Not the mail of this daemon is signed with them.
        self.wait_for(["a"])
        # A name that is taken is, and what a mistake is in stays as it is.
        self.put("rsa active a\nrsa staged m\ned25519 wrong x\n")
        said = self.tool("keygen", "-d", "example.org", "-s", "o", want=78)
        self.assertIn("selectors:3: a key is staged, active or retired", said)
        with open(path) as f:
            self.assertNotIn(" o", f.read())

    def signed_here(self, **options):
        """By `sign': which keys, and what it told of them."""
        done = subprocess.run(
            [harness.binary(), "sign", "-c", self.daemon.config,
             "--header-only"], input=SAMPLE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=400, check=False, **options)
        said = done.stderr.decode()
        self.assertEqual(done.returncode, 0, said)
        return self.selectors_of(done.stdout), said

    def test_a_file_that_the_daemon_refused_does_not_count(self):
        self.begin(self.FILE, BOTH[:2])
        self.wait_for(["a", "e"])
        self.assertEqual(self.signed_here(), (["a", "e"], ""))
        self.put(Mistakes.MISTAKE)
        selectors, said = self.signed_here()
        self.assertEqual(selectors, ["a", "e"])
        for name in "ae":
            self.assertRegex(said, r"the daemon signs for example\.org with "
                             r"%s; .*/example\.org/selectors:3: of each kind "
                             r"one key alone is active" % name)
        said = self.tool("explain", stdin=SAMPLE)
        self.assertIn("d=example.org s=a a=rsa-sha256", said)
        self.assertIn("/keys/example.org/a.pem (rsa, 2048 bits)", said)
        self.assertIn("the daemon signs for example.org with a; ", said)
        self.assertIn("result      signed", said)
        # What is to stand in the DNS is told, and what is wrong as well.
        said = self.tool("dns", "--for", "dkim", want=78)
        self.assertIn("a._domainkey.example.org", said)
        self.assertIn("e._domainkey.example.org", said)
        self.assertIn("/example.org/selectors:3: of each kind", said)
        self.assertRegex(said, "the daemon signs for example.org with a, and "
                         ".*/example.org/selectors does not say so")
        name = "%s._domainkey.example.org"
        found = self.checked(["%s TXT %s" % (name % "a",
                                             self.records[name % "a"])])
        self.assertEqual(self.found(found, "dkim", name % "a"),
                         [("ok", "published, and the public half of ours")])
        self.assertEqual(self.found(found, "dkim", name % "e")[0][0], "fail")
        self.assertIn("/example.org/selectors:3: of each kind", "".join(
            reason for _, _, result, reason, _ in found if result == "fail"))

    # The clock of a signer that sees no change within a test. It is alone:
    # another would read the file when it is first asked.
    SLOW = "0.02 0.02"
    NEXT = "rsa active b\nrsa staged a\n"

    def test_what_the_daemon_has_not_seen_yet_does_not_count(self):
        self.begin(self.FILE, BOTH[:1], signers=1, unlike=self.SLOW)
        self.wait_for(["a"])
        self.put(self.NEXT)
        selectors, said = self.signed_here()
        self.assertEqual(selectors, ["a"])
        self.assertIn("the daemon signs for example.org with a; %s/selectors "
                      "names b" % self.folder, said)
        dns = self.tool("dns", "--for", "dkim")
        self.assertIn("the daemon signs for example.org with a, and ", dns)
        self.assertIn("does not say so", dns)
        self.put(self.FILE)
        self.assertEqual(self.signed_here(), (["a"], ""))
        self.assertNotIn("daemon", self.tool("dns", "--for", "dkim"))

    def test_what_it_has_seen_is_no_difference(self):
        self.begin(self.FILE, BOTH[:1], unlike="20 20")
        self.wait_for(["a"])
        self.put(self.NEXT)
        self.wait_for(["b"])
        self.assertEqual(self.signed_here(), (["b"], ""))
        self.assertNotIn("daemon", self.tool("dns", "--for", "dkim"))
        self.assertEqual(self.found(self.checked(), "daemon",
                                    "b._domainkey.example.org"), [])

    def test_who_may_not_ask_goes_by_the_file(self):
        self.begin(self.FILE, BOTH[:1], more=("keys_user = lp",))
        self.wait_for(["a"])
        # Somebody who may read the settings and the keys, and may not ask.
        asker = pwd.getpwnam("lp").pw_uid
        os.chmod(self.daemon.dir, 0o711)
        for path, _, files in os.walk(os.path.join(self.daemon.dir, "keys")):
            os.chmod(path, 0o755)
            for name in files:
                os.chown(os.path.join(path, name), asker, -1)
        os.chmod(self.daemon.config, 0o644)
        self.put("rsa sleeping b\n", 0o644)
        self.assertEqual(self.signed_here()[0], ["a"])
        as_other = {"user": asker, "group": asker, "extra_groups": []}
        with self.assertRaisesRegex(AssertionError, "selectors:1: a key is"):
            self.signed_here(**as_other)
        self.put("rsa active b\n", 0o644)
        self.assertEqual(self.signed_here(**as_other), (["b"], ""))

    def test_another_daemon_is_not_asked(self):
        self.begin(self.FILE, BOTH[:1])
        self.wait_for(["a"])
        other = os.path.join(self.daemon.dir, "other.conf")
        with open(self.daemon.config) as f, open(other, "w") as to:
            to.write(f.read())
        self.put(Mistakes.MISTAKE)
        self.assertEqual(self.signed_here()[0], ["a"])
        self.daemon.config = other
        self.assertIn("selectors:3: ", self.tool(
            "sign", stdin=SAMPLE, want=78))

    def test_one_that_hangs_is_waited_for_and_told_of(self):
        self.begin(self.FILE, BOTH[:1])
        self.wait_for(["a"])
        self.put("rsa active b\n")
        self.wait_for(["b"])
        os.kill(self.daemon.process.pid, signal.SIGSTOP)
        try:
            selectors, said = self.signed_here()
        finally:
            os.kill(self.daemon.process.pid, signal.SIGCONT)
        self.assertEqual(selectors, ["b"])
        self.assertIn("the daemon does not say what it signs with, and the "
                      "files of selectors count: no answer within 5 s", said)

    def checked(self, records=(), **environment):
        with nameserver.Nsd("\n".join(records)) as server:
            done = subprocess.run(
                [harness.binary(), "check", "-c", self.daemon.config, "--json",
                 "-d", "example.org", "--nameserver",
                 "127.0.0.1:%d" % server.port],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=400,
                env=dict(os.environ, **environment), check=False)
        return [(f["what"], f["subject"], f["result"], f["reason"],
                 f.get("todo", "")) for f in json.loads(done.stdout)["checks"]]

    def found(self, findings, check, subject):
        return [(result, reason) for what, name, result, reason, _ in findings
                if (what, name) == (check, subject)]

    def test_check_knows_what_each_key_is(self):
        self.begin(self.FILE, BOTH[:1])
        name = "%s._domainkey.example.org"
        record = "%s TXT %s" % (name % "a", self.records[name % "a"])
        found = self.checked([record])
        self.assertEqual(self.found(found, "key", name % "b"),
                         [("ok", "rsa, 2048 bits, staged")])
        self.assertEqual(self.found(found, "dkim", name % "a"),
                         [("ok", "published, and the public half of ours")])
        self.assertEqual(
            self.found(found, "dkim", name % "b"),
            [("note", "the key is staged, and its record is not published "
              "yet")])
        # Of no signature's kind.
        self.assertEqual(self.found(found, "key", name % "e"), [])
        self.put(self.FILE.replace("active a", "staged a"))
        found = self.checked([record])
        self.assertEqual(
            self.found(found, "key", name % "a")[1:],
            [("warning", "the key is staged, and no key of rsa is active: mail "
              "has no such signature (before_published)")])

    def test_check_asks_the_daemon_what_it_signs_with(self):
        self.begin(self.FILE, BOTH[:1], signers=1, unlike=self.SLOW)
        name = "%s._domainkey.example.org"
        self.wait_for(["a"])
        self.assertEqual(
            self.found(self.checked(), "daemon", name % "a"), [])
        self.put(self.NEXT)
        self.assertEqual(
            self.found(self.checked(), "daemon", name % "b"),
            [("warning", "the daemon signs for example.org with another key "
              "than this one, which the file of selectors says signs")])

    def test_check_asks_for_no_record_of_a_key_that_no_file_names(self):
        self.begin(self.FILE, BOTH[:1])
        self.put("rsa sleeping a\n")
        found = self.checked()
        self.assertNotIn("auto._domainkey", json.dumps(found))
        [(result, reason)] = self.found(found, "key", "example.org")
        self.assertEqual(result, "fail")
        self.assertIn('selectors:1: a key is staged, active or retired, not '
                      '"sleeping"', reason)

    def test_check_knows_how_long_mail_may_be_under_way(self):
        self.begin(self.FILE, BOTH[:1])
        folder = os.path.join(self.daemon.dir, "bin")
        os.mkdir(folder)
        path = "%s:%s" % (folder, os.environ["PATH"])
        for lifetime, want in (("5d", []), ("6", []), ("144h", []), (
                "10d", [("fail", "a record is taken down 7 days after its key "
                         "signed for the last time, and mail may be in "
                         "Postfix's queue for 10 (maximal_queue_lifetime)")]),
                ("1w", [("fail", "a record is taken down 7 days after its key "
                         "signed for the last time, and mail may be in "
                         "Postfix's queue for 7 (maximal_queue_lifetime)")])):
            with open(os.path.join(folder, "postconf"), "w") as f:
                f.write("#!/bin/sh\ntest \"$1\" = -x && "
                        "echo maximal_queue_lifetime = %s\nexit 0\n" %
                        lifetime)
            os.chmod(f.name, 0o755)
            self.assertEqual(self.found(self.checked(PATH=path), "rotate",
                                        "retire_after"), want, lifetime)


if __name__ == "__main__":
    harness.main()
