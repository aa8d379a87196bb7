#!/usr/bin/python3
"""Everything goes wrong at once, and no mail is lost or changed.

Senders that retry as a queue does, half of which pipeline, a next hop that fails
at random, whose connections offer PIPELINING or do not, or do and are confused
by it, reloads (good and bad ones), workers killed, SIGTERM at the end:

* each message answered 250 is at the next hop, byte for byte behind its
  signature, which verifies;
* without kills it is there exactly once; with kills a further copy only for
  an attempt whose connection died between the final dot and its answer;
* no process, descriptor or file is left over.

Besides: idle and half-open connections do not stop the mail, and a next hop
that stalls does not cost memory.

    chaos.py [--seconds N] [unittest's own arguments]     12 by default
"""
import collections
import contextlib
import itertools
import os
import random
import resource
import signal
import socket
import sys
import threading
import time

import harness
from harness import CLOSE, RESET

SECONDS = 12
SENDERS = 12
DISTURBED = 6
ENOUGH = 60     # messages
PATIENCE = 240  # seconds for these, however slow the machine
IDLE = 1000
STALL_BYTES = 50 << 20
# A worker's share for one stalled message: buffers and the spool's mark,
# with some room for the allocator.
STALL_MEMORY = 8 << 20

LINES = [b".", b"..", b"", b" \t ", b"From here", b"plain text, more of it",
         b"tab\there", bytes(range(161, 256)), b"x" * 990]


