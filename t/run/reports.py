#!/usr/bin/python3
"""Aggregate reports go out once, whatever happens on the way; what is kept can
be asked for and deleted. A real daemon has kept the results of two days, whose
clock libfaketime sets; the tools run on the third. Their mail is taken by a
scripted next hop, and read by programs that are not ours.
"""
import email
import glob
import gzip
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import time

import clock
import harness
import recorder
from harness import SAMPLE, wait_until

DAY = clock.DAY
FIRST = clock.today() - 2 * DAY  # two days whose results there are
SECOND = FIRST + DAY
THIRD = SECOND + DAY
NOW = THIRD + 4 * 3600

ZONE = """
a.test TXT v=spf1 ip4:192.0.2.1 -all
_dmarc.a.test TXT v=DMARC1; p=reject; rua=mailto:r@a.test
_dmarc.b.test TXT v=DMARC1; p=none; rua=mailto:r@b.test,mailto:s@b.test
_dmarc.c.test TXT v=DMARC1; p=none; rua=mailto:x@y.test@c.test,mailto:r@c.test,mailto:r@C.TEST!5m
_dmarc.d.test TXT v=DMARC1; p=none
_dmarc.e.test TXT v=DMARC1; p=none; rua=mailto:r@elsewhere.test
"""
EVERYONE = ["r@a.test", "r@b.test", "s@b.test", "r@c.test"]

# As root the recorder's user owns the database.
USER = "mail" if os.getuid() == 0 else None


def mail_of(domain):
    return SAMPLE.replace(b"ann@example.org", b"ann@%s" % domain.encode())


class Kept(recorder.Case):
    """A configuration, and a database that was filled over two days."""
    made = None  # its bytes; one daemon fills it for all tests

    def setUp(self):
        super().setUp()
        self.server = self.nsd(ZONE)
        self.proxy = self.both_without_start()
        if not Kept.made:
            self.fill()
            with open(self.proxy.database, "rb") as f:
                Kept.made = f.read()
        else:
            with open(self.proxy.database, "wb") as f:
                f.write(Kept.made)
            os.chmod(self.proxy.database, 0o600)
            if USER:
                shutil.chown(self.proxy.database, USER)

    def both_without_start(self):
        proxy = recorder.Both(
            self.world, self.server.port,
            "[reflector]\nrelay = %s\n" % self.world.address())
        self.addCleanup(proxy.clean)
        return proxy

    def fill(self):
        for day, domains in ((FIRST, "aab"), (SECOND, "aaabcde")):
            self.proxy.environment = clock.environment(day + DAY // 2)
            self.proxy.start()
            self.proxy.wait_log("serving, ")
            for domain in domains:
                self.send_in(self.proxy, mail_of(domain + ".test"),
                             sender="ann@%s.test" % domain)
            self.send_in(self.proxy, mail_of("a.test"), sender="x@other.test")
            self.assertEqual(self.proxy.stop(), 0, self.proxy.text())
        self.world.messages.clear()

    def hop(self, *scripts):
        """Another next hop for the reports."""
        self.world.close()
        address = self.world.address()
        self.world = self.relay(*scripts)
        with open(self.proxy.config) as f:
            text = f.read().replace(address, self.world.address())
        with open(self.proxy.config, "w") as f:
            f.write(text)

    def run_tool(self, *args, status=0, now=NOW):
        done = clock.run(now, args[0], "-c", self.proxy.config, *args[1:])
        self.out, self.err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, status, self.out + self.err)
        for line in self.err.splitlines():
            self.assertTrue(line.startswith("signpost: "), line)
        return self.out

    def report(self, *args, **options):
        """Of the second day, unless told otherwise."""
        if "--day" not in args and "--list" not in args:
            args += ("--day", clock.day(SECOND))
        return self.run_days(*args, **options)

    def run_days(self, *args, **options):
        return self.run_tool(
            "dmarc-report", "--nameserver", "127.0.0.1:%d" % self.server.port,
            *args, **options)

    def sent_to(self):
        return sorted(m.rcpt[0].decode()[9:-1] for m in self.world.messages)

    def ids(self):
        return sorted(re.search(rb"Report-ID: <(.*)>", m.data).group(1)
                      for m in self.world.messages)


