#!/usr/bin/python3
"""README's first command where only the packages are that the program is built
with: ./demo in a copy of the tree, shown the pkg-config files of those packages
and of what they depend on.

    SIGNPOST_BUILD   the build directory; ctest sets it
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 240     # seconds; a build with two processors takes ten


def query(*words):
    return subprocess.run(["dpkg-query", *words], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=60,
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

    def test_the_demo_needs_nothing_of_the_tests(self):
        folder = self.pkgconfig()
        self.assertTrue((folder / "libcrypto.pc").exists())
        self.assertFalse((folder / "opendkim.pc").exists())
        done = subprocess.run(
            [self.copy_tree() / "demo"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT,
            env=os.environ | {"PKG_CONFIG_LIBDIR": str(folder)}, check=False)
        said = done.stdout.decode(errors="replace")
        self.assertEqual(done.returncode, 0, said)
        self.assertIn("signed, and the signature verifies", said)


if __name__ == "__main__":
    unittest.main()
