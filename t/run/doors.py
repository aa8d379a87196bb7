"""Who may come in, how many, and by which doors: allow =, max_sessions =,
Unix-domain sockets on both sides, the PROXY protocol."""

import contextlib
import ctypes
import grp
import os
import re
import resource
import signal
import socket
import stat
import struct
import time

import harness
from harness import SAMPLE


class Allow(harness.Case):
    def test_strangers_are_turned_away_and_logged(self):
        hop = self.relay()
        daemon = self.signpost(hop, out=["allow = 127.0.0.1/32"])
        for source in ("127.0.0.2", "127.1.2.3"):
            stranger = daemon.client(source=source)
            self.assertEqual(str(stranger.greeting), "554 5.7.1 access denied: "
                             "not in [out] allow")
            self.assertTrue(stranger.gone())
            daemon.wait_log("connection from %s refused" % source)
        self.assertEqual(hop.commands, [])
        friend = daemon.client(source="127.0.0.1")
        friend.ehlo()
        self.assertEqual(friend.message(SAMPLE).code, 250)

    def test_loopback_alone_by_default(self):
        daemon = self.signpost(self.relay())
        self.assertEqual(daemon.client(source="127.3.2.1").greeting.code, 220)


class Sessions(harness.Case):
    def test_over_the_bound_they_wait_and_are_then_served(self):
        hop = self.relay()
        daemon = self.signpost(hop, out=["max_sessions = 3"])
        first = [daemon.client() for _ in range(3)]
        waiting = [daemon.client(greeting=False) for _ in range(2)]
        waiting[0].sock.settimeout(0.5)
        self.assertRaises(socket.timeout, waiting[0].reply)
        for client in first:  # who is in can work
            client.ehlo()
            self.assertEqual(client.message(SAMPLE).code, 250)
        for client in first[:2]:
            client.quit()
        for client in waiting:
            client.sock.settimeout(harness.WAIT)
            self.assertEqual(client.reply().code, 220)
            client.ehlo()
            self.assertEqual(client.message(SAMPLE).code, 250)

    def test_idle_ones_make_room(self):
        """The one that was silent for longest; never one with a message, nor
        one that came before all others and speaks now and then."""
        daemon = self.signpost(self.relay(), out=["max_sessions = 4"])
        talks, first, second, busy = (daemon.client() for _ in range(4))
        for client in (talks, busy, first, second):
            client.ehlo()
        busy.begin()
        begun = time.monotonic()
        fourth = daemon.client(greeting=False)
        fourth.sock.settimeout(0.5)
        while time.monotonic() - begun < 15:
            self.assertEqual(talks.command("NOOP").code, 250)
            with contextlib.suppress(socket.timeout):
                self.assertEqual(fourth.reply().code, 220)
                break
        self.assertLess(time.monotonic() - begun, 12)
        fourth.sock.settimeout(harness.WAIT)
        self.assertEqual(first.reply().code, 421)
        self.assertTrue(first.gone())
        self.assertEqual(talks.command("NOOP").code, 250)
        fourth.ehlo()
        self.assertEqual(fourth.message(SAMPLE).code, 250)
        self.assertEqual(busy.command("DATA").code, 354)
        self.assertEqual(busy.body(SAMPLE).code, 250)

    def test_where_none_can_be_ended_a_new_one_is_told(self):
        daemon = self.signpost(self.relay(), out=["max_sessions = 2"])
        clients = [daemon.client() for _ in range(2)]
        for client in clients:
            client.ehlo()
            client.begin()
        for number in (1, 450):
            begun = time.monotonic()
            crowd = [daemon.client(greeting=False) for _ in range(number)]
            for new in crowd:
                self.assertEqual(str(new.reply())[:9], "421 4.3.2")
                self.assertTrue(new.gone())
                new.close()
            self.assertLess(time.monotonic() - begun, 15)
        self.assertEqual(len(daemon.lines(
            r"all 2 sessions are taken .*\[out\] max_sessions =")), 1)
        for client in clients:
            self.assertEqual(client.command("DATA").code, 354)
            self.assertEqual(client.body(SAMPLE).code, 250)
            client.quit()
        new = daemon.client()
        self.assertEqual(new.greeting.code, 220)

    def test_silent_ones_are_ended(self):
        daemon = self.signpost(self.relay(), out=["idle_timeout = 1"])
        client = daemon.client()
        self.assertEqual(client.reply().code, 421)
        self.assertTrue(client.gone())
        client = daemon.client()
        client.ehlo()
        client.begin()
        client.command("DATA")
        client.send(SAMPLE)
        self.assertTrue(client.gone())
        daemon.wait_log("status=aborted")


