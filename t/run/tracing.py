#!/usr/bin/python3
"""log_level = debug: what happens on each connection, and nothing of a
message, with all that a stranger chose escaped."""
import re

import harness
import inbound

DEBUG = "log_level = debug"
SECRET = b"xyzzy"
MESSAGE = (b"From: Ann <ann@example.org>\r\nSubject: " + SECRET +
           b"\r\nX-" + SECRET + b": " + SECRET + b"\r\n\r\n" + SECRET +
           b" body\r\n")


def told(daemon, number=1):
    """The lines of one session, without what they begin with."""
    return [line.split(": session %d: " % number, 1)[1]
            for line in daemon.lines(r"\]: session %d: " % number)]


class Tracing(inbound.Case):
    def in_order(self, lines, wanted):
        rest = iter(lines)
        for one in wanted:
            self.assertTrue(any(re.fullmatch(one, line) for line in rest),
                            "no %r, or not in its turn:\n%s" % (
                                one, "\n".join(lines)))

    def no_content(self, daemon):
        self.assertNotIn(SECRET.decode(), daemon.text())

    def test_a_message_out(self):
        hop = self.relay()
        daemon = self.signpost(hop, daemon=[DEBUG])
        client = daemon.client()
        client.ehlo()
        self.assertEqual(client.message(MESSAGE).code, 250)
        client.command("VRFY " + SECRET.decode())
        client.command(SECRET.decode() + " \x1b[31m")
        client.quit()
        daemon.wait_log("session 1: hop: READY -> GONE")
        self.in_order(told(daemon), (
            r"connection from 127\.0\.0\.1", r"connecting to 127\.0\.0\.1:\d+",
            "relay: NONE -> GREETING", "next hop: 220",
            "relay: GREETING -> READY", "hop: GREETING -> GREETED",
            "to client: 220",
            "session: GREETING -> OPEN", "client: EHLO", "to next hop: EHLO",
            "next hop: 250", "hop: GREETED -> READY", "to client: 250",
            "session: OPEN -> READY",
            "client: MAIL", "to next hop: MAIL", r"message \w+",
            "session: READY -> MAIL", "client: RCPT",
            "session: MAIL -> RCPT", "client: DATA",
            "transaction: NONE -> COLLECTING", "to client: 354",
            "session: RCPT -> BODY", "client: end of data",
            "session: BODY -> HELD", "transaction: COLLECTING -> FILTERING",
            "transaction: FILTERING -> EARLY", "to next hop: DATA",
            "next hop: 354", "relay: READY -> BODY",
            # The signature comes before 354 or behind it.
            "transaction: (OFFERING|INVITED) -> SENDING",
            "transaction: SENDING -> AWAITING", "to next hop: end of data",
            "relay: BODY -> DOT", "next hop: 250", "relay: DOT -> READY",
            "transaction: AWAITING -> DONE", "to client: 250",
            "session: HELD -> READY", "client: VRFY", "to client: 252",
            "client: unknown", "to client: 502", "client: QUIT",
            "to next hop: QUIT", "next hop: 221", "to client: 221",
            "session: READY -> CLOSING", r"connection closed \(done: quit\)",
            r"relay: closing \(by us\)", "relay: READY -> CLOSED",
            "hop: READY -> GONE"))
        self.in_order(told(daemon), (
            "key of example.org, selector t2026: asked",
            "key of example.org, selector t2026: found"))
        self.no_content(daemon)

    def test_ends_with_their_reasons(self):
        hop = self.relay({"mail": harness.CLOSE})
        daemon = self.signpost(hop, daemon=[DEBUG])
        client = daemon.client()
        client.ehlo()
        self.assertEqual(
            client.command("MAIL FROM:<a@example.org>").code, 451)
        client.reset()
        daemon.wait_log(r"session 1: relay: closing \(eof: connection "
                        r"closed by peer\)")
        daemon.wait_log(r"session 1: connection closed \(reset: Connection "
                        r"reset by peer\)")
        client = daemon.client()
        client.send(b"GET / HTTP/1.0\r\n")
        self.assertEqual(client.reply().code, 421)
        client.close()
        daemon.wait_log(r"session 2: to client: 421")
        daemon.wait_log(r"session 2: connection closed \(alien: an HTTP "
                        r"request\)")

    def test_questions_of_a_message_in(self):
        proxy = self.verifier(
            self.relay(), self.nsd("s1._domainkey.example.org TXT v=DKIM1"),
            ["check = dkim, spf"], daemon=[DEBUG])
        odd = b"\xc3\xa9\"x"
        self.assertEqual(self.send(proxy, (
            b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1; h=from;"
            b" bh=eA==; b=eA==\r\nDKIM-Signature: v=1; a=rsa-sha256; d=" + odd
            + b".example; s=s1; h=from; bh=eA==; b=eA==\r\n") + MESSAGE).code,
            250)
        proxy.wait_log("status=sent")
        self.in_order(told(proxy), (
            r"DNS TXT s1\._domainkey\.example\.org: asked",
            r"DNS TXT s1\._domainkey\.example\.org: ok",
            "to next hop: end of data"))
        for line in told(proxy):
            self.assertRegex(line, r"\A[ -~]*\Z")
        self.no_content(proxy)

    def test_nothing_of_it_by_default(self):
        daemon = self.signpost(self.relay())
        client = daemon.client()
        client.ehlo()
        self.assertEqual(client.message(MESSAGE).code, 250)
        daemon.wait_log("status=sent")
        self.assertEqual(daemon.lines("session 1:"), [])


if __name__ == "__main__":
    harness.main()
