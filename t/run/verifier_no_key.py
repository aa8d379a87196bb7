#!/usr/bin/python3
"""Who reads mail holds no signing key: the workers run as other users than
the signers, and in their memory there is nothing of a key; nor has a verifying
worker that seals nothing a way to ask a signer. As a control, the signers'
memory does hold it. Needs root, to look.
"""
import os
import pwd
import re
import shutil
import socket

import harness
import inbound
import taken_over
from secrets_in_memory import found_in, key_secrets


def uid(pid):
    with open("/proc/%d/status" % pid) as status:
        return int(re.search(r"^Uid:\s+(\d+)", status.read(), re.M).group(1))


class NoKey(inbound.Case):
    def setUp(self):
        if os.getuid() != 0:
            self.fail("needs root")
        self.world = self.relay()
        server = self.nsd("example.org TXT v=spf1 -all\n")
        self.in_port = harness.free_port()
        proxy = harness.Signpost(self.world)
        spool = os.path.join(proxy.dir, "in")
        os.mkdir(spool)
        shutil.chown(spool, inbound.WORKER)
        proxy.configure(rest=(
            "[in]\nuser = %s\nlisten = 127.0.0.1:%d\nrelay = %s\n"
            "authserv_id = mx.example.org\nspool_dir = %s\n"
            "[dns]\nnameserver = 127.0.0.1:%d\n" % (
                inbound.WORKER, self.in_port, self.world.address(), spool,
                server.port)))
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        self.proxy = proxy.start()
        self.pass_mail()

    def pass_mail(self):
        for port in (self.proxy.port, self.in_port, self.proxy.port):
            harness.wait_until("a listener", lambda: self.listens(port))
            client = harness.Client(port)
            client.ehlo()
            self.assertEqual(client.message(harness.SAMPLE).code, 250)
            client.quit()

    @staticmethod
    def listens(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def workers(self, role):
        found = self.proxy.pids_of(role)
        self.assertTrue(found, self.proxy.text())
        return found

    def test_memory(self):
        secrets = key_secrets(self.proxy.keyfile)
        control = set()
        for pid in self.workers("signer"):
            control |= found_in(pid, secrets)
        self.assertTrue(control, "the search finds no key where one is")
        for pid in self.workers("in") + self.workers("out"):
            self.assertEqual(found_in(pid, secrets), set())

    def test_users(self):
        signing = {uid(pid) for pid in self.workers("out")}
        verifying = {uid(pid) for pid in self.workers("in")}
        self.assertEqual(signing, {pwd.getpwnam(harness.WORKER).pw_uid})
        self.assertEqual(verifying, {pwd.getpwnam(inbound.WORKER).pw_uid})

    def test_no_way_to_ask(self):
        """Whoever takes a verifying worker over that seals nothing finds no
        socket at which a signer answers, and no file of a key."""
        [worker] = self.workers("out")
        with taken_over.Worker(worker) as it:
            self.assertEqual(
                it.ask(taken_over.KEY, 1, b"example.org").status,
                taken_over.STALE)
        for pid in self.workers("in"):
            with self.assertRaisesRegex(AssertionError, "no socket"), \
                    taken_over.Worker(pid, wait=1):
                pass
            for fd in os.listdir("/proc/%d/fd" % pid):
                self.assertNotIn(".pem", os.readlink(
                    "/proc/%d/fd/%s" % (pid, fd)))


if __name__ == "__main__":
    harness.main()
