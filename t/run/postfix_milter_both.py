#!/usr/bin/python3
"""A real Postfix whose 25 names both fronts by milter: strangers' mail is checked,
that of who logged in is signed and not judged; refusals reach the client in its
own session, at the end of its message."""
import os
import shutil
import smtplib

import harness
import inbound
import postfix_milter
from postfix_case import fields, message

RSA, RSA_RECORD = inbound.key("rsa2048")
GOOD, BAD = "192.0.2.1", "198.51.100.1"
FORGED = "Authentication-Results: mx.example.org; dkim=pass"


class Both(postfix_milter.Milter):
    checks = ("check = dkim, spf, dmarc", "trusted = 203.0.113.0/24")

    def make_signpost(self):
        proxy = super().make_signpost()
        server = inbound.nameserver.Nsd("""
s1._domainkey.example.org TXT %s
t2026._domainkey.example.org TXT %s
example.org TXT v=spf1 ip4:%s -all
helo.test TXT v=spf1 ip4:%s -all
_dmarc.example.org TXT v=DMARC1; p=reject
""" % (RSA_RECORD, harness.key_record(proxy.keyfile), GOOD, GOOD)).start()
        self.addCleanup(server.stop)
        spool = os.path.join(proxy.dir, "spool-in")
        os.mkdir(spool)
        shutil.chown(spool, inbound.WORKER)
        with open(proxy.config, "a") as config:
            config.write("[in]\nlisten = milter:unix:%s/queue/signpost/in "
                         "group=postfix\nuser = %s\n"
                         "authserv_id = mx.example.org\nspool_dir = %s\n%s\n"
                         "[dns]\nnameserver = 127.0.0.1:%d\n" % (
                             self.folder, inbound.WORKER, spool,
                             "\n".join(self.checks), server.port))
        return proxy

    def milters(self):
        return "unix:signpost/out,unix:signpost/in"

    def results(self, text):
        found = [value for value in fields(text, "Authentication-Results")
                 if value.startswith("mx.example.org;")]
        self.assertEqual(len(found), 1, text[:3000].decode("latin-1"))
        return " ".join(found[0].split())


class Passing(Both):
    def test_a_stranger_is_checked_and_not_signed(self):
        text = inbound.sign(message(FORGED, "Subject: s"), RSA)
        self.send(text, client=GOOD)
        [text] = self.delivered(1)
        found = self.results(text)
        for part in ("dkim=pass", "header.s=s1", "spf=pass",
                     "smtp.mailfrom=", "dmarc=pass"):
            self.assertIn(part, found)
        self.assertEqual(len(fields(text, "DKIM-Signature")), 1)
        self.assertTrue(text.startswith(b"Authentication-Results:"),
                        text[:200])
        line = self.proxy.wait_log("/in.* client=%s .*forged=1" % GOOD)
        self.assertIn("front=milter", line)

    def test_a_thousand_forged_fields_are_gone(self):
        lines = ["%s; n=%d" % (FORGED, n) for n in range(1000)]
        self.send(message(*lines), client=BAD)
        [text] = self.delivered(1)
        self.assertIn("spf=fail", self.results(text))
        self.proxy.wait_log("forged=1000")

    def test_a_bounce_is_judged_by_its_client_and_helo(self):
        self.send(message("Subject: a"), client=GOOD, helo="helo.test",
                  sender="")
        self.send(message("Subject: b"), client=BAD, helo="helo.test",
                  sender="")
        found = {fields(text, "Subject")[0]: self.results(text)
                 for text in self.delivered(2)}
        self.assertRegex(found["a"], "spf=pass .*smtp.helo=helo.test")
        self.assertIn("spf=fail", found["b"])

    def test_who_logged_in_is_signed_and_not_judged(self):
        self.send(message(FORGED, "Subject: a"), client=BAD, login="ann")
        [text] = self.delivered(1)
        self.assert_dkim(text)
        found = self.results(text)
        self.assertIn("dkim=pass", found)
        self.assertNotIn("spf=", found)
        self.proxy.wait_log("trusted=authenticated")

    def test_a_trusted_network_is_not_judged(self):
        self.send(message("Subject: a"))
        [text] = self.delivered(1)
        self.assertNotIn("spf=", self.results(text))
        self.proxy.wait_log("trusted=" + postfix_milter.STRANGER)


class Refusing(Both):
    checks = Both.checks + ("reject = dmarc", "dmarc_except =")

    def test_the_client_hears_it_at_the_end_of_its_message(self):
        with self.smtp() as server:
            self.as_client(server, BAD)
            self.assertEqual(server.mail("ann@example.org")[0], 250)
            self.assertEqual(server.rcpt("bob@example.net")[0], 250)
            code, text = server.data(message("Subject: 100% forged"))
            self.assertEqual(code, 550, text)
            self.assertRegex(text.decode(), r"^5\.7\.\d+ ")
            # And the connection goes on.
            self.assertEqual(server.mail("ann@example.net")[0], 250)
            self.assertEqual(server.rcpt("bob@example.net")[0], 250)
            code, text = server.data(message("Subject: no policy").replace(
                b"@example.org>\r\nTo", b"@example.net>\r\nTo"))
            self.assertEqual(code, 250, text)
        self.assertEqual(len(self.delivered(1)), 1)
        self.proxy.wait_log("/in.*status=rejected")

    def test_who_logged_in_is_not_refused(self):
        self.send(message("Subject: a"), client=BAD, login="ann")
        self.assertEqual(len(self.delivered(1)), 1)

    def test_neither_is_local_mail(self):
        self.set_main("non_smtpd_milters = %s\n" % self.milters())
        self.postfix.sendmail(message("Subject: x").replace(b"\r\n", b"\n"),
                              "bob@example.net", sender="ann@example.org")
        [text] = self.delivered(1)
        self.assert_dkim(text)
        self.proxy.wait_log("/in.*trusted=local")


class Away(Both):
    checks = Both.checks + ("reject = dmarc", "dmarc_except =")

    def test_without_signpost_25_puts_off(self):
        self.assertEqual(self.proxy.stop(), 0)
        with self.assertRaises(smtplib.SMTPException):
            self.send(message("Subject: a"), client=GOOD)
        self.proxy.start()
        self.send(inbound.sign(message("Subject: b"), RSA), client=GOOD)
        self.assertIn("dmarc=pass", self.results(self.delivered(1)[0]))


if __name__ == "__main__":
    harness.main()
