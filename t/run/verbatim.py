"""Promise 2: bytes are forwarded as they came, commands and replies too."""

import email
import random
import re
import threading
import time

import harness
from harness import SAMPLE


def without_top(message, sent):
    """Takes our fields off the top: what is left must be what was sent."""
    assert message.endswith(sent), (message[:600], sent[:200])
    top = message[:len(message) - len(sent)]
    for field in re.split(rb"\r\n(?![ \t])", top)[:-1]:
        assert re.match(rb"(DKIM-Signature|DomainKey-Signature):", field), top
    return top


class Bytes(harness.Case):
    def setUp(self):
        self.hop = self.relay()
        self.daemon = self.signpost(self.hop)
        self.client = self.daemon.client()
        self.client.ehlo()

    def comes_through(self, data, want=None):
        before = len(self.hop.messages)
        answer = self.client.message(data)
        self.assertEqual(answer.code, 250, answer)
        self.assertEqual(len(self.hop.messages), before + 1)
        without_top(self.hop.messages[-1].data, want or data)

    def test_odd_messages(self):
        header = b"From: a@example.org\r\nSubject: x\r\n"
        for data in (
                header + b"\r\n",
                header + b"\r\n\r\n\r\n\r\n",
                header + b"\r\n.\r\n..\r\n...\r\n.a\r\n",
                header + b"\r\nNUL \0 and 8 bit \x80\xff\r\n",
                header + b"\r\n" + b"x" * 200000 + b"\r\n",
                header + b"\r\n \t \r\n\t\r\n",
                header + b"Folded: a\r\n\t b\r\n  c\r\nTab:\tx\r\n"
                b"Odd  : y\r\n\r\nbody\r\n",
                b"\r\nonly a body\r\n"):
            self.comes_through(data)

    def test_a_header_that_is_too_large(self):
        long = b"X-Long: " + b"x" * 600000 + b"\r\n"
        many = b"X: y\r\n" * 20001
        for header in (long, many, SAMPLE[:20] + long + many):
            self.comes_through(header + b"\r\nbody\r\n")
            self.comes_through(header + b"no field\r\nbody\r\n",
                               header + b"\r\nno field\r\nbody\r\n")

    def test_where_a_header_ends_is_written(self):
        for data, want in harness.ENDINGS:
            with self.subTest(data=data[:80]):
                self.comes_through(data, want)
                read = email.message_from_bytes(self.hop.messages[-1].data)
                self.assertNotIn("X-Behind", read)

    def test_bare_newlines_are_repaired_in_one_way(self):
        header = b"From: a@example.org\r\nSubject: x\r\n\r\n"
        self.comes_through(header + b"a\nb\r\r\nc\rd\n\ne\n.\nf\r\n",
                           header + b"a\r\nb\r\nc d\r\n\r\ne\r\n.\r\nf\r\n")

    def test_random_messages_of_all_sizes(self):
        rng = random.Random(2026)
        for size in (0, 1, 4000, 16383, 16384, 16385, 65535, 65536, 65537,
                     70000, 131072, 1000000, 3000000):
            lines = []
            left = size
            while left > 0:
                n = min(left, rng.randrange(1, 2000))
                lines.append(bytes(rng.choices(b".abc =\t\x80\xff", k=n)))
                left -= n + 2
            self.comes_through(b"From: a@example.org\r\n\r\n" +
                               b"".join(line + b"\r\n" for line in lines))

    def test_large_ones_without_and_with_dots(self):
        header = b"From: a@example.org\r\n\r\n"
        lines = [b"%07d and so on to the end of the line" % i
                 for i in range(20000)]
        self.comes_through(header + b"\r\n".join(lines) + b"\r\n")
        for at in (0, 1500, 3000, 10000, 19900, 19999):
            for dot in (b".", b"..", b".x"):
                some = lines[:at] + [dot] + lines[at:]
                self.comes_through(header + b"\r\n".join(some) + b"\r\n")
        for size in (65536, 131072, 135168, 135169, 200000, 262144):
            self.comes_through(header + b"x" * (size - len(header) - 2) +
                               b"\r\n")

    def test_a_dot_behind_a_repaired_line_end(self):
        # A client cannot smuggle: no line began with a dot on its way in.
        header = b"From: a@example.org\r\n\r\n"
        some = b"a line of forty bytes, no more of them\r\n" * 5000
        for end in (b"\n", b"\r\r\n"):
            smuggled = end + b"." + end + b"MAIL FROM:<x@example.org>" + end
            self.comes_through(header + some + smuggled + some,
                               header + some + smuggled.replace(
                                   end, b"\r\n") + some)

    def test_large_ones_one_after_the_other(self):
        # Their files are written again: each keeps its own bytes.
        for i in range(12):
            size = 150000 + 97000 * (i * 5 % 7)
            line = b"%02d" % i * 30 + b"\r\n"
            self.comes_through(b"From: a@example.org\r\n\r\n" +
                               line * (size // len(line)))

    def test_in_any_cuts(self):
        data = SAMPLE.replace(b"\r\n.", b"\r\n..") + b".\r\n"
        for cut in range(1, len(data)):
            before = len(self.hop.messages)
            self.client.begin()
            self.assertEqual(self.client.command("DATA").code, 354)
            self.client.send(data[:cut])
            self.client.send(data[cut:])
            self.assertEqual(self.client.reply().code, 250)
            self.assertEqual(len(self.hop.messages), before + 1)
            without_top(self.hop.messages[-1].data, SAMPLE)

    def test_many_on_one_connection_pipelined(self):
        one = ("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n"
               "RCPT TO:<c@example.net>\r\nDATA\r\n")
        for _ in range(20):
            self.client.send(one)
            for code in (250, 250, 250, 354):
                self.assertEqual(self.client.reply().code, code)
            self.assertEqual(self.client.body(SAMPLE).code, 250)
        self.assertEqual(len(self.hop.messages), 20)
        self.assertEqual(len(self.hop.commands), 1)


class Bare(harness.Case):
    def test_reject_refuses_them_whole(self):
        hop = self.relay()
        daemon = self.signpost(hop, out=["bare_newline = reject"])
        client = daemon.client()
        client.ehlo()
        for bad in (b"a\nb\r\n", b"a\rb\r\n", b"a\r\r\n"):
            answer = client.message(SAMPLE + bad)
            self.assertEqual(answer.code, 550)
            self.assertTrue(answer.text.startswith("5.6.0"))
        self.assertEqual(hop.said("DATA"), 0)
        harness.wait_until("RSET", lambda: hop.said("RSET") == 3)
        self.assertEqual(client.message(SAMPLE).code, 250)


class Refused(harness.Case):
    def test_what_a_relay_reads_late_is_still_that_message(self):
        # It refuses before it has read, and by then other mail came.
        go_on = threading.Event()

        def refuse_and_read_later(connection):
            time.sleep(0.5)     # all of it has left signpost
            connection.reply("451 4.3.2 not now")
            go_on.wait(harness.WAIT)

        hop = self.relay({"body": refuse_and_read_later}, {})
        daemon = self.signpost(hop)
        header = b"From: a@example.org\r\n\r\n"
        line = b"%s of a line of forty bytes, of many\r\n"
        first, second = daemon.client(), daemon.client()
        first.ehlo()
        answer = first.message(header + line % b"one" * 10000)
        self.assertEqual(answer.code, 451)
        self.assertEqual(answer.text, "4.3.2 not now")
        second.ehlo()
        answer = second.message(header + line % b"two" * 10000)
        self.assertEqual(answer.code, 250)
        go_on.set()
        late = hop.wait_messages(2)[1].data
        self.assertTrue(late.endswith(header + line % b"one" * 10000))


class Envelope(harness.Case):
    def begin(self, script=None, **options):
        self.hop = self.relay(script or {}, **options)
        self.daemon = self.signpost(self.hop)
        self.client = self.daemon.client()

    def said(self):
        return self.hop.commands[-1]

    def test_parameters_go_through(self):
        self.begin()
        self.client.ehlo()
        for line in (
                "MAIL FROM:<a@example.org> BODY=8BITMIME RET=HDRS ENVID=x+2B1",
                "mail from:<>  SMTPUTF8",
                "MAIL FROM:<\"odd one\"@example.org>",
                "MAIL FROM:<Joe <a@example.org>>"):    # the relay judges it
            self.assertEqual(self.client.command(line).code, 250)
            self.assertEqual(self.said()[-1], line.encode())
            rcpt = "RCPT TO:<b@example.net> NOTIFY=NEVER ORCPT=rfc822;b@x"
            self.assertEqual(self.client.command(rcpt).code, 250)
            self.assertEqual(self.said()[-1], rcpt.encode())
            self.client.command("RSET")

    def test_size_is_raised_or_dropped(self):
        self.begin()
        self.client.ehlo()
        self.client.command("MAIL FROM:<a@example.org> SIZE=1000 BODY=7BIT")
        line = self.said()[-1].decode()
        size = int(re.fullmatch(
            r"MAIL FROM:<a@example.org> SIZE=(\d+) BODY=7BIT", line)[1])
        self.assertGreater(size, 1000)
        self.assertLess(size, 40000)
        self.client.command("RSET")
        self.client.command("MAIL FROM:<a@example.org> SIZE=%d" % (2**64 - 1))
        self.assertEqual(self.said()[-1],
                         b"MAIL FROM:<a@example.org> SIZE=%d" % (2**64 - 1))
        self.begin(ehlo=("relay.example",))
        self.client.ehlo()
        self.client.command("MAIL FROM:<a@example.org> SIZE=1000")
        self.assertEqual(self.said()[-1], b"MAIL FROM:<a@example.org>")

    def test_offers_no_more_than_the_relay(self):
        self.begin(ehlo=("relay.example", "STARTTLS", "AUTH PLAIN", "CHUNKING",
                         "VRFY", "ETRN", "DSN", "SIZE 1000000"))
        words = {line.split()[0] for line in self.client.ehlo().lines[1:]}
        self.assertEqual(words, {"PIPELINING", "ENHANCEDSTATUSCODES", "SIZE",
                                 "DSN", "XFORWARD"})

    def test_the_log_tells_of_lines_that_will_be_broken(self):
        """Postfix's smtp(8) breaks those over 998 octets, behind us."""
        daemon = self.signpost(self.relay())
        client = daemon.client()
        client.ehlo()
        texts = [(b"x" * n + b"\r\n", n > 998) for n in (998, 999, 5000)]
        texts += [(b"y\r\n" * 700, False),
                  (b"z" * 999 + b"\r\n" + b"z\r\n" * 9, True)]
        for number, (text, risk) in enumerate(texts):
            self.assertEqual(client.message(SAMPLE + text).code, 250)
            line = daemon.wait_log("status=sent", number + 1)
            self.assertEqual(" risk=line-length " in line, risk, line)
        self.assertEqual(client.message(
            b"X: " + b"x" * 996 + b"\r\n" + SAMPLE).code, 250)
        self.assertIn(" risk=line-length ", daemon.wait_log("status=sent", 6))
        for length, risk in (("0", False), ("4999", True), ("5000", False)):
            daemon = self.signpost(self.relay(),
                                   out=["line_length = " + length])
            client = daemon.client()
            client.ehlo()
            self.assertEqual(client.message(SAMPLE + texts[2][0]).code, 250)
            self.assertEqual("risk=" in daemon.wait_log("status=sent"), risk)

    def test_8bitmime_can_be_withheld(self):
        hop = self.relay()
        daemon = self.signpost(hop, out=["announce_8bitmime = no"])
        client = daemon.client()
        offer = client.ehlo().text
        self.assertNotIn("8BITMIME", offer)
        self.assertNotIn("SMTPUTF8", offer)
        self.assertIn("DSN", offer)

    def test_vrfy_and_etrn_never_reach_it(self):
        self.begin()
        self.client.ehlo()
        self.assertEqual(self.client.command("VRFY a").code, 252)
        for verb in ("ETRN a", "EXPN a", "STARTTLS", "AUTH PLAIN", "XYZZY"):
            self.assertEqual(self.client.command(verb).code, 502)
        self.assertEqual(len(self.said()), 1)


class Limits(harness.Case):
    def begin(self, limit, ehlo=harness.EHLO):
        self.hop = self.relay(ehlo=ehlo)
        self.daemon = self.signpost(
            self.hop, out=["max_message_size = %s" % limit])
        self.client = self.daemon.client()
        return self.client.ehlo().text

    def test_the_smaller_size_is_shown(self):
        self.assertIn("SIZE 10000\n", self.begin("10000"))
        self.assertIn("SIZE 104857600\n", self.begin("0"))
        self.assertIn("SIZE 104857600\n", self.begin("1G"))

    def test_a_larger_body_is_swallowed(self):
        self.begin("10000")
        for _ in range(3):
            answer = self.client.message(SAMPLE + b"x" * 9990 + b"\r\n")
            self.assertEqual(str(answer)[:9], "552 5.3.4")
        self.assertEqual(self.hop.said("DATA"), 0)
        answer = self.client.command("MAIL FROM:<a@example.org> SIZE=10001")
        self.assertEqual(str(answer)[:9], "552 5.3.4")
        self.assertEqual(self.client.message(SAMPLE).code, 250)

    def test_the_relays_limit_counts_too(self):
        self.begin("0", ehlo=("relay.example", "SIZE 5000"))
        answer = self.client.message(SAMPLE + b"x" * 5000 + b"\r\n")
        self.assertEqual(str(answer)[:9], "552 5.3.4")
        self.assertEqual(self.client.message(SAMPLE).code, 250)


if __name__ == "__main__":
    harness.main()
