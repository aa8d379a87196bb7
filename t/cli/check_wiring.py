"""signpost check: who answers, and how Postfix is wired; one test a fault."""
import functools
import itertools
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import unittest

import check_case
import machine
import harness
import postfix

PEER_MAX = 5  # seconds, as cli/check/wiring.h has it
# What a slow machine may take besides; who is waited for sleeps for minutes.
SLOW = 60


class Wiring(check_case.Case):
    def setUp(self):
        super().setUp()
        self.conf, self.server = self.good()

    numbers = itertools.count(1)

    def wrong(self, status=0, env=(), **configuration):
        """The findings that are not ok: (result, what, subject)."""
        conf = self.configure(name="wiring%d.conf" % next(self.numbers),
                              **configuration)
        self.all = self.found(conf, self.server, status=status, env=env)
        return [f for f in self.all if f[0] != "ok"]


class Peers(Wiring):
    def peer(self, talk):
        """Somebody who does `talk(socket)`: its address."""
        listener = socket.create_server(("127.0.0.1", harness.free_port()))
        self.addCleanup(listener.close)

        def serve():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(sock,),
                                 daemon=True).start()

        def one(sock):
            with sock:
                sock.settimeout(30)
                try:
                    talk(sock)
                except OSError:
                    pass
        threading.Thread(target=serve, daemon=True).start()
        return "127.0.0.1:%d" % listener.getsockname()[1]

    def faults(self, make, word=""):
        """As listener and as next hop a peer is at fault, in time; make()
        gives its address."""
        us, hop = make(), make()
        wrong = self.wrong(1, listen=us, relay=hop)
        self.assertLess(self.seconds, PEER_MAX + SLOW)
        faults = [f for f in wrong if f[1] != "postfix"]
        self.assertEqual([f[:3] for f in faults],
                         [("FAIL", "listen", us), ("FAIL", "relay", hop)])
        for fault, todo in zip(faults, ("start it", "relay =")):
            self.assertIn(word, fault[3])
            self.assertIn(todo, fault[4])

    def scripted(self, script, word=""):
        self.faults(lambda: self.relay(script).address(), word)

    def test_signpost_itself(self):
        proxy = harness.Signpost(self.hop)
        self.addCleanup(proxy.clean)
        proxy.start()
        self.postconf(check_case.postconf_script(proxy.port,
                                                 self.hop.port))
        wrong = self.wrong(listen="127.0.0.1:%d" % proxy.port)
        self.assertEqual(wrong, [])
        self.assertEqual(self.hop.messages, [])
        # what it says when its next hop is gone
        self.hop.close()
        wrong = self.wrong(1, listen="127.0.0.1:%d" % proxy.port)
        self.assertEqual([f[:2] for f in wrong],
                         [("FAIL", "listen"), ("FAIL", "relay")])
        self.assertIn("it answers, but its next hop does not: 421",
                      wrong[0][3])
        self.assertIn("cannot reach the next hop", wrong[0][3])
        self.assertNotIn("systemctl start", wrong[0][4])
        self.assertIn("what is said of relay", wrong[0][4])
        self.assertEqual(proxy.stop(), 0)

    def test_a_socket_with_a_path(self):
        path = self.path("out.sock")
        hop = self.path("hop.sock")
        self.relay(path=path)
        self.relay(path=hop)
        wrong = self.wrong(listen="unix:" + path, relay="unix:" + hop)
        self.assertEqual([f[:2] for f in wrong], [("warning", "postfix")])
        self.assertEqual([f[:3] for f in self.all if f[1] in
                          ("listen", "relay")],
                         [("ok", "listen", "unix:" + path),
                          ("ok", "relay", "unix:" + hop)])

    def test_nobody_listens(self):
        self.faults(lambda: "127.0.0.1:%d" % harness.free_port(),
                    "Connection refused")
        names = iter("ab")
        self.faults(lambda: "unix:%s/%s" % (self.dir, next(names)),
                    "No such file")

    def test_somebody_else(self):
        other = self.relay(ehlo=("other.example", "SIZE 1000", "STARTTLS",
                                 "XFORWARD NAME ADDR PORT PROTO HELO IDENT "
                                 "SOURCE"))
        wrong = self.wrong(1, listen=other.address())
        self.assertEqual(wrong[0][:3], ("FAIL", "listen", other.address()))
        self.assertIn("250-other.example", wrong[0][3])
        self.assertIn("listen =", wrong[0][4])
        self.assertEqual(other.said("MAIL"), 0)

    def test_refusals(self):
        for script, word in (({"greeting": "554 no"}, "554 no"),
                             ({"greeting": "421 late"}, "421 late"),
                             ({"ehlo": "502 what"}, "502 what"),
                             ({"ehlo": "421 gone"}, "421 gone"),
                             ({"ehlo": "550 \x1b]0;x\x07"},
                              "550 \\x1b]0;x\\x07"),
                             ({"connect": harness.CLOSE}, ""),
                             ({"greeting": harness.RESET}, ""),
                             ({"ehlo": harness.CLOSE}, "")):
            self.scripted(script, word)

    def test_silence(self):
        self.together(*(
            functools.partial(self.scripted, script, word) for script, word in (
                ({"connect": harness.SILENT}, "no greeting within 5 s"),
                ({"ehlo": harness.SILENT}, "no answer to EHLO within 5 s"))))

    def test_silence_after_the_answer(self):
        relay = self.relay({"quit": harness.SILENT})
        wrong = self.wrong(relay=relay.address())
        self.assertEqual([f[:2] for f in wrong], [("warning", "postfix")])
        self.assertLess(self.seconds, PEER_MAX + SLOW)

    def test_endless_data(self):
        def line(sock):
            while True:
                sock.sendall(b"x" * 65536)

        def lines(sock):
            while True:
                sock.sendall(b"220-still here\r\n" * 1000)

        def greetings(sock):
            while True:
                sock.sendall(b"220 still here\r\n" * 1000)

        def trickle(sock):
            while True:
                sock.sendall(b"220-x\r\n")
                time.sleep(0.5)
        self.together(*(
            functools.partial(self.faults, functools.partial(self.peer, talk))
            for talk in (line, lines, greetings, trickle)))

    def milters(self, status, *listen):
        """What is said of these listeners: (result, reason, todo)."""
        self.wrong(status, listen=", ".join("milter:" + at for at in listen))
        self.assertLess(self.seconds, PEER_MAX + SLOW)
        self.assertFalse([f for f in self.all if f[1] == "relay"])
        return [(f[0], f[3], f[4]) for f in self.all if f[1] == "listen"]

    def test_signpost_by_milter(self):
        proxy = harness.Signpost("127.0.0.1:9")
        self.addCleanup(proxy.clean)
        path = os.path.join(os.path.dirname(proxy.config), "milter")
        text = pathlib.Path(proxy.config).read_text().replace(
            "listen = 127.0.0.1:%d" % proxy.port,
            "listen = milter:unix:%s, milter:127.0.0.1:%d" % (path, proxy.port)
            ).replace("relay = 127.0.0.1:9\n", "")
        pathlib.Path(proxy.config).write_text(text)
        proxy.start()
        tcp = "127.0.0.1:%d" % proxy.port
        self.assertEqual([f[:2] for f in self.milters(0, "unix:" + path)],
                         [("ok", "[out] a milter answers")])
        found = self.milters(0, tcp)
        self.assertEqual([f[0] for f in found], ["ok", "warning"])
        self.assertIn("say that a sender has logged in", found[1][1])
        self.assertIn("listen = milter:unix:", found[1][2])
        self.assertEqual(proxy.stop(), 0)
        found = self.milters(1, "unix:" + path)
        self.assertEqual(found[0][0], "FAIL")
        self.assertIn("does not answer by milter: No such file", found[0][1])
        self.assertIn("start it", found[0][2])

    def test_somebody_else_by_milter(self):
        def silent(sock):
            time.sleep(20)

        def says(text):
            def talk(sock):
                sock.sendall(text)
                sock.recv(100)
                time.sleep(20)
            return talk
        many = b"\0\0\0\1c" * 100000
        for talk, word in ((silent, "no answer within 5 s"),
                           (says(b"220 mail.example ESMTP\r\n"),
                            "none of a milter's"),
                           (says(b"\0\0\0\1c"), "none of a milter's"),
                           (says(many), "none of a milter's"),
                           (says(b"\0\0\0\5O\0\0\0\6"), "none of a milter's"),
                           (says(b"\0\0\1"), "no answer within 5 s"),
                           (says(b"\0\0\0\0"), "none of a milter's"),
                           (lambda sock: None, "")):
            [found] = self.milters(1, self.peer(talk))[:1]
            self.assertEqual(found[0], "FAIL")
            self.assertIn(word, found[1])
            self.assertIn("start it", found[2])
        [found] = self.milters(1, "127.0.0.1:%d" % harness.free_port())[:1]
        self.assertIn("Connection refused", found[1])

    def test_whom_a_listener_is_for(self):
        conf = self.configure("allow = 10.0.0.0/8\n")
        reason, _ = self.one("listen", conf, self.server, result="note")
        self.assertIn("by `allow'", reason)
        conf = self.configure(listen=self.us.address() + " proxy")
        reason, _ = self.one("listen", conf, self.server, result="note")
        self.assertIn("PROXY header", reason)

    def test_a_wildcard_is_asked_by_loopback(self):
        wrong = self.wrong(listen="0.0.0.0:%d" % self.us.port)
        self.assertEqual(wrong, [])
        self.assertEqual(self.us.said("EHLO"), 1)


