#!/usr/bin/python3
"""The init script, with root and without, and what `cmake --install` puts
where.

    SIGNPOST_BUILD   the build directory; ctest sets it
"""
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

import harness

BUILD = os.environ.get("SIGNPOST_BUILD", "")
SCRIPT = os.path.join(BUILD, "init", "signpost")
ROOT = os.getuid() == 0


class Script(harness.Case):
    def begin(self, become=None):
        self.hop = self.relay()
        self.proxy = harness.Signpost(self.hop, daemon=["log = syslog"])
        self.addCleanup(self.proxy.clean)
        self.become = become
        # The tree may lie where only root gets to.
        self.init_script = shutil.copy(
            SCRIPT, os.path.join(self.proxy.dir, "init"))
        self.program = shutil.copy(harness.binary(), self.proxy.dir)
        if become:
            for directory, _, files in os.walk(self.proxy.dir):
                for name in [directory] + files:
                    shutil.chown(os.path.join(directory, name), become)
        self.pidfile = os.path.join(self.proxy.dir, "pid")
        self.addCleanup(self.end)

    def end(self):
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGKILL)

    def pid(self):
        try:
            with open(self.pidfile) as f:
                return int(f.read())
        except OSError:
            return None

    def script(self, word):
        """Its exit status; what it says is kept in self.said."""
        become = None
        if self.become:
            user = pwd.getpwnam(self.become)

            def become():
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)

        # A pipe, read to its end: no daemon holds it.
        run = subprocess.run(
            ["/bin/sh", "-eu", self.init_script, word],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=400, check=False, text=True,
            preexec_fn=become, cwd="/", env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "DAEMON": self.program, "CONFIG": self.proxy.config,
                "PIDFILE": self.pidfile, "STOP_WAIT": "20",
                "ASAN_OPTIONS": "detect_leaks=0",
                "SIGNPOST_SANDBOX": "death"})
        self.said = run.stdout
        return run.returncode

    def is_signed(self):
        client = self.proxy.client()
        client.ehlo()
        self.assertEqual(client.message(harness.SAMPLE).code, 250)
        client.quit()
        self.assertRegex(self.hop.messages[-1].data, rb"\ADKIM-Signature:")

    def life(self):
        self.assertEqual(self.script("status"), 3, self.said)
        self.assertEqual(self.script("stop"), 0, self.said)
        self.assertEqual(self.script("start"), 0, self.said)
        self.is_signed()
        first = self.pid()
        self.assertEqual(self.script("start"), 0, self.said)
        self.assertIn("already running", self.said)
        self.assertEqual(self.pid(), first)
        self.assertEqual(self.script("status"), 0, self.said)
        self.assertIn("process %d" % first, self.said)
        self.assertEqual(self.script("reload"), 0, self.said)
        self.assertIn("signpost: reloaded\n", self.said)
        with open(self.proxy.config, "a") as f:
            f.write("announce_8bitmime = no\n")
        self.assertEqual(self.script("reload"), 0, self.said)
        # An old worker may still take a connection that was on its way.
        harness.wait_until("the new settings", lambda: "8BITMIME" not in
                           str(self.proxy.client().ehlo().lines), 2)
        self.assertEqual(self.pid(), first)
        self.is_signed()
        with open(self.proxy.config, "a") as f:
            f.write("nonsense = 1\n")
        self.assertEqual(self.script("reload"), 6, self.said)
        self.assertRegex(self.said, r"signpost\.conf:\d+: unknown setting")
        self.assertNotEqual(self.script("restart"), 0)
        self.assertEqual(self.pid(), first)  # a bad one stops nothing
        self.is_signed()
        with open(self.proxy.config) as f:
            text = f.read().replace("nonsense = 1\n", "")
        # What only the running daemon can find out: a listener is taken.
        with socket.create_server(("127.0.0.1", 0)) as taken, \
                open(self.proxy.config, "w") as f:
            f.write(text.replace("[out]\n", "[out]\nlisten = 127.0.0.1:%d\n"
                                 % taken.getsockname()[1]))
            f.flush()
            self.assertEqual(self.script("reload"), 6, self.said)
            self.assertIn("127.0.0.1:%d" % taken.getsockname()[1], self.said)
            self.assertIn("the old configuration goes on", self.said)
        self.is_signed()
        with open(self.proxy.config, "w") as f:
            f.write(text)
        self.assertEqual(self.script("restart"), 0, self.said)
        self.assertNotEqual(self.pid(), first)
        self.is_signed()
        self.assertEqual(self.script("stop"), 0, self.said)
        self.assertIsNone(self.pid())
        self.assertEqual(self.script("status"), 3, self.said)
        self.assertEqual(self.script("reload"), 7, self.said)
        self.assertEqual(self.script("try-restart"), 0, self.said)
        self.assertIsNone(self.pid())

    def test_its_life(self):
        self.begin()
        self.life()

    @unittest.skipUnless(ROOT, "run by root, the other test is this one")
    def test_its_life_without_root(self):
        self.begin(become=harness.WORKER)
        self.life()

    def test_a_stale_pid_file(self):
        self.begin()
        with open(self.pidfile, "w") as f:
            f.write("%d\n" % os.getpid())  # somebody else's number
        self.assertEqual(self.script("status"), 1, self.said)
        self.assertEqual(self.script("stop"), 0, self.said)
        self.assertEqual(self.script("start"), 0, self.said)
        self.is_signed()
        self.assertEqual(self.script("stop"), 0, self.said)

    def test_a_start_that_fails(self):
        self.begin()
        os.unlink(self.proxy.keyfile)
        shutil.rmtree(self.proxy.spool)
        self.assertEqual(self.script("start"), 1, self.said)
        self.assertIn("is not there: install -d", self.said)
        self.assertIsNone(self.pid())

    def test_usage_and_header(self):
        self.begin()
        self.assertEqual(self.script("frobnicate"), 2, self.said)
        with open(SCRIPT) as f:
            text = f.read()
        header = re.search(r"### BEGIN INIT INFO\n(.*)### END INIT INFO\n",
                           text, re.S)[1]
        for name in ("Provides", "Required-Start", "Required-Stop",
                     "Default-Start", "Default-Stop", "Short-Description"):
            self.assertRegex(header, r"(?m)^# %s: +\S" % name)


