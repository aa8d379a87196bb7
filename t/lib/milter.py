"""A mail server's side of the milter protocol, as much of it as a filter needs
that only looks at messages and adds fields (OpenDKIM does): for tests that ask
a milter what it would do with a message.

    filter = Milter("/run/opendkim.sock")
    fields = filter.message(b"From: a@b\r\n\r\nHello.\r\n", sender="a@b")

The names are those of libmilter's mfdef.h.
"""
import socket
import struct
import time

VERSION = 6
ACTIONS = 0x1ff
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT = 0x01, 0x02, 0x04, 0x08
NO_BODY, NO_HDRS, NO_EOH, NO_UNKNOWN, NO_DATA = 0x10, 0x20, 0x40, 0x100, 0x200
SKIP, RCPT_REJ, HDR_LEADSPC = 0x400, 0x800, 0x100000
STEPS = 0x1fffff
# Which step is announced without an answer: NR_*.
NR = {"L": 0x80, "C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000,
      "T": 0x10000, "U": 0x20000, "N": 0x40000, "B": 0x80000}


class Refused(Exception):
    """It answered otherwise than with `go on`."""


class Accepted(Exception):
    """It does not want to hear more of this message."""


class Milter:
    """One connection; messages go through it one after the other."""

    def __init__(self, path, client="127.0.0.1", name="localhost", wait=20.0):
        self.sock = self._connect(path, wait)
        self.rest = b""
        self._put(b"O", struct.pack(">III", VERSION, ACTIONS, STEPS))
        _, reply = self._get()
        self.steps = struct.unpack(">III", reply[:12])[2]
        self._macros("C", j="mail.example.org")
        self._say("C", name.encode() + b"\0" + b"4" +
                  struct.pack(">H", 40000) + client.encode() + b"\0",
                  NO_CONNECT)
        self._say("H", b"client.example.org\0", NO_HELO)

    @staticmethod
    def _connect(path, wait):
        """A filter that has only just been started is waited for: the path is
        there before anybody listens at it."""
        end = time.monotonic() + wait
        while True:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(wait)
            try:
                sock.connect(path)
                return sock
            except (ConnectionRefusedError, FileNotFoundError):
                sock.close()
                if time.monotonic() > end:
                    raise
            time.sleep(0.02)

    def close(self):
        self._put(b"Q", b"")
        self.sock.close()

    def message(self, data, sender, recipient="bob@example.net"):
        """The fields that it would put on top, the topmost first."""
        try:
            return self._message(data, sender, recipient)
        except Accepted:
            self._put(b"A", b"")
            return []

    def _message(self, data, sender, recipient):
        self._macros("M", i="4Qabc")
        self._say("M", b"<" + sender.encode() + b">\0", NO_MAIL)
        self._say("R", b"<" + recipient.encode() + b">\0", NO_RCPT)
        self._say("T", b"", NO_DATA)
        header, _, body = data.partition(b"\r\n\r\n")
        for name, value in fields(header):
            if not self.steps & HDR_LEADSPC:
                value = value.removeprefix(b" ")
            self._say("L", name + b"\0" + value + b"\0", NO_HDRS)
        self._say("N", b"", NO_EOH)
        for at in range(0, len(body), 65535):
            if self._say("B", body[at:at + 65535], NO_BODY) == b"s":
                break
        self._macros("E", i="4Qabc")
        self._put(b"E", b"")
        return self._outcome()

    def _outcome(self):
        put = []
        while True:
            reply, rest = self._get()
            if reply == b"i":
                index = struct.unpack(">I", rest[:4])[0]
                name, value = rest[4:].split(b"\0")[:2]
                put.insert(min(index, len(put)), (name, value))
            elif reply == b"h":
                name, value = rest.split(b"\0")[:2]
                put.append((name, value))
            elif reply in (b"c", b"a"):
                return put
            elif reply not in (b"p", b"m", b"+", b"-", b"e"):
                raise Refused(reply + b" " + rest)

    def _macros(self, step, **macros):
        text = step.encode()
        for name, value in macros.items():
            text += name.encode() + b"\0" + value.encode() + b"\0"
        self._put(b"D", text)

    def _say(self, step, data, never):
        """Nothing where it does not want to hear of that."""
        if self.steps & never:
            return b"c"
        self._put(step.encode(), data)
        if self.steps & NR.get(step, 0):
            return b"c"
        reply, rest = self._get()
        if reply == b"a":
            raise Accepted()
        if reply not in (b"c", b"s"):
            raise Refused(step + ": " + (reply + b" " + rest).decode())
        return reply

    def _put(self, step, data):
        self.sock.sendall(struct.pack(">I", 1 + len(data)) + step + data)

    def _get(self):
        while len(self.rest) < 4 or len(self.rest) < 4 + self._length():
            more = self.sock.recv(65536)
            if not more:
                raise Refused("it closed the connection")
            self.rest += more
        packet = self.rest[4:4 + self._length()]
        self.rest = self.rest[4 + self._length():]
        return packet[:1], packet[1:]

    def _length(self):
        return struct.unpack(">I", self.rest[:4])[0]


def fields(header):
    """Name and value of each field, as they stand, LF between lines."""
    found = []
    for line in header.split(b"\r\n"):
        if line[:1] in b" \t" and found:
            found[-1][1] += b"\n" + line
        else:
            name, _, value = line.partition(b":")
            found.append([name, value])
    return [tuple(f) for f in found]
