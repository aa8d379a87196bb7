#!/usr/bin/python3
"""By milter, with a mail server of the test's own: whose mail is signed, that
what arrives verifies, any cuts and versions, and what no mail server says."""
import os
import signal
import socket
import struct
import subprocess
import time

import harness
import milter_case
import mta
import postfix_case
from harness import SAMPLE
from milter_case import Case
from mta import LOCAL, ODD, Mta

STRANGER = ("203.0.113.5", 1025)


class Signing(Case):
    def test_odd_messages_verify_by_two_others(self):
        client = self.mta()
        client.connect(LOCAL)
        for text in ODD:
            with self.subTest(text=text[:80]):
                result = client.message(text, connected=True)
                self.assert_signed(result, text)
                said = postfix_case.mail_dkim(
                    result.data, self.daemon.record())
                self.assertEqual([line.split(" (")[0] for line in said],
                                 ["dkim pass example.org t2026"])
        line = self.daemon.wait_log("4QUEUE1: .*signed=", len(ODD))
        self.assertIn("front=milter", line)
        self.assertIn("status=sent", line)

    def test_every_version_of_the_protocol(self):
        for version, actions, steps in (
                (2, 0x3F, 0x7F), (3, 0x3F, 0xFF), (4, 0x3F, 0x3FF),
                (5, 0x7F, 0x3FF), (6, 0x1FF, mta.ALL_STEPS),
                (6, 0x1FF, 0), (9, 0xFFFFFFFF, 0xFFFFFFFF)):
            with self.subTest(version=version, steps=steps):
                client = self.mta(version=version, actions=actions,
                                  steps=steps)
                self.assertEqual(client.version, min(version, 6))
                text = ODD[0]
                self.assert_signed(client.message(text), text)
                client.quit()

    def test_only_what_is_used_is_asked_for(self):
        client = self.mta()
        self.assertEqual(client.actions, 1 | mta.NAMES_MACROS)
        self.assertEqual(client.lists[b"M"], ["i", "{auth_authen}"])
        del client.lists[b"M"]
        self.assertEqual(set(map(tuple, client.lists.values())), {("i",)})
        self.assertEqual(client.steps, mta.LEADING_SPACE | 0x100 | 0x200 |
                         sum(mta.QUIET[c] for c in (
                             b"C", b"H", b"M", b"R", b"L", b"N", b"B")))

    def test_in_any_cuts(self):
        text = ODD[3]
        for cut in (1, 2, 3, 4, 5, 7, 11, 64, 4096):
            with self.subTest(cut=cut):
                client = self.mta(cut=cut)
                self.assert_signed(client.message(text), text)
                client.close()

    def test_many_messages_and_clients_on_one_connection(self):
        client = self.mta()
        for number in range(3000):
            if number == 600:
                before = self.memory()
            if number % 3 == 0:
                if number:
                    client.next_client()
                client.connect(LOCAL)
            if number % 7 == 0:
                client.envelope("x@example.org", ["y@example.net"])
                if number % 2:
                    client.header(SAMPLE)
                client.send(b"A")
            result = client.message(ODD[0], connected=True)
            self.assertTrue(result.passed())
        self.assert_signed(result, ODD[0])
        self.daemon.wait_log("signed=", 3000)
        if not self.daemon.is_sanitized():
            self.assertLess(self.memory() - before, 1 << 20)

    def test_a_thousand_octets_of_a_name_do_no_harm(self):
        client = self.mta()
        text = b"From: ann@example.org\r\n" + b"n" * 2047 + b": y\r\n\r\nx\r\n"
        self.assert_signed(client.message(text), text)


