"""The client goes away, at every stage: nothing half reaches the next hop.

Only where the next hop has already answered is a message out that its client
may send again (RFC 1047): that is counted and logged `maybe-delivered`.
"""

import random
import signal
import threading
import time

import harness
from harness import SAMPLE

LARGE = SAMPLE + b"0123456789abcdef" * 4 * 1024 * 64 + b"\r\n"  # 4 MB


class ClientLost(harness.Case):
    def setUp(self):
        self.answer_dot = threading.Event()
        self.dots = 0
        self.hop = self.relay({"dot": self.when_told})
        self.daemon = self.signpost(self.hop)

    def when_told(self, _):
        self.dots += 1
        self.answer_dot.wait(harness.WAIT)
        return self.answer

    answer = "250 2.0.0 Ok: queued as 3CF6B2"

    def both_ways(self, reach):
        """Goes away at a stage, orderly and by a reset."""
        for leave in (harness.Client.close, harness.Client.reset):
            client = self.daemon.client()
            reach(client)
            leave(client)

    def mail_still_flows(self, before=0):
        self.answer_dot.set()
        client = self.daemon.client()
        client.ehlo()
        self.assertEqual(client.message(SAMPLE).code, 250)
        client.quit()
        self.assertEqual(len(self.hop.messages), before + 1)
        self.assertTrue(self.hop.messages[-1].data.endswith(SAMPLE))
        self.assertEqual(self.hop.partial, [])

    def all_at_once(self, count):
        """So many messages whose final dots come in one turn of the loop:
        most wait for their signatures. Every second client goes."""
        clients = []
        for _ in range(count):
            client = self.daemon.client()
            client.ehlo()
            client.begin()
            self.assertEqual(client.command("DATA").code, 354)
            client.send(SAMPLE)
            clients.append(client)
        for client in clients:
            client.send(b".\r\n")
        time.sleep(random.uniform(0, 0.004))
        for client in clients[::2]:
            client.reset()
        return clients[1::2]

    def test_while_its_signature_waits(self):
        self.answer_dot.set()
        for _ in range(10):
            for client in self.all_at_once(30):
                self.assertEqual(client.reply().code, 250)
                client.close()
        self.daemon.wait_log("client gone")
        self.assertEqual(self.daemon.lines("killed by"), [])

    def test_while_its_signature_waits_and_the_end_comes(self):
        self.answer_dot.set()
        stay = self.all_at_once(30)
        self.daemon.process.send_signal(signal.SIGTERM)
        for client in stay:
            self.assertEqual(client.reply().code, 250)
        self.assertEqual(self.daemon.process.wait(harness.WAIT), 0)
        self.assertEqual(self.daemon.lines("killed by"), [])

    def test_at_the_greeting(self):
        self.both_ways(lambda client: None)
        self.mail_still_flows()

    def test_after_ehlo(self):
        self.both_ways(lambda client: client.ehlo())
        self.mail_still_flows()

    def test_after_mail(self):
        def reach(client):
            client.ehlo()
            client.command("MAIL FROM:<a@example.org>")
        self.both_ways(reach)
        self.mail_still_flows()

    def test_after_rcpt(self):
        def reach(client):
            client.ehlo()
            client.begin()
        self.both_ways(reach)
        self.mail_still_flows()

    def in_body(self, data):
        def reach(client):
            client.ehlo()
            client.begin()
            self.assertEqual(client.command("DATA").code, 354)
            client.send(data)
        self.both_ways(reach)
        self.daemon.wait_log("status=aborted", 2)
        self.assertEqual(self.hop.said("DATA"), 0)
        self.mail_still_flows()

    def test_before_the_body(self):
        self.in_body(b"")

    def test_in_the_header(self):
        self.in_body(SAMPLE[:40])

    def test_in_the_body(self):
        self.in_body(LARGE)

    def test_before_the_end_of_the_dot(self):
        self.in_body(SAMPLE + b".\r")

    def send_and_wait_for_the_dot(self, client):
        dots = self.dots
        client.ehlo()
        client.begin()
        self.assertEqual(client.command("DATA").code, 354)
        client.send(SAMPLE + b".\r\n")
        harness.wait_until("the dot at the relay", lambda: self.dots > dots)

    def test_while_the_relay_takes_the_dot(self):
        self.both_ways(self.send_and_wait_for_the_dot)
        self.answer_dot.set()
        self.hop.wait_messages(2)
        self.daemon.wait_log(r"status=maybe-delivered \(250 2\.0\.0 Ok", 2)
        self.mail_still_flows(before=2)

    def test_while_the_relay_refuses_at_the_dot(self):
        self.answer = "452 4.3.1 full"
        self.both_ways(self.send_and_wait_for_the_dot)
        self.answer_dot.set()
        self.daemon.wait_log(r"status=aborted \(452 4\.3\.1", 2)
        self.assertEqual(self.hop.messages, [])


if __name__ == "__main__":
    harness.main()
