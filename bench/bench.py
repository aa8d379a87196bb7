#!/usr/bin/python3
"""How much signing costs: smtp-source -> signpost -> smtp-sink on loopback.

The daemon runs on one core, the generator and the sink on another. What
counts is the CPU time that the kernel books to its processes, divided by the
messages, beside the CPU time of one `openssl speed` signature on the same
core in the same run: the median of eleven slices, for a machine's neighbours
come and go. Rates are given too, but two processes that read byte by byte
share the other core with each other.

    bench/bench.py [--signpost BINARY] [--canon BINARY] [--cores 0,1]
                   [--quick] [--before BINARY] [NAME...]

NAMEs: rsa pipelined both unix ed25519 copy large one memory canon; all of them
without any. `unix` is rsa and both over Unix sockets instead of TCP. `pipelined`
is rsa with a client that pipelines (bench/source.py). `than` compares in turns
what of a message's CPU is beyond its signature: with another binary, `--before`,
or without one with the same binary before a next hop that offers no PIPELINING.
Needs smtp-source and smtp-sink (Debian: postfix), haproxy, openssl, taskset.
"""
import argparse
import contextlib
import os
import pathlib
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "t" / "lib"))
from ports import free_port  # noqa: E402

WAIT = 20
RUN_MAX = 600       # seconds for one run of smtp-source
SLICES = 11         # of messages, openssl's signatures between them
DOMAIN = "example.org"
SELECTOR = "bench"
WORKER = "nobody"   # whom signpost and smtp-sink run as where root starts them


def connect(where):
    """Tries a connection to "127.0.0.1:PORT" or "unix:/PATH"."""
    if where.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(1)
            s.connect(where[len("unix:"):])
    else:
        host, port = where.rsplit(":", 1)
        socket.create_connection((host, int(port)), 1).close()


def wait_open(where, process, patience=WAIT):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if process.poll() is not None:
            sys.exit(f"bench: {process.args} ended at once")
        with contextlib.suppress(OSError):
            connect(where)
            return
        time.sleep(0.02)
    sys.exit(f"bench: nobody listens on {where}")


