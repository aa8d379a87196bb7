"""A primary on loopback that takes updates: BIND's named, with a TSIG key that may
change TXT records below _domainkey and nothing else.

    with bind.Named("example.org", "www A 192.0.2.1") as server:
        server.keyfile, server.address(), server.texts(name)

What is after `at` is another address, and port 53; `grant` is what of the zone
the key may change.
"""
import base64
import os
import shutil
import subprocess
import tempfile
import time

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from ports import free_port

START_S = 30
WAIT = 60


def key_text(secret, name="publish"):
    """As tsig-keygen(8) prints it."""
    return 'key "%s" {\n\talgorithm hmac-sha256;\n\tsecret "%s";\n};\n' % (
        name, base64.b64encode(secret).decode())


class Named:
    def __init__(self, zone, *records, at=None,
                 grant="wildcard *._domainkey.%s."):
        self.directory = tempfile.mkdtemp(prefix="signpost-named-")
        self.host, self.port = (at, 53) if at else ("127.0.0.1", free_port())
        self.zone = zone
        self.child = None
        self.keyfile = self.write("publish.key", key_text(os.urandom(32)))
        self.write("zone", "\n".join([
            "$ORIGIN %s." % zone, "$TTL 300",
            "@ SOA ns.%s. root.%s. 1 3600 900 86400 60" % (zone, zone),
            "@ NS ns", "ns A " + self.host, *records, ""]))
        self.write("named.conf", """options {
    directory "%(dir)s";
    pid-file "%(dir)s/pid";
    session-keyfile none;
    listen-on port %(port)d { %(host)s; };
    listen-on-v6 { none; };
    recursion no;
    notify no;
    max-cache-size 2M;
};
controls { };
include "%(key)s";
zone "%(zone)s" {
    type primary;
    file "zone";
    update-policy { grant publish %(grant)s TXT; };
};
""" % {"dir": self.directory, "host": self.host, "port": self.port,
       "key": self.keyfile, "zone": zone,
       "grant": grant.replace("%s", zone)})

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def __enter__(self):
        # A copy: where AppArmor confines /usr/sbin/named, it may not read here.
        program = os.path.join(self.directory, "named")
        shutil.copy("/usr/sbin/named", program)
        log = os.path.join(self.directory, "log")
        with open(log, "wb") as to:
            self.child = subprocess.Popen(
                [program, "-g", "-n", "1", "-U", "1", "-c",
                 os.path.join(self.directory, "named.conf")],
                stdin=subprocess.DEVNULL, stdout=to, stderr=to)
        deadline = time.monotonic() + START_S
        while not self.answers():
            if self.child.poll() is not None or time.monotonic() > deadline:
                with open(log, encoding="utf-8", errors="replace") as text:
                    raise RuntimeError("named did not start: " + text.read())
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.child.terminate()
        try:
            self.child.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(WAIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def answers(self):
        try:
            dns.query.udp(dns.message.make_query(self.zone, "SOA"), self.host,
                          0.5, self.port)
        except (OSError, dns.exception.Timeout):
            return False
        return True

    def address(self):
        return "%s:%d" % (self.host, self.port)

    def texts(self, name):
        """The TXT records at a name, each a list of its strings, as octets; their
        TTL is self.ttl then."""
        query = dns.message.make_query(name, "TXT")
        reply = dns.query.tcp(query, self.host, WAIT, self.port)
        found = [rrset for rrset in reply.answer
                 if rrset.rdtype == dns.rdatatype.TXT]
        self.ttl = found[0].ttl if found else None
        return sorted(list(r.strings) for rrset in found for r in rrset)
