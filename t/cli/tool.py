"""Runs the signpost binary as a person would, for the tests in t/cli.

    SIGNPOST   the binary; ctest sets it

Everything happens in a directory of the test's own, on loopback; every wait
has a bound. Zone is a name server with the records it is told, over UDP and
TCP, and notes what it was asked.
"""
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lib"))
import ports  # noqa: E402

WAIT = 100

MESSAGE = (b"From: Joe <joe@example.org>\r\nTo: jane@example.net\r\n"
           b"Subject: a\r\n folded subject\r\n"
           b"Date: Fri, 11 Jul 2003 21:00:37 -0700\r\n\r\n"
           b"Hello.\r\n\r\n\tBye. \r\n\r\n")

CONFIG = """
[signpost]
log = stderr
[out]
listen = 127.0.0.1:10027
relay = 127.0.0.1:10028
domain = example.org
selector = s1
keyfile = %(dir)s/$domain/$selector.pem
spool_dir = %(dir)s
%(more)s
"""


def binary():
    path = os.environ.get("SIGNPOST")
    if not path:
        sys.exit("SIGNPOST must name the signpost binary")
    return os.path.abspath(path)


# Keys that were made, by options of keygen: (file, value of the record). To
# make them is what most of the tests would take their time for.
KEYS = {}
KEYS_AT = tempfile.TemporaryDirectory(prefix="signpost-keys-")


class Result:
    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr.decode("utf-8", "replace")


class Case(unittest.TestCase):
    """A test with a directory of its own and a way to run the tool there."""

    def setUp(self):
        self.keys_used = {}
        self.dir = tempfile.mkdtemp(prefix="signpost-cli-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes)
                    else content.encode())
        return path

    def run_tool(self, *args, stdin=b"", status=0, wait=WAIT):
        """Runs `signpost ARGS`; its end must be `status` (None: any)."""
        done = subprocess.run([binary(), *map(str, args)], input=stdin,
                              cwd=self.dir, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=wait)
        result = Result(done)
        if status is not None:
            self.assertEqual(result.status, status, result.err)
        if result.status == 65:  # says what the cause is
            self.assertRegex(result.err, r"signpost: \S.*\S")
        lines = result.err.splitlines()
        self.assertEqual(len(lines), len(set(lines)), result.err)
        for line in lines:
            self.assertTrue(line.startswith("signpost: "), line)
        return result

    def make_key(self, *more, domain="example.org", selector="s1"):
        """Makes a key: its path, its record's name and value."""
        out = self.run_tool("keygen", "-d", domain, "-s", selector, "-o",
                            self.dir, *more).out.decode()
        name = out.split()[0].rstrip(".")
        return (self.path(domain, selector + ".pem"), name,
                "".join(re.findall(r'"([^"]*)"', out)))

    def keygen(self, *more, domain="example.org", selector="s1"):
        """The same, but a key of other tests will do; within a test never the
        same key twice."""
        made = KEYS.setdefault(more, [])
        used = self.keys_used[more] = self.keys_used.get(more, 0) + 1
        if len(made) < used:
            path, name, value = self.make_key(*more, domain=domain,
                                              selector=selector)
            kept = os.path.join(KEYS_AT.name,
                                "%d-%d" % (len(KEYS), len(made)))
            shutil.copy(path, kept)
            made.append((kept, value))
            return path, name, value
        kept, value = made[used - 1]
        path = self.path(domain, selector + ".pem")
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        self.assertFalse(os.path.exists(path), "keygen overwrites no key")
        shutil.copy(kept, path)
        return path, "%s._domainkey.%s" % (selector, domain), value

    def config(self, more="", name="signpost.conf"):
        return self.write(name, CONFIG % {"dir": self.dir, "more": more})

    def zone(self, records):
        zone = Zone(records)
        self.addCleanup(zone.close)
        return zone


class Zone:
    """Answers from {(name, type): [value...]}; other names do not exist.
    A value of None keeps silent."""

    def __init__(self, records):
        self.records = records
        self.asked = []
        self.udp, self.tcp = ports.bind_both()
        self.port = self.tcp.getsockname()[1]
        self.tcp.listen(50)
        self.open = True
        threading.Thread(target=self._udp, daemon=True).start()
        threading.Thread(target=self._tcp, daemon=True).start()

    def address(self):
        return "127.0.0.1:%d" % self.port

    def close(self):
        self.open = False
        self.udp.close()
        self.tcp.close()

    def _answer(self, wire):
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        values = self.records.get((name, kind))
        if values == [None]:
            return None
        if values:
            reply.answer.append(dns.rrset.from_text(
                question.name, 300, "IN", kind,
                *[quoted(v) if kind == "TXT" else v for v in values]))
        elif not any(n == name for n, _ in self.records):
            reply.set_rcode(3)
        return reply.to_wire()

    def _udp(self):
        while self.open:
            try:
                wire, peer = self.udp.recvfrom(4096)
                answer = self._answer(wire)
                if answer is not None:
                    self.udp.sendto(answer, peer)
            except OSError:
                return

    def _tcp(self):
        while self.open:
            try:
                sock, _ = self.tcp.accept()
                with sock:
                    sock.settimeout(5)
                    n, = struct.unpack("!H", sock.recv(2))
                    answer = self._answer(sock.recv(n))
                    if answer is not None:
                        sock.sendall(struct.pack("!H", len(answer)) + answer)
            except (OSError, struct.error):
                continue


def quoted(value):
    strings = [value[i:i + 255] for i in range(0, len(value), 255)] or [""]
    return " ".join('"%s"' % s.replace("\\", "\\\\").replace('"', '\\"')
                    for s in strings)


def fields(message):
    """The header's fields, unfolded, and what follows the header."""
    eol = b"\r\n" if b"\r\n" in message else b"\n"
    head, _, body = message.partition(eol + eol)
    return re.sub(eol + rb"(?=[ \t])", b"", head).split(eol), body
