#!/usr/bin/python3
"""Two hosts sign for one domain, and one of them has the keys changed: what
signpost-publish(7) copies, in its order. Mail goes through both all the time: none
of it is put off, unsigned, or signed by what has no record.
"""
import os
import shutil
import subprocess
import tempfile
import threading
import time

import harness
from harness import SAMPLE, wait_until

import manual  # t/lib: harness finds it

HURRY = 20  # what takes 60 s takes 3
DOMAIN = "example.org"


class Host(harness.Signpost):
    def configure(self, out=(), daemon=(), rest=""):
        self.selector = "auto"
        super().configure(out, daemon, rest)
        self.keys = os.path.join(self.dir, "keys")
        self.folder = os.path.join(self.keys, DOMAIN)


class Traffic(threading.Thread):
    """One message after the other through a host, by one client."""

    def __init__(self, host):
        super().__init__(daemon=True)
        self.host = host
        self.sent = 0
        self.refused = []
        self.over = threading.Event()

    def run(self):
        try:
            client = self.host.client()
            client.ehlo()
            while not self.over.is_set():
                reply = client.message(SAMPLE)
                if reply.code != 250:
                    self.refused.append(reply)
                self.sent += 1
                time.sleep(0.02)
            client.quit()
        except (AssertionError, OSError, harness.Gone) as e:
            self.refused.append(repr(e))

    def stop(self):
        self.over.set()
        self.join(harness.WAIT)


class TwoHosts(harness.Case):
    def setUp(self):
        self.records = {}
        self.hosts = []
        self.traffic = []
        self.script = os.path.join(tempfile.mkdtemp(), "copy-keys")
        self.addCleanup(shutil.rmtree, os.path.dirname(self.script))
        with open(self.script, "w") as f:
            f.write(manual.script("signpost-publish.7",
                                  "TWO HOSTS FOR ONE DOMAIN"))
        os.chmod(self.script, 0o755)
        for _ in range(2):
            host = Host(self.relay(), keys=False, hurry=HURRY)
            self.addCleanup(host.clean)
            self.hosts.append(host)

    # what `signpost rotate' does on the first host

    def make_key(self, name, record=True):
        path = os.path.join(self.hosts[0].folder, name + ".pem")
        harness.make_key(path, "rsa")
        if record:
            self.records["%s._domainkey.%s" % (name, DOMAIN)] = \
                harness.key_record(path)

    def say(self, host=None, **states):
        folder = (host or self.hosts[0]).folder
        fresh = os.path.join(folder, ".selectors.fresh")
        with open(fresh, "w") as f:
            f.write("".join("rsa %s %s\n" % (state, name)
                            for name, state in states.items()))
        os.rename(fresh, os.path.join(folder, "selectors"))

    def copy(self, slowly=False):
        """By the script; slowly: a daemon notices each of its steps."""
        path = os.environ["PATH"]
        if slowly:
            folder = os.path.dirname(self.script)
            with open(os.path.join(folder, "rsync"), "w") as f:
                f.write("#!/bin/sh\n%s \"$@\" && sleep %d\n" % (
                    shutil.which("rsync"), 60 / HURRY + 1))
            os.chmod(f.name, 0o755)
            path = folder + ":" + path
        done = subprocess.run(
            ["sh", self.script, *(host.keys + "/" for host in self.hosts)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400,
            env={"PATH": path}, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def begin(self):
        """Both sign with the first key, and mail goes through both."""
        self.make_key("one")
        self.say(one="active")
        os.makedirs(self.hosts[1].keys, exist_ok=True)
        self.copy()
        for host in self.hosts:
            host.start()
            self.addCleanup(self._stops_well, host)
            host.wait_log("serving, ")
            self.traffic.append(Traffic(host))
            self.traffic[-1].start()
            self.addCleanup(self.traffic[-1].stop)
        for host in self.hosts:
            self.wait_signed(host, "one")

    def wait_signed(self, host, name):
        """From now on by that key: some more are."""
        tag = b"s=%s;" % name.encode()

        def last():
            messages = host.relay.messages[-3:]
            return len(messages) == 3 and all(tag in m.data for m in messages)
        wait_until("%s to sign" % name, last)

    def check_all(self):
        """Each verifies by a record that was there when it was signed."""
        for traffic in self.traffic:
            traffic.stop()
            self.assertEqual(traffic.refused, [])
            self.assertEqual(traffic.sent,
                             len(traffic.host.relay.messages))
            for message in traffic.host.relay.messages:
                self.assertTrue(harness.dkim_verifies(
                    message.data, self.records), message.data[:400])

    def test_the_order_of_the_manual(self):
        first, second = self.hosts
        self.begin()
        self.make_key("two")
        self.say(one="active", two="staged")
        self.copy()
        self.say(one="retired", two="active")
        self.wait_signed(first, "two")
        self.wait_signed(second, "one")  # has not heard of it
        self.copy()
        self.wait_signed(second, "two")
        # What comes late comes at once: a new key, its name, and the old ones
        # gone.
        self.make_key("three")
        self.say(three="active")
        for name in ("one", "two"):
            os.unlink(os.path.join(first.folder, name + ".pem"))
        self.wait_signed(first, "three")
        self.wait_signed(second, "two")
        self.copy(slowly=True)
        self.assertEqual(sorted(os.listdir(second.folder)),
                         ["selectors", "three.pem"])
        for host in self.hosts:
            sent = len(host.relay.messages)
            host.relay.wait_messages(sent + 20)
            self.wait_signed(host, "three")
        self.check_all()

    def test_a_name_before_its_key_stops_mail(self):
        """Why the order matters: that is what happens otherwise."""
        second = self.hosts[1]
        self.begin()
        self.make_key("two")
        self.say(one="active", two="staged")
        self.say(self.hosts[1], one="retired", two="active")
        wait_until("mail to be put off", lambda: self.traffic[1].refused)
        self.copy()
        self.wait_signed(second, "one")


if __name__ == "__main__":
    harness.main()
