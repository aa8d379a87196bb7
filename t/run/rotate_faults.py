"""signpost rotate auto, and what may befall it: each fault at each of the steps
that a key's life has. Each pair of the two is a cell, played by a domain of its
own from a key's making to the end of the one before; what was played is kept, and
a cell that was not is a failure. Meanwhile mail comes: none is unsigned, and none
fails with a verifier that asks a caching resolver, at once or five days later.
"""
import json
import os
import signal
import subprocess
import time

import harness  # first: it finds t/lib
import machine
import rotate
import world
from rotate import DAY, FIRST, HOUR, SECOND, START

OLD = "k0"

# Of a run of `auto', in the order of a key's life: the run that has the step; the
# step; the call that it is, or is begun by (t/lib/mishap.c); where it writes, the call
# by which what it has written is on the disk.
STEPS = [
    ("prepare", "row written", "renameat selectors 1", "fsync - 1"),
    ("prepare", "key put", "rename .pem 1", "fsync - 3"),
    ("prepare", "record published", "fork - 1", None),
    ("prepare", "publishing noted", "renameat selectors 2", "fsync - 5"),
    ("see", "record seen", "renameat selectors 1", "fsync - 1"),
    ("activate", "ready", "renameat selectors 1", "fsync - 1"),
    ("activate", "daemon asked for its key", "send key 1", None),
    ("activate", "file put", "renameat selectors 2", "fsync - 3"),
    ("activate", "daemon asked for the new key", "send key 2", None),
    ("activate", "trial asked for", "send trial 1", None),
    ("activate", "last use noted", "renameat selectors 3", "fsync - 5"),
    ("wait", "last use asked for", "send key 1", None),
    ("remove", "record taken down", "fork - 1", None),
    ("remove", "taking down noted", "renameat selectors 1", "fsync - 1"),
    ("gone", "record gone", "renameat selectors 1", "fsync - 1"),
    ("forget", "last use asked for again", "send key 1", None),
    ("forget", "key removed", f"unlink {OLD}.pem 1", None),
    ("forget", "row removed", "renameat selectors 1", "fsync - 1"),
]

FAULTS = ("killed", "twice", "clock", "full", "servers", "edited", "daemon")

# Why a cell cannot be played.
WRITES_NOTHING = "the step writes nothing, so it needs no room"


def impossible(fault, step):
    return WRITES_NOTHING if fault == "full" and step[3] is None else None


# A publish command that is done in no time: what it was told the test does
# in the end, when it has told everything. It is believed only when DNS shows it.
PUBLISH = """#!/bin/sh
echo "$1 $2 $5" >>%s
"""


class Cell:
    def __init__(self, number, fault, step):
        self.fault, self.step = fault, step
        self.domain = "d%03d.example.org" % number
        self.met = None  # a file that is there when the step came
        self.mails = 0
        self.run = None

    def __repr__(self):
        return "%s: %s at %r" % (self.domain, self.fault, self.step[1])


