"""A little world for keys that live for years: zones on real name servers (BIND,
a primary and secondaries that lag), a caching resolver (Unbound), and a clock that
a test sets for the resolver and for the tools.

    world = World(test, start)
    world.serve("127.0.0.2", {"example.org": world.zone(...)})
    world.follow("127.0.0.3", {"example.org": "127.0.0.2"})
    world.resolve({"example.org": ("127.0.0.2", "127.0.0.3")})
    world.at(start + 86400)

In a network of its own (t/lib/machine.py, alone), for name servers are at port 53.
The servers' own clock is the machine's: what they give does not depend on it.
"""
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.query
import dns.rdatatype
import dns.update

import nameserver
import ports

START_S = 30
FAKETIME = "/usr/lib/%s-linux-gnu/faketime/libfaketime.so.1" % os.uname().machine


def wait_until(what, true, seconds=START_S, why=lambda: ""):
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain for %s\n%s" % (what, why()))
        time.sleep(0.02)


def zone_text(name, servers, *records, minimum=900):
    """ns1, ns2 ... are the servers; 300 s for all that says nothing else, and
    `minimum' for that a name has nothing."""
    lines = ["$ORIGIN %s." % name, "$TTL 300",
             "@ %d SOA ns1 root 1 86400 3600 864000 %d" % (minimum, minimum)]
    for number, address in enumerate(servers, 1):
        lines += ["@ NS ns%d" % number,
                  "ns%d %s %s" % (number, "AAAA" if ":" in address else "A",
                                  address)]
    return "\n".join(lines + list(records)) + "\n"


def update(address, zone, *changes):
    """By RFC 2136, of ("add", name, type, value[, ttl]), ("delete", name, type)."""
    message = dns.update.Update(zone)
    for act, name, *rest in changes:
        name = dns.name.from_text(name)
        if act == "add":
            kind, value, ttl = (rest + [300])[:3]
            if kind == "TXT":
                value = nameserver.txt_presentation(value)
            message.add(name, ttl, kind, value)
        else:
            message.delete(name, *rest)
    reply = dns.query.tcp(message, address, 10)
    if reply.rcode() != 0:
        raise AssertionError(reply)


