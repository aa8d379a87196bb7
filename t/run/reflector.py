#!/usr/bin/python3
"""The reflector among its senders: what it advises those who are set up badly,
read by a parser that knows nothing of how the text is made; what it tells
strangers; and, of thousands of forged messages, how many answers leave.
"""
import itertools
import random
import re
import socket
import sqlite3
import subprocess
import threading
import time
import unittest

import harness
import inbound
import recorder
from harness import wait_until

OWN = "check-auth@example.org"
HELO = "mail.example.org"


# --- reading an answer ----------------------------------------------------

class Answer:
    """What a person finds in it."""

    def __init__(self, message):
        self.size = len(message.data)
        self.octets = message.data
        head, _, body = message.data.partition(b"\r\n\r\n")
        self.header = head.decode("ascii")
        self.text = body.decode("ascii").replace("\r\n", "\n")
        self.report = re.split("\n(?:The header of your message|"
                               "What your signature covers)", self.text)[0]
        self.checks = dict(re.findall("(?m)^([A-Za-z-]+) check: (.*)$",
                                      self.report))
        self.closing = re.findall("(?m)^(nothing|1 thing|[0-9]+ things) to do$",
                                  self.report)
        self.blocks = [(block.split(":", 1)[0], block)
                       for block in self.report.split("\n\n")
                       if re.match("[A-Za-z-]+: [a-z]+", block)]

    @staticmethod
    def _parts(block, label):
        """What stands behind the label, on one line."""
        return [re.sub(r"\s+", " ", part).strip() for part in re.findall(
            "(?m)^  %s:((?:\n    .*)+)" % label, block)]

    def advice(self):
        """For each check what is to do; a list of (check, text)."""
        return [(name, text) for name, block in self.blocks
                for text in self._parts(block, "What to do")]

    def remarks(self):
        return self._parts(self.report, "Remark")

    def count(self):
        [closing] = self.closing
        return 0 if closing == "nothing" else int(closing.split()[0])


# --- senders --------------------------------------------------------------

PEM, RECORD = inbound.key("rsa2048")
OTHER_RECORD = inbound.key("rsa1024")[1]
GOOD = {"spf": ["v=spf1 ip4:192.0.2.0/24 -all"], "key": RECORD,
        "dmarc": "v=DMARC1; p=reject; rua=mailto:d@example.org"}


class Sender:
    """One domain; what is not said is as it should be."""

    def __init__(self, name, todo=(), remarks=(), **how):
        self.domain = name + ".example"
        self.todo, self.remarks = todo, remarks
        self.records = {**GOOD, **{k: how[k] for k in GOOD if k in how}}
        self.how = how
        self.address = "ann@" + self.domain

    def zone(self):
        lines = ["%s A 192.0.2.1" % self.domain]
        lines += ["%s TXT %s" % (self.domain, spf)
                  for spf in self.records["spf"]]
        if self.records["key"]:
            lines.append("s1._domainkey.%s TXT %s" % (
                self.domain, self.records["key"]))
        if self.records["dmarc"]:
            lines.append("_dmarc.%s TXT %s" % (
                self.domain, self.records["dmarc"]))
        return "\n".join(lines) + "\n"

    def message(self):
        author = self.how.get("author", self.domain)
        message = (b"From: Ann <ann@%s>\r\nTo: Check <%s>\r\n"
                   b"Subject: mine is %s\r\nMessage-ID: <1@%s>\r\n"
                   b"Date: Thu, 26 Nov 2026 12:00:00 +0000\r\n\r\nHello.\r\n"
                   % tuple(x.encode() for x in (
                       author, OWN, self.domain, self.domain)))
        message = self.how.get("more", b"") + message
        if self.how.get("signed", True):
            message = inbound.sign(message, PEM, self.domain.encode())
        return self.how.get("change", lambda m: m)(message)


def many_includes():
    return " ".join("include:i%d.example" % i for i in range(11))


