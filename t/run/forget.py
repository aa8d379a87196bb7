#!/usr/bin/python3
"""`signpost forget`: a domain is taken out, its keys are kept, no other domain
loses anything; and a run that was ended is completed by the next.

Runs in namespaces of its own (t/lib/machine.py).
"""
import contextlib
import os
import pathlib
import re
import sqlite3
import time
import unittest

import setup
from setup import CONF, SIGNPOST, killed, of, run, submit, tree, wait_until

import machine

FORGOTTEN = pathlib.Path("/var/backups/signpost/forgotten")
KEYS = pathlib.Path("/etc/signpost/keys")
DATABASE = "/var/lib/signpost-record/results.db"
SETTINGS = "/etc/signpost", "/var/backups"


def forget(*words, status=0, domain="example.net"):
    done = run(SIGNPOST, "forget", "-d", domain, *words, check=False)
    if done.returncode != status:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}")
    return done.stdout


def kept(domain="example.net"):
    """What lies aside of it, by name."""
    return {path.name: path.read_bytes()
            for path in (FORGOTTEN / domain).glob("*/*")
            if path.suffix == ".pem" or path.name == "selectors"}


def named():
    """Lines of the settings that name it, without comments."""
    return re.findall(r"(?m)^[^#\n;]*example\.net", CONF.read_text())


def results():
    """Names that the recorder keeps something of."""
    with contextlib.closing(sqlite3.connect(DATABASE)) as kept:
        return set(re.findall(r"[\w.]+", "\n".join(kept.iterdump())))


def signer(subject):
    """Whose signature a message has that came."""
    wait_until(subject, lambda: of(subject))
    found = re.search(r" d=([^;]*);", of(subject)[0]["DKIM-Signature"] or "")
    return found and found.group(1)


