#!/usr/bin/python3
"""From OpenDKIM and DKIMproxy to signpost, played through.

Alike: two hundred messages are signed by the old program under each
configuration of migrate_cases.py, and by signpost under what `signpost migrate`
made of it. Whether a message is signed, d=, s= and i= are the same, and each
signature of ours verifies (dkimpy, Mail::DKIM). OpenDKIM is Debian's, asked as a
milter. DKIMproxy is no package: SIGNPOST_DKIMPROXY names a folder with its
source, where that can be had; without it dkimproxy.pl, which is Mail::DKIM with
the choice that DKIMproxy's manual describes, stands for it.

Moves: steps, run on a machine with the Postfix that Debian installs while mail
comes; each message is signed once.

Keys: what steps does with keys that we refuse where they are, and why it says so;
and where its files go.

Runs in namespaces of its own (t/lib/machine.py); nothing of it remains.
"""
import contextlib
import email
import os
import pathlib
import re
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import dkim

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lib"))
import machine  # noqa: E402
import migrate_cases as cases  # noqa: E402
from harness import Relay, wait_until  # noqa: E402
from milter import Milter  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BUILD = os.environ["SIGNPOST_BUILD"]
THEIRS = os.environ.get("SIGNPOST_DKIMPROXY")
SIGNPOST = "/usr/sbin/signpost"
KEYS = pathlib.Path("/etc/opendkim/keys")
EXAMPLES = pathlib.Path("/usr/share/doc/opendkim/examples")
NAMES = "K1", "K2", "K3", "K4"
WAIT = 120.0


def run(*words, check=True, wait=120, text=None):
    done = subprocess.run(words, stdout=subprocess.PIPE, input=text,
                          stderr=subprocess.STDOUT, text=True, timeout=wait,
                          check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}")
    return done


def listens(port):
    with contextlib.suppress(OSError), contextlib.closing(
            socket.create_connection(("127.0.0.1", port), 5)):
        return True
    return False


def in_one_line(pem):
    return "".join(re.search(r"-----\n([^-]*)", pem)[1].split())


