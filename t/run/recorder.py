#!/usr/bin/python3
"""The recorder: what is kept, the reflector's answers, [metrics]. Both proxies
between scripted relays, a real name server and a real spamd.
"""
import contextlib
import glob
import gzip
import os
import re
import shutil
import signal
import smtplib
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request

import harness
import clock
import inbound
import part
import postfix_case
from harness import SAMPLE, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
XSD = os.path.join(HERE, "..", "data", "dmarc-aggregate.xsd")
REFLECTOR = "check-auth@example.org"


class Both(harness.Signpost):
    """Both proxies and the recorder; `rest` is put behind."""

    def __init__(self, relay, dns_port, extra="", in_relay=None, **options):
        self.in_relay = in_relay or relay.address()
        self.in_port = harness.free_port()
        self.web_port = harness.free_port()
        self.dns_port = dns_port
        self.extra = extra
        super().__init__(relay, **options)

    def configure(self, out=(), daemon=(), rest=""):
        results = os.path.join(self.dir, "results")
        self.database = os.path.join(results, "results.sqlite")
        spool_in = os.path.join(self.dir, "spool-in")
        user = ""
        for path in (results, spool_in):
            os.makedirs(path, exist_ok=True)
            if os.getuid() == 0:
                shutil.chown(path, "mail")
        if os.getuid() == 0:
            user = "user = mail\n"
        super().configure(
            ["signature = dkim(c=relaxed/relaxed)",
             "signature = domainkeys(c=nofws)"], daemon, """
[in]
%slisten = 127.0.0.1:%d
relay = %s
authserv_id = mx.example.org
spool_dir = %s
[dns]
nameserver = 127.0.0.1:%d
timeout = 2s
[metrics]
listen = 127.0.0.1:%d
[results]
database = %s
reporter = mx.example.org
email = postmaster@example.org
%s""" % (user, self.in_port, self.in_relay, spool_in, self.dns_port,
         self.web_port, self.database, self.extra))

    def get(self, path):
        """Status and text of a page."""
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d%s" % (
                    self.web_port, path), timeout=harness.WAIT) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name):
        """The value of one series."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith("signpost_" + name + " "):
                return float(line.split()[-1])
        raise AssertionError("no " + name)

    def recorder(self):
        """Its process id."""
        return next(iter(self.pids_of("recorder")), None)  # it may have ended


class Case(inbound.Case):
    def setUp(self):
        self.world = self.relay()

    def both(self, records="", extra="", **options):
        server = self.nsd(records or "example.org A 192.0.2.1\n")
        proxy = Both(self.world, server.port, extra, **options)
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        proxy.start()
        proxy.wait_log("serving, ")
        return proxy

    def send_in(self, proxy, message, **envelope):
        client = harness.Client(proxy.in_port)
        self.addCleanup(client.close)
        client.ehlo()
        reply = client.command("XFORWARD ADDR=192.0.2.1 HELO=mail.example.org")
        self.assertEqual(reply.code, 250, reply)
        return client.message(message, **envelope)

    def send_out(self, proxy, message, **envelope):
        client = proxy.client()
        client.ehlo()
        reply = client.message(message, **envelope)
        self.assertEqual(reply.code, 250, reply)
        client.close()

    def rows(self, proxy, query):
        if not os.path.exists(proxy.database):
            return []
        with sqlite3.connect("file:%s?mode=ro" % proxy.database,
                             uri=True) as db:
            try:
                return db.execute(query).fetchall()
            except sqlite3.OperationalError:
                return []  # not there yet


def spamd(case):
    """A real spamd, local tests alone; its port."""
    part.require("spamd", case.id())
    port = harness.free_port()
    home = os.path.join("/tmp", "signpost-spamd-%d" % port)
    os.makedirs(home)
    case.addCleanup(shutil.rmtree, home, ignore_errors=True)
    process = subprocess.Popen(
        [shutil.which("spamd") or "/usr/sbin/spamd", "--local",
         "--nouser-config", "--listen=127.0.0.1:%d" % port, "--max-children=1",
         "--helper-home-dir=" + home, "--syslog=stderr",
         "--pidfile=" + os.path.join(home, "pid")],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    case.addCleanup(process.wait, 20)
    case.addCleanup(process.terminate)

    def listens():
        case.assertIsNone(process.poll(), "spamd ended")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False
    wait_until("spamd to listen", listens, 60)
    return port


class Reflector(Case):
    def records(self, proxy_key):
        return """