class Once(Kept):
    def test_each_address_gets_one_copy_once(self):
        self.report("--send", "--quiet")
        self.assertEqual((self.out, self.err), ("", ""))
        self.assertEqual(self.sent_to(), sorted(EVERYONE))
        self.assertEqual(os.listdir(os.getcwd()), self.before)
        first = self.ids()
        self.report("--send")
        for address in EVERYONE:
            self.assertRegex(self.out, r"%s: was sent before to %s: %s 04:0" % (
                address[2:], address, clock.day(NOW)))
        self.assertIn("d.test: wants no reports\n", self.out)
        self.assertIn("c.test: not sent to mailto:x@y.test@c.test: no mail "
                      "address", self.err)
        self.assertIn("c.test: not sent to r@c.test: it gets one copy",
                      self.err)
        self.assertIn("e.test: not sent to r@elsewhere.test: the DNS of its",
                      self.err)
        self.assertEqual(self.sent_to(), sorted(EVERYONE))
        self.report("--send", "--again")
        self.assertIn("b.test: sent to s@b.test\n", self.out)
        self.assertEqual(self.ids(), sorted(first * 2))
        names = {email.message_from_bytes(m.data)["Message-ID"]
                 for m in self.world.messages}
        self.assertEqual(len(names), 2 * len(EVERYONE))
        # What is not sent has been seen to all the same.
        self.report("--list")
        self.assertRegex(self.out, r" e\.test not sent to r@elsewhere\.test "
                         "at .*: the DNS of its host does not say")
        self.assertRegex(self.out, r" c\.test not sent to mailto:x@y\.test@c")
        self.assertRegex(self.out, r" c\.test sent to r@c\.test at ")
        self.report("--list", "-d", "b.test")
        self.assertEqual(len(self.out.splitlines()), 2)
        self.assertRegex(self.out, r"(?m)^%s b\.test sent to s@b\.test at %s "
                         r"04:0\d UTC: 250 2\.0\.0 Ok" % (
                             clock.day(SECOND), clock.day(NOW)))
        self.report("--list", "--day", clock.day(FIRST))
        self.assertEqual(self.out, "")

    def setUp(self):
        super().setUp()
        self.before = os.listdir(os.getcwd())

    def test_a_day_that_has_not_ended(self):
        for day, word in ((THIRD, "ended"), (THIRD + DAY, "begun")):
            self.report("--send", "--day", clock.day(day), status=65)
            self.assertIn("has not %s yet" % word, self.err)
        self.assertEqual(self.world.messages, [])
        noon = SECOND + DAY // 2 + 3600
        self.report("--day", clock.day(SECOND), "-d", "a.test", "-o",
                    self.proxy.dir, now=noon)
        self.assertRegex(self.out, r"!a\.test!%d!%d\d\d\.xml\.gz\n$" % (
            SECOND, noon // 100))

    def test_refused_for_now_and_for_good(self):
        """Each on its way alone: what becomes of one is nothing to others."""
        self.hop({}, {"dot": "451 4.3.0 not now"}, {"rcpt": "550 5.1.1 no"},
                 {})
        self.report("--send", status=75)
        self.assertEqual(self.sent_to(), ["r@a.test", "r@c.test"])
        self.assertIn("b.test: not sent yet to r@b.test: 451 4.3.0 not now",
                      self.err)
        self.assertIn("b.test: refused for good, to s@b.test: 550 5.1.1 no",
                      self.err)
        self.hop()
        self.report("--send")
        self.assertEqual(self.sent_to(), ["r@b.test"])
        self.assertIn("b.test: was refused before by s@b.test", self.out)
        self.report("--list")
        self.assertIn(" b.test refused to s@b.test at ", self.out)

    def test_a_next_hop_that_dies_midway(self):
        self.hop({}, {"body": harness.RESET}, {"connect": harness.CLOSE})
        self.report("--send", status=75)
        self.assertEqual(self.sent_to(), ["r@a.test"])
        self.hop()
        self.report("--send")
        self.assertEqual(self.sent_to(), sorted(EVERYONE[1:]))

    def test_a_next_hop_that_is_down_is_not_asked_for_each(self):
        self.hop({"connect": harness.CLOSE})
        self.report("--send", status=75)
        self.assertEqual(len(self.world.commands), 3)
        self.assertIn("not sent to r@c.test: the next hop does not answer",
                      self.err)
        self.assertRegex(self.report("--list"), r" c\.test deferred to r@c")

    def test_what_is_missing_of_the_days_before_is_sent_too(self):
        """As timer and cron run it: each night, with no day named."""
        self.hop({}, {"dot": "451 4.3.0 not now"}, {})
        self.run_days("--send", "--quiet", status=75, now=SECOND + 7200)
        self.assertEqual(self.sent_to(), ["r@a.test", "s@b.test"])
        self.assertIn("b.test: not sent yet to r@b.test", self.err)
        self.run_days("--send", "--quiet")
        self.assertEqual(self.sent_to(), sorted(
            ["r@a.test", "r@b.test", "s@b.test"] + EVERYONE))
        self.run_days("--send", "--quiet", now=NOW + DAY)
        self.assertEqual(len(self.world.messages), 3 + len(EVERYONE))
        self.assertEqual(len(set(self.ids())), 5)

    def begin(self, stage):
        """A run that hangs at that stage of its second mail."""
        self.hop({}, {stage: harness.SILENT}, {})
        process = subprocess.Popen(
            [harness.binary(), "dmarc-report", "-c", self.proxy.config,
             "--send", "--day", clock.day(SECOND),
             "--nameserver", "127.0.0.1:%d" % self.server.port],
            env=clock.environment(NOW), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        verbs = {"greeting": b"", "mail": b"MAIL", "dot": b"DATA",
                 "quit": b"QUIT"}
        wait_until("it to hang", lambda: len(self.world.commands) > 1 and (
            stage == "greeting" or any(
                c.upper().startswith(verbs[stage])
                for c in self.world.commands[1])))
        return process

    def test_killed_at_each_step(self):
        for stage in ("greeting", "mail", "dot", "quit"):
            process = self.begin(stage)
            process.kill()
            process.wait()
            before = self.sent_to()
            self.hop()
            self.report("--send")
            # Taken, and not noted yet: it comes again, as the same report.
            twice = ["r@b.test"] if stage == "quit" else []
            self.assertEqual(sorted(before + self.sent_to()),
                             sorted(EVERYONE + twice), stage)
            with sqlite3.connect(self.proxy.database) as db:
                db.execute("DELETE FROM sent")

    def test_two_at_once(self):
        process = self.begin("dot")
        self.report("--send", status=75)
        self.assertIn("another dmarc-report is sending", self.err)
        process.kill()
        process.wait()
        self.assertEqual(self.sent_to(), ["r@a.test"])

    def test_a_full_disk_sends_nothing_that_it_cannot_note(self):
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        done = subprocess.run(
            [harness.binary(), "dmarc-report", "-c", self.proxy.config,
             "--send", "--day", clock.day(SECOND),
             "--nameserver", "127.0.0.1:%d" % self.server.port],
            env=clock.environment(NOW), stdin=subprocess.DEVNULL,
            capture_output=True, timeout=400, preexec_fn=small_files)
        self.assertIn(done.returncode, (66, 73), done)
        self.assertEqual(self.world.messages, [])
        self.report("--send")
        self.assertEqual(self.sent_to(), sorted(EVERYONE))

    def test_nothing_where_no_database_is_set(self):
        with open(self.proxy.config) as f:
            text = re.sub("(?m)^database = .*\n", "", f.read())
        with open(self.proxy.config, "w") as f:
            f.write(text)
        self.report("--send", "--quiet")
        self.assertEqual((self.out, self.err), ("", ""))
        self.report("--send", status=78)


class Read(Kept):
    """By others."""

    def xml(self, *args):
        """What the report about a.test says, of the file and of the mail."""
        self.world.messages.clear()
        directory = os.path.join(self.proxy.dir, "out")
        os.makedirs(directory, exist_ok=True)
        self.report("--send", "--again", "-d", "a.test", "-o", directory,
                    *args)
        [path] = glob.glob(os.path.join(directory, "*.xml.gz"))
        with gzip.open(path) as f:
            text = f.read()
        message = email.message_from_bytes(self.world.messages[0].data)
        [part] = [p for p in message.walk()
                  if p.get_content_type() == "application/gzip"]
        self.assertEqual(gzip.decompress(part.get_payload(decode=True)), text)
        self.assertEqual(part.get_filename(), os.path.basename(path))
        return path, text

    def dmarc_cat(self, path):
        done = subprocess.run(["dmarc-cat", "-N", path], capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=400)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("a.test", text)
        self.assertRegex(text, r"192\.0\.2\.1 +3 ")
        return text

    def mail_dmarc(self):
        """Debian's Mail::DMARC, as its dmarc_receive does it."""
        home = os.path.join(self.proxy.dir, "maildmarc")
        os.makedirs(home, exist_ok=True)
        done = subprocess.run(
            ["perl", os.path.join(recorder.HERE, "mail_dmarc.pl")],
            input=self.world.messages[0].data.replace(b"\r\n", b"\n"),
            capture_output=True, cwd=home, timeout=400)
        self.assertEqual(done.returncode, 0, done)
        return json.loads(done.stdout)

    def test_rfc9990(self):
        path, text = self.xml()
        subprocess.run(
            ["xmllint", "--noout", "--nonet", "--schema", recorder.XSD, "-"],
            input=text, check=True, timeout=400, stderr=subprocess.DEVNULL)
        self.assertIn(b"<generator>signpost 0.", text)
        self.assertIn(b"<count>3</count>", text)
        self.dmarc_cat(path)
        self.assert_understood(self.mail_dmarc())

    def test_rfc7489(self):
        path, text = self.xml("--format", "rfc7489")
        self.dmarc_cat(path)
        self.assertNotIn(b"xmlns", text)
        read = self.mail_dmarc()
        self.assert_understood(read)
        self.assertEqual(read["policy"]["pct"], "100")

    def assert_understood(self, read):
        self.assertEqual(read["metadata"]["org_name"], "mx.example.org")
        self.assertEqual(read["metadata"]["begin"], str(SECOND))
        self.assertEqual(read["metadata"]["report_id"],
                         "%d.a.test@mx.example.org" % SECOND)
        self.assertEqual(read["policy"]["domain"], "a.test")
        self.assertEqual(read["policy"]["p"], "reject")
        self.assertEqual(read["policy"]["adkim"], "r")
        self.assertEqual(sorted(
            (r["source_ip"], r["count"], r["spf"]) for r in read["records"]),
            [("192.0.2.1", "1", "fail"), ("192.0.2.1", "3", "pass")])

    def test_the_setting_decides_where_nothing_else_does(self):
        with open(self.proxy.config, "a") as f:
            f.write("[results]\nformat = rfc7489\n")
        self.assertIn(b"<feedback>", self.xml()[1])
        self.assertIn(b"<feedback xmlns=",
                      self.xml("--format", "rfc9990")[1])


class Asked(Kept):
    """signpost results."""

    def test_who_fails_from_where_and_why(self):
        table = self.run_tool("results", "--day", clock.day(SECOND))
        self.assertRegex(table, r"(?m)^all mail, %s 00:00 to %s 00:00 UTC$" % (
            clock.day(SECOND), clock.day(THIRD)))
        rows = [re.split("  +", line) for line in table.splitlines()[3:]]
        self.assertEqual(rows[0][0], "in")
        self.assertEqual(rows[0][1:7], ["4", "1", "0", "3", "3", "a.test"])
        self.assertEqual(rows[0][7], "no DKIM signature; SPF none for "
                         "other.test")
        failed = self.run_tool("results", "-d", "a.test", "--hours", "48",
                               "--failed")
        self.assertIn("failed of a.test", failed)
        self.assertRegex(failed, r"in  +2 +2 +0 +0 +0  192\.0\.2\.1 +no DKIM")
        by_reason = self.run_tool(
            "results", "-d", "a.test", "--hours", "48", "--by", "reason")
        self.assertRegex(by_reason, r"in +5 +0 +0 +5 +5  \(did not fail\)")
        self.assertRegex(by_reason, r"in +2 +2 .*  no DKIM signature; SPF n")
        self.assertIn("nothing is kept of that time", self.run_tool(
            "results", "--day", "2020-01-01"))
        found = json.loads(self.run_tool(
            "results", "-d", "a.test", "--hours", "48", "--json"))
        self.assertEqual(found["by"], "client")
        self.assertEqual(found["results"], [{
            "direction": "in", "client": "192.0.2.1", "messages": 7,
            "failed": 2, "dkim_pass": 0, "spf_pass": 5, "dmarc_pass": 5,
            "most_frequent_reason":
                "no DKIM signature; SPF none for other.test"}])

    def test_forgotten(self):
        self.report("--send")
        self.assertRegex(self.run_tool("results", "--forget", "A.test"),
                         r"^a\.test: [1-9]\d* rows deleted\n$")
        for path in glob.glob(self.proxy.database + "*"):
            with open(path, "rb") as f:
                self.assertFalse(b"a.test" in f.read(), path)
        self.assertIn("b.test", self.run_tool("results", "--hours", "48"))
        self.assertIn("0 rows", self.run_tool("results", "--forget", "a.test"))

    def test_forgotten_where_it_stands_in_others_rows(self):
        """As envelope sender, in a reason, as an address; no other name."""
        with sqlite3.connect(self.proxy.database) as db:
            db.executemany(
                "INSERT INTO sent VALUES (?, 'c.test', 'p', ?, 1, 'sent', '')",
                [(FIRST, "r@sub.other.test"), (FIRST, "r@another.test")])
            db.execute("INSERT INTO found SELECT hour, direction, domain, "
                       "client, failed, dkim, spf, dmarc, "
                       "'DKIM passes for another domain, another.test', count "
                       "FROM found LIMIT 1")
        self.run_tool("results", "--forget", "other.test")
        octets = b""
        for path in glob.glob(self.proxy.database + "*"):
            with open(path, "rb") as f:
                octets += f.read()
        self.assertEqual(octets.count(b"other.test"),
                         octets.count(b"another.test"))
        self.assertIn(b"r@another.test", octets)
        self.assertIn(b"domain, another.test", octets)
        self.assertIn("a.test", self.run_tool("results", "--hours", "48"))

    def test_usage(self):
        for args in (("--day", "tomorrow"), ("--by", "colour"),
                     ("--hours", "-1"), ("-d", "a b"),
                     ("--hours", "1", "--day", "2026-01-01"),
                     ("--forget", "a.test", "--failed"), ("word",)):
            self.run_tool("results", *args, status=64)


class Hostile(Kept):
    """Who has taken the recorder over gains nothing of root."""

    def test_a_view_does_not_keep_root(self):
        with sqlite3.connect(self.proxy.database) as db:
            for table in ("row", "found", "sent"):
                db.execute("DROP TABLE " + table)
                db.execute(
                    "CREATE VIEW %s AS WITH RECURSIVE n(i) AS (SELECT 1 UNION "
                    "ALL SELECT i + 1 FROM n) SELECT i AS day FROM n" % table)
        begun = time.monotonic()
        self.report(status=66)
        self.report("--list", status=66)
        self.run_tool("results", status=66)
        self.assertLess(time.monotonic() - begun, 20)

    def test_nothing_of_it_reaches_roots_terminal(self):
        evil = "x\x1b[2J"
        with sqlite3.connect(self.proxy.database) as db:
            db.execute("INSERT INTO found VALUES (?, ?, ?, ?, 1, 0, 0, 0, ?, 1)",
                       (SECOND, evil, evil, evil, evil))
            db.execute("INSERT INTO sent VALUES (?, ?, ?, ?, 1, ?, ?)",
                       (SECOND, *[evil] * 5))
        for by in ("client", "domain", "reason"):
            self.assertNotIn("\x1b", self.run_tool(
                "results", "--day", clock.day(SECOND), "--by", by))
        self.assertNotIn("\x1b", self.report("--list"))
        with sqlite3.connect(self.proxy.database) as db:
            db.execute("PRAGMA writable_schema = ON")
            db.execute("INSERT INTO sqlite_master VALUES ('table', ?, ?, "
                       "99999, 'CREATE nothing')", (evil, evil))
        self.report("--send", status=66)
        self.assertIn("malformed", self.err)
        self.assertNotIn("\x1b", self.err)

    def test_links_lead_root_nowhere(self):
        target = os.path.join(self.proxy.dir, "roots-own")
        os.symlink(target, self.proxy.database + "-sending")
        self.report("--send", status=73)
        self.assertFalse(os.path.exists(target))
        self.assertEqual(self.world.messages, [])

    @harness.for_root("root's rights are given up by root alone")
    def test_roots_rights_are_given_up(self):
        """The files go where only root may write; all else is the user's."""
        directory = os.path.join(self.proxy.dir, "roots")
        os.mkdir(directory, 0o700)
        self.report("--send", "-o", directory)
        self.assertEqual(len(os.listdir(directory)), 5)
        for name in os.listdir(directory):
            self.assertEqual(
                os.stat(os.path.join(directory, name)).st_uid, 0)
        for path in glob.glob(self.proxy.database + "*"):
            self.assertNotEqual(os.stat(path).st_uid, 0, path)


class Checked(Kept):
    """By serve -t, and by check."""

    def change(self, was, becomes):
        with open(self.proxy.config) as f:
            text = f.read()
        self.assertRegex(text, was)
        with open(self.proxy.config, "w") as f:
            f.write(re.sub(was, becomes, text))

    def warnings(self):
        done = subprocess.run(
            [harness.binary(), "serve", "-t", "-c", self.proxy.config],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=400,
            text=True)
        self.assertEqual(done.returncode, 0, done)
        return [line for line in done.stderr.splitlines()
                if "[results]" in line]

    def test_reports_must_pass_dmarc(self):
        [line] = self.warnings()
        self.assertIn("unsigned, so that they cannot pass DMARC: no listener "
                      "of [out] takes them", line)
        self.change(r"relay = %s\n\Z" % self.world.address(), "")
        self.assertEqual(self.warnings(), [])
        self.change("email = .*", "email = dmarc@unsigned.test")
        [line] = self.warnings()
        self.assertIn("[out] does not sign for unsigned.test", line)

    def test_the_database_is_looked_at(self):
        self.change(r"relay = %s\n\Z" % self.world.address(), "")
        done = subprocess.run(
            [harness.binary(), "check", "-c", self.proxy.config,
             "-d", "example.org",
             "--nameserver", "127.0.0.1:%d" % self.server.port, "--json"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=400)
        found = json.loads(done.stdout)
        [kept] = [f for f in found["checks"] if f["what"] == "results"]
        self.assertEqual(kept["result"], "ok")
        self.assertRegex(kept["reason"], "^0 % full, newest record of the "
                         "hour of " + clock.day(SECOND))
        self.change("email = ", "max_size = 1M\nemail = ")
        with sqlite3.connect(self.proxy.database) as db:
            db.execute("CREATE TABLE filler (bytes BLOB)")
            db.execute("INSERT INTO filler VALUES (zeroblob(980000))")
        [line] = self.warnings()
        self.assertRegex(line, "the database is 9[0-9] % full: what has no")
        for path in glob.glob(self.proxy.database + "*"):
            os.unlink(path)
        with open(self.proxy.database, "w") as f:
            f.write("no database\n" * 1000)
        if USER:
            shutil.chown(self.proxy.database, USER)
        [line] = self.warnings()
        self.assertIn("takes nothing, so that results are lost", line)
        self.assertIn("not a database", line)


class Large(Kept):
    """100,000 rows: each command takes under a second of the processor. What a
    sanitizer makes of that, on a slow machine, is more than the ten seconds
    that a tool may take: there it is a tenth of them."""

    def seconds(self, *args):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run_tool(*args)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime -
                before.ru_utime - before.ru_stime)

    def test_each_command_is_quick(self):
        with open(harness.binary(), "rb") as f:
            many = 10000 if b"__asan_init" in f.read() else 100000
        with sqlite3.connect(self.proxy.database) as db:
            db.execute("DELETE FROM row")
            numbers = ("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT "
                       "i + 1 FROM n WHERE i < %d) " % (many - 1))
            db.execute(
                numbers + "INSERT INTO row SELECT ?, 'big.test', "
                "'v=DMARC1; p=none', '10.' || (i >> 16) || '.' || "
                "(i >> 8 & 255) || '.' || (i & 255), 'none', 'fail', 'pass', "
                "'', 'big.test', 'big.test', 'example.org', "
                "'spf\tpass\tbig.test\tmfrom\n', 1 FROM n", (SECOND,))
            db.execute(
                numbers + "INSERT INTO found SELECT ? + i % 24 * 3600, 'in', "
                "'d' || (i / 10) || '.test', '10.' || (i >> 16) || '.' || "
                "(i >> 8 & 255) || '.' || (i & 255), i % 2, 0, 0, 0, "
                "'no DKIM signature' || i % 7, 1 FROM n", (SECOND,))
            db.execute(
                numbers + "INSERT INTO sent SELECT ?, 'd' || i || '.test', "
                "'v=DMARC1', 'a@d' || i || '.test', ?, 'sent', '250 ok' "
                "FROM n", (FIRST, SECOND))
        day = clock.day(SECOND)
        for args in (("dmarc-report", "-o", self.proxy.dir),
                     ("results", "--day", day),
                     ("results", "--day", day, "--by", "client", "--json"),
                     ("results", "--day", day, "--by", "reason", "--failed"),
                     ("results", "-d", "d7.test", "--day", day),
                     ("dmarc-report", "--list"),
                     ("results", "--forget", "d7.test")):
            self.assertLess(self.seconds(*args), 1e5 / many, args)


if __name__ == "__main__":
    harness.main()
