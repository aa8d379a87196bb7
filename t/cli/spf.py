"""signpost spf: what SPF says of a client, in text and as JSON."""
import json
import unittest

import tool

RECORDS = {
    ("example.org", "TXT"): [
        "v=spf1 ip4:192.0.2.0/24 include:inc.example -all exp=why.example"],
    ("why.example", "TXT"): ["%{i} is not one of ours"],
    ("inc.example", "TXT"): ["v=spf1 a:mail.example ~all"],
    ("mail.example", "A"): ["198.51.100.7"],
    ("mail.example", "TXT"): ["v=spf1 a -all"],
    ("none.example", "TXT"): ["hello"],
    ("bad.example", "TXT"): ["v=spf1 nosuch:x -all"],
    ("slow.example", "TXT"): [None],
}


class Spf(tool.Case):
    def spf(self, *args, status=0):
        zone = self.zone(RECORDS)
        return self.run_tool("spf", "--nameserver", zone.address(), *args,
                             status=status)

    def found(self, client, *args, status=0):
        return json.loads(self.spf("--client-ip", client, "--json", *args,
                                   status=status).out)

    def test_the_object(self):
        self.assertEqual(
            self.found("192.0.2.5", "--mail-from", "joe@example.org"),
            {"result": "pass", "domain": "example.org", "scope": "mfrom",
             "mechanism": "ip4:192.0.2.0/24", "explanation": "",
             "reason": self.found("192.0.2.5", "--mail-from",
                                  "joe@example.org")["reason"]})
        found = self.found("203.0.113.9", "--mail-from", "<joe@example.org>")
        self.assertEqual(found["result"], "fail")
        self.assertEqual(found["explanation"],
                         "203.0.113.9 is not one of ours")
        found = self.found("198.51.100.7", "--mail-from", "joe@example.org")
        self.assertEqual((found["result"], found["mechanism"]),
                         ("pass", "include:inc.example"))

    def test_nobody_to_ask_about(self):
        for words in (["--mail-from", ""], ["--mail-from", "<>"],
                      ["--helo", ""]):
            self.assertIn("--helo", self.run_tool(
                "spf", "--client-ip", "192.0.2.1", *words, status=64).err)

    def test_an_empty_sender_is_helos(self):
        for sender in (["--mail-from", ""], ["--mail-from", "<>"], []):
            found = self.found("198.51.100.7", "--helo", "mail.example",
                               *sender)
            self.assertEqual((found["result"], found["scope"],
                              found["domain"]),
                             ("pass", "helo", "mail.example"))

    def test_any_result_but_temperror_ends_0(self):
        for domain, result in (("none.example", "none"),
                               ("gone.example", "none"),
                               ("bad.example", "permerror")):
            found = self.found("192.0.2.5", "--mail-from", "a@" + domain)
            self.assertEqual(found["result"], result)
        found = self.found("192.0.2.5", "--dns-timeout", "1s", "--mail-from",
                           "a@slow.example", status=75)
        self.assertEqual(found["result"], "temperror")

    def test_text(self):
        out = self.spf("--client-ip", "192.0.2.5", "--mail-from",
                       "joe@example.org").out.decode()
        self.assertIn("result      pass\n", out)
        self.assertIn("record      v=spf1 ip4:192.0.2.0/24 ", out)

    def test_usage(self):
        for args in ([], ["--client-ip", "192.0.2.5"],
                     ["--client-ip", "x", "--helo", "a.test"],
                     ["--mail-from", "a@b.test"]):
            self.spf(*args, status=64)
        for sender in ("example.org", "<example.org>", "joe@", "@"):
            said = self.spf("--client-ip", "192.0.2.5", "--mail-from", sender,
                            status=64).err
            self.assertIn("--mail-from: no address", said)

    def test_what_a_sender_says_is_escaped_once(self):
        sender = "a@b\x01\x7f\u0085\u2028.example"
        result = self.spf("--client-ip", "192.0.2.5", "--json", "--mail-from",
                          sender)
        self.assertNotRegex(result.out.decode()[:-1], "[\x00-\x1f\x7f-\x9f"
                            "\u2028]")
        found = json.loads(result.out)
        self.assertEqual(found["domain"], sender[2:])
        self.assertEqual(found["reason"], "no domain name: " + sender[2:])


if __name__ == "__main__":
    unittest.main()
