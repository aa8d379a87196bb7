"""A client's FIN ends what it says, and no more: Exim as client and as next
hop, and a scripted client that closes its sending half.

What came before the end is carried out and answered; what lacks its dot is
dropped; who turns out not to have read the answer is logged so.
"""
import os
import re
import socket
import threading
import time

import harness
import inbound
import part
from exim import Exim
from harness import SAMPLE

MESSAGE = b"From: a@example.org\nTo: b@example.net\nSubject: x\n\nHello\n"


def cpu(pids):
    """Seconds of processor time that these have had."""
    ticks = 0
    for pid in pids:
        with open("/proc/%d/stat" % pid) as f:
            ticks += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def pipelined(messages=1):
    """A client's whole session but for its EHLO."""
    one = (b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n",
           SAMPLE + b".\r\n")
    return one * messages


class ByExim(harness.Case):
    def exim(self, **options):
        part.require("mta", self.id())
        exim = Exim(**options)
        self.addCleanup(exim.clean)
        return exim

    def check_signed(self, message, record):
        self.assertTrue(harness.dkim_verifies(message, record))

    def test_as_client_and_as_next_hop(self):
        """Every message arrives at the first try, once, and verifies."""
        sink = self.exim().start()
        daemon = self.signpost("127.0.0.1:%d" % sink.port)
        harness.wait_until("Exim to listen", lambda: attempt(sink.port))
        client = self.exim(relay=daemon.port)
        for _ in range(6):
            client.send(MESSAGE)
        self.assertEqual(client.waiting(), 0, client.text())
        self.assertEqual(client.text().count("Completed"), 6)
        daemon.wait_log("status=sent", 6)
        self.assertEqual(daemon.lines("maybe-delivered"), [])
        harness.wait_until("the mail", lambda: len(sink.delivered()) == 6)
        for message in sink.delivered():
            start = message.index(b"DKIM-Signature:")
            self.check_signed(message[start:], daemon.record())

    def test_behind_a_slow_next_hop(self):
        """One copy, however long that one thinks, and no time burnt."""
        seen = []

        def think(_):
            seen.append(cpu(daemon.processes()))
            time.sleep(3)
            seen.append(cpu(daemon.processes()))
            return "250 2.0.0 Ok: queued as 3CF6B2"
        hop = self.relay({"dot": think})
        daemon = self.signpost(hop)
        client = self.exim(relay=daemon.port)
        client.send(MESSAGE)
        self.assertEqual(client.waiting(), 0, client.text())
        self.assertEqual(len(hop.messages), 1)
        daemon.wait_log("status=sent")
        self.assertLess(seen[1] - seen[0], 0.3)

    def test_what_the_next_hop_refuses_for_now_is_kept(self):
        hop = self.relay({"dot": "451 4.3.0 later"}, {})
        daemon = self.signpost(hop)
        client = self.exim(relay=daemon.port)
        client.send(MESSAGE)
        self.assertEqual(client.waiting(), 1)
        daemon.wait_log("status=deferred")
        client.run_queue()
        self.assertEqual(client.waiting(), 0)
        self.assertEqual(len(hop.messages), 1)


class InboundByExim(inbound.Case):
    def test_as_client_and_as_next_hop(self):
        """Checked mail arrives at the first try, once, with its results."""
        part.require("mta", self.id())
        sink = Exim().start()
        self.addCleanup(sink.clean)
        daemon = self.verifier("127.0.0.1:%d" % sink.port, self.nsd(""),
                               ["check = dkim"])
        harness.wait_until("Exim to listen", lambda: attempt(sink.port))
        client = Exim(relay=daemon.port)
        self.addCleanup(client.clean)
        for _ in range(2):
            client.send(MESSAGE)
        self.assertEqual(client.waiting(), 0, client.text())
        self.assertEqual(client.text().count("Completed"), 2)
        daemon.wait_log("status=sent", 2)
        self.assertEqual(daemon.lines("maybe-delivered"), [])
        harness.wait_until("the mail", lambda: len(sink.delivered()) == 2)
        for message in sink.delivered():
            self.assertIn(b"Authentication-Results: mx.example.org;\r\n"
                          b"\tdkim=none", message)


