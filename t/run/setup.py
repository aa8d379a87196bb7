#!/usr/bin/python3
"""`signpost setup`, and back, on a machine with the Postfix that Debian
installs: what README's ten minutes do.

Runs in namespaces of its own (t/lib/machine.py); the real /etc/postfix, port
25, useradd and the init script are used, and nothing of it remains.
"""
import contextlib
import email
import hashlib
import mailbox
import os
import pathlib
import re
import signal
import smtplib
import subprocess
import sys
import time
import unittest

import dkim

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lib"))
import machine  # noqa: E402
import reloading  # noqa: E402
from nameserver import Nsd  # noqa: E402

BUILD = os.environ["SIGNPOST_BUILD"]
TOP = pathlib.Path(__file__).resolve().parents[2]
SIGNPOST = "/usr/sbin/signpost"
CONF = pathlib.Path("/etc/signpost/signpost.conf")
MAIN = pathlib.Path("/etc/postfix/main.cf")
MASTER = pathlib.Path("/etc/postfix/master.cf")
BOX = pathlib.Path("/var/mail/ann")
WAIT = 120.0

SUBMISSION = ("submission/inet=submission inet n - y - - smtpd"
              " -o syslog_name=postfix/submission"
              " -o smtpd_relay_restrictions=permit_mynetworks,reject")


def run(*words, check=True, wait=400):
    done = subprocess.run(words, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          text=True, timeout=wait, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}")
    return done


def reload_postfix():
    reloading.tell("/var/spool/postfix", lambda _: run("postfix", "reload"))


def setup(*words, status=(0,)):
    done = run(SIGNPOST, "setup", *words, check=False)
    if done.returncode not in status:
        raise AssertionError(
            f"setup {words}: {done.returncode}\n{done.stdout}")
    return done.stdout


