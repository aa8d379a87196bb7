#!/usr/bin/python3
"""PIPELINING (RFC 2920), through the daemon and over TCP: what came in one piece
goes on in one and is answered in one, and next hops that take it ill.

t/proxy/message/session_groups has each case of a dialogue; here are those that
take a daemon: many clients, a real Postfix on both sides, memory of a next hop
that cannot.
"""
import re

import harness
from harness import CLOSE, RESET, SILENT
from postfix_case import BOTH, PostfixCase, message

GROUP = (b"XFORWARD NAME=a.example ADDR=192.0.2.9\r\n"
         b"MAIL FROM:<ann@example.org>\r\n"
         b"RCPT TO:<b@example.net>\r\nRCPT TO:<c@example.net>\r\n")


class OnePiece:
    """A next hop's connection that notes what each read brought."""

    def __init__(self):
        self.reads = []

    def __call__(self, connection):
        lines, noted, fill = connection.lines, self.reads, \
            connection.lines.fill

        def note():
            before = len(lines.rest)
            fill()
            noted.append(bytes(lines.rest[before:]))
        lines.fill = note


class Groups(harness.Case):
    def replies(self, client, count):
        return [client.reply().code for _ in range(count)]

    def test_in_one_piece_and_answered_in_one(self):
        noted = OnePiece()
        hop = self.relay({"connect": noted})
        client = self.signpost(hop).client()
        client.ehlo()
        for _ in range(3):
            client.send(GROUP + b"DATA\r\n")
            client.lines.fill()
            self.assertEqual(client.lines.rest.count(b"\r\n"), 5)
            self.assertEqual(self.replies(client, 5), [250] * 4 + [354])
            self.assertEqual(client.body(harness.SAMPLE).code, 250)
            self.assertIn(GROUP, noted.reads)
        self.assertEqual(len(hop.messages), 3)
        self.assertEqual(len(hop.messages[2].rcpt), 2)
        self.assertEqual(hop.messages[2].xforward["NAME"], "a.example")

    def test_a_thousand_recipients(self):
        hop = self.relay({"rcpt": lambda c: (
            "550 5.1.1 no" if b"bad" in c.commands[-1] else "250 2.1.5 Ok")})
        client = self.signpost(hop).client()
        client.ehlo()
        lines = [b"RCPT TO:<%s%d@example.net>\r\n" % (
            b"bad" if n % 100 == 7 else b"r", n) for n in range(1000)]
        client.send(b"MAIL FROM:<ann@example.org>\r\n" + b"".join(lines) +
                    b"DATA\r\n")
        codes = self.replies(client, 1002)
        self.assertEqual(codes[0], 250)
        self.assertEqual(codes[-1], 354)
        self.assertEqual(codes[1:-1].count(550), 10)
        self.assertEqual(client.body(harness.SAMPLE).code, 250)
        self.assertEqual(len(hop.messages[0].rcpt), 990)

    def test_a_second_message_behind_the_first(self):
        hop = self.relay()
        client = self.signpost(hop).client()
        client.ehlo()
        whole = GROUP + b"DATA\r\n"
        text = harness.SAMPLE.replace(b"\r\n.", b"\r\n..") + b".\r\n"
        client.send(whole + text + b"RSET\r\n" + whole + text + b"QUIT\r\n")
        self.assertEqual(self.replies(client, 6), [250] * 4 + [354, 250])
        self.assertEqual(self.replies(client, 7),
                         [250] * 5 + [354, 250])
        self.assertEqual(client.reply().code, 221)
        self.assertEqual(len(hop.messages), 2)


class Stages(harness.Case):
    """A next hop that fails once, at each stage of a message that came in one
    piece: what the client hears is the same whether the next hop offers PIPELINING
    or not, nothing is half, and what was not taken goes through when it is sent
    again."""

    BEST = {"xforward": "250 2.0.0 Ok", "mail": "250 2.1.0 Ok",
            "rcpt": "250 2.1.5 Ok", "data": "354 go on", "body": None,
            "dot": "250 2.0.0 Ok: queued as 3CF6B2"}
    HOW = (CLOSE, RESET, "421 4.3.2 going down", "450 4.3.0 later",
           "550 5.0.0 never")
    SILENT_AT = ("xforward", "rcpt", "dot")

    def begin(self, *ehlo):
        """One that offers so, and does what `next` has for a stage, once."""
        self.next = {}
        self.hop = self.relay(
            {stage: lambda _, stage=stage, best=best:
                self.next.pop(stage, best)
             for stage, best in self.BEST.items()}, ehlo=list(ehlo))
        self.daemon = self.signpost(self.hop, out=[
            "command_timeout = 3", "dot_timeout = 3"])

    def send(self, client):
        """All codes that the client hears, until the connection ends."""
        codes = []
        try:
            client.send(GROUP + b"DATA\r\n")
            for _ in range(5):
                codes.append(client.reply().code)
            if codes[-1] == 354:
                codes.append(client.body(harness.SAMPLE).code)
        except harness.Gone:
            codes.append("gone")
        return codes

    def client(self):
        client = self.daemon.client()
        self.addCleanup(client.close)
        client.ehlo()
        return client

    def message(self, count):
        """The newest of so many: each recipient in it once."""
        self.assertEqual(len(self.hop.messages), count)
        rcpt = self.hop.messages[-1].rcpt
        self.assertEqual(len(set(rcpt)), len(rcpt))
        return len(rcpt)

    def fails(self, stage, how):
        before = len(self.hop.messages)
        client = self.client()
        self.next[stage] = how
        codes = self.send(client)
        taken = codes[-1] == 250 and codes.count(354) == 1
        self.assertEqual(len(self.hop.messages), before + taken)
        if taken:
            self.assertEqual(self.message(before + 1), codes[2:4].count(250))
        self.assertEqual(self.next, {})     # it came to that
        if codes[-1] not in ("gone", 421):
            self.assertEqual(client.command("RSET").code, 250)
            self.assertEqual(self.send(client), [250] * 4 + [354, 250])
            taken += 1
        # One more that goes well, so that no count of failures fills.
        self.assertEqual(self.send(self.client()), [250] * 4 + [354, 250])
        self.assertEqual(self.message(before + taken + 1), 2)
        self.assertEqual(self.hop.messages[-1].xforward["NAME"], "a.example")
        return codes

    def heard(self):
        return {(stage, how): self.fails(stage, how) for stage in self.BEST
                for how in self.HOW + ((SILENT,) if stage in self.SILENT_AT
                                       else ())
                if stage != "body" or how in (CLOSE, RESET)}

    def test_each_with_pipelining_and_without(self):
        self.begin("relay.example", "8BITMIME", "PIPELINING",
                   "XFORWARD NAME ADDR")
        grouped = self.heard()
        self.assertEqual(len(self.daemon.lines("offers PIPELINING")), 0)
        self.begin("relay.example", "8BITMIME", "XFORWARD NAME ADDR")
        self.assertEqual(self.heard(), grouped)