class Bench:
    settings = "workers = 1\nsigners = 1\n"

    def __init__(self, options):
        self.options = options
        self.worker_core, self.other_core = options.cores.split(",")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="signpost-bench-"))
        self.folder.chmod(0o755)
        self.running = []
        self.rows = []
        self.unix_sockets = False   # instead of TCP's
        self.pipelines = False      # the client does

    # Processes.

    def start(self, core, *command, log="log"):
        with open(self.folder / log, "ab") as out:
            process = subprocess.Popen(
                ["taskset", "-c", core] + [str(c) for c in command],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.running.append(process)
        return process

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(WAIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.running.remove(process)

    def close(self):
        for process in list(self.running):
            self.stop(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, name):
        """A new one to listen on."""
        if self.unix_sockets:
            path = self.folder / name
            path.unlink(missing_ok=True)
            return f"unix:{path}"
        return f"127.0.0.1:{free_port()}"

    @contextlib.contextmanager
    def sink(self, *words):
        where = self.address("sink%d" % len(self.running))
        user = ["-u", WORKER] if os.geteuid() == 0 else []
        process = self.start(self.other_core, "smtp-sink", *user, *words,
                             where, 1000)
        wait_open(where, process)
        yield where
        self.stop(process)

    @contextlib.contextmanager
    def signpost(self, relay, signatures, kind="rsa", extra="", binary=None):
        """Before that relay; without one, as a milter."""
        where = self.address("signpost") if relay else \
            f"unix:{self.folder / 'milter'}"
        key = self.folder / f"{kind}.pem"
        spool = self.folder / "spool"
        spool.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(spool, WORKER)
        if not key.exists():
            self.make_key(key, kind)
        config = self.folder / f"signpost{len(self.running)}.conf"
        binary = binary or self.options.signpost
        text = (
            f"[signpost]\n{self.settings}log = stderr\nlog_level = warning\n"
            f"user = {WORKER}\ncontrol = {config}.control\n"
            "[out]\n" +
            (f"listen = {where}\nrelay = {relay}\n" if relay else
             f"listen = milter:{where} group=postfix\n") +
            f"domain = {DOMAIN}\n"
            f"selector = {SELECTOR}\nkeyfile = {key}\nspool_dir = {spool}\n"
            + "".join(f"signature = {s}\n" for s in signatures) + extra)
        config.write_text(text)
        if subprocess.run([binary, "serve", "-t", "-c", config], check=False,
                          stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode:
            for line in (f"control = {config}.control\n", "signers = 1\n"):
                text = text.replace(line, "")
            config.write_text(text)     # an old one
        process = self.start(self.worker_core,
                             binary, "serve", "-c", config)
        wait_open(where, process)
        try:
            yield where, Worker(process.pid)
        finally:
            self.stop(process)

    @contextlib.contextmanager
    def haproxy(self, relay):
        where = self.address("haproxy")
        config = self.folder / "haproxy.cfg"
        config.write_text(
            "global\n  nbthread 1\n  maxconn 1000\n"
            "defaults\n  mode tcp\n  timeout connect 10s\n"
            "  timeout client 60s\n  timeout server 60s\n"
            f"listen a\n  bind {where}\n  server b {relay}\n")
        process = self.start(self.worker_core, "haproxy", "-db", "-f", config)
        wait_open(where, process)
        self.copier = process.pid
        yield where
        self.stop(process)

    @staticmethod
    def make_key(path, kind):
        options = ["-algorithm", "ed25519"] if kind == "ed25519" else \
            ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        old = os.umask(0o077)
        subprocess.run(["openssl", "genpkey", "-out", path] + options,
                       check=True, stderr=subprocess.DEVNULL)
        os.umask(old)

    # Load.

    @staticmethod
    def what_to_send(length):
        """smtp-source's options for a message of that length."""
        return ["-l", str(length)]

    def pipelining_source(self, where, messages, length, sessions):
        """The same, from a client that pipelines."""
        return seconds_of(
            ["taskset", "-c", self.other_core, sys.executable, "-B",
             TOP / "bench" / "source.py", "-s", str(sessions),
             "-m", str(messages), "-l", str(length),
             "-f", f"bench@{DOMAIN}", where])

    def source(self, where, messages, length, sessions, kept=True):
        """Seconds that smtp-source took to send so many messages."""
        if self.pipelines:
            return self.pipelining_source(where, messages, length, sessions)
        return seconds_of(
            ["taskset", "-c", self.other_core, "smtp-source",
             "-s", str(sessions), "-m", str(messages)] +
            self.what_to_send(length) +
            ["-f", f"bench@{DOMAIN}", "-t", "b@example.net"] +
            (["-d"] if kept else []) + [where])

    def signature_cost(self, kind="rsa2048"):
        """CPU seconds of one signature, as openssl has it."""
        out = subprocess.run(
            ["taskset", "-c", self.worker_core, "openssl", "speed", "-mr",
             "-seconds", "1", kind],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=60).stdout.decode()
        for line in out.splitlines():
            if line.startswith("+F2:"):
                return 1 / float(line.split(":")[3])
            if line.startswith("+F6:"):     # EdDSA
                return 1 / float(line.split(":")[4])
        sys.exit("bench: openssl speed says something else:\n" + out)

    def row(self, what, measured, limit, good):
        self.rows.append((what, measured, limit, good))
        print(f"{what:44} {measured:>16} {limit:>14}  "
              f"{'' if good else 'OVER'}", flush=True)

    def count(self, messages):
        return messages // 10 if self.options.quick else messages

    # What is measured.

    def signing(self, what, signatures, factor, kind="rsa"):
        """CPU of a 4 KB message in 16 kept sessions, in signatures."""
        if self.unix_sockets:
            what += ", Unix sockets"
        if self.pipelines:
            what += ", pipelined"
        with self.sink() as sink, \
                self.signpost(sink, signatures, kind) as (where, worker):
            self.source(where, self.count(2000), 4096, 16)     # warm
            if kind == "ed25519":
                rate = self.in_microseconds(what, where, worker)
            else:
                rate = self.in_signatures(what, where, worker, factor)
            self.row(f"{what}: rate", f"{rate:.0f}/s", "-", True)

    def slice(self, where, worker):
        """What a message costs, and the rate."""
        messages = self.count(20000) // SLICES
        began = worker.cpu()
        seconds = self.source(where, messages, 4096, 16)
        return (worker.cpu() - began) / messages, messages / seconds

    def in_microseconds(self, what, where, worker):
        found = sorted(self.slice(where, worker) for _ in range(SLICES))
        each, rate = found[SLICES // 2]
        self.row(f"{what}: CPU a message", f"{each * 1e6:.0f} us",
                 "150 us", each <= 150e-6)
        self.row(f"{what}: of {SLICES} such slices",
                 f"{found[0][0] * 1e6:.0f} to {found[-1][0] * 1e6:.0f}", "-",
                 True)
        return rate

    def in_signatures(self, what, where, worker, factor):
        """Messages and openssl's signatures in turns, against a core whose
        clock, or whose neighbours, wander."""
        before, found = self.signature_cost(), []
        for _ in range(SLICES):
            each, rate = self.slice(where, worker)
            behind = self.signature_cost()
            one = (before + behind) / 2
            found.append((each / one, each, one, rate))
            before = behind
        found.sort()
        ratio, each, one, rate = found[SLICES // 2]
        self.row(f"{what}: CPU a message, in signatures of "
                 f"{one * 1e6:.0f} us",
                 f"{each * 1e6:.0f} us, {ratio:.2f}", f"{factor:.2f}",
                 ratio <= factor)
        self.row(f"{what}: of {SLICES} such slices",
                 f"{found[0][0]:.2f} to {found[-1][0]:.2f}", "-", True)
        return rate

    def rsa(self):
        self.signing("rsa-2048", ["dkim(c=relaxed/relaxed, a=rsa-sha256)"],
                     1.25)

    def pipelined(self):
        self.pipelines = True
        self.rsa()
        self.pipelines = False

    def than(self):
        """Beyond the signature, beside another binary or a next hop without
        PIPELINING. The signature is ed25519's: the same work is beyond it, and
        it hides less of that."""
        before = self.options.before
        signatures = ["dkim(c=relaxed/relaxed, a=ed25519-sha256)"]
        for pipelines in (True, False) if before else (True,):
            self.pipelines = pipelines
            with self.sink() as sink, \
                    self.sink(*([] if before else ["-p"])) as other, \
                    self.signpost(sink, signatures, "ed25519") as ours, \
                    self.signpost(other, signatures, "ed25519",
                                  binary=before) as theirs:
                self.beside(ours, theirs, pipelines)
        self.pipelines = False

    def beside(self, ours, theirs, pipelines):
        """Slices in turns, a signature's cost between them."""
        for where, _ in (ours, theirs):
            self.source(where, self.count(2000), 4096, 16)     # warm
        found = []
        for turn in range(SLICES):
            one = self.signature_cost("ed25519")
            pair = [ours, theirs] if turn % 2 else [theirs, ours]
            spent = {where: self.slice(where, worker)[0]
                     for where, worker in pair}
            one = (one + self.signature_cost("ed25519")) / 2
            found.append(((spent[ours[0]] - one) / (spent[theirs[0]] - one),
                          spent[ours[0]] - one, spent[theirs[0]] - one))
        found.sort()
        ratio, now, before = found[SLICES // 2]
        what = "pipelined" if pipelines else "not pipelined"
        least = 0.75 if pipelines else 1.03
        self.row(f"{what}, beyond the signature: {before * 1e6:.0f} us before",
                 f"{now * 1e6:.0f} us, {ratio:.2f}", f"{least:.2f}",
                 ratio <= least)
        self.row(f"{what}: of {SLICES} such pairs",
                 f"{found[0][0]:.2f} to {found[-1][0]:.2f}", "-", True)

    def both(self):
        self.signing("rsa-2048 and DomainKeys",
                     ["dkim(c=relaxed/relaxed, a=rsa-sha256)",
                      "domainkeys(c=nofws)"], 2 * 1.18)

    def unix(self):
        self.unix_sockets = True
        self.rsa()
        self.both()
        self.unix_sockets = False

    def ed25519(self):
        self.signing("ed25519",
                     ["dkim(c=relaxed/relaxed, a=ed25519-sha256)"], 0,
                     "ed25519")

    def copy(self):
        """What haproxy takes to copy the same bytes in the same place."""
        with self.sink() as sink, self.haproxy(sink) as where:
            messages = self.count(20000)
            self.source(where, self.count(2000), 4096, 16)
            began = cpu_of(self.copier)
            self.source(where, messages, 4096, 16)
            each = (cpu_of(self.copier) - began) / messages
            self.row("haproxy, copying: CPU a message", f"{each * 1e6:.0f} us",
                     "-", True)

    def hash_cost(self, length):
        """CPU seconds of SHA-256 over so many octets, as openssl has it."""
        out = subprocess.run(
            ["taskset", "-c", self.worker_core, "openssl", "speed", "-mr",
             "-seconds", "1", "-bytes", "16384", "-evp", "sha256"],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=60).stdout.decode()
        for line in out.splitlines():
            if line.startswith("+F:"):
                return length / float(line.split(":")[3])
        sys.exit("bench: openssl speed says something else:\n" + out)

    def ten_megabytes(self, ours, worker, plain):
        """smtp-sink reads byte by byte, so only CPU says something. In turns
        with haproxy, which copies, and with SHA-256 alone."""
        length, found = 10 << 20, []
        spent = {ours: worker.cpu, plain: lambda: cpu_of(self.copier)}
        for where in spent:
            self.source(where, 2, length, 1)
        for _ in range(self.count(10 * SLICES) // 10):
            each = {}
            for where, cpu in spent.items():
                began = cpu()
                self.source(where, 10, length, 4)
                each[where] = (cpu() - began) / 10
            least = each[plain] + self.hash_cost(length)
            found.append((each[ours], each[ours] / least, each[plain]))
        each, share, copied = map(statistics.median, zip(*found))
        self.row("10 MB: CPU a message", f"{each * 1e3:.1f} ms", "20 ms",
                 each <= 0.020)
        self.row("10 MB: beside one that copies "
                 f"({copied * 1e3:.1f} ms) and SHA-256",
                 f"{share:.2f}", "1.25", share <= 1.25)
        self.row(f"10 MB: of {len(found)} such slices",
                 f"{min(f[1] for f in found):.2f} to "
                 f"{max(f[1] for f in found):.2f}", "-", True)

    def large(self):
        with self.sink() as sink, self.haproxy(sink) as plain, \
                self.signpost(sink, [
                    "dkim(c=relaxed/relaxed, a=rsa-sha256)"]) as (
                        where, worker):
            self.ten_megabytes(where, worker, plain)

    def in_turns(self, ours, plain, least):
        """One session at a time, and haproxy in the same place."""
        turns, messages = 5, self.count(2000)
        for kept in (True, False):
            spent = {ours: 0.0, plain: 0.0}
            for _ in range(turns):
                for where in (plain, ours):
                    spent[where] += self.source(where, messages, 4096, 1,
                                                kept)
            rate, theirs = (turns * messages / spent[where]
                            for where in (ours, plain))
            how = "kept session" if kept else "a session a message"
            self.row(f"one at a time, {how}: of haproxy's {theirs:.0f}/s",
                     f"{rate:.0f}/s, {rate / theirs:.2f}", f"{least:.2f}",
                     rate >= theirs * least)

    def one(self):
        with self.sink() as sink, self.haproxy(sink) as plain, \
                self.signpost(sink, [
                    "dkim(c=relaxed/relaxed, a=rsa-sha256)"]) as (ours, _):
            self.in_turns(ours, plain, 0.5)

    def memory(self):
        with self.sink() as sink, self.signpost(
                sink, ["dkim(c=relaxed/relaxed, a=rsa-sha256)"]) as (
                    where, worker):
            self.source(where, 100, 10 << 20, 100)
            peak = worker.peak()
            self.row("100 connections with 10 MB: peak memory",
                     f"{peak / 2 ** 20:.1f} MB", "32 MB", peak <= 32 << 20)

    def canon(self):
        """The canonicalizers beside SHA-256 alone."""
        out = subprocess.run(
            ["taskset", "-c", self.worker_core, self.options.canon,
             "80" if self.options.quick else "800"],
            check=True, stdout=subprocess.PIPE).stdout.decode()
        for line in out.splitlines():
            name, speed = line.rsplit(None, 2)[0], line.split()[-2:]
            self.row(f"body, {name}", " ".join(speed), "-", True)


def seconds_of(words):
    """How long that program ran. Of one that has a time limit subprocess looks
    every 50 ms whether it has ended, a sixteenth of what is measured here."""
    began = time.monotonic()
    with subprocess.Popen(words) as child, \
            os.fdopen(os.pidfd_open(child.pid)) as end:
        ended, _, _ = select.select([end], [], [], RUN_MAX)
        took = time.monotonic() - began
        if not ended:
            child.kill()
            raise subprocess.TimeoutExpired(words, RUN_MAX)
    if child.returncode != 0:
        raise subprocess.CalledProcessError(child.returncode, words)
    return took


def cpu_of(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1e9


class Worker:
    """The processes that do the work: all of the daemon's, of which the
    master's first child has the sessions."""

    def __init__(self, pid):
        time.sleep(0.5)     # it listens; all have been forked
        self.master = pid
        self.pid = (self.children() or [pid])[0]

    def children(self):
        with open(f"/proc/{self.master}/task/{self.master}/children",
                  encoding="ascii") as f:
            return [int(child) for child in f.read().split()]

    def cpu(self):
        """Seconds on a core so far, all together."""
        return sum(map(cpu_of, [self.master] + self.children()))

    def peak(self):
        """The most resident memory of a worker so far, in bytes."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) << 10
        raise RuntimeError("no VmHWM")


NAMES = ("rsa", "pipelined", "both", "unix", "ed25519", "copy", "large", "one",
         "memory", "canon")


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--signpost", default=TOP / "build/signpost")
    parser.add_argument("--canon", default=TOP / "build/bench/bench_canon")
    parser.add_argument("--noop", default=TOP / "build/bench/bench_noop")
    parser.add_argument("--before", metavar="BINARY",
                        help="another signpost, for `than`")
    parser.add_argument("--cores", default="0,1")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    found = parser.parse_args()
    for name in found.names:
        if name not in NAMES + ("than",):
            parser.error(f"{name}: not one of {' '.join(NAMES)}")
    for program in ("smtp-source", "smtp-sink", "haproxy", "openssl",
                    "taskset"):
        if shutil.which(program) is None:
            sys.exit(f"bench: {program} is not installed")
    return found


def main(kind=Bench):
    os.environ["PATH"] += ":/usr/sbin"
    found = options()
    bench = kind(found)
    print(f"{'':44} {'measured':>16} {'limit':>14}")
    try:
        for name in found.names or NAMES:
            getattr(bench, name)()
    finally:
        log = bench.folder / "log"
        if log.exists():
            sys.stderr.write(log.read_text(errors="replace")[-2000:])
        bench.close()


if __name__ == "__main__":
    main()
