"""Promise 4: a key that is not there, refused or broken is `on_error`'s
business: tempfail answers 451 and mail waits, pass adds what signatures can be
made and logs each that cannot. Other mail goes on."""

import os
import re
import shutil
import signal
import tempfile

import harness
from harness import SAMPLE

BOTH = ["domain = example.org",
        "signature = dkim(c=relaxed/relaxed)",
        "signature = domainkeys(c=nofws)"]


class OnError(harness.Case):
    def begin(self, *out, **options):
        self.hop = self.relay()
        self.daemon = self.signpost(self.hop, out=out, **options)
        self.client = self.daemon.client()
        self.client.ehlo()

    def signed(self, message=SAMPLE):
        self.assertEqual(self.client.message(message).code, 250)
        return self.hop.messages[-1].data


class Signs(OnError):
    def test_dkim_verifies(self):
        self.begin()
        data = self.signed()
        self.assertTrue(data.startswith(b"DKIM-Signature:"))
        self.assertTrue(harness.dkim_verifies(data, self.daemon.record()))
        self.daemon.wait_log(
            r" signed=dkim:example\.org:t2026:rsa-sha256 "
            r"rule=domain:example\.org delay=")

    def test_a_large_body_too(self):
        self.begin()
        data = self.signed(SAMPLE + b"many lines\r\n" * 300000)
        self.assertTrue(harness.dkim_verifies(data, self.daemon.record()))

    def test_both_kinds(self):
        self.begin(*BOTH)
        data = self.signed()
        self.assertIn(b"\r\nDomainKey-Signature:", data)
        self.assertTrue(harness.dkim_verifies(data, self.daemon.record()))
        self.daemon.wait_log(r"signed=dkim:\S*,domainkeys:example\.org:t2026")


class Hanging(OnError):
    def signers(self, count):
        found = self.daemon.pids_of("signer")
        self.assertEqual(len(found), count)
        return found

    def stop(self, signers):
        for pid in signers:
            os.kill(pid, signal.SIGSTOP)
            self.addCleanup(os.kill, pid, signal.SIGCONT)


class Silence(Hanging):
    """Signers that hang: one is passed by, and of all it is on_error's."""

    def hang(self, *out):
        self.begin(*out, daemon=("signers = 2", "sign_timeout = 1s"))
        signers = self.signers(2)
        self.stop(signers)
        return signers

    def test_one_is_passed_by(self):
        os.kill(self.hang()[0], signal.SIGCONT)
        for _ in range(3):
            self.assertIn(b"DKIM-Signature:", self.signed())

    def test_all_of_them_put_mail_off(self):
        self.hang()
        reply = self.client.message(SAMPLE)
        self.assertEqual(reply.code, 451, reply)
        self.assertEqual(self.hop.messages, [])
        self.daemon.wait_log("no signer answered in time")

    def test_or_let_it_pass_unsigned(self):
        self.hang("on_error = pass")
        self.assertNotIn(b"DKIM-Signature:", self.signed())
        self.daemon.wait_log("no signer answered in time")