class Process:
    """One in a directory of its own; ends with the test."""

    def __init__(self, test, prefix):
        self.directory = tempfile.mkdtemp(prefix=prefix)
        os.chmod(self.directory, 0o755)
        self.child = None
        test.addCleanup(self.clean)

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def run(self, *words, environment=None):
        log = os.path.join(self.directory, "log")
        with open(log, "ab") as to:
            self.child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=to, stderr=to,
                env=environment, cwd=self.directory)

    def text(self):
        with open(os.path.join(self.directory, "log"), encoding="utf-8",
                  errors="replace") as f:
            return f.read()

    def stop(self):
        if self.child is None:
            return
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(10)
        self.child = None

    def clean(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Named(Process):
    """BIND at port 53 of an address, for zones by their text, or by the address
    of their primary, whose changes it takes when it is told to."""

    def __init__(self, test, address, zones, primaries):
        super().__init__(test, "signpost-named-")
        self.address = address
        text = """options {
    directory "%(dir)s";
    pid-file "%(dir)s/pid";
    session-keyfile none;
    listen-on port 53 { %(v4)s; };
    listen-on-v6 port 53 { %(v6)s; };
    recursion no;
    dnssec-validation no;
    notify no;
    allow-transfer { any; };
    max-cache-size 2M;
    ixfr-from-differences no;
};
controls { };
logging { category default { default_stderr; }; };
""" % {"dir": self.directory, "v4": "none" if ":" in address else address,
       "v6": address if ":" in address else "none"}
        for zone, of in zones.items():
            self.write(zone, of)
            text += """zone "%s" {
    type primary;
    file "%s";
    allow-update { any; };
};
""" % (zone, zone)
        for zone, primary in primaries.items():
            text += """zone "%s" {
    type secondary;
    file "%s";
    primaries { %s; };
    allow-notify { any; };
};
""" % (zone, zone, primary)
        self.write("named.conf", text)
        # A copy: where AppArmor confines /usr/sbin/named, it may not read here.
        shutil.copy("/usr/sbin/named", self.directory)
        self.zones = list(zones) + list(primaries)
        self.start()

    def start(self):
        self.run(os.path.join(self.directory, "named"), "-g", "-n", "1", "-c",
                 os.path.join(self.directory, "named.conf"))
        wait_until("named at " + self.address, lambda: all(
            self.serial(zone) is not None for zone in self.zones),
                   why=self.text)
        return self

    def serial(self, zone):
        """None where it does not serve the zone (yet)."""
        if self.child.poll() is not None:
            raise AssertionError("named ended: " + self.text())
        try:
            reply = dns.query.udp(
                dns.message.make_query(zone, "SOA"), self.address, 0.5)
        except (OSError, dns.exception.Timeout):
            return None
        if not reply.answer or not reply.flags & dns.flags.AA:
            return None
        return reply.answer[0][0].serial

    def update(self, zone, *changes):
        update(self.address, zone, *changes)

    def catch_up(self, zone, with_server):
        """Has what that primary has, from now on."""
        notify = dns.message.make_query(zone, "SOA")
        notify.set_opcode(dns.opcode.NOTIFY)
        notify.flags |= dns.flags.AA
        want = with_server.serial(zone)

        def same():
            dns.query.udp(notify, self.address, 5)
            return self.serial(zone) == want
        wait_until("a transfer of " + zone, same)


class Unbound(Process):
    """A caching resolver, whose time is the test's."""

    def __init__(self, test, world, stubs, local, remembers):
        super().__init__(test, "signpost-unbound-")
        self.port = ports.free_port()
        text = """server:
  interface: 127.0.0.1@%d
  port: %d
  username: ""
  chroot: ""
  directory: "%s"
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  module-config: "iterator"
  msg-cache-size: 8m
  rrset-cache-size: 8m
  outgoing-range: 512
  infra-host-ttl: 1
  cache-max-negative-ttl: %d
  local-zone: "." static
""" % (self.port, self.port, self.directory, remembers)
        text += "".join("  local-zone: '%s.' transparent\n" % zone
                        for zone in stubs)
        text += "".join("  local-data: '%s'\n" % line for line in local)
        text += "remote-control:\n  control-enable: no\n"
        for zone, addresses in stubs.items():
            text += 'stub-zone:\n  name: "%s"\n' % zone + "".join(
                "  stub-addr: %s\n" % address for address in addresses)
        self.world = world
        self.write("unbound.conf", text)
        self.start()

    def start(self):
        self.run("/usr/sbin/unbound", "-d", "-c",
                 os.path.join(self.directory, "unbound.conf"),
                 environment=self.world.environment())
        wait_until("unbound", lambda: nameserver.answers(self.port),
                   why=self.text)

    def restart(self):
        self.stop()
        self.start()

    def address(self):
        return "127.0.0.1:%d" % self.port

    def texts(self, name):
        """The TXT records; None where it gives no answer."""
        query = dns.message.make_query(name, "TXT")
        query.use_edns(0, payload=4096)
        reply = dns.query.udp(query, "127.0.0.1", 10, self.port)
        if reply.flags & dns.flags.TC:
            reply = dns.query.tcp(query, "127.0.0.1", 10, self.port)
        if reply.rcode() not in (0, 3):
            return None
        return [b"".join(r.strings) for rrset in reply.answer
                if rrset.rdtype == dns.rdatatype.TXT for r in rrset]


def sweep():
    """What libfaketime keeps in memory for a process goes with its end, but not
    where it is killed; and the next of that number does not start then."""
    for name in os.listdir("/dev/shm"):
        words = name.rsplit("_", 1)
        if words[0] in ("faketime_shm", "sem.faketime_sem") \
                and not os.path.exists("/proc/" + words[1]):
            with contextlib.suppress(FileNotFoundError):
                os.remove("/dev/shm/" + name)


class World:
    def __init__(self, test, start):
        self.test = test
        self.clock = Process(test, "signpost-clock-")
        self.ahead = 0
        self.at(start)

    @property
    def now(self):
        return time.time() + self.ahead

    def at(self, seconds):
        """What time it is from now on, for whoever has environment(); its
        clock goes on from there."""
        self.later(round(seconds - self.now))

    def later(self, seconds):
        """So long after all that has happened, by whole seconds and no less,
        however slow the machine was meanwhile."""
        self.ahead += seconds
        path = self.clock.write("next", "%+d" % self.ahead)
        os.rename(path, os.path.join(self.clock.directory, "clock"))

    def environment(self):
        sweep()
        return dict(
            os.environ, LD_PRELOAD=FAKETIME, FAKETIME_NO_CACHE="1",
            FAKETIME_TIMESTAMP_FILE=os.path.join(
                self.clock.directory, "clock"),
            NO_FAKE_STAT="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1",
            ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0:" +
            os.environ.get("ASAN_OPTIONS", ""))

    def serve(self, address, zones):
        return Named(self.test, address, zones, {})

    def follow(self, address, primaries):
        return Named(self.test, address, {}, primaries)

    def resolve(self, stubs, *local, remembers=86400):
        """It has these records itself. It remembers for so long, at most, that
        there is none."""
        return Unbound(self.test, self, stubs, local, remembers)
