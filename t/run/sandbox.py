#!/usr/bin/python3
"""Each process has closed itself in: what one who took it over tries. The calls
are made by the processes themselves, as they run (t/lib/inject.py).
"""
import contextlib
import ctypes
import datetime
import errno
import json
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time
import unittest
import zoneinfo
from unittest import mock

import harness
import inbound
import inject
from inject import DEAD, SYS
from recorder import Both

AT_FDCWD = -100
NOBODY = 0x3fffff  # a process that there is not: ESRCH, by the kernel's own word
CLONE_NEWUSER = 0x10000000
PROT_EXEC = 4
SECCOMP, PRCTL, PR_SET_SECCOMP = 317, 157, 22
LANDLOCK = 444, 445, 446
RESTRICT_SELF = LANDLOCK[2]
# Where a signer has its ways to the master: for keys, and for what it would
# tell syslog (proxy/process/spawn.c).
FD_KEYS, FD_LINES = 8, 12
FD_RECORD = 9  # and a worker its way to the recorder
# Those that nothing of ours makes: the process ends.
DEADLY = ("execve", "execveat", "ptrace", "process_vm_readv",
          "process_vm_writev", "bpf", "mount", "keyctl")


def abi():
    """Of landlock: what this kernel promises."""
    return ctypes.CDLL(None).syscall(444, None, 0, 1)