def attempt(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class ByScript(harness.Case):
    def begin(self, client, parts, end=socket.SHUT_WR):
        client.ehlo()
        for part in parts:
            client.send(part)
        client.send(b"QUIT\r\n")
        client.sock.shutdown(end)

    def codes(self, client):
        """All that it still hears, until the other side closes."""
        found = []
        try:
            while True:
                found.append(client.reply().code)
        except harness.Gone:
            return found

    def test_all_before_the_end_is_answered(self):
        hop = self.relay()
        daemon = self.signpost(hop)
        client = daemon.client()
        self.begin(client, pipelined(3))
        self.assertEqual(
            self.codes(client), [250, 250, 354, 250] * 3 + [221])
        self.assertEqual(len(hop.messages), 3)
        daemon.wait_log("status=sent", 3)
        self.assertEqual(daemon.lines("maybe-delivered"), [])

    def test_on_a_unix_socket_too(self):
        directory = harness.tempfile.mkdtemp(prefix="signpost-u-")
        self.addCleanup(harness.shutil.rmtree, directory)
        os.chmod(directory, 0o755)
        path = os.path.join(directory, "s")
        hop = self.relay()
        daemon = self.signpost(hop, out=["listen = unix:" + path], wait=False)
        daemon.wait_log("serving,")
        client = harness.Client(path)
        self.begin(client, pipelined())
        self.assertEqual(self.codes(client), [250, 250, 354, 250, 221])
        daemon.wait_log("client=local .*status=sent")

    def test_a_message_without_its_dot_is_dropped(self):
        hop = self.relay()
        daemon = self.signpost(hop)
        client = daemon.client()
        client.ehlo()
        client.begin()
        self.assertEqual(client.command("DATA").code, 354)
        client.send(SAMPLE + b".\r")
        client.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(self.codes(client), [])
        daemon.wait_log("status=aborted .*end of input within a message")
        self.assertEqual(hop.said("DATA"), 0)

    def thinking(self):
        """A next hop that answers the dot when told to."""
        self.told, self.dots = threading.Event(), threading.Semaphore(0)

        def answer(_):
            self.dots.release()
            self.told.wait(harness.WAIT)
            return "250 2.0.0 Ok: queued as 3CF6B2"
        self.addCleanup(self.told.set)
        return self.relay({"dot": answer})

    def test_neither_end_nor_hang_up_spins_the_loop(self):
        """While five messages wait for their answers; four clients closed in
        another way each, and had more to say than is read ahead or not."""
        hop = self.thinking()
        daemon = self.signpost(hop)
        ways = [lambda c: c.sock.shutdown(socket.SHUT_WR),
                harness.Client.close, harness.Client.reset]
        for leave in ways:
            for behind in (b"", b"NOOP\r\n" * 4000):
                client = daemon.client()
                client.ehlo()
                client.begin()
                client.command("DATA")
                client.send(SAMPLE + b".\r\n" + behind)
                self.assertTrue(self.dots.acquire(timeout=harness.WAIT))
                leave(client)
        time.sleep(0.2)
        before = cpu(daemon.processes())
        time.sleep(2)
        self.assertLess(cpu(daemon.processes()) - before, 0.2)
        self.told.set()
        hop.wait_messages(6)
        # Two are still there, and four have gone.
        daemon.wait_log("status=maybe-delivered", 4)
        daemon.wait_log("status=sent", 2)

    def test_who_did_not_read_the_answer_may_send_again(self):
        hop = self.thinking()
        daemon = self.signpost(hop)
        client = daemon.client()
        self.begin(client, pipelined(), socket.SHUT_WR)
        self.assertTrue(self.dots.acquire(timeout=harness.WAIT))
        for code in (250, 250, 354):
            self.assertEqual(client.reply().code, code)
        client.close()
        self.told.set()
        line = daemon.wait_log("status=maybe-delivered")
        delay = float(re.search(r"delay=([0-9.]+)", line)[1])
        self.assertLess(delay, 10)
        self.assertEqual(len(hop.messages), 1)


if __name__ == "__main__":
    harness.main()
