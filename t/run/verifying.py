#!/usr/bin/python3
"""The verifying proxy: 10025 -> checked -> 10026, between scripted peers and
real name servers. Mail is signed by dkimpy.
"""
import email
import os
import re
import socket
import struct
import time

import harness
import inbound
from harness import SAMPLE

RSA, RSA_RECORD = inbound.key("rsa2048")
EVIL, EVIL_RECORD = inbound.key("rsa1024")
ED, ED_RECORD = inbound.key("ed25519")

RECORDS = """
s1._domainkey.example.org TXT %s
ed._domainkey.example.org TXT %s
evil._domainkey.example.net TXT %s
example.org TXT v=spf1 ip4:192.0.2.0/24 -all
""" % (RSA_RECORD, ED_RECORD, EVIL_RECORD)

SECONDS = 10            # at most for anything hostile
MEMORY = 256 << 20


class OneField(inbound.Case):
    """One Authentication-Results field of ours, on top; else as it came."""

    def setUp(self):
        self.world = self.relay()
        self.proxy = self.verifier(self.world, self.nsd(RECORDS),
                                   ["check = dkim, spf"])

    def through(self, message, count=1, **options):
        reply = self.send(self.proxy, message, **options)
        self.assertEqual(reply.code, 250, reply)
        return self.world.wait_messages(count)[count - 1].data

    def test_a_signature_passes_and_the_message_is_untouched(self):
        message = inbound.sign(SAMPLE, RSA)
        text = self.through(message, sender="ann@example.org")
        found = inbound.results(text)
        self.assertIn("dkim=pass", found)
        for part in ("header.d=example.org", "header.s=s1",
                     "header.a=rsa-sha256", "header.b=", "header.i="):
            self.assertIn(part, found)
        self.assertIn("spf=pass", found)
        self.assertEqual(inbound.below(text), message)
        line = self.proxy.wait_log("status=sent")
        self.assertIn("dkim=pass:example.org", line)
        self.assertIn("spf=pass", line)

    def test_two_signatures_each_have_a_result(self):
        message = inbound.sign(inbound.sign(SAMPLE, RSA), ED, selector=b"ed")
        found = inbound.results(self.through(message))
        self.assertEqual(found.count("dkim=pass"), 2)
        self.assertIn("header.a=ed25519-sha256", found)

    def test_a_changed_byte_fails(self):
        message = inbound.sign(SAMPLE, RSA)
        for number, (old, new) in enumerate((
                (b"Hello", b"Hallo"), (b"Subject: a", b"Subject: b"),
                (b"bh=", b"bh=A"), (b" b=", b" b=AAAA")), 1):
            self.assertIn(old, message)
            found = inbound.results(
                self.through(message.replace(old, new, 1), count=number))
            self.assertNotIn("dkim=pass", found)
            self.assertIn("dkim=", found)

    def test_unsigned_mail_has_none(self):
        found = inbound.results(self.through(SAMPLE))
        self.assertIn("dkim=none", found)

    def test_forged_fields_are_gone_and_no_others(self):
        ours = [
            b"Authentication-Results: mx.example.org; dkim=pass\r\n",
            b"authentication-results: MX.EXAMPLE.ORG 1; spf=pass\r\n",
            b"Authentication-Results:\r\n\t(a (b) c)\r\n \"mx.example.org\"\r\n"
            b" ;\r\n dkim=pass\r\n",
            b"Authentication-Results : \"mx.\\example.org\"; dkim=pass\r\n",
            b"Authentication-Results: (unclosed; dkim=pass\r\n",
            b"Authentication-Results: ; dkim=pass\r\n",
        ]
        others = [
            b"Authentication-Results: mx.example.net; dkim=pass\r\n",
            b"Authentication-Results: mx.example.org.example; dkim=pass\r\n",
            b"X-Authentication-Results: mx.example.org; dkim=pass\r\n",
        ]
        message = (b"".join(ours[:3]) + others[0] + SAMPLE.replace(
            b"Subject:", b"".join(ours[3:] + others[1:]) + b"Subject:", 1))
        want = others[0] + SAMPLE.replace(
            b"Subject:", b"".join(others[1:]) + b"Subject:", 1)
        text = self.through(message)
        self.assertIn("dkim=none", inbound.results(text))
        self.assertEqual(inbound.below(text), want)
        self.assertIn("forged=6", self.proxy.wait_log("status=sent"))

    def test_what_no_stranger_may_send_is_gone(self):
        bimi = (b"BIMI-Location: v=BIMI1; l=https://evil.example/x.svg\r\n"
                b"bimi-indicator: PHN2Zz4=\r\n PHN2Zz4=\r\n")
        text = self.through(bimi + b"X-BIMI-Location: x\r\n" + SAMPLE)
        self.assertEqual(inbound.below(text),
                         b"X-BIMI-Location: x\r\n" + SAMPLE)
        self.assertIn("removed=2", self.proxy.wait_log("status=sent"))
        trusted = self.through(bimi + SAMPLE, count=2,
                               xforward="ADDR=127.0.0.1 HELO=ann.test")
        self.assertEqual(inbound.below(trusted), bimi + SAMPLE)

    def test_no_number_of_forged_fields_is_too_much(self):
        forged = b"Authentication-Results: mx.example.org; dkim=pass\r\n"
        other = b"Authentication-Results: mx.example.net; dkim=pass\r\n"
        text = self.through((forged + other) * 3000 + SAMPLE)
        self.assertEqual(inbound.below(text), other * 3000 + SAMPLE)

    def test_part_of_a_body_speaks_for_nobody(self):
        records = RECORDS + "_dmarc.example.org TXT v=DMARC1; p=reject\n"
        head = SAMPLE.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
        signed = inbound.sign(head, RSA, length=True)
        self.assertIn(b"l=0", signed)
        for lines, dkim, dmarc in (
                ([], "dkim=policy", "dmarc=fail"),
                (["partial_body = pass"], "dkim=pass", "dmarc=pass")):
            proxy = self.verifier(self.world, self.nsd(records),
                                  ["check = dkim, dmarc"] + lines)
            count = len(self.world.messages)
            for message in (signed, signed + b"Buy now\r\n"):
                self.assertEqual(self.send(
                    proxy, message, sender="a@unknown.example").code, 250)
            whole, more = self.world.wait_messages(count + 2)[count:]
            self.assertIn("dmarc=pass", inbound.results(whole.data))
            self.assertIn(dkim, inbound.results(more.data))
            self.assertIn(dmarc, inbound.results(more.data))

    def test_the_authors_signature_counts_below_many(self):
        other = (b"DKIM-Signature: v=1; a=rsa-sha256; d=d%d.example.net; "
                 b"s=s1; h=from; bh=AAAA; b=AAAA\r\n")
        proxy = self.verifier(
            self.world, self.nsd(
                RECORDS + "_dmarc.example.org TXT v=DMARC1; p=reject\n"),
            ["check = dkim, dmarc"])
        message = b"".join(other % i for i in range(12)) + inbound.sign(
            SAMPLE, RSA)
        self.assertEqual(self.send(
            proxy, message, sender="a@unknown.example").code, 250)
        found = inbound.results(self.world.wait_messages(1)[0].data)
        self.assertIn("dmarc=pass", found)
        # in the order of the message
        self.assertGreater(found.index("dkim=pass"),
                           found.index("header.d=d8.example.net"))

    def test_checks_run_on_the_message_as_it_came(self):
        """A forged field that a signature covers is gone afterwards, but
        was there when the signature was checked."""
        import dkim
        forged = b"Authentication-Results: mx.example.org; spf=pass\r\n"
        message = forged + SAMPLE
        message = dkim.sign(
            message, b"s1", b"example.org", RSA,
            include_headers=[b"from", b"subject", b"authentication-results"]
        ) + message
        text = self.through(message)
        self.assertIn("dkim=pass", inbound.results(text))
        self.assertNotIn(b"spf=pass\r\nFrom", text)

    def test_nothing_injects_a_result(self):
        """What a message says of itself is quoted or left out."""
        nasty = (b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; "
                 b"s=s1; h=from; bh=AAAA; b=AA;\r\n"
                 b" i=\"x; dkim=pass\"@example.org\r\n"
                 b"DKIM-Signature: v=1; a=x;dkim=pass; d=e.org\r\n"
                 b" (dkim=pass); s=s1)dkim=pass; h=from; bh=A; b=A\r\n")
        text = self.through(
            nasty + SAMPLE, sender="a;dkim=pass@example.org",
            xforward="ADDR=192.0.2.1 HELO=x+3Bdkim=pass")
        plain = re.sub(r'"(\\.|[^"\\])*"', '""', inbound.results(text))
        plain = re.sub(r"\([^()]*\)", "()", plain)
        self.assertNotRegex(plain, r"(^|;)\s*dkim=pass")
        self.assertNotIn("dkim=pass", plain)

    def test_where_a_header_ends_is_written(self):
        for number, (message, want) in enumerate(harness.ENDINGS, 1):
            with self.subTest(message=message[:80]):
                text = self.through(message, count=number)
                self.assertNotIn("dkim=pass", inbound.results(text))
                self.assertEqual(inbound.below(text), want)
                self.assertNotIn("X-Behind", email.message_from_bytes(text))

    def test_size_tells_of_all_that_may_be_added(self):
        client = self.proxy.client()
        client.ehlo()
        client.command("MAIL FROM:<a@example.org> SIZE=1000")
        line = self.world.commands[-1][-1].decode()
        # the field, ten mailbox lines, two empty lines
        self.assertEqual(int(line.split("SIZE=")[1]),
                         1000 + 32768 + 10 * len("X-Mailbox-Line: ") + 4)

    def test_the_body_is_judged_as_it_came(self):
        # The signature is over the lines below; the empty line is no part.
        whole = inbound.sign(SAMPLE, RSA)
        head, body = whole.split(b"\r\n\r\n", 1)
        text = self.through(head + b"\r\nno field\r\n" + body)
        self.assertIn("dkim=fail", inbound.results(text))
        signed = inbound.sign(
            SAMPLE.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\nno field\r\n", RSA)
        text = self.through(signed.replace(b"\r\n\r\n", b"\r\n", 1), count=2)
        self.assertIn("dkim=pass", inbound.results(text))
        self.assertTrue(text.endswith(b"\r\n\r\nno field\r\n"))


class Refusing(inbound.Case):
    def setUp(self):
        self.world = self.relay()
        self.server = self.nsd(RECORDS)

    def check(self, lines, message, code, text="", **options):
        proxy = self.verifier(self.world, self.server, lines)
        client = proxy.client()
        client.ehlo()
        client.command("XFORWARD " + options.pop(
            "xforward", "ADDR=198.51.100.1 HELO=x.test"))
        reply = client.message(message, **options)
        self.assertEqual(reply.code, code, reply)
        self.assertIn(text, reply.text)
        # The connection lives, and the relay's does too.
        reply = client.command("NOOP")
        self.assertEqual(reply.code, 250, reply)
        client.quit()

    def test_reject_dkim(self):
        good = inbound.sign(SAMPLE, RSA)
        bad = good.replace(b"Hello", b"Hallo")
        both = inbound.sign(bad, RSA)
        self.check(["reject = dkim"], bad, 550, "5.7.20")
        self.check(["reject = dkim"], good, 250)
        self.check(["reject = dkim"], both, 250)
        self.check(["reject = dkim"], SAMPLE, 250)
        self.check(["reject = dkim-required"], SAMPLE, 550, "5.7.20")
        self.check(["reject = dkim-required"], good, 250)
        self.check(["reject = none"], bad, 250)
        self.assertEqual(len(self.world.messages), 5)

    def test_reject_spf(self):
        lines = ["check = spf", "reject = spf"]
        self.check(lines, SAMPLE, 550, "5.7.23", sender="a@example.org")
        self.check(lines, SAMPLE, 250, sender="a@example.org",
                   xforward="ADDR=192.0.2.77 HELO=x.test")
        self.check(lines, SAMPLE, 250, sender="a@unknown.example")

    def test_spf_is_not_evaded_by_odd_syntax(self):
        """Postfix takes each of these, and sees a sender of example.org: for
        us it must be that sender, or none at all."""
        proxy = self.verifier(self.world, self.server,
                              ["check = spf", "reject = spf"])
        for path, code in (("a@example.org", 550),
                           ("< a@example.org >", 550),
                           ('"a"@example.org', 550),
                           ("<@x.test:a@example.org>", 550),
                           ("<a@EXAMPLE.org.>", 550),
                           ("<(b@unknown.example)a@example.org>", 501),
                           ("<a@example.org(c)>", 501),
                           ("<a@example.org;b@unknown.example>", 501),
                           ("<a @example.org>", 501),
                           ("<a@example.org (c)>", 501),
                           ("<a@example.org (b@unknown.example)>", 501),
                           ("<Joe <a@example.org>>", 501),
                           ("<a@b@example.org>", 501),
                           ("<a@example.org", 501)):
            client = proxy.client()
            client.ehlo()
            client.command("XFORWARD ADDR=198.51.100.1 HELO=unknown.example")
            reply = client.command("MAIL FROM:" + path)
            if code == 501:
                self.assertEqual((reply.code, reply.text[:6]), (501, "5.1.7 "))
            else:
                self.assertEqual(reply.code, 250, path)
                client.command("RCPT TO:<b@example.net>")
                client.command("DATA")
                self.assertEqual(client.body(SAMPLE).code, 550, path)
            client.quit()
        self.assertEqual(self.world.messages, [])
        # A SIZE= that is none does not hide the sender either.
        client = proxy.client()
        client.ehlo()
        client.command("XFORWARD ADDR=198.51.100.1 HELO=unknown.example")
        client.command("MAIL FROM:<a@example.org> SIZE=abc")
        client.command("RCPT TO:<b@example.net>")
        client.command("DATA")
        self.assertEqual(client.body(SAMPLE).code, 550)
        client.quit()

    def test_a_sender_that_nobody_can_read_is_refused_where_one_is_judged(self):
        """Elsewhere the next hop has the say: a refusal of ours behind a queue
        is a bounce, and `reject = none` means that nothing is refused."""
        dmarc = ["reject = dmarc", "dmarc_except ="]
        stranger = "ADDR=198.51.100.1 HELO=unknown.example"
        queued = stranger + " IDENT=4ABC"
        for lines, xforward, refused in (
                ([], stranger, False),
                (["reject = none"], queued, False),
                (["reject = dkim-required"], stranger, False),
                (["reject = spf"], stranger, True),
                (["reject = spf"], queued, True),
                (["reject = spf", "trusted = 198.51.100.1"], stranger, False),
                (dmarc, stranger, True),
                (dmarc, queued, False)):
            with self.subTest(lines=lines, xforward=xforward):
                proxy = self.verifier(self.world, self.server, lines)
                client = proxy.client()
                client.ehlo()
                client.command("XFORWARD " + xforward)
                reply = client.command("MAIL FROM:<a@b@example.org>")
                if refused:
                    self.assertEqual((reply.code, reply.text[:6]),
                                     (501, "5.1.7 "))
                else:
                    self.assertEqual(reply.code, 250, reply)
                    client.command("RCPT TO:<b@example.net>")
                    client.command("DATA")
                    signed = inbound.sign(SAMPLE, RSA)
                    self.assertEqual(client.body(signed).code, 250)
                    text = self.world.messages[-1].data
                    self.assertNotIn("spf=pass", inbound.results(text))
                client.quit()

    def test_reject_dmarc_before_the_queue_alone(self):
        """Behind it (XFORWARD IDENT) a refusal would be a bounce."""
        self.server = self.nsd(
            RECORDS + "_dmarc.example.org TXT v=DMARC1; p=reject\n")
        lines = ["check = spf, dmarc", "reject = dmarc",
                 "dmarc_except = 203.0.113.0/24"]
        self.check(lines, SAMPLE, 550, "5.7.", sender="a@unknown.example")
        for xforward in ("IDENT=3CF6B2 ADDR=198.51.100.1 HELO=x.test",
                         "ADDR=203.0.113.9 HELO=list.test"):
            self.check(lines, SAMPLE, 250, sender="a@unknown.example",
                       xforward=xforward)
            self.assertIn("dmarc=fail", inbound.results(
                self.world.messages[-1].data))

    EVADING = (
        b"From: CEO <ceo@example.org> x\r\n",
        b"From: <ceo@example.org> <x@evil.example>\r\n",
        b'From: "CEO" <ceo@example.org\r\n',
        b"From: ceo@example.org;\r\n",
        b"From: ceo@example.org.\r\n",
        b"From: CEO, Inc. <ceo@example.org>\r\n",
        b"From: CEO @ Bank <ceo@example.org>\r\n",
        b"From: ceo@example.org" + 1000 * b",\r\n a@b.example" + b"\r\n",
        b"From: ceo@example.org\r\nFrom: a@a.example, a@b.example,\r\n"
        b" a@c.example, a@d.example\r\n",
        b"From: ceo@example.org\r\nFrom: news@example.org\r\n")

    def test_dmarc_is_not_evaded_by_an_odd_from(self):
        """Other programs show ceo@example.org in each of these. Where nobody
        is refused, the results say what the domain's policy is."""
        server = self.nsd(
            RECORDS + "_dmarc.example.org TXT v=DMARC1; p=reject\n")
        lines = ["check = dkim, spf, dmarc", "reject = dmarc",
                 "trusted = 203.0.113.1/32", "dmarc_except = 203.0.113.9/32"]
        proxy = self.verifier(self.world, server, lines)
        stranger = "ADDR=198.51.100.1 HELO=x.test"
        others = ("IDENT=3CF6B2 " + stranger, "ADDR=203.0.113.1 HELO=x.test",
                  "ADDR=203.0.113.9 HELO=x.test")
        rest = b"Subject: a\r\n\r\nb\r\n"
        deep = (b"From: ceo@example.org " + 51 * b"(" + 51 * b")" + b"\r\n")
        reply = self.send(proxy, deep + rest, xforward=stranger)
        self.assertEqual((reply.code, reply.text[:7]), (550, "5.7.26 "))
        for number, header in enumerate(
                self.EVADING + (b"", b"From: x:;\r\n", b"From: root\r\n")):
            reply = self.send(proxy, header + rest, xforward=stranger)
            self.assertEqual((reply.code, reply.text[:6]), (550, "5.6.0 "),
                             header)
            self.assertIn("From", reply.text)
            reply = self.send(proxy, header + rest,
                              xforward=others[number % len(others)])
            self.assertEqual(reply.code, 250, header)
        self.assertEqual(len(self.world.messages), len(self.EVADING) + 3)
        proxy = self.verifier(self.world, server, lines[:1])
        for header in self.EVADING:
            self.assertEqual(
                self.send(proxy, header + rest, xforward=stranger).code, 250)
            found = inbound.results(self.world.messages[-1].data)
            self.assertIn("dmarc=fail (p=reject)", found, header)
            self.assertIn("header.from=example.org policy.dmarc=reject", found)

    def test_a_second_from_does_not_borrow_the_signature(self):
        server = self.nsd(
            RECORDS + "_dmarc.example.org TXT v=DMARC1; p=reject\n")
        good = inbound.sign(SAMPLE, RSA, include_headers=[b"from", b"subject"])
        message = b"From: CEO <ceo@example.org>\r\n" + good
        lines = ["check = dkim, dmarc", "dmarc_except ="]
        proxy = self.verifier(self.world, server, lines)
        self.assertEqual(self.send(proxy, good).code, 250)
        self.assertIn("dmarc=pass", inbound.results(
            self.world.messages[0].data))
        self.assertEqual(self.send(
            proxy, message, sender="a@unknown.example").code, 250)
        found = inbound.results(self.world.messages[1].data)
        self.assertIn("dkim=pass", found)
        self.assertIn(
            'dmarc=permerror (p=reject) reason="more than one From field"',
            found)
        proxy = self.verifier(self.world, server, lines + ["reject = dmarc"])
        self.assertEqual(self.send(proxy, good).code, 250)
        reply = self.send(proxy, message)
        self.assertEqual(
            (reply.code, reply.text),
            (550, "5.6.0 more than one From field (DMARC), from 192.0.2.1; "
             "policy of this host"))

    def test_a_trusted_client_is_never_refused(self):
        bad = inbound.sign(SAMPLE, RSA).replace(b"Hello", b"Hallo")
        self.check(["reject = dkim-required, spf",
                    "trusted = 198.51.100.0/24"], bad, 250,
                   sender="a@example.org")
        text = self.world.messages[-1].data
        found = inbound.results(text)
        self.assertIn("dkim=fail", found)
        self.assertNotIn("spf=", found)

    def test_the_next_message_on_the_connection_is_taken(self):
        proxy = self.verifier(self.world, self.server, ["reject = dkim"])
        client = proxy.client()
        client.ehlo()
        good = inbound.sign(SAMPLE, RSA)
        bad = good.replace(b"Hello", b"Hallo")
        for _ in range(3):
            self.assertEqual(client.message(bad).code, 550)
            self.assertEqual(client.message(good).code, 250)
        self.assertEqual(len(self.world.messages), 3)
        self.assertEqual(len(self.world.commands), 1)
        self.assertEqual(self.world.said("DATA"), 3)
        client.quit()

    def test_a_client_that_is_not_known_has_no_spf(self):
        proxy = self.verifier(self.world, self.server,
                              ["check = spf, dkim", "reject = spf"])
        for xforward in ("ADDR=[UNAVAILABLE] HELO=[UNAVAILABLE]", ""):
            reply = self.send(proxy, SAMPLE, xforward=xforward,
                              sender="a@example.org")
            self.assertEqual(reply.code, 250, reply)
        for message in self.world.messages:
            self.assertNotIn("spf=", inbound.results(message.data))


class BadDns(inbound.Case):
    """Down, slow, lying: no crash, no pass that should not be, in time."""

    def setUp(self):
        self.world = self.relay()

    def attempt(self, proxy, message):
        begun = time.monotonic()
        reply = self.send(proxy, message, sender="a@example.org")
        self.assertLess(time.monotonic() - begun, SECONDS)
        return reply

    def test_down(self):
        server = self.nsd(RECORDS)
        server.stop()
        message = inbound.sign(SAMPLE, RSA)
        proxy = self.verifier(self.world, server, dns=["timeout = 2"])
        self.assertEqual(self.attempt(proxy, message).code, 250)
        found = inbound.results(self.world.messages[0].data)
        self.assertIn("dkim=temperror", found)
        self.assertNotIn("pass", found)
        proxy.wait_log(r"name server 127\.0\.0\.1:%d: Connection refused" %
                       server.port)
        proxy = self.verifier(
            self.world, server, ["on_dns_error = tempfail", "reject = dkim"],
            dns=["timeout = 2"])
        reply = self.attempt(proxy, message)
        self.assertEqual(reply.code, 451, reply)
        self.assertIn("4.7.5", reply.text)
        proxy = self.verifier(self.world, server, ["reject = dkim"],
                              dns=["timeout = 2"])
        self.assertEqual(self.attempt(proxy, message).code, 250)

    def test_lies_and_delays(self):
        """The liar's key would make the liar's signature pass; the true
        answers, where there are any, are of the right key."""
        names = ("wrongid", "wrongquestion", "wrongowner", "spoofed",
                 "flood", "garbage", "silent", "servfail", "loop",
                 "tcgarbage", "tcclose", "slow", "noedns", "oversized")
        texts = {"%s._domainkey.example.org" % name: RSA_RECORD
                 for name in names}
        server = self.hostile(texts=texts, lie=EVIL_RECORD)
        proxy = self.verifier(self.world, server, ["check = dkim"])
        true_ones = ("spoofed", "flood", "slow", "noedns")
        forged, good = SAMPLE, SAMPLE
        for name in names[:10]:
            forged = inbound.sign(forged, EVIL, selector=name.encode())
        self.assertEqual(self.attempt(proxy, forged).code, 250)
        self.assertNotIn("dkim=pass",
                         inbound.results(self.world.messages[0].data))
        for name in true_ones:
            good = inbound.sign(good, RSA, selector=name.encode())
        self.assertEqual(self.attempt(proxy, good).code, 250)
        found = inbound.results(self.world.messages[1].data)
        self.assertEqual(found.count("dkim=pass"), len(true_ones),
                         "%s\n%s\n%s" % (found, server.seen, proxy.text()))

    def test_questions_go_out_before_the_body_ends(self):
        """A slow answer costs nothing where the body is slower: it is asked for
        while there is no body yet."""
        server = self.hostile(
            texts={"slow._domainkey.example.org": RSA_RECORD})
        proxy = self.verifier(self.world, server, ["check = dkim"])
        message = inbound.sign(SAMPLE, RSA, selector=b"slow")
        header, body = message.split(b"\r\n\r\n", 1)
        client = proxy.client()
        self.addCleanup(client.close)
        client.ehlo()
        client.begin()
        self.assertEqual(client.command("DATA").code, 354)
        client.send(header + b"\r\n\r\n")
        harness.wait_until("the question", lambda: server.seen.get(
            "slow._domainkey.example.org"))
        self.assertEqual(client.body(body).code, 250)
        self.assertIn("dkim=pass",
                      inbound.results(self.world.messages[0].data))


class Hostile(inbound.Case):
    def setUp(self):
        self.world = self.relay()

    def bounded(self, proxy, message, codes=(250,)):
        """Answered with one of the codes, in time and memory; the next
        message goes through. What arrived, if it did."""
        count = len(self.world.messages)
        client = proxy.client()
        self.addCleanup(client.close)
        client.ehlo()
        begun = time.monotonic()
        reply = client.message(message)
        self.assertLess(time.monotonic() - begun, SECONDS)
        self.assertIn(reply.code, codes, reply)
        self.assertEqual(client.message(SAMPLE).code, 250)
        if not proxy.is_sanitized():
            self.assertLess(proxy.peak_memory(), MEMORY)
        arrived = self.world.messages[count:]
        self.assertEqual(len(arrived), 2 if reply.code == 250 else 1)
        return arrived[0].data if reply.code == 250 else None

    def test_a_thousand_signatures(self):
        proxy = self.verifier(self.world, self.nsd(RECORDS))
        field = (b"DKIM-Signature: v=1; a=rsa-sha256; d=d%d.example.org; "
                 b"s=s%d; h=from:to:subject;\r\n bh=47DEQpj8HBSa+/TImW+5JCe"
                 b"uQeRkm5NMpJWZG3hSuFU=; l=%d; b=%s\r\n")
        many = [field % (i, i, i, b"QUFB" * 64) for i in range(1000)]
        text = self.bounded(proxy, b"".join(many[:990]) + SAMPLE)
        self.assertNotIn("dkim=pass", inbound.results(text))
        good = inbound.sign(SAMPLE, RSA)
        text = self.bounded(proxy, good.replace(
            b"From:", b"".join(many[:900]) + b"From:", 1))
        self.assertEqual(inbound.results(text).count("dkim=pass"), 1)
        self.bounded(proxy, b"".join(many) + SAMPLE)

    def test_a_signature_of_hundreds_of_tags(self):
        """They are sorted, for which libc may ask how much memory there is."""
        proxy = self.verifier(self.world, self.nsd(RECORDS))
        for count in (100, 200, 999):
            field = b"DKIM-Signature: v=1" + b"".join(
                b";\r\n t%d=x" % i for i in range(count)) + b"\r\n"
            self.bounded(proxy, field + SAMPLE)

    def test_a_header_line_of_5_mb(self):
        proxy = self.verifier(self.world, self.nsd(RECORDS))
        for message in (
                b"X-Long: " + b"x" * (5 << 20) + b"\r\n" + SAMPLE,
                b"X-Long: y\r\n" + b" folded\r\n" * 600000 + SAMPLE):
            text = self.bounded(proxy, message)
            self.assertIn("dkim=permerror reason=\"the header is too large",
                          inbound.results(text))
            self.assertEqual(inbound.below(text), message)
        self.bounded(proxy, b"x" * (5 << 20) + b"\r\n" + SAMPLE)
        refusing = self.verifier(self.world, self.nsd(RECORDS),
                                 ["reject = spf"])
        self.bounded(refusing, b"X-Long: " + b"x" * (1 << 20) + b"\r\n" +
                     SAMPLE, codes=(550,))

    def test_no_header_is_too_large_for_what_is_forged(self):
        proxy = self.verifier(self.world, self.nsd(RECORDS))
        forged = b"Authentication-Results: mx.example.org; dkim=pass\r\n"
        other = b"Authentication-Results: mx.example.net; dkim=pass\r\n"
        long = b"X: " + b"x" * 600000 + b"\r\n"
        longer = forged[:-2] + b" (" + b"x" * 600000 + b")\r\n"
        behind = b"no field\r\n" + forged
        for message, want in (
                ((forged + other) * 15000 + SAMPLE, other * 15000 + SAMPLE),
                (forged + long + forged + SAMPLE, long + SAMPLE),
                (longer + other + longer + SAMPLE, other + SAMPLE),
                (other + long + forged + behind,
                 other + long + b"\r\n" + behind)):
            for client in ("192.0.2.1", "127.0.0.1"):
                count = len(self.world.messages)
                reply = self.send(proxy, message,
                                  xforward="ADDR=%s HELO=ann.test" % client)
                self.assertEqual(reply.code, 250)
                text = self.world.wait_messages(count + 1)[count].data
                self.assertIn("dkim=permerror", inbound.results(text))
                self.assertEqual(inbound.below(text), want)
        if not proxy.is_sanitized():
            self.assertLess(proxy.peak_memory(), MEMORY)

    def test_keys_of_512_and_8192_bits(self):
        small, small_record = inbound.key("rsa512")
        large, large_record = inbound.key("rsa8192")
        proxy = self.verifier(self.world, self.nsd(
            "small._domainkey.example.org TXT %s\n"
            "large._domainkey.example.org TXT %s\n" % (
                small_record, large_record)))
        text = self.bounded(
            proxy, inbound.sign(SAMPLE, small, selector=b"small"))
        found = inbound.results(text)
        self.assertIn("header.s=small", found)
        self.assertNotIn("dkim=pass", found)
        text = self.bounded(
            proxy, inbound.sign(SAMPLE, large, selector=b"large"))
        found = inbound.results(text)
        self.assertIn("header.s=large", found)
        self.assertNotIn("dkim=pass", found)  # over the bound of 4096

    def test_odd_answers(self):
        """Records that are none, and one of 60,000 octets."""
        server = self.hostile(texts={
            "a._domainkey.example.org": "v=DKIM1; p=" + "A" * 900,
            "b._domainkey.example.org": "\0\xff;;;=;p==",
            "c._domainkey.example.org": ""})
        proxy = self.verifier(self.world, server, ["check = dkim"])
        message = SAMPLE
        for selector in (b"a", b"b", b"c", b"tchuge", b"loop", b"nothing",
                         b"nxdomain", b"pingpong.a"):
            message = inbound.sign(message, EVIL, selector=selector)
        found = inbound.results(self.bounded(proxy, message))
        self.assertNotIn("dkim=pass", found)
        self.assertGreaterEqual(found.count("dkim="), 8)


class Listening(inbound.Case):
    """Unix-domain sockets, and PROXY headers of both versions."""

    def setUp(self):
        self.world = self.relay()
        self.port = harness.free_port()
        self.proxy = inbound.Verifier(self.world, self.nsd(RECORDS).port)
        self.path = os.path.join(self.proxy.dir, "in.sock")
        self.proxy.configure([
            "listen = 127.0.0.1:%d, unix:%s, 127.0.0.1:%d proxy" % (
                self.proxy.port, self.path, self.port), "check = dkim, spf",
            "allow = 127.0.0.0/8, 192.0.2.0/24, 198.51.100.0/24"])
        self.addCleanup(self.proxy.clean)
        self.addCleanup(self._stops_well, self.proxy)
        self.proxy.start()

    def proxied(self, header):
        client = harness.Client(self.port, greeting=False)
        self.addCleanup(client.close)
        client.send(header)
        self.assertEqual(client.reply().code, 220)
        client.ehlo()
        self.assertEqual(
            client.message(SAMPLE, sender="a@example.org").code, 250)
        return inbound.results(self.world.messages[-1].data)

    def test_a_unix_socket(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(harness.WAIT)
            sock.connect(self.path)
            self.assertTrue(sock.recv(1000).startswith(b"220 "))

    def test_the_proxied_client_is_the_one_that_spf_is_about(self):
        self.assertIn("spf=pass", self.proxied(
            b"PROXY TCP4 192.0.2.9 127.0.0.1 5000 25\r\n"))
        self.assertIn("spf=fail", self.proxied(
            b"PROXY TCP4 198.51.100.9 127.0.0.1 5000 25\r\n"))
        v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(
            ">H4s4sHH", 12, socket.inet_aton("192.0.2.9"),
            socket.inet_aton("127.0.0.1"), 5000, 25)
        self.assertIn("spf=pass", self.proxied(v2))

    def test_trust_is_for_whom_somebody_named(self):
        """By XFORWARD or by a PROXY header; not for a silent peer."""
        found = self.proxied(b"PROXY TCP4 127.0.0.1 127.0.0.1 5000 25\r\n")
        self.assertNotIn("spf=", found)
        self.assertIn(" client=127.0.0.1 trusted=127.0.0.1 ",
                      self.proxy.wait_log("status=sent"))
        for number, (xforward, trusted) in enumerate((
                ("ADDR=127.0.0.1 HELO=us.test", True),
                ("ADDR=IPV6:::1 SOURCE=LOCAL", True),
                ("ADDR=[UNAVAILABLE] SOURCE=LOCAL", False), ("", False),
                ("ADDR=192.0.2.1 SOURCE=LOCAL", False))):
            self.assertEqual(self.send(self.proxy, SAMPLE, xforward).code, 250)
            line = self.proxy.wait_log("status=sent", number + 2)
            self.assertEqual(" trusted=" in line, trusted, line)

    def test_without_the_header_nothing_is_said(self):
        client = harness.Client(self.port, greeting=False)
        self.addCleanup(client.close)
        client.send(b"EHLO x\r\n" + b"y" * 300 + b"\r\n")
        self.assertTrue(client.gone())
        self.assertNotIn(b"220 ", client.lines.rest)
        self.assertEqual(self.world.messages, [])


if __name__ == "__main__":
    harness.main()
