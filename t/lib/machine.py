"""A machine of a test's own: this one's files, of which every change is lost.

    machine.enter(__file__)

runs the program again in namespaces of its own: mounts, network (loopback
alone), processes, host name. /etc, /var, /usr, /root, /home and the build
folder are what they are here, with a layer on top that takes what is written
and ends with the test; /run is empty. So a test may install, run useradd, start
the real Postfix of this machine on port 25 and break what it likes. Needs root.

What programs send to syslog there is kept, and the run fails at its end where a
daemon said that it made a system call which is not listed: service(8) hands on no
SIGNPOST_SANDBOX, and the mail of a process that ended by it may have been taken by
its successor.

With SIGNPOST_DEBIAN=FOLDER the Debian in FOLDER/root is at ROOT besides, with a
layer of the same kind, which is on that disk; its /run is this one's. There the
test does what it would do here (t/howto).
"""
import contextlib
import ctypes
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

import debian
import listed

LAYERS = "/etc", "/var", "/usr", "/root", "/home"
HERE = os.path.abspath(__file__)
HOST = "mail.example.org"
DEBIAN = os.environ.get("SIGNPOST_DEBIAN")
ROOT = debian.Debian("/mnt" if DEBIAN else "/")


def _layer(folder, to, at=None):
    upper, work = to / "upper", to / "work"
    for path in upper, work:
        path.mkdir(parents=True)
    subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o",
         f"lowerdir={folder},upperdir={upper},workdir={work}", at or folder],
        check=True)


def _debian(folder):
    """Before there are other layers, for a layer cannot be upon a layer."""
    _layer(folder / "root", folder / "changes", ROOT.root)
    debian.fill(ROOT.root)


def _devices():
    """A layer on /dev, and what is mounted there."""
    to = pathlib.Path(tempfile.mkdtemp(prefix="machine-dev-"))
    subprocess.run(["mount", "-t", "tmpfs", "none", to], check=True)
    (to / "there").mkdir()
    subprocess.run(["mount", "--rbind", "/dev", to / "there"], check=True)
    _layer("/dev", to)
    for path in (to / "there").iterdir():
        if path.is_mount():
            subprocess.run(["mount", "--rbind", path, f"/dev/{path.name}"],
                           check=True)


def _syslog():
    """Of the machine; read at once, for who writes there may wait for it."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink("/dev/log")
    log, said = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), []
    log.bind("/dev/log")
    os.chmod("/dev/log", 0o666)

    def read():
        while True:
            said.append(log.recv(65536).decode(errors="replace"))

    threading.Thread(target=read, daemon=True).start()
    unittest.addModuleCleanup(lambda: listed.check("\n".join(said)))


def _inside():
    ctypes.CDLL(None).sethostname(HOST.encode(), len(HOST))
    _devices()
    if DEBIAN:
        _debian(pathlib.Path(DEBIAN))
    to = pathlib.Path(tempfile.mkdtemp(prefix="machine-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1G", "none", to],
                   check=True)
    build = os.environ.get("SIGNPOST_BUILD")
    for number, folder in enumerate(LAYERS + ((build,) if build else ())):
        # What is mounted below /home, this tree perhaps, would be hidden.
        if os.path.isdir(folder) and not (
                folder == "/home" and HERE.startswith("/home/")):
            _layer(folder, to / str(number))
    subprocess.run(["mount", "--bind", ROOT.path("/run"), "/run"] if DEBIAN
                   else ["mount", "-t", "tmpfs", "none", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # Postfix's programs log into a socket's queue. Where that is full at a
    # second reload close to the first, its master waits in there for the
    # postlogd that has ended and that it alone can start: for ever.
    pathlib.Path("/proc/sys/net/unix/max_dgram_qlen").write_text("4096")
    _syslog()


def enter(script):
    """Returns inside; outside, ends as the run inside did."""
    if os.environ.get("SIGNPOST_MACHINE"):
        _inside()
        return
    sys.exit(debian.apart(script, *sys.argv[1:], SIGNPOST_MACHINE="1"))


def alone(script, *addresses):
    """The same with no more than a network of its own: loopback, these
    addresses there, and a way to the world that leads nowhere. The first of
    each family is by which packets would leave."""
    if not os.environ.get("SIGNPOST_ALONE"):
        os.environ["SIGNPOST_ALONE"] = "1"
        sys.exit(subprocess.run(
            ["unshare", "--net", sys.executable, "-B", script] + sys.argv[1:],
            check=False).returncode)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    families = set()
    for address in addresses:
        family = "-6" if ":" in address else "-4"
        subprocess.run(
            ["ip", family, "addr", "add", address, "dev", "lo"]
            + ["nodad"] * (family == "-6"), check=True)
        if family not in families:
            subprocess.run(["ip", family, "route", "add", "default", "dev",
                            "lo", "src", address], check=True)
        families.add(family)
