"""signpost keygen: whole keys, never over another, for its owner alone."""
import os
import resource
import signal
import stat
import subprocess
import unittest

import tool


class Keygen(tool.Case):
    def public(self, path):
        return subprocess.run(
            ["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"],
            check=True, stdout=subprocess.PIPE, timeout=tool.WAIT).stdout

    def test_the_record_is_the_keys(self):
        import base64
        for more, kind, skip in (([], "rsa", 0), (["-b", "1024"], "rsa", 0),
                                 (["-t", "ed25519"], "ed25519", 12)):
            selector = "s" + "".join(more).replace("-", "")
            path, name, value = self.make_key(*more, selector=selector)
            self.assertEqual(name, selector + "._domainkey.example.org")
            want = base64.b64encode(self.public(path)[skip:]).decode()
            self.assertEqual(value, "v=DKIM1; k=%s; h=sha256; p=%s" % (
                kind, want))

    def test_strings_are_of_255_octets_at_most(self):
        out = self.run_tool("keygen", "-d", "example.org", "-s", "big", "-b",
                            "4096", "-o", self.dir).out.decode()
        strings = out.split('"')[1::2]
        self.assertGreater(len(strings), 2)
        self.assertTrue(all(len(s) <= 255 for s in strings))
        self.assertIn("( ", out)
        self.assertTrue(out.endswith(" )\n"))

    def test_bits(self):
        for bits in ("1024", "2048", "4096"):
            path, _, _ = self.make_key("-b", bits, selector="b" + bits)
            text = subprocess.run(
                ["openssl", "pkey", "-in", path, "-text", "-noout"],
                check=True, stdout=subprocess.PIPE).stdout
            self.assertIn(b"%s bit" % bits.encode(), text)
        for bits in ("0x400", "1023", "512", "4097", "99999999999", "-1", ""):
            with self.subTest(bits):
                self.run_tool("keygen", "-d", "example.org", "-s", "no", "-o",
                              self.dir, "-b", bits, status=64)
        self.assertFalse(os.path.exists(self.path("example.org", "no.pem")))

    def test_only_its_owner_may_read_it(self):
        old = os.umask(0)
        try:
            path, _, _ = self.make_key()
        finally:
            os.umask(old)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        parent = os.stat(os.path.dirname(path)).st_mode
        self.assertEqual(stat.S_IMODE(parent), 0o700)

    def test_never_overwrites(self):
        path, _, _ = self.make_key()
        with open(path, "rb") as f:
            before = f.read()
        result = self.run_tool("keygen", "-d", "example.org", "-s", "s1", "-o",
                               self.dir, status=73)
        self.assertIn("not overwritten", result.err)
        self.assertEqual(result.out, b"")
        with open(path, "rb") as f:
            self.assertEqual(f.read(), before)

    def test_follows_no_link(self):
        os.makedirs(self.path("example.org"))
        os.symlink(self.path("elsewhere"), self.path("example.org", "s1.pem"))
        self.run_tool("keygen", "-d", "example.org", "-s", "s1", "-o",
                      self.dir, status=73)
        self.assertFalse(os.path.exists(self.path("elsewhere")))

    def test_names_cannot_leave_the_directory(self):
        for domain, selector in (("../../x", "s"), ("a/b", "s"), ("", "s"),
                                 ("a..b", "s"), ("a.test", "../s"),
                                 ("a.test", "s/t"), ("a.test", ""),
                                 ("a b", "s"), ("a.test", "x" * 64)):
            with self.subTest((domain, selector)):
                self.run_tool("keygen", "-d", domain, "-s", selector, "-o",
                              self.path("deep", "er"), status=64)
        self.assertEqual(os.listdir(self.dir), [])

    def test_names_become_a_labels_in_lower_case(self):
        out = self.run_tool("keygen", "-d", "M\u00fcnchen.EXAMPLE", "-s", "S1",
                            "-t", "ed25519", "-o", self.dir).out.decode()
        self.assertTrue(
            out.startswith("s1._domainkey.xn--mnchen-3ya.example. "))
        self.assertTrue(os.path.exists(
            self.path("xn--mnchen-3ya.example", "s1.pem")))

    def test_the_configuration_says_where(self):
        conf = self.config()
        self.run_tool("keygen", "-c", conf, "-d", "example.org", "-s", "s9")
        self.assertTrue(os.path.exists(self.path("example.org", "s9.pem")))
        self.run_tool("keygen", "-c", self.path("none"), "-d", "example.org",
                      "-s", "s9", status=66)

    def test_a_size_is_for_rsa(self):
        self.run_tool("keygen", "-d", "a.test", "-s", "s", "-o", self.dir,
                      "-t", "ed25519", "-b", "2048", status=64)
        for what in (("-t", "dsa"), ("-b", "512"), ("-s", "a b")):
            result = self.run_tool("keygen", "-d", "a.test", "-s", "s", "-o",
                                   self.dir, *what, status=64)
            self.assertIn("%s %s: " % what, result.err)

    def test_what_is_ended_while_it_writes_leaves_no_half_a_key(self):
        """The first byte too many ends it, as kill -9 would."""
        done = subprocess.run(
            [tool.binary(), "keygen", "-d", "a.test", "-s", "s", "-o",
             self.dir], timeout=tool.WAIT, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_FSIZE, (100, 100)))
        self.assertEqual(done.returncode, -signal.SIGXFSZ)
        self.assertFalse(os.path.exists(self.path("a.test", "s.pem")))
        self.run_tool("keygen", "-d", "a.test", "-s", "s", "-o", self.dir)

    def test_many_domains(self):
        result = self.run_tool("keygen", "-d", "a.test", "-d", "B.test.", "-d",
                               "a.test", "-s", "s", "-o", self.dir, "-t",
                               "ed25519")
        self.assertEqual([line.split()[0] for line in
                          result.out.decode().splitlines()],
                         ["s._domainkey.a.test.", "s._domainkey.b.test."])
        self.assertTrue(os.path.exists(self.path("b.test", "s.pem")))

    def test_domains_of_a_list(self):
        listed = b"# ours\na.test\n\n  m\xc3\xbcnchen.example  # theirs\r\n"
        path = self.write("list", listed + b"c.test")
        for number, (where, stdin) in enumerate((
                (path, b""), ("-", listed + b"c.test\n"))):
            result = self.run_tool(
                "keygen", "--from", where, "-s", "s%d" % number, "-o",
                self.dir, "-t", "ed25519", stdin=stdin)
            self.assertEqual(
                [line.split(".", 2)[2].split()[0] for line in
                 result.out.decode().splitlines()],
                ["a.test.", "xn--mnchen-3ya.example.", "c.test."])
        self.run_tool("keygen", "--from", self.path("none"), "-s", "s", "-o",
                      self.dir, status=66)

    def test_both_kinds_at_once(self):
        result = self.run_tool("keygen", "-d", "a.test", "-d", "b.test", "-s",
                               "m202611", "-t", "both", "-b", "1024", "-o",
                               self.dir)
        self.assertEqual(
            [(line.split()[0], line.split("k=")[1].split(";")[0])
             for line in result.out.decode().splitlines()],
            [("m202611%s._domainkey.%s." % (suffix, domain), kind)
             for domain in ("a.test", "b.test")
             for suffix, kind in (("r", "rsa"), ("e", "ed25519"))])
        for domain in "a.test", "b.test":
            self.assertEqual(sorted(os.listdir(self.path(domain))),
                             ["m202611e.pem", "m202611r.pem"])
        self.run_tool("keygen", "-d", "a.test", "-s", "x" * 63, "-t", "both",
                      "-o", self.dir, status=64)
        conf = self.write("one.conf", (tool.CONFIG % {
            "dir": self.dir, "more": ""}).replace(
                "$domain/$selector.pem", "$domain.pem"))
        result = self.run_tool("keygen", "-c", conf, "-d", "c.test", "-s", "s",
                               "-t", "both", status=78)
        self.assertIn("$selector", result.err)
        self.assertFalse(os.path.exists(self.path("c.test.pem")))

    def test_one_at_fault_is_named_and_the_others_go_on(self):
        self.make_key("-t", "ed25519", selector="s")
        path = self.path("example.org", "s.pem")
        with open(path, "rb") as f:
            before = f.read()
        self.write("b.test", b"a file where a folder ought to be")
        listed = self.write(
            "list", b"a.test\nexample.org\nno domain\nb.test\nc.test\n")
        result = self.run_tool("keygen", "--from", listed, "-s", "s", "-t",
                               "ed25519", "-o", self.dir, status=65)
        self.assertIn("%s:3: no domain name: no domain" % listed, result.err)
        self.assertIn("%s: exists, and is not overwritten" % path, result.err)
        self.assertIn(self.path("b.test"), result.err)
        self.assertIn("2 of 4 keys were not made", result.err)
        self.assertEqual(
            [line.split()[0] for line in result.out.decode().splitlines()],
            ["s._domainkey.a.test.", "s._domainkey.c.test."])
        with open(path, "rb") as f:
            self.assertEqual(f.read(), before)
        # The same again, without the line: what is there is not made again.
        result = self.run_tool("keygen", "-d", "no domain", "-d", "d.test",
                               "-s", "s", "-t", "ed25519", "-o", self.dir,
                               status=64)
        self.assertIn("s._domainkey.d.test.", result.out.decode())
        result = self.run_tool("keygen", "-d", "d.test", "-d", "e.test", "-s",
                               "s", "-t", "ed25519", "-o", self.dir, status=73)
        self.assertIn("s._domainkey.e.test.", result.out.decode())


if __name__ == "__main__":
    unittest.main()
