#!/usr/bin/python3
"""What is said of how it goes: /health, the page as a browser shows it, the
figures as promtool takes them. Both proxies between scripted relays.
"""
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time

import harness
import recorder
from harness import SAMPLE, wait_until

import browser
import part

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
RULES = os.path.join(TOP, "etc", "prometheus", "signpost.rules.yml")
DASHBOARD = os.path.join(TOP, "etc", "prometheus", "signpost.dashboard.json")
RULES_TEST = os.path.join(TOP, "t", "data", "prometheus", "signpost.test.yml")
HURRY = 20


class MuteServer:
    """A name server that says nothing until it is told to, and then that it
    does not know (REFUSED)."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.asked = 0
        self.answers = False
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                question, client = self.socket.recvfrom(4096)
            except OSError:
                return
            self.asked += 1
            if self.answers:
                self.socket.sendto(question[:2] + b"\x81\x05" + question[4:],
                                   client)


class Case(recorder.Case):
    def verbose(self, proxy):
        """/health?verbose as (status, [(level, "part: text")])."""
        status, text = proxy.get("/health?verbose")
        lines = [line.split(None, 1) for line in text.splitlines()]
        for level, _ in lines:
            self.assertIn(level, ("ok", "warn", "fail"))
        self.assertEqual(status == 503, any(l == "fail" for l, _ in lines))
        return status, lines

    def wait_line(self, proxy, level, pattern, seconds=harness.WAIT):
        return wait_until(
            "%s %s in %s" % (level, pattern, proxy.get("/health?verbose")[1]),
            lambda: [line for l, line in self.verbose(proxy)[1]
                     if l == level and re.search(pattern, line)], seconds)

    def worker(self, proxy, role):
        return next(iter(proxy.pids_of(role)), None)


class Health(Case):
    def test_a_line_for_each_part(self):
        proxy = self.both()
        self.wait_line(proxy, "ok", r"name server: 127\.0\.0\.1:\d+ answers")
        status, lines = self.verbose(proxy)
        self.assertEqual(status, 200)
        self.assertEqual({level for level, _ in lines}, {"ok"}, lines)
        text = "\n".join(line for _, line in lines)
        for pattern in (
                r"^out: next hop 127\.0\.0\.1:%d$" % self.world.port,
                r"^in: next hop 127\.0\.0\.1:%d$" % self.world.port,
                "^out: 1 of 1 workers serve$", "^in: 1 of 1 workers serve$",
                "^out: 0 messages signed in the last hour$",
                "^out: 0 of 0 messages deferred in the last hour$",
                "^reports: 0 of yesterday were sent$", "^records: none lost", "^reload: ", "^program: .*/signpost",
                "^results database: /.*results.sqlite, [1-9]"):
            self.assertRegex(text, re.compile(pattern, re.M))
        self.assertEqual(proxy.get("/health"), (200, "ok\n"))

    def test_where_nothing_can_be_signed_for_five_minutes(self):
        proxy = self.both(hurry=HURRY)
        os.chmod(proxy.keyfile, 0o644)  # refused from now on
        client = proxy.client()
        client.ehlo()
        for n in range(3):
            self.assertEqual(proxy.get("/health")[0], 200, n)
            self.assertEqual(client.message(SAMPLE).code, 451)
        failed = time.monotonic()
        status, text = proxy.get("/health")
        self.assertEqual(status, 503)
        self.assertIn("out: signing failed for all 3 messages", text)
        self.assertIn("<span class='state trouble'>", proxy.get("/")[1])
        # Mail that no rule signs is no sign of health.
        self.assertEqual(client.message(SAMPLE.replace(
            b"ann@example.org", b"ann@elsewhere.test")).code, 250)
        self.assertEqual(proxy.get("/health")[0], 503)
        wait_until("health, five minutes after the last failure",
                   lambda: proxy.get("/health")[0] == 200, 1200 / HURRY)
        took = (time.monotonic() - failed) * HURRY
        self.assertGreater(took, 290)
        self.assertLess(took, 500)
        self.wait_line(proxy, "warn",
                       "out: signing failed for 3 of 3 messages in the last")
        self.assertIn("<span class='state attention'>", proxy.get("/")[1])

    def test_where_mail_is_put_off(self):
        self.world.scripts[:] = [{"dot": "451 4.3.0 not now"}]
        proxy = self.both()
        for n in range(5):
            self.assertEqual(self.send_in(proxy, SAMPLE).code, 451)
            if n == 0:
                self.assertEqual(proxy.get("/health")[0], 200)
                self.assertIn("<span class='state attention'>",
                              proxy.get("/")[1])
        self.assertEqual(proxy.get("/health")[0], 503)
        self.assertIn("in</b>: all 5 messages of the last 5 minutes were "
                      "deferred", proxy.get("/")[1])
        self.world.scripts[:] = [{}]
        self.assertEqual(self.send_in(proxy, SAMPLE).code, 250)
        self.wait_line(proxy, "warn", "in: 5 of 6 messages deferred")

    def test_a_stranger_cannot_say_that_mail_stops(self):
        """The name of his key leads in a circle: put off, as configured."""
        proxy = self.both(
            "a._domainkey.evil.test CNAME b._domainkey.evil.test\n"
            "b._domainkey.evil.test CNAME a._domainkey.evil.test\n",
            "[in]\nreject = dkim-required\non_dns_error = tempfail\n")
        evil = (b"DKIM-Signature: v=1; a=rsa-sha256; d=evil.test; s=a; h=from;"
                b"\r\n bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;"
                b"\r\n b=" + b"A" * 342 + b"==\r\n" + SAMPLE)
        for _ in range(6):
            self.assertEqual(self.send_in(proxy, evil).code, 451)
        self.wait_line(proxy, "warn", "in: 6 of 6 messages deferred")
        self.assertEqual(proxy.get("/health")[0], 200)

    def test_a_worker_that_hangs(self):
        proxy = self.both(hurry=HURRY)
        pid = self.worker(proxy, "in")
        os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        try:
            self.wait_line(proxy, "fail", "in: 0 of 1 workers serve, 1 hang")
            # Its last sign of life may be a while ago on a busy machine.
            self.assertGreater((time.monotonic() - begun) * HURRY, 7)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.wait_line(proxy, "ok", "in: 1 of 1 workers serve")

    def test_a_name_server_that_is_silent(self):
        """Though nobody sends a message; until it answers, no sooner."""
        server = MuteServer()
        self.addCleanup(server.socket.close)
        proxy = recorder.Both(self.world, server.port, hurry=HURRY)
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        proxy.start()
        [line] = self.wait_line(proxy, "warn", "name server: 127.0.0.1:%d: no "
                                "answer, since" % server.port)
        self.assertEqual(proxy.get("/health")[0], 200)
        self.assertIn("name server</b>: 127.0.0.1:%d: no answer" % server.port,
                      proxy.get("/")[1])
        asked = server.asked
        wait_until("more questions", lambda: server.asked > asked + 1)
        self.wait_line(proxy, "warn", re.escape(line))  # the same moment
        server.answers = True
        self.wait_line(proxy, "ok", "name server: 127.0.0.1:%d answers" %
                       server.port)

    def test_a_reload_that_is_refused(self):
        proxy = self.both()
        with open(proxy.config) as f:
            good = f.read()
        with open(proxy.config, "w") as f:
            f.write(good + "nonsense = 1\n")
        proxy.process.send_signal(signal.SIGHUP)
        [line] = self.wait_line(proxy, "warn", "reload: refused at ")
        self.assertIn("signpost.conf:%d: " % (good.count("\n") + 1), line)
        self.assertIn("nonsense", line)
        self.assertEqual(proxy.metric("config_last_reload_successful"), 0)
        taken = proxy.metric("config_last_reload_success_timestamp_seconds")
        time.sleep(1.1)
        with open(proxy.config, "w") as f:
            f.write(good)
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_log("reloaded, ")
        self.wait_line(proxy, "ok", "reload: ")
        self.assertEqual(proxy.metric("config_last_reload_successful"), 1)
        self.assertGreater(
            proxy.metric("config_last_reload_success_timestamp_seconds"),
            taken)

    def test_who_asks_during_reloads_is_answered(self):
        proxy = self.both()
        for n in range(3):
            proxy.process.send_signal(signal.SIGHUP)
            while len(proxy.lines("reloaded, ")) <= n:
                self.assertEqual(proxy.get("/health")[0], 200)
            for _ in range(20):
                self.assertEqual(proxy.get("/health")[0], 200)

    def test_answers_and_reports_that_wait(self):
        proxy = self.both(extra="[reflector]\naddress = %s\n" %
                          recorder.REFLECTOR)
        self.wait_line(proxy, "ok", "reflector: no answer waits")
        now = int(time.time())
        yesterday = now - now % 86400 - 86400
        with sqlite3.connect(proxy.database, timeout=20) as db:
            db.execute("INSERT INTO answer (made, due, tries, proven, "
                       "recipient, message) VALUES (?, ?, 1, 1, 'a@b', 'x')",
                       (now, now + 600))
            db.execute("INSERT INTO sent VALUES (?, 'a.example', 'p', "
                       "'r@a.example', ?, 'deferred', '451 later')",
                       (yesterday, now))
        self.wait_line(proxy, "warn", "reflector: answers that wait.*: 1$")
        self.wait_line(proxy, "warn", "reports: 1 of yesterday's 1 wait")
        self.assertEqual(proxy.metric("reports_sent_total"), 0)
        with sqlite3.connect(proxy.database, timeout=20) as db:
            db.execute("UPDATE sent SET state = 'sent', at = ?",
                       (int(time.time()),))
            db.execute("DELETE FROM answer")
        self.wait_line(proxy, "ok", "reports: 1 of yesterday were sent")
        with sqlite3.connect(proxy.database, timeout=20) as db:
            db.execute("INSERT INTO sent VALUES (?, 'b.example', 'p', "
                       "'r@b.example', ?, 'unwanted', '')", (yesterday, now))
        self.wait_line(proxy, "ok", "reports: 1 of yesterday's 2 were sent, "
                       "the others are refused or not wanted")
        wait_until("a report sent", lambda: proxy.metric(
            "reports_sent_total") == 1)
        self.assertGreaterEqual(
            proxy.metric("reports_last_success_timestamp_seconds"), now)
        time.sleep(1)
        self.assertEqual(proxy.metric("reports_sent_total"), 1)
        if time.gmtime().tm_hour < 6:
            return  # the day is too young to complain
        with sqlite3.connect(proxy.database, timeout=20) as db:
            db.execute("DELETE FROM sent")
            db.execute("INSERT INTO row VALUES (?, 'a.example', "
                       "'v=DMARC1; p=none; rua=mailto:r@a.example', "
                       "'', '', '', '', '', '', '', '', '', 1)",
                       (yesterday,))
        self.wait_line(proxy, "warn", "reports: none of yesterday was sent")

    def test_a_program_that_was_replaced(self):
        folder = tempfile.mkdtemp(prefix="signpost-t-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        program = shutil.copy(harness.binary(), folder)
        before = os.environ["SIGNPOST"]
        self.addCleanup(os.environ.__setitem__, "SIGNPOST", before)
        os.environ["SIGNPOST"] = program
        proxy = self.both()
        self.wait_line(proxy, "ok", "program: %s is what runs" % program)
        shutil.copy(program, program + ".new")
        os.rename(program + ".new", program)
        self.wait_line(proxy, "warn", "program: %s is another one" % program)
        proxy.process.send_signal(signal.SIGHUP)  # the same program again
        proxy.wait_log("reloaded, ")
        self.wait_line(proxy, "warn", "program: %s is another one" % program)

    def test_slow_clients_and_foreign_names(self):
        proxy = self.both()
        crowd = [socket.create_connection(("127.0.0.1", proxy.web_port))
                 for _ in range(40)]
        for client in crowd:
            self.addCleanup(client.close)
            client.sendall(b"GET /health HTTP/1.1\r\n")
        begun = time.monotonic()
        self.assertEqual(proxy.get("/health"), (200, "ok\n"))
        # Before the first of them is let go, which is after ten seconds.
        self.assertLess(time.monotonic() - begun, 8)
        for host, status in (("evil.example", b"421"), ("localhost", b"200")):
            with socket.create_connection(
                    ("127.0.0.1", proxy.web_port), 10) as client:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n" %
                               host.encode())
                self.assertEqual(client.makefile("rb").readline().split()[1],
                                 status)


class Page(Case):
    """What a person sees; with SIGNPOST_PICTURES=FOLDER pictures are kept."""
    HOSTILE = ("<script>document.title='taken'</script>.example",
               "a\u202eb.example", "", "w" * 237,
               "m\u00fcller-l\u00fcdenscheidt-gesellschaft-mit-beschr\u00e4nkter"
               "-haftung.example", ".".join(c * 60 for c in "xyz") + ".example",
               "'\"><img src=x>.example")

    def fill(self, proxy, domains):
        """Two days of mail of many domains, straight into the database."""
        hour = int(time.time()) // 3600 * 3600
        names = ["d%d.example" % n for n in range(domains)]
        with sqlite3.connect(proxy.database, timeout=20) as db:
            for back in range(48):
                at = hour - back * 3600
                rows = [(at, "in", name, "message", "sent", 20)
                        for name in self.HOSTILE] + [
                       (at, "in", name, "dmarc", "fail", 13)
                       for name in self.HOSTILE] + [
                       (at, "in", name, "dmarc", "pass", 7)
                       for name in self.HOSTILE] + [
                       (at, "out", "example.org", "outgoing", "signed", 4000),
                       (at, "in", "example.org", "message", "sent", 18),
                       (at, "in", "example.org", "dmarc", "fail", 8)] + [
                       (at, "in", name, what, result, n % 7 + 1)
                       for n, name in enumerate(names) if n % 48 == back
                       for what, result in (("message", "sent"),
                                            ("dmarc", "pass"))]
                db.executemany("INSERT OR REPLACE INTO tally VALUES "
                               "(?,?,?,?,?,?)", rows)
                db.executemany(
                    "INSERT OR REPLACE INTO failure VALUES (?,?,?,?,?,?)",
                    [(name, at, "reject", client, why, 3)
                     for name in self.HOSTILE + ("example.org",)
                     for client in ("192.0.2.1", "2001:db8:1:2:3:4:5:678",
                                    "198.51.100.7", "203.0.113.9")
                     for why in ("no DKIM, SPF fail",)])

    EVERY = tuple((w, dark) for w in (390, 1280) for dark in (False, True))

    def look(self, view, proxy, name, query="", ways=EVERY):
        """The page at both widths, light and dark; its text at the last."""
        address = "http://127.0.0.1:%d/%s" % (proxy.web_port, query)
        for width, dark in ways:
            view.open(address, width=width, dark=dark)
            self.assertEqual(view.value("innerWidth"), width)
            self.assertLessEqual(view.value(
                "document.documentElement.scrollWidth"), width, name)
            # As large as it is shown, whatever it is scaled by.
            small = view.value("""
                Math.min(...Array.from(document.querySelectorAll(
                    ".axis, svg text")).map(e =>
                    parseFloat(getComputedStyle(e).fontSize) *
                    (e.getScreenCTM ? Math.min(e.getScreenCTM().a,
                        e.getScreenCTM().d) : 1)), 99)""")
            self.assertGreaterEqual(small, 11, name)
            self.assertEqual(view.asked_for(), [address])
            self.assertNotEqual(view.value("document.title"), "taken")
            self.assertEqual(view.value(
                "document.querySelectorAll('script,img').length"), 0)
            if os.environ.get("SIGNPOST_PICTURES"):
                view.picture(os.path.join(
                    os.environ["SIGNPOST_PICTURES"], "%s-%d-%s.png" % (
                        name, width, "dark" if dark else "light")), 2000)
        return view.value("document.body.innerText")

    @part.needs("browser")
    def test_as_a_browser_shows_it(self):
        proxy = self.both(recorder.Results.RECORDS)
        wait_until("the database", lambda: self.rows(
            proxy, "SELECT 1 FROM sqlite_master WHERE name = 'failure'"))
        with browser.Browser(proxy.dir) as view:
            self.empty(view, proxy)
            self.crowded(view, proxy)
            with open(proxy.config, "a") as f:
                f.write("nonsense = 1\n")
            proxy.process.send_signal(signal.SIGHUP)
            proxy.wait_log("reload refused")
            text = self.look(view, proxy, "attention", ways=self.EVERY[:1])
            self.assertIn("\nattention\n", text)
            self.assertIn("nonsense", text)
            self.world.close()
            self.world.hang_up()
            text = self.look(view, proxy, "trouble")
            self.assertIn("\ntrouble\n", text)
            self.assertIn("next hop 127.0.0.1:%d" % self.world.port, text)

    def empty(self, view, proxy):
        text = self.look(view, proxy, "nothing")
        self.assertIn("\nall is well\n", text)
        self.assertIn("Up since 20", text)
        self.assertIn("all times are UTC", text)
        self.assertIn("example.org ours no failures in 0 messages", text)

    def crowded(self, view, proxy):
        self.send_in(proxy, SAMPLE, sender="ann@example.net")
        self.send_out(proxy, SAMPLE)
        wait_until("both records", lambda: self.rows(
            proxy, "SELECT sum(count) FROM tally "
            "WHERE what = 'message'") == [(2,)])
        self.fill(proxy, 3000)
        text = self.look(view, proxy, "crowded")
        self.assertIn("(no author)", text)
        self.assertRegex(text, r"example\.org ours \d+ of \d+ fail, policy "
                         r"p=reject\nFrom 192\.0\.2\.1 \(7[2-5]\), ")
        self.assertIn(" and 1 more\n", text)
        self.assertRegex(text, r"\n100 of \d{4} domains")
        self.assertEqual(view.value(
            "document.querySelectorAll('#domains tbody tr').length"), 100)
        self.assertEqual(view.value(
            "document.querySelectorAll('svg.bars').length"), 2)
        self.assertIn("w" * 237, view.value(
            "Array.from(document.querySelectorAll('[title]'), "
            "e => e.title).join(' ')"))
        text = self.look(view, proxy, "all", "?hours=48&sort=fail&all",
                         self.EVERY[:1])
        self.assertGreater(view.value(
            "document.querySelectorAll('#domains tbody tr').length"), 3000)


class Figures(Case):
    def every_figure(self):
        """A page with all that there can be on it."""
        proxy = self.both(
            "example.org A 192.0.2.1\nexample.org TXT v=spf1 -all\n",
            "[reflector]\naddress = %s\n" % recorder.REFLECTOR)
        self.send_out(proxy, SAMPLE)
        self.send_in(proxy, SAMPLE)
        self.send_in(proxy, b"Auto-Submitted: auto-replied\r\n" + SAMPLE,
                     sender="ann@example.org", rcpts=(recorder.REFLECTOR,))
        wait_until("the reflector", lambda: proxy.metric(
            'reflector_answers_total{result="not_answered"}') == 1)
        wait_until("DNS figures", lambda: proxy.metric(
            'dns_seconds_count{proxy="in"}') > 0)
        return proxy, proxy.get("/metrics")[1]

    @staticmethod
    def names(text):
        return set(re.findall(r"^# TYPE (\w+)", text, re.M))

    @part.needs("prometheus")
    def test_figures_alerts_and_dashboard(self):
        proxy, text = self.every_figure()
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=text.encode(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400)
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        series = [line.rsplit(" ", 1)[0] for line in text.splitlines()
                  if not line.startswith("#")]
        self.assertEqual(len(series), len(set(series)))
        self.true_figures(proxy)
        self.known(text, RULES, self.expressions_of_rules())
        self.known(text, DASHBOARD, self.expressions_of_dashboard())

    def true_figures(self, proxy):
        value = proxy.metric
        asked = sum(value('dns_questions_total{proxy="in",outcome="%s"}' % o)
                    for o in ("ok", "nodata", "nxdomain", "tempfail"))
        self.assertEqual(
            asked, value('dns_cache_hits_total{proxy="in"}') +
            value('dns_merged_total{proxy="in"}') +
            value('dns_seconds_count{proxy="in"}'))
        self.assertGreaterEqual(
            value('dns_packets_total{proxy="in",kind="sent"}'),
            value('dns_seconds_count{proxy="in"}'))
        for name, wanted in (('relay_up{proxy="out"}', 1),
                             ('relay_up{proxy="in"}', 1),
                             ("config_last_reload_successful", 1),
                             ("results_database_up", 1),
                             ('build_info{version="%s"}' % self.version(), 1)):
            self.assertEqual(value(name), wanted, name)
        self.assertGreater(value("results_database_bytes"), 4096)
        self.processes(proxy)

    @staticmethod
    def version():
        return subprocess.run(
            [harness.binary(), "--version"], stdout=subprocess.PIPE,
            timeout=400, check=True).stdout.decode().split()[1]

    def processes(self, proxy):
        roles = {}
        for line in proxy.get("/metrics")[1].splitlines():
            found = re.match(r'process_(\w+)\{role="(\w+)",slot="\d+"\} (.*)',
                             line)
            if found:
                roles.setdefault(found[2], {})[found[1]] = float(found[3])
        self.assertEqual(
            set(roles), {"master", "out", "in", "recorder", "signer"})
        for role, figures in roles.items():
            self.assertGreater(figures["resident_memory_bytes"], 1 << 19, role)
            self.assertLess(abs(figures["start_time_seconds"] - time.time()),
                            120, role)
            self.assertGreater(figures["open_fds"], 3, role)
            self.assertLess(figures["open_fds"], figures["max_fds"], role)
            self.assertIn("cpu_seconds_total", figures, role)

    def expressions_of_rules(self):
        import yaml  # python3-yaml
        with open(RULES) as f:
            rules = yaml.safe_load(f)["groups"][0]["rules"]
        with open(RULES_TEST) as f:
            told = f.read()
        for rule in rules:
            for what in ("fires", "does not fire"):
                self.assertIn("name: %s %s\n" % (rule["alert"], what), told)
        folder = tempfile.mkdtemp(prefix="signpost-t-")
        self.addCleanup(shutil.rmtree, folder)
        for path in (RULES, RULES_TEST):
            shutil.copy(path, folder)
        self.promtool("check", "rules", RULES)
        self.promtool("test", "rules", os.path.join(
            folder, os.path.basename(RULES_TEST)))
        return [rule["expr"] for rule in rules]

    def expressions_of_dashboard(self):
        """They are good PromQL, as rules would be."""
        with open(DASHBOARD) as f:
            board = json.load(f)
        found = [target["expr"] for panel in board["panels"]
                 for target in panel["targets"]]
        ids = [panel["id"] for panel in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as f:
            json.dump({"groups": [{"name": "d", "rules": [
                {"record": "d:%d" % n, "expr": text.replace(
                    "$__rate_interval", "5m")}
                for n, text in enumerate(found)]}]}, f)
            f.flush()
            self.promtool("check", "rules", f.name)
        return found

    def promtool(self, *words):
        done = subprocess.run(["promtool", *words], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=400)
        self.assertEqual(done.returncode, 0, done.stdout.decode())

    def known(self, text, path, expressions):
        """Every figure that is asked for is there."""
        there = self.names(text)
        for expression in expressions:
            names = re.findall(r"\b((?:signpost|process)_\w+)", expression)
            if "up{" not in expression:
                self.assertTrue(names, expression)
            for name in names:
                name = re.sub(r"_bucket$", "", name)
                self.assertIn(name, there, path)


if __name__ == "__main__":
    harness.main()