SENDERS = [
    Sender("good"),
    Sender("nospf", [("SPF", "Publish who may send for nospf.example.*"
                      "v=spf1 ip4:192.0.2.1 -all")], spf=[],
           change=lambda m: b"X-Stranger: buy at www.spam.example\r\n" + m),
    Sender("softspf", [("SPF", "does not name 192.0.2.1.*add ip4:192.0.2.1")],
           spf=["v=spf1 ip4:198.51.100.1 ~all"]),
    Sender("twospf", [("SPF", "one TXT record.*Join them")],
           spf=["v=spf1 ip4:192.0.2.0/24 -all", "v=spf1 -all"]),
    Sender("manyspf", [("SPF", "more DNS look-ups than receivers make")],
           spf=["v=spf1 %s -all" % many_includes()]),
    Sender("unsigned", [("DKIM", "is not signed.*sign with DKIM")],
           signed=False),
    Sender("nokey", [("DKIM", "Publish the TXT record s1._domainkey.nokey."
                      "example, which holds the public half")], key=None),
    Sender("wrongkey", [("DKIM", "not the one that signed.*Publish at "
                         "s1._domainkey.wrongkey.example")], key=OTHER_RECORD),
    Sender("newsubject", [("DKIM", "signed header field was changed")],
           change=lambda m: m.replace(b"Subject: mine", b"Subject: [x] mine")),
    Sender("footer", [("DKIM", "body was changed after it was signed")],
           change=lambda m: m + b"--\r\nan advertisement\r\n"),
    Sender("nodmarc", [("DMARC", "Publish a DMARC policy.*_dmarc.nodmarc."
                        "example")], dmarc=None),
    Sender("twofrom", [("DMARC", "more than one From field")],
           more=b"From: bob@other.example\r\n"),
    Sender("badfrom", [("DMARC", "From cannot be read")],
           author="bad from.example@@"),
    Sender("misaligned", [("DMARC", "Let DKIM sign with d=good.example")],
           author="good.example"),
    Sender("noptr", [("iprev", "The address 192.0.2.77 should have a name")],
           client="192.0.2.77"),
    Sender("pnone", (), ["p=none asks receivers to do nothing", "has no rua="],
           dmarc="v=DMARC1; p=none"),
    Sender("badhelo", (), ["no full host name"], helo="laptop"),
    Sender("addresshelo", (), ["no full host name"], helo="[192.0.2.1]"),
    Sender("everybody", (), ["lets every host send"], spf=["v=spf1 all"]),
    Sender("nothing", [("SPF", "Publish who may"), ("DKIM", "is not signed"),
                       ("DMARC", "Publish a DMARC policy"),
                       ("iprev", "should have a name")],
           spf=[], key=None, dmarc=None, signed=False, client="192.0.2.77"),
]
ZONE = """
1.2.0.192.in-addr.arpa PTR mail.example.org
mail.example.org A 192.0.2.1
soft.example TXT v=spf1 ?all
deny.example TXT v=spf1 -all exp=why.deny.example
why.deny.example TXT buy at www.spam.example
proven.example TXT v=spf1 ip4:198.51.100.0/24 -all
""" + "".join("i%d.example TXT v=spf1 -all\n" % i for i in range(11))


class Case(recorder.Case):
    def reflector(self, lines="", in_lines=""):
        """[out] is not in between: what leaves is what was made."""
        world = self.world
        relay = self.relay()
        proxy = recorder.Both(
            relay, self.nsd(ZONE + "".join(s.zone() for s in SENDERS)).port,
            "[in]\n%s\n[reflector]\naddress = %s\nrelay = %s\n%s" % (
                in_lines, OWN, world.address(), lines))
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        proxy.start()
        proxy.wait_log("serving, ")
        return proxy

    def connect(self, proxy):
        client = harness.Client(proxy.in_port)
        self.addCleanup(client.close)
        client.ehlo()
        return client

    def write(self, client, message, sender, xforward="", **envelope):
        xforward = xforward or "ADDR=192.0.2.1 HELO=" + HELO
        reply = client.command("XFORWARD " + xforward)
        self.assertEqual(reply.code, 250, reply)
        envelope.setdefault("rcpts", (OWN,))
        return client.message(message, sender=sender, **envelope)

    def listener(self, answer):
        """One that answers with that whatever it is told, which is kept and
        counted."""
        self.asked, self.told = 0, b""
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)

        def serve():
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                self.asked += 1
                with peer:
                    peer.settimeout(10)
                    self.told += peer.recv(65536)
                    peer.sendall(answer)
        threading.Thread(target=serve, daemon=True).start()
        return server.getsockname()[1]

    def answers(self):
        """By the mailbox that they went to."""
        return [(m.rcpt[0].decode()[9:-1], Answer(m))
                for m in list(self.world.messages)]