def open_files(most):
    """So many, and no right to have more."""
    def limit():
        drop_capability(24)  # CAP_SYS_RESOURCE
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return limit


class Descriptors(harness.Case):
    def test_the_master_has_its_own_whoever_started_it(self):
        """As the unit gives it; an init script starts from a shell's."""
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        daemon = self.signpost(self.relay(), preexec=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (64, most)))
        with open("/proc/%d/limits" % daemon.process.pid) as f:
            [soft] = re.findall(r"Max open files +(\d+)", f.read())
        self.assertGreaterEqual(int(soft), min(most, 4096))

    def test_workers_do_not_interrupt_each_other(self):
        """Signers are interrupted by each answer otherwise: bench/bench.py rsa
        has what that costs on one core."""
        daemon = self.signpost(self.relay())
        harness.wait_until("the workers", lambda: [
            pid for pid in daemon.processes()
            if os.sched_getscheduler(pid) == os.SCHED_BATCH])

    def test_with_few_there_are_fewer_sessions(self):
        daemon = self.signpost(self.relay(), preexec=open_files(64))
        daemon.wait_log(r"\[out\] max_sessions: 10 instead of 500: 64 files "
                        "may be open")
        clients = [daemon.client() for _ in range(10)]
        for client in clients:
            client.ehlo()
            self.assertEqual(client.message(SAMPLE).code, 250)

    def test_with_too_few_it_says_so(self):
        for most in (31, 16, 8):
            daemon = self.signpost(
                self.relay(), preexec=open_files(most), wait=False)
            self.assertEqual(daemon.process.wait(harness.WAIT), 71)
            daemon.wait_log("cannot start: no more than %d files may be open, "
                            "and 32 are the least" % most)

    def test_with_too_few_for_its_workers_it_says_so(self):
        daemon = self.signpost(self.relay(), preexec=open_files(40),
                               daemon=["workers = 40"], wait=False)
        self.assertEqual(daemon.process.wait(harness.WAIT), 71)
        daemon.wait_log("cannot start: .*Too many open files")


class Six(harness.Case):
    def test_both_sides(self):
        hop = self.relay(host="::1")
        port = harness.free_port()
        daemon = self.signpost(
            hop, out=["listen = [::1]:%d" % port], wait=False)
        client = harness.wait_until(
            "it to listen", lambda: attempt(port, "::1"))
        client.ehlo()
        self.assertEqual(client.message(harness.SAMPLE).code, 250)
        client.quit()
        self.assertTrue(harness.dkim_verifies(
            hop.messages[0].data, daemon.record()))
        daemon.wait_log("client=::1 ")