class Machine(unittest.TestCase):
    """What all of them need: signpost installed, four keys, a Postfix."""

    @classmethod
    def setUpClass(cls):
        run("cmake", "--install", BUILD, "--prefix", "/usr")
        # As Debian has it: the keys are the old program's.
        run("install", "-d", "-m", "755", "/etc/opendkim", "/etc/dkimproxy")
        run("install", "-d", "-m", "700", "-o", "opendkim", "-g", "opendkim",
            "/run/opendkim", str(KEYS))
        cls.public, cls.private = {}, {}
        for number, name in enumerate(NAMES, 1):
            path = KEYS / f"{name}.private"
            run("openssl", "genrsa", "-out", str(path), "2048")
            run("chown", "opendkim:opendkim", str(path))
            path.chmod(0o600)
            cls.private[name] = path.read_text()
            cls.public[f"s{number}"] = in_one_line(
                run("openssl", "rsa", "-in", str(path), "-pubout").stdout)
        # One that fits into a line of a table: 1023 bytes for OpenDKIM.
        small = run("openssl", "genrsa", "-traditional", "1024").stdout
        cls.der = in_one_line(small)
        cls.public["s5"] = in_one_line(run(
            "openssl", "rsa", "-pubout", text=small).stdout)
        cls.public["my-selector-name"] = cls.public["s1"]
        run("postconf", "-e", "mydestination=example.org, localhost",
            "myhostname=mail.example.org", "inet_interfaces=127.0.0.1",
            "inet_protocols=ipv4", "maillog_file=/var/log/mail.log",
            "queue_run_delay=2s", "minimal_backoff_time=1s",
            "maximal_backoff_time=2s")
        # What `signpost check` asks is answered at once: there is nobody.
        pathlib.Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
        cls.bare = [(path, path.read_text()) for path in (
            pathlib.Path("/etc/postfix/main.cf"),
            pathlib.Path("/etc/postfix/master.cf"))]

    def setUp(self):
        for path, text in self.bare:
            path.write_text(text)
        shutil.rmtree("/etc/signpost", ignore_errors=True)

    def fill(self, text):
        for name in NAMES:
            text = text.replace("{%s}" % name, str(KEYS / f"{name}.private"))
            text = text.replace("{=%s}" % name, self.private[name])
        return text.replace("{B5}", self.der)

    def write(self, case, path):
        for name, text in [(path, case.conf), *case.files.items()]:
            file = pathlib.Path(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.fill(text))
            if "private" in name:
                run("chown", "opendkim" if "\nUserID" in case.conf else "root",
                    name)
                file.chmod(0o600)

    def migrate(self, program, case, *files):
        """What it wrote, by name; the folder goes with the test."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        done = run(SIGNPOST, "migrate", program, *files, "-o", folder,
                   check=False)
        texts = {path.name: path.read_text()
                 for path in pathlib.Path(folder).iterdir()}
        self.assertEqual(done.returncode, case.status,
                         done.stdout + texts.get("report", ""))
        for named in case.named:
            self.assertRegex(texts["report"], named)
        return folder, texts

    def begin(self, folder):
        """The steps, up to where Postfix comes in; then the daemon may serve."""
        steps = pathlib.Path(folder, "steps")
        text = re.split(r"(?m)^say 'signpost (?:serves|takes)",
                        steps.read_text())[0]
        text = text.replace("$(cd \"$(dirname \"$0\")\" && pwd)", folder)
        self.assertIn("signpost serve -t", text)
        run("sh", "-e", "-c", text)

    def record(self, name, timeout=5):
        """The key of any domain, by its selector."""
        selector = name.decode().split("._domainkey.")[0]
        return f"v=DKIM1; k=rsa; p={self.public[selector]}".encode()

    def check(self, message, signatures):
        for number in range(len(signatures)):
            self.assertTrue(
                dkim.DKIM(message).verify(idx=number, dnsfunc=self.record),
                message)


def signed(message):
    """(d, s, i) of each DKIM signature, in any order."""
    found = []
    for field in email.message_from_bytes(message).get_all(
            "DKIM-Signature", []):
        tags = dict(tag.split("=", 1) for tag in
                    re.sub(r"\s", "", field).rstrip(";").split(";"))
        local, _, domain = tags.get("i", "-").rpartition("@")
        found.append((tags["d"].lower(), tags["s"],
                      f"{local}@{domain.lower()}" if domain != "-" else "-"))
    return sorted(found)


def author_of(message):
    return email.utils.parseaddr(
        email.message_from_bytes(message)["From"])[1].lower()


class Alike(Machine):
    """The same signatures, configuration by configuration."""

    MESSAGES = cases.messages()
    assert len(MESSAGES) == 200
    assert len(cases.OPENDKIM + cases.DKIMPROXY) > 15

    def hand_in(self):
        """The messages as signpost sends them on, by SMTP."""
        relay = Relay(port=10028)
        try:
            wait_until("signpost listens", lambda: listens(10027))
            with smtplib.SMTP("127.0.0.1", 10027, timeout=WAIT) as smtp:
                for message in self.MESSAGES:
                    smtp.sendmail("ann@example.org", ["bob@example.net"],
                                  message)
            return [m.data for m in relay.messages]
        finally:
            relay.close()

    def ours(self, folder):
        """What signpost makes of the messages by what was migrated."""
        self.begin(folder)
        if "\n[out]\n" not in pathlib.Path(folder, "signpost.conf").read_text():
            return None
        daemon = subprocess.Popen([SIGNPOST, "serve"])
        try:
            return self.hand_in()
        finally:
            daemon.terminate()
            daemon.wait(WAIT)

    def compare(self, case, theirs, ours):
        """What ours made, beside what theirs did."""
        told = 0
        for number, message in enumerate(self.MESSAGES):
            mine = [] if ours is None else signed(ours[number])
            if mine:
                self.check(ours[number], mine)
            if case.apart(author_of(message)):
                told += mine != theirs[number]
                continue
            self.assertEqual(mine, theirs[number],
                             f"{case.name}: {message.decode()}")
        return told


def put_on_top(fields, message):
    """With what a milter would put there."""
    return b"".join(name + b":" + re.sub(rb"\r?\n", b"\r\n", value) + b"\r\n"
                    for name, value in fields
                    if name == b"DKIM-Signature") + message


class OpenDkim(Alike):
    """Debian's opendkim, as a milter; and so is signpost then."""

    def ask(self, path):
        """The messages with what a milter there puts on them."""
        def connected():
            try:
                return Milter(path)
            except OSError:
                return None
        milter = wait_until("somebody listens", connected)
        made = [put_on_top(milter.message(message, "ann@example.org"), message)
                for message in self.MESSAGES]
        milter.close()
        return made

    def hand_in(self):
        return self.ask("/var/spool/postfix/signpost/out")

    def theirs(self, conf):
        daemon = subprocess.Popen(["opendkim", "-f", "-x", conf])
        path = "/run/opendkim/opendkim.sock"
        try:
            return [signed(message) for message in self.ask(path)]
        finally:
            daemon.kill()  # it takes seconds to end otherwise
            daemon.wait(WAIT)
            pathlib.Path(path).unlink(missing_ok=True)

    def test_the_same_signatures(self):
        conf = "/etc/opendkim.conf"
        sample = cases.sample((EXAMPLES / "opendkim.conf.sample").read_text())
        for case in [*cases.OPENDKIM, sample]:
            with self.subTest(case.name):
                self.setUp()
                run("postconf", "-e",
                    "smtpd_milters=unix:/run/opendkim/opendkim.sock",
                    "non_smtpd_milters=$smtpd_milters")
                self.write(case, conf)
                theirs = self.theirs(conf)
                self.assertTrue(
                    any(theirs) or "Mode\t\tv\n" in case.conf, case.name)
                folder, _ = self.migrate("opendkim", case, conf)
                self.compare(case, theirs, self.ours(folder))

    def test_what_debian_ships_verifies_alone(self):
        """Its configuration as it is installed names no domain: nothing is
        signed, by the one or by the other."""
        for name in "/etc/opendkim.conf.shipped", str(
                EXAMPLES / "opendkim.conf.simple-verify"):
            if name.endswith("shipped"):
                pathlib.Path(name).write_text(self.fill(cases.DEBIAN))
            here = pathlib.Path("/etc/opendkim.conf")
            here.write_text(re.sub(r"(?m)^Socket\s.*", f"Socket {cases.SOCKET}",
                                   pathlib.Path(name).read_text()))
            self.assertFalse(any(self.theirs(str(here))), name)
            _, texts = self.migrate(
                "opendkim", cases.Case(name, "", status=1), name)
            self.assertNotIn("[out]", texts["signpost.conf"])
            self.assertIn("check = dkim\n", texts["signpost.conf"])
            self.assertIn("no milter of Postfix's is its Socket",
                          texts["report"])