class DataEarly(Hanging):
    """While a signer signs, the next hop is told DATA: what it says to that is
    here when the signature is. It hears no octet of the message before."""

    def hang(self, *scripts, timeout="60s"):
        self.hop = self.relay(*scripts)
        self.daemon = self.signpost(
            self.hop, daemon=("signers = 1", "sign_timeout = " + timeout))
        self.client = self.daemon.client()
        self.client.ehlo()
        self.signed()       # the key is known from here on
        self.pid = self.signers(1)[0]
        self.stop([self.pid])

    def offer(self):
        """All of a message but its answer; the next hop is told DATA."""
        self.client.begin()
        self.assertEqual(self.client.command("DATA").code, 354)
        self.client.send(SAMPLE + b".\r\n")
        harness.wait_until("DATA at the next hop",
                           lambda: self.hop.said("DATA") == 2)

    def and_then_mail_flows(self):
        os.kill(self.pid, signal.SIGCONT)
        data = self.signed()
        self.assertTrue(harness.dkim_verifies(data, self.daemon.record()))
        self.assertEqual(len(self.hop.messages), 2)

    def nothing_of_it_came(self):
        harness.wait_until("the end of its connection",
                           lambda: len(self.hop.partial) == 1)
        self.assertEqual(self.hop.partial, [b""])
        self.assertEqual(len(self.hop.messages), 1)

    def test_and_the_message_follows(self):
        self.hang()
        self.offer()
        os.kill(self.pid, signal.SIGCONT)
        self.assertEqual(self.client.reply().code, 250)
        data = self.hop.messages[1].data
        self.assertTrue(harness.dkim_verifies(data, self.daemon.record()))
        self.assertEqual(len(self.hop.commands), 1)

    def test_a_refusal_is_passed_on_at_once(self):
        answers = iter(["354 go", "452 4.3.1 full", "354 go"])
        self.hang({"data": lambda _: next(answers)})
        self.offer()
        self.assertEqual(str(self.client.reply()), "452 4.3.1 full")
        self.and_then_mail_flows()
        self.assertEqual(len(self.hop.commands), 1)

    def test_no_signature_after_all(self):
        self.hang(timeout="1s")
        self.offer()
        self.assertEqual(self.client.reply().code, 451)
        self.nothing_of_it_came()
        self.and_then_mail_flows()

    def test_signers_that_hang_cost_one_connection(self):
        """Behind that nobody counts on a signature before it is there."""
        self.hang(timeout="1s")
        for _ in range(3):
            self.assertEqual(self.client.message(SAMPLE).code, 451)
        self.assertEqual(self.hop.said("DATA"), 2)
        self.nothing_of_it_came()
        self.assertEqual(len(self.hop.commands), 2)
        self.and_then_mail_flows()

    def test_a_next_hop_that_leaves(self):
        self.hang()
        self.offer()
        self.hop.hang_up()
        self.assertEqual(str(self.client.reply()), "451 4.3.0 next hop lost")
        self.and_then_mail_flows()

    def test_a_client_that_leaves(self):
        self.hang()
        self.offer()
        self.client.reset()
        self.nothing_of_it_came()
        self.daemon.wait_log("status=aborted")


class Parents(OnError):
    """domain = *: the exact domain, then its parents are tried."""

    def test_a_parents_key_signs_for_the_parent(self):
        self.begin("signature = dkim(c=relaxed/relaxed)",
                   "signature = domainkeys(c=nofws)", domain="*")
        data = self.signed(SAMPLE.replace(b"ann@example.org",
                                          b"ann@deep.in.example.org"))
        self.assertEqual(len(re.findall(rb"\sd=example\.org;", data)), 2)
        self.assertTrue(harness.dkim_verifies(data, self.daemon.record()))
        self.daemon.wait_log(r"signed=dkim:example\.org:t2026:rsa-sha256,"
                             r"domainkeys:example\.org:t2026:rsa-sha1 ")

    def test_no_file_anywhere_is_no_key(self):
        self.begin(domain="*")
        data = SAMPLE.replace(b"ann@example.org", b"ann@example.net")
        self.assertEqual(self.signed(data), data)
        self.daemon.wait_log(r" unsigned=no-key ")


class Tempfail(OnError):
    def fails(self, spoil):
        self.begin()
        spoil(self.daemon.keyfile)
        answer = self.client.message(SAMPLE)
        self.assertEqual(str(answer)[:9], "451 4.3.0")
        self.daemon.wait_log(r"no signature dkim:example\.org:t2026: ")
        self.daemon.wait_log(r"failed=dkim:example\.org:t2026 .*"
                             r"status=deferred \(451 4\.3\.0")
        self.assertEqual(self.hop.messages, [])
        other = SAMPLE.replace(b"ann@example.org", b"ann@example.net")
        self.assertEqual(self.client.message(other).code, 250)

    def test_readable_for_all(self):
        self.fails(lambda path: os.chmod(path, 0o644))
        self.daemon.wait_log("chmod")

    def test_gone(self):
        self.fails(os.unlink)

    def test_broken(self):
        def spoil(path):
            with open(path, "w") as f:
                f.write("-----BEGIN PRIVATE KEY-----\nnonsense\n")
        self.fails(spoil)


class Pass(OnError):
    def test_what_can_be_made_is_made(self):
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        other = os.path.join(directory, "keys", "other.pem")
        harness.make_key(other)
        self.begin("on_error = pass", "domain = example.org",
                   "signature = dkim(c=relaxed/relaxed)",
                   "signature = dkim(s=other, key=%s)" % other)
        os.unlink(other)
        data = self.signed()
        self.assertEqual(data.count(b"DKIM-Signature:"), 1)
        self.assertTrue(harness.dkim_verifies(data, self.daemon.record()))
        self.daemon.wait_log("no signature dkim:example.org:other: ")
        self.daemon.wait_log("failed=dkim:example.org:other")

    def test_none_at_all(self):
        self.begin("on_error = pass")
        os.unlink(self.daemon.keyfile)
        self.assertEqual(self.signed(), SAMPLE)
        self.daemon.wait_log(" unsigned=failed ")


if __name__ == "__main__":
    harness.main()
