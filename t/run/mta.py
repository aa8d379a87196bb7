"""A mail server's side of the milter protocol, for tests: it speaks any of its
versions, in any cuts, and does to a message what it is told.

    with Mta(port) as mta:
        result = mta.message(SAMPLE, client=("203.0.113.5", 1025))
        result.reply, result.data
"""
import re
import socket
import struct

WAIT = 120.0

ALL_STEPS = 0x1FFFFF
LEADING_SPACE = 0x100000
SKIP = 0x400
NAMES_MACROS = 0x100         # of actions
MACRO_STEPS = (b"C", b"H", b"M", b"R", b"T", b"E", b"N")
# What gets no answer where the filter has said so.
QUIET = {b"C": 0x1000, b"H": 0x2000, b"M": 0x4000, b"R": 0x8000,
         b"T": 0x10000, b"L": 0x80, b"N": 0x40000, b"B": 0x80000,
         b"U": 0x20000}
LOCAL = ("127.0.0.1", 0)     # as Postfix announces what came by no SMTP

# Odd but legal, in what a mail server shows of a message and what it does not.
ODD = [
    b"From: Ann <ann@example.org>\r\nSubject: plain\r\n\r\nHello.\r\n",
    b"From: Ann <ann@example.org>\r\nSubject:no space\r\n\r\nHello.\r\n",
    b"From:\r\n Ann <ann@example.org>\r\nSubject:  two  spaces \r\n\r\nx\r\n",
    b"From: Ann\r\n\t<ann@example.org>\r\nSubject:\ttab\r\n \t more \r\n"
    b"\r\n\r\n\r\n",
    b"From: ann@example.org\r\nSubject:\r\nTo: a,\r\n b,\r\n\tc\r\n\r\n",
    b"From: ann@example.org\r\nSubject: \xe2\x82\xac\xff\r\n\r\n"
    b".\r\n..\r\n" + (b"x" * 900 + b"\r\n") * 80,
    b"From: ann@example.org\r\nSubject: a\r\nSubject: b\r\n"
    b"Received: from x\r\n by y; Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\n"
    b"trailing \t \r\n \r\n",
]


class Gone(Exception):
    """The filter closed the connection."""


class Result:
    """What became of a message: the reply ("c", "a", or the y reply's text)
    and its bytes, edited."""

    def __init__(self, reply, data, packets, body_sent):
        self.reply = reply
        self.data = data
        self.packets = packets
        self.body_sent = body_sent   # chunks, before one was not wanted

    def passed(self):
        return self.reply in ("c", "a")


def packet(code, data=b""):
    return struct.pack(">I", len(data) + 1) + code + data


def fields_of(message):
    """[name, raw value] of each field, and the body. White space before a colon
    goes, as Postfix and sendmail have it."""
    header, blank, body = message.partition(b"\r\n\r\n")
    if message.startswith(b"\r\n"):
        return [], message[2:]
    if not blank:
        body = b""
        header = header.removesuffix(b"\r\n")
    lines = re.split(rb"\r\n(?![ \t])", header)
    return [list(re.match(rb"([^:]*?)[ \t]*:(.*)\Z", line, re.S).groups())
            for line in lines], body