def forbid(*calls, why=errno.EPERM, filters=False):
    """As a unit's filter of system calls does: they end so; and so does to set
    another filter."""
    refused = struct.pack("=HBBI", 6, 0, 0, 0x50000 | why)
    program = struct.pack("=HBBI", 0x20, 0, 0, 0)  # the call's number
    for call in calls + ((SECCOMP,) if filters else ()):
        program += struct.pack("=HBBI", 0x15, 0, 1, call) + refused
    if filters:  # prctl, and its first argument
        program += struct.pack("=HBBI", 0x15, 0, 3, PRCTL)
        program += struct.pack("=HBBI", 0x20, 0, 0, 16)
        program += struct.pack("=HBBI", 0x15, 0, 1, PR_SET_SECCOMP) + refused
    program += struct.pack("=HBBI", 6, 0, 0, 0x7fff0000)
    text = ctypes.create_string_buffer(program, len(program))
    filter_at = struct.pack("@HP", len(program) // 8, ctypes.addressof(text))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    if prctl(PR_SET_SECCOMP, 2, filter_at) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")


def address(port):
    return struct.pack("=H", socket.AF_INET) + struct.pack(
        "!H4s8x", port, socket.inet_aton("127.0.0.1"))


@harness.for_root("to call from within other processes")
@unittest.skipUnless(inject.possible(), "needs x86-64")
class Case(inbound.Case):
    def daemon(self, daemon=(), death=False, names=True, dns=9, **options):
        """All roles there are: both fronts, the recorder, a signer. What they
        are made to do is none of their own doing."""
        self.hop = self.relay()
        key = os.path.join(self.make_folder(), "arc.pem")
        shutil.copy(os.path.join(os.path.dirname(__file__), "..", "data",
                                 "dkim", "rsa2048.pem"), key)
        os.chmod(key, 0o600)
        proxy = Both(self.hop, dns, daemon=daemon, environment={
            "SIGNPOST_SANDBOX": "death" if death else ""}, **options)
        proxy.lists_all = False
        self.addCleanup(proxy.clean)
        with open(proxy.config) as f:
            text = f.read()
        if not names:
            text = re.sub("(?m)^nameserver .*\n", "", text)
        with open(proxy.config, "w") as f:
            f.write(text.replace("[in]\n", "[in]\nseal_domain = example.net\n"
                                 "seal_selector = arc\nseal_keyfile = %s\n" %
                                 key))
        proxy.start()
        harness.wait_until("all to serve", lambda: self.serves(proxy))
        return proxy

    def serves(self, proxy):
        """By its control socket: the log may be elsewhere."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(harness.WAIT)
            if s.connect_ex(os.path.join(proxy.dir, "control")) != 0:
                return False
            s.send(b"state")
            return json.loads(s.recv(1 << 16))["generation"] == 1

    def make_folder(self):
        folder = os.path.join("/tmp", "signpost-sandbox-%d" % os.getpid())
        os.makedirs(folder, exist_ok=True)
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def pid_of(self, proxy, role):
        return proxy.pids_of(role)[0]

    def refused(self, result, *errors):
        self.assertIn(result, [-e for e in errors or (errno.EPERM,)])


class Reach(Case):
    """What ends in a refusal, and leaves the process as it was."""

    # Who may open something, or speak to somebody, at all.
    TALKERS = ("out", "in", "recorder")

    def test_each_role(self):
        proxy = self.daemon()
        for role in ("out", "in", "recorder", "signer"):
            pid = self.pid_of(proxy, role)
            with self.subTest(role=role), inject.Captive(pid) as it:
                self.files(proxy, role, it)
                self.sockets(proxy, role, it)
                self.others(proxy, it)
        # All of them are there as before, and the log says what was refused,
        # once of each call that a process makes.
        self.assertEqual(len(proxy.lines("killed by")), 0)
        for role, call in (("signer", "openat (257)"),
                           ("signer", "socket (41)"),
                           ("out", "unshare (272)"), ("in", "fork (57)"),
                           ("recorder", "kill (62)")):
            proxy.wait_log(r"process \d+ of .%s.: the system call %s is not "
                           "in its list and was refused .EPERM." % (
                               role, re.escape(call)))
        for role in ("out", "in", "recorder", "signer"):
            # unshare was called twice, and then fork.
            of = "of .%s.: the system call " % role
            proxy.wait_log(of + "fork")
            self.assertEqual(len(proxy.lines(of + "unshare")), 1)
        client = proxy.client()
        client.ehlo()
        self.assertEqual(client.message(harness.SAMPLE).code, 250)

    def files(self, proxy, role, it):
        def opened(path, flags=os.O_RDONLY, mode=0):
            return it.call(SYS["openat"], AT_FDCWD, it.text(path), flags, mode)

        if abi() < 1 and role in self.TALKERS:
            return  # this kernel promises nothing of files
        for path in ("/etc/passwd", proxy.config, "/proc/1/mem", "/dev/null",
                     "/proc/%d/mem" % proxy.process.pid, "/"):
            self.refused(opened(path), errno.EACCES, errno.EPERM)
        self.refused(opened("/tmp/by-%s" % role, os.O_CREAT | os.O_WRONLY,
                            0o600), errno.EACCES, errno.EPERM)
        self.assertFalse(os.path.exists("/tmp/by-%s" % role))
        # Its own folder, and of no other role's.
        own = {"out": proxy.spool, "in": proxy.dir + "/spool-in",
               "recorder": proxy.dir + "/results"}
        for whose, folder in own.items():
            result = opened(folder + "/x", os.O_CREAT | os.O_RDWR, 0o600)
            if whose == role:
                self.assertGreaterEqual(result, 0, folder)
                os.unlink(folder + "/x")
            else:
                self.refused(result, errno.EACCES, errno.EPERM)

    def sockets(self, proxy, role, it):
        fd = it.call(SYS["socket"], socket.AF_INET, socket.SOCK_STREAM, 0)
        if role not in self.TALKERS:
            self.refused(fd)
            self.refused(it.call(SYS["connect"], 0, 0, 0))
            self.refused(it.call(SYS["socket"], socket.AF_UNIX,
                                 socket.SOCK_DGRAM, 0))
            return
        self.assertGreaterEqual(fd, 0)
        for family, kind in ((socket.AF_PACKET, socket.SOCK_RAW),
                             (socket.AF_INET, socket.SOCK_RAW),
                             (socket.AF_NETLINK, socket.SOCK_RAW),
                             (socket.AF_ALG, socket.SOCK_SEQPACKET)):
            self.refused(it.call(SYS["socket"], family, kind, 0))
        with socket.create_server(("127.0.0.1", 0)) as elsewhere:
            port = elsewhere.getsockname()[1]
            result = it.call(SYS["connect"], fd, it.bytes(address(port)), 16)
            if abi() >= 4:
                self.refused(result, errno.EACCES)
            else:
                self.assertEqual(result, 0)
        self.refused(it.call(SYS["bind"], fd, it.bytes(address(0)), 16),
                     errno.EACCES if abi() >= 4 and role != "out"
                     else errno.EPERM)
        it.call(SYS["close"], fd)
        self.abstract(it)
        fd = it.call(SYS["socket"], socket.AF_INET, socket.SOCK_STREAM, 0)
        self.assertEqual(it.call(
            SYS["connect"], fd, it.bytes(address(self.hop.port)), 16), 0)
        it.call(SYS["close"], fd)

    def abstract(self, it):
        """A socket without a file, of somebody else."""
        fd = it.call(SYS["socket"], socket.AF_UNIX, socket.SOCK_STREAM, 0)
        with socket.socket(socket.AF_UNIX) as elsewhere:
            name = b"\0signpost-sandbox-%d" % os.getpid()
            elsewhere.bind(name)
            elsewhere.listen()
            at = struct.pack("=H", socket.AF_UNIX) + name
            result = it.call(SYS["connect"], fd, it.bytes(at), len(at))
        if abi() >= 6:
            self.refused(result)
        else:
            self.assertEqual(result, 0)
        it.call(SYS["close"], fd)

    def others(self, proxy, it):
        for call, *arguments in (
                ("unshare", CLONE_NEWUSER), ("unshare", CLONE_NEWUSER),
                ("fork",), ("setns", 0, 0),
                ("clone", CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0),
                ("clone3", it.bytes(b"\0" * 88), 88),
                ("kill", proxy.process.pid, 0), ("io_uring_setup", 1, 0),
                ("tgkill", NOBODY, NOBODY, 0),
                ("prlimit64", 0, resource.RLIMIT_CORE, it.bytes(b"\0" * 16), 0),
                ("ioctl", 0, termios.TIOCSTI, it.bytes(b"x")),
                ("socketpair", socket.AF_INET, socket.SOCK_STREAM, 0, 0),
                ("mmap", 0, 4096, PROT_EXEC, 0x22, -1, 0),
                ("mprotect", it.gate & ~4095, 4096, 7), ("setuid", 0),
                ("chroot", it.text("/")),
                ("symlinkat", it.text("/"), AT_FDCWD, it.text("/tmp/l"))):
            self.refused(it.call(SYS[call], *arguments))


class Death(Case):
    """What nothing of ours does ends the process, and another takes its place."""

    def test_each_role(self):
        proxy = self.daemon(hurry=10)
        for role in ("out", "in", "recorder", "signer"):
            for call in DEADLY:
                self.dies(proxy, role, call)

    def dies(self, proxy, role, call):
        pid = harness.wait_until("a %s" % role, lambda: self.there(
            proxy, role))
        harness.wait_until("its filter", lambda: self.is_filtered(proxy, pid))
        with inject.Captive(pid) as it:
            program = it.text("/bin/true")
            self.assertEqual(it.call(SYS[call], program, 0, 0, 0, 0), DEAD,
                             (role, call))
            self.assertEqual(os.WTERMSIG(it.status), signal.SIGSYS)
        proxy.wait_log(r"(worker|process) %d of .%s. killed by signal %d" % (
            pid, role, signal.SIGSYS))

    def there(self, proxy, role):
        try:
            return self.pid_of(proxy, role)
        except (AssertionError, OSError, IndexError):
            return None

    def is_filtered(self, proxy, pid):
        """One filter more than its master has."""
        filters = []
        for process in (proxy.process.pid, pid):
            with open("/proc/%d/status" % process) as f:
                filters += re.findall(r"Seccomp_filters:\s*(\d+)", f.read())
        return int(filters[1]) > int(filters[0])

    def test_a_signer_without_its_way_to_keys(self):
        """It would have all mail put off that comes to it."""
        proxy = self.daemon()
        pid = self.pid_of(proxy, "signer")
        with inject.Captive(pid) as it:
            self.assertEqual(it.call(SYS["close"], FD_KEYS), 0)
        proxy.wait_log("signer %d has closed its way to keys: killed" % pid)
        harness.wait_until("another", lambda: self.there(
            proxy, "signer") not in (None, pid))
        client = proxy.client()
        client.ehlo()
        self.assertEqual(client.message(harness.SAMPLE).code, 250)
        self.assertIn(b"DKIM-Signature:", self.hop.messages[-1].data)

    def test_the_master(self):
        """It may do what a master does, and opens what it likes; but nothing
        of its own traces others or mounts."""
        for call in DEADLY[2:]:  # it may execute, which is how it starts others
            proxy = self.daemon()
            with inject.Captive(proxy.process.pid) as it:
                self.assertEqual(it.call(SYS[call], 0, 0, 0, 0, 0), DEAD)
            proxy.process.returncode = -signal.SIGSYS  # taken by the tracer


class Modes(Case):
    def test_unlisted_is_death_under_tests(self):
        proxy = self.daemon(death=True)
        pid = self.pid_of(proxy, "out")
        with inject.Captive(pid) as it:
            self.assertEqual(it.call(SYS["unshare"], 0), DEAD)
        proxy.wait_log("sandbox: not listed: call 0272")

    def test_log_forbids_nothing(self):
        proxy = self.daemon(daemon=["sandbox = log"])
        proxy.wait_log("sandbox = log: nothing is forbidden")
        with inject.Captive(self.pid_of(proxy, "out")) as it:
            self.assertEqual(it.call(SYS["unshare"], 0), 0)
            self.assertGreaterEqual(it.call(
                SYS["openat"], AT_FDCWD, it.text("/etc/passwd"), 0), 0)
        self.assertEqual(proxy.stop(), 0)

    def test_no_is_no_sandbox_but_no_privileges_either(self):
        proxy = self.daemon(daemon=["sandbox = no"])
        self.assertEqual(proxy.lines("sandbox"), [])
        with open("/proc/%d/status" % self.pid_of(proxy, "out")) as f:
            text = f.read()
        self.assertRegex(text, r"NoNewPrivs:\s*1")
        self.assertRegex(text, r"Seccomp:\s*0")
        self.assertEqual(proxy.stop(), 0)

    STARTER = "whoever started this daemon forbids the call: SystemCallFilter="
    LSM = "the kernel was started without it (lsm=)"
    KERNEL = "this kernel does not have it"

    def forbidden(self, what, why, **options):
        """A daemon that says so of who forbids what, and signs all the same."""
        proxy = self.daemon(**options)
        self.assertIn("sandbox: without %s: %s" % (what, why), proxy.text())
        client = proxy.client()
        client.ehlo()
        self.assertEqual(client.message(harness.SAMPLE).code, 250)
        self.assertEqual(proxy.stop(), 0)
        return proxy

    def test_who_forbids_landlock_is_said(self):
        what = "landlock, so any file may be reached that its user may reach"
        for error, who in ((errno.EPERM, self.STARTER),
                           (errno.ENOSYS, self.STARTER),
                           (errno.EOPNOTSUPP, self.LSM)):
            with self.subTest(error=error):
                self.forbidden(what, who, preexec=lambda e=error: forbid(
                    *LANDLOCK, why=e))
        # And where nothing was forbidden by who started it.
        with open("/proc/self/status") as f:
            filtered = re.search(r"Seccomp:\s*2", f.read())
        program = os.path.join(self.make_folder(), "signpost")
        for error, who in (("ENOSYS", self.KERNEL), ("EOPNOTSUPP", self.LSM),
                           ("EPERM", os.strerror(errno.EPERM))):
            if filtered and error != "EOPNOTSUPP":
                who = self.STARTER
            with open(program, "w") as f:
                f.write(WITHOUT % {"error": error, "binary": harness.binary()})
            os.chmod(program, 0o755)
            with self.subTest(error=error), mock.patch.dict(
                    os.environ, SIGNPOST=program):
                self.forbidden(what, who)

    def test_who_forbids_a_filter_is_said(self):
        proxy = self.forbidden(
            "a filter of system calls", self.STARTER,
            preexec=lambda: forbid(filters=True))
        # Of each process, the master too.
        self.assertEqual(len(proxy.lines("without a filter of system calls")),
                         5, proxy.text())

    def test_a_process_says_who_forbids_it(self):
        """Which has a filter of ours already, the master's."""
        proxy = self.forbidden("landlock", self.STARTER,
                               preexec=lambda: forbid(RESTRICT_SELF))
        self.assertEqual(len(proxy.lines("without landlock: " + self.STARTER)),
                         4, proxy.text())

    def test_a_reload_works(self):
        proxy = self.daemon()
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_log("reloaded")
        harness.wait_until("new ones alone", lambda: len(
            proxy.processes()) == 5)
        for pid in proxy.processes()[1:]:
            with open("/proc/%d/status" % pid) as f:
                self.assertRegex(f.read(), r"Seccomp:\s*2")
        self.assertEqual(proxy.stop(), 0)

    def test_no_core_is_left(self):
        """Not even by who ends as the kernel would have it dumped."""
        proxy = self.daemon()
        for pid in proxy.processes():
            with open("/proc/%d/limits" % pid) as f:
                self.assertRegex(f.read(), r"Max core file size +0 +0 ")
        before = set(os.listdir("."))
        os.kill(self.pid_of(proxy, "out"), signal.SIGSEGV)
        proxy.wait_log("killed by signal %d" % signal.SIGSEGV)
        self.assertEqual(set(os.listdir(".")), before)


WITHOUT = """#!/bin/sh
# On a kernel that has no landlock: strace, which is nobody's parent (-D), has the
# call end so.
exec strace -D -qq -o /dev/null -e trace=landlock_create_ruleset \\
	-e inject=landlock_create_ruleset:error=%(error)s %(binary)s "$@"
"""
DEV = """#!/bin/sh
# A /dev of its own, whose log is the test's socket; its own time zone and
# resolv.conf.
exec unshare --mount --propagation private sh -c '
set -e
mkdir %(dir)s/dev
mount -t tmpfs none %(dir)s/dev
for node in null zero full random urandom; do
	touch %(dir)s/dev/$node
	mount --bind /dev/$node %(dir)s/dev/$node
done
ln -s %(dir)s/log.socket %(dir)s/dev/log
mount --rbind %(dir)s/dev /dev
mount --bind %(dir)s/resolv.conf "$(realpath /etc/resolv.conf)"
mount --bind /usr/share/zoneinfo/Asia/Tokyo "$(realpath /etc/localtime)"
exec %(binary)s "$@"' sh "$@"
"""


class Syslog:
    """syslogd, as far as it reads."""

    def __init__(self, path):
        self.path = path
        self.socket = None
        self.begin()

    def begin(self):
        """It ends, where it runs, and begins anew."""
        self.end()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        os.chmod(self.path, 0o777)
        self.socket.settimeout(harness.WAIT)

    def end(self):
        if self.socket:
            self.socket.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
        self.socket = None

    def line(self, pattern):
        return self.line_by(pattern)[0]

    def line_by(self, pattern):
        """And the process that sent it, by the kernel's word."""
        while True:
            line, notes, _, _ = self.socket.recvmsg(65536, 64)
            if re.search(pattern, line.decode()):
                return line.decode(), [struct.unpack("=3i", note)[0]
                                       for _, _, note in notes]


class Late(Case):
    """What is needed late, and was opened early or comes from the master."""

    def elsewhere(self, **options):
        """A daemon behind DEV."""
        folder = self.make_folder()
        self.resolv_conf = os.path.join(folder, "resolv.conf")
        self.resolve_by("127.0.0.1")
        self.syslog = Syslog(os.path.join(folder, "log.socket"))
        self.addCleanup(self.syslog.end)
        program = os.path.join(folder, "signpost")
        with open(program, "w") as f:
            f.write(DEV % {"dir": folder, "binary": harness.binary()})
        os.chmod(program, 0o755)
        os.chmod(folder, 0o711)
        with mock.patch.dict(os.environ, SIGNPOST=program):
            return self.daemon(death=True, **options)

    def resolve_by(self, address):
        with open(self.resolv_conf, "w") as f:
            f.write("nameserver %s\n" % address)

    def send(self, port):
        client = harness.Client(port)
        client.ehlo()
        reply = client.message(harness.SAMPLE, sender="a@example.org")
        self.assertEqual(reply.code, 250, reply)
        client.close()

    def test_syslog_is_found_again_and_knows_the_zone(self):
        proxy = self.elsewhere(daemon=["log = syslog"])
        for speak, pattern in (
                (lambda: self.send(proxy.port), "out.*status=sent"),
                (lambda: self.send(proxy.in_port), "in.*status=sent"),
                (lambda: self.forge(proxy), "recorder.*no record of its own")):
            speak()
            line = self.syslog.line("signpost/" + pattern)
            there = datetime.datetime.now(zoneinfo.ZoneInfo("Asia/Tokyo"))
            stamps = [there - datetime.timedelta(seconds=s)
                      for s in range(60)]
            self.assertIn(line[4:19], [
                s.strftime("%b %e %H:%M:%S") for s in stamps])
            self.syslog.begin()
            speak()
            self.syslog.line("signpost/" + pattern)
        self.assertEqual(proxy.stop(), 0)

    def forge(self, proxy):
        """A worker sends the recorder what is no record; and it says so."""
        with inject.Captive(self.pid_of(proxy, "out")) as it:
            self.assertEqual(it.call(SYS["sendto"], FD_RECORD,
                                     it.bytes(b"none"), 4, 0x40, 0, 0), 4)

    def test_a_signer_speaks_through_the_master(self):
        proxy = self.elsewhere(daemon=["log = syslog"])
        self.syslog.begin()
        pid = self.pid_of(proxy, "signer")
        for fd in os.listdir("/proc/%d/fd" % pid):
            self.assertNotIn("/dev/log", os.readlink(
                "/proc/%d/fd/%s" % (pid, fd)))
        # What it sends there comes to syslog: a line of its own hand.
        with inject.Captive(pid) as it:
            sent = it.bytes(b"1it is me")
            self.assertEqual(it.call(SYS["sendto"], FD_LINES, sent, 9, 0x40,
                                     0, 0), 9)
        self.syslog.line(r"signpost/master\[\d+\]: signer %d: it is me" % pid)

    def test_syslog_knows_who_writes(self):
        """Whatever name a line has: no process can send it as another."""
        proxy = self.elsewhere(daemon=["log = syslog"])
        line = b"<22>signpost/master[1]: forged"
        for role in ("out", "in", "recorder"):
            pid = self.pid_of(proxy, role)
            with inject.Captive(pid) as it:
                fd = it.call(SYS["socket"], socket.AF_UNIX,
                             socket.SOCK_DGRAM, 0)
                there = struct.pack("=H", socket.AF_UNIX) + \
                    self.syslog.path.encode() + b"\0"
                self.assertEqual(it.call(
                    SYS["connect"], fd, it.bytes(there), len(there)), 0)
                self.assertEqual(it.call(
                    SYS["sendto"], fd, it.bytes(line), len(line), 0x40, 0, 0),
                    len(line))
            self.assertEqual(self.syslog.line_by("forged")[1], [pid])
        self.assertEqual(proxy.stop(), 0)

    def test_nothing_is_opened_late(self):
        """What landlock would refuse is no death, and a library that finds its
        file shut may go on in some other way: so the kernel is watched."""
        key, record = inbound.key("rsa2048")
        server = self.nsd("s1._domainkey.example.org TXT %s\n"
                          "example.org TXT v=spf1 ip4:192.0.2.1 -all\n"
                          "_dmarc.example.org TXT v=DMARC1; p=none\n" % record)
        proxy = self.daemon(death=True, dns=server.port)
        trace = os.path.join(self.make_folder(), "trace")
        watcher = subprocess.Popen(
            ["strace", "-f", "-y", "-e", "trace=%file,socket", "-o", trace] +
            ["-p%d" % pid for pid in proxy.processes()[1:]],
            stderr=subprocess.PIPE)
        self.addCleanup(watcher.stderr.close)
        for _ in proxy.processes()[1:]:
            self.assertIn(b"attached", watcher.stderr.readline())
        large = harness.SAMPLE + b"x" * 70 + b"\r\n" * 100000
        for port, data in ((proxy.port, harness.SAMPLE), (proxy.port, large),
                           (proxy.in_port, inbound.sign(large, key))):
            client = harness.Client(port)
            client.ehlo()
            self.assertEqual(client.message(
                data, sender="a@example.org").code, 250)
            client.close()
        for page in ("/", "/metrics", "/health"):
            self.assertEqual(proxy.get(page)[0], 200, page)
        harness.wait_until("records", lambda: os.path.exists(
            proxy.database + "-wal"))
        self.assertEqual(proxy.stop(), 0)
        watcher.wait(harness.WAIT)
        with open(trace) as f:
            lines = f.read().splitlines()
        opened = [line for line in lines if "open" in line]
        self.assertTrue([line for line in opened if "O_TMPFILE" in line], lines)
        for line in opened:
            self.assertRegex(line, "%s/(spool|spool-in|results)\\b" %
                             proxy.dir)
        for line in lines:
            self.assertNotRegex(line, "EACCES|EPERM")

    def test_resolv_conf_is_followed_by_the_master(self):
        proxy = self.elsewhere(names=False)
        servers = []
        for _ in range(2):
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(server.close)
            server.settimeout(harness.WAIT)
            server.bind(("127.%d.%d.%d" % (
                os.getpid() % 200 + 20, os.getpid() // 200 % 250,
                len(servers) + 1), 53))
            servers.append(server)
        for server in servers:
            self.resolve_by(server.getsockname()[0])
            time.sleep(1.5)  # it looks once a second
            client = harness.Client(proxy.in_port)
            client.ehlo()
            client.command("XFORWARD NAME=x.example.org ADDR=192.0.2.1")
            client.begin("a@example.org")
            self.assertGreater(len(server.recv(512)), 12)  # a question
            client.close()


if __name__ == "__main__":
    harness.main()
