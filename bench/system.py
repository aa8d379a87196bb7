#!/usr/bin/python3
"""What a whole Postfix loses to signpost: smtp-source -> 587 -> signpost ->
10028 -> smtp-sink, after the queue (content_filter) and before it
(smtpd_proxy_filter), by the samples of etc/postfix; and by milter.

    bench/system.py [--signpost BINARY] [--quick]
                    [content_filter|proxy_filter|ways|memory...]

content_filter, proxy_filter: haproxy, which copies, takes signpost's place in
turns with it. What is possible is a message's time with that and, added, one
`openssl speed` signature's on all cores together; signpost's rate is given as a
share of that, the median of so many turns.

ways: CPU a message of all processes of Postfix and the filter, at 4 and at 20
sessions, by every way: no filter, a milter that does nothing (bench/noop.c),
signpost, OpenDKIM and rspamd by milter, the latter as Debian configures it and with
its DKIM signing alone; haproxy and signpost after the queue and before it; DKIMproxy
after it, where SIGNPOST_DKIMPROXY names its source. What is
possible is what the one that does nothing takes in the same place and one
signature, both of the same turn. Medians of the turns' quotients. Postfix itself
spends something on a field that a milter inserts: one that does that and nothing
else is given, too, and its share of the possible once it also signed.

memory: 100 connections by milter that bring 10 MB each, all at once.

The queue lies in memory. Needs root, as Postfix does, and what bench.py needs;
`ways` also OpenDKIM, and fetches rspamd (.ci/unpack).
"""
import contextlib
import os
import pathlib
import statistics
import sys
import tempfile
import time

import bench
import filters
from filters import cpu_time, family

sys.path.insert(0, str(bench.TOP / "t" / "run"))
import mta  # noqa: E402
import nameserver  # noqa: E402
import postfix  # noqa: E402

TURNS = 7
MESSAGES = 1500
SESSIONS = 8
LENGTH = 4096
EMPTY_MAX = 120     # seconds until the queue is empty
KINDS = {"content_filter": ("out-after-queue", 0.95),
         "proxy_filter": ("out-before-queue", 0.97)}
SIGNATURE = ["dkim(c=relaxed/relaxed, a=rsa-sha256)"]

# Of `ways`: at so many sessions; by milter at least this share of the possible;
# rspamd's CPU at least so many times ours.
WAYS_SESSIONS = (4, 20)
MILTER_SHARE = 0.93
RSPAMD_TIMES = 1.4
MEMORY_MAX = 16 << 20
# Postfix's processes stay, as they do on a busy server.
STAYING = "max_use = 1000000\nmax_idle = 10000s\nservice_throttle_time = 1s\n"


class Way:
    """One way through a Postfix: the port of its smtpd, and whose CPU it
    takes, Postfix's and the filter's."""

    def __init__(self, name, server, port, *roots):
        self.name, self.server, self.port = name, server, port
        master = server.folder / "queue/pid/master.pid"
        self.roots = (int(master.read_text()),) + roots
        self.found = []     # (CPU a message, rate, the filter's share of CPU)

    @staticmethod
    def cpu(root):
        """Seconds of a process and its descendants. Those of a child that has
        ended are in the figures of its parent."""
        with open(f"/proc/{root}/stat", encoding="ascii") as f:
            ended = f.read().rsplit(")", 1)[1].split()[13:15]
        return sum(map(cpu_time, family(root))) + sum(
            map(int, ended)) / os.sysconf("SC_CLK_TCK")

    def middle(self, which):
        return statistics.median(one[which] for one in self.found)


