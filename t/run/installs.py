#!/usr/bin/python3
"""What ./demo and t/all would install is named, and on a terminal asked for.

.ci/install in a copy of its folder, with packages that nobody has, and an
apt-get that only notes what it was told: what it installs for real, t/debian
looks at.
"""
import os
import pathlib
import pty
import select
import shutil
import subprocess
import tempfile
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
WAIT = 120
PACKAGES = "# build\nno-such-library\n# test\nno-such-tool\n" \
    "# browser\nno-such-browser\n# mta\n"
APT_GET = """#!/bin/sh
echo "$@" >>%(dir)s/told
case "$*" in
*install*) /usr/sbin/policy-rc.d any start; echo policy $? >>%(dir)s/told
esac
"""
QUESTION = b"Enter goes on, n ends: "


class Installs(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="signpost-install-"))
        self.addCleanup(shutil.rmtree, self.dir, True)
        shutil.copytree(TOP / ".ci", self.dir / ".ci")
        (self.dir / ".ci/packages").write_text(PACKAGES)
        (self.dir / "bin").mkdir()
        self.program("apt-get", APT_GET % {"dir": self.dir})
        # Not root: then sudo, of which there may be none here.
        self.program("sudo", '#!/bin/sh\nexec "$@"\n')

    def program(self, name, text):
        path = self.dir / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def told(self):
        """The words that apt-get was given, a call a line."""
        path = self.dir / "told"
        return path.read_text().splitlines() if path.exists() else []

    def environment(self, **more):
        plain = {k: v for k, v in os.environ.items() if k != "CI"}
        return plain | {
            "PATH": "%s:/usr/sbin:/usr/bin:/sbin:/bin" % (self.dir / "bin"),
            "LC_ALL": "C"} | more

    def piped(self, *args, status=0, **env):
        done = subprocess.run(
            [self.dir / ".ci/install", *args], env=self.environment(**env),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=WAIT, check=False)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout.decode()

    def typed(self, keys, *args, status=0, **env):
        """On a terminal, where `keys` are typed at the question."""
        master, slave = pty.openpty()
        child = subprocess.Popen(
            [self.dir / ".ci/install", *args], env=self.environment(**env),
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        said, answered, end = b"", False, time.monotonic() + WAIT
        try:
            while time.monotonic() < end:
                if not select.select([master], [], [], 0.1)[0]:
                    continue
                said += os.read(master, 4096)
                if QUESTION in said and not answered:
                    self.assertEqual(self.told(), [])
                    os.write(master, keys)
                    answered = True
        except OSError:     # the last of them has closed it
            pass
        os.close(master)
        self.assertEqual(child.wait(WAIT), status, said)
        return said

    def assert_installed(self, *names):
        install = [line for line in self.told() if " install " in line]
        self.assertEqual(len(install), 1, self.told())
        self.assertEqual(install[0].split()[-len(names) - 1:],
                         ["--no-install-recommends", *names])
        self.assertIn("policy 101", self.told())

    def test_a_terminal_is_asked(self):
        said = self.typed(b"\n", "all")
        self.assertIn(QUESTION, said)
        for name in (b"no-such-library", b"no-such-tool", b"no-such-browser"):
            self.assertIn(name, said.split(QUESTION)[0])
        self.assert_installed("no-such-browser", "no-such-library",
                              "no-such-tool")

    def test_no_is_no(self):
        for keys in (b"n\n", b"No\n", b"x\n", b"\x04"):
            self.typed(keys, "all", status=77)
            self.assertEqual(self.told(), [], keys)

    def test_told_not_to_ask(self):
        self.assertNotIn(QUESTION, self.typed(b"", "build", "--yes"))
        self.assert_installed("no-such-library")
        (self.dir / "told").unlink()
        self.assertNotIn(QUESTION, self.typed(b"", "build", CI="true"))
        self.assert_installed("no-such-library")

    def test_without_a_terminal_it_goes_on(self):
        said = self.piped("build")
        self.assertIn("no-such-library", said)
        self.assertNotIn("no-such-tool", said)
        self.assert_installed("no-such-library")

    def test_left_out_by_name(self):
        said = self.piped("all", "--without", "browser")
        self.assertIn("--without browser,mta", said)
        self.assertNotIn("no-such-browser", said)
        self.assert_installed("no-such-library", "no-such-tool")

    def test_what_would_take_postfix_away_is_unpacked_only(self):
        (self.dir / ".ci/packages").write_text(PACKAGES + "no-such-server\n")
        unpack = self.dir / ".ci/unpack"
        unpack.write_text("#!/bin/sh\n")
        unpack.chmod(0o755)
        said = self.piped("all")
        self.assertIn("build-packages/ only: no-such-server", said)
        self.assert_installed("no-such-browser", "no-such-library",
                              "no-such-tool")

    def test_names_that_are_none(self):
        self.piped("all", "--without", "postfix", status=64)
        self.piped("all", "--no", status=64)
        self.piped("some", status=64)
        self.assertEqual(self.told(), [])

    def test_the_headings_of_the_real_list(self):
        shutil.copy(TOP / ".ci/packages", self.dir / ".ci/packages")
        said = self.piped("all", "--without", "nonsense", status=64)
        for name in ("browser", "spamd", "mta"):
            self.assertIn(name, said.split("NAME: ")[1])

    def test_demo_and_all_pass_it_on(self):
        """Neither goes on where the answer is no."""
        for program, what in (("demo", "build"), ("t/all", "all")):
            text = (TOP / program).read_text()
            self.assertIn(".ci/install %s" % what, text)
            stub = self.dir / ".ci/install"
            stub.write_text('#!/bin/sh\necho "$@" >>%s/told\nexit 77\n'
                            % self.dir)
            path = self.dir / program
            path.parent.mkdir(exist_ok=True)
            shutil.copy(TOP / program, path)
            done = subprocess.run(
                [path, "--yes"], stdin=subprocess.DEVNULL, timeout=WAIT,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=self.environment(), check=False)
            self.assertEqual(done.returncode, 77, done.stdout)
            self.assertEqual(self.told(), ["%s --yes" % what])
            (self.dir / "told").unlink()


if __name__ == "__main__":
    unittest.main()
