#!/usr/bin/python3
"""Private keys are in the memory of signers and nowhere else, and nothing is left
of a key that was replaced: every page of every process that can be written to is
read, as root alone may. Signers' pages are locked, and in no core dump.
"""
import os
import re
import signal
import tempfile
import time
from unittest import mock

import harness
import key_selectors
from harness import SAMPLE
from secrets_in_memory import found_in, key_secrets

GONE = 10  # s after it was replaced, by its clock
GRACE = 30  # s for which a key that another followed still signs
HURRY = 5


def holders(daemon, secrets):
    """{role: what of them its processes have}"""
    found = {}
    for pid in daemon.processes():
        what = found_in(pid, secrets)
        if what:
            found.setdefault(harness.role_of(pid), set()).update(what)
    return found


class KeyMemory(harness.Case):
    KIND = "rsa"

    def setUp(self):
        if os.getuid() != 0:
            self.fail("needs root")
        self.hop = self.relay()
        self.proxy = self.signpost(
            self.hop, daemon=["signers = 2"], hurry=HURRY)
        harness.make_key(self.proxy.keyfile, "rsa")  # one of its own
        self.proxy.wait_log("serving, ")

    def signed(self, messages=4):
        """Several at once, that both signers have some."""
        clients = [self.proxy.client() for _ in range(messages)]
        for client in clients:
            client.ehlo()
            client.begin()
            client.command("DATA")
        for client in clients:
            client.send(SAMPLE + b".\r\n")
        for client in clients:
            self.assertEqual(client.reply().code, 250, self.proxy.text())
            client.quit()
        harness.wait_until("the messages", lambda: all(
            b"DKIM-Signature" in m.data for m in self.hop.messages))

    def test_keys_are_in_signers_alone_and_leave_nothing(self):
        self.signed()
        old = key_secrets(self.proxy.keyfile)
        holding = holders(self.proxy, old)
        self.assertEqual(set(holding), {"signer"})
        # Its numbers, least octet first; neither its text nor its encoding.
        self.assertEqual(holding["signer"],
                         {"prime1 reversed", "prime2 reversed",
                          "privateExponent reversed"})
        fresh = self.proxy.keyfile + ".fresh"
        harness.make_key(fresh, "rsa")
        new = key_secrets(fresh)
        os.rename(fresh, self.proxy.keyfile)
        time.sleep(GONE / HURRY)
        self.assertEqual(holders(self.proxy, old), {})
        self.assertEqual(set(holders(self.proxy, new)), {"signer"})
        self.signed()
        self.assertEqual(holders(self.proxy, old), {})

    def test_pages_of_signers_are_locked_and_in_no_core(self):
        self.signed()
        signers = [pid for pid in self.proxy.processes()
                   if harness.role_of(pid) == "signer"]
        self.assertEqual(len(signers), 2)
        bounded = self.proxy.lines("may be swapped out")
        self.assertLessEqual(len(bounded), 1)  # of how many there may be
        for pid in signers:
            with open("/proc/%d/limits" % pid) as text:
                limits = text.read()
            self.assertRegex(limits, r"Max core file size\s+0\s+0")
            with open("/proc/%d/smaps" % pid) as text:
                maps = re.split(
                    r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", text.read())[1:]
            undumped = [m for m in maps if re.search(
                r"^VmFlags:.* dd\b", m, re.M)]
            self.assertTrue(undumped)
            if self.proxy.is_sanitized():
                continue  # which does not lock its own memory
            if bounded:
                # What was there before it gave up root's rights.
                self.assertTrue([m for m in undumped if re.search(
                    r"^VmFlags:.* lo\b", m, re.M)])
                continue
            unlocked = [m for m in maps if " rw-p " in m.splitlines()[0]
                        and not re.search(r"^VmFlags:.* lo\b", m, re.M)]
            self.assertEqual(unlocked, [])
            self.assertNotEqual(harness.status_of(pid)["VmLck"].strip(), "0 kB")


class Selected(key_selectors.Case):
    """By the file `selectors`, which names another key now."""

    def test_nothing_is_left_of_a_key_that_signs_no_more(self):
        self.begin("rsa active a\nrsa staged b\n", hurry=HURRY)
        self.wait_for(["a"])
        old = key_secrets(os.path.join(self.folder, "a.pem"))
        self.assertEqual(set(holders(self.daemon, old)), {"signer"})
        self.put("rsa active b\nrsa retired a\n")
        # To read all memory takes longer than its clock lets a client be idle.
        self.client = self.daemon.client()
        self.client.ehlo()
        self.wait_for(["b"])
        time.sleep((GRACE + GONE) / HURRY)
        self.assertEqual(holders(self.daemon, old), {})
        new = key_secrets(os.path.join(self.folder, "b.pem"))
        self.assertEqual(set(holders(self.daemon, new)), {"signer"})


class Refused(harness.Case):
    """Where nobody may lock without a bound: it serves, and says it once."""

    PROGRAM = """#!/bin/sh
exec setpriv --bounding-set=-sys_resource --inh-caps=-all \\
    prlimit --memlock=1048576:1048576 %s "$@"
"""

    def test_one_warning(self):
        if os.getuid() != 0:
            self.fail("needs root")
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            program = os.path.join(folder, "signpost")
            with open(program, "w") as f:
                f.write(self.PROGRAM % harness.binary())
            os.chmod(program, 0o755)
            with mock.patch.dict(os.environ, SIGNPOST=program):
                proxy = self.signpost(self.relay(), daemon=[
                    "signers = 2", "workers = 2"])
        proxy.wait_log("serving, ")
        os.kill(proxy.process.pid, signal.SIGHUP)
        proxy.wait_log("reloaded, ")
        said, = proxy.lines("may be swapped out")
        self.assertIn("LimitMEMLOCK=infinity", said)
        client = proxy.client()
        client.ehlo()
        self.assertEqual(client.message(SAMPLE).code, 250)
        client.quit()
        self.assertIn(b"DKIM-Signature", proxy.relay.messages[0].data)


if __name__ == "__main__":
    harness.main()