class Mta:
    def __init__(self, where, version=6, actions=0x1FF, steps=ALL_STEPS,
                 cut=None):
        family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.settimeout(WAIT)
        if isinstance(where, str):
            self.sock.connect(where)
        else:
            self.sock.connect(("127.0.0.1", where))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.cut = cut       # sends pieces of so many octets
        self.before = None   # called before each packet, with its code
        self.rest = b""
        self.sent = 0        # packets
        self.send(b"O", struct.pack(">III", version, actions, steps))
        code, data = self.read()
        assert code == b"O" and len(data) >= 12, (code, data)
        self.version, self.actions, self.steps = struct.unpack(
            ">III", data[:12])
        self.lists = self.read_lists(data[12:])
        assert self.version <= version
        assert self.actions & ~actions == 0, hex(self.actions)
        assert self.steps & ~steps == 0, hex(self.steps)

    def read_lists(self, data):
        """Of each step (its code) the macros that are to be sent; None where
        the filter has not said so."""
        if not self.actions & NAMES_MACROS:
            assert data == b"", data
            return None
        lists = {}
        while data:
            number, = struct.unpack(">I", data[:4])
            names, data = data[4:].split(b"\0", 1)
            lists[MACRO_STEPS[number]] = names.decode().split()
        return lists

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def close(self):
        self.sock.close()

    # --- the wire

    def send(self, code, data=b""):
        if self.before:
            self.before(code)
        raw = packet(code, data)
        self.sent += 1
        try:
            if self.cut is None:
                self.sock.sendall(raw)
                return
            for at in range(0, len(raw), self.cut):
                self.sock.sendall(raw[at:at + self.cut])
        except ConnectionError as e:
            raise Gone(str(e))

    def fill(self):
        try:
            more = self.sock.recv(65536)
        except ConnectionError as e:
            raise Gone(str(e))
        if not more:
            raise Gone("closed")
        self.rest += more

    def read(self):
        while len(self.rest) < 4:
            self.fill()
        length, = struct.unpack(">I", self.rest[:4])
        while len(self.rest) < 4 + length:
            self.fill()
        whole, self.rest = self.rest[4:4 + length], self.rest[4 + length:]
        return whole[:1], whole[1:]

    def silent(self, seconds=0.2):
        """Nothing came that was not asked for."""
        self.sock.settimeout(seconds)
        try:
            return self.rest == b"" and self.sock.recv(1) is None
        except socket.timeout:
            return True
        finally:
            self.sock.settimeout(WAIT)

    def ask(self, code, data=b""):
        """Sends it; the answer, "" where there is none to be had."""
        self.send(code, data)
        if self.steps & QUIET[code]:
            return ""
        answer, data = self.read()
        if answer == b"y":
            return data.rstrip(b"\0").decode().replace("%%", "%")
        assert answer in (b"c", b"s"), answer
        return answer.decode()

    # --- what is said of it

    def macros(self, code, **values):
        values = {name if len(name) == 1 else "{%s}" % name: value
                  for name, value in values.items() if value}
        if self.lists and code in self.lists:
            values = {name: value for name, value in values.items()
                      if name in self.lists[code]}
        data = b"".join(name.encode() + b"\0" + value.encode() + b"\0"
                        for name, value in values.items())
        if data:
            self.send(b"D", code + data)

    def connect(self, client=LOCAL, name="localhost", helo="localhost"):
        host, port = client
        self.macros(b"C", j="mx.example.org", daemon_name="smtpd")
        if host is None:
            data = b"U"
        elif host.startswith("/"):
            data = b"L" + struct.pack(">H", 0) + host.encode() + b"\0"
        elif ":" in host:
            data = b"6" + struct.pack(">H", port) + b"IPv6:" + \
                host.encode() + b"\0"
        else:
            data = b"4" + struct.pack(">H", port) + host.encode() + b"\0"
        self.ask(b"C", name.encode() + b"\0" + data)
        self.ask(b"H", helo.encode() + b"\0")

    def envelope(self, sender, rcpts, queue_id="4QUEUE1", login=""):
        self.macros(b"M", i=queue_id, auth_authen=login,
                    auth_type="PLAIN" if login else "")
        answer = self.ask(b"M", b"<" + sender.encode() + b">\0")
        if len(answer) > 1:
            return answer
        for rcpt in rcpts:
            self.ask(b"R", b"<" + rcpt.encode() + b">\0")
        if not self.steps & 0x200:
            self.ask(b"T")
        return answer

    def shown(self, value):
        value = value.replace(b"\r\n", b"\n")
        if not self.steps & LEADING_SPACE:
            value = value.lstrip(b" ")
        return value

    def body(self, body, chunk=65535):
        sent = 0
        for at in range(0, len(body), chunk):
            sent += 1
            if self.ask(b"B", body[at:at + chunk]) == "s":
                assert self.steps & SKIP
                break
        return sent

    def end(self, fields, body, sent=0):
        """The end of the message, and what the filter does with it."""
        self.send(b"E")
        return self.outcome(fields, body, sent)

    def outcome(self, fields, body, sent=0):
        """What the filter does with a message whose end has been sent."""
        packets = []
        while True:
            code, data = self.read()
            packets.append((code, data))
            if code == b"p":
                continue
            if code == b"m":
                self.change(fields, data)
            elif code == b"i":
                self.insert(fields, data)
            else:
                break
        reply = code.decode() if code in b"ca" else \
            data.rstrip(b"\0").decode().replace("%%", "%")
        text = b"".join(b"%s:%s\r\n" % tuple(f) for f in fields)
        return Result(reply, text + b"\r\n" + body, packets, sent)

    def change(self, fields, data):
        number, = struct.unpack(">I", data[:4])
        name, value, nothing = data[4:].split(b"\0")
        assert (value, nothing) == (b"", b""), data
        at = [i for i, f in enumerate(fields)
              if f[0].lower() == name.lower()]
        del fields[at[number - 1]]

    def insert(self, fields, data):
        index, = struct.unpack(">I", data[:4])
        name, value, nothing = data[4:].split(b"\0")
        assert nothing == b"" and b"\r" not in value, data
        if not self.steps & LEADING_SPACE:
            value = b" " + value
        fields.insert(index, [name, value.replace(b"\n", b"\r\n")])

    def header(self, message):
        fields, body = fields_of(message)
        for name, value in fields:
            self.ask(b"L", name + b"\0" + self.shown(value) + b"\0")
        self.ask(b"N")
        return fields, body

    def begin(self, message, client=LOCAL, sender="ann@example.org",
              rcpts=("bob@example.net",), queue_id="4QUEUE1", login="",
              connected=False, name="localhost", helo="localhost"):
        """A message but for its end: its fields, its body and how much of that
        was sent; or its Result, where the sender was refused."""
        if not connected:
            self.connect(client, name, helo)
        answer = self.envelope(sender, rcpts, queue_id, login)
        if len(answer) > 1:
            return Result(answer, None, [], 0)
        fields, body = self.header(message)
        return fields, body, self.body(body)

    def message(self, message, **options):
        """A whole message; the connection stays, at its client."""
        begun = self.begin(message, **options)
        return begun if isinstance(begun, Result) else self.end(*begun)

    def next_client(self):
        self.send(b"K")

    def quit(self):
        self.send(b"Q")
        self.close()
