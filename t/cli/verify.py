"""signpost verify: fields, JSON and ends, against a name server."""
import json
import re
import time
import unittest

import tool
from tool import MESSAGE


class Verify(tool.Case):
    def setUp(self):
        super().setUp()
        self.key, self.name, self.value = self.keygen()
        self.records = {(self.name, "TXT"): [self.value]}
        self.signed = self.sign(MESSAGE)

    def sign(self, message, *more):
        return self.run_tool("sign", "-d", "example.org", "-s", "s1", "-k",
                             self.key, *more, stdin=message).out

    def verify(self, message, *more, status=0, records=None):
        zone = self.zone(self.records if records is None else records)
        return self.run_tool("verify", "--nameserver", zone.address(),
                             "--authserv-id", "mx.test", *more, stdin=message,
                             status=status)

    def found(self, message, *more, **kind):
        return json.loads(self.verify(message, "--json", *more, **kind).out)

    @staticmethod
    def b_of(message, name):
        """The beginning of b= of the first such field, without folding."""
        field = re.search(name + rb":(?:[^\r]|\r\n[ \t])*", message)[0]
        field = re.sub(rb"\s", b"", field)
        return re.search(rb"[;:]b=([^;]*)", field)[1].decode()[:8]

    def test_the_field(self):
        out = self.verify(self.signed).out
        text = re.sub(rb"\r\n(?=[ \t])", b"", out).decode()
        self.assertTrue(text.startswith("Authentication-Results: mx.test;"))
        self.assertTrue(text.endswith("\r\n"))
        self.assertIn("dkim=pass", text)
        self.assertIn("header.d=example.org", text)
        self.assertIn("header.s=s1", text)
        for line in out.split(b"\r\n"):
            self.assertLessEqual(len(line.expandtabs(8)), 78, line)
        lf = self.verify(self.signed.replace(b"\r\n", b"\n")).out
        self.assertEqual(lf, out.replace(b"\r\n", b"\n"))

    def test_the_object(self):
        signed = self.sign(MESSAGE, "--type", "domainkeys", "--type", "dkim",
                           "--identity", "a@example.org")
        found = self.found(signed)
        self.assertEqual(found["from"], "example.org")
        self.assertEqual(found["dkim"], [{
            "result": "pass", "domain": "example.org", "selector": "s1",
            "algorithm": "rsa-sha256", "identity": "a@example.org",
            "b": self.b_of(signed, b"DKIM-Signature"),
            "code": "", "reason": ""}])
        self.assertEqual(found["domainkeys"], [{
            "result": "pass", "domain": "example.org", "selector": "s1",
            "b": self.b_of(signed, b"DomainKey-Signature"),
            "code": "", "reason": ""}])
        self.assertIn("dmarc", found)
        for absent in ("spf", "senderid", "iprev"):
            self.assertNotIn(absent, found)

    def test_signatures_come_in_the_order_of_the_message(self):
        twice = self.sign(self.signed, "--canon", "simple/simple")
        broken = twice.replace(b"s=s1", b"s=s2", 1)
        found = self.found(broken)
        self.assertEqual([s["selector"] for s in found["dkim"]], ["s2", "s1"])
        self.assertEqual([s["result"] for s in found["dkim"]],
                         ["permerror", "pass"])

    def test_authors_of_one_domain(self):
        for authors, domain in (
                (b"ann@example.org, bob@EXAMPLE.org", "example.org"),
                (b"Team: ann@example.org, bob@example.org;", "example.org"),
                (b"ann@example.org, bob@mail.example.org", None)):
            found = self.found(b"From: " + authors + b"\r\n\r\nx\r\n",
                               status=1)
            self.assertEqual(found.get("from"), domain)

    def test_the_clients_name(self):
        records = {("1.2.0.192.in-addr.arpa", "PTR"): ["mail.example.org."],
                   ("mail.example.org", "A"): ["192.0.2.1"]}
        found = self.found(MESSAGE, "--client-ip", "192.0.2.1", status=1,
                           records=records)
        self.assertEqual(found["iprev"], {
            "result": "pass", "name": "mail.example.org", "reason": ""})
        found = self.found(MESSAGE, "--client-ip", "192.0.2.1", status=1,
                           records={})
        self.assertEqual(found["iprev"], {
            "result": "permerror", "name": "",
            "reason": "the address has no name"})

    def test_what_a_message_says_is_escaped_once(self):
        field = ("DKIM-Signature: v=1; d=a\x7f\u0085\u2028b\\c; s=\u009f\r\n"
                 .encode())
        result = self.verify(field + MESSAGE, "--json", status=1)
        self.assertNotRegex(result.out.decode()[:-1],
                            "[\x00-\x1f\x7f-\x9f\u2028]")
        found = json.loads(result.out)["dkim"][0]
        if found["code"] == "tag-value-bad":    # DEL is no tag's
            field = field.replace(b"\x7f", b"")
            found = self.found(field + MESSAGE, status=1)["dkim"][0]
        self.assertEqual((found["domain"], found["selector"]),
                         ("a\u0085\u2028b\\c", "\u009f"))

    def test_whose_field_it_is(self):
        self.verify(MESSAGE, "--authserv-id", "", status=64)
        self.verify(MESSAGE, "--authserv-id", "a\nb", status=64)
        self.verify(MESSAGE, "--authserv-id", "x" * 321, status=64)
        out = self.verify(MESSAGE, "--authserv-id", 'our "own" host; 2',
                          status=1).out
        self.assertTrue(out.startswith(
            b'Authentication-Results: "our \\"own\\" host; 2";'), out)

    def test_unsigned(self):
        result = self.verify(MESSAGE, "--json", status=1)
        found = json.loads(result.out)
        self.assertEqual(found["dkim"], [])
        self.assertEqual(found["domainkeys"], [])
        policy = {("_domainkey.example.org", "TXT"): ["o=-"]}
        found = self.found(MESSAGE, status=1, records=policy)
        self.assertEqual(found["domainkeys"], [])

    def test_changed(self):
        for old, new, code in ((b"Hello", b"Hallo", "body-changed"),
                               (b"Joe", b"Jim", "header-changed"),
                               (b"folded", b"Folded", "header-changed"),
                               (b"Bye", b"B ye", "body-changed")):
            found = self.found(self.signed.replace(old, new), status=1)
            self.assertEqual(found["dkim"][0]["result"], "fail")
            self.assertEqual(found["dkim"][0]["code"], code)
            self.assertTrue(found["dkim"][0]["reason"])

    def test_another_key(self):
        _, _, other = self.keygen(selector="other")
        found = self.found(self.signed, status=1,
                           records={(self.name, "TXT"): [other]})
        self.assertEqual(found["dkim"][0]["code"], "key-wrong")
        found = self.found(
            self.sign(MESSAGE, "--type", "domainkeys"), status=1,
            records={(self.name, "TXT"): [other]})
        self.assertEqual(found["domainkeys"][0]["code"], "key-wrong")

    def test_names_that_are_not_there(self):
        found = self.found(self.signed, status=1, records={})
        self.assertEqual(found["dkim"][0]["result"], "permerror")

    def test_a_silent_name_server(self):
        start = time.monotonic()
        found = self.found(
            self.signed, "--dns-timeout", "1s", status=75,
            records={(self.name, "TXT"): [None],
                     ("_dmarc.example.org", "TXT"): [None],
                     ("_domainkey.example.org", "TXT"): [None]})
        self.assertEqual(found["dkim"][0]["result"], "temperror")
        self.assertLess(time.monotonic() - start, 10)

    def test_time(self):
        signed = self.sign(MESSAGE, "--time", "1000000000", "--ttl", "1h")
        self.found(signed, "--time", "1000000100")
        found = self.found(signed, "--time", "1000009999", status=1)
        self.assertNotEqual(found["dkim"][0]["result"], "pass")
        found = self.found(signed, "--time", "900000000", status=1)
        self.assertNotEqual(found["dkim"][0]["result"], "pass")

    def test_weak(self):
        signed = self.sign(MESSAGE, "--algorithm", "rsa-sha1")
        found = self.found(signed, status=1)
        self.assertNotEqual(found["dkim"][0]["result"], "pass")
        # Ours says h=sha256, which holds for the weak as well.
        found = self.found(signed, "--weak", status=1)
        self.assertNotEqual(found["dkim"][0]["result"], "pass")
        old = {(self.name, "TXT"): [self.value.replace("h=sha256; ", "")]}
        self.found(signed, "--weak", records=old)

    def test_a_client_is_checked_too(self):
        records = dict(self.records)
        records["example.org", "TXT"] = ["v=spf1 ip4:192.0.2.0/24 -all"]
        records["_dmarc.example.org", "TXT"] = ["v=DMARC1; p=reject"]
        records["1.2.0.192.in-addr.arpa", "PTR"] = ["mail.example.org."]
        records["mail.example.org", "A"] = ["192.0.2.1"]
        for sender in ("joe@example.org", "<joe@example.org>"):
            found = self.found(self.signed, "--client-ip", "192.0.2.1",
                               "--helo", "mail.example.org", "--mail-from",
                               sender, records=records)
            self.assertEqual(found["spf"]["result"], "pass")
            self.assertEqual(found["spf"]["domain"], "example.org")
            self.assertEqual(found["spf"]["scope"], "mfrom")
            self.assertEqual(found["spf"]["mechanism"], "ip4:192.0.2.0/24")
            self.assertEqual(found["senderid"]["result"], "pass")
            self.assertEqual(found["senderid"]["pra"], "joe@example.org")
            self.assertEqual(found["dmarc"]["result"], "pass")
            self.assertEqual(found["dmarc"]["policy"], "reject")
            self.assertEqual(found["iprev"]["result"], "pass")
        found = self.found(MESSAGE, "--client-ip", "198.51.100.1",
                           "--mail-from", "joe@example.org", status=1,
                           records=records)
        self.assertEqual(found["spf"]["result"], "fail")
        self.assertEqual(found["dmarc"]["result"], "fail")
        self.assertEqual(found["dmarc"]["disposition"], "reject")

    def test_the_summary(self):
        out = self.verify(self.signed, "--summary").out.decode()
        self.assertIn("Summary of Results\n", out)
        self.assertIn("\nDKIM check: pass\n", out)
        self.assertIn("\nDomainKeys check: none\n", out)

    def test_the_configuration_says_what_is_checked(self):
        zone = self.zone(self.records)
        conf = self.write("in.conf", "[in]\nlisten = 127.0.0.1:10025\n"
                          "relay = 127.0.0.1:10026\nauthserv_id = me.test\n"
                          "check = dkim\nspool_dir = %s\n"
                          "[dns]\nnameserver = %s\n"
                          % (self.dir, zone.address()))
        out = self.run_tool("verify", "-c", conf, stdin=self.signed).out
        self.assertTrue(out.startswith(b"Authentication-Results: me.test;"))
        self.assertNotIn(b"dmarc", out)
        out = self.run_tool("verify", "-c", conf, "--json",
                            stdin=self.signed).out
        self.assertEqual(set(json.loads(out)), {"from", "dkim"})
        with open(conf) as f:
            text = f.read().replace("check = dkim\n",
                                    "check = dkim\nmax_signatures = 1\n")
        conf = self.write("one.conf", text)
        out = self.run_tool("verify", "-c", conf, "--json",
                            stdin=self.sign(self.signed)).out
        self.assertEqual([s["result"] for s in json.loads(out)["dkim"]],
                         ["pass", "policy"])

    def test_what_is_no_message(self):
        for message in (b"", b"\n", b"no header\n"):
            result = self.verify(message, status=65)
            self.assertEqual(result.out, b"")

    def test_what_a_sender_puts_there_stays_text(self):
        bad = (b"DKIM-Signature: v=1; a=\"\\; d=\xff\x01\"; s=x\r\n" +
               b"DKIM-Signature: =\r\n" + MESSAGE)
        found = self.found(bad, status=1)
        self.assertEqual(len(found["dkim"]), 2)
        out = self.verify(bad, status=1).out
        self.assertNotIn(b"\xff", out)
        self.assertNotIn(b"\x01", out)


if __name__ == "__main__":
    unittest.main()