class System(bench.Bench):
    """Postfix's processes go where the kernel puts them, as the others do."""

    def __init__(self, options):
        options.cores = "0,0"
        super().__init__(options)
        cores = ",".join(str(n) for n in sorted(os.sched_getaffinity(0)))
        self.worker_core = self.other_core = cores
        self.cores = len(os.sched_getaffinity(0))
        self.place = None       # the port where the filter listens
        # In memory, where there is room for it: fsync() costs nothing there.
        self.queues = tempfile.TemporaryDirectory(
            dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        os.chmod(self.queues.name, 0o755)

    def close(self):
        super().close()
        self.queues.cleanup()

    def address(self, name):
        if self.place and name in ("signpost", "haproxy"):
            return f"127.0.0.1:{self.place}"
        return super().address(name)

    @staticmethod
    def waits(queue):
        """Is a message in one of these?"""
        return any(files for name in ("incoming", "active", "deferred")
                   for _, _, files in os.walk(queue / name))

    def postfix(self, name, samples, world, main=""):
        """One with its queue in memory, and its ports."""
        ports = {name: bench.free_port() for name in
                 ("submission", "out", "out_relay", "smtp", "in_relay")}
        return postfix.Postfix(
            pathlib.Path(self.queues.name) / name, samples, ports,
            sink=int(world.rsplit(":", 1)[1]), main=main), ports

    def send(self, server, port, sessions=SESSIONS):
        """Messages a second until the last has left the queue."""
        messages = self.count(MESSAGES)
        queue = pathlib.Path(server.folder) / "queue"
        began = time.monotonic()
        self.source(f"127.0.0.1:{port}", messages, LENGTH, sessions)
        end = time.monotonic() + EMPTY_MAX
        while self.waits(queue):
            if time.monotonic() > end:
                sys.exit("system: mail is left\n" + server.log()[-2000:])
            time.sleep(0.01)
        return messages / (time.monotonic() - began)

    # --- shares of a rate

    def measure(self, kind):
        sample, least = KINDS[kind]
        with self.sink() as world:
            server, ports = self.postfix(kind, [sample], world)
            relay = f"127.0.0.1:{ports['out_relay']}"
            with server:
                self.place = ports["out"]
                found = [self.turn(server, ports["submission"], relay)
                         for _ in range(TURNS + 1)][1:]     # the first warms
                self.place = None
        share, ours, plain = sorted(found)[TURNS // 2]
        self.row(f"{kind}: of {plain:.0f}/s, a no-op and one signature",
                 f"{ours:.0f}/s, {share:.2f}", f"{least:.2f}", share >= least)
        shares = [one[0] for one in found]
        self.row(f"{kind}: of {TURNS} such turns",
                 f"{min(shares):.2f} to {max(shares):.2f}, mean "
                 f"{statistics.mean(shares):.2f}", "-", True)

    def turn(self, server, port, relay):
        """(share, our rate, what is possible)."""
        with self.haproxy(relay):
            plain = self.send(server, port)
        with self.signpost(relay, SIGNATURE):
            ours = self.send(server, port)
        possible = 1 / (1 / plain + self.signature_cost() / self.cores)
        return ours / possible, ours, possible

    def content_filter(self):
        self.measure("content_filter")

    def proxy_filter(self):
        self.measure("proxy_filter")

    # --- CPU by every way

    def ways(self):
        self.settings = ""      # as many workers and signers as by default
        with contextlib.ExitStack() as stack:
            world = stack.enter_context(self.sink())
            ways = self.milter_ways(stack, world)
            for kind in ("after", "before"):
                ways.update(self.proxy_ways(stack, world, kind))
            for sessions in WAYS_SESSIONS:
                self.take_turns(ways, sessions)
        self.settings = type(self).settings

    def milter_ways(self, stack, world):
        """Behind one Postfix, a smtpd each."""
        given = filters.Filters(self)
        signpost, worker = stack.enter_context(self.signpost(
            None, SIGNATURE, extra="sign_for = 127.0.0.0/8\n"))
        found = {
            "no filter": ("", None),
            "milter: no-op": given.noop(),
            "milter: a field, unsigned": given.noop("-i"),
            "milter: signpost": (signpost[len("unix:"):], worker.master),
            "milter: OpenDKIM": given.opendkim(),
            "milter: rspamd": given.rspamd(self.nobody(stack)),
            "milter: rspamd, its DKIM alone": given.rspamd_alone()}
        server, _ = self.postfix(
            "milter", [], world, STAYING + "milter_default_action=tempfail\n")
        ports = {name: bench.free_port() for name in found}
        with open(server.config / "master.cf", "a",
                  encoding="ascii") as master:
            for name, (where, _) in found.items():
                master.write(f"127.0.0.1:{ports[name]} inet n - n - - smtpd\n"
                             + (f"  -o smtpd_milters=unix:{where}\n" if where
                                else ""))
        server.settle()
        stack.enter_context(server)
        return {name: Way(name, server, ports[name], *([pid] if pid else []))
                for name, (_, pid) in found.items()}

    @staticmethod
    def nobody(stack):
        """A name server that knows no name, and says so at once."""
        server = nameserver.Nsd("nobody.example A 192.0.2.1\n").start()
        stack.callback(server.stop)
        return f"127.0.0.1:{server.port}"

    def proxy_ways(self, stack, world, kind):
        """A Postfix each, by the samples of etc/postfix."""
        names = ["no-op", "signpost"]
        if kind == "after" and "SIGNPOST_DKIMPROXY" in os.environ:
            names.append("DKIMproxy")
        ways = {}
        for name in names:
            server, ports = self.postfix(
                f"{kind}-{name}", [f"out-{kind}-queue"], world, STAYING)
            relay = f"127.0.0.1:{ports['out_relay']}"
            self.place = ports["out"]
            if name == "no-op":
                stack.enter_context(self.haproxy(relay))
                pid = self.copier
            elif name == "signpost":
                pid = stack.enter_context(
                    self.signpost(relay, SIGNATURE))[1].master
            else:
                pid = filters.Filters(self).dkimproxy(ports["out"], relay)
            self.place = None
            stack.enter_context(server)
            full = f"{kind} the queue: {name}"
            ways[full] = Way(full, server, ports["submission"], pid)
        return ways

    def take_turns(self, ways, sessions):
        """All of them, in an order that goes round; the first turn warms."""
        order, signatures = list(ways.values()), []
        for turn in range(TURNS + 1):
            before = self.signature_cost()
            for way in order:
                way.found = way.found if turn else []
                found = self.spend(way, sessions)
                if turn:
                    way.found.append(found)
            if turn:
                signatures.append((before + self.signature_cost()) / 2)
            order = order[1:] + order[:1]
        for way in ways.values():
            self.row(f"{sessions} sessions, {way.name}: CPU a message",
                     f"{way.middle(0) * 1e3:.2f} ms, "
                     f"{way.middle(2) * 1e3:.2f} the filter's, "
                     f"{way.middle(1):.0f}/s", "-", True)
        for place, least in (("milter", MILTER_SHARE), ("after the queue", 0),
                             ("before the queue", 0)):
            self.share(ways[f"{place}: no-op"], ways[f"{place}: signpost"],
                       signatures, least, sessions)
        self.bound(ways["milter: no-op"], ways["milter: a field, unsigned"],
                   signatures, sessions)
        for name, least in (("rspamd", RSPAMD_TIMES),
                            ("rspamd, its DKIM alone", 0), ("OpenDKIM", 0)):
            self.times(ways["milter: " + name], ways["milter: signpost"],
                       ways["milter: no-op"], least, sessions)

    def times(self, theirs, ours, noop, least, sessions):
        """Another filter by ours: all processes of the message; what one that
        costs nothing would come to by this measure; and the filters alone."""
        def middle(which, by):
            return statistics.median(
                their[which] / our[which]
                for their, our in zip(theirs.found, by.found))

        name = theirs.name.removeprefix("milter: ")
        all_ = middle(0, ours)
        self.row(f"{sessions} sessions, {name}: its CPU by ours",
                 f"{all_:.2f}", f"{least:.2f}" if least else "-",
                 all_ >= least)
        self.row(f"{sessions} sessions, {name}: by the no-op's; its own by ours",
                 f"{middle(0, noop):.2f}; {middle(2, ours):.2f}", "-", True)

    def spend(self, way, sessions):
        """What Way.found has of one turn."""
        before = [way.cpu(root) for root in way.roots]
        rate = self.send(way.server, way.port, sessions)
        spent = [(way.cpu(root) - then) / self.count(MESSAGES)
                 for root, then in zip(way.roots, before)]
        return sum(spent), rate, sum(spent[1:])

    def share(self, noop, ours, signatures, least, sessions):
        """Of what is possible: the median of the turns, and what they span."""
        shares = sorted((plain[0] + one) / own[0] for plain, own, one in zip(
            noop.found, ours.found, signatures))
        middle = statistics.median(shares)
        self.row(f"{sessions} sessions, {ours.name}: of the possible",
                 f"{middle:.2f}", f"{least:.2f}" if least else "-",
                 middle >= least)
        self.row(f"a signature {statistics.median(signatures) * 1e6:.0f} us, "
                 f"of {TURNS} such turns",
                 f"{shares[0]:.2f} to {shares[-1]:.2f}", "-", True)

    def bound(self, noop, field, signatures, sessions):
        """What a milter reaches whose own work costs nothing: it inserts a
        field and, on paper, signs once."""
        self.row(f"{sessions} sessions, {field.name}, and a signature: of the "
                 "possible", "%.2f" % statistics.median(
                     (plain[0] + one) / (own[0] + one) for plain, own, one in
                     zip(noop.found, field.found, signatures)), "-", True)

    # --- memory by milter

    def memory(self):
        chunk = (b"x" * 78 + b"\r\n") * 800
        with self.signpost(None, SIGNATURE) as (where, worker):
            path = where[len("unix:"):]
            servers = [mta.Mta(path) for _ in range(100)]
            for server in servers:
                server.connect(mta.LOCAL)
                server.envelope(f"a@{bench.DOMAIN}", ["b@example.net"])
                server.header(mta.ODD[0])
            for _ in range((10 << 20) // len(chunk) + 1):
                for server in servers:
                    server.ask(b"B", chunk)
            fields, _ = mta.fields_of(mta.ODD[0])
            good = [server.end(fields, b"").passed() for server in servers]
            peak = worker.peak()
            self.row("by milter, 100 connections with 10 MB: peak memory",
                     f"{peak / 2 ** 20:.1f} MB", "16 MB",
                     peak < MEMORY_MAX and all(good))


if __name__ == "__main__":
    bench.NAMES = tuple(KINDS) + ("ways", "memory")
    bench.main(System)
