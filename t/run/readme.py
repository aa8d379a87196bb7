#!/usr/bin/python3
"""README's "Signed mail in ten minutes" and "Checked mail in ten minutes", word
for word, on a machine that has nothing but what Debian installs: what their lines
say is done, and what they promise is looked for.

Runs in namespaces of its own (t/lib/machine.py).
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
example.org TXT v=spf1 ip4:192.0.2.9 ip4:192.0.2.1 -all
_dmarc.example.org TXT v=DMARC1; p=reject; rua=mailto:dmarc@example.org
%s TXT %s
mail.example.org A 192.0.2.9
9.2.0.192.in-addr.arpa PTR mail.example.org
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
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=400,
            check=False, env=os.environ | {"PATH": "/usr/sbin:/usr/bin:/bin"})
        # These end with 1 while something is to do, as a record to publish.
        if not line.startswith(("signpost check", "signpost setup")):
            self.assertEqual(done.returncode, 0, line + "\n" + done.stdout)
        return done.stdout

    def write(self, sender, recipient, subject):
        """Somebody elsewhere does."""
        with smtplib.SMTP(HERE, 25, timeout=400, local_hostname="there.test",
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

    def publish(self, said):
        """The record that setup has printed, as a line of a zone."""
        zone = said.split("as lines of a zone:")[1].split("The same")[0]
        name, value = re.search(
            r"(\S+\._domainkey\.example\.org)\.\s+IN TXT\s+(.*)", zone,
            re.S).groups()
        type(self).server = Nsd(
            RECORDS % (name, "".join(re.findall(r'"([^"]*)"', value))), port=53)
        self.server.start()

    def test_signed_and_checked_mail(self):
        pathlib.Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
        text = section("Signed mail in ten minutes")
        self.assertIn("cmake --install build", step(text, 1))
        [line] = commands(step(text, 2))
        self.publish(self.do(line))
        [line] = commands(step(text, 4))[:1]
        self.assertTrue(line.startswith("signpost check"), line)
        self.assertNotIn("FAIL", self.do(line))
        self.do("printf 'From: ann@example.org\\nTo: ann@example.org\\n"
                "Subject: mine\\n\\nHello.\\n' | "
                "sendmail -t -f ann@example.org")
        self.assertIn("d=example.org", self.arrival("mine")["DKIM-Signature"])

        text = section("Checked mail in ten minutes")
        [line] = commands(step(text, 1))
        self.do(line)
        self.judged(self.do("signpost check"))
        self.more(text)

    def judged(self, said):
        # Nothing of [in] is missing.
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
        table = text[text.index("Four things more are off"):]
        for name, lines in (
                ("page", ["listen = 127.0.0.1:9127", "database ="]),
                ("reports", []), ("reflector", ["address = check-auth@"]),
                ("new keys", [])):
            self.assertIn("\n\t%s\t" % name, table)
            conf = CONF.read_text()
            for line in lines:
                self.assertEqual(conf.count("\n#" + line), 1, line)
                conf = conf.replace("\n#" + line, "\n" + line)
            CONF.write_text(conf)
        self.do("signpost serve -t")
        self.do("/etc/init.d/signpost reload")
        wait_until("the page", self.page)
        self.write("ann@example.org", "check-auth@example.org", "is it right")
        wait_until("an answer", lambda: [
            m for m in arrived() if "SPF check: pass" in str(m)])
        self.write("eve@elsewhere.test", "ann@example.org", "second")
        self.arrival("second")
        self.assertIn("example.org", self.do("signpost results"))
        self.assertIn("example.org", self.page())
        self.assertNotIn("FAIL", self.do("signpost check"))

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
