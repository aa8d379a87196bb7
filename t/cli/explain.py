"""signpost explain: which rule signs a message, or why none does."""
import os
import unittest

import tool
from tool import MESSAGE


class Explain(tool.Case):
    def explain(self, message, more="", status=0):
        return self.run_tool("explain", "-c", self.config(more),
                             stdin=message, status=status).out.decode()

    def test_signed(self):
        key, _, _ = self.keygen()
        out = self.explain(MESSAGE)
        self.assertIn("rule        domain:example.org\n", out)
        self.assertIn("d=example.org s=s1 a=rsa-sha256\n", out)
        self.assertIn("key %s (rsa, 2048 bits)\n" % key, out)
        self.assertIn("result      signed\n", out)

    def test_not_ours(self):
        out = self.explain(MESSAGE.replace(b"example.org", b"example.com"),
                           status=1)
        self.assertIn("unsigned: no-key-for-domain:example.com\n", out)

    def test_no_author(self):
        out = self.explain(b"Subject: x\n\n", status=1)
        self.assertIn("unsigned: no-from\n", out)
        out = self.explain(b"From: a@example.org\n" * 2 + b"\n", status=1)
        self.assertIn("unsigned: two-from-fields\n", out)

    def test_a_missing_key(self):
        out = self.explain(MESSAGE, status=1)
        self.assertIn(self.path("example.org", "s1.pem"), out)
        self.assertIn("result      deferred with 451 (on_error = tempfail)",
                      out)
        out = self.explain(MESSAGE, "on_error = pass", status=1)
        self.assertIn("result      unsigned: failed\n", out)

    def test_a_missing_key_of_any_domain_is_the_domains_own(self):
        message = MESSAGE.replace(b"@example.org", b"@deep.example.com")
        out = self.explain(message, "domain = *", status=1)
        self.assertIn(self.path("deep.example.com", "s1.pem"), out)
        self.assertNotIn(self.path("com"), out)
        self.assertIn("result      unsigned: no-key\n", out)

    def test_a_key_that_does_not_fit(self):
        self.keygen()
        wish = "signature = dkim(a=ed25519-sha256)\n"
        out = self.explain(MESSAGE, wish, status=1)
        self.assertIn("cannot be made: the key is rsa, the signature "
                      "ed25519-sha256", out)
        self.assertIn("result      deferred with 451", out)
        out = self.explain(MESSAGE, wish + "signature = dkim\n", status=1)
        self.assertIn("result      deferred with 451", out)
        out = self.explain(MESSAGE, wish + "signature = dkim\n"
                           "on_error = pass")
        self.assertIn("result      signed\n", out)

    def test_what_cannot_be_signed(self):
        self.keygen()
        many = b"Subject: x\n" * 10000 + MESSAGE
        for more, message, want in (
                ("", many, "unsigned: failed\n"),
                ("unsignable = reject", many, "refused with 550 (unsignable "
                                              "= reject): failed\n"),
                ("", b"Subject: a\0b\n" + MESSAGE, "unsigned: failed\n"),
                ("unsignable = reject", b"Subject: a\0b\n" + MESSAGE,
                 "refused with 550 (unsignable = reject): failed\n"),
                ("max_header_size = 4096", b"X: " + b"x" * 5000 + b"\n" +
                 MESSAGE, "unsigned: header-too-long:header-over-4096-bytes"),
                ("", b"X: y\n" * 20000 + MESSAGE, "unsigned: header-too-long:"
                 "more-than-20000-header-fields"),
                ("unsignable = reject", b"Subject: x\n\n",
                 "refused with 550 (unsignable = reject): no-from\n")):
            out = self.explain(message, more, status=1)
            self.assertIn("result      " + want, out)

    def test_a_from_that_is_no_list_of_addresses(self):
        self.keygen()
        out = self.explain(MESSAGE.replace(
            b"Joe <joe@example.org>", b"joe@example.org <joe@example.org>"))
        self.assertIn("From fault  unexpected-character-in-address-list", out)
        self.assertIn("result      signed\n", out)

    def test_a_key_for_everyone(self):
        key, _, _ = self.keygen()
        os.chmod(key, 0o644)
        out = self.explain(MESSAGE, status=1)
        self.assertIn("0644", out)

    def test_what_a_sender_wrote_is_made_harmless(self):
        out = self.explain(b"From: \x1b[2J <a@example.com>\n\n", status=1)
        self.assertNotIn("\x1b", out)

    def by_milter(self, who, more="", status=0):
        return self.run_tool(
            "explain", "--milter", who, "-c", self.config(more),
            stdin=MESSAGE, status=status).out.decode()

    def test_whose_mail_by_milter(self):
        self.keygen()
        for who, more, signed in (
                ("authenticated", "", True), ("local", "", True),
                ("192.0.2.7", "", False), ("127.0.0.1", "", False),
                ("authenticated", "sign_for = local", False),
                ("local", "sign_for = authenticated", False),
                ("local", "sign_for = 127.0.0.0/8", False),
                ("local", "sign_for = none", False),
                ("192.0.2.7", "sign_for = 192.0.2.0/24", True),
                ("192.0.3.7", "sign_for = 192.0.2.0/24", False),
                ("::1", "sign_for = local, ::1", True)):
            with self.subTest(who=who, more=more):
                out = self.by_milter(who, more, status=int(not signed))
                self.assertIn("by milter   %s\n" % who, out)
                if signed:
                    self.assertIn("result      signed\n", out)
                else:
                    self.assertIn("result      unsigned: not-ours\n", out)
                    self.assertIn("not in sign_for\n", out)
                    self.assertNotIn("signature ", out)
        out = self.by_milter("local", "sign_for = 192.0.2.0/24, 10.1.2.3, "
                             "2001:db8::/32", status=1)
        self.assertIn("sign_for    192.0.2.0/24, 10.1.2.3, 2001:db8::/32\n",
                      out)

    def test_that_it_depends_by_milter(self):
        """Where nothing is said of how it came, but that may be by milter."""
        self.keygen()
        out = self.explain(MESSAGE, "listen = milter:127.0.0.1:9")
        self.assertIn("by milter   only what is in sign_for: see --milter\n"
                      "sign_for    authenticated, local\n", out)
        self.assertIn("result      signed\n", out)
        self.assertNotIn("milter", self.explain(MESSAGE))

    def test_ends(self):
        for who in "somebody", "10.0.0.0/8", "":
            self.run_tool("explain", "--milter", who, stdin=MESSAGE, status=64)
        self.run_tool("explain", "-c", self.config(), stdin=b"", status=65)
        self.run_tool("explain", "-c", "none", stdin=MESSAGE, status=66)
        self.run_tool("explain", "-c", self.config("x = y"), stdin=MESSAGE,
                      status=78)


if __name__ == "__main__":
    unittest.main()
