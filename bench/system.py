#!/usr/bin/python3
"""What a whole Postfix loses to signpost: smtp-source -> 587 -> signpost ->
10028 -> smtp-sink, after the queue (content_filter) and before it
(smtpd_proxy_filter), by the samples of etc/postfix.

haproxy, which copies, takes signpost's place in turns with it. What is possible
is a message's time with that and, added, one `openssl speed` signature's on all
cores together; signpost's rate is given as a share of that, the median of so many
turns. Needs root, as Postfix does, and what bench.py needs.

    bench/system.py [--signpost BINARY] [--quick] [content_filter|proxy_filter...]
"""
import os
import pathlib
import statistics
import sys
import time

import bench

sys.path.insert(0, str(bench.TOP / "t" / "run"))
import postfix  # noqa: E402

TURNS = 7
MESSAGES = 1500
SESSIONS = 8
LENGTH = 4096
EMPTY_MAX = 120     # seconds until the queue is empty
KINDS = {"content_filter": ("out-after-queue", 0.95),
         "proxy_filter": ("out-before-queue", 0.97)}


class System(bench.Bench):
    """Postfix's processes go where the kernel puts them, as the others do."""

    def __init__(self, options):
        options.cores = "0,0"
        super().__init__(options)
        cores = ",".join(str(n) for n in sorted(os.sched_getaffinity(0)))
        self.worker_core = self.other_core = cores
        self.cores = len(os.sched_getaffinity(0))
        self.place = None       # the port where the filter listens

    def address(self, name):
        if self.place and name in ("signpost", "haproxy"):
            return f"127.0.0.1:{self.place}"
        return super().address(name)

    @staticmethod
    def waits(queue):
        """Is a message in one of these?"""
        return any(files for name in ("incoming", "active", "deferred")
                   for _, _, files in os.walk(queue / name))

    def send(self, server, port):
        """Messages a second until the last has left the queue."""
        messages = self.count(MESSAGES)
        queue = pathlib.Path(server.folder) / "queue"
        began = time.monotonic()
        self.source(f"127.0.0.1:{port}", messages, LENGTH, SESSIONS)
        end = time.monotonic() + EMPTY_MAX
        while self.waits(queue):
            if time.monotonic() > end:
                sys.exit("system: mail is left\n" + server.log()[-2000:])
            time.sleep(0.01)
        return messages / (time.monotonic() - began)

    def measure(self, kind):
        sample, least = KINDS[kind]
        ports = {name: bench.free_port() for name in
                 ("submission", "out", "out_relay", "smtp", "in_relay")}
        relay = f"127.0.0.1:{ports['out_relay']}"
        with self.sink() as world, postfix.Postfix(
                self.folder / kind, [sample], ports,
                sink=int(world.rsplit(":", 1)[1])) as server:
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
        with self.signpost(relay, ["dkim(c=relaxed/relaxed, a=rsa-sha256)"]):
            ours = self.send(server, port)
        possible = 1 / (1 / plain + self.signature_cost() / self.cores)
        return ours / possible, ours, possible

    def content_filter(self):
        self.measure("content_filter")

    def proxy_filter(self):
        self.measure("proxy_filter")


if __name__ == "__main__":
    bench.NAMES = tuple(KINDS)
    bench.main(System)
