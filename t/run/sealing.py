#!/usr/bin/python3
"""ARC sets from the inbound proxy: made for a verifying worker that is not the one who
has the key, verified by dkimpy, and continued on a second pass.
"""
import os
import select
import shutil
import signal
import threading
import time

import harness
import inbound
import mta
import taken_over
from harness import SAMPLE, wait_until
from secrets_in_memory import found_in, key_secrets

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = os.path.join(HERE, "..", "data", "dkim", "rsa2048.pem")
RSA, RECORD = inbound.key("rsa2048")
RECORDS = """
arc._domainkey.example.net TXT %s
s1._domainkey.example.org TXT %s
""" % (RECORD, RECORD)


def arc_verifies(message):
    """dkimpy's word on the chain: cv, and whether each set holds."""
    import dkim

    def txt(name, timeout=5):
        name = name.decode() if isinstance(name, bytes) else name
        return RECORD.encode() if "_domainkey" in name else None

    return dkim.arc_verify(message, dnsfunc=txt)


class Sealing(inbound.Case):
    def setUp(self):
        self.world = self.relay()
        self.keys = []

    def sealer(self, relay=None, lines=(), keep_key=True, verifier="mail",
               wait=True):
        server = self.nsd(RECORDS)
        keyfile = os.path.join("/tmp", "signpost-arc-%d.pem" % server.port)
        shutil.copy(KEY, keyfile)
        os.chmod(keyfile, 0o600)
        self.addCleanup(lambda: os.path.exists(keyfile) and
                        os.unlink(keyfile))
        self.keyfile = keyfile
        daemon = []
        user = []
        if os.getuid() == 0:
            daemon = ["user = nobody"]
            user = ["user = " + verifier]
        proxy = inbound.Verifier(
            relay or self.world, server.port,
            ["check = dkim, arc", "seal_domain = example.net",
             "seal_selector = arc", "seal_keyfile = " + keyfile] + user +
            list(lines), daemon=daemon)
        if os.getuid() == 0:
            shutil.chown(proxy.spool, verifier)
        self.addCleanup(proxy.clean)
        if not wait:
            return proxy.start(wait=False)
        self.addCleanup(self._stops_well, proxy)
        proxy.start()
        proxy.wait_log("serving, ")
        return proxy

    def pid_of(self, proxy, role):
        return next(iter(proxy.pids_of(role)), None)   # or gone meanwhile

    def test_the_key_is_in_the_signers_memory_alone(self):
        if os.getuid() != 0:
            self.fail("needs root")
        proxy = self.sealer()
        self.assertEqual(self.send(proxy, inbound.sign(SAMPLE, RSA)).code, 250)
        self.assertIn(b"ARC-Seal:", self.world.wait_messages(1)[-1].data)
        secrets = key_secrets(self.keyfile)
        self.assertTrue(found_in(self.pid_of(proxy, "signer"), secrets),
                        "the search finds no key where one is")
        self.assertEqual(found_in(self.pid_of(proxy, "in"), secrets), set())

    def test_a_set_is_added_that_dkimpy_verifies(self):
        proxy = self.sealer()
        for number in range(1, 4):
            self.assertEqual(
                self.send(proxy, inbound.sign(SAMPLE, RSA)).code, 250)
            sealed = self.world.wait_messages(number)[-1].data
            cv, results, reason = arc_verifies(sealed)
            self.assertEqual(cv, b"pass", (reason, results, sealed))
            self.assertIn(b"ARC-Authentication-Results: i=1; mx.example.org;",
                          sealed)
            self.assertIn(b"dkim=pass", sealed)
            self.assertIn(b"cv=none", sealed)
        proxy.wait_log("sealed=example.net", 3)

    def test_by_milter_too(self):
        proxy = self.sealer()
        proxy.stop()
        with open(proxy.config) as config:
            text = config.read()
        with open(proxy.config, "w") as config:
            config.write(text.replace("listen = 127", "listen = milter:127"))
        proxy.start()
        text = inbound.sign(SAMPLE, RSA)
        for number in range(1, 4):
            with mta.Mta(proxy.port) as server:
                result = server.message(text, client=("192.0.2.1", 1025))
            self.assertTrue(result.passed(), result.reply)
            text = result.data
            cv, results, reason = arc_verifies(text)
            self.assertEqual(cv, b"pass", (reason, results, text))
            self.assertIn(b"ARC-Authentication-Results: i=%d; mx.example.org;"
                          % number, text)
        proxy.wait_log("front=milter.*sealed=example.net", 3)

    def test_a_chain_is_continued_and_a_broken_one_is_not(self):
        proxy = self.sealer()
        self.send(proxy, SAMPLE)
        first = self.world.wait_messages(1)[0].data
        self.send(proxy, first)
        second = self.world.wait_messages(2)[1].data
        cv, results, reason = arc_verifies(second)
        self.assertEqual(cv, b"pass", (reason, results))
        self.assertIn(b"i=2;", second)
        self.assertIn(b"cv=pass", second)
        self.send(proxy, first.replace(b"Hello", b"Hallo"))
        third = self.world.wait_messages(3)[2].data
        self.assertNotIn(b"cv=pass", third)
        self.assertIn("arc=fail", inbound.results(
            third[third.index(b"Authentication-Results: mx"):]))

    def test_what_no_signer_signs_goes_on_without_a_set(self):
        """It would be refused each time, so to put it off helps nobody."""
        proxy = self.sealer()
        odd = b"Subject: a\0b\r\n" + SAMPLE
        self.assertEqual(self.send(proxy, odd).code, 250)
        self.assertNotIn(b"ARC-Seal", self.world.wait_messages(1)[0].data)
        proxy.wait_log("unsealed=it\\\\x20has\\\\x20a\\\\x20NUL")

    def test_signer_and_verifier_are_processes_of_two_users(self):
        proxy = self.sealer()
        self.send(proxy, SAMPLE)
        self.world.wait_messages(1)
        verifier = self.pid_of(proxy, "in")
        sealer = self.pid_of(proxy, "signer")
        self.assertTrue(verifier and sealer)
        if os.getuid() == 0:
            def uid(pid):
                with open("/proc/%d/status" % pid) as status:
                    return [line.split()[1] for line in status
                            if line.startswith("Uid")][0]
            self.assertNotEqual(uid(verifier), uid(sealer))
            self.assertNotEqual("0", uid(sealer))

    def test_descriptors_of_a_verifier_that_is_not_ours_any_more(self):
        """They end in nothing: neither kept by the signer nor taken for what
        was asked for."""
        if os.getuid() != 0:
            self.fail("needs root")
        proxy = self.sealer()
        ours, theirs = os.pipe()
        self.addCleanup(os.close, ours)
        with taken_over.Worker(self.pid_of(proxy, "in")) as worker:
            answer = worker.ask(taken_over.KEY, 0, b"example.net")
            self.assertEqual(answer.status, taken_over.STALE)
            self.assertEqual(answer.selector, b"arc")
            worker.send(b"x" * 40, [theirs, theirs])
            os.close(theirs)
            self.assertTrue(worker.is_hung_up())
        # A pipe ends when nobody holds its other end any more.
        self.assertTrue(select.select([ours], [], [], harness.WAIT)[0],
                        "the signer keeps them")
        self.assertEqual(os.read(ours, 1), b"")

    def test_one_user_for_both_is_refused(self):
        if os.getuid() != 0:
            self.fail("needs root")
        proxy = self.sealer(verifier="nobody", wait=False)
        self.assertEqual(proxy.process.wait(harness.WAIT), 78, proxy.text())
        self.assertIn("[in] needs a `user` other than", proxy.text())

    def test_a_killed_signer_comes_back(self):
        proxy = self.sealer(lines=["on_error = pass"])
        self.send(proxy, SAMPLE)
        self.world.wait_messages(1)
        first = self.pid_of(proxy, "signer")
        os.kill(first, signal.SIGKILL)
        wait_until("another signer",
                   lambda: self.pid_of(proxy, "signer") not in (None, first))
        self.assertEqual(self.send(proxy, SAMPLE).code, 250)
        sealed = self.world.wait_messages(2)[1].data
        self.assertEqual(arc_verifies(sealed)[0], b"pass")

    def test_nor_is_it_where_there_is_no_key(self):
        proxy = self.sealer(lines=["on_error = tempfail"])
        os.unlink(self.keyfile)
        for _ in range(2):
            self.assertEqual(self.send(proxy, SAMPLE).code, 451)
        self.assertEqual(self.world.said("DATA"), 0)

    def test_the_next_hop_is_told_data_meanwhile(self):
        proxy = self.sealer(lines=["on_error = tempfail"])
        self.send(proxy, SAMPLE)    # the key is known from here on
        signer = self.pid_of(proxy, "signer")
        os.kill(signer, signal.SIGSTOP)
        try:
            client = proxy.client()
            client.ehlo()
            client.begin()
            client.command("DATA")
            client.send(SAMPLE + b".\r\n")
            wait_until("DATA at the next hop",
                       lambda: self.world.said("DATA") == 2)
        finally:
            os.kill(signer, signal.SIGCONT)
        self.assertEqual(client.reply().code, 250)
        sealed = self.world.wait_messages(2)[1].data
        self.assertEqual(arc_verifies(sealed)[0], b"pass")
        client.quit()

    def test_a_reload_that_rotates_the_key(self):
        """What was begun before is sealed with the key and by the selector
        that it was begun with."""
        proxy = self.sealer()
        old = self.pid_of(proxy, "signer")
        client = proxy.client()
        client.ehlo()
        client.begin()
        client.command("DATA")
        client.send(SAMPLE[:40])
        new = self.keyfile + ".new"
        harness.make_key(new)
        self.addCleanup(os.unlink, new)
        with open(proxy.config, encoding="ascii") as f:
            text = f.read()
        with open(proxy.config, "w", encoding="ascii") as f:
            f.write(text.replace("seal_selector = arc",
                                 "seal_selector = other")
                    .replace(self.keyfile, new))
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_log("reloaded")
        self.assertEqual(client.body(SAMPLE[40:]).code, 250)
        sealed = self.world.wait_messages(1)[0].data
        self.assertIn(b"s=arc;", sealed)
        self.assertEqual(arc_verifies(sealed)[0], b"pass")
        client.quit()
        wait_until("the old signer to end",
                   lambda: old not in proxy.processes())
        self.assertEqual(self.send(proxy, SAMPLE).code, 250)
        self.assertIn(b"s=other;", self.world.wait_messages(2)[1].data)

    def test_reloads_under_load(self):
        """No message of theirs waits for a signer that has gone."""
        proxy = self.sealer(lines=["max_errors = 100"])
        stop, codes = threading.Event(), []

        def send():
            try:
                while not stop.is_set():
                    codes.append(self.send(proxy, SAMPLE).code)
            except (AssertionError, OSError, harness.Gone) as e:
                codes.append(repr(e))

        senders = [threading.Thread(target=send) for _ in range(4)]
        for sender in senders:
            sender.start()
        for number in range(1, 7):
            proxy.process.send_signal(signal.SIGHUP)
            proxy.wait_log("reloaded", number)
            time.sleep(0.2)
        stop.set()
        for sender in senders:
            sender.join(harness.WAIT)
        self.assertGreater(len(codes), 20)
        self.assertEqual(set(codes), {250})

    def test_without_its_key_on_error_decides(self):
        proxy = self.sealer()
        os.unlink(self.keyfile)
        reply = self.send(proxy, SAMPLE)
        self.assertEqual((reply.code, reply.text),
                         (451, "4.3.0 cannot seal the message now"))
        self.assertEqual(self.world.messages, [])
        proxy.wait_log("unsealed=key\\\\x20file")
        proxy = self.sealer(lines=["on_error = pass"])
        os.unlink(self.keyfile)
        self.assertEqual(self.send(proxy, SAMPLE).code, 250)
        plain = self.world.wait_messages(1)[0].data
        self.assertNotIn(b"ARC-Seal", plain)
        self.assertIn("dkim=none", inbound.results(plain))
        proxy.wait_log("unsealed=")


if __name__ == "__main__":
    harness.main()