class Unix(harness.Case):
    def test_both_sides(self):
        directory = harness.tempfile.mkdtemp(prefix="signpost-u-")
        self.addCleanup(harness.shutil.rmtree, directory)
        os.chmod(directory, 0o755)
        ours = os.path.join(directory, "in")
        theirs = os.path.join(directory, "out")
        hop = self.relay(path=theirs)
        os.chmod(theirs, 0o777)
        daemon = self.signpost(
            "unix:" + theirs, out=["listen = unix:" + ours], wait=False)
        for _ in range(2):
            harness.wait_until("the socket", lambda: os.path.exists(ours))
            client = harness.wait_until("it to listen", lambda: attempt(ours))
            client.ehlo()
            self.assertEqual(client.message(SAMPLE).code, 250)
            client.quit()
            # A stop and a start: the socket that was left is replaced.
            self.assertEqual(daemon.stop(), 0)
            daemon.start(wait=False)
        harness.wait_until("it to listen again", lambda: attempt(ours))
        self.assertEqual(len(hop.messages), 2)


    @harness.for_root("groups are root's to give")
    def test_who_may_open_it(self):
        """As the words behind the address say, before and after a reload."""
        directory = harness.tempfile.mkdtemp(prefix="signpost-u-")
        self.addCleanup(harness.shutil.rmtree, directory)
        os.chmod(directory, 0o755)
        path = os.path.join(directory, "s")
        group = grp.getgrnam("mail")
        daemon = self.signpost(
            self.relay(), out=["listen = unix:%s group=mail" % path],
            wait=False, preexec=without_chown)
        daemon.wait_log("serving,")

        def connects(gid):
            child = os.fork()
            if child == 0:
                try:
                    os.setgroups([])
                    os.setgid(gid)
                    os.setuid(65534)
                    socket.socket(socket.AF_UNIX).connect(path)
                    os._exit(0)
                finally:
                    os._exit(1)
            return os.waitpid(child, 0)[1] == 0

        def shown():
            at = os.stat(path)
            return "%04o" % stat.S_IMODE(at.st_mode), at.st_gid

        def change(old, new, said):
            with open(daemon.config) as f:
                text = f.read()
            self.assertIn(old, text)
            with open(daemon.config, "w") as f:
                f.write(text.replace(old, new))
            count = len(daemon.lines(said))
            daemon.process.send_signal(signal.SIGHUP)
            daemon.wait_log(said, count + 1)

        with open("/proc/%d/status" % daemon.process.pid) as f:
            effective = re.search(r"CapEff:\s*(\w+)", f.read())[1]
        self.assertEqual(int(effective, 16) & 1, 0)
        self.assertEqual(shown(), ("0660", group.gr_gid))
        self.assertTrue(connects(group.gr_gid))
        self.assertFalse(connects(65534))
        inode = os.stat(path).st_ino
        change("group=mail", "group=mail ", "reloaded")
        self.assertEqual(shown(), ("0660", group.gr_gid))
        change("group=mail", "mode=0666", "reloaded")
        harness.wait_until("its mode", lambda: shown() == ("0666", 0))
        self.assertTrue(connects(65534))
        change("mode=0666", "group=no-such-group", "reload refused")
        daemon.wait_log(r"group no-such-group of \[out\] listen = unix:%s "
                        "does not exist" % path)
        self.assertEqual(shown(), ("0666", 0))
        self.assertEqual(os.stat(path).st_ino, inode)


def without_chown():
    """As the systemd unit starts it: without CAP_CHOWN."""
    drop_capability(0)


def drop_capability(number):
    PR_CAPBSET_DROP = 24
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, number, 0, 0, 0)


def attempt(path, host="127.0.0.1"):
    try:
        return harness.Client(path, host)
    except (OSError, harness.Gone):
        return None


V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command, family, body=b""):
    return V2 + struct.pack(">BBH", command, family, len(body)) + body