class DkimProxy(Alike):
    """DKIMproxy, or Mail::DKIM as it used it."""

    def by_mail_dkim(self, conf):
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        paths = []
        for number, message in enumerate(self.MESSAGES):
            paths.append(folder / f"{number:03}")
            paths[-1].write_bytes(message)
        said = run("perl", str(HERE / "dkimproxy.pl"), conf,
                   *map(str, paths)).stdout.splitlines()
        self.assertEqual(len(said), len(paths))
        return [[one.split() for one in line.split(", ") if one]
                for line in said]

    def by_itself(self, conf):
        """Run from its source, where that is there."""
        relay = Relay(port=10028)
        daemon = subprocess.Popen(
            ["perl", f"-I{THEIRS}/lib", f"{THEIRS}/scripts/dkimproxy.out",
             f"--conf_file={conf}"], stderr=subprocess.DEVNULL,
            start_new_session=True)
        try:
            wait_until("dkimproxy listens", lambda: listens(10027))
            with smtplib.SMTP("127.0.0.1", 10027, timeout=WAIT) as smtp:
                for message in self.MESSAGES:
                    smtp.sendmail("ann@example.org", ["bob@example.net"],
                                  message)
            return [m.data for m in relay.messages]
        finally:
            os.killpg(daemon.pid, 15)
            daemon.wait(WAIT)
            relay.close()

    def is_itself(self, case, chosen, real):
        """Does what stands for DKIMproxy choose as it does?"""
        for mine, message in zip(chosen, real):
            if not case.apart(author_of(message)):
                self.assertEqual(
                    (signed(message), domainkeys(message)),
                    (with_dkim(mine), with_domainkeys(mine)), message)

    def check_domainkeys(self, message):
        """By Mail::DKIM, which says a line of each signature."""
        made = domainkeys(message)
        if not made:
            return
        records = [b"%s._domainkey.%s=" % (s.encode(), d.encode())
                   + self.record(f"{s}._domainkey.".encode())
                   for d, s in made]
        said = subprocess.run(
            ["perl", str(HERE / "verify.pl"), *records], input=message,
            stdout=subprocess.PIPE, timeout=WAIT, check=True).stdout.decode()
        self.assertEqual(
            sorted(re.findall(r"(?m)^domainkeys pass (\S+) (\S+) ", said)),
            made, said)

    def test_the_same_signatures(self):
        conf = "/etc/dkimproxy_out.conf"
        run("postconf", "-Me", "dksign/unix=dksign unix - - n - 10 smtp")
        for case in cases.DKIMPROXY:
            with self.subTest(case.name):
                self.setUp()
                run("postconf", "-e",
                    "content_filter=dksign:[127.0.0.1]:10027")
                self.write(case, conf)
                run("chmod", "755", str(KEYS))
                chosen = self.by_mail_dkim(conf)
                theirs = [with_dkim(m) for m in chosen]
                if THEIRS:
                    self.is_itself(case, chosen, self.by_itself(conf))
                self.assertTrue(any(theirs))
                folder, _ = self.migrate("dkimproxy", case, conf)
                ours = self.ours(folder)
                self.compare(case, theirs, ours)
                for message in ours:
                    self.check_domainkeys(message)
                self.assertEqual([domainkeys(m) for m in ours],
                                 [with_domainkeys(m) for m in chosen])


