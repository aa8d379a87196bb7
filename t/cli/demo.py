"""signpost demo: shows a signed message, verifies it, leaves nothing."""
import os
import pwd
import signal
import subprocess
import time
import unittest

import tool  # first, for the path
import listed


class Demo(tool.Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.dir, 0o711)  # the worker is somebody else

    def demo(self, *args, status=0, **more):
        env = dict(os.environ, TMPDIR=self.dir)
        done = subprocess.run([tool.binary(), "demo", *args], env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=400, **more)
        result = tool.Result(done)
        self.assertEqual(result.status, status,
                         result.err + result.out.decode("utf-8", "replace"))
        self.assertEqual([n for n in os.listdir(self.dir)
                          if n.startswith("signpost-demo")], [])
        listed.check(result.err + result.out.decode("utf-8", "replace"))
        return result

    def processes(self):
        """Command lines that speak of our directory."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    line = f.read()
            except OSError:
                continue
            if self.dir.encode() in line:
                found.append(line)
        return found

    def test_the_sample(self):
        out = self.demo().out.decode()
        self.assertIn("\nDKIM-Signature: v=1; a=rsa-sha256;", out)
        self.assertIn("\nDomainKey-Signature: ", out)
        self.assertIn("demo._domainkey.example.org. IN TXT", out)
        self.assertIn("dkim=pass", out)
        self.assertIn("domainkeys=pass", out)
        self.assertIn("status=sent", out)
        self.assertTrue(
            out.endswith("--- signed, and the signature verifies\n"))
        self.assertEqual(self.processes(), [])

    def test_a_file(self):
        for name, content, words in (
                ("lf.eml", b"From: a@m\xc3\xbcnchen.example\nSubject: x\n\n"
                 b".dot\n..dots\n\nlast", ["d=xn--mnchen-3ya.example",
                                           "\n.dot\n..dots\n\nlast\n"]),
                ("crlf.eml", b"From: a@b.example\r\n\r\n\r\n", ["d=b.example"]),
                ("8bit.eml", b"From: a@b.example\n\n\xff\xfe\n", ["d=b.example"]),
                ("header.eml", b"From: a@b.example", ["d=b.example"]),
                ("big.eml", b"From: a@b.example\n\n" + b"x" * 70 * 100000,
                 ["d=b.example"])):
            with self.subTest(name):
                out = self.demo(self.write(name, content)).out
                for word in words:
                    self.assertIn(word.encode(), out)

    def test_what_cannot_be_shown(self):
        self.demo(self.path("none"), status=66)
        self.demo(self.write("empty", b""), status=65)
        self.demo(self.write("text", b"no header\n"), status=65)
        self.demo(self.write("anon", b"Subject: x\n\n"), status=65)
        self.demo(self.write("odd", b"From: root\n\n"), status=65)
        self.demo("one", "two", status=64)

    def test_what_cannot_be_signed_does_not_end_well(self):
        two = self.write("two", b"From: a@b.example\n" * 2 + b"\nx\n")
        out = self.demo(two, status=1).out
        self.assertIn(b"does not verify", out)
        self.assertIn(b"unsigned=two-from-fields", out)

    def test_as_somebody_else(self):
        if os.geteuid() != 0:
            self.skipTest("the other tests are somebody else already")
        nobody = pwd.getpwnam("nobody")
        os.chown(self.dir, nobody.pw_uid, nobody.pw_gid)
        binary = self.path("signpost")
        subprocess.run(["install", "-m", "755", tool.binary(), binary],
                       check=True)
        env = dict(os.environ, TMPDIR=self.dir)
        done = subprocess.run(
            [binary, "demo"], env=env, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=400, user=nobody.pw_uid,
            group=nobody.pw_gid, extra_groups=[], cwd="/")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_interrupted_it_cleans_up(self):
        for delay in (0.0, 0.05, 0.1, 0.2):
            env = dict(os.environ, TMPDIR=self.dir)
            run = subprocess.Popen([tool.binary(), "demo"], env=env,
                                   stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
            time.sleep(delay)
            run.send_signal(signal.SIGTERM)
            run.wait(30)
            end = time.monotonic() + 10
            while self.processes() and time.monotonic() < end:
                time.sleep(0.05)
            self.assertEqual(self.processes(), [])
            self.assertEqual(os.listdir(self.dir), [])


if __name__ == "__main__":
    unittest.main()