class Advice(Case):
    def check(self, sender, answer):
        advice = answer.advice()
        self.assertEqual([name for name, _ in advice],
                         [name for name, _ in sender.todo], answer.text)
        for (_, text), (_, want) in zip(advice, sender.todo):
            self.assertRegex(text, want)
        self.assertEqual(answer.count(), len(sender.todo), answer.text)
        remarks = answer.remarks()
        self.assertEqual(len(remarks), len(sender.remarks), answer.text)
        for remark, want in zip(remarks, sender.remarks):
            self.assertIn(want, remark)
        # Who is not our user has nothing of ours to set.
        self.assertNotIn("signpost", answer.report)

    def check_order(self, answer):
        """The old lines as they were, iprev among them, failures first."""
        self.assertEqual(list(answer.checks), [
            "SPF", "DomainKeys", "DKIM", "Sender-ID", "DMARC", "ARC", "iprev"])
        done = ["What to do" in block for _, block in answer.blocks]
        self.assertEqual(done, sorted(done, reverse=True), answer.text)
        for name, block in answer.blocks:
            if name in ("DomainKeys", "Sender-ID"):
                self.assertTrue("What to do" in block or
                                block.strip().count("\n") == 0, block)

    def test_whoever_is_set_up_badly_is_told_what_to_mend(self):
        proxy = self.reflector("max_per_client = 200\n")
        client = self.connect(proxy)
        for sender in SENDERS:
            reply = self.write(
                client, sender.message(), sender.address,
                "ADDR=%s HELO=%s" % (sender.how.get("client", "192.0.2.1"),
                                     sender.how.get("helo", HELO)))
            self.assertEqual(reply.code, 250, reply)
        self.world.wait_messages(len(SENDERS), 40)
        answers = dict(self.answers())
        for sender in SENDERS:
            with self.subTest(sender=sender.domain):
                answer = answers[sender.address]
                if sender.domain == "nothing.example":  # nothing proves it
                    self.assertLessEqual(answer.size, 2048)
                    self.assertEqual(answer.count(), len(sender.todo))
                    continue
                self.check(sender, answer)
                self.check_order(answer)
                self.assertIn("> Subject: ", answer.text)
        good = answers["ann@good.example"]
        self.assertIn("\nSubject: Summary of Results: mine is good.example\r",
                      good.header)
        self.assertIn("  Policy:     p=reject; not applied, since it passed\n",
                      good.text)
        # Where a signature is the proof, what it does not cover is not quoted.
        signed = answers["ann@nospf.example"]
        self.assertIn("> To: Check <%s>" % OWN, signed.text)
        self.assertIn(b"What your signature covers", signed.octets)
        self.assertNotIn(b"spam", signed.octets)


