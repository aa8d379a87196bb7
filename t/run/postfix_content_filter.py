#!/usr/bin/python3
"""After the queue: 587 -> queue -> signpost -> 10028 -> queue -> the world.

What etc/postfix/out-after-queue.cf and local-mail.cf promise, with a real
Postfix: all that goes out is signed, once, and verifies where it arrives.
"""
import harness
from postfix_case import BOTH, PostfixCase, fields, message


class AfterTheQueue(PostfixCase):
    samples = ("out-after-queue", "local-mail")

    def test_a_message_is_signed_and_verifies(self):
        self.submit(message("Subject: plain"))
        [text] = self.delivered(1)
        self.assert_signed(text)
        self.assertEqual(fields(text, "Subject"), ["plain"])
        self.assertTrue(text.endswith(b"\r\n\r\nHello.\r\n"))

    def test_without_date_and_message_id(self):
        """Postfix adds them before the queue; they are signed."""
        self.submit(message("Subject: bare", whole=False))
        [text] = self.delivered(1)
        self.assertEqual(len(fields(text, "Date")), 1)
        self.assertEqual(len(fields(text, "Message-ID")), 1)
        self.assert_signed(text)

    def test_local_mail(self):
        """sendmail -> pickup -> signpost; no Date, Message-ID or To."""
        self.postfix.sendmail(b"Subject: from cron\n\nhello\n.dot\n",
                              "bob@example.net", sender="root@example.org")
        [text] = self.delivered(1)
        self.assertEqual(len(fields(text, "From")), 1)
        self.assert_signed(text)

    def test_odd_bodies(self):
        bodies = [
            b"",
            b"\r\n\r\n\r\n",
            b".\r\n..\r\n.leading dots\r\n",
            b"trailing white space \t \r\n\r\n\r\n",
            b"x" * 5000 + b"\r\n",   # Postfix breaks it, before we sign
            "Gr\u00fc\u00dfe\r\n".encode("utf-8"),
            bytes(range(128, 256)) + b"\r\n",
        ]
        self.submit(*(message("Subject: %d" % n, "MIME-Version: 1.0",
                              "Content-Type: text/plain; charset=utf-8",
                              "Content-Transfer-Encoding: 8bit", body=body)
                      for n, body in enumerate(bodies)),
                    options=["BODY=8BITMIME"])
        found = self.delivered(len(bodies))
        for text in found:
            with self.subTest(subject=fields(text, "Subject")):
                self.assert_signed(text)
        by_subject = {fields(t, "Subject")[0]: t for t in found}
        self.assertIn(bodies[2], by_subject["2"])
        self.assertIn(bodies[6], by_subject["6"])

    def test_utf8_addresses_and_fields(self):
        self.submit(message("Subject: Gr\u00fc\u00dfe"),
                    options=["SMTPUTF8", "BODY=8BITMIME"])
        [text] = self.delivered(1)
        self.assert_signed(text)

    def test_many_on_kept_connections_arrive_once_each(self):
        """Postfix pipelines, and reuses its connections to signpost."""
        subjects = ["number %03d" % n for n in range(60)]
        self.submit(*(message("Subject: " + s) for s in subjects))
        found = self.delivered(len(subjects))
        self.assertEqual(sorted(fields(t, "Subject")[0] for t in found),
                         subjects)
        for text in found[:10]:
            self.assert_signed(text)

    def test_as_large_as_587_takes(self):
        """What grows by its signature still goes through 10028."""
        limit = 10240000   # message_size_limit
        text = message("Subject: large")
        line = b"0123456789" * 7 + b"\r\n"
        text += line * ((limit - len(text) - 1000) // len(line))
        self.submit(text)
        [found] = self.delivered(1)
        self.assert_signed(found)
        self.assertNotIn("status=bounced", self.postfix.log())

    def test_the_log_names_the_queue_id(self):
        self.submit(message("Subject: logged"))
        self.delivered(1)
        line = self.proxy.wait_log("status=sent")
        ident = line.split("]: ", 1)[1].split(":", 1)[0]
        self.assertIn("%s: from=<ann@example.org>" % ident,
                      self.postfix.log())
        self.assertIn("signed=dkim:example.org:t2026:rsa-sha256", line)
        self.assertIn("client=127.0.0.1", line)

    def test_mail_waits_while_signpost_is_down(self):
        self.assertEqual(self.proxy.stop(), 0)
        self.submit(message("Subject: patience"))
        harness.wait_until("the mail to be deferred", lambda:
                           "status=deferred" in self.postfix.log())
        self.assertEqual(self.world.messages, [])
        self.proxy.start()
        [text] = self.delivered(1)
        self.assert_signed(text)


class SevenBits(PostfixCase):
    """A world that takes no 8BITMIME: what Postfix converts it converts before
    it is signed, where we do not announce it either."""
    samples = ("out-after-queue", "local-mail")
    out = BOTH + ("announce_8bitmime = no",)

    def relay(self, *scripts, **options):
        return super().relay(*scripts, ehlo=("relay.example", "PIPELINING"))

    def test_text_of_eight_bits_arrives_and_verifies(self):
        text = "Gr\u00fc\u00dfe ".encode() * 9 + b"\r\n"
        mime = ("MIME-Version: 1.0", "Content-Transfer-Encoding: 8bit")
        plain = "Content-Type: text/plain; charset=utf-8"
        self.submit(
            message(*mime, plain, body=text),
            message(*mime, "Content-Type: multipart/mixed; boundary=b",
                    body=b"--b\r\n" + plain.encode() + b"\r\nContent-Transfer"
                    b"-Encoding: 8bit\r\n\r\n" + text + b"--b--\r\n"),
            message(*mime, "Content-Type: text/html; charset=utf-8",
                    body=text.strip() * 40 + b"\r\n"),
            message(body=text), options=["BODY=8BITMIME"])
        for got in self.delivered(4):
            self.assert_signed(got)


class Bounces(PostfixCase):
    """What Postfix writes itself passes by signpost (the manual says so)."""
    samples = ("out-after-queue", "local-mail")

    def relay(self, *scripts, **options):
        def only_ann(connection):
            line = connection.commands[-1]
            return "250 2.1.5 Ok" if b"ann@" in line else "550 5.1.1 no"
        return super().relay({"rcpt": only_ann})

    def test_a_bounce_is_unsigned(self):
        self.submit(message("Subject: to nobody"), rcpt="nobody@example.net")
        [text] = self.delivered(1)
        self.assertEqual(fields(text, "From"), [
            "Mail Delivery System <MAILER-DAEMON@example.org>"])
        top = text.split(b"\r\n\r\n", 1)[0]
        self.assertNotIn(b"DKIM-Signature", top)


if __name__ == "__main__":
    harness.main()
