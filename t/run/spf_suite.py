#!/usr/bin/python3
"""The RFC 7208 suite once more, from outside: `signpost spf`, its resolver
and a name server on loopback (python3-dnspython) that has each scenario's
zone, over UDP and, where an answer is long, TCP."""
import concurrent.futures
import json
import os
import socket
import struct
import subprocess
import sys
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import yaml
from dns.rdtypes.ANY.TXT import TXT

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lib"))
import ports  # noqa: E402

SUITE = os.path.join(os.path.dirname(__file__), "..", "data",
                     "rfc7208-tests.yml")
CASES = 203
UDP_MAX = 1200
CNAMES_MAX = 10
TIMEOUT_S = 1  # a question's, for those that are never answered
AT_ONCE = 4


class Zone:
    """One scenario's data, as a server has it."""

    def __init__(self, data):
        self.names = {name.lower(): list(self._entries(entries))
                      for name, entries in data.items()}

    @staticmethod
    def _entries(entries):
        texts = any(isinstance(e, dict) and "TXT" in e for e in entries)
        for entry in entries:
            if entry == "TIMEOUT":
                yield "TIMEOUT", None
                continue
            for kind, value in entry.items():
                # SPF records stand for TXT where there is none.
                if value != "NONE" and not (kind == "SPF" and texts):
                    yield "TXT" if kind == "SPF" else kind, value

    def answer(self, query):
        """A message, or None where the server stays silent."""
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        name, kind = query.question[0].name, dns.rdatatype.to_text(
            query.question[0].rdtype)
        for _ in range(CNAMES_MAX):
            key = b".".join(l.lower() for l in name.labels if l).decode(
                "latin-1")
            entries = self.names.get(key)
            if entries is None:
                if not any(n.endswith("." + key) for n in self.names):
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                return reply
            alias = [v for k, v in entries if k == "CNAME"]
            if alias:
                target = dns.name.from_text(alias[0] + ".")
                reply.answer.append(dns.rrset.from_text(
                    name, 60, "IN", "CNAME", target.to_text()))
                name = target
                continue
            values = [v for k, v in entries if k == kind]
            if values:
                reply.answer.append(rrset(name, kind, values))
            elif ("TIMEOUT", None) in entries:
                return None
            return reply
        return reply


def rdata(kind, value):
    if kind == "TXT":
        octets = "".join(value if isinstance(value, list) else [value])
        octets = octets.encode("utf-8")
        strings = [octets[i:i + 255] for i in range(0, len(octets), 255)]
        return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings or [b""])
    if kind == "MX":
        value = "%d %s." % tuple(value)
    if kind == "PTR":
        value += "."
    return dns.rdata.from_text("IN", kind, value)


def rrset(name, kind, values):
    made = dns.rrset.RRset(name, dns.rdataclass.IN,
                           dns.rdatatype.from_text(kind))
    made.update_ttl(60)
    for value in values:
        try:
            made.add(rdata(kind, value))
        except dns.name.EmptyLabel:
            pass  # a name that the DNS cannot hold
    return made


class Server:
    """Answers from self.zone, which changes between scenarios."""

    def __init__(self):
        self.zone = Zone({})
        self.udp, self.tcp = ports.bind_both()
        self.port = self.udp.getsockname()[1]
        self.tcp.listen(50)
        for loop in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=loop, daemon=True).start()

    def _serve_udp(self):
        while True:
            packet, peer = self.udp.recvfrom(4096)
            query = dns.message.from_wire(packet)
            reply = self.zone.answer(query)
            if reply is None:
                continue
            wire = reply.to_wire(max_size=65535)
            if len(wire) > UDP_MAX:
                short = dns.message.make_response(query)
                short.flags |= dns.flags.TC
                wire = short.to_wire()
            self.udp.sendto(wire, peer)

    def _serve_tcp(self):
        while True:
            peer, _ = self.tcp.accept()
            with peer:
                peer.settimeout(5)
                size = struct.unpack("!H", peer.recv(2, socket.MSG_WAITALL))
                packet = peer.recv(size[0], socket.MSG_WAITALL)
                reply = self.zone.answer(dns.message.from_wire(packet))
                if reply is not None:
                    wire = reply.to_wire(max_size=65535)
                    peer.sendall(struct.pack("!H", len(wire)) + wire)


def check(server, name, case):
    """None, or what is wrong."""
    run = subprocess.run(
        [os.environ["SIGNPOST"], "spf", "--json",
         "--client-ip", case["host"], "--helo", case["helo"],
         "--mail-from", case["mailfrom"],
         "--nameserver", "127.0.0.1:%d" % server.port,
         "--dns-timeout", str(TIMEOUT_S)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400,
        check=False)
    try:
        found = json.loads(run.stdout)
    except ValueError:
        return "%s: %s" % (name, run.stdout)
    wanted = case["result"]
    if found["result"] not in (
            wanted if isinstance(wanted, list) else [wanted]):
        return "%s: %s, wanted %s" % (name, found, wanted)
    text = case.get("explanation")
    if text is not None and found["result"] == "fail" and \
            (found.get("explanation") or "DEFAULT") != text:
        return "%s: %s, wanted %r" % (name, found, text)
    if run.returncode != (75 if found["result"] == "temperror" else 0):
        return "%s: ends with %d" % (name, run.returncode)
    return None


def main():
    server, faults, cases = Server(), [], 0
    with open(SUITE, encoding="utf-8") as file:
        scenarios = list(yaml.safe_load_all(file))
    for scenario in scenarios:
        server.zone = Zone(scenario["zonedata"])
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(lambda item: check(server, *item),
                             scenario["tests"].items())
            faults.extend(f for f in found if f)
        cases += len(scenario["tests"])
    print("\n".join(faults))
    print("%d cases, %d faults" % (cases, len(faults)))
    return 1 if faults or cases != CASES else 0


sys.exit(main())
