#!/usr/bin/python3
"""README's "Checked mail in ten minutes", word for word, on a machine that has
nothing but what Debian installs: what its lines say is done, and what it
promises is looked for.

Runs in namespaces of its own (t/lib/machine.py). There is no systemd in them:
README's own lines for such machines take the place of systemctl.
"""
import os
import pathlib
import re
import smtplib
import subprocess
import sys
import unittest
import urllib.request

import harness
import setup
from setup import arrived, run, wait_until

import machine
from nameserver import Nsd

TOP = pathlib.Path(__file__).resolve().parents[2]
README = (TOP / "README").read_text()
CONF = setup.CONF
HERE, ELSEWHERE = "192.0.2.9", "192.0.2.1"
RECORDS = """\
example.org TXT v=spf1 ip4:192.0.2.1 -all
_dmarc.example.org TXT v=DMARC1; p=reject; rua=mailto:dmarc@example.org
mail2026._domainkey.example.org TXT %s
mail.example.org A 192.0.2.9
"""


def section(title):
    """Its text, up to the next heading."""
    text = README.split("\n%s\n---" % title, 1)[1]
    return re.split(r"\n\n\n", text, maxsplit=1)[0] + "\n"


def commands(text):
    """What stands by itself, a tab in: each with the lines that go on."""
    found = []
    for block in re.findall(r"(?:^\t\S.*\n(?:\t.*\n)*)", text, re.M):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            found.append(line.strip())
    return found


def step(text, number):
    return re.split(r"^%d\. " % (number + 1), re.split(
        r"^%d\. " % number, text, flags=re.M)[1], flags=re.M)[0]


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        run("cmake", "--install", setup.BUILD, "--prefix", "/usr")
        run("useradd", "-m", "ann")
        for user in "signpost", "signpost-in":
            run("userdel", user, check=False)
        for address in HERE, ELSEWHERE:
            run("ip", "addr", "add", address + "/32", "dev", "lo")
        # What Debian asks when Postfix is installed; and a log without syslog.
        run("postconf", "-e", "mydestination=example.org, localhost",
            "myhostname=mail.example.org", "inet_interfaces=all",
            "inet_protocols=ipv4", "maillog_file=/var/log/mail.log")
        pathlib.Path("/etc/aliases").write_text("check-auth: /dev/null\n")
        run("newaliases")
        run("postfix", "start")

    @classmethod
    def tearDownClass(cls):
        run("/etc/init.d/signpost", "stop", check=False)
        run("postfix", "stop")
        if hasattr(cls, "server"):
            cls.server.stop()

    def do(self, line):
        """A line of README, as root types it."""
        done = subprocess.run(
            ["bash", "-ec", line], stdout=subprocess.PIPE, text=True,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=120,
            check=False, env=os.environ | {"PATH": "/usr/sbin:/usr/bin:/bin"})
        if not line.startswith("signpost check"):
            self.assertEqual(done.returncode, 0, line + "\n" + done.stdout)
        return done.stdout

    def write(self, sender, recipient, subject):
        """Somebody elsewhere does."""
        with smtplib.SMTP(HERE, 25, timeout=30, local_hostname="there.test",
                          source_address=(ELSEWHERE, 0)) as smtp:
            smtp.sendmail(sender, [recipient], (
                "From: %s\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <%s@there."
                "test>\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\n"
                "Authentication-Results: mail.example.org; dkim=pass\r\n\r\n"
                "Hello.\r\n" % (sender, recipient, subject,
                                subject.replace(" ", ""))).encode())

    def arrival(self, subject):
        wait_until(subject, lambda: [
            m for m in arrived() if m["Subject"] == subject])
        return [m for m in arrived() if m["Subject"] == subject][0]

    def before(self):
        """The steps above it: users and directories, a key."""
        signed = section("Signed mail in ten minutes")
        plain = signed.split("Without systemd, the users", 1)[1]
        *makes, self.starts = commands(plain)
        for line in makes:
            self.do(line)
        self.do(commands(step(signed, 2))[0])
        key = next(pathlib.Path("/etc/signpost/keys").rglob("mail2026.pem"))
        type(self).server = Nsd(RECORDS % harness.key_record(str(key)),
                                port=53)
        self.server.start()
        pathlib.Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\n")

    def systemctl(self, line):
        if "systemctl enable" in line:
            self.do(self.starts)
        elif line.startswith("systemctl reload"):
            self.do("/etc/init.d/signpost reload")
            self.do(line.split("&&")[1])
        else:
            self.fail(line)

    def test_checked_mail(self):
        self.before()
        text = section("Checked mail in ten minutes")
        said = ""
        for number in (1, 2, 3):
            lines = commands(step(text, number))
            self.assertTrue(lines, number)
            for line in lines:
                if line.startswith("systemctl"):
                    self.systemctl(line)
                else:
                    said = self.do(line)
        self.assertTrue(line.startswith("signpost check"), line)
        self.judged(said)
        self.more(text)

    def judged(self, said):
        # Nothing of [in] is missing; of signing, Postfix's side is.
        for line in said.splitlines():
            if re.search(r"\b1002[56]\b|\[in\]|postfix in", line):
                self.assertRegex(line, "^ok ", said)
        self.assertRegex(said, r"(?m)^ok +postfix in: smtp: content_filter")
        self.write("ann@example.org", "ann@example.org", "first")
        message = self.arrival("first")
        [field] = message.get_all("Authentication-Results")
        self.assertRegex(field, r"^mail\.example\.org;")
        for result in "dkim=none", "spf=pass", "dmarc=pass":
            self.assertIn(result, field)

    def more(self, text):
        """What its last lines say: settings whose # is taken away."""
        table = text[text.index("Three things more"):]
        for name, lines in (
                ("page", ["listen = 127.0.0.1:9127", "database ="]),
                ("reports", []), ("reflector", ["address = check-auth@"])):
            self.assertIn("\n\t%s\t" % name, table)
            conf = CONF.read_text()
            for line in lines:
                self.assertEqual(conf.count("\n#" + line), 1, line)
                conf = conf.replace("\n#" + line, "\n" + line)
            CONF.write_text(conf)
        self.do("signpost serve -t")
        self.do("/etc/init.d/signpost reload")
        self.services_of_signing()
        wait_until("the page", self.page)
        self.write("ann@example.org", "check-auth@example.org", "is it right")
        wait_until("an answer", lambda: [
            m for m in arrived() if "SPF check: pass" in str(m)])
        self.write("eve@elsewhere.test", "ann@example.org", "second")
        self.arrival("second")
        self.assertIn("example.org", self.do("signpost results"))
        self.assertIn("example.org", self.page())
        self.assertNotIn("FAIL", self.do("signpost check"))

    def services_of_signing(self):
        """Where answers go: step 4 of what stands above."""
        sample = "/usr/share/doc/signpost/postfix/out-after-queue.cf"
        self.do("sed -n '/^signpost /,$p' %s >>/etc/postfix/master.cf" % sample)
        self.do("postfix reload")

    def page(self):
        try:
            with urllib.request.urlopen(
                    "http://127.0.0.1:9127/", timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            return None


if __name__ == "__main__":
    machine.enter(os.path.abspath(__file__))
    unittest.main(verbosity=2)
