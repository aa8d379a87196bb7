#!/usr/bin/python3
"""Name servers on loopback, for tests: a real one and a hostile one.

As a module: Nsd(records) and Hostile() are context managers with a `port`.
As a program, for the tests in C:

    nameserver.py nsd FILE      records as in t/lib/zone.h
    nameserver.py hostile

prints the port when it answers, and ends when its standard input does.
"""
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from ports import free_port

START_S = 20


def name_wire(name):
    out = b""
    for label in name.encode("latin-1").split(b"."):
        if label:
            out += bytes([len(label)]) + label
    return out + b"\0"


TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15,
         "TXT": 16, "AAAA": 28}


def query_wire(name, type_name, query_id=1):
    return struct.pack(">HHHHHH", query_id, 0x0100, 1, 0, 0, 0) \
        + name_wire(name) + struct.pack(">HH", TYPES[type_name], 1)


def answers(port, address="127.0.0.1"):
    """Whether a server there answers anything at all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        try:
            sock.connect((address, port))
            sock.send(query_wire("up.invalid", "A"))
            return len(sock.recv(4096)) >= 12
        except OSError:
            return False


# --- the real one ---------------------------------------------------------

def txt_presentation(value):
    """A TXT value as character-strings of at most 255 octets."""
    if value.startswith('"'):
        return value
    octets = value.encode("utf-8")
    parts = [octets[i:i + 255] for i in range(0, len(octets), 255)] or [b""]

    def quoted(part):
        return '"' + "".join(
            chr(c) if 0x20 <= c < 0x7f and c not in b'"\\' else "\\%03d" % c
            for c in part) + '"'
    return " ".join(quoted(part) for part in parts)


def zone_line(line):
    name, type_name, value = (line.split(None, 2) + [""])[:3]
    type_name = type_name.upper()
    if type_name == "TXT":
        value = txt_presentation(value)
    elif type_name in ("CNAME", "PTR", "NS"):
        value = value.rstrip(".") + "."
    elif type_name == "MX":
        preference, host = value.split()
        value = "%s %s." % (preference, host.rstrip("."))
    return "%s. 300 IN %s %s" % (name.rstrip("."), type_name, value)


def zone_text(records):
    lines = ["$TTL 300",
             ". IN SOA ns.invalid. root.invalid. 1 3600 900 86400 60",
             ". IN NS ns.invalid.", "ns.invalid. IN A 127.0.0.1"]
    for line in records.splitlines():
        if line.strip() and not line.lstrip().startswith(";"):
            lines.append(zone_line(line))
    return "\n".join(lines) + "\n"


class Nsd:
    """NLnet Labs' nsd, serving one zone with the given records: the root; or
    another, whose `text` is in the form of a zone file."""

    def __init__(self, records, port=None, address="127.0.0.1", zone=".",
                 text=None):
        self.directory = tempfile.mkdtemp(prefix="signpost-nsd-")
        self.port = port or free_port()
        self.address = address
        self.zone = zone
        self.child = None
        with open(os.path.join(self.directory, "zone"), "w",
                  encoding="utf-8") as file:
            file.write(text or zone_text(records))
        with open(os.path.join(self.directory, "nsd.conf"), "w",
                  encoding="ascii") as conf:
            conf.write(self.configuration())

    def configuration(self):
        """Small tables: to clear those for a million clients takes thrice the
        time of all else that a start does."""
        return """server:
  ip-address: %s@%d
  username: ""
  chroot: ""
  server-count: 1
  zonesdir: "%s"
  database: ""
  pidfile: ""
  xfrdfile: "%s/xfrd"
  zonelistfile: "%s/zonelist"
  xfrdir: "%s"
  rrl-ratelimit: 0
  rrl-size: 1
  xfrd-tcp-max: 1
  xfrd-tcp-pipeline: 1
remote-control:
  control-enable: no
zone:
  name: "%s"
  zonefile: "zone"