class Strangers(Case):
    EVIL = (b"From: \"buy at www.spam.example\" <a@soft.example> (spam)\r\n"
            b"To: <%s> (spam)\r\nSubject: spam spam spam\r\n"
            b"Message-ID: <spam and@eggs>\r\n"
            b"DKIM-Signature: v=1; a=rsa-sha256; d=sp am; s=spam; h=from;\r\n"
            b" bh=spam; b=spam; i=spam@spam\r\n"
            b"X-Spam: spam\r\n\r\nspam\r\n" % OWN.encode())
    # All that may stand in the answer besides.
    WORDS = "pass|fail|softfail|neutral|none|temperror|permerror|policy"

    # Senders that are rare, and proven.
    RARE = ('"a b"@good.example', '"a@b"@good.example',
            '"a\\\\b"@good.example', "a/b=c@good.example",
            "x" * 64 + "@good.example", "postmaster@good.example",
            "gr\u00fc\u00dfe@good.example")

    def write_rare(self, proxy):
        client = self.connect(proxy)
        for sender in self.RARE:
            reply = self.write(client, harness.SAMPLE,
                               sender.encode().decode("latin-1"))
            self.assertEqual(reply.code, 250, (sender, reply))

    def test_without_smtputf8_one_is_given_up(self):
        self.world.ehlo = tuple(
            word for word in self.world.ehlo if word != "SMTPUTF8")
        proxy = self.reflector()
        self.write_rare(proxy)
        proxy.wait_log("an answer is given up: .*SMTPUTF8", 1, 40)
        self.world.wait_messages(len(self.RARE) - 1, 40)
        self.assertEqual(len(self.world.messages), len(self.RARE) - 1)

    def check_rare(self):
        went = {m.rcpt[0].decode()[9:-1]: m for m in self.world.messages}
        for sender in self.RARE:
            message = went[sender]
            self.assertEqual(b"SMTPUTF8" in message.mail,
                             not sender.isascii())
            head = message.data.split(b"\r\n\r\n", 1)[0]
            self.assertTrue(head.isascii(), head)

    def test_who_is_told_what(self):
        proxy = self.reflector(in_lines="reject = spf, dkim-required")
        self.write_rare(proxy)
        self.write_refused(proxy)
        self.write_evil(proxy)
        self.world.wait_messages(len(self.RARE) + 3, 40)
        self.check_rare()
        self.check_evil()
        for who, why in (("a@deny", "SPF says"), ("b@deny", "SPF says"),
                         ("d@soft", "was not taken")):
            proxy.wait_log("no answer to <%s.example>: .*%s" % (who, why))
        self.assertEqual(
            sorted(to for to, _ in self.answers()),
            sorted(self.RARE + ("c@soft.example", "eggs@soft.example",
                                "spam-ham@soft.example")))

    def write_evil(self, proxy):
        self.write(self.connect(proxy), self.EVIL, "spam-ham@soft.example",
                   "ADDR=198.51.100.9 HELO=buy+20www.spam.example")
        self.write(self.connect(proxy), self.EVIL.replace(
            b"<spam and@eggs>", b"<1.a@soft.example>"), "eggs@soft.example",
            "ADDR=2001:db8::9 HELO=mail.soft.example")

    def check_evil(self):
        """No word of theirs is in it."""
        answers = dict(self.answers())
        for name in ("spam-ham@soft.example", "eggs@soft.example"):
            answer = answers[name]
            self.assertLessEqual(answer.size, 2048)
            self.assertNotIn(b"spam", answer.octets.lower())
            for result in answer.checks.values():
                self.assertRegex(result, "^(%s)$" % self.WORDS)
            self.assertNotIn("signpost", answer.report)
            self.assertEqual(answer.advice()[0][0], "SPF")
            self.assertIn("\nAuto-Submitted: auto-replied\r", answer.header)
        self.assertNotIn("In-Reply-To",
                         answers["spam-ham@soft.example"].header)
        second = answers["eggs@soft.example"]
        self.assertIn("\nIn-Reply-To: <1.a@soft.example>\r", second.header)
        self.assertIn("  HELO:       mail.soft.example\n", second.text)

    def write_refused(self, proxy):
        """Whom SPF denies gets nothing but a refusal."""
        client = self.connect(proxy)
        refused = self.write(client, harness.SAMPLE, "a@deny.example")
        self.assertEqual(refused.code, 550)
        self.assertRegex(str(refused), r"5\.7\.23 SPF fails: the record of "
                         r"deny\.example does not let 192\.0\.2\.1 send, and no"
                         r" DKIM .*; add the address to that record")
        # What lies in a queue is not bounced to a victim.
        self.assertEqual(self.write(
            client, harness.SAMPLE, "b@deny.example",
            "ADDR=192.0.2.1 HELO=%s IDENT=4ABC" % HELO).code, 250)
        # `reject' is for mail to others.
        self.assertEqual(self.write(
            client, harness.SAMPLE, "c@soft.example",
            rcpts=("check-auth+word@example.org",)).code, 250)
        self.assertEqual(self.write(
            client, harness.SAMPLE, "d@soft.example",
            rcpts=(OWN, "bob@example.org")).code, 550)