example.org TXT v=spf1 ip4:192.0.2.1 -all
_dmarc.example.org TXT v=DMARC1; p=reject
t2026._domainkey.example.org TXT %s
""" % proxy_key

    def test_the_classic_lines_come_back(self):
        """Signed on its way out, checked on its way in, answered."""
        key = os.path.join(HERE, "..", "data", "dkim", "rsa2048.pem")
        port = spamd(self)
        proxy = self.both(
            self.records(harness.key_record(key)),
            "[reflector]\naddress = %s\nspamd = 127.0.0.1:%d\n"
            "spamd_timeout = 120s\n" % (
                REFLECTOR, port), keys=False)
        os.makedirs(os.path.dirname(proxy.keyfile))
        shutil.copy(key, proxy.keyfile)
        os.chmod(proxy.keyfile, 0o600)
        self.send_out(proxy, SAMPLE, sender="ann@example.org")
        signed = self.world.wait_messages(1)[0].data
        reply = self.send_in(proxy, signed, sender="ann@example.org",
                             rcpts=(REFLECTOR,))
        self.assertEqual(reply.code, 250, reply)
        answer = self.world.wait_messages(3, 150)[2]
        text = answer.data.decode()
        for line in ("Summary of Results", "SPF check: pass",
                     "DomainKeys check: pass", "DKIM check: pass",
                     "Sender-ID check: pass", "DMARC check: pass",
                     "ARC check: none"):
            self.assertIn("\r\n%s\r\n" % line, text)
        self.assertRegex(text, r"\r\nSpamAssassin check: (ham|spam) \(score ")
        self.assertRegex(text, r"\r\n  Rules: [A-Z_0-9]+(,\s+[A-Z_0-9]+)*\r\n")
        self.assertIn("\r\n> Subject: a test\r\n", text)
        self.assertIn("\r\nAuto-Submitted: auto-replied\r\n", text)
        self.assertIn("\r\nIn-Reply-To: <1@example.org>\r\n", text)
        self.assertTrue(answer.mail.startswith(b"MAIL FROM:<>"), answer.mail)
        self.assertEqual(answer.rcpt, [b"RCPT TO:<ann@example.org>"])
        # The same from the command line.
        done = subprocess.run(
            [harness.binary(), "verify", "-c", proxy.config, "--summary"],
            input=signed, stdout=subprocess.PIPE, timeout=400, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout.decode(),
                         r"\nSpamAssassin check: (ham|spam) \(score ")
        self.assertRegex(done.stdout.decode(), r"\n  Rules:\n    [A-Z_0-9]+")
        self.assertTrue(harness.dkim_verifies(answer.data, {
            "t2026._domainkey.example.org": harness.key_record(key)}), text)

    def test_no_answer_to_bounces_lists_and_machines(self):
        proxy = self.both(extra="[reflector]\naddress = %s\n" % REFLECTOR)
        cases = [("", SAMPLE),
                 ("ann@example.org", b"List-Id: <a.b>\r\n" + SAMPLE),
                 ("ann@example.org", b"Auto-Submitted: auto-replied\r\n" +
                  SAMPLE),
                 ("ann@example.org", b"Precedence: bulk\r\n" + SAMPLE),
                 ("mailer-daemon@example.org", SAMPLE)]
        for sender, message in cases:
            self.send_in(proxy, message, sender=sender, rcpts=(REFLECTOR,))
        self.send_in(proxy, SAMPLE, sender="ann@example.org",
                     rcpts=("other@example.org",))
        self.send_in(proxy, SAMPLE, sender="last@example.org",
                     rcpts=("Check-Auth@example.ORG",))
        messages = self.world.wait_messages(len(cases) + 3, 40)
        self.assertEqual(messages[-1].rcpt, [b"RCPT TO:<last@example.org>"])
        self.assertEqual(len(messages), len(cases) + 3)

    def test_so_many_an_hour_and_no_more(self):
        proxy = self.both(extra="[reflector]\naddress = %s\nmax_per_hour = 2\n"
                          % REFLECTOR)
        for _ in range(5):
            self.send_in(proxy, SAMPLE, sender="ann@example.org",
                         rcpts=(REFLECTOR,))
        proxy.wait_log("too many answers an hour", 3)
        self.world.wait_messages(7, 40)
        self.assertEqual(self.world.said("MAIL FROM:<>"), 2)

    def test_an_answer_waits_for_the_next_hop(self):
        """Refused for now, it is in the database and tried again later."""
        self.world.close()
        self.world = self.relay({}, {}, {"dot": "451 4.3.0 not now"}, {})
        proxy = self.both(extra="[reflector]\naddress = %s\n" % REFLECTOR)
        self.send_in(proxy, SAMPLE, sender="ann@example.org",
                     rcpts=(REFLECTOR,))
        proxy.wait_log("will answer")
        for script in range(3):  # whichever connection it is, refuse once
            self.world.scripts[script] = {"dot": "451 4.3.0 not now"}
        proxy.wait_log("an answer waits: .*not now", 1, 40)
        wait_until("its next try, a minute on", lambda: self.rows(
            proxy, "SELECT tries, due - made >= 55 FROM answer "
            "WHERE message IS NOT NULL") == [(1, 1)])


class ThroughPostfix(postfix_case.PostfixCase):
    """587 -> signed -> the world; 25 -> checked -> its mailbox; and the
    answer, which goes out signed through Postfix as all mail does."""
    samples = ("out-after-queue", "in-after-queue", "reflector")

    def make_signpost(self):
        key = os.path.join(HERE, "..", "data", "dkim", "rsa2048.pem")
        server = inbound.nameserver.Nsd("""