class Miltertest(Case):
    def test_what_miltertest_asks(self):
        """trusteddomain.org's own mail server for tests."""
        script = os.path.join(os.path.dirname(__file__), "milter.lua")
        run = subprocess.run(
            ["miltertest", "-D", "socket=inet:%d@127.0.0.1" % self.daemon.port,
             "-s", script], timeout=harness.WAIT, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.assertEqual(run.returncode, 0, run.stdout)
        self.daemon.wait_log("4TEST: .*signed=dkim")


class Again(Case):
    def test_a_message_that_comes_again_is_left_as_it_is(self):
        server = self.mta()
        first = server.message(ODD[3])
        self.assert_signed(first, ODD[3])
        again = server.message(first.data, connected=True)
        self.assert_unsigned(again, first.data)
        self.daemon.wait_log("signed-before=dkim:example.org:t2026")

    def test_but_not_one_that_was_changed_or_is_a_strangers(self):
        server = self.mta()
        first = server.message(ODD[3]).data
        texts = [first.replace(b"more", b"less"), first + b"x\r\n",
                 first.replace(b"b=", b"b=A", 1).replace(b"b=A", b"b=", 1)
                 .replace(b"s=t2026", b"s=other"),
                 first.replace(b"t=1", b"t=2", 1)]
        for text in texts:
            with self.subTest(text=text[:300]):
                self.assert_signed(server.message(text, connected=True), text)


class Whose(Case):
    """sign_for, left as it is and set."""

    def test_authenticated_and_local_and_nobody_else(self):
        cases = [(LOCAL, "", True),
                 # By a Unix-domain socket: t/run/sendmail_milter.py.
                 (("/run/x", 0), "", True),
                 (STRANGER, "ann", True),
                 (STRANGER, "", False),
                 # An SMTP client on this very host is not `local`.
                 (("127.0.0.1", 40000), "", False),
                 (("127.0.0.1", 1), "", False),
                 (("::1", 40000), "", False),
                 (("::1", 0), "", False),
                 (("127.0.0.2", 0), "", False),
                 (("203.0.113.5", 0), "", False),
                 ((None, 0), "", False),
                 (("2001:db8::1", 1025), "ann", True)]
        for client, login, signed in cases:
            with self.subTest(client=client, login=login):
                server = self.mta()
                result = server.message(ODD[0], client=client, login=login)
                if signed:
                    self.assert_signed(result, ODD[0])
                else:
                    self.assert_unsigned(result, ODD[0])
                server.quit()
        self.daemon.wait_log("unsigned=not-ours",
                             sum(not signed for _, _, signed in cases))

    def test_local_mail_has_its_queue_id_with_its_sender(self):
        """Which no SMTP client's has, and some have no port either."""
        server = self.mta()
        server.before = lambda code: code == b"R" and server.macros(
            b"R", i="4LATE")
        self.assert_unsigned(server.message(ODD[0], queue_id=""), ODD[0])
        self.assert_signed(server.message(ODD[0], connected=True), ODD[0])
        self.assert_unsigned(server.message(
            ODD[0], connected=True, queue_id=""), ODD[0])
        self.daemon.wait_log("4LATE: .*unsigned=not-ours", 2)

    def test_a_login_is_of_its_message_alone(self):
        server = self.mta()
        server.connect(STRANGER)
        self.assert_signed(server.message(
            ODD[0], connected=True, login="ann"), ODD[0])
        self.assert_unsigned(server.message(ODD[0], connected=True), ODD[0])
        server.envelope("a@example.org", ["b@example.net"], login="ann")
        server.send(b"A")
        self.assert_unsigned(server.message(ODD[0], connected=True), ODD[0])
        server.next_client()
        server.connect(LOCAL)
        self.assert_signed(server.message(ODD[0], connected=True), ODD[0])
        server.next_client()
        self.assert_unsigned(server.message(ODD[0], client=STRANGER), ODD[0])

    def test_nor_of_another_message_or_client(self):
        server = self.mta()
        server.connect(STRANGER)
        server.envelope("a@example.org", ["b@example.net"], login="ann")
        self.assert_unsigned(server.message(
            ODD[0], connected=True, queue_id=""), ODD[0])
        server.envelope("a@example.org", ["b@example.net"])
        self.assert_signed(server.message(
            ODD[0], connected=True, login="ann"), ODD[0])
        server.macros(b"M", auth_authen="ann")
        server.send(b"A")
        self.assert_unsigned(server.message(
            ODD[0], connected=True, queue_id=""), ODD[0])

    def test_who_the_last_client_was_says_nothing_of_the_next(self):
        server = self.mta()
        self.assert_signed(server.message(ODD[0], client=LOCAL), ODD[0])
        server.next_client()
        self.assert_unsigned(server.message(ODD[0], connected=True), ODD[0])


class Networks(Case):
    out = ("sign_for = 203.0.113.0/24, 2001:db8::/32",)

    def test_networks_alone(self):
        for client, login, signed in (
                (STRANGER, "", True), (("2001:db8::5", 9), "", True),
                (LOCAL, "", False), (("198.51.100.1", 9), "ann", False)):
            with self.subTest(client=client):
                server = self.mta()
                result = server.message(ODD[0], client=client, login=login)
                if signed:
                    self.assert_signed(result, ODD[0])
                else:
                    self.assert_unsigned(result, ODD[0])


class Trouble(Case):
    """What no mail server says, and what goes wrong here."""
    out = ("bare_newline = reject",)

    def alive(self):
        self.assert_signed(self.mta().message(ODD[0]), ODD[0])

    def closed(self, client):
        with self.assertRaises(mta.Gone):
            while True:
                client.read()

    def test_lengths_that_lie_and_packets_out_of_turn(self):
        offer = struct.pack(">III", 6, 0x1FF, mta.ALL_STEPS)
        for raw in (b"GET / HTTP/1.0\r\n\r\n", b"EHLO x\r\n",
                    b"\0\0\0\0", b"\xff\xff\xff\xffO", b"\0\x20\0\0O",
                    mta.packet(b"M", b"<a@b>\0"), mta.packet(b"D", b"M"),
                    mta.packet(b"O", offer[:11]),
                    mta.packet(b"O", struct.pack(">III", 1, 63, 127)),
                    mta.packet(b"O", struct.pack(">III", 6, 0, 0)),
                    mta.packet(b"O", offer) * 2):
            with self.subTest(raw=raw[:20]):
                sock = socket.create_connection(
                    ("127.0.0.1", self.daemon.port), timeout=harness.WAIT)
                sock.sendall(raw)
                while sock.recv(4096):
                    pass
                sock.close()
        for code, data in ((b"L", b"a\0b\0"), (b"E", b""), (b"X", b""),
                           (b"\0", b""), (b"R", b"<a@b>\0"), (b"C", b"x"),
                           (b"H", b"x"), (b"M", b"<a@b>"), (b"C", b"x\0Z")):
            with self.subTest(code=code, data=data):
                client = self.mta()
                client.send(code, data)
                self.closed(client)
        self.alive()

    def test_a_field_that_is_none_is_not_signed(self):
        for name, value in ((b"A b", b" c"), (b"", b" c"), (b"A:b", b" c"),
                            (b"A", b" b\nFrom: x"), (b"A", b" b\n"),
                            (b"n" * 2048, b" x")):
            with self.subTest(name=name[:10], value=value):
                client = self.mta()
                client.connect(LOCAL)
                client.envelope("a@example.org", ["b@example.net"])
                client.send(b"L", b"From\0 ann@example.org\0")
                client.send(b"L", name + b"\0" + value + b"\0")
                client.send(b"N")
                result = client.end([], b"")
                self.assertEqual([c for c, _ in result.packets], [b"c"])

    def test_a_header_over_its_bound_goes_on_unsigned(self):
        text = b"From: ann@example.org\r\n" + b"X: " + b"y" * 90000 + \
            b"\r\n" + b"Z: " + b"z" * 90000 + b"\r\n"
        text += text[23:] * 5 + b"\r\nbody\r\n"
        result = self.mta().message(text)
        self.assert_unsigned(result, text)
        self.daemon.wait_log("unsigned=header-too-long")

    def test_bare_newlines_are_refused_where_that_is_wanted(self):
        text = ODD[0] + b"a\nb\r\n"
        result = self.mta().message(text)
        self.assertEqual(result.reply,
                         "550 5.6.0 bare CR or LF in the message")
        self.daemon.wait_log("status=rejected")

    def test_a_line_that_will_be_broken_behind_us_is_told(self):
        server = self.mta()
        server.connect(LOCAL)
        for text, told in ((b"y" * 998, False), (b"y" * 999, True)):
            with self.subTest(told=told):
                result = server.message(ODD[0] + text + b"\r\n",
                                        connected=True)
                self.assertTrue(result.passed())
                line = self.daemon.wait_log("status=sent", 1 + told)
                self.assertEqual("risk=line-length" in line, told, line)

    def test_answers_that_nobody_reads_are_not_piled_up(self):
        """A server that sends on without reading is no longer read, and finds
        all of its answers when it does."""
        self.alive()
        before = self.memory()
        server = self.mta(steps=0)
        server.connect(LOCAL)
        many = mta.packet(b"H", b"x\0") * 10000
        server.sock.settimeout(2)
        sent = taken = 0
        try:
            while sent < 64 << 20:
                taken = server.sock.send(many[sent % len(many):])
                sent += taken
        except socket.timeout:
            pass
        self.assertLess(sent, 64 << 20)
        if not self.daemon.is_sanitized():
            self.assertLess(self.memory() - before, 1 << 20)
        # Its answers are what it asked for, to the last whole packet.
        due = sent // (len(many) // 10000) * len(mta.packet(b"c"))
        server.sock.settimeout(harness.WAIT)
        while due > 0:
            more = server.sock.recv(min(due, 1 << 20))
            self.assertNotEqual(more, b"")
            due -= len(more)
        self.alive()

    def test_a_key_that_cannot_be_read_puts_mail_off(self):
        os.rename(self.daemon.keyfile, self.daemon.keyfile + ".away")
        with open(self.daemon.keyfile, "w") as key:
            key.write("no key\n")
        self.daemon.process.send_signal(1)
        result = self.mta().message(ODD[0])
        self.assertEqual(result.reply,
                         "451 4.3.0 cannot sign the message now")
        self.daemon.wait_log("status=deferred")


class BeforePublished(Case):
    """The domain's only key waits for its record to be seen."""

    def begin(self, word):
        self.daemon = self.make((
            "selector = auto", "before_published = " + word,
            "on_error = pass"))
        path = os.path.join(os.path.dirname(self.daemon.keyfile), "selectors")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write("rsa staged %s\n" % os.path.basename(
                self.daemon.keyfile).removesuffix(".pem"))

    def setUp(self):
        pass

    def test_unsigned_is_taken_as_it_is_and_logged(self):
        self.begin("unsigned")
        self.assert_unsigned(self.mta().message(ODD[0]), ODD[0])
        self.daemon.wait_log(r" unsigned=not-published .*status=sent")

    def test_tempfail_puts_it_off_whatever_on_error_says(self):
        self.begin("tempfail")
        result = self.mta().message(ODD[0])
        self.assertEqual(result.reply,
                         "451 4.3.0 cannot sign the message now")
        self.daemon.wait_log(r"no signature dkim:example\.org:auto: the key "
                             r"\S+ of example\.org is staged: its record is "
                             r"not published yet")
        self.daemon.wait_log("status=deferred")

    def test_sign_does(self):
        self.begin("sign")
        self.assert_signed(self.mta().message(ODD[0]), ODD[0])


class EachPacket(milter_case.EachPacket, Case):
    def test_gone_behind_the_end(self):
        super().test_gone_behind_the_end()
        self.daemon.wait_log("status=aborted .*client gone")


class Faults(Case):
    """Ends, and many at once."""
    TEXT = ODD[3]

    def test_after_a_reload_it_stays_until_its_client_has_gone(self):
        """Past drain_timeout: Postfix asks no other worker, but puts off all
        that this client sends."""
        self.daemon = self.make(("domain = example.org",), daemon=(
            "drain_timeout = 1s", "stop_timeout = 1s"))
        self.daemon.wait_log("serving, ")
        stays, between = self.mta(), self.mta()
        self.assert_signed(stays.message(self.TEXT), self.TEXT)
        self.assert_signed(between.message(self.TEXT), self.TEXT)
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_log("draining: 2 sessions")
        between.next_client()
        with self.assertRaises(mta.Gone):
            between.read()      # now the time is over
        for _ in range(2):
            self.assert_signed(
                stays.message(self.TEXT, connected=True), self.TEXT)
        stays.next_client()
        with self.assertRaises(mta.Gone):
            stays.read()
        # At a stop nobody is waited for.
        idle = self.mta()
        self.assert_signed(idle.message(self.TEXT), self.TEXT)
        self.daemon.process.send_signal(signal.SIGTERM)
        with self.assertRaises(mta.Gone):
            idle.read()

    def test_after_a_reload_nobody_keeps_it_for_good(self):
        """A client that stays would keep the settings that it began with."""
        self.daemon = self.make(("domain = example.org",), daemon=(
            "drain_timeout = 1s",), hurry=20)
        self.daemon.wait_log("serving, ")
        stays = self.mta()
        self.assert_signed(stays.message(self.TEXT), self.TEXT)
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_log("draining: 1 sessions")
        with self.assertRaises(mta.Gone):
            stays.read()

    def test_two_hundred_slow_senders(self):
        servers = [self.mta() for _ in range(200)]
        for server in servers:
            server.connect(STRANGER)
            server.envelope("ann@example.org", ["bob@example.net"],
                            login="ann")
        started = time.monotonic()
        self.assert_signed(self.mta().message(ODD[0]), ODD[0])
        self.assertLess(time.monotonic() - started, 15)
        raw = mta.packet(b"L", b"From\0 ann@example.org\0") + \
            mta.packet(b"N") + mta.packet(b"B", b"x\r\n") + mta.packet(b"E")
        for octet in raw:
            for server in servers:
                server.sock.send(bytes([octet]))
        for server in servers:
            code, data = server.read()
            self.assertEqual((code, data[4:18]), (b"i", b"DKIM-Signature"))
            self.assertEqual(server.read()[0], b"c")
            server.close()

    def test_a_hundred_large_ones_at_once_take_no_memory(self):
        chunk = (b"x" * 78 + b"\r\n") * 800
        before = self.memory()
        servers = [self.mta() for _ in range(100)]
        for server in servers:
            server.connect(LOCAL)
            server.envelope("ann@example.org", ["bob@example.net"])
            server.header(ODD[0])
        for _ in range(160):
            for server in servers:
                server.ask(b"B", chunk)
        grown = self.memory() - before
        for server in servers:
            fields, _ = mta.fields_of(ODD[0])
            self.assertTrue(server.end(fields, b"").passed())
            server.close()
        if not self.daemon.is_sanitized():
            self.assertLess(grown, 16 << 20)


if __name__ == "__main__":
    harness.main()
