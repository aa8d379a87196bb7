"""Bad input has a defined answer, and the next message on the connection
works: issue by issue, a clear reply, or unsigned with the reason logged."""

import harness
from harness import SAMPLE


class Bad(harness.Case):
    out = ()

    def setUp(self):
        self.hop = self.relay()
        self.daemon = self.signpost(self.hop, out=self.out)
        self.client = self.daemon.client()
        self.client.ehlo()

    def mail_flows(self, before=0):
        self.assertEqual(self.client.message(SAMPLE).code, 250)
        self.assertEqual(len(self.hop.messages), before + 1)
        self.assertTrue(self.hop.messages[-1].data.endswith(SAMPLE))
        self.assertIn(b"DKIM-Signature:", self.hop.messages[-1].data)


class Lines(Bad):
    def test_an_over_long_one(self):
        self.client.send(b"MAIL FROM:<" + b"a" * 200000 + b"@b>\r\n")
        self.assertEqual(self.client.reply().code, 500)
        self.mail_flows()

    def test_an_endless_one(self):
        self.client.send(b"x" * 100000)
        self.client.send(b"x" * 100000 + b"\r\n")
        self.assertEqual(self.client.reply().code, 500)
        self.mail_flows()

    def test_bare_cr_lf_and_nul_reach_no_relay(self):
        for bad in (b"MAIL FROM:<a@b>\nRCPT TO:<c@d>\r\n",
                    b"MAIL FROM:<a@b>\rRSET\r\n", b"NOOP \0\r\n"):
            before = len(self.hop.commands[0])
            self.client.send(bad)
            self.assertEqual(self.client.reply().code, 500)
            self.assertEqual(len(self.hop.commands[0]), before)
        self.mail_flows()

    def test_commands_out_of_turn(self):
        for bad in ("RCPT TO:<a@b>", "DATA"):
            self.assertEqual(self.client.command(bad).code, 503)
        self.assertEqual(self.client.command("DATA now").code // 100, 5)
        self.mail_flows()

    def test_bdat(self):
        self.client.begin()
        self.client.send(b"BDAT 100 LAST\r\nMAIL FROM:<evil@example.org>\r\n"
                         b"RCPT TO:<x@y>\r\nDATA\r\nQUIT\r\n")
        self.assertEqual(self.client.reply().code, 502)
        self.assertTrue(self.client.gone())
        self.assertFalse(any(b"evil" in line for line in
                             self.hop.commands[0]))

    def test_a_refused_data_is_followed_by_commands(self):
        self.client.send(b"DATA\r\nSubject\r\n\r\nNOOP\r\n")
        for code in (503, 502, 500, 250):
            self.assertEqual(self.client.reply().code, code)
        self.mail_flows()

    def test_a_message_behind_it_is_not_read_as_commands(self):
        self.client.send(b"DATA\r\nSubject: x\r\n\r\nRSET\r\n")
        for code in (503, 421):
            self.assertEqual(self.client.reply().code, code)
        self.assertTrue(self.client.gone())
        self.assertEqual(self.hop.said("RSET"), 0)

    def test_commands_pipelined_behind_the_dot(self):
        self.client.begin()
        self.assertEqual(self.client.command("DATA").code, 354)
        self.client.send(b"From: a@example.org\r\n\r\nx\r\n.\r\n"
                         b"MAIL FROM:<a@example.org>\r\n"
                         b"RCPT TO:<b@example.net>\r\nDATA\r\n")
        for code in (250, 250, 250, 354):
            self.assertEqual(self.client.reply().code, code)
        self.assertEqual(self.client.body(SAMPLE).code, 250)
        self.assertEqual(len(self.hop.messages), 2)

    def test_endings_that_are_none(self):
        self.client.begin()
        self.assertEqual(self.client.command("DATA").code, 354)
        self.client.send(
            b"From: a@example.org\r\n\r\n\n.\n\n.\r\n\r\n.\n\r\n.\r\r\n"
            b"\r.\r\rMAIL FROM:<evil@example.org>\r\nlast\r\n.\r\n")
        self.assertEqual(self.client.reply().code, 250)
        self.assertEqual(len(self.hop.messages), 1)
        self.assertTrue(self.hop.messages[0].data.endswith(b"last\r\n"))
        self.mail_flows(before=1)


class Recipients(Bad):
    out = ["max_recipients = 3"]

    def test_too_many(self):
        self.client.begin(rcpts=("a@x", "b@x", "c@x"))
        answer = self.client.command("RCPT TO:<d@x>")
        self.assertEqual(str(answer)[:9], "452 4.5.3")
        self.assertEqual(self.client.command("DATA").code, 354)
        self.assertEqual(self.client.body(SAMPLE).code, 250)
        self.assertEqual(len(self.hop.messages[0].rcpt), 3)
        self.mail_flows(before=1)


UNSIGNABLE = (
    ("no-from", b"To: b@example.net\r\nSubject: x\r\n\r\nbody\r\n"),
    ("two-from-fields", b"From: a@example.org\r\nFrom: b@example.org\r\n"
     b"\r\nbody\r\n"),
    ("bad-from", b"From: a@b@c example.org <<\r\n\r\nbody\r\n"),
    ("bad-from", b"From: \xff\xfe\0 nobody\r\n\r\nbody\r\n"),
    # No signer signs what two readers could read in two ways.
    ("failed", b"From: a@example.org\r\nSubject: a\0b\r\n\r\nbody\r\n"),
    ("no-from", b"\r\nno header at all\r\n"),
    ("no-from", b"not even an empty line\r\n"),
    ("header-too-long:more-than-20000-header-fields",
     b"From: a@example.org\r\n" + b"Y: 1\r\n" * 20000 + b"\r\nbody\r\n"),
    ("header-too-long:header-over-524288-bytes", b"From: a@example.org\r\n" +
     b"X: " + b"x" * 700000 + b"\r\n\r\nbody\r\n"),
)


class Pass(Bad):
    def test_unsigned_with_the_reason(self):
        for i, (why, data) in enumerate(UNSIGNABLE):
            self.assertEqual(self.client.message(data).code, 250, why)
            if data.startswith(b"not even an empty line"):
                data = b"\r\n" + data     # which is written then
            self.assertEqual(self.hop.messages[-1].data, data, why)
            line = self.daemon.wait_log(r"status=", i + 1)
            self.assertIn(" unsigned=%s " % why, line)
        self.mail_flows(before=len(UNSIGNABLE))

    def test_as_many_fields_as_there_may_be_are_signed(self):
        data = SAMPLE.replace(b"\r\n\r\n", b"\r\n" + b"".join(
            b"X-%d: v\r\n" % i for i in range(19990)) + b"\r\n", 1)
        self.assertEqual(self.client.message(data).code, 250)
        got = self.hop.messages[-1].data
        self.assertTrue(got.endswith(data))
        self.assertTrue(harness.dkim_verifies(
            got, self.daemon.record()))

    def test_the_log_has_one_line_a_message_whatever_they_wrote(self):
        """And what they wrote is escaped once."""
        author = b"From: a@x\xe2\x80\xa8y.example"
        for n, (more, want) in enumerate((
                (b"Message-ID: <a\x1b[31mb\r\n signpost/out[1]: FAKE: "
                 b"status=sent@x>", r"message-id=<a\x1b[31mb"),
                (b"Message-ID: <a> signed=dkim:example.org:s1:rsa-sha256", ""),
                (b'Message-ID: "x\x7f\x80"', r"\x7f\x80"))):
            data = author + b"\r\n" + more + b"\r\nSubject: s\r\n\r\nhidden\r\n"
            self.assertEqual(self.client.message(data).code, 250)
            line = self.daemon.wait_log(r"status=", n + 1)
            self.assertIn(want, line)
            self.assertIn(r" unsigned=no-key-for-domain:x\xe2\x80\xa8y.example",
                          line)
            self.assertNotIn(" signed=", line)
            self.assertRegex(line, r"\A[ -~]+\Z")
        self.assertNotIn("hidden", self.daemon.text())

    def test_not_ours(self):
        data = SAMPLE.replace(b"ann@example.org", b"ann@example.net")
        self.assertEqual(self.client.message(data).code, 250)
        self.assertEqual(self.hop.messages[0].data, data)
        self.daemon.wait_log(" unsigned=no-key-for-domain:example.net ")


class Reject(Bad):
    out = ["unsignable = reject"]

    def test_refused_with_the_reason_logged(self):
        for i, (why, data) in enumerate(UNSIGNABLE):
            answer = self.client.message(data)
            self.assertEqual(str(answer)[:7], "550 5.6", why)
            line = self.daemon.wait_log(r"status=rejected", i + 1)
            self.assertIn(" unsigned=%s " % why, line)
        self.assertEqual(self.hop.messages, [])
        self.mail_flows()

    def test_what_is_not_ours_still_passes(self):
        data = SAMPLE.replace(b"ann@example.org", b"ann@example.net")
        self.assertEqual(self.client.message(data).code, 250)


if __name__ == "__main__":
    harness.main()
