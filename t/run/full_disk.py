"""The spool's disk is full, or its directory gone, or all messages together
are too much: 451 or 452 at the dot, no half message, and mail goes on."""

import contextlib
import os
import re
import resource
import shutil
import threading

import harness
import inbound
from harness import SAMPLE

MB = 1024 * 1024


def large(n):
    return SAMPLE + (b"x" * 1022 + b"\r\n") * (n // 1024)


def small_files():
    """No file may grow past 1 MB: a write is cut short, the next fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (MB, MB))


class FullDisk(harness.Case):
    def begin(self, **options):
        self.hop = self.relay()
        self.daemon = self.signpost(self.hop, **options)
        self.client = self.daemon.client()
        self.client.ehlo()

    def is_deferred(self, data, code, enhanced):
        answer = self.client.message(data)
        self.assertEqual(answer.code, code, answer)
        self.assertTrue(answer.text.startswith(enhanced), answer)
        self.assertEqual(self.hop.said("DATA"), 0)
        self.daemon.wait_log(r"spool: ")
        self.daemon.wait_log(r"status=deferred \(%d %s" % (
            code, enhanced.replace(".", r"\.")))

    def mail_still_flows(self, data=SAMPLE):
        self.assertEqual(self.client.message(data).code, 250)
        self.assertEqual(self.client.quit().code, 221)
        self.assertTrue(self.hop.messages[-1].data.endswith(data))

    def test_write_fails(self):
        self.begin(preexec=small_files)
        for _ in range(3):
            self.is_deferred(large(3 * MB), 451, "4.3.0")
        # Whoever reads it knows which disk it is.
        self.daemon.wait_log("spool: %s: cannot write: File too large" %
                             re.escape(self.daemon.spool))
        self.assertEqual(os.listdir(self.daemon.spool), [])
        self.mail_still_flows(large(MB // 2))

    def test_directory_is_gone(self):
        self.begin()
        shutil.rmtree(self.daemon.spool)
        self.is_deferred(large(MB), 451, "4.3.0")
        self.mail_still_flows()

    def test_over_spool_max(self):
        self.begin(out=["spool_max = 1M"])
        self.is_deferred(large(2 * MB), 452, "4.3.1")
        self.mail_still_flows(large(MB // 2))

    def test_all_messages_count_together(self):
        self.begin(out=["spool_max = 1M"])
        other = self.daemon.client()
        other.ehlo()
        other.begin()
        self.assertEqual(other.command("DATA").code, 354)
        other.send(large(MB * 3 // 4))
        harness.wait_until("the other message in the spool",
                           lambda: self.spooled() > MB // 2)
        self.is_deferred(large(MB // 2), 452, "4.3.1")
        self.assertEqual(other.body(b"").code, 250)
        self.mail_still_flows(large(MB // 2))

    def spooled(self):
        """Bytes in files without a name."""
        total = 0
        for pid in self.daemon.processes():
            fds = "/proc/%d/fd" % pid
            for name in os.listdir(fds):
                path = os.path.join(fds, name)
                with contextlib.suppress(FileNotFoundError):  # closed since
                    if self.daemon.spool + "/" in os.readlink(path):
                        total += os.stat(path).st_size
        return total

    def test_many_at_once_leave_nothing(self):
        self.begin(preexec=small_files)
        answers = []

        def one():
            client = self.daemon.client()
            client.ehlo()
            answers.append(client.message(large(3 * MB)).code)
            client.quit()
        threads = [threading.Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(harness.WAIT)
        self.assertEqual(answers, [451] * 8)
        self.assertEqual(os.listdir(self.daemon.spool), [])
        self.assertEqual(self.spooled(), 0)
        self.mail_still_flows()


class Inbound(inbound.Case):
    def test_full_within_a_header_that_is_too_large(self):
        """Its fields are looked at one by one then, many in a chunk."""
        hop = self.relay()
        daemon = self.verifier(hop, self.nsd("example.org TXT x"),
                               ["check = spf", "spool_max = 1M"])
        daemon.wait_log("serving, ")    # all of them are there then
        worker = daemon.processes()
        answer = self.send(daemon, b"X-Long: " + b"x" * (MB * 5 // 8) + b"\r\n" +
                           b"X: y\r\n" * (MB // 6) + SAMPLE)
        self.assertEqual(str(answer)[:9], "452 4.3.1")
        self.assertEqual(hop.said("DATA"), 0)
        self.assertEqual(self.send(daemon, SAMPLE).code, 250)
        self.assertEqual(daemon.processes(), worker)


if __name__ == "__main__":
    harness.main()