class Kept(Case):
    def test_what_was_sent_is_not_sent_again(self):
        """A tool that writes must not make one answer many."""
        tool = None

        def lock(_):
            nonlocal tool
            if tool is None:
                tool = sqlite3.connect(proxy.database, isolation_level=None,
                                       check_same_thread=False)
                tool.execute("BEGIN IMMEDIATE")
            return "354 go on"
        self.world.scripts[:] = [{"data": lock}]
        proxy = self.reflector()
        self.write(self.connect(proxy), harness.SAMPLE, "ann@good.example")
        self.world.wait_messages(1, 40)
        time.sleep(2)  # it takes half a second to find that it is locked
        tool.execute("ROLLBACK")
        tool.close()
        wait_until("the answer to go", lambda: not self.rows(
            proxy, "SELECT id FROM answer"), 40)
        self.assertEqual(self.world.said("MAIL"), 1)
        proxy.wait_log("answered: ", 1)


    def test_a_stop_does_not_wait_for_spamd_nor_lose_the_answer(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        proxy = self.reflector(
            "spamd = 127.0.0.1:%d\n" % silent.getsockname()[1])
        self.write(self.connect(proxy), harness.SAMPLE, "ann@good.example")
        silent.settimeout(20)
        peer, _ = silent.accept()  # it is asked
        self.addCleanup(peer.close)
        self.assertEqual(proxy.stop(), 0)
        [(message,)] = self.rows(proxy, "SELECT message FROM answer")
        self.assertIn(b"\r\nSpamAssassin check: temperror (spamd was not waited "
                      b"for)\r\n", message)


class Told(Case):
    """`serve -t` and `check` of what keeps it from being of use."""

    def run_tool(self, proxy, *words):
        return subprocess.run(
            [harness.binary(), *words, "-c", proxy.config],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=400, check=False)

    def configured(self, rest, *script):
        relay = self.relay(*script)
        proxy = recorder.Both(self.world, self.nsd("").port, rest,
                              in_relay=relay.address())
        self.addCleanup(proxy.clean)
        return proxy

    def test_all_that_is_wrong(self):
        port = self.listener(b"220 not spamd\r\n")
        proxy = self.configured(
            "[reflector]\naddress = check-auth@b\u00fccher.example\n"
            "spamd = 127.0.0.1:%d\n" % port,
            *[{"rcpt": "550 5.1.1 no such user"}] * 4)
        for words in (("serve", "-t"), ("check",)):
            done = self.run_tool(proxy, *words)
            text = done.stdout.decode()
            self.assertEqual(done.returncode, 0 if words[0] == "serve" else 1)
            self.assertRegex(text, "the domain of its address is not signed by "
                             r"\[out\]")
            self.assertRegex(text, "spamd at 127.0.0.1:%d does not answer "
                             "PING" % port)
            self.assertRegex(text, "no mailbox takes mail to check-auth@"
                             "xn--bcher-kva.example: 127.0.0.1:.* says .*550")
        # The address as it goes into a command is ASCII.
        with open(proxy.config, encoding="utf-8") as f:
            text = f.read().replace("database =", "#database =")
        with open(proxy.config, "w", encoding="utf-8") as f:
            f.write(text)
        done = self.run_tool(proxy, "serve", "-t")
        self.assertEqual(done.returncode, 78)
        self.assertIn(b"answers wait in [results] database, which is not set",
                      done.stdout)

    def test_nothing_is_wrong(self):
        port = self.listener(b"SPAMD/1.5 0 PONG\r\n")
        proxy = self.configured("[reflector]\naddress = %s\n"
                                "spamd = 127.0.0.1:%d\n" % (OWN, port))
        done = self.run_tool(proxy, "serve", "-t")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(harness.besides_users(done.stdout.decode()), "")


def spellings(local, domain):
    """Of one mailbox, without end."""
    for i in itertools.count():
        name = "".join(c.upper() if i >> k & 1 else c
                       for k, c in enumerate(local))
        yield ("%s@%s", "\"%s\"@%s", "%s+%d@%%s" % ("%s", i))[i % 3] % (
            name, domain.upper() if i & 8 else domain)


class Floods(Case):
    COUNT = 2000

    def flood(self, client):
        """Forged: 40 domains, 5 mailboxes each, as many networks."""
        chance = random.Random(15)
        boxes = [spellings("ann%c" % (97 + i % 5), "victim%d.example" % (i % 40))
                 for i in range(200)]
        for _ in range(self.COUNT):
            address = ("ADDR=203.0.113.%d" % chance.randrange(256)
                       if chance.random() < 0.3 else
                       "ADDR=IPV6:2001:db8:%x::%x" % (
                           chance.randrange(200), chance.randrange(65536)))
            reply = self.write(client, harness.SAMPLE,
                               next(chance.choice(boxes)), address)
            self.assertEqual(reply.code, 250, reply)

    def caught_up(self, proxy):
        """The recorder has said all that it says: it takes what comes next.
        Where it is far behind, what a worker cannot hand to it is lost."""
        seen, since = -1, time.monotonic()
        end = since + 120
        while time.monotonic() - since < 2 and time.monotonic() < end:
            now = len(proxy.lines("reflector: "))
            if now != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.1)

    def settled(self):
        """All that leaves has left: nothing came for longer than a turn."""
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < 7:
            if len(self.world.messages) != seen:
                seen, since = len(self.world.messages), time.monotonic()
            time.sleep(0.2)
        return [to for to, _ in self.answers()]

    def test_spamd_finds_the_end_of_the_header_where_we_did(self):
        port = self.listener(
            b"SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\n"
            b"Spam: False ; 1.0 / 5.0\r\n\r\n")
        proxy = self.reflector("spamd = 127.0.0.1:%d\n" % port, "check = spf")
        message = b"Subject: x\r\nno field\r\nX-Behind: y\r\n"
        reply = self.write(self.connect(proxy), message, "eve@proven.example",
                           "ADDR=198.51.100.1 HELO=" + HELO)
        self.assertEqual(reply.code, 250, reply)
        wait_until("the question", lambda: b"Behind" in self.told)
        self.assertIn(message.replace(b"no field", b"\r\nno field"), self.told)

    def test_what_leaves_is_bounded_and_who_is_proven_is_answered(self):
        spamd = self.listener(
            b"SPAMD/1.1 0 EX_OK\r\nContent-length: 5\r\n"
            b"Spam: False ; 1.0 / 5.0\r\n\r\nGTUBE")
        proxy = self.reflector(
            "max_per_hour = 2\nmax_per_client = 12\nmax_per_hour_all = 100\n"
            "spamd = 127.0.0.1:%d\n" % spamd, "check = spf")
        client = self.connect(proxy)
        self.flood(client)
        self.caught_up(proxy)
        proven = "ADDR=198.51.100.%d HELO=" + HELO
        names = spellings("eve", "proven.example")
        for i in range(20):
            self.write(client, harness.SAMPLE, next(names), proven % i)
        for i in range(20):
            self.write(client, harness.SAMPLE, "u%d@proven.example" % i,
                       proven % i)
        wait_until(lambda: "the last\n%s" % proxy.text()[-2000:],
                   lambda: proxy.lines("no answer to <u19@"), 120)
        went = self.settled()
        folded = [re.sub(r'"|\+[0-9]+', "", to.lower()) for to in went]
        strangers = [to for to in folded if "victim" in to]
        self.assertEqual(len(strangers), 20)  # a fifth of all
        for to in set(strangers):
            self.assertLessEqual(strangers.count(to), 2)
        domains = [to.split("@")[1] for to in strangers]
        for domain in set(domains):
            self.assertLessEqual(domains.count(domain), 4)
        # spamd has no work with what is not answered.
        self.assertLess(self.asked, 100)
        # None of that was at their cost.
        self.assertEqual(folded.count("eve@proven.example"), 2)
        self.assertEqual(len(folded) - len(strangers), 12)
        # It is gone from the database's files, whoever asked is there still.
        octets = b""
        for end in ("", "-wal"):
            with open(proxy.database + end, "rb") as f:
                octets += f.read()
        self.assertIn(b"eve@proven.example", octets)
        self.assertNotIn(b"Summary of Results", octets)


if __name__ == "__main__":
    unittest.main(verbosity=2)
