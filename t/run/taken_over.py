"""A worker that somebody else has taken over: what its sockets can do in other
hands. Root alone may take them."""
import array
import collections
import contextlib
import ctypes
import os
import select
import signal
import socket
import struct
import time

PIDFD_GETFD = 438  # of every Linux since 5.6
WAIT = 60
LOOK = 10  # of that, at the sockets that are there now
NUMBER = 77  # of each question

FD_KEYS, FD_RECORD = 8, 9  # proxy/process/spawn.c
# proxy/keys/sign_wire.h
KEY, TEXT, DIGEST = range(3)
DONE, STALE, MISSING, TROUBLE = range(4)
QUESTION = struct.Struct("=Q6I")
ANSWER = struct.Struct("=Qqq8I")
Answer = collections.namedtuple(
    "Answer", "id status selector signature reason")


def sockets_of(pid):
    """Copies of its sockets that keep packets apart, by their number."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    of = os.pidfd_open(pid)
    found = {}
    try:
        for fd in sorted(map(int, os.listdir("/proc/%d/fd" % pid))):
            ours = call(PIDFD_GETFD, of, fd, 0)
            if ours < 0:
                continue
            try:
                own = socket.socket(fileno=ours)
            except OSError:  # no socket at all
                os.close(ours)
                continue
            if own.family == socket.AF_UNIX and \
                    own.type == socket.SOCK_SEQPACKET:
                found[fd] = own
            else:
                own.close()
    finally:
        os.close(of)
    return found


def question(kind, right, domain, text=b"", selector=b""):
    return QUESTION.pack(NUMBER, kind, right, len(domain), len(selector),
                         len(text), 0) + domain + selector + text


def key_question(rule, domain):
    """As a signer asks the master (proxy/keys/key_wire.h)."""
    return struct.pack("=4I72x256s", 1, rule, 0, len(domain), domain)


def read_answer(datagram):
    number, _, _, status, _, _, _, n, m, k, _ = ANSWER.unpack_from(datagram)
    rest = datagram[ANSWER.size:]
    return Answer(number, status, rest[:n], rest[n:n + m],
                  rest[n + m:n + m + k])


class Worker:
    """Its socket to a signer. The worker itself stands still meanwhile."""

    def __init__(self, pid, wait=WAIT):
        self.pid = pid
        self.wait = wait
        self.sockets = {}
        self.own = None

    def __enter__(self):
        """The master hands such a socket over a moment after it has said that
        it serves."""
        end = time.monotonic() + self.wait
        while True:
            self.sockets = sockets_of(self.pid)
            os.kill(self.pid, signal.SIGSTOP)
            self.own = self.find(min(end, time.monotonic() + LOOK))
            if self.own:
                return self
            self.__exit__()
            if time.monotonic() > end:
                raise AssertionError("no socket to a signer among %r" % (
                    list(self.sockets),))
            time.sleep(0.1)

    def __exit__(self, *_):
        for own in self.sockets.values():
            own.close()
        os.kill(self.pid, signal.SIGCONT)

    def find(self, end):
        """The one with a signer at its other end: even a question for nothing
        has an answer."""
        asked = []
        for own in self.sockets.values():
            own.setblocking(False)
            with contextlib.suppress(OSError):
                own.send(question(KEY, 0xffff, b"example.org"))
                asked.append(own)
        while asked and time.monotonic() < end:
            for own in select.select(asked, [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    said = own.recv(4096)
                    if len(said) >= ANSWER.size and \
                            read_answer(said).id == NUMBER:
                        return own
                    if said:
                        continue
                asked.remove(own)
        return None

    def send(self, datagram, descriptors=()):
        self.own.sendmsg([datagram], [
            (socket.SOL_SOCKET, socket.SCM_RIGHTS,
             array.array("i", descriptors))] if descriptors else [])

    def receive(self):
        if not select.select([self.own], [], [], WAIT)[0]:
            raise AssertionError("no answer")
        return self.own.recv(4096)

    def ask(self, kind, right, domain, text=b"", selector=b""):
        self.send(question(kind, right, domain, text, selector))
        return read_answer(self.receive())

    def is_hung_up(self):
        try:
            return self.receive() == b""
        except ConnectionError:
            return True