def killed(after, *words):
    """Of the tool, when it has told of so many steps; False: it had ended."""
    child = subprocess.Popen([SIGNPOST, *words], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    with child.stdout:
        for line in child.stdout:
            after -= bool(re.match(r"\S+ +(ok|done) ", line))
            if after == 0:
                child.kill()
                break
    child.wait()
    # A program that it was about to begin has its lock until it begins.
    run("flock", "--wait", str(WAIT), str(CONF.parent), "true")
    return after == 0


def states(said):
    """What each step came to: {"ok", "done", ...}."""
    return set(re.findall(r"^\S+ +(ok|done|would|stop|failed) ", said, re.M))


def tree(*folders):
    """Every file below them, by what is in it, and whose it is."""
    found = {}
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            st = path.lstat()
            text = path.read_bytes() if path.is_file() else b""
            found[str(path)] = (st.st_mode, st.st_uid,
                                hashlib.sha256(text).hexdigest())
    return found


def starts_with_the_machine():
    return bool(list(pathlib.Path("/etc/rc2.d").glob("S*signpost")))


def without_links():
    """As a machine is that has had no init script of signpost's."""
    run("update-rc.d", "signpost", "disable", check=False)
    run("update-rc.d", "signpost", "remove")


def services():
    return run("postconf", "-M").stdout


def wait_until(what, ask, seconds=WAIT):
    end = time.monotonic() + seconds
    while not ask():
        if time.monotonic() > end:
            raise AssertionError(f"in {seconds} s not: {what}")
        time.sleep(0.1)


def queued():
    return run("postqueue", "-j").stdout.count('"queue_id"')


def arrived():
    if not BOX.exists():
        return []
    with contextlib.closing(mailbox.mbox(BOX)) as box:
        return list(box)


def submit(subject, port=587, count=1, sender="ann@example.org"):
    with smtplib.SMTP("127.0.0.1", port, timeout=WAIT) as smtp:
        for number in range(count):
            message = email.message.EmailMessage()
            message["From"] = sender
            message["To"] = "ann@example.org"
            message["Subject"] = f"{subject} {number}"
            message.set_content("Hello.\n")
            smtp.send_message(message)


def from_outside(subject, sender="eve@example.org"):
    """As a client of another host, by the name that its address has not."""
    with smtplib.SMTP("127.0.0.1", 25, timeout=WAIT) as smtp:
        code, text = smtp.docmd("XCLIENT", "ADDR=203.0.113.5 "
                                "NAME=[UNAVAILABLE] HELO=mx.test")
        if code != 220:
            raise AssertionError(f"XCLIENT: {code} {text}")
        smtp.sendmail(sender, ["ann@example.org"],
                      f"From: {sender}\nTo: ann@example.org\n"
                      f"Subject: {subject} 0\n\nHello.\n")


def of(subject):
    return [m for m in arrived() if m["Subject"].startswith(subject)]


class Bare(unittest.TestCase):
    """A bare machine each: what a test did is taken back."""

    @classmethod
    def setUpClass(cls):
        run("cmake", "--install", BUILD, "--prefix", "/usr")
        run("useradd", "-m", "ann")
        for user in ("signpost", "signpost-in", "signpost-keys",
                     "signpost-record"):
            run("userdel", user, check=False)
        run("postconf", "-e", "mydestination=example.org, localhost",
            "myhostname=mail.example.org", "inet_interfaces=127.0.0.1",
            "maillog_file=/var/log/mail.log", "queue_run_delay=2s",
            "minimal_backoff_time=1s", "maximal_backoff_time=2s",
            "inet_protocols=ipv4")
        run("newaliases")
        # By which mail would leave.
        run("ip", "addr", "add", "192.0.2.25", "dev", "lo")
        run("ip", "route", "add", "default", "dev", "lo", "src", "192.0.2.25")
        run("postconf", "-Me", SUBMISSION)
        cls.bare = MASTER.read_text(), CONF.read_text()
        run("postfix", "start")
        cls.name_server = Nsd("", port=53)
        cls.name_server.start()
        pathlib.Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\n")

    @classmethod
    def tearDownClass(cls):
        run("/etc/init.d/signpost", "stop", check=False)
        run("postfix", "stop")
        cls.name_server.stop()

    def setUp(self):
        run("/etc/init.d/signpost", "stop", check=False)
        reloading.replace(MASTER, self.bare[0])
        CONF.write_text(self.bare[1])
        run("rm", "-rf", "/etc/signpost/keys/example.org",
            "/etc/signpost/keys/example.net", str(BOX))
        reload_postfix()


class Steps(Bare):
    """What it does, and what undo takes back."""

    def publish(self, said):
        """What setup printed as lines of a zone goes into the zone."""
        zone = said.split("as lines of a zone:")[1].split("The same")[0]
        records = ""
        for name, value in re.findall(
                r"(?m)^(\S+)\. IN TXT ((?:.|\n\t)*)$", zone):
            text = "".join(re.findall(r'"([^"]*)"', value))
            records += f"{name} TXT {text}\n"
        self.assertIn("example.org TXT v=spf1 ip4:192.0.2.25 ~all\n", records)
        self.assertIn("_dmarc.example.org TXT v=DMARC1; p=none; "
                      "rua=mailto:postmaster@example.org\n", records)
        self.serve(records)

    def serve(self, records):
        type(self).name_server.stop()
        type(self).name_server = Nsd(records, port=53)
        self.name_server.start()

    def test_from_nothing_to_signed_mail_and_back(self):
        before, main = services(), MAIN.read_text()
        run("rm", "-rf", "/var/backups/signpost")
        run("userdel", "signpost", check=False)
        said = setup("-d", "example.org", status=(0, 1))
        self.assertRegex(said, r"user +done +signpost\n")
        run("getent", "passwd", "signpost")
        self.assertNotIn("failed", states(said), said)
        self.assertNotIn("stop", states(said), said)
        self.assertRegex(said, r"(?m)^m\d+r\._domainkey\.example\.org\. IN TXT ")
        for name in r"m\d+r\._domainkey", "@", "_dmarc":
            self.assertRegex(said, r"(?m)^Name +%s +\(in the zone "
                                   r"example\.org\)$" % name)
        for subject, send in (
                ("submitted", lambda: submit("submitted")),
                ("on 25", lambda: submit("on 25", port=25)),
                ("by hand", lambda: subprocess.run(
                    ["sendmail", "-t", "-f", "ann@example.org"],
                    input="From: ann@example.org\nTo: ann@example.org\n"
                          "Subject: by hand\n\nHello.\n",
                    text=True, check=True))):
            send()
            wait_until(f"{subject} arrives", lambda s=subject: of(s))
            signed = of(subject)[0]["DKIM-Signature"]
            self.assertIsNotNone(signed, subject)
            self.assertIn("d=example.org", signed)
        self.assertTrue(starts_with_the_machine())
        self.assertIn((self.bare[0], main), [
            tuple((copy / name).read_text() for name in ("master.cf", "main.cf"))
            for copy in pathlib.Path("/var/backups/signpost").iterdir()])
        sockets = pathlib.Path("/var/spool/postfix/signpost")
        self.assertEqual((sockets.stat().st_mode & 0o7777, sockets.owner(),
                          sockets.group()), (0o750, "root", "postfix"))

        keys = tree("/etc/signpost/keys")
        undone = setup("--undo")
        self.assertNotIn("failed", states(undone), undone)
        self.assertFalse(starts_with_the_machine())
        for line in ("rm -r /etc/signpost removes", "rm -r /var/lib/signpost ",
                     "userdel signpost; "):
            self.assertIn(line, undone)
        self.assertEqual(services(), before)
        self.assertEqual(tree("/etc/signpost/keys"), keys)
        self.assertEqual(
            run("/etc/init.d/signpost", "status", check=False).returncode, 3)
        submit("unsigned")
        wait_until("mail after undo", lambda: of("unsigned"))
        self.assertIsNone(of("unsigned")[0]["DKIM-Signature"])

    def test_a_file_names_the_keys(self):
        said = setup("-d", "example.org", "--type", "both", status=(0, 1))
        text = CONF.read_text()
        for line in ("selector = auto", "before_published = sign",
                     "signature = dkim(c=relaxed/relaxed)",
                     "signature = dkim(c=relaxed/relaxed, a=ed25519-sha256)"):
            self.assertIn("\n" + line, text)
        selectors = pathlib.Path("/etc/signpost/keys/example.org/selectors")
        month = time.strftime("m%Y%m", time.gmtime())
        made = r"made=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n"
        self.assertRegex(selectors.read_text(), r"\A# .*\n"
                         r"rsa      staged   %sr  %s"
                         r"ed25519  staged   %se  %s\Z" % (
                             month, made, month, made))
        self.assertIn("%sr is staged" % month, said)
        submit("twice")
        wait_until("it arrives", lambda: of("twice"))
        self.assertEqual(
            {s for field in of("twice")[0].get_all("DKIM-Signature")
             for s in re.findall(r"\ss=([^;]+);", field)},
            {month + "r", month + "e"})
        # What is there stays: a key that is active since, of another name.
        before = selectors.read_text()
        selectors.write_text(before.replace("staged ", "active "))
        tree_before = tree("/etc/signpost/keys")
        said = setup("-d", "example.org", "--type", "both", status=(0, 1))
        self.assertEqual(tree("/etc/signpost/keys"), tree_before)
        self.assertEqual(states(said), {"ok"}, said)

    def test_it_starts_with_the_machine_whatever_links_there_are(self):
        """None; those of Debian's package, by which nothing starts; and those
        of an earlier setup, which stay. Undo leaves no way to start it."""
        unit = pathlib.Path("/etc/systemd/system/multi-user.target.wants/"
                            "signpost.service")
        for before in None, "defaults-disabled", "defaults":
            with self.subTest(before):
                self.setUp()
                without_links()
                self.assertFalse(unit.is_symlink())
                if before:
                    run("update-rc.d", "signpost", before)
                self.assertEqual(starts_with_the_machine(),
                                 before == "defaults")
                said = setup("-d", "example.org", status=(0, 1))
                self.assertFalse({"failed", "stop"} & states(said), said)
                self.assertEqual("starts with the machine" in said,
                                 before != "defaults")
                self.assertTrue(starts_with_the_machine(), said)
                again = setup("-d", "example.org", status=(0, 1))
                self.assertEqual(states(again), {"ok"}, again)
                undone = setup("--undo")
                self.assertNotIn("failed", states(undone), undone)
                self.assertFalse(starts_with_the_machine())
                self.assertFalse(unit.is_symlink())
                setup("--undo")

    def test_it_starts_with_the_machine_though_it_runs_already(self):
        """Somebody started it, or setup was ended right behind that."""
        without_links()
        setup("-d", "example.org", status=(0, 1))
        without_links()
        run("/etc/init.d/signpost", "status")
        said = setup("-d", "example.org", status=(0, 1))
        self.assertRegex(said, r"service +done +starts with the machine\n")
        self.assertTrue(starts_with_the_machine())

    def test_without_update_rc_d_it_says_what_is_to_be_done(self):
        without_links()
        run("mv", "/usr/sbin/update-rc.d", "/run/update-rc.d")
        try:
            said = setup("-d", "example.org", status=(0, 1))
            again = setup("-d", "example.org", status=(0, 1))
        finally:
            run("mv", "/run/update-rc.d", "/usr/sbin/update-rc.d")
        self.assertFalse({"failed", "stop"} & states(said), said)
        for text in said, again:
            self.assertIn("there is no update-rc.d\n", text)
        self.assertEqual(states(again), {"ok"}, again)

    def test_with_systemd_it_is_a_unit(self):
        """Of which the words are looked at: there is no systemd here."""
        told = pathlib.Path("/run/told")
        systemctl = pathlib.Path("/usr/local/sbin/systemctl")
        systemctl.write_text(
            "#!/bin/sh\necho \"$*\" >>/run/told\n"
            "case $* in\n"
            "*is-active*) [ -e /run/signpost.pid ];;\n"
            "*is-enabled*) [ -e /run/enabled ];;\n"
            "*enable*) touch /run/enabled\n"
            "\texec signpost serve -D --pidfile /run/signpost.pid;;\n"
            "*disable*) rm /run/enabled; kill $(cat /run/signpost.pid);;\n"
            "*reload*) exec signpost reload $(cat /run/signpost.pid);;\n"
            "esac\n")
        systemctl.chmod(0o755)
        os.makedirs("/run/systemd/system")
        try:
            setup("-d", "example.org", status=(0, 1))
            self.assertIn("enable --now signpost.service\n", told.read_text())
            told.write_text("")
            said = setup("-d", "example.org", status=(0, 1))
            self.assertEqual(states(said), {"ok"}, said)
            self.assertNotIn("enable --now", told.read_text())
            setup("--undo")
            self.assertIn("disable --now signpost.service\n",
                          told.read_text())
        finally:
            os.rmdir("/run/systemd/system")
            systemctl.unlink()

    def test_a_second_run_changes_nothing_and_is_green_once_published(self):
        said = setup("-d", "example.org", status=(0, 1))
        self.publish(said)
        before = tree("/etc/signpost", "/etc/postfix")
        again = setup("-d", "example.org")
        self.assertEqual(states(again), {"ok"}, again)
        self.assertEqual(tree("/etc/signpost", "/etc/postfix"), before)

    def test_a_dry_run_changes_nothing(self):
        before = tree("/etc", "/var/lib/signpost")
        said = setup("-d", "example.org", "--dry-run", "--inbound")
        self.assertIn("would", states(said), said)
        self.assertNotIn("done", states(said), said)
        self.assertIn("postconf -Me", said)
        self.assertEqual(tree("/etc", "/var/lib/signpost"), before)

    def test_a_dry_run_of_undo_changes_nothing(self):
        setup("-d", "example.org", status=(0, 1))
        before = tree("/etc", "/var/lib/signpost")
        said = setup("--undo", "--dry-run")
        self.assertLessEqual(states(said), {"ok", "would"}, said)
        for line in ("postconf -PX submission/inet/content_filter",
                     "postconf -MX signpost/unix",
                     "/etc/init.d/signpost stop",
                     "update-rc.d signpost remove"):
            self.assertRegex(said, rf"(?m)^ +.*{line}\b")
        self.assertEqual(tree("/etc", "/var/lib/signpost"), before)
        run("/etc/init.d/signpost", "status")
        submit("still signed")
        wait_until("it arrives", lambda: of("still signed"))
        self.assertIsNotNone(of("still signed")[0]["DKIM-Signature"])

    def test_another_system_below_a_folder(self):
        """Its users, files and Postfix are changed; this one's are not, and
        nothing is started."""
        there = pathlib.Path("/run/there")
        (there / "usr").mkdir(parents=True)
        for name in "bin", "sbin", "lib", "lib64":
            (there / name).symlink_to("usr/" + name)
        (there / "var/lib").mkdir(parents=True)
        (there / "dev").mkdir()
        (there / "var/spool").mkdir()
        run("cp", "-a", "/etc", str(there))
        run("cp", "-a", "/var/spool/postfix", str(there / "var/spool"))
        run("cp", "-a", "/var/lib/postfix", str(there / "var/lib"))
        run("mount", "--bind", "/usr", str(there / "usr"))
        self.addCleanup(run, "umount", str(there / "usr"))
        run("mount", "--bind", "/dev", str(there / "dev"))
        self.addCleanup(run, "umount", str(there / "dev"))
        for name in "signpost", "signpost-keys":
            run("chroot", str(there), "userdel", name, check=False)

        def its_services():
            return run("chroot", str(there), "postconf", "-M").stdout
        wired, here = its_services(), tree("/etc", "/var/lib/signpost")
        links = sorted((there / "etc").glob("rc?.d/*"))
        said = setup("-d", "example.org", "--root", str(there))
        self.assertFalse({"failed", "stop"} & states(said), said)
        self.assertIn("is not started in another root\n", said)
        self.assertRegex(
            (there / "etc/passwd").read_text(), "(?m)^signpost:")
        self.assertIn("\ndomain = example.org",
                      (there / "etc/signpost/signpost.conf").read_text())
        [key] = (there / "etc/signpost/keys/example.org").glob("*.pem")
        run("openssl", "pkey", "-noout", "-in", str(key))
        self.assertIn("content_filter=signpost:", its_services())
        self.assertEqual(sorted((there / "etc").glob("rc?.d/*")), links)
        changed = tree(str(there / "etc"))
        again = setup("-d", "example.org", "--root", str(there))
        self.assertEqual(states(again), {"ok"}, again)
        self.assertEqual(tree(str(there / "etc")), changed)
        undone = setup("--undo", "--root", str(there))
        self.assertNotIn("failed", states(undone), undone)
        self.assertEqual(its_services(), wired)
        self.assertTrue(key.exists())
        self.assertEqual(tree("/etc", "/var/lib/signpost"), here)
        self.assertEqual(
            run("/etc/init.d/signpost", "status", check=False).returncode, 3)

    def test_undo_strands_no_mail(self):
        setup("-d", "example.org", status=(0, 1))
        run("postconf", "-MX", "127.0.0.1:10028/inet")
        reload_postfix()
        submit("kept", count=50)
        wait_until("fifty wait", lambda: queued() == 50)
        said = setup("--undo", "--wait", "0", status=(75,))
        self.assertRegex(said, r"[1-9]\d* messages wait")
        self.assertIn("signpost", services())
        setup("--undo", "--wait", "300")
        wait_until("fifty arrive", lambda: len(of("kept")) == 50)
        wait_until("the queue is empty", lambda: queued() == 0)
        self.assertTrue(all(m["DKIM-Signature"] for m in of("kept")))
        self.assertEqual(len({m["Message-ID"] for m in of("kept")}), 50)

    def test_undo_looks_at_every_message_of_the_queue(self):
        """A message goes between two looks at the queue; behind it others
        wait, which postcat does not come to."""
        setup("-d", "example.org", status=(0, 1))
        run("postconf", "-MX", "127.0.0.1:10028/inet")
        reload_postfix()
        submit("kept", count=2)
        wait_until("two wait", lambda: queued() == 2)
        first = pathlib.Path("/usr/local/sbin/postqueue")
        first.write_text(
            "#!/bin/sh\n"
            "[ $1 = -j ] && echo '{\"queue_id\": \"0GONE\"}'\n"
            "exec /usr/sbin/postqueue \"$@\"\n")
        first.chmod(0o755)
        try:
            # One that goes to the deferred is listed twice for a moment.
            wait_until("three are listed", lambda: queued() == 3)
            setup("--undo")
        finally:
            first.unlink()
        wait_until("both arrive", lambda: len(of("kept")) == 2)

    def test_undo_looks_more_than_once(self):
        """A message that goes from one part of the queue to another is in none
        for one look, here the second."""
        setup("-d", "example.org", status=(0, 1))
        run("postconf", "-MX", "127.0.0.1:10028/inet")
        reload_postfix()
        submit("moved")
        wait_until("it waits", lambda: queued() == 1)
        first = pathlib.Path("/usr/local/sbin/postqueue")
        first.write_text(
            "#!/bin/sh\n"
            "[ $1 != -j ] || { echo look >>/run/looks;\n"
            "    [ $(wc -l </run/looks) != 2 ] || exit 0; }\n"
            "exec /usr/sbin/postqueue \"$@\"\n")
        first.chmod(0o755)
        try:
            setup("--undo")
        finally:
            first.unlink()
        # One that it waits by, one that sees nothing, then three of an empty
        # queue, and one when the services are gone.
        looks = pathlib.Path("/run/looks").read_text().split()
        self.assertGreater(len(looks), 4)
        wait_until("it arrives", lambda: of("moved"))
        self.assertIsNotNone(of("moved")[0]["DKIM-Signature"])

    def test_undo_strands_no_mail_that_is_to_be_checked(self):
        setup("-d", "example.org", "--no-local", "--inbound", status=(0, 1))
        run("postconf", "-MX", "127.0.0.1:10026/inet")
        reload_postfix()
        submit("checked", port=25)
        wait_until("it waits", lambda: queued() == 1)
        setup("--undo")
        wait_until("it arrives", lambda: of("checked"))
        self.assertIsNotNone(of("checked")[0]["Authentication-Results"])
        self.assertNotIn("1002", services())

    def test_undo_looks_once_more_when_the_services_are_gone(self):
        """A client that was connected all the while sends by the old lines:
        here a queue that seems empty until then."""
        setup("-d", "example.org", status=(0, 1))
        run("postconf", "-MX", "127.0.0.1:10028/inet")
        reload_postfix()
        submit("late")
        wait_until("it waits", lambda: queued() == 1)
        first = pathlib.Path("/usr/local/sbin/postqueue")
        first.write_text(
            "#!/bin/sh\n"
            "! postconf -M signpost/unix | grep -q . ||\n"
            "    [ $1 != -j ] || exit 0\n"
            "exec /usr/sbin/postqueue \"$@\"\n")
        first.chmod(0o755)
        try:
            said = setup("--undo", status=(75,))
        finally:
            first.unlink()
        self.assertIn("still connected", said)
        run("/etc/init.d/signpost", "status")
        setup("--undo")
        wait_until("it arrives", lambda: of("late"))
        self.assertIsNotNone(of("late")[0]["DKIM-Signature"])

    def test_what_an_ended_setup_left_unread_is_read(self):
        """Settings and services stand there; nobody was told of them."""
        setup("-d", "example.org", "--selector", "k", status=(0, 1))
        before = CONF.read_text()
        setup("-d", "example.net", status=(0, 1))
        after = CONF.read_text()
        CONF.write_text(before)
        run("/etc/init.d/signpost", "reload")
        wired = MASTER.read_text()
        run("postconf", "-PX", "submission/inet/content_filter")
        reload_postfix()
        CONF.write_text(after)
        reloading.replace(MASTER, wired)
        said = setup("-d", "example.org", "-d", "example.net", status=(0, 1))
        self.assertEqual(states(said), {"ok"}, said)
        submit("again", sender="ann@example.net")
        wait_until("it arrives", lambda: of("again"))
        self.assertIn("d=example.net", of("again")[0]["DKIM-Signature"] or "")

    def test_undo_stops_where_a_person_has_mail_handed_to_us(self):
        setup("-d", "example.org", status=(0, 1))
        run("postconf", "-Me", "2525/inet=2525 inet n - y - - smtpd "
            "-o content_filter=smtp:[127.0.0.1]:10027")
        said = setup("--undo", status=(1,))
        self.assertIn("content_filter=smtp:[127.0.0.1]:10027", said)
        self.assertIn("127.0.0.1:10028", services())
        run("/etc/init.d/signpost", "status")

    def test_what_a_person_wired_stops_it(self):
        for change, word in (
                (("-Pe", "submission/inet/content_filter=amavis:[::1]:10024"),
                 "amavis:[::1]:10024"),
                (("-Me", "signpost/unix=signpost unix - - n - 7 smtp"),
                 "another service of that name"),
                (("-e", "content_filter=scan:dummy"), "scan:dummy")):
            with self.subTest(word):
                run("postconf", *change)
                before = tree("/etc/postfix")
                said = setup("-d", "example.org", status=(1,))
                self.assertIn("stop", states(said), said)
                self.assertIn(word, said)
                self.assertEqual(tree("/etc/postfix"), before)
                run("postconf", "-X", "content_filter")
                reloading.replace(MASTER, self.bare[0])

    def test_the_command_of_local_mail_cf(self):
        """What it says of programs that speak SMTP to port 25 is done as it
        stands there."""
        text = pathlib.Path(
            "/usr/share/doc/signpost/postfix/local-mail.cf").read_text()
        command = "\n".join(re.findall(r"^#\t(.*)", text, re.M))
        self.assertIn("smtpd_end_of_data_restrictions", command)
        setup("-d", "example.org", "--no-local", status=(0, 1))
        submit("before", port=25)
        wait_until("it arrives", lambda: of("before"))
        self.assertIsNone(of("before")[0]["DKIM-Signature"])
        run("sh", "-euc", command)
        reload_postfix()
        submit("after", port=25)
        wait_until("it arrives", lambda: of("after"))
        self.assertIsNotNone(of("after")[0]["DKIM-Signature"])
        said = setup("-d", "example.org", status=(0, 1))
        self.assertRegex(said, r"ok +smtp/inet: smtpd_end_of_data")

    def test_it_goes_on_when_a_person_did_what_it_says(self):
        """Another filter, restrictions, limits: what it says to write, and the
        next run completes it."""
        run("postconf", "-Pe",
            "submission/inet/content_filter=scan:[127.0.0.1]:10024")
        run("postconf", "-e", "smtpd_client_connection_count_limit=30",
            "smtpd_end_of_data_restrictions=permit_mynetworks")
        try:
            said = setup("-d", "example.org", status=(1,))
            option = re.search(
                r"and run this again: -o (content_filter=\S+)",
                said).group(1)
            run("postconf", "-Me", "127.0.0.1:10023/inet=127.0.0.1:10023 inet "
                "n - n - - smtpd -o " + option)
            run("sh", "-c", re.search(
                r"Both, ours first: (postconf -Me '.*')", said).group(1))
            said = setup("-d", "example.org", status=(0, 1))
            self.assertNotIn("stop", states(said), said)
            submit("on 25", port=25)
            wait_until("it arrives", lambda: of("on 25"))
            self.assertIsNotNone(of("on 25")[0]["DKIM-Signature"])
            run("postconf", "-MX", "127.0.0.1:10023/inet")
            said = setup("--undo", status=(1,))
            self.assertIn("mail is handed to signpost still: ", said)
            self.assertIn("127.0.0.1:10028", services())
            reloading.replace(MASTER, self.bare[0])
            said = setup("-d", "example.org", "--no-local", "--wiring",
                         "before-queue", "--dry-run")
            self.assertIn("client_connection_count_limit=10", said)
        finally:
            run("postconf", "-X", "smtpd_client_connection_count_limit",
                "smtpd_end_of_data_restrictions")

    def test_what_is_there_and_was_not_wished_for_is_named(self):
        """Postfix would hand mail to a port at which nobody listens; a wish
        that is not fulfilled is not passed over in silence."""
        for old, new, more, line in (
                ("listen = 127.0.0.1:10027", "listen = 127.0.0.1:10030", (),
                 "listen = 127.0.0.1:10027"),
                ("relay = 127.0.0.1:10028", "relay = 127.0.0.1:10030", (),
                 "relay = 127.0.0.1:10028"),
                ("[out]", "[in]\nlisten = 127.0.0.1:10025\n"
                 "relay = 127.0.0.1:10030\n[out]",
                 ("--inbound",), "relay = 127.0.0.1:10026"),
                ("[out]", "[in]\nreject = none\n[out]",
                 ("--inbound", "--reject-dmarc"), "reject = dmarc"),
                ("[out]", "[in]\nlisten = 127.0.0.1:10025\n"
                 "relay = 127.0.0.1:10026\n[results]\n"
                 "database = /var/lib/signpost-record/results.db\n"
                 "[reflector]\naddress = a@example.org\n[out]",
                 ("--inbound", "--reflector", "b@example.org"),
                 "address = b@example.org")):
            with self.subTest(line):
                self.assertIn("\n" + old, self.bare[1])
                CONF.write_text(self.bare[1].replace("\n" + old,
                                                     "\n" + new))
                before = tree("/etc")
                said = setup("-d", "example.org", *more, status=(1,))
                self.assertIn("write it there yourself: " + line, said)
                self.assertEqual(tree("/etc"), before)

    def test_domain_and_selector_of_a_person_stay(self):
        """Though no key of theirs is found, setup takes neither away."""
        for domain in "*", "example.com, example.edu":
            CONF.write_text(self.bare[1].replace(
                "\ndomain = example.org", "\ndomain = " + domain).replace(
                    "\nselector = mail2026", "\nselector = theirs"))
            said = setup("-d", "example.org", "--dry-run")
            self.assertNotIn("selector =", said)
            self.assertIn("/example.org/theirs.pem", said)

    def test_a_configuration_with_a_mistake_stays_as_it_is(self):
        CONF.write_text(self.bare[1] + "[out]\nnonsense = 1\n")
        before = tree("/etc")
        said = setup("-d", "example.org", status=(1,))
        self.assertIn("nonsense", said)
        self.assertEqual(tree("/etc"), before)

    def test_settings_that_are_there_stay(self):
        setup("-d", "example.org", "--selector", "mine", status=(0, 1))
        CONF.write_text(CONF.read_text().replace(
            "\n[out]\n", "\n[out]\nttl = 7d\n"))
        said = setup("-d", "example.net", status=(0, 1))
        text = CONF.read_text()
        self.assertIn("ttl = 7d\n", text)
        self.assertRegex(
            text, r"domain = example\.org .*\ndomain = example\.net\n")
        self.assertTrue(
            pathlib.Path("/etc/signpost/keys/example.net/mine.pem").exists(),
            said)

    def test_what_changed_since_a_version_is_named(self):
        said = run(SIGNPOST, "serve", "-t", "--since", "0.0.9",
                   check=False).stdout
        self.assertIn("[in] trusted: since 0.1.0 its default is", said)
        said = run(SIGNPOST, "serve", "-t", "--since", "0.1.0-1",
                   check=False).stdout
        self.assertNotIn("since", said)

    def test_what_check_says_to_do_about_the_daemon(self):
        """It starts what does not run and reloads what does, with systemd,
        with the init script alone, and with neither."""
        def todo():
            said = run(SIGNPOST, "check", check=False).stdout
            return re.search(r"signpost does not answer.*\n\s+(.*), and look",
                             said).group(1)
        setup("-d", "example.org", status=(0, 1))
        systemd = pathlib.Path("/run/systemd/system")
        init = pathlib.Path("/etc/init.d/signpost")
        CONF.write_text(CONF.read_text().replace(
            "listen = 127.0.0.1:10027", "listen = 127.0.0.1:10027, "
            "127.0.0.1:10030"))
        for run_by, forms in (
                ("it runs", ("systemctl reload signpost",
                             "/etc/init.d/signpost reload",
                             "signpost reload PID")),
                ("start it", ("systemctl start signpost",
                              "/etc/init.d/signpost start",
                              "signpost serve -D"))):
            systemd.mkdir(parents=True)
            said = [todo()]
            systemd.rmdir()
            said.append(todo())
            run("mv", str(init), "/run/init")
            try:
                said.append(todo())
            finally:
                run("mv", "/run/init", str(init))
            for line, form in zip(said, forms):
                self.assertTrue(line.startswith(run_by), line)
                self.assertIn("(%s" % form, line)
            run("/etc/init.d/signpost", "stop")

    def test_mail_is_refused_by_dmarc_once_its_exceptions_are_named(self):
        """It names the line, the line is written, and the next run goes on."""
        words = "-d", "example.org", "--inbound", "--reject-dmarc"
        self.serve("_dmarc.strict.test TXT v=DMARC1; p=reject\n")
        run("postconf", "-e", "smtpd_authorized_xclient_hosts=127.0.0.1")
        self.addCleanup(run, "postconf", "-X",
                        "smtpd_authorized_xclient_hosts")
        wired, before = services(), tree("/etc")
        said = setup(*words, status=(1,))
        self.assertEqual(states(said), {"stop"}, said)
        self.assertEqual(tree("/etc"), before)
        line = re.search(r"write below a line \[in\] there, and run this "
                         r"again: (dmarc_except =) NETWORKS\n", said).group(1)
        CONF.write_text(f"{self.bare[1]}\n[in]\n{line}\n")
        said = setup(*words, status=(0, 1))
        self.assertFalse({"failed", "stop"} & states(said), said)
        again = setup(*words, status=(0, 1))
        self.assertEqual(states(again), {"ok"}, again)
        with self.assertRaises(smtplib.SMTPDataError) as refused:
            from_outside("refused", "eve@strict.test")
        self.assertEqual(refused.exception.smtp_code, 550, refused.exception)
        from_outside("taken", "eve@example.net")
        wait_until("it arrives", lambda: of("taken"))
        self.assertIn("dmarc=none", of("taken")[0]["Authentication-Results"])
        self.assertEqual(of("refused"), [])
        undone = setup("--undo")
        self.assertNotIn("failed", states(undone), undone)
        self.assertEqual(services(), wired)

    def test_own_mail_on_port_25_before_the_queue(self):
        """It is said that it is not signed; what in-before-queue.cf has for it
        ends that, and the next run leaves it as it stands there."""
        words = ("-d", "example.org", "--wiring", "before-queue", "--inbound")
        note = ("what this host's own programs send by port 25 is not signed: "
                "/usr/share/doc/signpost/postfix/in-before-queue.cf has the ")
        self.assertNotIn(note, setup(*words, "--no-local", "--dry-run"))
        self.assertNotIn(note, setup(*words[:-1], "--dry-run"))
        said = setup(*words, status=(0, 1))
        self.assertIn(note, said)
        text = pathlib.Path("/usr/share/doc/signpost/postfix/"
                            "in-before-queue.cf").read_text()
        own = "".join(line + "\n" for line in re.findall(
            r"(?m)^#(127\.0\.0\.1:smtp .*|  -o content_filter=.*)", text))
        self.assertEqual(own.count("\n"), 2)
        reloading.replace(MASTER, own + re.sub(
            r"(?m)^smtp( +inet)", r"192.0.2.25:smtp\1", MASTER.read_text()))
        run("postconf", "-e", "inet_interfaces=127.0.0.1, 192.0.2.25")
        run("postfix", "stop")
        run("postfix", "start")
        try:
            before = services()
            again = setup(*words, status=(0, 1))
            self.assertEqual(states(again), {"ok"}, again)
            self.assertNotIn(note, again)
            self.assertEqual(services(), before)
            submit("own", port=25)
            wait_until("it arrives", lambda: of("own"))
            self.assertIn("d=example.org", of("own")[0]["DKIM-Signature"] or "")
            setup("--undo")
            self.assertNotIn("signpost", services())
        finally:
            run("postconf", "-e", "inet_interfaces=127.0.0.1")
            reloading.replace(MASTER, self.bare[0])
            run("postfix", "stop")
            run("postfix", "start")

    def test_before_the_queue_and_inbound(self):
        words = ("-d", "example.org", "--wiring", "before-queue", "--inbound",
                 "--type", "both", "--domainkeys")
        setup(*words, status=(0, 1))
        said = setup(*words, status=(0, 1))
        self.assertEqual(states(said), {"ok"}, said)
        submit("before")
        wait_until("it arrives", lambda: of("before"))
        message = of("before")[0]
        self.assertEqual(len(message.get_all("DKIM-Signature")), 2)
        self.assertIsNotNone(message["DomainKey-Signature"])
        submit("checked", port=25)
        wait_until("it arrives", lambda: of("checked"))
        self.assertIsNotNone(of("checked")[0]["Authentication-Results"])
        before = services()
        self.assertIn("smtpd_proxy_filter", before)
        setup("--undo")
        self.assertNotIn("smtpd_proxy", services())
        self.assertNotIn("1002", services())


class Milter(Bare):
    """--wiring milter: Postfix asks, and nothing of it stands in the queue."""
    WORDS = "-d", "example.org", "--wiring", "milter"
    BOTH = "unix:signpost/in,unix:signpost/out"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run("postconf", "-e", "smtpd_authorized_xclient_hosts=127.0.0.1")
        cls.main = MAIN.read_text()

    def setUp(self):
        reloading.replace(MAIN, self.main)
        super().setUp()

    def settings(self):
        return services() + run("postconf", "-n").stdout


class ByMilter(Milter):
    """What it does, and what undo takes back."""

    def by_hand(self, subject):
        subprocess.run(
            ["sendmail", "-t", "-f", "ann@example.org"],
            input="From: ann@example.org\nTo: ann@example.org\n"
                  f"Subject: {subject}\n\nHello.\n", text=True, check=True)

    def assert_verifies(self, message, said):
        """By what setup printed to publish."""
        name, value = re.search(
            r"(?m)^(\S+_domainkey\S+)\. IN TXT ((?:.|\n\t)*)$",
            said).groups()
        record = "".join(re.findall(r'"([^"]*)"', value)).encode()
        text = message.as_bytes().replace(b"\n", b"\r\n")
        self.assertTrue(dkim.verify(
            text, dnsfunc=lambda asked, timeout=5: record
            if asked.decode().rstrip(".") == name else None), text)

    def test_from_nothing_to_signed_mail_and_back(self):
        before = self.settings()
        said = setup(*self.WORDS, "--inbound", status=(0, 1))
        self.assertFalse({"failed", "stop"} & states(said), said)
        conf = CONF.read_text()
        for side in "out", "in":
            self.assertIn("\nlisten = milter:unix:/var/spool/postfix/signpost/"
                          f"{side} group=postfix\n", conf)
        self.assertNotRegex(conf, r"(?m)^relay = 127\.0\.0\.1:100")
        self.assertNotIn("1002", services())
        self.assertIn(self.main, [path.read_text() for path in pathlib.Path(
            "/var/backups/signpost").glob("*/main.cf")])
        for subject, send in (
                ("submitted", lambda: submit("submitted")),
                ("on 25", lambda: submit("on 25", port=25)),
                ("by hand", lambda: self.by_hand("by hand"))):
            send()
            wait_until(f"{subject} arrives", lambda s=subject: of(s))
            self.assertIn("d=example.org", of(subject)[0]["DKIM-Signature"])
            self.assert_verifies(of(subject)[0], said)
        self.assertIsNone(of("submitted")[0]["Authentication-Results"])
        from_outside("from outside")
        wait_until("it arrives", lambda: of("from outside"))
        message = of("from outside")[0]
        self.assertIsNone(message["DKIM-Signature"])
        self.assertIn("dkim=none", message["Authentication-Results"])

        keys = tree("/etc/signpost/keys")
        undone = setup("--undo")
        self.assertNotIn("failed", states(undone), undone)
        self.assertEqual(self.settings(), before)
        self.assertEqual(tree("/etc/signpost/keys"), keys)
        self.assertEqual(
            run("/etc/init.d/signpost", "status", check=False).returncode, 3)
        submit("unsigned")
        wait_until("mail after undo", lambda: of("unsigned"))
        self.assertIsNone(of("unsigned")[0]["DKIM-Signature"])

    def test_a_dry_run_changes_nothing(self):
        before = tree("/etc", "/var/lib/signpost")
        said = setup(*self.WORDS, "--dry-run", "--inbound")
        self.assertIn("would", states(said), said)
        self.assertNotIn("done", states(said), said)
        for line in (f"postconf -Pe smtp/inet/smtpd_milters={self.BOTH}",
                     "postconf -Pe submission/inet/smtpd_milters="
                     "unix:signpost/out",
                     "postconf -e non_smtpd_milters=unix:signpost/out",
                     "postconf -e internal_mail_filter_classes=bounce",
                     "postconf -e milter_default_action=tempfail"):
            self.assertIn(line + "\n", said)
        self.assertEqual(tree("/etc", "/var/lib/signpost"), before)

    def test_a_second_run_changes_nothing(self):
        for more in (), ("--no-local",), ("--inbound",), (
                "--inbound", "--reject-dmarc"):
            with self.subTest(more):
                self.setUp()
                if "--reject-dmarc" in more:
                    CONF.write_text(self.bare[1] + "[in]\ndmarc_except =\n")
                setup(*self.WORDS, *more, status=(0, 1))
                before = tree("/etc/signpost", "/etc/postfix")
                again = setup(*self.WORDS, *more, status=(0, 1))
                self.assertEqual(states(again), {"ok"}, again)
                self.assertEqual(tree("/etc/signpost", "/etc/postfix"), before)
                # What is not published is all that is missing; and nobody
                # logs in here.
                for line in re.findall("(?m)^(?:FAIL|warning) .*", again):
                    self.assertRegex(
                        line, r"^\w+ +(dkim|spf|dmarc|address) |"
                        "nobody logs in at the service submission")

    def test_the_way_that_is_there_need_not_be_named(self):
        setup(*self.WORDS, "--inbound", status=(0, 1))
        before = self.settings()
        said = setup("-d", "example.net", "--inbound", status=(0, 1))
        self.assertFalse({"failed", "stop"} & states(said), said)
        self.assertEqual(self.settings(), before)
        submit("of another domain", sender="ann@example.net")
        wait_until("it arrives", lambda: of("of another domain"))
        self.assertIn("d=example.net",
                      of("of another domain")[0]["DKIM-Signature"] or "")

    def test_only_what_is_submitted(self):
        setup(*self.WORDS, "--no-local", status=(0, 1))
        said = self.settings()
        self.assertNotIn("non_smtpd_milters", said)
        self.assertEqual(said.count("smtpd_milters=unix:signpost/out"), 1)
        self.assertIn("\nsign_for = authenticated\n", CONF.read_text())
        setup("--undo")
        self.assertNotIn("milter", self.settings())

    def test_nothing_waits_for_us_when_it_is_gone(self):
        """While nobody answers mail is put off; once nobody is asked it goes
        on, without a word of ours in the queue."""
        setup(*self.WORDS, status=(0, 1))
        run("/etc/init.d/signpost", "stop")
        with self.assertRaises(smtplib.SMTPException):
            submit("refused")
        self.by_hand("waits")
        said = setup("--undo")
        self.assertIn("0 messages wait for signpost", said)
        wait_until("it arrives", lambda: of("waits"))
        submit("on it goes")
        wait_until("it arrives", lambda: of("on it goes"))

    def test_another_wiring_stops_it(self):
        """Its listener would be taken away from under Postfix."""
        milter = self.WORDS + ("--inbound",)
        after = "-d", "example.org", "--inbound", "--wiring", "after-queue"
        for first, second, subject in (
                (after, milter, "by milter"), (milter, after, "after")):
            setup(*first, status=(0, 1))
            before = tree("/etc/signpost", "/etc/postfix")
            said = setup(*second, status=(1,))
            self.assertIn("by another wiring: ", said)
            self.assertEqual(tree("/etc/signpost", "/etc/postfix"), before)
            setup("--undo")
            said = setup(*second, status=(0, 1))
            self.assertFalse({"failed", "stop"} & states(said), said)
            submit(subject)
            wait_until("it arrives", lambda s=subject: of(s))
            self.assertEqual(len(of(subject)), 1)
            self.assertEqual(
                len(of(subject)[0].get_all("DKIM-Signature")), 1)
            setup("--undo")

    def test_what_a_person_wired_stops_it(self):
        for change, words in (
                (("-Pe", "smtp/inet/smtpd_proxy_filter=[::1]:10024"),
                 "smtpd_proxy_filter"),
                (("-e", "receive_override_options=no_milters"),
                 "take no_milters out of it"),
                (("-e", "milter_default_action=accept"),
                 "postconf -e milter_default_action=tempfail"),
                (("-e", "internal_mail_filter_classes=notify"),
                 "bounce, notify"),
                (("-e", "queue_directory=/var/spool/../spool/postfix"),
                 "queue_directory")):
            with self.subTest(words):
                self.setUp()
                run("postconf", *change)
                before = tree("/etc/postfix")
                said = setup(*self.WORDS, status=(1,))
                self.assertIn("stop", states(said), said)
                self.assertIn(words, said)
                self.assertEqual(tree("/etc/postfix"), before)

    def test_milters_of_others_keep_their_place(self):
        """What it says to write is what it goes on from, and what is taken out
        again is ours alone."""
        run("postconf", "-e", "smtpd_milters=inet:127.0.0.1:8893, "
            "{ inet:127.0.0.1:8894, default_action=accept }",
            "non_smtpd_milters=$smtpd_milters")
        run("postconf", "-Me", "587/inet=587 inet n - y - - smtpd "
            "-o smtpd_milters=unix:/a,unix:/b")
        run("postconf", "-MX", "submission/inet")
        before = self.settings()
        said = setup(*self.WORDS, "--inbound", status=(1,))
        commands = re.findall(r"and run this again: (postconf .*)", said)
        self.assertEqual(len(commands), 3, said)
        for command in commands:
            run("sh", "-euc", command)
        said = setup(*self.WORDS, "--inbound", "--dry-run")
        self.assertNotIn("stop", states(said), said)
        self.assertIn(
            "smtpd_milters=unix:signpost/in, inet:127.0.0.1:8893, "
            "{ inet:127.0.0.1:8894, default_action=accept }, "
            "unix:signpost/out", services())
        self.assertIn("smtpd_milters=unix:/a, unix:/b, unix:signpost/out",
                      services())
        self.assertIn("non_smtpd_milters = $smtpd_milters, unix:signpost/out",
                      self.settings())
        setup("--undo")
        self.assertNotIn("signpost", self.settings())
        for line in before.splitlines():
            if "milters" in line and "587" not in line:
                self.assertIn(line, self.settings())
        self.assertRegex(services(), r"(?m)^587 .*\{?smtpd_milters=unix:/a, "
                                     r"unix:/b")

    def test_undo_stops_where_a_person_has_us_asked(self):
        setup(*self.WORDS, status=(0, 1))
        run("postconf", "-Me", "2525/inet=2525 inet n - n - - smtpd "
            "-o smtpd_milters=unix:/var/spool/postfix/signpost/out")
        said = setup("--undo", status=(1,))
        self.assertIn("mail is handed to [out] still: 2525: smtpd_milters",
                      said)
        run("/etc/init.d/signpost", "status")

    def test_settings_of_a_person_that_do_not_fit_stop_it(self):
        for old, new, line in (
                ("listen = 127.0.0.1:10027", "listen = milter:127.0.0.1:10030",
                 "listen = milter:unix:/var/spool/postfix/signpost/out "
                 "group=postfix"),
                ("listen = 127.0.0.1:10027",
                 "listen = milter:unix:/var/spool/postfix/signpost/out",
                 "group=postfix")):
            CONF.write_text(self.bare[1].replace("\n" + old, "\n" + new))
            before = tree("/etc")
            said = setup(*self.WORDS, status=(1,))
            self.assertRegex(said, "write it there yourself: .*" + line)
            self.assertEqual(tree("/etc"), before)

    def test_the_lines_of_milter_cf(self):
        """Written by hand as they stand there they are what setup writes."""
        text = pathlib.Path(
            "/usr/share/doc/signpost/postfix/milter.cf").read_text()
        command = "\n".join(re.findall(
            r"^#\t(postconf .*|    internal.*)", text, re.M))
        run("sh", "-euc", command)
        lists = re.findall(r"(?m)^  -o (smtpd_milters=.*)", text)
        self.assertEqual(len(lists), 2)
        for service, option in zip(("submission", "smtp"), lists):
            run("postconf", "-Pe", f"{service}/inet/{option}")
        reload_postfix()
        said = setup(*self.WORDS, "--inbound", status=(0, 1))
        self.assertEqual(set(re.findall(
            r"(?m)^postfix +(\w+) (?!.*(?:copies|are now))", said)), {"ok"},
            said)
        listens = re.findall(r"(?m)^#\t(listen = milter:.*)", text)
        self.assertEqual(len(listens), 2)
        for line in listens:
            self.assertIn("\n" + line + "\n", CONF.read_text())
        submit("by hand")
        wait_until("it arrives", lambda: of("by hand"))
        self.assertIsNotNone(of("by hand")[0]["DKIM-Signature"])

    def test_answers_of_the_reflector_are_signed(self):
        """There is no listener to hand them to: they go by port 25."""
        run("sh", "-c", "echo 'check-auth: /dev/null' >>/etc/aliases;"
            "newaliases")
        said = setup(*self.WORDS, "--inbound", "--reflector",
                     "check-auth@example.org", status=(0, 1))
        self.assertNotRegex(said, r"(?m)^(FAIL|warning) +(reflector|results)")
        self.assertIn("\nrelay = 127.0.0.1:25\n", CONF.read_text())


class KilledByMilter(Milter):
    """At any step, and run again."""

    def test_killed_at_each_step_it_can_be_run_again(self):
        want = None
        for after in range(1, 40, 3):
            self.setUp()
            if not killed(after, "setup", *self.WORDS, "--inbound", "--type",
                          "ed25519"):
                break
            run("postfix", "check")
            said = setup(*self.WORDS, "--inbound", "--type", "ed25519",
                         status=(0, 1))
            self.assertNotIn("stop", states(said), said)
            want = want or self.settings()
            self.assertEqual(self.settings(), want)
        self.assertGreater(after, 8)

    def test_undo_killed_at_each_step_it_can_be_run_again(self):
        for after in range(1, 30, 2):
            self.setUp()
            before = self.settings()
            setup(*self.WORDS, "--inbound", "--type", "ed25519",
                  status=(0, 1))
            if not killed(after, "setup", "--undo"):
                break
            setup("--undo")
            self.assertEqual(self.settings(), before)
        self.assertGreater(after, 6)


class Killed(Bare):
    """At any step, and run again."""

    def test_killed_at_each_step_it_can_be_run_again(self):
        words = "-d", "example.org", "--type", "ed25519"
        main = MAIN.read_text()
        setup(*words, status=(0, 1))
        want = services(), CONF.read_text()
        for after in range(1, 40):
            self.setUp()
            without_links()
            if not killed(after, "setup", *words):
                break
            run("postfix", "check")
            self.assertIn(CONF.read_text(), (self.bare[1], want[1]))
            self.assert_whole(main)
            said = setup(*words, status=(0, 1))
            self.assertNotIn("stop", states(said), said)
            self.assertTrue(starts_with_the_machine(), after)
            self.assertEqual((services(), CONF.read_text()), want)
            self.assertEqual(self.assert_whole(main), 1)
            run(SIGNPOST, "serve", "-t")
        self.assertGreater(after, 8)

    def assert_whole(self, main):
        """Keys and main.cf, which this wiring leaves alone; how many keys."""
        keys = list(pathlib.Path("/etc/signpost/keys").rglob("*.pem"))
        for key in keys:
            run("openssl", "pkey", "-noout", "-in", str(key))
        self.assertEqual(MAIN.read_text(), main)
        return len(keys)

    def test_undo_killed_at_each_step_it_can_be_run_again(self):
        for after in range(1, 30):
            self.setUp()
            setup("-d", "example.org", "--inbound", "--type", "ed25519",
                  status=(0, 1))
            if not killed(after, "setup", "--undo"):
                break
            run("postfix", "check")
            setup("--undo")
            self.assertNotIn("1002", services())
            self.assertNotIn("signpost", services())
            self.assertEqual(run("/etc/init.d/signpost", "status",
                                 check=False).returncode, 3)
        self.assertGreater(after, 6)


class Faults(Bare):
    """On a full disk, two at once, and where there is no init."""

    def test_a_full_disk_leaves_every_file_whole(self):
        """Without room, and without inodes, wherever something is written."""
        run("rm", "-rf", "/var/lib/signpost")
        os.makedirs("/var/lib/signpost")
        os.makedirs("/var/backups/signpost", exist_ok=True)
        for folder in ("/etc/signpost", "/etc/signpost/keys", "/etc/postfix",
                       "/var/backups/signpost", "/var/lib/signpost"):
            with self.subTest(folder):
                self.setUp()
                copy = pathlib.Path("/run/copy")
                run("rm", "-rf", str(copy))
                run("cp", "-a", folder, str(copy))
                run("mount", "-t", "tmpfs", "-o",
                    "size=1m,mode=755,nr_inodes=400", "none", folder)
                try:
                    run("sh", "-c", f"cp -a {copy}/. {folder}/")
                    run("sh", "-c",
                        f"cat /dev/zero >{folder}/full; n=0; while "
                        f"touch {folder}/full$n; do n=$((n + 1)); done; :")
                    before = tree(folder)
                    # 1: there was nothing to write, and no room to serve.
                    said = setup("-d", "example.org", "--type", "ed25519",
                                 status=(1, 73))
                    self.assertRegex(said, "(?m)No space left|^postfix +failed")
                    self.assertTrue({"failed", "stop"} & states(said), said)
                    for line in said.splitlines():
                        self.assertNotRegex(
                            line, r"^(key|configuration) +done " + folder)
                    now = tree(folder)
                    for path, what in before.items():
                        self.assertEqual(now.get(path), what, path)
                finally:
                    run("umount", folder)
                said = setup("-d", "example.org", "--type", "ed25519",
                             status=(0, 1))
                self.assertNotIn("stop", states(said), said)

    def test_what_was_installed_can_be_taken_out_again(self):
        """All but settings and keys, and what others have installed."""
        def uninstall(**how):
            return run("cmake", "-D", f"MANIFEST={BUILD}/install_manifest.txt",
                       "-P", str(TOP / "init/uninstall.cmake"), **how)
        setup("-d", "example.org", status=(0, 1))
        for what, stop in (("/etc/init.d/signpost status",
                            "/etc/init.d/signpost stop"),
                           ("postconf -M signpost/unix", "signpost setup --undo")):
            said = uninstall(check=False)
            self.assertNotEqual(said.returncode, 0)
            self.assertIn(f"signpost is in use ({what})", said.stdout)
            self.assertTrue(os.path.exists(SIGNPOST))
            run("sh", "-c", stop)
        others = tree("/usr/share/man/man8", "/etc/init.d")
        keys = tree("/etc/signpost")
        try:
            uninstall()
            for path in (SIGNPOST, "/usr/share/doc/signpost",
                         "/usr/share/man/man8/signpost.8",
                         "/etc/init.d/signpost", "/etc/cron.d/signpost"):
                self.assertFalse(os.path.exists(path), path)
            self.assertEqual(tree("/etc/signpost"), keys)
            left = tree("/usr/share/man/man8", "/etc/init.d")
            self.assertEqual(
                left, {path: what for path, what in others.items()
                       if "signpost" not in path})
        finally:
            run("cmake", "--install", BUILD, "--prefix", "/usr")

    def test_without_root(self):
        before = tree("/etc/signpost", "/etc/postfix")
        done = run("setpriv", "--reuid=65534", "--regid=65534",
                   "--clear-groups", SIGNPOST, "setup", "-d", "example.org",
                   check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("only root may change this system", done.stdout)
        self.assertEqual(tree("/etc/signpost", "/etc/postfix"), before)

    def test_without_postfix(self):
        """What it needs not is done, it says what to install, and the next run
        goes on from there."""
        run("mv", "/usr/sbin/postconf", "/run/postconf")
        try:
            before = tree("/etc/postfix")
            said = setup("-d", "example.org", status=(1,))
            self.assertRegex(said, r"(?m)^postfix +stop .*\n.*apt-get install")
            self.assertEqual(tree("/etc/postfix"), before)
        finally:
            run("mv", "/run/postconf", "/usr/sbin/postconf")
        keys = tree("/etc/signpost/keys")
        said = setup("-d", "example.org", status=(0, 1))
        self.assertNotIn("stop", states(said), said)
        self.assertEqual(tree("/etc/signpost/keys"), keys)
        self.assertIn("127.0.0.1:10028", services())

    def test_what_is_no_domain_and_what_is_not_there(self):
        before = tree("/etc/signpost", "/etc/postfix")
        for name in "no domain", "a..test", "../x", "":
            self.assertIn("no domain name", setup("-d", name, status=(64,)))
        self.assertIn("a domain stands behind -d",
                      setup("example.org", status=(64,)))
        self.assertIn("/example.org/", setup("-d", "Example.ORG.", "--dry-run"))
        self.assertEqual(tree("/etc/signpost", "/etc/postfix"), before)
        # One that the DNS does not know is set up, and named as missing there.
        said = setup("-d", "nobody-has-this.test", status=(1,))
        self.assertNotIn("stop", states(said), said)
        self.assertRegex(said, r"(?m)^FAIL +dkim \S+\.nobody-has-this\.test: "
                               "there is no such record")
        run("rm", "-r", "/etc/signpost/keys/nobody-has-this.test")

    def test_a_master_cf_that_is_organized_otherwise(self):
        """postscreen before the smtpd that takes mail; submission by number, at
        an address; lines that go on, comments between."""
        text = re.sub(r"(?m)^(smtp +inet|submission).*\n( .*\n)*", "",
                      self.bare[0])
        reloading.replace(MASTER, text + """
smtp      inet  n       -       y       -       1       postscreen
# what postscreen passes on
smtpd     pass  -       -       y       -       -       smtpd
  -o smtpd_banner=hello
127.0.0.1:587 inet n    -       y       -       -       smtpd
# between
  -o { smtpd_client_restrictions = permit_mynetworks, reject }
  -o syslog_name=postfix/submission
""")
        reload_postfix()
        before = services()
        said = setup("-d", "example.org", "--inbound", status=(0, 1))
        self.assertNotIn("stop", states(said), said)
        again = setup("-d", "example.org", "--inbound", status=(0, 1))
        self.assertEqual(states(again), {"ok"}, again)
        for line in services().splitlines():
            if line.startswith("smtpd"):
                self.assertIn("content_filter=signpost-in:", line)
                self.assertIn("smtpd_banner=hello", line)
            if line.startswith("127.0.0.1:587"):
                self.assertIn("content_filter=signpost:", line)
                self.assertIn("permit_mynetworks, reject", line)
        submit("otherwise")
        wait_until("it arrives", lambda: of("otherwise"))
        self.assertIn("d=example.org", of("otherwise")[0]["DKIM-Signature"] or "")
        setup("--undo")
        self.assertEqual(sorted(services().splitlines()),
                         sorted(before.splitlines()))

    def test_only_one_at_a_time(self):
        first = subprocess.Popen(
            [sys.executable, "-c",
             "import fcntl, os, time\n"
             "fd = os.open('/etc/signpost', os.O_RDONLY)\n"
             "fcntl.flock(fd, fcntl.LOCK_EX)\n"
             "print(flush=True)\n"
             "time.sleep(60)\n"], stdout=subprocess.PIPE)
        first.stdout.readline()
        said = setup("-d", "example.org", status=(1,))
        self.assertIn("another setup is at work", said)
        first.kill()
        first.communicate()

    def test_two_setups_at_once(self):
        words = "-d", "example.org", "--type", "ed25519"
        with subprocess.Popen([SIGNPOST, "setup", *words],
                              stdout=subprocess.PIPE, text=True) as first:
            # It has the lock when it tells of a step, and keeps it for now.
            told = first.stdout.readline()
            first.send_signal(signal.SIGSTOP)
            try:
                before = tree("/etc")
                said = setup(*words, status=(1,))
                self.assertEqual(tree("/etc"), before)
            finally:
                first.send_signal(signal.SIGCONT)
                told += first.stdout.read()
        self.assertIn(first.returncode, (0, 1))
        self.assertRegex(said, r"\A\S*signpost: setup: another setup is at work\n"
                               r"\Z")
        self.assertNotIn("another setup", told)
        self.assertFalse({"failed", "stop"} & states(told), told)
        third = setup(*words, status=(0, 1))
        self.assertEqual(states(third), {"ok"}, third)

    def test_without_systemd_and_init_script(self):
        """Who starts it by hand as it says gets on from there."""
        run("mv", "/etc/init.d/signpost", "/run/init")
        try:
            said = setup("-d", "example.org", status=(1,))
            run("sh", "-c", re.search(
                r"(signpost serve .*), and run this again", said).group(1))
            said = setup("-d", "example.org", status=(0, 1))
            self.assertNotIn("stop", states(said), said)
            submit("by hand")
            wait_until("it arrives", lambda: of("by hand"))
            self.assertIsNotNone(of("by hand")[0]["DKIM-Signature"])
            said = setup("--undo")
            run("sh", "-c", re.search(r"(kill .*)", said).group(1))
        finally:
            run("mv", "/run/init", "/etc/init.d/signpost")


if __name__ == "__main__":
    machine.enter(os.path.abspath(__file__))
    unittest.main(verbosity=2)
