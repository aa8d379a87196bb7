#!/usr/bin/python3
"""publish-nsupdate: records by updates that a TSIG key signs, against BIND."""
import os
import subprocess
import unittest

import tool  # first: it finds t/lib
import bind

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "..", "..", "libexec", "publish-nsupdate")
NAME = "m202611r._domainkey.example.org"
TEXT = "v=DKIM1; k=rsa; h=sha256; p=" + "MIIB" * 100


class Case(tool.Case):
    def run_it(self, *arguments, key=None, status=0, options=()):
        """With no environment but what `publish' gives; what it says."""
        done = subprocess.run(
            [SCRIPT, "-k", key or self.server.keyfile, "-s",
             self.server.address(), *options, *map(str, arguments)],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
                 "HOME": "/"}, stdin=subprocess.DEVNULL, cwd="/",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=400, check=False)
        if status is None:
            self.assertNotEqual(done.returncode, 0, done.stdout)
        else:
            self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def serve(self, *records):
        self.server = bind.Named("example.org", *records)
        self.enterContext(self.server)

    def found(self, name=NAME):
        return [b"".join(strings).decode()
                for strings in self.server.texts(name)]


class Updates(Case):
    def test_a_record_is_added_and_removed(self):
        self.serve()
        self.assertEqual(self.run_it("add", NAME, 600, "TXT", TEXT), "")
        strings, = self.server.texts(NAME)
        self.assertEqual(b"".join(strings).decode(), TEXT)
        self.assertEqual([len(s) for s in strings], [255, len(TEXT) - 255])
        self.assertEqual(self.server.ttl, 600)
        for _ in range(2):  # what is done already may be asked for again
            self.run_it("add", NAME, 600, "TXT", TEXT)
            self.assertEqual(self.found(), [TEXT])
        for _ in range(2):
            self.run_it("remove", NAME, 600, "TXT", TEXT)
            self.assertEqual(self.found(), [])

    def test_another_record_of_the_name_stays(self):
        self.serve("m202611r._domainkey TXT other")
        self.run_it("add", NAME + ".", 60, "TXT", TEXT, options=(
            "-z", "example.org"))
        self.assertEqual(self.found(), sorted(["other", TEXT]))
        self.run_it("remove", NAME, 60, "TXT", TEXT)
        self.assertEqual(self.found(), ["other"])

    def test_any_text_that_a_record_can_have(self):
        self.serve()
        for text in ('a "b" \\ c; d', "-e", "%s\\n$x `id` $(id) *", "x" * 255,
                     "y" * 256, '"' * 300, "z" * 3000):
            self.run_it("add", NAME, 60, "TXT", text)
            self.assertEqual(self.found(), [text])
            self.assertLessEqual(max(map(len, self.server.texts(NAME)[0])),
                                 255)
            self.run_it("remove", NAME, 60, "TXT", text)
            self.assertEqual(self.found(), [])


class Refusals(Case):
    def test_who_may_not_update_is_told(self):
        self.serve()
        wrong = self.write("wrong.key", bind.key_text(b"another secret"))
        self.assertRegex(self.run_it(
            "add", NAME, 60, "TXT", TEXT, key=wrong, status=None),
            "BADSIG|NOTAUTH")
        self.assertIn("REFUSED", self.run_it(
            "add", "www.example.org", 60, "TXT", TEXT, status=None))
        self.assertIn("/nonexistent", self.run_it(
            "add", NAME, 60, "TXT", TEXT, key="/nonexistent", status=None))
        self.assertEqual(self.found(), [])

    def test_no_argument_is_a_command(self):
        self.serve()
        evil = "\nupdate add x._domainkey.example.org. 60 TXT evil\n"
        for arguments, why in (
                (("add", NAME + evil, 60, "TXT", TEXT), "no name"),
                (("add", NAME, "60" + evil, "TXT", TEXT), "no TTL"),
                (("add", NAME, 60, "TXT", TEXT + evil), "printable"),
                (("add", NAME, 60, "TXT", "\u00e4"), "printable"),
                (("add", NAME, 60, "TXT", ""), "printable"),
                (("add", NAME, 60, "A", "192.0.2.1"), "not a TXT"),
                (("add", "-x", 60, "TXT", TEXT), "no name"),
                (("replace", NAME, 60, "TXT", TEXT), "usage"),
                (("add", NAME, 60, "TXT"), "usage"),
                ((), "usage")):
            self.assertIn(why, self.run_it(*arguments, status=64))
        self.assertEqual(self.found(), [])
        self.assertEqual(self.found("x._domainkey.example.org"), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
