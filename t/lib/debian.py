"""A Debian of a test's own, in a folder, by debootstrap; root's business.

    python3 t/lib/debian.py SUITE ROOT [PACKAGES]    a minimal one, once
"""
import os
import pathlib
import re
import subprocess
import sys

LONGEST_S = 1800


def run(*words, status=(0,), **kind):
    """What it says; where it ends in another way, so do we."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=LONGEST_S, check=False, **kind)
    if done.returncode not in status:
        sys.exit(f"{' '.join(map(str, words))}: it ends with "
                 f"{done.returncode}, not {status}\n{done.stdout}")
    return done.stdout


def name():
    """This machine's own release."""
    release = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    return re.search(r"(?m)^VERSION_CODENAME=(\w+)", release)[1]


def mirror():
    """Where this machine's apt takes its packages from."""
    targets = run("apt-get", "indextargets", "--format", "$(CODENAME) $(SITE)",
                  "Created-By: Packages")
    found = re.search(rf"(?m)^{name()} (\S+)", targets)
    return found[1] if found else sys.exit(f"apt knows no mirror of {name()}")


def make(suite, root, packages=""):
    """Once. debootstrap's own folder is there until it has done all."""
    root = pathlib.Path(root)
    if (root / "etc/debian_version").exists() and \
            not (root / "debootstrap").exists():
        return
    run("debootstrap", "--variant=minbase",
        *(["--include=" + packages] if packages else []),
        suite, str(root), mirror())


def apart(script, *words, network=False, **env):
    """The script again, in namespaces of its own: mounts, processes, host name
    and, unless it may reach the world, network. Its exit status."""
    return subprocess.run(
        ["unshare", "--mount", *([] if network else ["--net"]), "--pid",
         "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc",
         "--propagation", "private", sys.executable, "-B", str(script), *words],
        env=dict(os.environ, **env), check=False).returncode


def fill(root):
    """What a kernel has to show, and an empty /run. Only in such namespaces."""
    run("mount", "-t", "proc", "proc", f"{root}/proc")
    run("mount", "-t", "tmpfs", "none", f"{root}/run")
    run("mount", "--bind", "/dev", f"{root}/dev")


class Debian:
    """What is done in there."""

    def __init__(self, root):
        self.root = pathlib.Path(root)

    def words(self, *words):
        return ("chroot", str(self.root), *words)

    def run(self, *words, status=(0,), **kind):
        return run(*self.words(*words), status=status, **kind)

    def path(self, path):
        return self.root / str(path).lstrip("/")


if __name__ == "__main__":
    make(*sys.argv[1:])
