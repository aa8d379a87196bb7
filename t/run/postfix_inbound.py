#!/usr/bin/python3
"""Checked on the way in, with a real Postfix and a real name server:

    client -> Postfix's 25 -> signpost -> Postfix's 10026 -> queue -> mailbox

after the queue and before it, by the samples in etc/postfix.
"""
import os
import smtplib
import subprocess

import harness
import inbound
import postfix_case
from postfix_case import fields, message

RSA, RSA_RECORD = inbound.key("rsa2048")

RECORDS = """
s1._domainkey.example.org TXT %s
example.org TXT v=spf1 ip4:127.0.0.1 -all
example.net TXT v=spf1 -all
_dmarc.example.org TXT v=DMARC1; p=reject
""" % RSA_RECORD


class Inbound(postfix_case.PostfixCase):
    checks = ("check = dkim, spf",)
    trusted = "trusted ="   # the client is on loopback, and yet a stranger

    def make_signpost(self):
        self.server = inbound.nameserver.Nsd(RECORDS).start()
        self.addCleanup(self.server.stop)
        proxy = inbound.Verifier("127.0.0.1:%d" % self.ports["in_relay"],
                                 self.server.port,
                                 self.checks + (self.trusted,))
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        self.ports["in_"] = proxy.port
        return proxy

    def receive(self, *messages, sender="ann@example.org", options=()):
        """Over one connection to 25."""
        with smtplib.SMTP("127.0.0.1", self.ports["smtp"],
                          local_hostname="ann.test",
                          timeout=harness.WAIT) as client:
            for text in messages:
                client.sendmail(sender, ["bob@example.net"], text,
                                mail_options=options)

    def results(self, text):
        """Our field's value. Postfix puts Received above and below it."""
        found = [value for value in fields(text, "Authentication-Results")
                 if value.startswith(inbound.AUTHSERV_ID + ";")]
        self.assertEqual(len(found), 1, text[:3000].decode("latin-1"))
        return " ".join(found[0].split())

    def assert_passes(self, text):
        found = self.results(text)
        self.assertIn("dkim=pass", found)
        self.assertIn("header.d=example.org", found)
        self.assertIn("spf=pass", found)


class Both:
    """What holds after the queue and before it."""

    def test_a_signed_message_passes(self):
        self.receive(inbound.sign(message("Subject: signed"), RSA))
        [text] = self.delivered(1)
        self.assert_passes(text)
        self.assertTrue(text.endswith(b"\r\n\r\nHello.\r\n"))

    def test_what_was_changed_fails_and_unsigned_is_none(self):
        bad = inbound.sign(message("Subject: bad"), RSA).replace(
            b"Hello", b"Hallo")
        self.receive(bad, message("Subject: plain"), sender="a@example.net")
        found = {fields(text, "Subject")[0]: self.results(text)
                 for text in self.delivered(2)}
        self.assertIn("dkim=fail", found["bad"])
        self.assertIn("dkim=none", found["plain"])
        self.assertIn("spf=fail", found["plain"])

    def test_forged_fields_are_gone(self):
        forged = ("Authentication-Results: mx.example.org; dkim=pass",
                  "authentication-results: (x) MX.example.ORG 1;\r\n"
                  "\tspf=pass",
                  "Authentication-Results: elsewhere.test; dkim=pass")
        self.receive(message("Subject: forged", *forged),
                     sender="a@example.net")
        [text] = self.delivered(1)
        found = self.results(text)
        self.assertNotIn("pass", found)
        self.assertEqual(len(fields(text, "Authentication-Results")), 2)

    def test_odd_bodies_on_one_connection(self):
        bodies = [b"", b"\r\n\r\n", b".\r\n..\r\n.dots\r\n",
                  "Gr\u00fc\u00dfe\r\n".encode("utf-8"), b"x" * 900 + b"\r\n"]
        texts = [message("Subject: %d" % n, "MIME-Version: 1.0",
                         "Content-Type: text/plain; charset=utf-8",
                         "Content-Transfer-Encoding: 8bit", body=body)
                 for n, body in enumerate(bodies)]
        self.receive(*(inbound.sign(text, RSA) for text in texts),
                     options=["BODY=8BITMIME"])
        for text in self.delivered(len(bodies)):
            with self.subTest(subject=fields(text, "Subject")):
                self.assert_passes(text)

    def test_the_name_server_down_stops_no_mail(self):
        self.server.stop()
        self.receive(inbound.sign(message("Subject: dark"), RSA))
        [text] = self.delivered(1)
        found = self.results(text)
        self.assertIn("dkim=temperror", found)
        self.assertNotIn("=pass", found)


class AfterTheQueue(Both, Inbound):
    samples = ("in-after-queue",)


class Everything(Inbound):
    """The classic four and DMARC, signed by our own `sign`."""
    samples = ("in-after-queue",)
    checks = ("check = all",)

    def signed(self, text):
        path = os.path.join(inbound.KEYS, "rsa2048.pem")
        return subprocess.run(
            [harness.binary(), "sign", "-d", "example.org", "-s", "s1", "-k",
             path, "--type", "dkim", "--type", "domainkeys"],
            input=text, stdout=subprocess.PIPE, check=True, timeout=400).stdout

    def test_it_all_passes(self):
        self.receive(self.signed(message("Subject: all")))
        [text] = self.delivered(1)
        found = self.results(text)
        for result in ("spf=pass", "sender-id=pass", "domainkeys=pass",
                       "dkim=pass", "dmarc=pass", "arc=none"):
            self.assertIn(result, found)


class BeforeTheQueue(Both, Inbound):
    samples = ("in-before-queue",)
    checks = ("check = dkim, spf", "reject = dkim")

    def test_what_was_changed_fails_and_unsigned_is_none(self):
        """Before the queue the sender hears of it."""
        bad = inbound.sign(message("Subject: bad"), RSA).replace(
            b"Hello", b"Hallo")
        with self.assertRaises(smtplib.SMTPDataError) as refused:
            self.receive(bad)
        self.assertEqual(refused.exception.smtp_code, 550)
        self.assertIn(b"5.7.20", refused.exception.smtp_error)
        self.receive(message("Subject: plain"), sender="a@example.net")
        [text] = self.delivered(1)
        self.assertIn("dkim=none", self.results(text))
        self.assertIn("spf=fail", self.results(text))


if __name__ == "__main__":
    harness.main()