def domainkeys(message):
    found = []
    for field in email.message_from_bytes(message).get_all(
            "DomainKey-Signature", []):
        tags = dict(tag.split("=", 1) for tag in
                    re.sub(r"\s", "", field).rstrip(";").split(";"))
        found.append((tags["d"].lower(), tags["s"]))
    return sorted(found)


def with_dkim(chosen):
    return sorted((one[1], one[2], one[3].lower()) for one in chosen
                  if one[0] == "dkim")


def with_domainkeys(chosen):
    return sorted((one[1], one[2]) for one in chosen if one[0] == "domainkeys")


class Keys(Machine):
    """Each is found in a way that we refuse."""
    OLD = {"opendkim": ("/etc/opendkim.conf", """
Domain example.org
Selector s1
KeyFile %s
UserID opendkim
Socket inet:8891@localhost
"""), "dkimproxy": ("/etc/dkimproxy_out.conf", cases.PORTS + """
domain example.org
selector s1
keyfile %s
user opendkim
""")}

    def setUp(self):
        super().setUp()
        run("postconf", "-e", "smtpd_milters=inet:127.0.0.1:8891",
            "content_filter=dksign:[127.0.0.1]:10027")
        run("postconf", "-Me", "dksign/unix=dksign unix - - n - 10 smtp")
        if run("getent", "passwd", "signpost", check=False).returncode:
            run("useradd", "--system", "--user-group", "signpost")

    def old(self, program, key):
        conf, text = self.OLD[program]
        pathlib.Path(conf).write_text(text % key)
        return conf

    def key(self, folder, owner="root:root", mode=0o600):
        path = pathlib.Path(folder, "theirs.pem")
        path.write_text(self.private["K1"])
        run("chown", owner, str(path))
        path.chmod(mode)
        self.addCleanup(path.unlink, missing_ok=True)
        return path

    @staticmethod
    def whose(path):
        return path.owner(), path.group(), path.stat().st_mode & 0o7777

    def test_mended_where_they_are(self):
        """The old program reads them by its group then, and ours as root."""
        for program in self.OLD:
            for owner, mode, reason in (
                    ("root:root", 0o644, "has mode 0644, which lets "),
                    ("root:signpost", 0o640, "has mode 0640, which lets group ")):
                with self.subTest(program=program, mode=mode):
                    key = self.key("/etc/dkimproxy", owner, mode)
                    folder, texts = self.migrate(
                        program, cases.Case("", ""), self.old(program, key))
                    self.assertRegex(
                        texts["steps"], r"(?m)^# key file %s %s.*\n"
                        r"chown root:opendkim %s\nchmod 640 %s$" % (
                            key, reason, key, key))
                    self.begin(folder)
                    self.assertEqual(self.whose(key),
                                     ("root", "opendkim", 0o640))

    def test_copied_from_where_the_service_sees_nothing(self):
        # DKIMproxy's may be of any domain.
        for program, copy in (("opendkim", "example.org/s1.pem"),
                              ("dkimproxy", "theirs/theirs.pem")):
            with self.subTest(program=program):
                home = tempfile.mkdtemp(dir="/home")
                self.addCleanup(shutil.rmtree, home)
                key = self.key(home)
                folder, texts = self.migrate(
                    program, cases.Case("", ""), self.old(program, key))
                copy = pathlib.Path("/etc/signpost/keys", copy)
                self.assertRegex(
                    texts["steps"], r"(?m)^# the service sees no home "
                    r"directories and no /tmp\n.*\n"
                    r"install -m 600 -o root -g root %s %s$" % (key, copy))
                self.begin(folder)
                for path in key, copy:
                    self.assertEqual(self.whose(path), ("root", "root", 0o600))
                    self.assertEqual(path.read_text(), self.private["K1"])
                shutil.rmtree("/etc/signpost")

    def test_where_its_files_go(self):
        conf = self.old("opendkim", self.key("/etc/dkimproxy"))
        folder, texts = self.migrate("opendkim", cases.Case("", ""), conf)
        # Without a folder, one behind the other.
        said = run(SIGNPOST, "migrate", "opendkim", conf).stdout
        parts = re.split(r"(?m)^==> (\S+) <==\n", said)
        self.assertEqual(parts[0], "")
        self.assertEqual({name: text[:-1] for name, text in zip(
            parts[1::2], parts[2::2])}, texts)
        # Nothing is written over that is there.
        for name in texts:
            pathlib.Path(folder, name).write_text("mine\n")
        done = run(SIGNPOST, "migrate", "opendkim", conf, "-o", folder,
                   check=False)
        self.assertEqual(done.returncode, 73, done.stdout)
        self.assertIn(f"{folder}/signpost.conf: exists, and is not "
                      "overwritten", done.stdout)
        for name in texts:
            self.assertEqual(pathlib.Path(folder, name).read_text(), "mine\n")


