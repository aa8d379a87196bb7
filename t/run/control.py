#!/usr/bin/python3
"""The control socket: who may ask, what is answered, and that nobody who asks
holds up the master. `status`, `reload`, `check` and `explain` are the tools
that ask.
"""
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

import harness
import postfix_case

ROOT = os.getuid() == 0


def ask(path, request, seconds=harness.WAIT):
    """The answer's object; None where it is let go without one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(seconds)
        s.connect(path)
        try:
            s.send(request)
            answer = s.recv(1 << 20)
        except ConnectionError:  # let go at once
            answer = b""
    return json.loads(answer) if answer else None


def connected(path, request):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(harness.WAIT)
    s.connect(path)
    s.send(request)
    return s


class Case(harness.Case):
    def daemon(self, **options):
        proxy = self.signpost(self.relay(), **options)
        proxy.control = os.path.join(proxy.dir, "control")
        if options.get("daemon", ("",))[0] != "control = none":
            harness.wait_until("it to serve", lambda: self.serves(proxy))
        return proxy

    @staticmethod
    def serves(proxy):
        try:
            return ask(proxy.control, b"state")["generation"] == 1
        except (FileNotFoundError, ConnectionRefusedError):
            return False    # not bound yet, or nobody listens

    def tool(self, *words, config=None, stdin=b"", **options):
        done = subprocess.run(
            [harness.binary(), *words[:1]] +
            (["-c", config] if config else []) + list(words[1:]),
            input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=400, **options)
        done.said = done.stdout.decode() + done.stderr.decode()
        return done

    def damage(self, proxy):
        with open(proxy.config, "a") as f:
            f.write("no_such_setting = 1\n")


class Answers(Case):
    def test_state_and_version(self):
        begun = int(time.time())
        proxy = self.daemon()
        master = proxy.process.pid
        version = ask(proxy.control, b"version")
        self.assertEqual(sorted(version), ["build", "pid", "version"])
        self.assertEqual(version["pid"], master)
        self.assertRegex(version["version"], r"\A\d+\.\d+\.\d+\Z")
        built = subprocess.run(["readelf", "-n", harness.binary()],
                               stdout=subprocess.PIPE, check=True).stdout
        self.assertIn(b"Build ID: " + version["build"].encode(), built)
        state = ask(proxy.control, b"state\n")
        self.assertEqual({n: state[n] for n in version}, version)
        self.assertEqual(state["generation"], 1)
        self.assertEqual(state["reload"], {"result": "none"})
        self.assertIs(state["stopping"], False)
        self.assertEqual((state["missing"], state["silent"]), ([], []))
        with open(proxy.config, "rb") as f:
            text = f.read()
        self.assertEqual(
            state["configuration"]["stamp"], hashlib.sha256(
                b"%d\n" % len(text) + text).hexdigest())
        self.assertEqual(state["configuration"]["path"], proxy.config)
        for stamp in (state["started"], state["configuration"]["read"],
                      state["workers"][0]["since"]):
            self.assertLessEqual(begun - 2, stamp)
            self.assertLessEqual(stamp, time.time() + 1)
        self.assertEqual(
            [(w["role"], w["state"], w["generation"], w["silent"])
             for w in state["workers"]], [("out", "serving", 1, 0),
                                          ("signer", "serving", 1, 0)])
        self.assertEqual([w["pid"] for w in state["workers"]],
                         proxy.processes()[1:])

    def test_there_is_a_signer_for_each_core(self):
        proxy = self.daemon(daemon=["signers = auto"])
        cores = os.sysconf("SC_NPROCESSORS_ONLN")
        self.assertEqual(
            [w["role"] for w in ask(proxy.control, b"state")["workers"]],
            ["out"] + cores * ["signer"])

    def test_what_is_no_request(self):
        proxy = self.daemon()
        for request in (b"x", b"state x", b"RELOAD", b"reload\n\n", b"\0",
                        b"s" * 5000, b"key", b"key ", b"key a b", b"key .",
                        b"trial a..b", b"trial " + b"a" * 254, b"key a/b"):
            self.assertEqual(list(ask(proxy.control, request)), ["error"],
                             request)
        self.assertEqual(ask(proxy.control, b"state")["generation"], 1)

    def test_a_reload_is_told(self):
        proxy = self.daemon()
        answer = ask(proxy.control, b"reload")
        self.assertEqual(sorted(answer), ["errors", "reload", "warnings"])
        self.assertEqual((answer["reload"], answer["errors"]), ("done", []))
        state = ask(proxy.control, b"state")
        self.assertEqual((state["generation"], state["reload"]["result"]),
                         (2, "done"))
        self.damage(proxy)
        answer = ask(proxy.control, b"reload")
        self.assertEqual(answer["reload"], "refused")
        self.assertIn("no_such_setting", "".join(answer["errors"]))
        state = ask(proxy.control, b"state")
        self.assertEqual((state["generation"], state["reload"]["result"]),
                         (2, "refused"))
        self.assertIn("no_such_setting", state["reload"]["why"])

    def test_many_faults_are_one_whole_object(self):
        proxy = self.daemon()
        with open(proxy.config, "a") as f:
            f.write("".join("no_such_setting_\x01\x01%d = 1\n" % i
                            for i in range(3000)))
        answer = ask(proxy.control, b"reload")
        self.assertEqual(answer["reload"], "refused")
        self.assertGreater(len(answer["errors"]), 50)

    def test_a_worker_that_is_stopped_is_silent_and_one_that_died_missing(self):
        proxy = self.daemon(daemon=["workers = 2"], hurry=10)
        if proxy.is_sanitized():
            self.skipTest("the library that hurries clocks is not for it")
        first, second, _ = proxy.processes()[1:]
        os.kill(first, signal.SIGSTOP)
        state = harness.wait_until("silence", lambda: (
            lambda s: s if s["silent"] else None)(
                ask(proxy.control, b"state")))
        self.assertEqual(state["silent"], [first])
        os.kill(first, signal.SIGCONT)
        harness.wait_until("a missing one",
                           lambda: self.is_missed(proxy, first))

    def is_missed(self, proxy, first):
        """All workers but the first killed, as often as they come again: the
        pause before the next one grows until it is seen."""
        for pid in proxy.processes()[1:]:
            if pid != first:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return ask(proxy.control, b"state")["missing"] == ["out"]


class Keys(Case):
    """What the signers have, and a text that is signed as mail is."""

    def signing(self, **options):
        options.setdefault("daemon", ("signers = 2",))
        return self.daemon(out=(
            "signature = dkim(c=relaxed/relaxed)",
            "signature = domainkeys(c=nofws)"), **options)

    def test_key(self):
        proxy = self.signing()
        begun = int(time.time())
        answer = ask(proxy.control, b"key Example.org")
        self.assertEqual((answer["key"], answer["rule"], answer["signers"],
                          answer["failures"]),
                         ("example.org", "domain:example.org", 2, []))
        self.assertEqual(
            [(k["signature"], k["domain"], k["selector"], k["algorithm"],
              k["bits"], k["signers"], k["used"]) for k in answer["keys"]],
            [("dkim", "example.org", "t2026", "rsa-sha256", 2048, 2, 0),
             ("domainkeys", "example.org", "t2026", "rsa-sha1", 2048, 2, 0)])
        for key in answer["keys"]:
            self.assertLessEqual(begun - 2, key["since"])
            self.assertLessEqual(key["since"], key["everywhere"])
            self.assertLessEqual(key["everywhere"], time.time() + 1)
        client = proxy.client()
        client.ehlo()
        self.assertEqual(client.message(harness.SAMPLE).code, 250)
        key = ask(proxy.control, b"key example.org")["keys"][0]
        self.assertLessEqual(begun, key["used"])
        self.assertLessEqual(key["used"], time.time() + 1)

    def test_trial_is_signed_as_mail_is_and_goes_nowhere(self):
        proxy = self.signing()
        answer = ask(proxy.control, b"trial example.org")
        self.assertEqual((answer["trial"], answer["verdict"]),
                         ("example.org", "pass"))
        self.assertEqual(
            answer["notes"]["signed"], "dkim:example.org:t2026:rsa-sha256,"
            "domainkeys:example.org:t2026:rsa-sha1")
        text = answer["message"].encode()
        self.assertTrue(harness.dkim_verifies(text, proxy.record()))
        self.assertEqual(
            sorted(line.split(" (")[0] for line in
                   postfix_case.mail_dkim(text, proxy.record())),
            ["dkim pass example.org t2026",
             "domainkeys pass example.org t2026"])
        self.assertEqual(proxy.relay.messages, [])
        self.assertEqual(proxy.lines("status="), [])

    def test_what_is_not_signed_says_why(self):
        proxy = self.signing()
        answer = ask(proxy.control, b"key example.com")
        self.assertEqual((answer["keys"], answer["reason"]),
                         ([], "no-key-for-domain:example.com"))
        answer = ask(proxy.control, b"trial example.com")
        self.assertEqual(answer["notes"],
                         {"unsigned": "no-key-for-domain:example.com"})
        self.assertNotIn("Signature", answer["message"])
        os.unlink(proxy.keyfile)
        answer = ask(proxy.control, b"key example.org")
        self.assertEqual(answer["keys"], [])
        self.assertIn("No such file", answer["failures"][0]["reason"])
        answer = ask(proxy.control, b"trial example.org")
        self.assertEqual(answer["verdict"], "refuse-for-now")

    def signers(self, proxy):
        """Those that stay: of an old generation there may be some still."""
        state = ask(proxy.control, b"state")
        return [w["pid"] for w in state["workers"] if w["role"] == "signer"
                and w["generation"] == state["generation"]]

    def is_ended_by_reload(self, proxy):
        """On a slow machine the question may be over before."""
        stopped = self.signers(proxy)[0]
        os.kill(stopped, signal.SIGSTOP)
        try:
            with connected(proxy.control, b"key example.org") as one:
                self.assertEqual(ask(proxy.control, b"reload")["reload"],
                                 "done")
                answer = json.loads(one.recv(65536))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(stopped, signal.SIGCONT)
        return "reloaded meanwhile" in answer.get("error", "")

    def test_a_signer_that_hangs_is_waited_for_and_no_longer(self):
        proxy = self.signing(daemon=("signers = 2", "sign_timeout = 1s"))
        stopped = self.signers(proxy)[0]
        os.kill(stopped, signal.SIGSTOP)
        try:
            answer = ask(proxy.control, b"key example.org")
            self.assertEqual([k["signers"] for k in answer["keys"]], [1, 1])
            self.assertEqual(len(answer["failures"]), 2)
            # Meanwhile the master does all else; and a reload ends it.
            asked = [connected(proxy.control, b"key example.org")
                     for _ in range(12)]
            self.assertEqual(ask(proxy.control, b"state")["generation"], 1)
            said = [json.loads(s.recv(65536)).get("error", "") for s in asked]
            self.assertEqual(said.count("too many ask at once"), 4)
        finally:
            os.kill(stopped, signal.SIGCONT)
        harness.wait_until("a reload that is done before a question is",
                           lambda: self.is_ended_by_reload(proxy), 300)
        for s in asked:
            s.close()

    def test_who_goes_away_leaves_nothing(self):
        proxy = self.signing()
        stopped = self.signers(proxy)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        for _ in range(5):
            connected(proxy.control, b"trial example.org").close()
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(ask(proxy.control, b"trial example.org")["verdict"],
                         "pass")


class Socket(Case):
    def test_its_mode_and_its_end(self):
        proxy = self.daemon()
        st = os.lstat(proxy.control)
        self.assertTrue(stat.S_ISSOCK(st.st_mode))
        self.assertEqual(stat.S_IMODE(st.st_mode), 0o600)
        self.assertEqual(st.st_uid, os.getuid())
        # None of the abstract ones, which anybody can take, is left.
        with open("/proc/net/unix") as table:
            self.assertNotIn("@signpost-control-%d" % proxy.process.pid,
                             table.read())
        self.assertEqual(proxy.stop(), 0)
        self.assertFalse(os.path.lexists(proxy.control))

    def test_nobody_else_may_ask(self):
        if not ROOT:
            self.fail("needs root: to be somebody else")
        proxy = self.daemon()
        os.chmod(proxy.control, 0o666)  # even so
        asked = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c",
             "import socket, sys\n"
             "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
             "s.connect(sys.argv[1])\n"
             "s.settimeout(20)\n"
             "try:\n"
             "    s.send(b'state')\n"
             "    print(s.recv(100))\n"
             "except (BrokenPipeError, ConnectionResetError):\n"
             "    print(b'')\n", proxy.control],
            stdout=subprocess.PIPE, timeout=400, check=True)
        self.assertEqual(asked.stdout, b"b''\n")

    def test_what_a_dead_daemon_left_is_taken_away(self):
        first = self.daemon()
        workers = first.processes()[1:]
        first.process.kill()
        first.process.wait()
        for pid in workers:
            harness.wait_until("its worker's end",
                               lambda p=pid: not os.path.exists("/proc/%d" % p))
        self.assertTrue(os.path.lexists(first.control))
        first.process = None
        first.start()
        harness.wait_until("it to serve", lambda: self.serves(first))
        self.assertEqual(ask(first.control, b"version")["pid"],
                         first.process.pid)

    def test_a_living_daemon_keeps_its_own(self):
        first = self.daemon()
        second = self.signpost(self.relay(), wait=False,
                               daemon=["control = " + first.control])
        self.assertEqual(second.process.wait(harness.WAIT), 71)
        self.assertIn("control = %s: what is there: Address already in use" %
                      first.control, second.text())
        second.process = None
        self.assertEqual(ask(first.control, b"version")["pid"],
                         first.process.pid)

    def test_what_is_no_socket_is_left_alone(self):
        path = tempfile.mktemp()
        with open(path, "w") as f:
            f.write("precious")
        self.addCleanup(os.unlink, path)
        proxy = self.signpost(self.relay(), wait=False,
                              daemon=["control = " + path])
        self.assertEqual(proxy.process.wait(harness.WAIT), 71)
        proxy.process = None
        with open(path) as f:
            self.assertEqual(f.read(), "precious")

    def test_its_directory_is_made(self):
        directory = tempfile.mktemp()
        self.addCleanup(shutil.rmtree, directory)
        path = os.path.join(directory, "control")
        proxy = self.signpost(self.relay(), daemon=["control = " + path])
        self.assertEqual(ask(path, b"version")["pid"], proxy.process.pid)

    def test_none_and_another_place_at_a_reload(self):
        proxy = self.daemon(daemon=["control = none"])
        self.assertFalse(os.path.lexists(proxy.control))
        status = self.tool("status", config=proxy.config)
        self.assertEqual(status.returncode, 75, status.said)
        self.assertIn("control = none", status.said)
        other = os.path.join(proxy.dir, "other")
        proxy.configure(daemon=["control = " + other])
        # Nobody listens where the file now says: the signal goes, and it is
        # said that it did.
        done = self.tool("reload", str(proxy.process.pid), config=proxy.config)
        self.assertEqual(done.returncode, 0, done.said)
        self.assertIn("got a SIGHUP", done.said)
        proxy.wait_log("reloaded")
        self.assertEqual(ask(other, b"state")["generation"], 2)
        proxy.configure()
        self.assertEqual(ask(other, b"reload")["reload"], "done")
        self.assertFalse(os.path.lexists(other))
        self.assertEqual(ask(proxy.control, b"state")["generation"], 3)

    def test_a_refused_reload_leaves_it_where_it_was(self):
        proxy = self.daemon()
        with open(os.path.join(proxy.dir, "file"), "w"):
            pass
        proxy.configure(daemon=["control = %s/file" % proxy.dir])
        answer = ask(proxy.control, b"reload")
        self.assertEqual(answer["reload"], "refused")
        self.assertIn("File exists", "".join(answer["errors"]))
        self.assertEqual(ask(proxy.control, b"state")["generation"], 1)


class Bounds(Case):
    def test_who_reads_nothing_and_who_asks_nothing_hold_nobody_up(self):
        proxy = self.daemon()
        with contextlib.ExitStack() as open_ones:
            def connect():
                s = open_ones.enter_context(socket.socket(
                    socket.AF_UNIX, socket.SOCK_SEQPACKET))
                s.settimeout(0)
                # Where the queue is full a socket with a timeout is told so
                # at once.
                harness.wait_until("a place in the queue", lambda: s.connect_ex(
                    proxy.control) == 0)
                s.settimeout(harness.WAIT)
                return s
            for _ in range(50):
                connect().send(b"state")  # and never reads
            self.assertEqual(ask(proxy.control, b"state")["generation"], 1)
            silent = [connect() for _ in range(16)]
            harness.wait_until("all places to be taken", lambda: ask(
                proxy.control, b"state") is None)
            # Mail goes on, and so does a reload.
            client = proxy.client()
            client.ehlo()
            self.assertEqual(client.message(harness.SAMPLE).code, 250)
            proxy.process.send_signal(signal.SIGHUP)
            proxy.wait_log("reloaded")
            began = time.monotonic()
            self.assertEqual(silent[0].recv(10), b"")  # let go after 10 s
            self.assertLess(time.monotonic() - began, harness.WAIT / 2)
        self.assertEqual(ask(proxy.control, b"state")["generation"], 2)

    def test_who_asks_twice_is_let_go(self):
        proxy = self.daemon(daemon=["workers = 1"])
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(harness.WAIT)
            s.connect(proxy.control)
            os.kill(proxy.process.pid, signal.SIGSTOP)
            s.send(b"reload")
            s.send(b"state")
            os.kill(proxy.process.pid, signal.SIGCONT)
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(s.recv(100), b"")
        proxy.wait_log("reloaded")


class Tools(Case):
    def test_status(self):
        proxy = self.daemon()
        done = self.tool("status", config=proxy.config)
        self.assertEqual(done.returncode, 0, done.said)
        self.assertRegex(done.said, r"signpost \S+ runs as process %d since "
                         r"\d{4}-" % proxy.process.pid)
        self.assertRegex(done.said, r"(?m)^configuration  %s, read .*\(generat"
                         r"ion 1\)$" % proxy.config)
        self.assertRegex(done.said, r"(?m)^last reload    none$")
        self.assertRegex(done.said, r"(?m)^serving        1 out, 1 signer$")
        self.assertNotIn("wrong", done.said)
        self.damage(proxy)
        done = self.tool("status", config=proxy.config)
        self.assertEqual(done.returncode, 1, done.said)
        self.assertIn("the file has mistakes by now", done.said)
        self.assertEqual(
            self.tool("reload", config=proxy.config).returncode, 78)
        done = self.tool("status", "--json", config=proxy.config)
        self.assertEqual(done.returncode, 1, done.said)
        found = json.loads(done.stdout)
        self.assertEqual(found["reload"]["result"], "refused")
        self.assertEqual([f["wrong"] for f in found["findings"]],
                         [True, True])
        self.assertIn("no_such_setting", found["findings"][1]["reason"])

    def test_no_daemon(self):
        proxy = self.daemon()
        self.assertEqual(proxy.stop(), 0)
        done = self.tool("status", config=proxy.config)
        self.assertEqual(done.returncode, 75, done.said)
        self.assertIn("no daemon answers", done.said)
        done = self.tool("status", "--json", config=proxy.config)
        self.assertEqual(list(json.loads(done.stdout)), ["error"])
        done = self.tool("reload", config=proxy.config)
        self.assertEqual(done.returncode, 75, done.said)
        # A number that is another program's by now gets no signal.
        done = self.tool("reload", str(os.getpid()), config=proxy.config)
        self.assertEqual(done.returncode, 75, done.said)
        self.assertIn("is no signpost", done.said)

    def test_another_program(self):
        """The program that runs is not the one that asks: a copy with another
        build id, as an upgrade leaves it."""
        proxy = self.daemon()
        copy = os.path.join(proxy.dir, "signpost")
        with open(harness.binary(), "rb") as f:
            text = bytearray(f.read())
        build = bytes.fromhex(ask(proxy.control, b"version")["build"])
        at = text.index(build)
        text[at] ^= 0xff
        with open(copy, "wb") as f:
            f.write(text)
        os.chmod(copy, 0o755)
        done = subprocess.run([copy, "status", "-c", proxy.config],
                              stdout=subprocess.PIPE, timeout=400)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"runs another program than this one", done.stdout)

    def test_check_and_explain_tell_of_other_settings(self):
        proxy = self.daemon()
        done = self.tool("check", "--nameserver", "127.0.0.1:9",
                         config=proxy.config)
        self.assertRegex(done.said, r"ok +daemon +.*it serves by what")
        mail = b"From: a@example.org\r\n\r\nx\r\n"
        done = self.tool("explain", config=proxy.config, stdin=mail)
        self.assertNotIn("running daemon", done.said)
        proxy.configure(out=["ttl = 1h"])
        done = self.tool("check", "--nameserver", "127.0.0.1:9",
                         config=proxy.config)
        self.assertRegex(done.said, r"FAIL +daemon +.*has changed, and the "
                         "daemon serves by what it was before")
        done = self.tool("explain", config=proxy.config, stdin=mail)
        self.assertIn("the running daemon: %s: the file or a map has changed" %
                      proxy.config, done.said)

    def test_reload_waits_for_the_one_it_asked(self):
        proxy = self.daemon()
        done = self.tool("reload", config=proxy.config)
        self.assertEqual(done.returncode, 0, done.said)
        self.assertNotIn("refused", done.said)
        self.assertEqual(ask(proxy.control, b"state")["generation"], 2)
        other = self.signpost(self.relay())
        done = self.tool("reload", str(other.process.pid), config=proxy.config)
        self.assertEqual(done.returncode, 75, done.said)
        self.assertIn("another process answers", done.said)


if __name__ == "__main__":
    harness.main()
