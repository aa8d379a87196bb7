"""Scripted peers and the real signpost binary, for the tests in t/run.

A test makes a Relay (the next hop, with a script of what goes wrong), starts
a Signpost in front of it, speaks to that with a Client, and looks at what
came out at each end. Everything is on loopback, on ports the system picks,
in a temporary directory; every wait has a bound (WAIT seconds).

    SIGNPOST   the binary; ctest sets it

A script says for each stage what the relay does instead of its best:
a reply ("451 4.3.2 no"), CLOSE, RESET, SILENT, or a function of the
connection. The stages: connect greeting ehlo helo xforward mail rcpt data
body dot rset noop quit. A list of scripts is one a connection, the last for
all that follow.
"""

import base64
import contextlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lib"))
import listed  # noqa: E402
from ports import free_port  # noqa: E402

WAIT = 120.0
SIGN_TIMEOUT_MAX = 300  # that the settings take, s

# A system call that is not listed ends its process, whatever a test does: a
# path of the program that needs one fails its test (proxy/process/sandbox.h).
os.environ.setdefault("SIGNPOST_SANDBOX", "death")

# Whom workers run as where the tests are root's: never root.
WORKER = "nobody"

CLOSE = object()
RESET = object()
SILENT = object()

EHLO = (
    "relay.example", "PIPELINING", "SIZE 104857600", "ENHANCEDSTATUSCODES",
    "8BITMIME", "DSN", "SMTPUTF8",
    "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE")


def binary():
    path = os.environ.get("SIGNPOST")
    if not path:
        sys.exit("SIGNPOST must name the signpost binary")
    return os.path.abspath(path)


def wait_until(what, predicate, seconds=WAIT):
    """Waits for a true value of predicate() and returns it. `what` may be a
    function, which is asked when there was none: for what a log says then."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %gs in vain for %s" % (
                seconds, what() if callable(what) else what))
        time.sleep(0.01)


def besides_users(said):
    """What was said, without the warnings of users that this machine may have
    or not: those of our package."""
    return re.sub(r"(?m)^signpost: warning: \S+: user signpost-(keys|record) "
                  r"does not exist: .*\n", "", said)


def hard_close(sock):
    """Closes with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


def for_root(why):
    """A test, or a class of them, that fails where it cannot be run: a skip would
    look like a test that passed."""
    def fail(self):
        self.fail("needs root: " + why)

    def decorate(what):
        if os.getuid() == 0:
            return what
        if not isinstance(what, type):
            return fail
        what.setUp = fail
        return what
    return decorate


def role_of(pid):
    """What a process of the daemon is: "master", "signer", "out", ... None: it has
    ended."""
    with contextlib.suppress(OSError), \
            open("/proc/%d/cmdline" % pid, "rb") as f:
        words = f.read().split(b"\0")
        return words[2].decode() if b"--worker" in words else "master"
    return None


def status_of(pid):
    with open("/proc/%d/status" % pid) as f:
        return {name: value.strip() for name, value in (
            line.split(":", 1) for line in f if ":" in line)}


class Gone(Exception):
    """The peer closed the connection."""


class Stop(Exception):
    """A script ends the connection."""


class Lines:
    """CRLF lines over a socket; a bare CR or LF ends none."""

    def __init__(self, sock):
        self.sock = sock
        self.rest = bytearray()

    def fill(self):
        try:
            more = self.sock.recv(65536)
        except ConnectionError as e:
            raise Gone(str(e))
        if not more:
            raise Gone("closed")
        self.rest += more

    def line(self):
        while b"\r\n" not in self.rest:
            self.fill()
        return self.take(self.rest.index(b"\r\n"), 2)

    def take(self, n, behind):
        """The first n bytes; they and `behind` more are gone then."""
        taken = bytes(memoryview(self.rest)[:n])
        del self.rest[:n + behind]
        return taken


class Message:
    """What a relay took: commands as they came, the data without dots."""

    def __init__(self, mail, xforward):
        self.mail = mail
        self.xforward = xforward
        self.rcpt = []
        self.data = b""
        self.answered = None  # what the final dot was answered


