#!/usr/bin/python3
"""Checked by milter: one field on top, forged ones deleted, refusals, trusted
mail, a body that nobody needs; what may happen at each packet."""
import signal
import socket

import harness
import inbound
import milter_case
import mta
import verifying
from harness import SAMPLE
from mta import LOCAL, Mta

STRANGER = ("192.0.2.1", 1025)
RECORDS = verifying.RECORDS + """
_dmarc.example.org TXT v=DMARC1; p=reject
"""
FORGED = b"Authentication-Results: mx.example.org; dkim=pass\r\n"
OTHER = b"authentication-results: mx.example.net; dkim=pass\r\n"


class Case(inbound.Case):
    checks = ("check = dkim, spf",)

    def setUp(self):
        self.proxy = self.milter(self.checks)

    def milter(self, lines, server=None, **options):
        """`server`: the port of another name server than ours."""
        proxy = inbound.Verifier("127.0.0.1:9",
                                 server or self.nsd(RECORDS).port,
                                 tuple(lines), **options)
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        with open(proxy.config) as config:
            text = config.read()
        text = text.replace("listen = 127.0.0.1", "listen = milter:127.0.0.1")
        with open(proxy.config, "w") as config:
            config.write(text.replace("relay = 127.0.0.1:9\n", ""))
        return proxy.start()

    def mute_name_server(self):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        self.addCleanup(sock.close)
        return sock.getsockname()[1]

    def mta(self):
        client = Mta(self.proxy.port)
        self.addCleanup(client.close)
        return client

    def ask(self, message, client=STRANGER, helo="mx.example.org",
            sender="ann@example.org", server=None, **options):
        if server is None:
            server = Mta(self.proxy.port)
            self.addCleanup(server.close)
        return server.message(message, client=client, helo=helo,
                              sender=sender, name="mx.example.org", **options)


class Fields(Case):
    def test_the_results_go_on_top_of_what_came(self):
        message = inbound.sign(SAMPLE, verifying.RSA)
        result = self.ask(message)
        self.assertTrue(result.passed())
        found = inbound.results(result.data)
        self.assertIn("dkim=pass", found)
        self.assertIn("header.d=example.org", found)
        self.assertIn("spf=pass", found)
        self.assertEqual(inbound.below(result.data), message)
        line = self.proxy.wait_log("status=sent")
        for part in ("front=milter", "4QUEUE1:", "client=192.0.2.1",
                     "dkim=pass:example.org", "spf=pass"):
            self.assertIn(part, line)

    def test_every_version_and_all_cuts(self):
        message = inbound.sign(FORGED + OTHER + FORGED + SAMPLE,
                               verifying.RSA)
        want = message.replace(FORGED, b"")
        for version, steps, cut in ((2, 0x7F, None), (6, mta.ALL_STEPS, 1),
                                    (6, mta.ALL_STEPS & ~mta.SKIP, 7),
                                    (6, mta.LEADING_SPACE, None)):
            with self.subTest(version=version, steps=steps):
                server = Mta(self.proxy.port, version=version, steps=steps,
                             cut=cut)
                result = self.ask(message, server=server)
                self.assertIn("dkim=pass", inbound.results(result.data))
                self.assertEqual(inbound.below(result.data), want)
                server.close()

    def test_a_thousand_forged_fields_are_gone(self):
        result = self.ask((FORGED + OTHER) * 1500 + SAMPLE)
        inbound.results(result.data)
        self.assertEqual(inbound.below(result.data), OTHER * 1500 + SAMPLE)
        self.assertIn("forged=1500", self.proxy.wait_log("status=sent"))

    def test_and_so_they_are_of_a_header_that_is_too_large(self):
        large = b"X-Large: " + b"x" * 90000 + b"\r\n"
        result = self.ask(FORGED + OTHER + large * 6 +
                          (OTHER + FORGED + b"BIMI-Location: x\r\n") * 500 +
                          SAMPLE)
        inbound.results(result.data)
        self.assertEqual(inbound.below(result.data),
                         OTHER + large * 6 + OTHER * 500 + SAMPLE)

    def test_fields_that_are_none(self):
        """An odd name is no other field; what may leave as another one does
        not pass, for it would be no better the next time."""
        for name, value, reply in (
                ("X-\u00dc".encode(), b" y", "c"), (b"", b" y", "c"),
                (b"n" * 2048, b" y", "c"),
                (b"A", b" b\nAuthentication-Results: mx.example.org; x=y",
                 "550"), (b"A", b" b\n", "550"), (b"A b", b" c", "550"),
                (b"A\nAuthentication-Results", b" mx.example.org; x=y",
                 "550")):
            with self.subTest(name=name[:20], value=value):
                server = Mta(self.proxy.port)
                server.connect(STRANGER)
                server.envelope("ann@example.org", ["b@example.net"])
                fields = [[b"From", b" ann@example.org"], [name, value]]
                for one in fields + [FORGED[:-2].split(b":", 1)]:
                    server.send(b"L", one[0] + b"\0" + one[1] + b"\0")
                server.send(b"N")
                result = server.end(
                    fields + [FORGED[:-2].split(b":", 1)], b"")
                server.close()
                self.assertEqual(result.reply.split(" ")[0], reply)
                if reply == "c":
                    inbound.results(result.data)
                    self.assertNotIn(FORGED, result.data)

    def test_a_mail_server_that_cannot_delete_is_not_served(self):
        with self.assertRaises((mta.Gone, AssertionError)):
            Mta(self.proxy.port, actions=1)
        self.proxy.wait_log("actions 0x1 are offered, and 0x11 are needed")

    def test_a_body_that_nobody_needs_is_not_read(self):
        body = b"x" * 78 + b"\r\n"
        large = SAMPLE + body * 10000
        server = Mta(self.proxy.port)
        self.assertEqual(self.ask(large, server=server).body_sent, 1)
        signed = inbound.sign(large, verifying.RSA)
        server.next_client()
        result = self.ask(signed, server=server)
        self.assertGreater(result.body_sent, 10)
        self.assertIn("dkim=pass", inbound.results(result.data))
        server.close()


