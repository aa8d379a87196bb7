"""The next hop refuses, closes or goes silent, at every stage.

Whatever happens: the client gets a clear answer and keeps its connection (save
where it never got beyond EHLO), the relay keeps nothing that is half, and the
next message on the same connection goes through.
"""

import harness
from harness import CLOSE, RESET, SAMPLE, SILENT

# Silence must not last as long as it may in earnest.
SHORT = ["connect_timeout = 1", "command_timeout = 1", "write_timeout = 1",
         "dot_timeout = 1"]

LARGE = SAMPLE + b"0123456789abcdef" * 4 * 1024 * 256 + b"\r\n"  # 16 MB


class Stage(harness.Case):
    """What goes wrong, goes wrong on the first connection, or on as many as
    `times` says; then all is well."""

    def begin(self, script, times=1):
        self.hop = self.relay(*([script] * times + [{}]))
        self.daemon = self.signpost(self.hop, out=SHORT)
        self.client = self.daemon.client()
        return self.client

    def and_then_mail_flows(self, earlier=0):
        """The next message on the same connection, and nothing else."""
        answer = self.client.message(SAMPLE)
        self.assertEqual(str(answer), "250 2.0.0 Ok: queued as 3CF6B2")
        self.assertEqual(str(self.client.quit()), "221 2.0.0 Bye",
                         self.daemon.text())
        whole = self.hop.messages
        self.assertEqual(len(whole), earlier + 1)
        self.assertTrue(whole[-1].data.endswith(SAMPLE))
        for partial in self.hop.partial:
            self.assertNotIn(b"\r\n.\r\n", partial)

    def at_dot(self, data=SAMPLE):
        self.client.ehlo()
        return self.client.message(data)


class Connect(Stage):
    def test_refused(self):
        port = harness.free_port()
        daemon = self.signpost("127.0.0.1:%d" % port, out=SHORT)
        client = daemon.client()
        self.assertEqual(client.greeting.code, 421)
        self.assertTrue(client.gone())
        daemon.wait_log("next hop 127.0.0.1:%d: " % port)

    def test_refusal_is_passed_on(self):
        client = self.begin({"greeting": "554 5.3.2 not today"})
        self.assertEqual(str(client.greeting), "554 5.3.2 not today")
        self.assertTrue(client.gone())

    def test_closes(self):
        for how in (CLOSE, RESET):
            client = self.begin({"connect": how})
            self.assertEqual(client.greeting.code, 421)
            self.assertTrue(client.gone())

    def test_silent(self):
        client = self.begin({"connect": SILENT})
        self.assertEqual(client.greeting.code, 421)
        self.assertTrue(client.gone())

    def test_talks_nonsense(self):
        client = self.begin({"greeting": "HTTP/1.1 400 Bad Request"})
        self.assertEqual(client.greeting.code, 421)


class Ehlo(Stage):
    def test_refusal_is_passed_on_and_helo_works(self):
        client = self.begin({"ehlo": "502 5.5.1 what?"})
        self.assertEqual(str(client.command("EHLO c")), "502 5.5.1 what?")
        self.assertEqual(client.command("HELO c").code, 250)
        self.and_then_mail_flows()

    def test_closes_once_is_not_noticed(self):
        client = self.begin({"ehlo": CLOSE})
        client.ehlo()
        self.and_then_mail_flows()

    def test_closes_always(self):
        client = self.begin({"ehlo": CLOSE}, times=9)
        self.assertEqual(client.command("EHLO c").code, 421)
        self.assertTrue(client.gone())

    def test_silent(self):
        client = self.begin({"ehlo": SILENT})
        self.assertEqual(client.command("EHLO c").code, 421)
        self.assertTrue(client.gone())


class Mail(Stage):
    def test_refusal_is_passed_on(self):
        client = self.begin({"mail": iter_replies("450 4.7.1 greylisted",
                                                  "250 2.1.0 Ok")})
        client.ehlo()
        self.assertEqual(str(client.command("MAIL FROM:<a@example.org>")),
                         "450 4.7.1 greylisted")
        self.and_then_mail_flows()

    def test_many_lines_come_back_as_they_are(self):
        client = self.begin({"mail": iter_replies(
            "450-4.7.1 one\n450-\n450 4.7.1 three", "250 2.1.0 Ok")})
        client.ehlo()
        answer = client.command("MAIL FROM:<a@example.org>")
        self.assertEqual(answer.lines, ["4.7.1 one", "", "4.7.1 three"])
        self.and_then_mail_flows()

    def test_closed_while_idle_is_not_noticed(self):
        for how in (CLOSE, RESET, "421 4.4.2 timeout, closing"):
            client = self.begin({"mail": how})
            client.ehlo()
            self.and_then_mail_flows()

    def test_closes_always(self):
        client = self.begin({"mail": CLOSE}, times=2)
        client.ehlo()
        answer = client.command("MAIL FROM:<a@example.org>")
        self.assertEqual(answer.code, 451)
        self.and_then_mail_flows()

    def test_silent(self):
        client = self.begin({"mail": SILENT})
        client.ehlo()
        answer = client.command("MAIL FROM:<a@example.org>")
        self.assertEqual(answer.code, 451)
        self.and_then_mail_flows()

    def test_gone_for_good(self):
        client = self.begin({})
        client.ehlo()
        self.hop.close()
        for _ in range(2):
            answer = client.command("MAIL FROM:<a@example.org>")
            self.assertEqual(answer.code, 451)
        self.assertEqual(client.quit().code, 221)


