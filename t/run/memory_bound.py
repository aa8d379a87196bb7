"""Large messages cost disk, not memory: while they come in, while they wait,
and while a next hop that stalls takes nothing."""

import threading

import harness
from harness import SAMPLE

MB = 1024 * 1024
CHUNK = (b"0123456789abcdef" * 63 + b"0123456789abcd\r\n") * 64


class Memory(harness.Case):
    def begin(self, *scripts, clients=20):
        self.hop = self.relay(*scripts)
        self.daemon = self.signpost(
            self.hop, daemon=["stop_timeout = 1s"])
        self.clients = [self.daemon.client() for _ in range(clients)]
        for client in self.clients:
            client.ehlo()
            client.begin()
            self.assertEqual(client.command("DATA").code, 354)

    def peak(self):
        """Peak memory in MB, of every process of ours."""
        most = 0
        for pid in self.daemon.processes():
            with open("/proc/%d/status" % pid) as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        most = max(most, int(line.split()[1]) // 1024)
        return most

    def push(self, megabytes):
        def one(client):
            client.send(SAMPLE)
            for _ in range(megabytes * MB // len(CHUNK)):
                client.send(CHUNK)
        threads = [threading.Thread(target=one, args=(client,))
                   for client in self.clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)

    def limit(self):
        return 32 if not self.daemon.is_sanitized() else 400

    def test_many_large_ones(self):
        self.begin(clients=50)
        self.push(5)
        self.assertLess(self.peak(), self.limit())
        for client in self.clients:
            self.assertEqual(client.body(b"").code, 250)
        self.assertEqual(len(self.hop.messages), 50)
        self.assertLess(self.peak(), self.limit())

    def test_what_stands_behind_a_message_while_it_waits(self):
        """As much as one read brings, and it must be kept."""
        for stage in ("data", "dot"):
            self.begin({stage: harness.SILENT}, clients=100)
            for client in self.clients:
                client.send(SAMPLE + CHUNK * 5)
                client.send(CHUNK[:1024] + b".\r\n" + b"NOOP\r\n" * 21500)
            harness.wait_until("all at the relay", lambda: self.hop.said(
                "DATA") == len(self.clients))
            self.assertLess(self.peak(), self.limit())
            for client in self.clients:
                client.close()
            self.assertEqual(self.daemon.stop(), 0)

    def test_a_next_hop_that_stalls(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def stall(_):
            go_on.wait(60)
        self.begin({"body": stall}, clients=2)
        self.push(50)
        for client in self.clients:
            client.send(b".\r\n")
        harness.wait_until("DATA at the relay",
                           lambda: self.hop.said("DATA") == 2)
        other = self.daemon.client()
        other.ehlo()
        self.assertLess(self.peak(), self.limit())
        go_on.set()
        for client in self.clients:
            client.sock.settimeout(60)
            self.assertEqual(client.reply().code, 250)
        self.assertLess(self.peak(), self.limit())


if __name__ == "__main__":
    harness.main()