class Proxied(harness.Case):
    def begin(self, *out):
        self.hop = self.relay()
        port = harness.free_port()
        self.daemon = self.signpost(
            self.hop, wait=False,
            out=["listen = 127.0.0.1:%d proxy" % port,
                 *(out or ("allow = 192.0.2.0/24, 2001:db8::/32",))])
        self.daemon.port = port
        harness.wait_until("it to listen", self.daemon.listens)

    def comes_from(self, header, address):
        client = self.daemon.client(greeting=False)
        client.send(header)
        self.assertEqual(client.reply().code, 220)
        client.ehlo()
        self.assertEqual(client.message(SAMPLE).code, 250)
        self.daemon.wait_log(" client=%s " % address)

    def test_the_header_says_who_it_is(self):
        self.begin()
        self.comes_from(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n",
                        "192\\.0\\.2\\.7")
        self.comes_from(b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n",
                        "2001:db8::7")
        self.comes_from(
            v2(0x21, 0x11, struct.pack(
                ">4s4sHH", socket.inet_aton("192.0.2.8"),
                socket.inet_aton("192.0.2.1"), 4711, 25)),
            "192\\.0\\.2\\.8")

    def test_allow_is_for_whom_it_names(self):
        self.begin("allow = 127.0.0.0/8")
        for header in (
                b"PROXY TCP4 198.51.100.66 192.0.2.1 4711 25\r\n",
                b"PROXY TCP6 ::ffff:198.51.100.66 ::1 4711 25\r\n",
                b"PROXY TCP6 2001:db8::66 2001:db8::1 4711 25\r\n",
                v2(0x21, 0x11, struct.pack(
                    ">4s4sHH", socket.inet_aton("198.51.100.66"),
                    socket.inet_aton("192.0.2.1"), 4711, 25))):
            client = self.daemon.client(greeting=False)
            client.send(header + b"EHLO x\r\nMAIL FROM:<a@example.org>\r\n")
            self.assertRegex(str(client.reply()), r"^554 .*: not in \[out\] allow$")
            self.assertTrue(client.gone())
        self.daemon.wait_log(r"connection from 198\.51\.100\.66, by way of "
                             r"127\.0\.0\.1, refused: not in \[out\] allow =")
        self.daemon.wait_log(r"connection from 2001:db8::66, .* allow =")
        self.assertEqual(self.hop.commands, [])  # nobody was troubled
        self.comes_from(b"PROXY TCP6 ::ffff:127.0.0.9 ::1 4711 25\r\n",
                        "::ffff:127.0.0.9")

    def test_no_reset_destroys_the_answer_at_a_full_house(self):
        self.begin("allow = 192.0.2.7", "max_sessions = 1")
        header = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n"
        first = self.daemon.client(greeting=False)
        first.send(header)
        self.assertEqual(first.reply().code, 220)
        first.ehlo()
        first.begin()
        new = self.daemon.client(greeting=False)
        new.send(header)
        self.assertEqual(new.reply().code, 421)
        self.assertEqual(new.sock.recv(1), b"")

    def test_whose_header_is_believed(self):
        self.begin("proxies = 127.0.0.1", "allow = 192.0.2.7, 127.0.0.0/8")
        client = self.daemon.client(greeting=False, source="127.0.0.2")
        self.assertRegex(str(client.reply()), r"^554 .*: not in \[out\] proxies$")
        self.assertTrue(client.gone())
        self.daemon.wait_log(
            r"connection from 127\.0\.0\.2 refused: not in \[out\] proxies =")
        self.comes_from(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n",
                        "192\\.0\\.2\\.7")

    def test_a_health_check_may_greet_but_send_nothing(self):
        self.begin("allow = 0.0.0.0/0, ::/0")
        for header in (v2(0x20, 0), v2(0x20, 0x11, b"x" * 12),
                       b"PROXY UNKNOWN\r\n", v2(0x21, 0)):
            client = self.daemon.client(greeting=False)
            client.send(header)
            self.assertEqual(client.reply().code, 220)
            client.ehlo()
            for line, code in (("NOOP", 250),
                               ("MAIL FROM:<a@example.org>", 554),
                               ("RCPT TO:<b@example.net>", 503),
                               ("DATA", 503), ("QUIT", 221)):
                self.assertEqual(client.command(line).code, code, line)
        self.daemon.wait_log("MAIL refused: .* names no client for "
                             r"\[out\] allow =")
        self.assertEqual(self.hop.said("MAIL"), 0)

    def test_without_it_nothing_is_said(self):
        self.begin()
        for bad in (b"EHLO me\r\n", b"PROXY TCP4 nonsense\r\n",
                    b"\r\n\r\n\0\r\nQUIX\n" + b"x" * 20):
            client = self.daemon.client(greeting=False)
            client.send(bad)
            self.assertTrue(client.gone())
        self.assertEqual(self.hop.messages, [])


if __name__ == "__main__":
    harness.main()