class Postfix(Wiring):
    """A real postconf, with a configuration of the test's own."""

    def setUp(self):
        super().setUp()
        self.ports = {"submission": harness.free_port(), "out": self.us.port,
                      "out_relay": self.hop.port, "in_": self.us.port,
                      "in_relay": self.hop.port, "smtp": harness.free_port()}
        self.made = 0

    def findings(self, *samples, status=0, main="", edit=lambda text: text,
                 **addresses):
        """What is said of the way there and of that back: (result, reason,
        todo). What else there is is check_fit's."""
        self.made += 1
        made = postfix.Postfix(self.path("postfix%d" % self.made), samples,
                               self.ports, sink=25, main=main)
        master = made.config / "master.cf"
        master.write_text(edit(master.read_text()))
        made.settle()
        self.wrong(status, env={"MAIL_CONFIG": str(made.config),
                                "PATH": "/usr/bin:/bin"}, **addresses)
        return [(f[0], f[3], f[4]) for f in self.all if f[1] == "postfix"][:2]

    def test_the_samples(self):
        for sample in ("out-after-queue", "out-before-queue",
                       "in-after-queue", "in-before-queue"):
            found = self.findings(sample)
            self.assertEqual([f[0] for f in found], ["ok", "ok"], found)
            self.assertIn("127.0.0.1:%d" % self.ports["out"] if "before" in
                          sample else "[127.0.0.1]:%d" % self.ports["out"],
                          found[0][1])
            self.assertIn("127.0.0.1:%d" % self.ports["out_relay"],
                          found[1][1])

    def test_nothing_of_it(self):
        found = self.findings()
        self.assertEqual([f[0] for f in found], ["warning", "warning"])
        for _, _, todo in found:
            self.assertIn(
                "/usr/share/doc/signpost/postfix/out-after-queue.cf", todo)
        self.assertIn("a content_filter for 127.0.0.1:%d" % self.us.port,
                      found[0][2])
        self.assertIn("127.0.0.1:%d" % self.hop.port, found[1][2])
        for sample in ("out-after-queue", "in-after-queue"):
            path = pathlib.Path(postfix.SAMPLES) / (sample + ".cf")
            self.assertTrue(path.exists())

    def test_no_content_filter(self):
        found = self.findings(
            "out-after-queue", edit=lambda text: text.replace(
                ":%d\n" % self.us.port, ":9\n"))
        self.assertEqual([f[0] for f in found], ["warning", "ok"])
        self.assertIn("hands mail to 127.0.0.1:", found[0][1])

    def test_a_transport_that_is_not_there(self):
        found = self.findings(
            "out-after-queue", status=1, edit=lambda text: text.replace(
                "-o content_filter=signpost:", "-o content_filter=other:"))
        self.assertEqual([f[0] for f in found], ["FAIL", "ok"])
        self.assertIn("no service other", found[0][1])
        self.assertIn("out-after-queue.cf", found[0][2])

    def test_mail_that_goes_round(self):
        """The smtpd at the relay hands it to us again."""
        def unset(name):
            return lambda text: text.replace("  -o %s=\n" % name, "")
        at = "[127.0.0.1]:%d" % self.us.port
        ours = "127.0.0.1:%d inet" % self.hop.port
        for name, value in (("content_filter", "signpost:" + at),
                            ("smtpd_proxy_filter", at)):
            main = "%s = %s\n" % (name, value)
            found = self.findings("out-after-queue", main=main)
            self.assertEqual([f[0] for f in found], ["ok", "ok"])
            found = self.findings("out-after-queue", main=main, status=1,
                                  edit=unset(name))
            self.assertEqual([f[0] for f in found], ["ok", "FAIL"])
            self.assertIn("is handed to us again: %s = %s" % (name, value),
                          found[1][1])
            self.assertIn("-o %s=," % name, found[1][2])
            # it sets it itself, and nobody else does
            found = self.findings(
                "out-after-queue", status=1,
                edit=lambda text: text.replace(
                    "-o content_filter=signpost:" + at, "").replace(
                        "  -o %s=\n" % name, "  -o %s=%s\n" % (name, value)))
            self.assertIn(ours.split()[0], found[1][1])
            self.assertEqual([f[0] for f in found], ["warning", "FAIL"])
        # to somebody else it may
        found = self.findings("out-after-queue", main="content_filter = "
                              "smtp:[127.0.0.1]:9\n",
                              edit=unset("content_filter"))
        self.assertEqual([f[0] for f in found], ["ok", "ok"])

    def test_names(self):
        """Our port on a host whose name is not ours."""
        more = "[signpost]\nhostname = me.example\n"
        for host, result in (("other.example", "warning"),
                             ("[other.example]", "warning"),
                             ("localhost", "ok"), ("[me.example]", "ok"),
                             ("Me.Example", "ok"), ("inet", "ok")):
            found = self.findings(
                main="smtpd_proxy_filter = %s:%d\n" % (host, self.us.port),
                more=more)
            self.assertEqual(found[0][0], result, host)
        # the search goes on
        found = self.findings("out-after-queue", main="relayhost = "
                              "[other.example]:%d\n" % self.us.port)
        self.assertTrue(found[0][1].startswith("127.0.0.1:%d: " %
                                               self.ports["submission"]),
                        found)

    def test_lists(self):
        ours, other = "[127.0.0.1]:%d" % self.us.port, "[b.example]:25"
        for value in ("%s, %s" % (ours, other), "%s, %s" % (other, ours),
                      "%s %s" % (ours, other), "%s,%s" % (ours, other)):
            found = self.findings(main="relayhost = %s\n" % value)
            self.assertEqual(found[0][0], "ok", value)
            self.assertIn(value, found[0][1])
        found = self.findings(main="relayhost = %s1, %s\n" % (ours, other))
        self.assertEqual(found[0][0], "warning")

    def test_a_wildcard_is_reached_by_loopback(self):
        at = ":%d" % self.us.port
        found = self.findings(listen="0.0.0.0" + at)
        self.assertIn("a content_filter for 127.0.0.1" + at, found[0][2])
        self.assertNotIn("0.0.0.0", found[0][1])

    def test_no_way_back(self):
        found = self.findings(
            "out-after-queue", edit=lambda text: text.replace(
                "127.0.0.1:%d inet" % self.hop.port, "127.0.0.1:9 inet"))
        self.assertEqual([f[0] for f in found], ["ok", "warning"])
        self.assertIn("no smtpd", found[1][1])

    def test_ways_back(self):
        """However the service is named that a connection would reach."""
        for name, result in (("%d", "ok"), ("0.0.0.0:%d", "ok"),
                             ("localhost:%d", "ok"), ("[::]:%d", "ok"),
                             ("127.0.0.2:%d", "warning"),
                             ("[::1]:%d", "warning"), ("%d1", "warning")):
            found = self.findings(
                "out-after-queue", edit=lambda text: text.replace(
                    "127.0.0.1:%d inet" % self.hop.port,
                    name % self.hop.port + " inet"))
            self.assertEqual(found[1][0], result, name)

    def test_main_cf(self):
        at = "[localhost]:%d" % self.us.port
        for value in ("smtp:" + at, "$mine",
                      "smtp:127.0.0.1:%d" % self.us.port):
            found = self.findings(
                main="mine = smtp:%s\ncontent_filter = %s\n" % (at, value))
            self.assertEqual(found[0][0], "ok", found)
            self.assertTrue(found[0][1].startswith("main.cf: content_filter"))
        for value in ("smtp:[127.0.0.9]:%d" % self.us.port, "smtp:" + at + "1",
                      "smtp:[::1]:%d" % self.us.port):
            found = self.findings(main="content_filter = %s\n" % value)
            self.assertEqual(found[0][0], "warning", value)
        # milters and access lists do not hand mail over
        found = self.findings(main="non_smtpd_milters = inet:%s\n" % at)
        self.assertEqual(found[0][0], "warning")

    def test_a_socket_with_a_path(self):
        path = self.path("out.sock")
        self.relay(path=path)
        found = self.findings(main="content_filter = smtp:unix:%s\n" % path,
                              listen="unix:" + path)
        self.assertEqual(found[0][0], "ok")
        for value, result in (("lmtp:unix:out.sock", "ok"),
                              ("unix:" + path, "ok"),
                              ("lmtp:unix:k", "warning"),
                              ("lmtp:unix:ut.sock", "warning"),
                              ("lmtp:unix:OUT.sock", "warning"),
                              ("lmtp:unix:/out.sock", "warning"),
                              ("lmtp:unix:", "warning"),
                              ("lmtp:xunix:out.sock", "warning")):
            found = self.findings(main="mailbox_transport = %s\n" % value,
                                  listen="unix:" + path,
                                  status=None)
            self.assertEqual(found[0][0] == "warning", result == "warning",
                             value)

    def with_path(self, path):
        done = subprocess.run(
            [check_case.tool.binary(), "check", "-c", self.conf,
             "--nameserver", self.server],
            env=dict(os.environ, PATH=path),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_there_is_none(self):
        """PATH is a single directory: no other is looked at."""
        self.assertIn(b"\nnote     postfix postconf: there is no Postfix",
                      self.with_path(self.path("sbin")))

    def test_it_is_in_no_directory_of_path(self):
        """Then it is in /usr/sbin, whatever sbin PATH has."""
        self.assertNotIn(b"there is no Postfix", self.with_path(
            "%s:%s" % (self.path("sbin"), self.path("none"))))


class Postconf(Wiring):
    """One that is not what it should be, early in PATH."""

    def said(self, script, status=0, where="bin"):
        self.postconf("#!/bin/sh\n" + script, where)
        found = self.found(
            self.conf, self.server, status=status, env={
                "PATH": self.path(where) + ":/usr/bin:/bin",
                "MAIL_CONFIG": self.dir})
        return [(f[0], f[3]) for f in found if f[1] == "postfix"]

    def hangs(self, where, script):
        found = self.said(
            script.replace("300", "300.%d" % os.getpid()), where=where)
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0][0], "warning")
        self.assertIn("postconf -Mfx does not end", found[0][1])
        self.assertLess(self.seconds, 5 + SLOW)

    def test_it_hangs(self):
        self.together(*(
            functools.partial(self.hangs, "bin%d" % number, script)
            for number, script in enumerate((
                "sleep 300", "sleep 300 & sleep 300", "exec >&-; sleep 300",
                "trap '' TERM INT; sleep 300"))))
        left = subprocess.run(["pgrep", "-f", "300.%d" % os.getpid()],
                              stdout=subprocess.PIPE, timeout=400)
        self.assertEqual(left.stdout, b"")

    def test_it_does_not_stop(self):
        found = self.said("exec yes 'submission inet n - y - - smtpd'")
        self.assertEqual(found[0][0], "warning")
        self.assertIn("prints more than", found[0][1])
        self.assertLess(self.seconds, SLOW)

    def test_it_fails(self):
        found = self.said("echo x; echo y >&2; exit 3", status=1)
        self.assertIn("postconf -Mfx ends with 3: y", found[0][1])
        found = self.said("kill -9 $$")
        self.assertIn("is ended by signal 9", found[0][1])
        found = self.said("case $1 in -x) exit 4;; esac", status=1)
        self.assertIn("postconf -x ends with 4", found[0][1])

    def test_children_that_are_ignored(self):
        """SIGCHLD, by who started us."""
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        try:
            done = subprocess.Popen(
                [check_case.tool.binary(), "check", "-c", self.conf,
                 "--nameserver", self.server],
                env=dict(os.environ, PATH=self.path("bin") + ":/usr/bin:/bin"),
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        finally:
            signal.signal(signal.SIGCHLD, before)
        out, _ = done.communicate(timeout=400)
        self.assertEqual(done.returncode, 0, out)
        self.assertNotIn(b"warning", out)

    def test_it_prints_rubbish(self):
        for script in (
                "head -c 200000 /dev/urandom",
                "printf '\\000\\033[31m inet\\n  -o\\n -o {\\n -o { = }\\n'",
                "printf 'a b c d e f g smtpd -o content_filter=:\\n'",
                "printf 'x\\n\\n -o =\\n-o content_filter=[]:1 {'",
                "printf '\\033[2J inet n - n - - smtpd -o "
                "content_filter=\\033]0;x\\007:[127.0.0.1]:%d\\n'"
                % self.us.port):
            found = self.said(script, status=None)
            self.assertEqual(len(found), 2, found)
        self.assertIn("\\x1b[2J: content_filter=\\x1b]0;x\\x07:[127.0.0.1]",
                      found[0][1])

    def test_without_a_shell(self):
        """What the configuration says is no command."""
        for word in ("$(touch x)", "`touch x`", ";touch x"):
            conf = self.configure(domain=word)
            self.check(conf, self.server, status=78)
        self.assertFalse(os.path.exists(self.path("x")))


if __name__ == "__main__":
    machine.alone(__file__, check_case.ADDRESS)
    unittest.main()