class Rcpt(Stage):
    def test_refusal_is_passed_on(self):
        client = self.begin({"rcpt": iter_replies(
            "550 5.1.1 no such user", "250 2.1.5 Ok", "250 2.1.5 Ok")})
        client.ehlo()
        client.command("MAIL FROM:<a@example.org>")
        self.assertEqual(str(client.command("RCPT TO:<x@example.net>")),
                         "550 5.1.1 no such user")
        self.assertEqual(client.command("RCPT TO:<y@example.net>").code, 250)
        self.assertEqual(client.command("DATA").code, 354)
        self.assertEqual(client.body(SAMPLE).code, 250)
        self.daemon.wait_log(r"nrcpt=1 ")
        self.and_then_mail_flows(earlier=1)

    def test_none_accepted_leaves_data_refused(self):
        client = self.begin({"rcpt": iter_replies(
            "550 5.1.1 no such user", "250 2.1.5 Ok")})
        client.ehlo()
        client.command("MAIL FROM:<a@example.org>")
        client.command("RCPT TO:<x@example.net>")
        self.assertIn(client.command("DATA").code, (503, 554))
        self.assertEqual(client.command("RSET").code, 250)
        self.and_then_mail_flows()

    def lost(self, how):
        client = self.begin({"rcpt": iter_replies("250 2.1.5 Ok", how)})
        client.ehlo()
        client.command("MAIL FROM:<a@example.org>")
        self.assertEqual(client.command("RCPT TO:<x@example.net>").code, 250)
        self.assertEqual(client.command("RCPT TO:<y@example.net>").code, 451)
        self.assertEqual(client.command("DATA").code, 451)
        self.assertEqual(client.command("RSET").code, 250)
        self.and_then_mail_flows()

    def test_closes(self):
        self.lost(CLOSE)

    def test_resets(self):
        self.lost(RESET)

    def test_silent(self):
        self.lost(SILENT)


class Data(Stage):
    def test_refusal_is_the_answer_to_the_dot(self):
        for refusal in ("451 4.3.0 later", "554 5.6.0 never"):
            self.begin({"data": iter_replies(refusal, "354 go on")})
            self.assertEqual(str(self.at_dot()), refusal)
            harness.wait_until("RSET", lambda: self.hop.said("RSET") == 1)
            self.and_then_mail_flows()

    def test_a_yes_to_data_is_not_a_yes_to_the_message(self):
        for odd in ("250 2.0.0 Ok", "355 go on, perhaps"):
            self.begin({"data": odd})
            self.assertEqual(self.at_dot().code, 451)
            self.and_then_mail_flows()

    def lost(self, how):
        self.begin({"data": how})
        answer = self.at_dot()
        self.assertEqual(answer.code, 451)
        self.assertTrue(answer.text.startswith("4.3.0"), answer)
        self.daemon.wait_log(r"status=deferred \(451 4\.3\.0")
        self.and_then_mail_flows()

    def test_closes(self):
        self.lost(CLOSE)

    def test_resets(self):
        self.lost(RESET)

    def test_silent(self):
        self.lost(SILENT)

    def test_closed_while_the_body_comes(self):
        self.begin({})
        self.client.ehlo()
        self.client.begin()
        self.assertEqual(self.client.command("DATA").code, 354)
        self.client.send(SAMPLE)
        self.hop.hang_up()
        self.daemon.wait_log("next hop lost")
        self.client.send(LARGE)
        self.assertEqual(self.client.body(b"").code, 451)
        self.and_then_mail_flows()


class Body(Stage):
    def lost(self, how):
        self.begin({"body": how})
        answer = self.at_dot(LARGE)
        self.assertEqual(answer.code, 451)
        self.daemon.wait_log(r"status=deferred \(451 4")
        self.and_then_mail_flows()

    def test_closes(self):
        self.lost(CLOSE)

    def test_resets(self):
        self.lost(RESET)

    def test_silent(self):
        self.lost(SILENT)

    def test_answers_too_early(self):
        for early in ("552 5.3.4 too big", "250 2.0.0 Ok"):
            self.begin({"body": early})
            self.assertIn(self.at_dot(LARGE).code, (451, 552))
            self.assertEqual(self.hop.messages, [])
            self.and_then_mail_flows()


class Dot(Stage):
    def test_refusal_is_passed_on(self):
        for refusal, status in (("452 4.3.1 disk full", "deferred"),
                                ("554-5.7.1 spam\n554 5.7.1 yes", "rejected")):
            self.begin({"dot": iter_replies(refusal, None)})
            answer = self.at_dot()
            self.assertEqual(str(answer.code), refusal[:3])
            self.assertEqual(answer.lines, [line[4:] for line in
                                            refusal.split("\n")])
            self.daemon.wait_log("status=%s \\(%s" % (status, refusal[:3]))
            self.and_then_mail_flows()

    def lost(self, how):
        self.begin({"dot": how})
        answer = self.at_dot()
        self.assertEqual(answer.code, 451)
        self.assertTrue(answer.text.startswith("4.3.0"), answer)
        self.daemon.wait_log(r"status=maybe-delivered \(451 4\.3\.0")
        self.and_then_mail_flows()

    def test_closes(self):
        self.lost(CLOSE)

    def test_resets(self):
        self.lost(RESET)

    def test_silent(self):
        self.lost(SILENT)

    def test_a_3xx_is_no_yes(self):
        self.begin({"dot": "354 more?"})
        self.assertEqual(self.at_dot().code, 451)
        self.and_then_mail_flows()


def iter_replies(*replies):
    """One reply a command, the last for all that follow; None: the best."""
    left = list(replies)

    def next_reply(connection):
        what = left.pop(0) if len(left) > 1 else left[0]
        return "250 2.0.0 Ok: queued as 3CF6B2" if what is None else what
    return next_reply


if __name__ == "__main__":
    harness.main()