class Install(unittest.TestCase):
    def test_all_is_where_debian_looks(self):
        place = tempfile.mkdtemp(prefix="signpost-install-")
        self.addCleanup(shutil.rmtree, place, True)
        self.install(place)
        for path, mode in (
                ("/usr/sbin/signpost", 0o755),
                ("/etc/signpost/signpost.conf", 0o644),
                ("/etc/init.d/signpost", 0o755),
                ("/usr/lib/systemd/system/signpost.service", 0o644),
                ("/usr/lib/systemd/system/signpost-dmarc-report.service",
                 0o644),
                ("/usr/lib/systemd/system/signpost-dmarc-report.timer",
                 0o644),
                ("/usr/lib/systemd/system/signpost-rotate.service", 0o644),
                ("/usr/lib/systemd/system/signpost-rotate.timer", 0o644),
                ("/etc/cron.d/signpost", 0o644),
                ("/usr/lib/sysusers.d/signpost.conf", 0o644),
                ("/usr/lib/tmpfiles.d/signpost.conf", 0o644),
                ("/usr/share/bash-completion/completions/signpost", 0o644),
                ("/usr/share/doc/signpost/README", 0o644),
                ("/usr/share/doc/signpost/examples/signpost.conf", 0o644),
                ("/usr/share/doc/signpost/postfix/out-after-queue.cf", 0o644),
                ("/usr/share/doc/signpost/prometheus/signpost.rules.yml",
                 0o644),
                ("/usr/share/man/man8/signpost.8", 0o644),
                ("/usr/share/man/man5/signpost.conf.5", 0o644)):
            self.assertEqual(
                stat.S_IMODE(os.stat(place + path).st_mode), mode, path)
        self.assertEqual(stat.S_IMODE(
            os.stat(place + "/etc/signpost/keys").st_mode), 0o700)
        with open(place + "/usr/lib/systemd/system/signpost.service") as f:
            self.assertIn("ExecStart=/usr/sbin/signpost serve\n", f.read())
        with open(place + "/usr/lib/tmpfiles.d/signpost.conf") as f:
            self.assertRegex(f.read(), r"(?m)^d- /var/spool/postfix/signpost "
                             r" 0750 root +postfix ")
        # A configuration that is there stays.
        with open(place + "/etc/signpost/signpost.conf", "w") as f:
            f.write("mine\n")
        self.install(place)
        with open(place + "/etc/signpost/signpost.conf") as f:
            self.assertEqual(f.read(), "mine\n")

    def test_cron_says_nothing_and_the_log_hears_of_failures(self):
        """The line as cron would run it, where no systemd is."""
        place = tempfile.mkdtemp(prefix="signpost-install-")
        self.addCleanup(shutil.rmtree, place, True)
        self.install(place)
        with open(place + "/etc/cron.d/signpost") as f:
            line, rotate = [line for line in f if not line.startswith("#")]
        self.assertIn("/usr/sbin/signpost rotate auto ", rotate)
        self.assertEqual(line.split()[2:6], ["*", "*", "*", "root"])
        self.assertNotIn("%", line)  # that is a line's end to cron
        command = line.split(maxsplit=6)[6]
        for name, text in (("shuf", "echo 0"), ("logger", 'cat >"$0.log"'),
                           ("signpost", 'echo "$*"; echo wrong >&2')):
            with open(os.path.join(place, name), "w") as f:
                f.write("#!/bin/sh\n%s\n" % text)
            os.chmod(os.path.join(place, name), 0o755)
        for was, is_now in (("/run/systemd/system", place + "/none"),
                            ("/usr/sbin/signpost", place + "/signpost"),
                            ("/etc/signpost", place + "/etc/signpost")):
            self.assertIn(was, command)
            command = command.replace(was, is_now)
        run = subprocess.run(
            ["/bin/sh", "-c", command], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=400, check=False,
            env={"PATH": place + ":/usr/bin:/bin"})
        self.assertEqual((run.returncode, run.stdout), (0, b""))
        with open(place + "/logger.log") as f:
            self.assertEqual(f.read(),
                             "dmarc-report --send --quiet\nwrong\n")
        os.unlink(place + "/logger.log")
        os.unlink(place + "/etc/signpost/signpost.conf")
        subprocess.run(["/bin/sh", "-c", command], timeout=400, check=True,
                       env={"PATH": place + ":/usr/bin:/bin"})
        self.assertFalse(os.path.exists(place + "/logger.log"))

    def install(self, place):
        run = subprocess.run(
            ["cmake", "--install", BUILD, "--prefix", "/usr"], timeout=400,
            env=dict(os.environ, DESTDIR=place), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False, text=True)
        self.assertEqual(run.returncode, 0, run.stdout)


if __name__ == "__main__":
    harness.main()