class Moves(Machine):
    """Steps, while mail comes: each message is signed once."""

    SUBMISSION = ("submission/inet=submission inet n - y - - smtpd"
                  " -o syslog_name=postfix/submission"
                  " -o smtpd_relay_restrictions=permit_mynetworks,reject")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run("useradd", "-m", "ann")
        if run("getent", "passwd", "signpost", check=False).returncode:
            run("useradd", "--system", "--user-group", "signpost")
        run("newaliases")

    def setUp(self):
        super().setUp()
        # The links of Debian's package, by which nothing starts.
        run("update-rc.d", "signpost", "remove")
        run("update-rc.d", "signpost", "defaults-disabled")
        run("postconf", "-Me", self.SUBMISSION)
        self.box = pathlib.Path("/var/mail/ann")
        self.box.unlink(missing_ok=True)
        self.addCleanup(run, "postfix", "stop", check=False)
        self.addCleanup(run, "/etc/init.d/signpost", "stop", check=False)

    def arrived(self):
        if not self.box.exists():
            return []
        text = self.box.read_bytes()
        return [email.message_from_bytes(m) for m in
                re.split(rb"(?m)^From [^\n]*\n", text)[1:]]

    def by(self, message_id):
        return [m for m in self.arrived() if m["Message-ID"] == message_id]

    def send(self, number, way, address="127.0.0.1"):
        """As a good client does: again, until it is taken."""
        text = (f"From: ann@example.org\nTo: ann@example.org\n"
                f"Message-ID: <{number}@client.example.org>\n"
                f"Subject: by {way}\nDate: Mon, 30 Nov 2026 10:00:00 +0000\n"
                "\nHello.\n")
        end = time.monotonic() + WAIT
        while True:
            try:
                if way == "sendmail":
                    run("sendmail", "-t", "-f", "ann@example.org", text=text)
                    return
                with smtplib.SMTP("127.0.0.1", way, timeout=WAIT,
                                  source_address=(address, 0)) as smtp:
                    smtp.sendmail("ann@example.org", ["ann@example.org"],
                                  text)
                return
            except (OSError, smtplib.SMTPException):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def flow(self, stop, sent):
        while not stop.is_set():
            number = len(sent)
            self.send(number, (25, 587, "sendmail")[number % 3])
            sent.append(f"<{number}@client.example.org>")
            time.sleep(0.02)

    def steps(self, folder, **more):
        done = subprocess.run(
            ["sh", f"{folder}/steps"], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            timeout=400, check=False, env={**os.environ, **more})
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def under_way(self, move):
        """Mail comes before, during and after it; what has come of each."""
        stop, sent = threading.Event(), []
        sender = threading.Thread(target=self.flow, args=(stop, sent))
        sender.start()
        try:
            wait_until("some mail was sent", lambda: len(sent) > 9)
            move()
            before = len(sent)
            wait_until("some more was", lambda: len(sent) > before + 9)
        finally:
            stop.set()
            sender.join()
        wait_until("all of it arrives", lambda: len(
            {m["Message-ID"] for m in self.arrived()}) >= len(sent), WAIT)
        found = {}
        for message in self.arrived():
            self.assertEqual(len(message.get_all("DKIM-Signature", [])), 1,
                             message.as_string())
            found[message["Message-ID"]] = message["DKIM-Signature"]
        return [found[number] for number in sent]

    def opendkim(self):
        """Its file, and the lines of Postfix's that ask it."""
        pathlib.Path("/etc/opendkim.conf").write_text(self.fill(
            cases.DEBIAN.replace(cases.SOCKET, "inet:8891@localhost") + """
Domain example.org
Selector s1
KeyFile {K1}
MinimumKeyBits 1024
"""))
        run("postconf", "-e", "smtpd_milters=inet:127.0.0.1:8891",
            "non_smtpd_milters=$smtpd_milters",
            "milter_default_action=tempfail",
            # A process a client: each reads main.cf anew, as on a busy host
            # some do at any moment.
            "max_use=1")

    def starts_with_the_machine(self):
        return bool(list(pathlib.Path("/etc/rc2.d").glob("S*signpost")))

    def test_postfix_stays_as_it_is_where_signpost_does_not_start(self):
        self.opendkim()
        folder, _ = self.migrate(
            "opendkim", cases.Case("", ""), "/etc/opendkim.conf")
        script = pathlib.Path("/etc/init.d/signpost")
        text = script.read_text()
        self.addCleanup(script.write_text, text)
        script.write_text("#!/bin/sh\nexit 1\n" + text)
        before = [path.read_text() for path, _ in self.bare]
        done = run("sh", f"{folder}/steps", check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("steps: signpost does not start; nothing of Postfix was "
                      "changed\n", done.stdout)
        self.assertEqual([path.read_text() for path, _ in self.bare], before)
        self.assertFalse(self.starts_with_the_machine())

    def test_from_opendkim(self):
        self.opendkim()
        old = subprocess.Popen(["opendkim", "-f", "-x", "/etc/opendkim.conf"])
        self.addCleanup(old.wait, WAIT)
        self.addCleanup(old.kill)
        wait_until("opendkim listens", lambda: listens(8891))
        run("postfix", "start")
        folder, texts = self.migrate(
            "opendkim", cases.Case("", ""), "/etc/opendkim.conf")
        before = run("postconf", "-M").stdout
        # The folder of the keys is the old program's: they are copied.
        self.assertRegex(texts["steps"], r"(?m)^# .*directory .*belongs to "
                         r"user \d+.*\n.*\ninstall -m 600 -o root -g root "
                         r"/etc/opendkim/keys/K1\.private "
                         r"/etc/signpost/keys/example\.org/s1\.pem$")
        signatures = self.under_way(lambda: self.steps(folder))
        self.assertTrue(all("s=s1" in s for s in signatures), signatures)
        self.assertTrue(self.starts_with_the_machine())
        # A milter stays a milter, and nothing else of Postfix's is changed.
        self.assertNotIn("8891", run("postconf", "-nx").stdout)
        for line in ("smtpd_milters = unix:signpost/in, unix:signpost/out",
                     "non_smtpd_milters = unix:signpost/out"):
            self.assertIn("\n" + line + "\n", run("postconf", "-n").stdout)
        self.assertEqual(
            run("postconf", "-M").stdout, before.replace(
                "permit_mynetworks,reject\n", "permit_mynetworks,reject "
                "-o smtpd_milters=unix:signpost/out\n"))
        old.kill()
        self.send("late", 25)
        self.send("submitted late", 587)
        self.send("local late", "sendmail")
        for number in "late", "submitted late", "local late":
            wait_until("mail without OpenDKIM", lambda n=number: self.by(
                f"<{n}@client.example.org>"))
        self.send("stranger", 25, "127.0.0.2")
        wait_until("a stranger's mail", lambda: self.by(
            "<stranger@client.example.org>"))
        [message] = self.by("<stranger@client.example.org>")
        self.assertIsNone(message["DKIM-Signature"])
        self.assertIn("dkim=none", message["Authentication-Results"])
        for message in self.arrived():
            if message["DKIM-Signature"] is not None:
                self.assertTrue(dkim.verify(
                    message.as_bytes().replace(b"\n", b"\r\n"),
                    dnsfunc=self.record), message.as_string())
        # And once more from the beginning.
        self.steps(folder)

    def old_proxy(self, selector):
        """What stands for DKIMproxy at its address, signing by a selector of
        its own: a signpost of other settings, with an init script of that
        name. What counts here is who is asked, and when."""
        pathlib.Path("/etc/old.conf").write_text(self.fill(
            "[signpost]\npidfile = /run/dkimproxy.pid\n"
            "[out]\nlisten = 127.0.0.1:10027\nrelay = 127.0.0.1:10028\n"
            f"domain = example.org\nselector = {selector}\n"
            "keyfile = /etc/old.pem\nspool_dir = /var/spool/old\n"))
        pathlib.Path("/etc/old.pem").write_text(self.private["K1"])
        os.chmod("/etc/old.pem", 0o600)
        run("install", "-d", "-o", "signpost", "-m", "700", "/var/spool/old")
        script = pathlib.Path("/etc/init.d/dkimproxy")
        script.write_text(
            "#!/bin/sh\ncase $1 in\n"
            f"start) {SIGNPOST} serve -D -c /etc/old.conf;;\n"
            "stop) kill \"$(cat /run/dkimproxy.pid)\" || exit 1\n"
            "  while [ -e /run/dkimproxy.pid ]; do sleep 0.1; done;;\n"
            "esac\n")
        script.chmod(0o755)
        run(str(script), "start")
        self.addCleanup(run, str(script), "stop", check=False)

    DKSIGN = ("dksign/unix=dksign unix - - n - 10 smtp"
              " -o smtp_send_xforward_command=yes"
              " -o smtp_discard_ehlo_keywords=8bitmime,starttls")
    BACK = ("127.0.0.1:10028/inet=127.0.0.1:10028 inet n - n - 10 smtpd"
            " -o content_filter="
            " -o receive_override_options=no_unknown_recipient_checks,"
            "no_header_body_checks -o smtpd_helo_restrictions="
            " -o smtpd_client_restrictions= -o smtpd_sender_restrictions="
            " -o smtpd_recipient_restrictions=permit_mynetworks,reject"
            " -o mynetworks=127.0.0.0/8"
            " -o smtpd_authorized_xforward_hosts=127.0.0.0/8")

    def dkimproxy(self):
        """DKIMproxy's lines, as its web site has them, and its files."""
        pathlib.Path("/etc/dkimproxy/key.pem").write_text(self.private["K2"])
        run("chown", "opendkim:opendkim", "/etc/dkimproxy/key.pem")
        os.chmod("/etc/dkimproxy/key.pem", 0o600)
        pathlib.Path("/etc/dkimproxy_out.conf").write_text(
            cases.PORTS + "domain example.org\nselector s2\n"
            "keyfile /etc/dkimproxy/key.pem\nuser opendkim\n"
            "pidfile /run/dkimproxy.pid\n")
        self.old_proxy("s1")
        run("postconf", "-Me", self.DKSIGN, self.BACK)
        for service in "smtp/inet", "submission/inet", "pickup/unix":
            run("postconf", "-Pe",
                f"{service}/content_filter=dksign:[127.0.0.1]:10027")

    def test_from_dkimproxy(self):
        self.dkimproxy()
        run("postfix", "start")
        folder, texts = self.migrate(
            "dkimproxy", cases.Case("", ""), "/etc/dkimproxy_out.conf")
        self.assertIn(
            "# key file /etc/dkimproxy/key.pem (mode 0600) belongs to user",
            texts["steps"])
        self.assertIn("\nchown root:opendkim /etc/dkimproxy/key.pem\n"
                      "chmod 640 /etc/dkimproxy/key.pem\n", texts["steps"])
        self.assertIn("keyfile = /etc/dkimproxy/key.pem\n",
                      texts["signpost.conf"])
        signatures = self.under_way(lambda: self.steps(folder))
        self.assertIn("s=s1", signatures[0])
        self.assertIn("s=s2", signatures[-1])
        self.assertNotIn("dksign", run("postconf", "-M").stdout)
        self.assertEqual(os.stat("/etc/dkimproxy/key.pem").st_uid, 0)
        self.assertTrue(self.starts_with_the_machine())

    def test_mail_that_names_the_old_transport_finds_it_until_it_is_gone(self):
        self.dkimproxy()
        run("postconf", "-MX", "127.0.0.1:10028/inet")
        run("postfix", "start")
        for number in range(20):
            self.send(number, 587)
        wait_until("twenty wait", lambda: run(
            "postqueue", "-j").stdout.count('"queue_id"') == 20)
        run("postconf", "-Me", self.BACK)
        folder, texts = self.migrate(
            "dkimproxy", cases.Case("", ""), "/etc/dkimproxy_out.conf")
        # Something keeps them: the old transport stays, and it is said.
        broken = texts["steps"].replace(
            "smtpd_client_restrictions=permit_mynetworks,reject",
            "smtpd_client_restrictions=defer", 1)
        self.assertNotEqual(broken, texts["steps"])
        pathlib.Path(folder, "steps").write_text(broken)
        done = run("env", "WAIT=1", "sh", f"{folder}/steps", check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("20 messages wait still", done.stdout)
        self.assertIn("dksign", run("postconf", "-M").stdout)
        pathlib.Path(folder, "steps").write_text(texts["steps"])
        self.steps(folder)
        self.assertNotIn("dksign", run("postconf", "-M").stdout)
        wait_until("twenty arrive", lambda: len(self.arrived()) == 20)
        for message in self.arrived():
            self.assertEqual(len(message.get_all("DKIM-Signature", [])), 1)


if __name__ == "__main__":
    machine.enter(__file__)
    unittest.main()