def make(number):
    """Message `number`, always the same bytes."""
    rng = random.Random(number)
    size = rng.choice((0, 100, 1000, 4000, 4000, 20000, 70000, 300000))
    head = (b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\n"
            b"Subject: chaos\r\nX-Number: %d\r\n"
            b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\n" % number)
    some = rng.choice((LINES, LINES[2:]))
    lines = b"".join(rng.choice(some) + b"\r\n" for _ in range(50))
    body = (lines * (size // len(lines) + 1))[:size]
    return head + body[:body.rfind(b"\r\n") + 2 if b"\r\n" in body else 0]


def rarely(share, *faults):
    """A stage of the next hop: mostly its best, now and then a fault."""
    def stage(best):
        def act(connection):
            if random.random() < share:
                fault = random.choice(faults)
                return fault(connection) if callable(fault) else fault
            return best(connection) if callable(best) else best
        return act
    return stage


def going_down(connection):
    connection.reply("421 4.3.2 going down")
    return CLOSE


def slow_end(_):
    time.sleep(random.random() / 2)
    return CLOSE


def kind_of_ehlo(*kinds):
    """EHLO's answer, with PIPELINING or without it; remembers which."""
    def best(connection):
        connection.kind = random.choice(kinds)
        connection.more = False
        text = connection.ehlo_text()
        return text if connection.kind != "singly" else text.replace(
            "250-PIPELINING\n", "")
    return best


def unless_confused(best):
    """503 to a command that came behind another, from a confused next hop."""
    def act(connection):
        behind = connection.more
        connection.more = bool(connection.lines.rest)
        if behind and connection.kind == "confused":
            return "503 5.5.1 improper pipelining"
        return best(connection)
    return act


def faults(share, *kinds):
    no = rarely(share, "451 4.3.0 not now", "452 4.3.1 full", going_down,
                CLOSE, RESET, slow_end)
    return {
        "greeting": rarely(share, CLOSE, RESET, going_down,
                           "554 5.3.2 no")("220 relay.example ESMTP"),
        "ehlo": rarely(share, CLOSE, RESET)(
            kind_of_ehlo(*(kinds or ("pipelines", "singly")))),
        "xforward": unless_confused(no("250 2.0.0 Ok")),
        "mail": unless_confused(no("250 2.1.0 Ok")),
        "rcpt": unless_confused(no("250 2.1.5 Ok")),
        "data": no("354 go on"),
        "body": rarely(share, CLOSE, RESET, slow_end)(None),
        "dot": no("250 2.0.0 Ok: queued as 3CF6B2"),
        "rset": rarely(share, CLOSE)("250 2.0.0 Ok"),
    }


class Ledger:
    """What the senders know: which messages were taken, and how often they
    were left without an answer to the final dot."""

    def __init__(self):
        self.lock = threading.Lock()
        self.next = 0
        self.taken = set()
        self.unsure = collections.Counter()
        self.attempts = 0
        self.surprises = []

    def number(self):
        with self.lock:
            self.next += 1
            return self.next


class Sender(threading.Thread):
    """A queue: one message after the other, each until it is taken."""

    def __init__(self, port, ledger, quit_event, drops, pipelines):
        super().__init__(daemon=True)
        self.port = port
        self.ledger = ledger
        self.quit = quit_event
        self.drops = drops      # share of attempts that it breaks off itself
        self.pipelines = pipelines
        self.client = None

    def run(self):
        try:
            while not self.quit.is_set():
                self.deliver(self.ledger.number())
        except Exception as e:      # a reply that may not be: the test's
            self.ledger.surprises.append(repr(e))
        self.close()

    def close(self):
        if self.client:
            self.client.close()
        self.client = None

    def deliver(self, number):
        text = make(number)
        while not self.attempt(number, text):
            if self.quit.wait(random.uniform(0.005, 0.05)):
                return
        self.ledger.taken.add(number)
        if random.random() < 0.1:
            self.close()

    def attempt(self, number, text):
        self.ledger.attempts += 1
        dotted = False
        try:
            if not self.client:
                self.client = harness.Client(self.port)
                self.expect(self.client.greeting, 220)
                self.expect(self.client.command("EHLO chaos.example"), 250)
            self.offer()
            if random.random() < self.drops:
                self.break_off(text)
            dotted = True
            self.expect(self.client.body(text), 250)
            return True
        except Refused as e:
            if e.reply.code // 100 != 4 and "5.3.2" not in e.reply.text:
                raise
            self.after_refusal(e.reply)
        except (harness.Gone, OSError):
            if dotted:
                with self.ledger.lock:
                    self.ledger.unsure[number] += 1
            self.close()
        return False

    def offer(self):
        """The envelope and DATA: one by one, or in one piece, perhaps cut."""
        lines = [(b"MAIL FROM:<ann@example.org>\r\n", 250),
                 (b"RCPT TO:<b@example.net>\r\n", 250),
                 (b"RCPT TO:<c@example.net>\r\n", 250), (b"DATA\r\n", 354)]
        if random.random() < 0.5:   # as Postfix does
            lines.insert(0, (b"XFORWARD NAME=a.example ADDR=192.0.2.9\r\n",
                             250))
        if not self.pipelines:
            for line, code in lines:
                self.client.send(line)
                self.expect(self.client.reply(), code)
            return
        whole = b"".join(line for line, _ in lines)
        at = random.randrange(len(whole)) if random.random() < 0.3 else 0
        self.client.send(whole[:at])
        if random.random() < self.drops:
            self.client.reset()     # within the group
            raise harness.Gone("we went")
        self.client.send(whole[at:])
        # All are answered, unless the connection ends: DATA too, to which 354
        # may come behind an RCPT that was refused.
        refused = None
        for _, code in lines:
            reply = self.client.reply()
            if reply.code in (421, 554) and code != 354:
                raise Refused(reply)
            if reply.code != code:
                refused = refused or reply
        if refused and reply.code == 354:
            self.client.reset()     # we want both of them or none
            raise harness.Gone("not to all")
        if refused:
            raise Refused(refused)

    def after_refusal(self, reply):
        """421 ends the connection; else the next attempt may use it."""
        if reply.code in (421, 554):
            self.close()
            return
        try:
            self.expect(self.client.command("RSET"), 250)
        except (Refused, harness.Gone, OSError):
            self.close()

    def break_off(self, text):
        text = text.replace(b"\r\n.", b"\r\n..")
        self.client.send(text[:random.randrange(len(text))])
        random.choice((self.client.close, self.client.reset))()
        raise harness.Gone("we went")

    @staticmethod
    def expect(reply, code):
        if reply.code != code:
            raise Refused(reply)


class Refused(Exception):
    def __init__(self, reply):
        super().__init__(repr(reply))
        self.reply = reply


class Arrivals:
    """Checks what came out, as it comes out."""

    def __init__(self, case, relay, records):
        self.case = case
        self.relay = relay
        self.records = records
        self.copies = collections.Counter()

    def drain(self, seconds=float("inf")):
        """Checks what has come, for so long; the rest waits."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self.relay.lock:
                if not self.relay.messages:
                    return
                message = self.relay.messages.pop(0)
            self.check(message)

    def check(self, message):
        text = message.data
        # One that a confused next hop refuses out of step is said again behind
        # the others; run/pipelining looks at the order.
        self.case.assertEqual(sorted(message.rcpt), [
            b"RCPT TO:<b@example.net>", b"RCPT TO:<c@example.net>"])
        at = text.find(b"\r\nX-Number: ")
        number = int(text[at + 12:text.find(b"\r\n", at + 2)])
        sent = make(number)
        self.copies[number] += 1
        if self.copies[number] > 1:     # the same bytes were judged before
            self.case.assertTrue(text.endswith(sent))
            return
        top = text[:len(text) - len(sent)]
        self.case.assertTrue(text.endswith(sent), "%d was changed" % number)
        self.case.assertRegex(
            top, rb"\ADKIM-Signature:[^\r\n]*\r\n([ \t][^\r\n]*\r\n)*\Z")
        self.case.assertTrue(harness.dkim_verifies(text, self.records),
                             "%d does not verify" % number)


def role_of(pid):
    with contextlib.suppress(OSError, IndexError), \
            open("/proc/%d/cmdline" % pid, "rb") as f:
        return f.read().split(b"\0")[2].decode()
    return None


def children(pid, signers=False):
    """The workers of a master; or its signers."""
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [int(word) for word in f.read().split()
                    if (role_of(int(word)) == "signer") == signers]
    except OSError:
        return []


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def memory(pid, what="VmRSS"):
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith(what + ":"):
                return int(line.split()[1]) << 10
    raise AssertionError("no " + what)


def first_octets(sock):
    """Of what it was told; none yet, or a reset before it read, is b""."""
    try:
        return sock.recv(3, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return b""


class Chaos(harness.Case):
    def begin(self, relay, workers=2, out=(), daemon=()):
        proxy = self.signpost(relay, out=out, daemon=(
            "workers = %d" % workers,) + tuple(daemon), environment={
                "ASAN_OPTIONS": "quarantine_size_mb=1"})
        # Who is killed before that ends the start.
        proxy.wait_log("serving, ")
        harness.wait_until("%d workers" % workers, lambda: len(
            children(proxy.process.pid)) >= workers)
        return proxy

    def storm(self, proxy, relay, disturb, drops, seconds):
        """Load for some seconds, and until disturb() was called a few times and
        enough was taken, however slow the machine; the senders still send on
        return."""
        ledger, quit_event = Ledger(), threading.Event()
        arrivals = Arrivals(self, relay, proxy.record())
        senders = [Sender(proxy.port, ledger, quit_event, drops, n % 2 == 0)
                   for n in range(SENDERS)]
        for sender in senders:
            sender.start()
        begun = time.monotonic()
        for turn in itertools.count(1):
            taken, end = len(ledger.taken), time.monotonic() + 10
            time.sleep(random.uniform(0.2, 0.8))
            # What is killed had begun to serve, on a slow machine too.
            while len(ledger.taken) < taken + 3 and time.monotonic() < end:
                time.sleep(0.05)
            disturb()
            arrivals.drain(0.2)
            over = time.monotonic() - begun
            if over > seconds and turn >= DISTURBED and (
                    len(ledger.taken) > ENOUGH or over > PATIENCE):
                break
        return ledger, arrivals, quit_event, senders

    def settle(self, arrivals, ledger, quit_event, senders):
        quit_event.set()
        for sender in senders:
            sender.join(harness.WAIT * 2)
            self.assertFalse(sender.is_alive())
        arrivals.drain()
        self.assertEqual(ledger.surprises, [])
        lost = ledger.taken - set(arrivals.copies)
        self.assertEqual(lost, set(), "answered 250, not at the next hop")
        print("%d taken in %d attempts, %d unsure, %d at the next hop, "
              "%d second copies" % (
                  len(ledger.taken), ledger.attempts,
                  sum(ledger.unsure.values()), len(arrivals.copies),
                  sum(arrivals.copies.values()) - len(arrivals.copies)))
        self.assertGreater(len(ledger.taken), ENOUGH)

    def reload(self, proxy, good):
        """SIGHUP with the configuration, or with one that is refused."""
        if not good:
            with open(proxy.config, "a") as f:
                f.write("no_such_setting = 1\n")
        before = len(proxy.lines("no_such_setting"))
        proxy.process.send_signal(signal.SIGHUP)
        if not good:
            harness.wait_until("the refusal", lambda: len(
                proxy.lines("no_such_setting")) > before)
            with open(proxy.config) as f:
                text = f.read()
            with open(proxy.config, "w") as f:
                f.write(text.replace("no_such_setting = 1\n", ""))

    def assert_nothing_left(self, proxy, workers):
        harness.wait_until("all workers to be gone", lambda: not any(
            os.path.exists("/proc/%d" % pid) for pid in workers))
        self.assertEqual(os.listdir(proxy.spool), [])
        self.assertEqual(sorted(os.listdir(proxy.dir)),
                         ["keys", "log", "signpost.conf", "spool"])

    def test_a_failing_next_hop_and_reloads_exactly_once(self):
        relay = self.relay(faults(0.02))
        proxy = self.begin(relay)
        seen, reloads = set(), itertools.count(1)

        def disturb():
            seen.update(children(proxy.process.pid))
            self.reload(proxy, next(reloads) % 3 != 0)

        ledger, arrivals, quit_event, senders = self.storm(
            proxy, relay, disturb, 0.02, SECONDS)
        self.settle(arrivals, ledger, quit_event, senders)
        self.assertEqual(ledger.unsure, {})
        self.assertEqual(
            {n: c for n, c in arrivals.copies.items() if c > 1}, {})
        proxy.wait_log("reloaded, ")
        seen.update(children(proxy.process.pid))
        self.assertGreater(len(seen), 2, "no reload made a new worker")
        self.assertEqual(proxy.stop(), 0, proxy.text()[-4000:])
        self.assert_nothing_left(proxy, seen)

    def test_signers_killed_under_load(self):
        """Nobody notices: what they were asked is asked of others, or of those
        who come in their place."""
        relay = self.relay(faults(0))
        proxy = self.begin(relay, daemon=["signers = 2"])
        seen, killed = set(), []

        def disturb():
            signers = children(proxy.process.pid, True)
            seen.update(children(proxy.process.pid), signers)
            if signers:
                killed.append(random.choice(signers))
                os.kill(killed[-1], signal.SIGKILL)

        ledger, arrivals, quit_event, senders = self.storm(
            proxy, relay, disturb, 0, SECONDS)
        self.settle(arrivals, ledger, quit_event, senders)
        seen.update(children(proxy.process.pid),
                    children(proxy.process.pid, True))
        self.assertGreaterEqual(len(killed), DISTURBED // 2)
        for number, copies in arrivals.copies.items():
            self.assertEqual(copies, 1, "message %d" % number)
        self.assertEqual(proxy.stop(), 0, proxy.text()[-4000:])
        self.assert_nothing_left(proxy, seen)

    def test_workers_killed_and_the_end_under_load(self):
        relay = self.relay(faults(0.01))
        proxy = self.begin(relay)
        seen, killed, turns = set(), [], itertools.count(1)

        def disturb():
            if next(turns) % 3 == 0:
                self.reload(proxy, True)
                return
            workers = harness.wait_until("a worker", lambda: children(
                proxy.process.pid))
            seen.update(workers)
            killed.append(random.choice(workers))
            os.kill(killed[-1], signal.SIGKILL)

        ledger, arrivals, quit_event, senders = self.storm(
            proxy, relay, disturb, 0.01, SECONDS)
        seen.update(children(proxy.process.pid))
        proxy.process.send_signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(harness.WAIT * 2), 0,
                         proxy.text()[-4000:])
        self.settle(arrivals, ledger, quit_event, senders)
        self.assertGreaterEqual(len(killed), DISTURBED // 2)
        for number, copies in arrivals.copies.items():
            self.assertLessEqual(copies, 1 + ledger.unsure[number],
                                 "message %d" % number)
        self.assert_nothing_left(proxy, seen)

    def test_a_next_hop_that_is_confused_by_pipelining(self):
        relay = self.relay(faults(0.01, "confused"))
        proxy = self.begin(relay)
        ledger, arrivals, quit_event, senders = self.storm(
            proxy, relay, lambda: None, 0.01, SECONDS / 4)
        self.settle(arrivals, ledger, quit_event, senders)
        self.assertEqual(ledger.unsure, {})
        self.assertEqual(
            {n: c for n, c in arrivals.copies.items() if c > 1}, {})
        proxy.wait_log("offers PIPELINING, and answers out of step")

    def test_descriptors_come_back(self):
        """A worker with no session left has what it had before the first."""
        relay = self.relay(faults(0.1))
        proxy = self.begin(relay, workers=1)
        proxy.wait_log("serving, ")  # all of its own are open then
        [worker] = children(proxy.process.pid)
        before = descriptors(worker)
        ledger, arrivals, quit_event, senders = self.storm(
            proxy, relay, lambda: None, 0.1, SECONDS / 4)
        self.settle(arrivals, ledger, quit_event, senders)
        self.assertEqual(children(proxy.process.pid), [worker])
        # The key that was asked for may be watched by a descriptor.
        harness.wait_until("descriptors", lambda:
                           descriptors(worker) <= before + 1)

    def test_idle_and_half_open_connections_do_not_stop_the_mail(self):
        """One worker, twice as many connections as it may have, at every
        stage of a session, silent: those between messages make room."""
        relay = self.relay()
        proxy = self.begin(relay, workers=1)
        stages = [b"", b"EH", b"EHLO x\r\n", b"EHLO x\r\nMAIL FROM:<a@b>",
                  b"EHLO x\r\nMAIL FROM:<ann@example.org>\r\n"
                  b"RCPT TO:<b@example.net>\r\nDATA\r\n",
                  b"EHLO x\r\nMAIL FROM:<ann@example.org>\r\n"
                  b"RCPT TO:<b@example.net>\r\nDATA\r\nFrom: half a lin"]
        idle = []
        self.addCleanup(lambda: [sock.close() for sock in idle])
        for number in range(IDLE):
            sock = socket.create_connection(("127.0.0.1", proxy.port),
                                            timeout=harness.WAIT)
            sock.sendall(stages[number % len(stages)])
            idle.append(sock)

        def taken_or_refused():
            """Who comes while nobody can be ended yet hears 421 at once."""
            return len(relay.commands) + sum(
                first_octets(sock) == b"421" for sock in idle)

        harness.wait_until("all are taken or refused",
                           lambda: taken_or_refused() >= IDLE, 60)
        began = time.monotonic()
        for number in range(20):
            client = self.let_in(proxy, began + 30)
            client.ehlo()
            self.assertEqual(client.message(make(number)).code, 250)
            client.quit()
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(len(relay.messages), 20)

    def let_in(self, proxy, end):
        """A client that comes again where it hears 421, as Postfix does."""
        while time.monotonic() < end:
            client = proxy.client()
            if client.greeting.code == 220:
                return client
            self.assertEqual(client.greeting.code, 421)
            client.close()
            time.sleep(0.2)
        raise AssertionError("nobody made room")

    def test_a_stalled_next_hop_does_not_cost_memory(self):
        """It takes DATA and reads no more while 50 MB are pushed."""
        relay = self.relay({"body": harness.SILENT})
        proxy = self.begin(relay, workers=1)
        proxy.wait_log("serving, ")  # before exec a signer looks like another
        [worker] = children(proxy.process.pid)
        client = proxy.client()
        client.ehlo()
        client.begin()
        before = memory(worker)
        self.assertEqual(client.command("DATA").code, 354)
        client.send(make(1).split(b"\r\n\r\n")[0] + b"\r\n\r\n")
        line = b"fifty million of these, more or less, and no end\r\n"
        for _ in range(STALL_BYTES // (len(line) * 1000)):
            client.send(line * 1000)
        client.send(b".\r\n")
        harness.wait_until("DATA at the next hop", lambda: relay.said("DATA"))
        time.sleep(1)
        grown = memory(worker, "VmHWM") - before
        print("grown by %d KiB" % (grown >> 10))
        self.assertLess(grown, STALL_MEMORY)
        client.close()


def main():
    global SECONDS
    if "--seconds" in sys.argv:
        at = sys.argv.index("--seconds")
        SECONDS = float(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = 8 * IDLE
    if hard != resource.RLIM_INFINITY and hard < want:
        sys.exit("chaos: needs %d descriptors, the limit is %d" % (want, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, want), hard))
    harness.main()


if __name__ == "__main__":
    main()
