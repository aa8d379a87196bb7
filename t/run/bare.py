#!/usr/bin/python3
"""README's first command where only the packages are that the program is built
with: ./demo in a copy of the tree, shown the pkg-config files of those packages
and of what they depend on.

    SIGNPOST_BUILD   the build directory; ctest sets it
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
from unittest import mock

import harness

TOP = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 800     # seconds; a build with two processors takes ten


def query(*words):
    return subprocess.run(["dpkg-query", *words], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=400,
                          check=False).stdout.decode()


def build_packages():
    """The first part of .ci/packages, and whatever that depends on."""
    text = (TOP / ".ci/packages").read_text().split("# test\n", 1)[0]
    left = [line for line in text.splitlines() if line and line[0] != "#"]
    depends = dict(line.split("\t", 1) for line in query(
        "-W", "-f", "${Package}\t${Pre-Depends}, ${Depends}\n").splitlines())
    found = set()
    while left:
        name = left.pop()
        if name in found or name not in depends:
            continue
        found.add(name)
        left += re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]+)",
                           depends[name])
    return sorted(found)


class Bare(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="signpost-bare-"))
        self.addCleanup(shutil.rmtree, self.dir, True)

    def copy_tree(self):
        tree = self.dir / "signpost"
        shutil.copytree(TOP, tree, ignore=shutil.ignore_patterns(
            ".git", "build", "build-*", "__pycache__"))
        return tree

    def pkgconfig(self):
        """A folder of the .pc files that those packages have."""
        folder = self.dir / "pkgconfig"
        folder.mkdir()
        for path in query("-L", *build_packages()).split():
            if path.endswith(".pc") and not (
                    folder / os.path.basename(path)).exists():
                (folder / os.path.basename(path)).symlink_to(path)
        return folder

    def compiler(self):
        """It leaves the optimizer out, which takes most of a build's time:
        what is looked at here is what a build needs, and what it makes."""
        path = self.dir / "cc"
        path.write_text('#!/bin/sh\nexec cc "$@" -O0 -g0 -U_FORTIFY_SOURCE\n')
        path.chmod(0o755)
        return str(path)

    def hands_nothing_on(self, program):
        """What is built without tests takes no foreign code along."""
        relay = harness.Relay()
        self.addCleanup(relay.close)
        with mock.patch.dict(os.environ, SIGNPOST=str(program)):
            proxy = harness.Signpost(relay, hurry=2, environment={
                "TZ": "Asia/Tokyo", "OPENSSL_CONF": "/nowhere",
                "SIGNPOST_SANDBOX": "death"})
            self.addCleanup(proxy.clean)
            proxy.start()

        def told():
            """What each process has in its environment, the master first."""
            found = []
            for pid in proxy.processes():
                with open("/proc/%d/environ" % pid, "rb") as f:
                    found.append({entry.split(b"=")[0] for entry
                                  in f.read().split(b"\0") if entry})
            return found

        def as_promised():
            """Not at once: it listens before its workers are there, and one
            that is not yet a program of its own has what the master has."""
            master, *others = told()
            return (b"LD_PRELOAD" in master and len(others) > 1
                    and all(names == {b"TZ"} for names in others))
        harness.wait_until(lambda: "TZ alone in all: %s" % told(), as_promised)

    def test_a_package_is_built_as_without_tests(self):
        """As debian/rules configures it, which builds units."""
        rules = (TOP / "debian/rules").read_text()
        words = re.search(r"dh_auto_configure -- ((?:.*\\\n)*.*)", rules)[1]
        wanted = re.findall(r"-D\w+=[^\s$]+", words)
        self.assertIn("-DSIGNPOST_TESTS=units", wanted)
        folder = self.dir / "package"
        done = subprocess.run(
            ["cmake", "-G", "Ninja", "-S", str(TOP), "-B", str(folder),
             "-DBUILD_TESTING=ON", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
             "-DCMAKE_BUILD_TYPE=None", *wanted],
            env=os.environ | {"CFLAGS": "-g -O2 -D_FORTIFY_SOURCE=2"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        made = {unit["file"]: unit["command"] for unit in json.loads(
            (folder / "compile_commands.json").read_text())}
        self.assertIn(str(TOP / "proxy/process/spawn.c"), made)
        self.assertIn(str(TOP / "t/base/base64.c"), made)
        for file, command in made.items():
            if file.startswith(("%s/t/" % TOP, "%s/bench/" % TOP)):
                continue
            self.assertNotIn("SIGNPOST_TESTED", command)
            self.assertEqual(re.findall(r"_FORTIFY_SOURCE=(\d)", command)[-1],
                             "3", command)

    def test_the_demo_needs_nothing_of_the_tests(self):
        folder = self.pkgconfig()
        tree = self.copy_tree()
        self.assertTrue((folder / "libcrypto.pc").exists())
        self.assertFalse((folder / "opendkim.pc").exists())
        done = subprocess.run(
            [tree / "demo"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT,
            env=os.environ | {"PKG_CONFIG_LIBDIR": str(folder),
                              "CC": self.compiler()}, check=False)
        said = done.stdout.decode(errors="replace")
        self.assertEqual(done.returncode, 0, said)
        self.assertIn("signed, and the signature verifies", said)
        self.hands_nothing_on(tree / "build/signpost")


if __name__ == "__main__":
    unittest.main()
