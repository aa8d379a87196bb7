"""System calls made by another process, as one makes them who has taken it over:
root traces it, sets its registers, and has it do one call. x86-64 alone.

    with Captive(pid) as it:
        it.call(SYS["openat"], -100, it.text("/etc/passwd"), 0)

gives the call's return, -errno where it failed, and DEAD where the process ended
by it.
"""
import ctypes
import os
import platform
import signal

DEAD = "dead"

SYS = {
    "read": 0, "mmap": 9, "mprotect": 10, "socket": 41, "connect": 42,
    "bind": 49, "sendto": 44, "clone": 56, "fork": 57, "execve": 59, "kill": 62,
    "close": 3, "ptrace": 101, "mount": 165, "unshare": 272, "openat": 257,
    "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "bpf": 321, "keyctl": 250,
    "execveat": 322, "io_uring_setup": 425, "clone3": 435, "unlinkat": 263,
    "memfd_create": 319, "setuid": 105, "chroot": 161, "symlinkat": 266,
    "ioctl": 16, "socketpair": 53, "tgkill": 234, "prlimit64": 302,
}

PEEK = dict(ATTACH=16, DETACH=17, SINGLESTEP=9, GETREGS=12, SETREGS=13, KILL=8)
NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax "
         "rip cs eflags rsp ss fs_base gs_base ds es fs gs").split()
STEPS = 200000  # of a handler, at most


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in NAMES]


LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                        ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long


def possible():
    return platform.machine() == "x86_64" and os.getuid() == 0


class Captive:
    def __init__(self, pid):
        self.pid = pid
        self.dead = False

    def _trace(self, what, data=None, at=None):
        if LIBC.ptrace(PEEK[what], self.pid, at, data) < 0:
            raise OSError(ctypes.get_errno(), "ptrace %s" % what)

    def _wait(self):
        """The signal that it stopped by; None where it ended."""
        _, status = os.waitpid(self.pid, 0x40000000)
        if os.WIFSTOPPED(status):
            return os.WSTOPSIG(status)
        self.dead = True
        self.status = status
        return None

    def __enter__(self):
        self._trace("ATTACH")
        self._wait()
        self.memory = open("/proc/%d/mem" % self.pid, "r+b", buffering=0)
        self.before = Registers()
        self._trace("GETREGS", ctypes.byref(self.before))
        self.gate = self._find_gate()
        self.scratch = self.before.rsp - 8192
        return self

    def __exit__(self, *_):
        self.memory.close()
        if not self.dead:
            self._trace("SETREGS", ctypes.byref(self.before))
            self._trace("DETACH")

    def _find_gate(self):
        """Where its C library has a system call."""
        with open("/proc/%d/maps" % self.pid) as maps:
            for line in maps:
                if "libc.so" in line and " r-xp " in line:
                    start, end = (int(x, 16) for x in
                                  line.split()[0].split("-"))
                    self.memory.seek(start)
                    at = self.memory.read(end - start).find(b"\x0f\x05")
                    return start + at
        raise AssertionError("no C library in %d" % self.pid)

    def bytes(self, what):
        """The address of those bytes, below its stack."""
        at = self.scratch
        self.memory.seek(at)
        self.memory.write(what)
        self.scratch += (len(what) + 15) & ~15
        return at

    def text(self, what):
        return self.bytes(os.fsencode(what) + b"\0")

    def call(self, number, *arguments):
        r = Registers.from_buffer_copy(self.before)
        r.rip, r.rax, r.orig_rax = self.gate, number, 2 ** 64 - 1
        r.rsp = self.before.rsp - 16384 & ~15
        for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"),
                               arguments):
            setattr(r, name, value % 2 ** 64)
        self._trace("SETREGS", ctypes.byref(r))
        deliver = 0
        for _ in range(STEPS):  # one; or a handler of SIGSYS, to its end
            self._trace("SINGLESTEP", deliver)
            stopped = self._wait()
            if stopped is None:
                return DEAD
            deliver = stopped if stopped == signal.SIGSYS else 0
            self._trace("GETREGS", ctypes.byref(r))
            if not deliver and r.rip == self.gate + 2:
                return ctypes.c_longlong(r.rax).value
        raise AssertionError("the call does not return")