class Bare(Case):
    checks = ("check = dkim, spf", "bare_newline = reject")

    def test_a_bare_newline_far_down_a_body_that_nothing_else_needs(self):
        for head in (b"", b"A: " + b"x" * 90000 + b"\r\n"):
            large = head * 6 + SAMPLE + (b"x" * 78 + b"\r\n") * 2000
            with self.subTest(header=len(head)):
                self.assertTrue(self.ask(large).passed())
                self.assertEqual(self.ask(large + b"a\nb\r\n").reply,
                                 "550 5.6.0 bare CR or LF in the message")


class Refusals(Case):
    checks = ("check = dkim, spf, dmarc", "reject = dmarc, spf",
              "dmarc_except =")

    def test_at_the_end(self):
        result = self.ask(SAMPLE, client=("198.51.100.1", 9),
                          sender="ann@example.org")
        self.assertRegex(result.reply, r"^550 5\.7\.(23|26) ")
        self.proxy.wait_log("status=rejected")

    def test_a_sender_that_cannot_be_read_at_its_mail(self):
        server = Mta(self.proxy.port)
        self.addCleanup(server.close)
        server.connect(STRANGER)
        self.assertEqual(server.ask(b"M", b"<a b@@c>\0"),
                         "501 5.1.7 bad sender address syntax")

    def test_our_own_are_not_judged(self):
        for client, login in ((LOCAL, ""), (("127.0.0.1", 40000), ""),
                              (("198.51.100.1", 9), "ann")):
            with self.subTest(client=client, login=login):
                result = self.ask(FORGED + SAMPLE, client=client, login=login)
                self.assertTrue(result.passed(), result.reply)
                found = inbound.results(result.data)
                self.assertNotIn("spf=", found)
                self.assertEqual(inbound.below(result.data), SAMPLE)
        self.proxy.wait_log("trusted=local")
        self.proxy.wait_log("trusted=authenticated")
        self.proxy.wait_log("trusted=127.0.0.1")

    def test_progress_while_dns_takes_its_time(self):
        self.proxy.stop()
        self.proxy = self.milter(self.checks, server=self.mute_name_server(),
                                 dns=("timeout = 12",))
        result = self.ask(SAMPLE)
        codes = [code for code, _ in result.packets]
        self.assertGreaterEqual(codes.count(b"p"), 1, codes)
        self.assertIn("temperror", inbound.results(result.data))


class EachPacket(milter_case.EachPacket, Case):
    checks = ("check = dkim, spf, dmarc",)
    SIGNED = inbound.sign(SAMPLE, verifying.RSA)
    TEXT = FORGED + SIGNED
    how = {"client": STRANGER, "helo": "mx.example.org",
           "name": "mx.example.org"}

    @property
    def daemon(self):
        return self.proxy

    def assert_done(self, result):
        self.assertTrue(result.passed(), result.reply)
        found = inbound.results(result.data)
        for part in ("dkim=pass", "spf=pass", "dmarc=pass"):
            self.assertIn(part, found)
        self.assertEqual(inbound.below(result.data), self.SIGNED)


class MuteServer(milter_case.AtOnce, Case):
    """Names are looked up for longer than a mail server stays."""
    checks = ("check = dkim, spf, dmarc",)
    TEXT = EachPacket.TEXT
    how = EachPacket.how

    def setUp(self):
        self.proxy = self.milter(self.checks, server=self.mute_name_server(),
                                 dns=("timeout = 5",))

    def test_gone_while_names_are_looked_up(self):
        for leave in (harness.hard_close, self.finish):
            self.assertEqual(self.all_at_once(leave, going=1), [])
        self.proxy.wait_log("status=aborted .*client gone", 2 * self.AT_ONCE)
        stay = self.all_at_once(harness.hard_close)
        self.proxy.process.send_signal(signal.SIGTERM)
        for client, fields, body in stay:
            result = client.outcome(fields, body)
            self.assertTrue(result.passed(), result.reply)
            self.assertIn("dkim=temperror", inbound.results(result.data))
        self.assertEqual(self.proxy.process.wait(harness.WAIT), 0)
        self.assertEqual(self.proxy.lines("killed by"), [])


if __name__ == "__main__":
    harness.main()