class Forget(setup.Bare):
    def setUp(self):
        super().setUp()
        run("rm", "-rf", str(FORGOTTEN), "/etc/signpost/maps")
        setup.setup("-d", "example.org", "-d", "example.net", "--type",
                    "ed25519", status=(0, 1))
        # One that signs no more, or not yet.
        run(SIGNPOST, "keygen", "-d", "example.net", "-s", "old", "-t",
            "ed25519")
        self.keys = {path.name: path.read_bytes()
                     for path in (KEYS / "example.net").iterdir()}
        # And the file that says what each of them is.
        self.assertEqual(len(self.keys), 3)
        self.assertIn("selectors", self.keys)

    def settings(self, old, new):
        text = CONF.read_text()
        self.assertIn(old, text)
        CONF.write_text(text.replace(old, new))

    def forgotten(self):
        self.assertFalse(named())
        self.assertFalse((KEYS / "example.net").exists())
        self.assertEqual(kept(), self.keys)
        for path in FORGOTTEN.rglob("*"):
            self.assertEqual(path.stat().st_uid, 0)
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_a_domain_is_taken_out(self):
        others = tree(KEYS / "example.org")
        submit("before", sender="ann@example.net")
        self.assertEqual(signer("before"), "example.net")
        said = forget()
        self.forgotten()
        self.assertEqual(tree(KEYS / "example.org"), others)
        for name in self.keys:
            if name != "selectors":
                self.assertRegex(
                    said, r"(?m)^%s\._domainkey\.example\.net\. TXT$"
                    % name.removesuffix(".pem"))
            self.assertIn("kept as %s/example.net/" % FORGOTTEN, said)
        submit("after", sender="ann@example.net")
        self.assertIsNone(signer("after"))
        submit("other", sender="ann@example.org")
        self.assertEqual(signer("other"), "example.org")
        before = tree(*SETTINGS)
        self.assertIn("has been forgotten", forget())
        self.assertEqual(tree(*SETTINGS), before)
        # It can come back, and go again in the same second, whichever.
        setup.setup("-d", "example.net", status=(0, 1))
        now = time.time()
        for second in range(30):
            folder = FORGOTTEN / "example.net" / time.strftime(
                "%Y%m%dT%H%M%SZ", time.gmtime(now + second))
            folder.mkdir(exist_ok=True)
            for path in (KEYS / "example.net").iterdir():
                (folder / path.name).write_text("another key\n")
        forget()
        self.assertFalse(named())
        self.assertFalse((KEYS / "example.net").exists())

    def test_a_dry_run_changes_nothing(self):
        before = tree(*SETTINGS)
        said = forget("--dry-run")
        self.assertEqual(tree(*SETTINGS), before)
        self.assertIn("would", said)
        self.assertNotIn("done", said)
        self.assertIn("._domainkey.example.net. TXT", said)

    def test_a_domain_that_is_none_of_ours(self):
        before = tree(*SETTINGS)
        self.assertIn("nothing in %s names it" % CONF,
                      forget(domain="other.test", status=1))
        forget(domain="no domain", status=64)
        self.assertEqual(tree(*SETTINGS), before)

    def test_lines_of_maps(self):
        for name, lines in (
                ("senders", "# ours\nexample.net\tdkim\nann@Example.NET dkim\n"
                 "*@example.net none\nsub.example.net none\n"
                 "example.org\tdkim\n"),
                ("lists", "news.example.net\tdkim\nnews.example.org\tdkim\n")):
            pathlib.Path("/etc/signpost/" + name).write_text(lines)
        self.settings("\n[out]\n",
                      "\n[out]\nsender_map = /etc/signpost/senders\n"
                      "listid_map = /etc/signpost/lists\n")
        forget()
        self.forgotten()
        self.assertEqual(pathlib.Path("/etc/signpost/senders").read_text(),
                         "# ours\nsub.example.net none\nexample.org\tdkim\n")
        self.assertEqual(pathlib.Path("/etc/signpost/lists").read_text(),
                         "news.example.org\tdkim\n")

    def test_what_a_person_wrote_otherwise_stops_it(self):
        senders = pathlib.Path("/etc/signpost/senders")
        senders.write_text("example.org dkim(d=example.net)\n")
        good = CONF.read_text()
        for line, shown in (
                ("sender_map = %s" % senders, r"%s:1: example\.org dkim" % senders),
                ("signature = dkim(d=example.net, s=x, key=/x)",
                 r"%s:\d+: signature = dkim\(d=example\.net" % CONF)):
            with self.subTest(line):
                CONF.write_text(good.replace(
                    "\n[out]\n", "\n[out]\n%s\n" % line))
                before = tree(*SETTINGS)
                said = forget(status=1)
                self.assertRegex(said, r"(?m)^configuration stop +" + shown)
                self.assertEqual(tree(*SETTINGS), before)

    def test_the_last_domain_is_not_taken_out(self):
        forget(domain="example.org")
        before = tree(*SETTINGS)
        said = forget(status=1)
        self.assertIn("setup -d OTHER", said)
        self.assertEqual(tree(*SETTINGS), before)

    def test_any_domain_that_has_a_key(self):
        self.settings("domain = example.org", "domain = *\n#")
        self.settings("\ndomain = example.net", "")
        run("/etc/init.d/signpost", "reload")
        submit("before", sender="ann@example.net")
        self.assertEqual(signer("before"), "example.net")
        forget()
        self.assertEqual(kept(), self.keys)
        submit("after", sender="ann@example.net")
        self.assertIsNone(signer("after"))

    def test_keys_stay_while_the_daemon_may_sign_with_them(self):
        """It takes no settings: another domain has lost its key."""
        there = list((KEYS / "example.org").iterdir())
        for path in there:
            path.rename(path.with_suffix(".gone"))
        said = forget(status=1)
        self.assertIn("may sign for example.net still", said)
        self.assertEqual({path.name for path in (KEYS / "example.net").iterdir()},
                         set(self.keys))
        for path in there:
            path.with_suffix(".gone").rename(path)
        forget()
        self.forgotten()

    def test_without_a_daemon(self):
        run("/etc/init.d/signpost", "stop")
        self.assertIn("does not run", forget())
        self.forgotten()
        self.assertEqual(run("/etc/init.d/signpost", "status",
                             check=False).returncode, 3)

    def test_killed_at_each_step_it_can_be_run_again(self):
        for after in range(1, 20):
            self.setUp()
            if not killed(after, "forget", "-d", "example.net"):
                break
            said = forget()
            self.forgotten()
            if "has been forgotten" not in said:
                self.assertEqual(said.count("._domainkey.example.net. TXT"), 2)
        self.assertGreater(after, 4)

    def test_a_full_disk_loses_no_key(self):
        place = FORGOTTEN.parent
        place.mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "none", str(place))
        try:
            run("sh", "-c", f"cat /dev/zero >{place}/full || true")
            before = tree("/etc/signpost")
            said = forget(status=73)
            self.assertIn("No space left", said)
            self.assertEqual(tree("/etc/signpost"), before)
        finally:
            run("umount", str(place))
        forget()
        self.forgotten()

    def test_not_beside_a_setup(self):
        said = run("flock", "-n", "/etc/signpost", SIGNPOST, "forget", "-d",
                   "example.net", check=False).stdout
        self.assertIn("another setup is at work", said)

    def test_results_are_deleted(self):
        self.settings("\n#database = ", "\ndatabase = ")
        run("install", "-d", "-m", "700", "-o",
            "signpost-record", "/var/lib/signpost-record")
        run("/etc/init.d/signpost", "reload")
        wait_until("a database", lambda: os.path.exists(DATABASE))
        submit("kept", sender="ann@example.net")
        submit("others", sender="ann@example.org")
        wait_until("results", lambda: {"example.net", "example.org"} <= results())
        said = forget()
        self.assertRegex(said, r"example\.net: [1-9]\d* rows deleted")
        self.assertRegex(said, r"(?m)^results +done ")
        self.assertEqual({"example.net", "example.org"} & results(),
                         {"example.org"})
        self.forgotten()


if __name__ == "__main__":
    machine.enter(os.path.abspath(__file__))
    unittest.main(verbosity=2)
