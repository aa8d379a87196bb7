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
        self.assertIn("result      unsigned: no-key", out)

    def test_a_key_for_everyone(self):
        key, _, _ = self.keygen()
        os.chmod(key, 0o644)
        out = self.explain(MESSAGE, status=1)
        self.assertIn("0644", out)

    def test_what_a_sender_wrote_is_made_harmless(self):
        out = self.explain(b"From: \x1b[2J <a@example.com>\n\n", status=1)
        self.assertNotIn("\x1b", out)

    def test_ends(self):
        self.run_tool("explain", "-c", self.config(), stdin=b"", status=65)
        self.run_tool("explain", "-c", "none", stdin=MESSAGE, status=66)
        self.run_tool("explain", "-c", self.config("x = y"), stdin=MESSAGE,
                      status=78)


if __name__ == "__main__":
    unittest.main()