class Relay:
    """The next hop: takes mail as a good server does, save for its script."""

    def __init__(self, *scripts, ehlo=EHLO, host="127.0.0.1", port=0,
                 path=None):
        self.scripts = list(scripts) or [{}]
        self.ehlo = ehlo
        self.messages = []   # whole ones, answered 2xx
        self.partial = []    # the bytes of those cut short
        self.commands = []   # a list of lines a connection
        self.lock = threading.Condition()
        self.stopping = threading.Event()
        self.sockets = []
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen(1024)
        else:
            self.listener = socket.create_server(
                (host, port), backlog=1024,
                family=socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.host, self.port = self.listener.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    def address(self):
        host = "[%s]" % self.host if ":" in self.host else self.host
        return "%s:%d" % (host, self.port)

    def close(self):
        self.stopping.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.close()

    def hang_up(self):
        """Closes every connection there is, from this side."""
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def wait_messages(self, n, seconds=WAIT):
        wait_until("%d messages at the relay" % n,
                   lambda: len(self.messages) >= n, seconds)
        return self.messages

    def wait_connections(self, n, seconds=WAIT):
        wait_until("%d connections" % n, lambda: len(self.commands) >= n,
                   seconds)

    def said(self, verb):
        """How often a verb came, on all connections."""
        verb = verb.encode()
        return sum(line.upper().startswith(verb)
                   for lines in self.commands for line in lines)

    def _accept(self):
        while not self.stopping.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                number = len(self.commands)
                self.commands.append([])
                self.sockets.append(sock)
            script = self.scripts[min(number, len(self.scripts) - 1)]
            RelayConnection(self, sock, script, self.commands[number]).start()


class RelayConnection(threading.Thread):
    def __init__(self, relay, sock, script, commands):
        super().__init__(daemon=True)
        self.relay = relay
        self.sock = sock
        self.script = script
        self.commands = commands
        self.lines = Lines(sock)
        self.message = None
        self.xforward = {}

    def run(self):
        try:
            self.act("connect", None)
            self.act("greeting", "220 relay.example ESMTP")
            while True:
                line = self.lines.line()
                self.commands.append(line)
                self.command(line)
        except (Gone, Stop, OSError, ValueError):
            pass
        finally:
            with contextlib.suppress(OSError):
                self.sock.close()

    def reply(self, text):
        self.sock.sendall((text.replace("\n", "\r\n") + "\r\n").encode())

    def chosen(self, stage, best):
        """What the script has for a stage."""
        what = self.script.get(stage, best)
        return what(self) if callable(what) else what

    def act(self, stage, best):
        """Does what the script says at a stage; returns the reply sent."""
        return self.perform(self.chosen(stage, best))

    def perform(self, what):
        if what is CLOSE:
            raise Stop()
        if what is RESET:
            hard_close(self.sock)
            raise Stop()
        if what is SILENT:
            self.relay.stopping.wait(600)
            raise Stop()
        if what is not None:
            self.reply(what)
        return what

    def ehlo_text(self):
        words = self.relay.ehlo
        return "\n".join("250%s%s" % ("-" if i + 1 < len(words) else " ", w)
                         for i, w in enumerate(words))

    def command(self, line):
        verb = line.split(b" ")[0].upper()
        handler = {
            b"EHLO": lambda: self.act("ehlo", self.ehlo_text()),
            b"HELO": lambda: self.act("helo", "250 relay.example"),
            b"XFORWARD": lambda: self.on_xforward(line),
            b"MAIL": lambda: self.on_mail(line),
            b"RCPT": lambda: self.on_rcpt(line),
            b"DATA": self.on_data,
            b"RSET": self.on_rset,
            b"NOOP": lambda: self.act("noop", "250 2.0.0 Ok"),
        }.get(verb)
        if handler:
            handler()
        elif verb == b"QUIT":
            self.act("quit", "221 2.0.0 Bye")
            raise Stop()
        else:
            self.reply("502 5.5.2 what is that?")

    def on_xforward(self, line):
        for word in line.split(b" ")[1:]:
            name, value = word.split(b"=", 1)
            self.xforward[name.decode()] = value.decode()
        self.act("xforward", "250 2.0.0 Ok")

    def on_mail(self, line):
        if self.message:
            self.reply("503 5.5.1 nested MAIL command")
            return
        if self.act("mail", "250 2.1.0 Ok").startswith("2"):
            self.message = Message(line, dict(self.xforward))

    def on_rcpt(self, line):
        if not self.message:
            self.reply("503 5.5.1 need MAIL command")
        elif self.act("rcpt", "250 2.1.5 Ok").startswith("2"):
            self.message.rcpt.append(line)

    def on_rset(self):
        self.message = None
        self.xforward = {}
        self.act("rset", "250 2.0.0 Ok")

    def on_data(self):
        if not self.message or not self.message.rcpt:
            self.reply("554 5.5.1 no valid recipients")
            return
        if not self.act("data", "354 go on").startswith("3"):
            return  # and the transaction is still there, until RSET
        message, self.message = self.message, None
        self.xforward = {}
        try:
            if "body" in self.script:
                self.lines.fill()
                self.act("body", None)
            self.read_body(message)
        except (Gone, Stop, OSError):
            self.relay.partial.append(bytes(self.lines.rest))
            raise
        what = self.chosen("dot", "250 2.0.0 Ok: queued as 3CF6B2")
        if isinstance(what, str) and what.startswith("2"):
            message.answered = what
            with self.relay.lock:  # before anyone can hear of it
                self.relay.messages.append(message)
        self.perform(what)

    def read_body(self, message):
        at = 0
        while not (self.lines.rest.startswith(b".\r\n") or
                   b"\r\n.\r\n" in self.lines.rest[max(at - 4, 0):]):
            at = len(self.lines.rest)
            self.lines.fill()
        if self.lines.rest.startswith(b".\r\n"):
            body = self.lines.take(0, 3)
        else:
            end = self.lines.rest.index(b"\r\n.\r\n", max(at - 4, 0)) + 2
            body = self.lines.take(end, 3)
        message.data = re.sub(rb"(\A|\r\n)\.", rb"\1", body)


class Reply:
    def __init__(self, code, lines):
        self.code = code
        self.lines = lines       # without code and separator
        self.text = "\n".join(lines)

    def __repr__(self):
        return "%d %s" % (self.code, self.text)


class Client:
    """Speaks to signpost; connects and reads the greeting."""

    def __init__(self, port, host="127.0.0.1", greeting=True, source=None):
        if isinstance(port, str):  # the path of a Unix-domain socket
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(WAIT)
            self.sock.connect(port)
        else:
            self.sock = socket.create_connection(
                (host, port), timeout=WAIT,
                source_address=(source, 0) if source else None)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = Lines(self.sock)
        self.greeting = self.reply() if greeting else None

    def send(self, what):
        if isinstance(what, str):
            what = what.encode("latin-1")
        self.sock.sendall(what)

    def reply(self):
        lines = []
        while True:
            line = self.lines.line().decode("latin-1")
            if not re.match(r"[2-5][0-9][0-9]([ -]|$)", line):
                raise AssertionError("no reply: %r" % line)
            lines.append(line[4:])
            if line[3:4] != "-":
                return Reply(int(line[:3]), lines)

    def command(self, line):
        self.send(line + "\r\n")
        return self.reply()

    def ehlo(self, name="client.example"):
        reply = self.command("EHLO " + name)
        assert reply.code == 250, reply
        return reply

    def begin(self, sender="a@example.org", rcpts=("b@example.net",)):
        """MAIL and RCPT, which must be accepted."""
        reply = self.command("MAIL FROM:<%s>" % sender)
        assert reply.code == 250, reply
        for rcpt in rcpts:
            reply = self.command("RCPT TO:<%s>" % rcpt)
            assert reply.code == 250, reply

    def body(self, data):
        """The data after 354, dots added, and the final dot; its answer."""
        if isinstance(data, str):
            data = data.encode("latin-1")
        if not data.endswith(b"\r\n"):
            data += b"\r\n"
        self.send(re.sub(rb"(\A|\r\n)\.", rb"\1..", data) + b".\r\n")
        return self.reply()

    def message(self, data, **envelope):
        """A whole transaction; the answer to the final dot."""
        self.begin(**envelope)
        reply = self.command("DATA")
        assert reply.code == 354, reply
        return self.body(data)

    def gone(self):
        """True where the other side closes (after whatever it still said)."""
        try:
            while True:
                self.lines.fill()
        except Gone:
            return True
        except socket.timeout:
            return False

    def quit(self):
        reply = self.command("QUIT")
        self.close()
        return reply

    def close(self):
        self.sock.close()

    def reset(self):
        hard_close(self.sock)


SAMPLE = (b"From: Ann <ann@example.org>\r\n"
          b"To: bob@example.net\r\n"
          b"Subject: a test\r\n"
          b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
          b"Message-ID: <1@example.org>\r\n"
          b"\r\n"
          b"Hello.\r\n"
          b".with a leading dot\r\n")

# Messages whose header ends at no empty line, or does not begin with a field;
# and what is passed on of them: the empty line is written (Postfix's smtpd and
# cleanup write it too), a mailbox line is a field.
ENDINGS = [
    (b"From: a@example.org\r\nno field\r\nX-Behind: y\r\n",
     b"From: a@example.org\r\n\r\nno field\r\nX-Behind: y\r\n"),
    (b"From: a@example.org\r\n: y\r\nX-Behind: y\r\n\r\nbody\r\n",
     b"From: a@example.org\r\n\r\n: y\r\nX-Behind: y\r\n\r\nbody\r\n"),
    (b"From: a@example.org\r\n" + b"n" * 2048 + b": y\r\nX-Behind: y\r\n",
     b"From: a@example.org\r\n\r\n" + b"n" * 2048 +
     b": y\r\nX-Behind: y\r\n"),
    (b"From: a@example.org\r\n>From me\r\nX-Behind: y\r\n\r\n",
     b"From: a@example.org\r\n\r\n>From me\r\nX-Behind: y\r\n\r\n"),
    (b"no field\r\nX-Behind: y\r\n", b"\r\nno field\r\nX-Behind: y\r\n"),
    (b" ; dkim=pass\r\nX-Behind: y\r\n",
     b"\r\n ; dkim=pass\r\nX-Behind: y\r\n"),
    (b"\tx: y\r\nX-Behind: y\r\n", b"\r\n\tx: y\r\nX-Behind: y\r\n"),
    (b"From a Mon Jan  1\r\nFrom: a@example.org\r\n\r\nX-Behind: y\r\n",
     b"X-Mailbox-Line: From a Mon Jan  1\r\nFrom: a@example.org\r\n\r\n"
     b"X-Behind: y\r\n"),
    (b">From a\r\n>>From b\r\nFrom: a@example.org\r\n\r\nX-Behind: y\r\n",
     b"X-Mailbox-Line: >From a\r\nX-Mailbox-Line: >>From b\r\n"
     b"From: a@example.org\r\n\r\nX-Behind: y\r\n"),
    (b"From a\r\n ; dkim=pass\r\nX-Behind: y\r\n",
     b"X-Mailbox-Line: From a\r\n\r\n ; dkim=pass\r\nX-Behind: y\r\n"),
    (b"From: a@example.org\r\n \r\nX: y\r\n\r\nX-Behind: y\r\n",
     b"From: a@example.org\r\n \r\nX: y\r\n\r\nX-Behind: y\r\n"),
    (b"From: a@example.org\r\n", b"From: a@example.org\r\n"),
]



def make_key(path, kind="rsa"):
    """A private key in PEM, mode 0600, by openssl."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    options = (["-algorithm", "ed25519"] if kind == "ed25519" else
               ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
    old = os.umask(0o077)
    try:
        subprocess.run(["openssl", "genpkey", "-quiet", "-out", path] +
                       options, check=True, timeout=400,
                       stderr=subprocess.DEVNULL)
    except subprocess.CalledProcessError:  # before OpenSSL 3.1: no -quiet
        subprocess.run(["openssl", "genpkey", "-out", path] + options,
                       check=True, timeout=400, stderr=subprocess.DEVNULL)
    finally:
        os.umask(old)
    os.chmod(path, 0o600)


USUAL = {}


def usual_key(path):
    """An RSA key, in this process always the same one: to make a new one for
    each test takes its time."""
    if "pem" not in USUAL:
        with tempfile.TemporaryDirectory() as folder:
            make_key(os.path.join(folder, "key"))
            with open(os.path.join(folder, "key"), "rb") as key:
                USUAL["pem"] = key.read()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
              "wb") as key:
        key.write(USUAL["pem"])


def key_record(path, kind="rsa"):
    """The TXT record of a private key."""
    der = subprocess.run(
        ["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"],
        check=True, timeout=400, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL).stdout
    if kind == "ed25519":
        der = der[-32:]
    return "v=DKIM1; k=%s; p=%s" % (kind, base64.b64encode(der).decode())


def dkim_verifies(message, records, index=0):
    """Does DKIM signature `index` of a message hold, by dkimpy?"""
    import dkim  # python3-dkim; only some tests need it

    def txt(name, timeout=5):
        name = name.decode() if isinstance(name, bytes) else name
        return records.get(name.rstrip(".").lower(), "").encode()

    return dkim.DKIM(message).verify(idx=index, dnsfunc=txt)


class Signpost:
    """`signpost serve` with a configuration of its own, in a directory of
    its own. `out` and `daemon` are lines for [out] and [signpost]. Its timers
    run `hurry` times as fast as ours, those of signers as `unlike` says, where it
    does (t/lib/hurry.c)."""
    # Whether a call that is not in its list is a failure, however it ends.
    lists_all = True

    def __init__(self, relay, out=(), daemon=(), keys=True, environment=None,
                 preexec=None, domain="example.org", rest="", hurry=1,
                 unlike=None):
        self.dir = tempfile.mkdtemp(prefix="signpost-t-")
        self.relay = relay
        self.port = free_port()
        self.process = None
        self.clients = []
        self.environment = dict(environment or {})
        self.hurry = hurry
        if hurry > 1 or unlike:
            self.environment |= {
                "LD_PRELOAD": os.path.join(os.environ["SIGNPOST_BUILD"],
                                           "t/lib/libt_hurry.so"),
                "T_HURRY": ("%g %s" % (hurry, unlike or "")).strip(),
                "ASAN_OPTIONS": "verify_asan_link_order=0"}
        self.preexec = preexec
        self.selector = "t2026"
        self.domain = domain
        self.keyfile = os.path.join(self.dir, "keys", "example.org",
                                    "t2026.pem")
        self.spool = os.path.join(self.dir, "spool")
        os.mkdir(self.spool)
        if os.getuid() == 0:
            os.chmod(self.dir, 0o711)
            shutil.chown(self.spool, WORKER)
        if keys:
            usual_key(self.keyfile)
        self.config = os.path.join(self.dir, "signpost.conf")
        self.log = os.path.join(self.dir, "log")
        self.configure(out, daemon, rest)

    def configure(self, out=(), daemon=(), rest=""):
        given = {line.split("=")[0].strip() for line in out}
        defaults = {
            "listen": "127.0.0.1:%d" % self.port,
            "relay": (self.relay if isinstance(self.relay, str)
                      else self.relay.address()),
            "domain": self.domain,
            "selector": self.selector,
            "keyfile": os.path.join(self.dir, "keys", "$domain",
                                    "$selector.pem"),
            "spool_dir": self.spool,
        }
        with open(self.config, "w") as f:
            f.write("[signpost]\n")
            if not any(line.startswith("log ") for line in daemon):
                f.write("log = stderr\n")
            if not any(line.startswith("workers ") for line in daemon):
                f.write("workers = 1\n")
            if not any(line.startswith("signers ") for line in daemon):
                f.write("signers = 1\n")
            # In its time; in ours that is no less than it has otherwise.
            if self.hurry > 1 and not any(
                    line.startswith("sign_timeout ") for line in daemon):
                f.write("sign_timeout = %ds\n" %
                        min(20 * self.hurry, SIGN_TIMEOUT_MAX))
            if not any(line.startswith("user ") for line in daemon):
                f.write("user = %s\n" % WORKER)
            self.write_control(f, daemon)
            f.write("".join(line + "\n" for line in daemon))
            f.write("[out]\n")
            f.write("".join("%s = %s\n" % item for item in defaults.items()
                            if item[0] not in given))
            f.write("".join(line + "\n" for line in out))
            f.write(rest)

    def write_control(self, to, daemon):
        """Where tools ask this one, and no other that runs meanwhile."""
        if not any(line.startswith("control ") for line in daemon):
            to.write("control = %s/control\n" % self.dir)

    def start(self, wait=True):
        environment = dict(os.environ)
        environment.update(self.environment)
        # Workers let nobody trace them, which the leak check would have to;
        # leaks are for the tests of each room.
        environment["ASAN_OPTIONS"] = ":".join(filter(None, (
            environment.get("ASAN_OPTIONS"), "detect_leaks=0")))
        end = time.monotonic() + WAIT
        while True:
            with open(self.log, "ab") as log:
                begun = log.tell()
                self.process = subprocess.Popen(
                    [binary(), "serve", "-c", self.config],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    env=environment, preexec_fn=self.preexec)
            if not wait:
                return self
            wait_until(lambda: "signpost to serve:\n" + self.text(),
                       lambda: self._is_cut_short(begun) or (
                           self._runs() and self._serves(begun) and
                           self.listens()))
            if not self._is_cut_short(begun):
                return self
            if time.monotonic() > end:
                self.listens()  # which says how it ended

    def _said(self, begun):
        with open(self.log, "rb") as log:
            log.seek(begun)
            return log.read()

    def _is_cut_short(self, begun):
        """By a clock that a test hurries: of the half minute that a start may
        take it leaves a second or two, too little for a slow machine."""
        return (self.hurry > 1 and self.process.poll() is not None and
                b"cannot start: the workers did not report in" in
                self._said(begun))

    def _serves(self, begun):
        """The last of its processes tells of itself after all listen."""
        with open(self.config) as f:
            if "\nlog = stderr\n" not in f.read():
                return True
        return b" serving, " in self._said(begun)

    def _runs(self):
        if self.process.poll() is not None:
            raise AssertionError("signpost ended with %d:\n%s" % (
                self.process.returncode, self.text()))
        return True

    def listens(self):
        self._runs()
        # By the kernel's table, so that no connection of ours is counted.
        want = "%08X:%04X" % (struct.unpack("=I", socket.inet_aton(
            "127.0.0.1"))[0], self.port)
        with open("/proc/net/tcp") as table:
            return any(line.split()[1] == want and line.split()[3] == "0A"
                       for line in table.readlines()[1:])

    def client(self, **options):
        client = Client(self.port, **options)
        self.clients.append(client)
        return client

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def lines(self, pattern=""):
        """The log lines that a pattern is found in."""
        return [line for line in self.text().splitlines()
                if re.search(pattern, line)]

    def wait_log(self, pattern, count=1, seconds=WAIT):
        """Waits for so many lines with the pattern; returns the last."""
        wait_until(lambda: "a log line with %r:\n%s" % (pattern, self.text()),
                   lambda: len(self.lines(pattern)) >= count, seconds)
        return self.lines(pattern)[-1]

    def processes(self):
        """Its process ids: what was started and its descendants."""
        found = [self.process.pid]
        for pid in found:
            path = "/proc/%d/task/%d/children" % (pid, pid)
            with contextlib.suppress(OSError), open(path) as children:
                found += [int(child) for child in children.read().split()]
        return found

    def pids_of(self, role):
        return [pid for pid in self.processes() if role_of(pid) == role]

    def kill(self):
        """All of its processes at once; then they have gone, and their
        listeners with them."""
        pids = self.processes()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(WAIT)
        wait_until("the end of all processes",
                   lambda: not any(map(self._lives, pids)))

    @staticmethod
    def _lives(pid):
        with contextlib.suppress(OSError), open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        return False

    def is_sanitized(self):
        with open("/proc/%d/maps" % self.process.pid) as maps:
            return "libasan" in maps.read()

    def record(self):
        """name -> TXT record, for dkim_verifies()."""
        return {"%s._domainkey.%s" % (self.selector, "example.org"):
                key_record(self.keyfile)}

    def stop(self, signum=signal.SIGTERM, seconds=120):
        """Ends it; its exit status. A sanitizer's finding is a failure."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signum)
        try:
            status = self.process.wait(seconds) if self.process else 0
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("signpost does not end:\n" + self.text())
        text = self.text() if os.path.exists(self.log) else ""
        if "Sanitizer" in text or "runtime error:" in text or \
                listed.UNLISTED.search(text):
            raise AssertionError(text)
        return status

    def clean(self):
        """Kills what is left and removes the directory."""
        for client in self.clients:
            client.close()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        text = self.text() if os.path.exists(self.log) else ""
        shutil.rmtree(self.dir, ignore_errors=True)
        if self.lists_all:
            listed.check(text)


class Case(unittest.TestCase):
    """A test with relays and signposts that are put away at its end, and
    with signpost expected to end well."""

    def relay(self, *scripts, **options):
        relay = Relay(*scripts, **options)
        self.addCleanup(relay.close)
        return relay

    def signpost(self, relay, **options):
        wait = options.pop("wait", True)
        signpost = Signpost(relay, **options)
        self.addCleanup(signpost.clean)
        self.addCleanup(self._stops_well, signpost)
        return signpost.start(wait)

    def _stops_well(self, signpost):
        for client in signpost.clients:
            client.close()
        if signpost.process and signpost.process.returncode is None:
            self.assertEqual(signpost.stop(), 0, signpost.text())


def main():
    unittest.main(verbosity=2)
