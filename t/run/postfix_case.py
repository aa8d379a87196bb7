"""What the tests with a real Postfix share: the whole path on loopback.

    client -> Postfix's 587 -> signpost -> Postfix's 10028 -> the world

The world is a harness.Relay; Postfix is made of the samples in etc/postfix.
"""
import os
import re
import smtplib
import subprocess
import tempfile

import harness
import postfix

HERE = os.path.dirname(os.path.abspath(__file__))

BOTH = ("signature = dkim(c=relaxed/relaxed, a=rsa-sha256)",
        "signature = domainkeys(c=nofws)")


def mail_dkim(message, records):
    """What Mail::DKIM says: lines such as "dkim pass example.org s1 (pass)"."""
    run = subprocess.run(
        ["perl", os.path.join(HERE, "verify.pl")] +
        ["%s=%s" % item for item in records.items()],
        input=message, stdout=subprocess.PIPE, timeout=400, check=True)
    return run.stdout.decode().splitlines()


def fields(message, name):
    """The values of a field, unfolded, top to bottom."""
    header = re.sub(rb"\r\n([ \t])", rb"\1",
                    message.split(b"\r\n\r\n", 1)[0])
    return [value.strip().decode("latin-1") for value in re.findall(
        rb"^%s[ \t]*:(.*)$" % re.escape(name.encode()),
        header.replace(b"\r\n", b"\n"), re.M | re.I)]


def message(*header, body=b"Hello.\r\n", whole=True):
    """A message of ann@example.org's; `whole`: Date and Message-ID too."""
    lines = ["From: Ann <ann@example.org>", "To: bob@example.net"]
    if whole:
        lines += ["Date: Mon, 23 Nov 2026 10:00:00 +0000",
                  "Message-ID: <%s@example.org>" % os.urandom(8).hex()]
    lines += header
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body


class PostfixCase(harness.Case):
    """One Postfix, one signpost and one world for each test."""
    samples = ()
    main = ""       # more lines for main.cf
    out = BOTH      # lines for [out]
    maxDiff = None

    def setUp(self):
        self.world = self.relay()
        self.ports = {name: harness.free_port() for name in
                      ("submission", "out_relay", "smtp", "in_relay")}
        self.proxy = self.make_signpost()
        folder = tempfile.mkdtemp(prefix="signpost-postfix-")
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], check=True)
        self.postfix = postfix.Postfix(folder, self.samples, self.ports,
                                       sink=self.world.port, main=self.main)
        self.postfix.start()
        self.addCleanup(self.postfix.stop)
        self.start_signpost()

    def make_signpost(self):
        proxy = harness.Signpost(
            "127.0.0.1:%d" % self.ports["out_relay"], out=self.out)
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        self.ports["out"] = proxy.port
        return proxy

    def start_signpost(self):
        self.proxy.start()

    def submit(self, *messages, rcpt="bob@example.net", options=()):
        """Over one connection to 587."""
        with smtplib.SMTP("127.0.0.1", self.ports["submission"],
                          timeout=harness.WAIT) as client:
            for text in messages:
                client.sendmail("ann@example.org", [rcpt], text,
                                mail_options=options)

    def delivered(self, count):
        """The messages that came out at the far end, no more than these."""
        try:
            found = self.world.wait_messages(count, seconds=60)
        except AssertionError as e:
            raise AssertionError("%s\n%s\n%s" % (
                e, self.proxy.text(), self.postfix.log()))
        self.postfix.wait_empty()
        self.assertEqual(len(found), count)
        return [m.data for m in found]

    def assert_signed(self, text):
        """DKIM and DomainKeys hold, by Mail::DKIM; DKIM by dkimpy too."""
        said = mail_dkim(text, self.proxy.record())
        self.assertEqual(
            sorted(line.split(" (")[0] for line in said),
            ["dkim pass example.org t2026",
             "domainkeys pass example.org t2026"],
            "%s\n%s" % (said, text[:4000].decode("latin-1")))
        self.assertTrue(harness.dkim_verifies(text, self.proxy.record()))
