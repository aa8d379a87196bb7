#!/usr/bin/python3
"""Who was taken over reaches no more than the table of HACKING says: each cell is
tried with what a process has: its sockets, its pages, its user. (Files and system
calls: run/sandbox, from within.)

    client      speaks SMTP
    out, in     a worker; recorder; signer
"""
import os
import re
import signal
import socket
import time
import unittest

import harness
import inbound
import taken_over
from harness import SAMPLE, wait_until
from recorder import Both
from secrets_in_memory import found_in, key_secrets

ROLES = ("out", "in", "recorder", "signer")
TEXT = (b"from:a@%(d)s\r\ndkim-signature:v=1; a=rsa-sha256; c=relaxed/relaxed; "
        b"d=%(d)s; s=%(s)s; h=from; bh=AAAA; b=")


def status_of(pid):
    with open("/proc/%d/status" % pid) as text:
        return dict(line.rstrip("\n").split(":", 1) for line in text
                    if ":" in line)


def cpu_of(pid):
    with open("/proc/%d/schedstat" % pid) as text:
        return int(text.read().split()[0]) / 1e9


@unittest.skipUnless(os.getuid() == 0, "needs root, to take them over")
class Attackers(inbound.Case):
    def setUp(self):
        self.hop = self.relay()
        self.proxy = Both(self.hop, 9)
        folder = os.path.join(self.proxy.dir, "arc.pem")
        harness.make_key(folder)
        with open(self.proxy.config) as f:
            text = f.read()
        with open(self.proxy.config, "w") as f:
            f.write(text.replace(
                "[in]\n", "[in]\nseal_domain = example.net\n"
                "seal_selector = arc\nseal_keyfile = %s\n" % folder))
        self.addCleanup(self.proxy.clean)
        self.addCleanup(self._stops_well, self.proxy)
        self.proxy.start()
        self.proxy.wait_log("serving, ")
        self.pids = {}
        for pid in self.proxy.processes()[1:]:
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                self.pids[f.read().split(b"\0")[2].decode()] = pid
        self.assertEqual(set(self.pids), set(ROLES))

    def text(self, domain, selector):
        return TEXT % {b"d": domain, b"s": selector}

    # keys

    def test_keys_are_with_signers_alone(self):
        client = self.proxy.client()
        client.ehlo()
        self.assertEqual(client.message(SAMPLE).code, 250)
        client.quit()
        secrets = key_secrets(self.proxy.keyfile)
        for role in ROLES:
            found = found_in(self.pids[role], secrets)
            self.assertEqual(bool(found), role == "signer", role)
        self.assertEqual(found_in(self.proxy.process.pid, secrets), set())

    # signatures of others

    def test_a_worker_has_signed_what_its_front_signs_and_no_more(self):
        org = self.text(b"example.org", self.proxy.selector.encode())
        seal = (b"arc-seal:i=1; a=rsa-sha256; cv=none; d=example.net; s=arc; "
                b"b=")
        with taken_over.Worker(self.pids["out"]) as it:
            self.assertEqual(
                it.ask(taken_over.TEXT, 1, b"example.org", org).status,
                taken_over.DONE)
            for right, domain, text in (
                    (1, b"example.com", self.text(b"example.com", b"s")),
                    (0, b"example.net", seal),
                    (1, b"example.org", b"anything"),
                    (9, b"example.org", org)):
                self.assertEqual(
                    it.ask(taken_over.TEXT, right, domain, text).status,
                    taken_over.TROUBLE)
            self.assertEqual(it.ask(
                taken_over.DIGEST, 1, b"example.org", b"x" * 20).status,
                taken_over.TROUBLE)
        with taken_over.Worker(self.pids["in"]) as it:
            self.assertEqual(
                it.ask(taken_over.TEXT, 0, b"example.net", seal).status,
                taken_over.DONE)
            for right, domain, text in (
                    (1, b"example.org", org), (0, b"example.org", seal),
                    (0, b"example.net", self.text(b"example.net", b"arc"))):
                self.assertEqual(
                    it.ask(taken_over.TEXT, right, domain, text).status,
                    taken_over.TROUBLE)
        self.proxy.wait_log("asked for a signature of .* that it must not", 8)
        with self.assertRaisesRegex(AssertionError, "no socket"), \
                taken_over.Worker(self.pids["recorder"]):
            pass

    # other processes: each is of another user, traces and signals nobody

    def test_no_role_signals_or_traces_another(self):
        users = {}
        for role, pid in self.pids.items():
            status = status_of(pid)
            self.assertEqual(int(status["CapEff"], 16), 0, role)
            self.assertEqual(int(status["CapBnd"], 16) & 1 << 19, 0, role)
            users[role] = status["Uid"].split()[0]
            self.assertNotIn("0", status["Uid"].split())
            # Not dumpable: what is below /proc/PID is root's.
            self.assertEqual(os.stat("/proc/%d/mem" % pid).st_uid, 0, role)
        self.assertNotEqual(users["out"], users["in"])
        for role, pid in self.pids.items():
            for other in set(ROLES) - {role}:
                if users[other] == users[role]:
                    continue  # where the machine lacks the role's own user
                child = os.fork()
                if child == 0:
                    os.setgid(int(status_of(pid)["Gid"].split()[0]))
                    os.setuid(int(users[role]))
                    try:
                        os.kill(self.pids[other], 0)
                    except PermissionError:
                        os._exit(0)
                    os._exit(1)
                self.assertEqual(os.waitpid(child, 0)[1], 0, (role, other))

    # figures: each writes its own page alone

    def test_nobody_writes_anothers_figures(self):
        for role, pid in self.pids.items():
            writable = []
            with open("/proc/%d/maps" % pid) as maps:
                for line in maps:
                    if "memfd:signpost-" in line and "w" in line.split()[1]:
                        writable.append(re.search(
                            r"memfd:signpost-(\w+)", line).group(1))
            self.assertEqual(sorted(writable), ["history", "page"]
                             if role == "recorder" else ["page"], role)
            for fd in os.listdir("/proc/%d/fd" % pid):
                target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
                if "memfd:signpost-master" not in target:
                    continue
                with open("/proc/%d/fdinfo/%s" % (pid, fd)) as info:
                    flags = int(re.search(r"flags:\s+(\d+)",
                                          info.read()).group(1), 8)
                self.assertEqual(flags & os.O_ACCMODE, os.O_RDONLY, role)

    # the recorder: what a worker does to its socket

    def test_a_worker_does_nothing_to_the_recorder(self):
        recorder = self.pids["recorder"]
        records = self.record_socket(self.pids["out"])
        with records:
            records.send(b"SP1nonsense")
            self.proxy.wait_log("sent what is no record of its own")
            # Whose front it is not: as if mail had been checked.
            records.send(b"SP1" + self.member(1, b"%d" % time.time()) +
                         self.member(2, b"in") + self.member(26, b"dkim"))
            self.proxy.wait_log("sent what is no record of its own", 2)
            records.shutdown(socket.SHUT_RDWR)
            before = cpu_of(recorder)
            time.sleep(1)
            self.assertLess(cpu_of(recorder) - before, 0.3)
        client = harness.Client(self.proxy.in_port)
        client.ehlo()
        self.assertEqual(client.message(SAMPLE).code, 250)
        client.quit()

    @staticmethod
    def member(tag, value):
        return bytes([tag]) + len(value).to_bytes(3, "big") + value

    def record_socket(self, pid):
        """At the place where each process finds it (proxy/process/spawn.c)."""
        found = taken_over.sockets_of(pid)
        for fd, own in found.items():
            if fd != taken_over.FD_RECORD:
                own.close()
        return found[taken_over.FD_RECORD]

    # the client: mail of others, the log

    def test_a_client_writes_no_line_of_the_log(self):
        client = self.proxy.client()
        client.ehlo()
        client.message(SAMPLE.replace(
            b"Subject: ", b"Message-Id: <x\x01signpost/out[1]: forged>\r\n"
            b"Subject: "))
        client.quit()
        self.proxy.wait_log("status=sent")
        for line in self.proxy.text().splitlines():
            self.assertRegex(line, r"^signpost(/\w+\[\d+\])?: ")
            self.assertNotRegex(line, r"^signpost/out\[1\]")

    # a signer that is gone, or that lies, costs no message

    def test_a_signer_that_hangs_is_passed_by(self):
        os.kill(self.pids["signer"], signal.SIGKILL)
        client = self.proxy.client()
        client.ehlo()
        self.assertEqual(client.message(SAMPLE).code, 250)
        client.quit()
        wait_until("it to be signed", lambda: any(
            b"DKIM-Signature" in m.data for m in self.hop.messages))


if __name__ == "__main__":
    harness.main()