class Matrix(rotate.Case):
    BACK = 3 * DAY
    REMEMBERED = 4 * HOUR  # that there is no such record
    LATE = 5 * DAY

    def setUp(self):
        super().setUp()
        self.cells = [Cell(n, fault, step) for n, (fault, step) in enumerate(
            (fault, step) for step in STEPS for fault in FAULTS
            if impossible(fault, step) is None)]
        self.domains = [cell.domain for cell in self.cells]
        self.played = {}
        self.mails = self.verified = 0
        self.late = []

    # --- the world ---

    def command(self):
        folder = self.world.clock.directory
        self.spool = os.path.join(folder, "published")
        path = self.world.clock.write("publish", PUBLISH % self.spool)
        os.chmod(path, 0o755)
        self.done = 0
        with open(self.spool, "w", encoding="ascii"):
            os.chmod(self.spool, 0o666)
        return "publish = %s\npublish_user = nobody" % path

    def begin_all(self):
        """Each domain has a key that signs, and is old enough for another."""
        self.begin(domains=self.domains, command=self.command,
                   minimum=self.REMEMBERED, remembers=1,
                   out=("signature = dkim(a=ed25519-sha256)",))
        self.meet_strangers()
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ",
                              time.gmtime(START - 181 * DAY))
        key = os.path.join(self.world.clock.directory, "key")
        harness.make_key(key, "ed25519")
        record = harness.key_record(key, "ed25519")
        changes = []
        for domain in self.domains:
            folder = os.path.join(self.daemon.dir, "keys", domain)
            os.makedirs(folder, 0o700)
            with open(key, "rb") as f:
                self.put(os.path.join(folder, OLD + ".pem"), f.read())
            self.put(os.path.join(folder, "selectors"),
                     b"ed25519 active %s since=%s\n" % (
                         OLD.encode(), since.encode()))
            changes.append(("add", "%s._domainkey.%s." % (OLD, domain), "TXT",
                            record))
        self.primary.update(self.zone, *changes)
        self.secondary.catch_up(self.zone, self.primary)

    def put(self, path, text):
        with open(os.open(path + "~", os.O_WRONLY | os.O_CREAT, 0o600),
                  "wb") as f:
            f.write(text)
        os.rename(path + "~", path)

    def publish_all(self):
        """What the command was told since."""
        with open(self.spool, encoding="ascii") as f:
            f.seek(self.done)
            lines = f.read()
            self.done = f.tell()
        changes = {}
        for line in lines.splitlines():
            act, name, text = line.split(" ", 2)
            changes[name] = ("add", name + ".", "TXT", text) \
                if act == "add" else ("delete", name + ".", "TXT")
        if changes:
            self.primary.update(self.zone, *(
                change for name in changes for change in (
                    ("delete", name + ".", "TXT"), changes[name])))

    # --- runs ---

    def launch(self, *domains, at=None, do=None, hurry=1):
        """A run; with a step and what happens there."""
        environment = self.world.environment()
        preload = [environment["LD_PRELOAD"]]
        libraries = os.path.join(os.environ["SIGNPOST_BUILD"], "t/lib")
        if at is not None:
            at.met = os.path.join(self.world.clock.directory,
                                  "met-" + at.domain)
            call = at.step[2]
            # A disk is full where it has to take something, and long in taking it
            # when somebody comes to edit the file.
            if at.fault in ("full", "edited") and at.step[3]:
                call = at.step[3]
            environment |= {"T_AT": call, "T_DO": do, "T_MET": at.met}
            preload.append(os.path.join(libraries, "libt_mishap.so"))
        if hurry > 1:
            environment["T_HURRY"] = str(hurry)
            preload.append(os.path.join(libraries, "libt_hurry.so"))
        environment["LD_PRELOAD"] = " ".join(preload)
        return subprocess.Popen(
            [harness.binary(), "rotate", "auto", "-c", self.daemon.config,
             "--json", *(w for d in domains for w in ("-d", d))],
            env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, run, *ended):
        said, error = run.communicate(timeout=300)
        self.said = (said + error)[-3000:]
        self.assertIn(run.returncode, ended or (0, 1), self.said)
        return run.returncode

    def auto(self, *domains, ended=(0, 1)):
        self.end(self.launch(*domains), *ended)

    def stopped(self, cells):
        """Until each of their runs stands at its step."""
        def stand():
            for cell in cells:
                self.assertIsNone(cell.run.poll(), cell)
                with open("/proc/%d/stat" % cell.run.pid,
                          encoding="ascii") as f:
                    if f.read().rsplit(")", 1)[1].split()[0] != "T":
                        return False
            return True
        harness.wait_until("runs to stand at their steps", stand, 120)

    def go_on(self, cells):
        for cell in cells:
            cell.run.send_signal(signal.SIGCONT)

    # --- mail ---

    def mail(self, cell):
        """One of the domain: it is signed by one key, whichever."""
        mail = self.send(cell.domain)
        self.assertEqual(len(self.selectors(mail)), 1, (
            cell, self.file(cell.domain)))
        self.mails += 1
        cell.mails += 1
        return mail

    def check(self, cell, mail=None):
        """And it verifies, now and later."""
        mail = mail or self.mail(cell)
        self.assertTrue(self.verifies(mail), (
            cell, self.selectors(mail), self.file(cell.domain)))
        self.verified += 1
        self.late.append((self.world.now + self.LATE, cell, mail))

    def later(self, seconds):
        """Time passes; what was sent before is looked at when it is late."""
        end = self.world.now + seconds
        while self.late and self.late[0][0] <= end:
            self.world.at(max(self.late[0][0], self.world.now))
            _, cell, mail = self.late.pop(0)
            self.assertTrue(self.verifies(mail), (
                cell, self.selectors(mail), self.file(cell.domain)))
            self.verified += 1
        self.world.at(end)

    # --- faults: each of the cells that it has in this run ---

    def was_met(self, cell, how):
        self.assertTrue(os.path.exists(cell.met), (cell, self.said))
        os.remove(cell.met)
        self.played[cell.fault, cell.step[:2]] = how

    def all_stopped(self, cells, hurry=1):
        for cell in cells:
            cell.run = self.launch(
                cell.domain, at=cell, do="stop", hurry=hurry)
        self.stopped(cells)

    def all_end(self, cells, how):
        self.go_on(cells)
        for cell in cells:
            self.end(cell.run)
            self.was_met(cell, how)

    def killed(self, cells):
        for cell in cells:
            run = self.launch(cell.domain, at=cell, do="kill")
            self.end(run, -signal.SIGKILL)
            self.was_met(cell, "killed")
            self.check(cell)
            self.auto(cell.domain)
            self.check(cell)

    def full(self, cells):
        for cell in cells:
            self.end(self.launch(cell.domain, at=cell, do="full"), 0, 1)
            self.was_met(cell, "ENOSPC")
            self.check(cell)
            self.auto(cell.domain)
            self.check(cell)

    def twice(self, cells):
        """The one stands at its step while the other comes, which waits for it
        or does the same; then both go on."""
        self.all_stopped(cells)
        others = [self.launch(cell.domain) for cell in cells]
        end = time.monotonic() + 1
        while time.monotonic() < end and any(
                other.poll() is None for other in others):
            time.sleep(0.02)
        mails = [self.mail(cell) for cell in cells]
        self.all_end(cells, "another run came")
        for other in others:
            self.end(other)
        for cell, mail in zip(cells, mails):
            self.check(cell, mail)
            self.check(cell)

    def clock(self, cells):
        self.all_stopped(cells)
        now = self.world.now
        self.world.at(now - self.BACK)
        self.all_end(cells, "set back %d days" % (self.BACK // DAY))
        for cell in cells:
            self.auto(cell.domain)
        self.world.at(now)
        for cell in cells:
            self.check(cell)

    def servers(self, cells):
        self.all_stopped(cells)
        for server in self.primary, self.secondary:
            server.stop()
        mails = [self.mail(cell) for cell in cells]
        self.go_on(cells)
        for cell in cells:
            self.end(cell.run)
            self.was_met(cell, "both were down")
        self.end(self.launch(*(cell.domain for cell in cells)), 0, 1)
        mails += [self.mail(cell) for cell in cells]
        for server in self.primary, self.secondary:
            server.start()
        # For the resolver to try them again.
        self.later(60)
        for cell, mail in zip(2 * cells, mails):
            self.check(cell, mail)
        self.auto(*(cell.domain for cell in cells))
        for cell in cells:
            self.check(cell)

    def edited(self, cells):
        """By a person, as he may: not under its lock, and not by rename."""
        self.all_stopped(cells)
        for cell in cells:
            path = os.path.join(self.daemon.dir, "keys", cell.domain,
                                "selectors")
            with open(path, "a", encoding="ascii") as f:
                f.write("# mine\n")
        mails = [self.mail(cell) for cell in cells]
        self.all_end(cells, "edited")
        for cell, mail in zip(cells, mails):
            self.check(cell, mail)
            self.auto(cell.domain)
            self.check(cell)

    def no_daemon(self, cells):
        """Nothing is retired, and no key becomes another one."""
        self.all_stopped(cells, hurry=10)
        self.assertEqual(self.daemon.stop(), 0)
        before = {cell: self.old_state(cell) for cell in cells}
        self.all_end(cells, "it was stopped")
        self.auto(*(cell.domain for cell in cells))
        for cell in cells:
            after = self.old_state(cell)
            if cell.step[0] in ("prepare", "see", "activate"):
                self.assertIn(after[0], ("active", before[cell][0]), cell)
                self.assertTrue(after[1], cell)
            elif cell.step[:2] in (("remove", "record taken down"),
                                   ("remove", "taking down noted")):
                # The daemon had been asked before.
                self.assertEqual(after, ("retired", True), cell)
        self.start()
        for cell in cells:
            self.check(cell)
        self.auto(*(cell.domain for cell in cells))
        for cell in cells:
            self.check(cell)

    def old_state(self, cell):
        """What the file says of the old key; and is it there?"""
        states = [state for _, state, name in self.rows(cell.domain)
                  if name == OLD]
        return (states + [None])[0], os.path.exists(os.path.join(
            self.daemon.dir, "keys", cell.domain, OLD + ".pem"))

    # --- a life ---

    def phase(self, name, want):
        """All faults at the steps of that run; then a run that finds all well,
        and what the files say then."""
        handlers = {"killed": self.killed, "twice": self.twice,
                    "clock": self.clock, "full": self.full,
                    "servers": self.servers, "edited": self.edited,
                    "daemon": self.no_daemon}
        self.assertEqual(set(handlers), set(FAULTS))
        for fault in FAULTS:
            cells = [c for c in self.cells
                     if (c.fault, c.step[0]) == (fault, name)]
            if cells:
                handlers[fault](cells)
        want = [("ed25519", *row.split()) for row in want]
        self.auto()
        # Where the clock was set back, it takes so much longer; and a run more,
        # where a busy machine left a name server no time to answer in.
        for more in range(2 * self.BACK // DAY + 2):
            others = [c for c in self.cells if self.rows(c.domain) != want]
            if not others:
                break
            if more > 0:
                self.assertEqual({c.fault for c in others}, {"clock"}, others)
            self.later(DAY // 2)
            self.auto()
        self.assertEqual(others, [], self.said)
        for cell in self.cells:
            for _, state, selector in self.rows(cell.domain):
                if state == "staged":
                    self.asked_early(cell.domain, selector)
        # Nobody's DNS is as quick as a command.
        self.publish_all()

    def test_each_fault_at_each_step(self):
        self.begin_all()
        new = "m202911e"
        self.phase("prepare", [f"active {OLD}", f"staged {new}"])
        self.later(2 * HOUR)
        self.auto()
        self.secondary.catch_up(self.zone, self.primary)
        self.phase("see", [f"active {OLD}", f"staged {new}"])
        self.later(self.REMEMBERED + HOUR)
        self.phase("activate", [f"retired {OLD}", f"active {new}"])
        self.later(HOUR)
        self.phase("wait", [f"retired {OLD}", f"active {new}"])
        self.later(8 * DAY)
        self.phase("remove", [f"retired {OLD}", f"active {new}"])
        self.later(2 * HOUR)
        self.secondary.catch_up(self.zone, self.primary)
        self.phase("gone", [f"retired {OLD}", f"active {new}"])
        self.later(self.REMEMBERED + HOUR)
        self.phase("forget", [f"active {new}"])
        for cell in self.cells:
            self.check(cell)
            folder = os.path.join(self.daemon.dir, "keys", cell.domain)
            self.assertEqual(sorted(os.listdir(folder)),
                             [new + ".pem", "selectors"], cell)
            self.assertEqual(self.resolver.texts(
                "%s._domainkey.%s" % (OLD, cell.domain)), [], cell)
            self.assertEqual(self.file(cell.domain).count("# mine\n"),
                             cell.fault == "edited", cell)
        self.later(self.LATE)
        self.assertEqual(self.daemon.lines("unsigned=|no signature"), [])
        self.tell()

    def tell(self):
        """The table; each cell was played, or is named with its reason."""
        missing = []
        for step in STEPS:
            for fault in FAULTS:
                how = self.played.get((fault, step[:2]))
                why = impossible(fault, step)
                if (how is None) == (why is None):
                    missing.append((fault, step[:2]))
                print("%-9s %-29s %-8s %s" % (
                    *step[:2], fault, how or "-- " + str(why)))
        print("%d messages, looked at %d times" % (self.mails, self.verified))
        self.assertEqual(missing, [])
        for cell in self.cells:
            self.assertGreaterEqual(cell.mails, 2, cell)
        # Each at once, and later.
        self.assertEqual(self.verified, 2 * self.mails)


if __name__ == "__main__":
    machine.alone(__file__, "192.0.2.25", FIRST, SECOND)
    harness.main()