class Confused(harness.Case):
    """Mail goes through all the same, at once or when it is sent again."""

    def send(self, proxy):
        """A client that pipelines, as a queue does: once."""
        client = proxy.client()
        client.ehlo()
        client.send(GROUP + b"DATA\r\n")
        codes = [client.reply().code for _ in range(5)]
        if codes[-1] == 354:
            codes[-1] = client.body(harness.SAMPLE).code
        client.close()
        return codes

    def test_one_that_drops_what_came_behind(self):
        """It reads a command and forgets the rest of what it has read."""
        def forget(connection):
            del connection.lines.rest[:]
            return "250 2.1.0 Ok"
        hop = self.relay({"mail": forget, "rcpt": forget, "xforward": forget})
        proxy = self.signpost(hop, out=["command_timeout = 1"])
        # XFORWARD alone was answered: its answer is the client's, and the rest
        # is 451 or what follows from that. Nothing of it is 250 to a recipient.
        for _ in range(3):
            self.assertEqual(self.send(proxy)[2:], [503, 503, 503])
        self.assertEqual(self.send(proxy), [250] * 5)
        proxy.wait_log("offers PIPELINING, and says nothing at a command that "
                       "came behind another")
        self.assertEqual(len(hop.messages), 1)
        self.assertEqual(len(hop.messages[0].rcpt), 2)

    def test_one_that_complains(self):
        def look(connection):
            """Notes of each command whether it came behind another."""
            act, connection.more = connection.command, False

            def command(line):
                connection.behind = connection.more
                connection.more = bool(connection.lines.rest)
                act(line)
            connection.command = command

        def complain(connection):
            return ("503 5.5.1 one at a time" if connection.behind
                    else "250 2.0.0 Ok")
        hop = self.relay({"connect": look, "mail": complain,
                          "rcpt": complain, "xforward": complain})
        proxy = self.signpost(hop)
        self.assertEqual(self.send(proxy), [250] * 5)
        self.assertEqual(self.send(proxy), [250] * 5)
        proxy.wait_log("offers PIPELINING, and answers out of step")
        self.assertEqual([len(m.rcpt) for m in hop.messages], [2, 2])


class ThroughPostfix(PostfixCase):
    """Its smtp(8) pipelines to us, and its smtpd(8) behind us takes it."""
    samples = ("out-after-queue", "local-mail")
    out = BOTH

    def make_signpost(self):
        proxy = super().make_signpost()
        proxy.configure(self.out, ["log_level = debug"])
        return proxy

    def test_its_groups_go_on_as_groups(self):
        rcpts = ["%s@example.net" % name for name in "abcdef"]
        import smtplib
        with smtplib.SMTP("127.0.0.1", self.ports["submission"],
                          timeout=harness.WAIT) as client:
            client.sendmail("ann@example.org", rcpts,
                            message("Subject: to many"))
        [text] = self.delivered(1)
        self.assert_signed(text)
        self.assertEqual(len(self.world.messages[0].rcpt), len(rcpts))
        told = [line.split(": ", 2)[2] for line in
                self.proxy.lines(r"\]: session \d+: ")
                if re.search("(to )?next hop: ", line)]
        at = told.index("to next hop: MAIL")
        first = at
        while told[first - 1] == "to next hop: XFORWARD":
            first -= 1
        self.assertLess(first, at)      # Postfix said who its client was
        group = told[first:at + 1 + len(rcpts)]
        self.assertEqual(group[at - first + 1:],
                         ["to next hop: RCPT"] * len(rcpts))
        self.assertEqual(
            told[at + 1 + len(rcpts):][:len(group)],
            ["next hop: 250"] * len(group))


if __name__ == "__main__":
    harness.main()