""" % (self.address, self.port, *[self.directory] * 4, self.zone)

    def begin(self):
        nsd = shutil.which("nsd", path="/usr/sbin:/usr/bin")
        if nsd is None:
            raise RuntimeError("no nsd: install the package nsd")
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.child = subprocess.Popen(
                [nsd, "-d", "-c", os.path.join(self.directory, "nsd.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

    def start(self):
        """Begun once more where another one has not quite gone."""
        deadline = time.monotonic() + START_S
        while self.child is None or self.child.poll() is not None \
                or not answers(self.port, self.address):
            if self.child is None or self.child.poll() is not None:
                self.begin()
            if time.monotonic() > deadline:
                with open(os.path.join(self.directory, "log"),
                          encoding="utf-8", errors="replace") as text:
                    raise RuntimeError("nsd did not start: " + text.read())
            time.sleep(0.02)
        return self

    def stop(self):
        """With its children: one that outlives it holds the port."""
        if self.child is not None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
            self.child = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


# --- the hostile one ------------------------------------------------------

QR, AA, TC, RA, AD = 0x8000, 0x0400, 0x0200, 0x0080, 0x0020


class Question:
    """The question of a packet from us."""

    def __init__(self, packet, source, tcp):
        self.packet, self.source, self.tcp = packet, source, tcp
        self.id = struct.unpack(">H", packet[:2])[0]
        self.edns = struct.unpack(">H", packet[10:12])[0] > 0
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]]
                          .decode("latin-1"))
            at += 1 + packet[at]
        self.name = ".".join(labels).lower()
        self.labels = self.name.split(".")
        self.section = packet[12:at + 5]
        self.type = struct.unpack(">H", packet[at + 1:at + 3])[0]


def rr(owner, rtype, rdata, ttl=300):
    return name_wire(owner) + struct.pack(
        ">HHIH", rtype, 1, ttl, len(rdata)) + rdata


def txt(owner, text, ttl=300):
    octets = text if isinstance(text, bytes) else text.encode("latin-1")
    strings = [octets[i:i + 255] for i in range(0, len(octets), 255)] or [b""]
    return rr(owner, 16, b"".join(bytes([len(s)]) + s for s in strings), ttl)


def reply(q, records=(), flags=QR | RA, query_id=None, section=None):
    return struct.pack(
        ">HHHHHH", q.id if query_id is None else query_id, flags, 1,
        len(records), 0, 0) + (section or q.section) + b"".join(records)


class Hostile:
    """Does to each question what the first label of its name says. `texts`
    are true TXT answers by name, `lie` is what liars say."""

    def __init__(self, port=None, texts=None, lie="evil"):
        self.texts = texts or {}
        self.lie = lie
        self.port = port or free_port()
        self.seen = {}
        self.lock = threading.Lock()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def start(self):
        self.udp.bind(("127.0.0.1", self.port))
        self.tcp.bind(("127.0.0.1", self.port))
        self.tcp.listen(50)
        threading.Thread(target=self.serve_udp, daemon=True).start()
        threading.Thread(target=self.serve_tcp, daemon=True).start()
        return self

    def stop(self):
        self.udp.close()
        self.tcp.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def serve_udp(self):
        while True:
            try:
                packet, source = self.udp.recvfrom(4096)
            except (OSError, ValueError):
                return  # stopped
            for wait, out in self.act(Question(packet, source, False)):
                self.send_later(wait, out, source)

    def send_later(self, wait, out, source):
        if wait == 0:
            self.send(out, source)
        else:
            timer = threading.Timer(wait, self.send, (out, source))
            timer.daemon = True
            timer.start()

    def send(self, out, source):
        try:
            self.udp.sendto(out, source)
        except OSError:
            pass  # stopped meanwhile

    def serve_tcp(self):
        while True:
            try:
                peer, source = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.talk_tcp, args=(peer, source),
                             daemon=True).start()

    def talk_tcp(self, peer, source):
        with peer:
            peer.settimeout(10)
            try:
                length = struct.unpack(">H", peer.recv(2, socket.MSG_WAITALL))
                packet = peer.recv(length[0], socket.MSG_WAITALL)
                self.stream(peer, Question(packet, source, True))
            except (OSError, struct.error):
                pass

    def stream(self, peer, q):
        """TCP answers whose first label begins with `tc`."""
        what = q.labels[0]
        good = reply(q, [txt(q.name, "over tcp " + "x" * 3000)])
        if what == "tcsilent":
            peer.recv(1)  # until the other side has had enough
        elif what == "tcclose":
            peer.send(struct.pack(">H", 100) + b"abc")
        elif what == "tcgarbage":
            peer.send(struct.pack(">H", 100) + b"\xff" * 100)
        elif what == "tcempty":
            peer.send(b"\0\0")
        elif what == "tctruncated":
            out = reply(q, flags=QR | RA | TC)
            peer.send(struct.pack(">H", len(out)) + out)
        elif what == "tcslow":
            for octet in struct.pack(">H", len(good)) + good[:200]:
                peer.send(bytes([octet]))
                time.sleep(0.001)
            peer.send(good[200:])
        elif what == "tchuge":
            out = reply(q, [txt(q.name, "y" * 60000)])
            peer.sendall(struct.pack(">H", len(out)) + out)
        else:
            peer.sendall(struct.pack(">H", len(good)) + good)

    def act(self, q):
        """What goes out by UDP: pairs of a wait in seconds and a packet."""
        what = q.labels[0]
        with self.lock:
            count = self.seen[q.name] = self.seen.get(q.name, 0) + 1
        good = reply(q, [txt(q.name, self.texts.get(q.name, "good"))])
        if what.startswith("tc"):
            return [(0, reply(q, flags=QR | RA | TC))]
        table = {
            "silent": lambda: [],
            "slow": lambda: [(1.5, good)],
            "intime": lambda: [(4.2, good)],    # of the 5 s that there are
            "veryslow": lambda: [(8, good)],
            "late": lambda: [(2.5, good)] if count == 1 else [],
            "lost": lambda: [(0, good)] if count > 1 else [],
            "wrongid": lambda: [(0, reply(
                q, [txt(q.name, self.lie)], query_id=q.id ^ 1))],
            "wrongquestion": lambda: [(0, reply(
                q, [txt("evil.test", self.lie)],
                section=query_wire("evil.test", "TXT")[12:]))],
            "wrongowner": lambda: [(0, reply(
                q, [txt("other.test", self.lie)]))],
            "echo": lambda: [(0, q.packet)],
            "garbage": lambda: [(0, b"\xff" * 300), (0, b""), (0, b"\0"),
                                (0, q.packet[:13])],
            "oversized": lambda: [(0, reply(
                q, [txt(q.name, "z" * 9000)]))],
            "flood": lambda: [(0, reply(
                q, [txt(q.name, self.lie)], query_id=q.id ^ i))
                for i in range(1, 30)] + [(0, good)],
            "deluge": lambda: [(0, reply(
                q, [txt(q.name, self.lie)], query_id=q.id ^ i))
                for i in range(1, 200)] + [(0, good)],
            "spoofed": lambda: self.spoof(q) + [(0.3, good)],
            "servfail": lambda: [(0, reply(q, flags=QR | RA | 2))],
            "refused": lambda: [(0, reply(q, flags=QR | RA | 5))],
            "nothing": lambda: [(0, reply(q))],
            "nxdomain": lambda: [(0, reply(q, flags=QR | RA | 3))],
            "noedns": lambda: [(0, reply(q, flags=QR | RA | 1)
                                if q.edns else good)],
            "noquestion": lambda: [(0, struct.pack(
                ">HHHHHH", q.id, QR | RA | 1, 0, 0, 0, 0)
                if q.edns else good)],
            "loop": lambda: [(0, reply(q, [
                rr(q.name, 5, name_wire(q.name))]))],
            "pingpong": lambda: [(0, reply(q, [
                rr(q.name, 5, name_wire("pingpong." + (
                    "b" if q.labels[1] == "a" else "a") + ".test"))]))],
            "chain": lambda: self.chain(q),
            "count": lambda: [(0.05, reply(
                q, [txt(q.name, str(count), ttl=3)]))],
            "who": lambda: [(0, reply(q, [txt(
                q.name, "%d %d" % (q.source[1], q.id), ttl=0)]))],
            "ad": lambda: [(0, reply(
                q, [txt(q.name, "good")], flags=QR | RA | AD))],
        }
        return table.get(what, lambda: [(0, good)])()

    def chain(self, q):
        """chain.N.test leads, packet by packet, to chain.0.test."""
        left = int(q.labels[1])
        if left == 0:
            return [(0, reply(q, [txt(q.name, "the end")]))]
        return [(0, reply(q, [rr(q.name, 5, name_wire(
            "chain.%d.test" % (left - 1)))]))]

    def spoof(self, q):
        """The right packet from the wrong port."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            other.sendto(reply(q, [txt(q.name, self.lie)]), q.source)
        return []


def main():
    if sys.argv[1:2] == ["nsd"] and len(sys.argv) == 3:
        with open(sys.argv[2], encoding="utf-8") as records:
            server = Nsd(records.read())
    elif sys.argv[1:] == ["hostile"]:
        server = Hostile()
    else:
        sys.exit("usage: nameserver.py nsd FILE | hostile")
    with server:
        print(server.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