example.org TXT v=spf1 ip4:127.0.0.1 -all
_dmarc.example.org TXT v=DMARC1; p=reject
t2026._domainkey.example.org TXT %s
""" % harness.key_record(key)).start()
        self.addCleanup(server.stop)
        proxy = Both(
            "127.0.0.1:%d" % self.ports["out_relay"], server.port,
            "[in]\ntrusted =\n[reflector]\naddress = %s\nspamd = 127.0.0.1:%d\n"
            "spamd_timeout = 120s\n" % (REFLECTOR, spamd(self)),
            in_relay="127.0.0.1:%d" % self.ports["in_relay"], keys=False)
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        os.makedirs(os.path.dirname(proxy.keyfile))
        shutil.copy(key, proxy.keyfile)
        os.chmod(proxy.keyfile, 0o600)
        self.ports["out"] = proxy.port
        self.ports["in_"] = proxy.in_port
        self.main = ("signpost_reflector = check_recipient_access inline:{ { "
                     "%s = FILTER signpost-own:[127.0.0.1]:%d } }\n" % (
                         REFLECTOR, proxy.in_port))
        return proxy

    def test_our_own_users_are_answered(self):
        """Written on this host, it never comes in by 25."""
        self.submit(postfix_case.message("Subject: and me?").replace(
            b"To: bob@example.net", b"To: <%s>" % REFLECTOR.encode()),
            rcpt=REFLECTOR)
        messages = self.world.wait_messages(2, 150)
        [answer] = [m for m in messages if m.mail.startswith(b"MAIL FROM:<>")]
        [copy] = [m for m in messages if m is not answer]
        self.assertIn(REFLECTOR.encode(), copy.rcpt[0])
        self.assertIn(b"\r\nAuthentication-Results: mx.example.org;",
                      copy.data)
        text = answer.data.decode()
        for line in ("SPF check: not checked", "DKIM check: pass",
                     "DomainKeys check: pass", "DMARC check: pass",
                     "nothing to do"):
            self.assertIn("\r\n%s\r\n" % line, text)
        self.assertIn("\r\n> Subject: and me?\r\n", text)
        self.assertIn("it came from this host itself", re.sub(
            r"\s+", " ", text))
        self.assert_signed(answer.data)

    def test_the_classic_five_lines(self):
        self.submit(postfix_case.message("Subject: is it all right?"))
        [signed] = self.delivered(1)
        self.assert_signed(signed)
        with smtplib.SMTP("127.0.0.1", self.ports["smtp"],
                          local_hostname="ann.test",
                          timeout=harness.WAIT) as client:
            client.sendmail("ann@example.org", [REFLECTOR], signed)
        messages = self.world.wait_messages(3, 150)
        [answer] = [m for m in messages if m.mail.startswith(b"MAIL FROM:<>")]
        text = answer.data.decode()
        for line in ("SPF check: pass", "DomainKeys check: pass",
                     "DKIM check: pass", "Sender-ID check: pass"):
            self.assertIn("\r\n%s\r\n" % line, text)
        self.assertRegex(text, r"\r\nSpamAssassin check: (ham|spam) \(score ")
        self.assertEqual([line.split(b" ORCPT")[0] for line in answer.rcpt],
                         [b"RCPT TO:<ann@example.org>"])
        self.assert_signed(answer.data)


class Results(Case):
    RECORDS = ("_dmarc.example.org TXT v=DMARC1; p=quarantine; "
               "rua=mailto:dmarc@example.org,mailto:x@other.example.net\n"
               "example.org TXT v=spf1 ip4:192.0.2.1 -all\n")

    def test_an_aggregate_report_is_made_and_sent(self):
        proxy = self.both(self.RECORDS)
        for _ in range(3):
            self.send_in(proxy, SAMPLE, sender="ann@example.org")
        self.send_in(proxy, SAMPLE, sender="ann@example.net")
        self.world.wait_messages(4)
        wait_until("rows", lambda: sum(n for n, in self.rows(
                       proxy, "SELECT count FROM row")) == 4)
        done = clock.run(
            clock.today() + 86400 + 60, "dmarc-report", "-c", proxy.config,
            "--send", "--day", clock.day(clock.today()), "-o", proxy.dir,
            "--nameserver", "127.0.0.1:%d" % proxy.dns_port)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(b"not sent to x@other.example.net", done.stderr)
        files = glob.glob(os.path.join(
            proxy.dir, "mx.example.org!example.org!*.xml.gz"))
        self.assertEqual(len(files), 1, done)
        with gzip.open(files[0]) as f:
            xml = f.read()
        subprocess.run(["xmllint", "--noout", "--nonet", "--schema", XSD, "-"],
                       input=xml, check=True, timeout=400,
                       stderr=subprocess.DEVNULL)
        self.assertIn(b"<count>3</count>", xml)
        self.assertIn(b"<disposition>pass</disposition>", xml)
        self.assertIn(b"<disposition>quarantine</disposition>", xml)
        self.assertIn(b"<source_ip>192.0.2.1</source_ip>", xml)
        mail = self.world.wait_messages(5)[4]
        self.assertEqual(mail.rcpt, [b"RCPT TO:<dmarc@example.org>"])
        self.assertIn(b"Subject: Report Domain: example.org", mail.data)
        self.assertTrue(harness.dkim_verifies(mail.data, proxy.record()))

    def test_what_was_done_is_told_not_what_was_asked_for(self):
        records = self.RECORDS.replace("p=quarantine", "p=reject")
        # By SPF it would pass, were it clear whose it is.
        faulty = b"From: bob@example.org\r\n" + SAMPLE
        for rules, code in (("reject = dmarc\ndmarc_except =\n", 550),
                            ("reject = dmarc\ndmarc_except = 192.0.2.0/24\n",
                             250),
                            ("", 250)):
            proxy = self.both(records, extra="[in]\n" + rules)
            for message, sender in ((faulty, "ann@example.org"),
                                    (SAMPLE, "ann@example.net")):
                answer = self.send_in(proxy, message, sender=sender)
                self.assertEqual(answer.code, code, answer)
            [row] = wait_until("a row", lambda: self.rows(
                proxy, "SELECT disposition, overrides, count FROM row"))
            self.assertEqual(row, ("reject", "", 1) if code == 550
                             else ("none", "local_policy\n", 1))

    def test_what_other_checks_refused_is_told_once(self):
        proxy = self.both(
            self.RECORDS + "a._domainkey.elsewhere.test CNAME "
            "b._domainkey.elsewhere.test\nb._domainkey.elsewhere.test CNAME "
            "a._domainkey.elsewhere.test\n",
            extra="[in]\nreject = dkim-required\non_dns_error = tempfail\n")
        # Its key's name leads in a circle.
        later = (b"DKIM-Signature: v=1; a=rsa-sha256; d=elsewhere.test; s=a;"
                 b" h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;"
                 b" b=" + b"A" * 342 + b"==\r\n" + SAMPLE)
        for message, code in ((later, 451), (SAMPLE, 550)):
            answer = self.send_in(proxy, message, sender="ann@example.org")
            self.assertEqual(answer.code, code, answer)
        wait_until("a row", lambda: self.rows(proxy, "SELECT * FROM row"))
        self.assertEqual(
            self.rows(proxy, "SELECT disposition, overrides, count FROM row"),
            [("reject", "local_policy\n", 1)])

    def test_killed_it_comes_back_and_mail_goes_on(self):
        proxy = self.both(self.RECORDS)
        self.send_in(proxy, SAMPLE, sender="ann@example.org")
        first = wait_until("a recorder", proxy.recorder)
        os.kill(first, signal.SIGKILL)
        begun = time.monotonic()
        for _ in range(3):
            self.assertEqual(
                self.send_in(proxy, SAMPLE, sender="ann@example.org").code,
                250)
        self.assertLess(time.monotonic() - begun, 15)
        wait_until("another recorder",
                   lambda: proxy.recorder() not in (None, first))
        # What was handed over while none was there is not lost.
        wait_until("rows", lambda: sum(n for n, in self.rows(
            proxy, "SELECT count FROM row")) >= 3)

    def test_it_hears_of_more_workers_than_a_socket_has_room_for(self):
        """Of a hundred, and of the hundred before a reload, it is handed two
        descriptors each before it reads the first."""
        proxy = self.both(self.RECORDS, daemon=["workers = 50"])
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_log("reloaded, 101 workers")
        self.assertEqual(proxy.lines("was not handed"), [])
        harness.wait_until("the old ones to end", lambda: len(
            proxy.processes()) == 1 + 101 + 1, 60)
        sockets = [os.readlink("/proc/%d/fd/%s" % (proxy.recorder(), fd))
                   for fd in os.listdir("/proc/%d/fd" % proxy.recorder())]
        self.assertGreaterEqual(sum(
            target.startswith("socket:") for target in sockets), 100)

    def test_a_full_database_is_told_and_mail_goes_on(self):
        """SQLite says the same of one over max_size as of a full disk."""
        proxy = self.both(self.RECORDS, "max_size = 1M\n")
        self.send_in(proxy, SAMPLE, sender="ann@example.org")
        wait_until("rows", lambda: self.rows(proxy, "SELECT count FROM row"))
        with sqlite3.connect(proxy.database) as db:
            db.execute("CREATE TABLE filler (bytes BLOB)")
            db.execute("INSERT INTO filler VALUES (zeroblob(980000))")
        proxy.process.send_signal(signal.SIGHUP)  # a recorder anew
        proxy.wait_log("reloaded, ")
        client = harness.Client(proxy.in_port)
        client.ehlo()
        sent = 0
        while not proxy.lines("results database: .*full.*lost so far"):
            self.assertLess(sent, 2000)
            self.assertEqual(client.message(SAMPLE.replace(
                b"ann@example.org", b"ann@%d.example" % sent)).code, 250)
            sent += 1
        client.close()
        self.world.wait_messages(sent + 1)

    def lost(self, proxy):
        return proxy.metric('records_lost_total{proxy="in"}')

    def send_five(self, proxy):
        for _ in range(5):
            self.assertEqual(
                self.send_in(proxy, SAMPLE, sender="ann@example.org").code,
                250)

    def assert_told(self, proxy, why):
        """On the page, in health, in the log: five are lost."""
        wait_until("lost ones to be counted", lambda: self.lost(proxy) >= 5)
        status, text = proxy.get("/health")
        self.assertEqual(status, 200, text)  # mail goes through
        self.assertRegex(text, "results database: .*" + why)
        page = proxy.get("/")[1]
        self.assertRegex(page, "<b>results database</b>: .*" + why)
        self.assertNotIn("is not kept: set", page)
        self.assertRegex(page, "<b>records</b>: [5-9] lost in the last hour")

    def test_what_a_locked_database_did_not_take_is_counted(self):
        proxy = self.both(self.RECORDS)
        self.send_five(proxy)
        wait_until("rows", lambda: self.rows(proxy, "SELECT count FROM row"))
        with contextlib.closing(sqlite3.connect(proxy.database)) as db:
            db.isolation_level = None
            db.execute("BEGIN IMMEDIATE")
            self.send_five(proxy)
            self.assert_told(proxy, "locked")
            db.execute("ROLLBACK")
        proxy.wait_log("it can be used again; 5 records were lost")
        self.assertNotIn("results database", proxy.get("/health")[1])
        self.assertIn("records: 5 lost", proxy.get("/health")[1])
        self.send_five(proxy)
        wait_until("what came after", lambda: self.rows(
            proxy, "SELECT sum(count) FROM row") == [(10,)])
        self.assertEqual(self.lost(proxy), 5)

    def test_a_tool_that_writes_costs_no_record(self):
        proxy = self.both(self.RECORDS)
        self.send_five(proxy)
        wait_until("rows", lambda: self.rows(proxy, "SELECT count FROM row"))
        with contextlib.closing(sqlite3.connect(proxy.database)) as db:
            db.isolation_level = None
            db.execute("BEGIN IMMEDIATE")
            self.send_five(proxy)
            time.sleep(2.5)  # a tick, and the half second that it tries
            db.execute("ROLLBACK")
        wait_until("all of them", lambda: self.rows(
            proxy, "SELECT sum(count) FROM row") == [(10,)])
        self.assertEqual(self.lost(proxy), 0)
        self.assertFalse(proxy.lines("results database: "))

    def test_a_database_that_is_gone_is_told_and_made_anew(self):
        proxy = self.both(self.RECORDS)
        self.send_five(proxy)
        wait_until("rows", lambda: self.rows(proxy, "SELECT count FROM row"))
        for path in glob.glob(proxy.database + "*"):
            os.unlink(path)
        proxy.wait_log("results database: .* is gone")
        self.send_five(proxy)
        wait_until("rows in the new file", lambda: self.rows(
            proxy, "SELECT sum(count) FROM row") == [(5,)])

    def test_what_a_foreign_file_does_not_take_is_counted(self):
        """No database at all; and one that another user owns."""
        proxy = self.both(self.RECORDS)
        self.send_five(proxy)
        wait_until("rows", lambda: self.rows(proxy, "SELECT count FROM row"))
        for path in glob.glob(proxy.database + "*"):
            os.unlink(path)
        with open(proxy.database, "w") as f:
            f.write("no database\n" * 1000)
        if os.getuid() == 0:
            shutil.chown(proxy.database, "mail")
        proxy.wait_log("file is not a database")
        self.send_five(proxy)
        self.assert_told(proxy, "not a database")
        os.unlink(proxy.database)
        proxy.wait_log("it can be used again; [0-9]+ records were lost")

    def test_what_a_killed_one_had_in_its_hands_is_counted(self):
        proxy = self.both(self.RECORDS)
        pid = wait_until("a recorder", proxy.recorder)
        self.send_five(proxy)
        os.kill(pid, signal.SIGKILL)
        wait_until("another", lambda: proxy.recorder() not in (None, pid))
        # At a bad moment one that is kept counts as lost; none is lost in
        # silence.
        wait_until("kept and lost to be all", lambda: 5 <=
                   self.lost(proxy) + sum(n for n, in self.rows(
                       proxy, "SELECT count FROM row")) <= 10)

    def test_one_client_and_one_domain_are_one_row(self):
        """However they are spelt; and who is not told is not our own host."""
        proxy = self.both(self.RECORDS)

        def send(xforward, message=SAMPLE, **envelope):
            client = harness.Client(proxy.in_port)
            client.ehlo()
            if xforward:
                client.command("XFORWARD " + xforward)
            self.assertEqual(client.message(message, **envelope).code, 250)
            client.close()

        for sender, rcpt in (("ann@example.org", "b@example.net"),
                             ("ann@EXAMPLE.org", "b@Example.NET")):
            send("ADDR=192.0.2.1 HELO=a.test", sender=sender, rcpts=(rcpt,))
        for address in ("2001:db8::1", "2001:DB8:0:0::1"):
            send("ADDR=IPV6:%s HELO=a.test" % address, sender="")
        for address in ("192.0.2.9", "IPV6:::ffff:192.0.2.9"):
            send("ADDR=%s HELO=[192.0.2.9]" % address, sender="")
        send("ADDR=192.0.2.7 HELO=a.test", sender="",
             message=SAMPLE.replace(b"example.org", b"EXAMPLE.ORG", 1))
        send(None, sender="ann@example.org")
        send("ADDR=[UNAVAILABLE] HELO=a.test", sender="ann@example.org")
        wait_until("all", lambda: self.rows(
            proxy, "SELECT sum(count) FROM tally WHERE what = 'message'") ==
            [(9,)])
        self.assertEqual(sorted(self.rows(
            proxy, "SELECT client, author, count FROM row")), [
                ("192.0.2.1", "example.org", 2),
                ("192.0.2.7", "example.org", 1),
                ("192.0.2.9", "example.org", 2),
                ("2001:db8::1", "example.org", 2)])
        self.assertEqual(self.rows(
            proxy, "SELECT count(*) FROM row WHERE results LIKE '%[%'"),
            [(0,)])

    def test_what_waited_at_the_end_is_told(self):
        proxy = self.both(self.RECORDS)
        pid = wait_until("a recorder", proxy.recorder)
        os.kill(pid, signal.SIGSTOP)
        self.send_five(proxy)
        proxy.process.terminate()
        time.sleep(0.2)  # long enough for the master to stop all others
        os.kill(pid, signal.SIGKILL)
        proxy.wait_log("5 records are lost: no recorder took them")
        proxy.process.wait(harness.WAIT)  # it is told once

    def test_a_stopped_one_costs_no_message_its_time(self):
        """What it does not take is dropped, counted and logged."""
        proxy = self.both(self.RECORDS)
        pid = wait_until("a recorder", proxy.recorder)
        os.kill(pid, signal.SIGSTOP)
        try:
            client = proxy.client()
            client.ehlo()
            begun = time.monotonic()
            sent = 0
            while not proxy.lines("recorder does not take records"):
                self.assertLess(sent, 3000)
                client.message(SAMPLE)
                sent += 1
            self.assertLess(time.monotonic() - begun, 60)
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until("lost records counted", lambda: proxy.metric(
            'records_lost_total{proxy="out"}') > 0)


    def test_a_database_that_cannot_be_is_told_at_the_start(self):
        proxy = Both(self.world, 53)
        self.addCleanup(proxy.clean)
        with open(proxy.config) as f:
            text = f.read().replace(proxy.database, "/nowhere/r")
        with open(proxy.config, "w") as f:
            f.write(text)
        done = subprocess.run(
            [harness.binary(), "serve", "-t", "-c", proxy.config],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400)
        self.assertEqual(done.returncode, 78, done)
        self.assertIn(b"[results] database: /nowhere cannot be written",
                      done.stdout)


class Metrics(Case):
    def test_figures(self):
        proxy = self.both()
        old = time.time() - 100 * 86400
        os.utime(proxy.keyfile, (old, old))
        self.send_out(proxy, SAMPLE)
        self.send_out(proxy, SAMPLE.replace(b"example.org", b"example.net"))
        self.send_in(proxy, SAMPLE)
        status, text = proxy.get("/metrics")
        self.assertEqual(status, 200)
        for line in text.splitlines():
            self.assertRegex(
                line, r'^(# (HELP|TYPE) (signpost|process)_\w+ .+|'
                r'(signpost|process)_\w+'
                r'(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [0-9.]+)$')
        for name, value in (
                ('messages_total{proxy="out",status="sent"}', 2),
                ('messages_total{proxy="in",status="sent"}', 1),
                ('signatures_total{proxy="out"}', 2),
                ('unsigned_total{proxy="out",reason="no-key-for-domain"}', 1),
                ('results_total{proxy="in",method="dkim",result="none"}', 1),
                ('trusted_total{proxy="in"}', 0),
                ('delay_seconds_count{proxy="out"}', 2),
                ('workers{proxy="out"}', 1), ("config_generation", 1)):
            self.assertEqual(proxy.metric(name), value, name)
        wait_until("the key's figures", lambda: proxy.metric(
            'keys_cached{signer="1"}') == 1, 20)
        wait_until("a figure of its age", lambda: 90 * 86400 < proxy.metric(
            'key_age_seconds{signer="1"}') < 110 * 86400)
        self.assertEqual(proxy.metric(
            'signer_answers_total{signer="1",proxy="out",answer="done"}'), 2)
        names = re.findall(r"^# TYPE (\w+)", text, re.M)
        self.assertEqual(len(names), len(set(names)))

    def test_health_fails_when_mail_would(self):
        proxy = self.both()
        self.assertEqual(proxy.get("/health"), (200, "ok\n"))
        self.world.close()
        self.world.hang_up()
        status, text = proxy.get("/health")
        self.assertEqual(status, 503)
        self.assertIn("next hop 127.0.0.1:%d" % self.world.port, text)
        self.assertIn("next hop", proxy.get("/")[1])

    def test_health_tells_of_a_missing_worker(self):
        proxy = self.both()
        worker = proxy.pids_of("out")
        for _ in range(3):  # the pause before the next one grows
            os.kill(worker[0], signal.SIGKILL)
            wait_until("trouble", lambda: proxy.get("/health")[0] == 503)
            status, text = proxy.get("/health")
            if "0 of 1 workers" in text:
                break
        self.assertIn("out: 0 of 1 workers serve", text)
        wait_until("health", lambda: proxy.get("/health")[0] == 200)
        self.assertGreaterEqual(proxy.metric("workers_restarted_total"), 1)

    def test_other_addresses_and_pages_are_refused(self):
        proxy = self.both(extra="[metrics]\nallow = 127.0.0.2\n")
        self.assertEqual(proxy.get("/metrics")[0], 403)
        proxy = self.both()
        self.assertEqual(proxy.get("/../etc/passwd")[0], 404)

    def test_more_connections_than_are_served(self):
        """The slowest make room, at no cost, and none is served for ever."""
        proxy = self.both()
        pid = proxy.recorder()

        def ticks():
            with open("/proc/%d/stat" % pid) as f:
                return sum(map(int, f.read().split()[13:15]))

        crowd = [socket.create_connection(("127.0.0.1", proxy.web_port))
                 for _ in range(400)]
        for client in crowd:
            self.addCleanup(client.close)
        time.sleep(0.5)
        before, said = ticks(), len(proxy.text())
        time.sleep(2)
        self.assertLess(ticks() - before, 50)
        self.assertLess(len(proxy.text()) - said, 4096)
        self.assertLess(len(os.listdir("/proc/%d/fd" % pid)), 128)
        begun = time.monotonic()
        self.assertEqual(proxy.get("/metrics")[0], 200)  # though all wait
        self.assertLess(time.monotonic() - begun, 6)
        for client in crowd[:-1]:
            client.close()
        crowd[-1].settimeout(0.5)
        begun = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < begun + harness.WAIT:
                crowd[-1].sendall(b"x")  # never silent, never done
                with contextlib.suppress(TimeoutError):
                    if not crowd[-1].recv(1):
                        break
        self.assertLess(time.monotonic() - begun, 15)
        self.assertEqual(proxy.get("/metrics")[0], 200)


class End(Case):
    @harness.for_root("processes that cannot be traced by others")
    def test_told_to_end_again_at_each_step_of_the_end(self):
        """SIGTERM at each descriptor that is closed and each signal that is let
        go: nobody ends by it, and what was to be kept is."""
        proxy = self.both()
        self.send_out(proxy, SAMPLE)
        pids, tracers = proxy.processes(), []
        self.assertEqual(
            {harness.role_of(pid) for pid in pids},
            {"master", "out", "in", "signer", "recorder"})
        for pid in pids:
            trace = os.path.join(proxy.dir, "trace.%d" % pid)
            tracers.append((trace, subprocess.Popen(
                ["strace", "-q", "-o", trace, "-e",
                 "trace=close,rt_sigaction", "-e",
                 "inject=close,rt_sigaction:signal=TERM", "-p", str(pid)],
                stderr=subprocess.DEVNULL)))
            wait_until("the tracer", lambda p=pid: harness.status_of(p)[
                "TracerPid"] != "0")
        proxy.process.send_signal(signal.SIGTERM)
        self.assertEqual(proxy.process.wait(harness.WAIT), 0, proxy.text())
        for trace, tracer in tracers:
            tracer.wait(harness.WAIT)
            with open(trace, encoding="utf-8") as f:
                lines = f.read().splitlines()
            self.assertIn("--- SIGTERM", "\n".join(lines))
            self.assertEqual(lines[-1], "+++ exited with 0 +++", lines[-9:])
        self.assertEqual(proxy.lines("signal|died|lost"), [])
        with sqlite3.connect(proxy.database) as db:
            self.assertTrue(db.execute(
                "select count(*) from sqlite_master").fetchone()[0])


if __name__ == "__main__":
    harness.main()
