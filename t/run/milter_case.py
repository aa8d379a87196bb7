"""What the tests by milter share: a signpost that signs for a mail server, and
what may happen at each packet of a message."""
import contextlib
import os
import random
import signal
import socket
import threading
import time

import harness
import mta
from mta import ODD, Mta


class Case(harness.Case):
    out = ()
    signature = "signature = dkim(c=simple/simple)"

    def setUp(self):
        self.daemon = self.make(self.out)

    def make(self, out, **options):
        """Its port is a milter's, so nobody waits for one of SMTP's."""
        daemon = harness.Signpost(
            "127.0.0.1:9", out=(self.signature,) + tuple(out), **options)
        self.addCleanup(daemon.clean)
        self.addCleanup(self._stops_well, daemon)
        with open(daemon.config) as config:
            text = config.read()
        text = text.replace("listen = 127.0.0.1", "listen = milter:127.0.0.1")
        with open(daemon.config, "w") as config:
            config.write(text.replace("relay = 127.0.0.1:9\n", ""))
        return daemon.start()

    def mta(self, **options):
        client = Mta(self.daemon.port, **options)
        self.addCleanup(client.close)
        return client

    def memory(self):
        total = 0
        for pid in self.daemon.processes():
            with open("/proc/%d/status" % pid) as status:
                total += sum(int(line.split()[1]) * 1024 for line in status
                             if line.startswith("RssAnon"))
        return total

    def assert_signed(self, result, sent):
        self.assertTrue(result.passed(), result.reply)
        self.assertTrue(result.data.endswith(sent), result.data[:2000])
        self.assertTrue(result.data.startswith(b"DKIM-Signature:"))
        self.assertTrue(harness.dkim_verifies(
            result.data, self.daemon.record()), result.data[:2000])

    def assert_unsigned(self, result, sent):
        self.assertTrue(result.passed(), result.reply)
        self.assertEqual(result.data, sent)


class AtOnce:
    """Mail servers that go away when the ends of many messages have come. For a
    test case with mta()."""
    TEXT = ODD[3]
    how = {}        # of whom the message is (mta.Mta.begin)
    AT_ONCE = 30    # messages whose ends come in one turn of the loop

    @staticmethod
    def finish(sock):
        """An orderly end; the filter must do the same."""
        sock.shutdown(socket.SHUT_WR)

    def all_at_once(self, leave, going=2):
        """So many messages whose ends come at once; of `going` mail servers
        one goes. (client, fields, body) of those that stay."""
        servers = []
        for _ in range(self.AT_ONCE):
            client = self.mta()
            servers.append((client,) +
                           client.begin(self.TEXT, **self.how)[:2])
        for client, _, _ in servers:
            client.send(b"E")
        time.sleep(random.uniform(0, 0.004))
        for client, _, _ in servers[::going]:
            leave(client.sock)
        if leave == self.finish:
            for client, _, _ in servers[::going]:
                while client.sock.recv(4096):
                    pass
        return [s for i, s in enumerate(servers) if i % going > 0]


class EachPacket(AtOnce):
    """Killed, stopped, halted and reloaded at each packet, and the mail server
    that goes away there: it hears nothing of a message that was not answered,
    and one that is has what is due once. For a test case with `daemon`, mta()
    and assert_signed(); another front has other words for all three."""
    def assert_done(self, result):
        self.assert_signed(result, self.TEXT)
        self.assertEqual(result.data.count(b"DKIM-Signature:"), 1)

    def each(self, act, behind=lambda: None, text=None):
        """`act(client)` before the nth packet of a message, for every n, and
        `behind()` when that message is over. The codes of the packets of a
        message, and for each n whether it was answered; nothing happens to a
        last one, which is."""
        codes, answered = [], []
        while len(answered) == len(codes):
            client = self.mta()
            left = len(codes)

            def before(code):
                nonlocal left
                left -= 1
                if left == -1:
                    codes.append(code)
                    act(client)
            client.before = before
            try:
                result = client.message(text or self.TEXT, **self.how)
                if text is None:
                    self.assert_done(result)
                answered.append(True)
            except mta.Gone:
                answered.append(False)
            client.close()
            if len(answered) == len(codes):
                behind()
        self.assertGreater(len(codes), 6)
        self.assertEqual(codes[-1], b"E")
        self.assertTrue(answered.pop())
        return codes, answered

    def signal_all(self, number):
        for pid in self.daemon.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def test_reloaded_it_answers_every_one(self):
        def act(_):
            reloads.append(self.daemon.process.send_signal(signal.SIGHUP))
            self.daemon.wait_log("draining: ", len(reloads))
        reloads = []
        codes, answered = self.each(act)
        self.assertTrue(all(answered), (codes, answered))

    def test_halted_and_let_go_on_it_answers_every_one(self):
        def act(_):
            self.signal_all(signal.SIGSTOP)
            timers.append(threading.Timer(0.1, self.signal_all,
                                          (signal.SIGCONT,)))
            timers[-1].start()
        timers = []
        codes, answered = self.each(act, lambda: timers[-1].join())
        self.assertTrue(all(answered), (codes, answered))

    def test_killed_it_says_nothing(self):
        """Then it serves again."""
        def act(_):
            self.daemon.kill()

        def behind():
            self.assertEqual(self.daemon.lines("status=sent"), [])
            self.daemon.start()
        codes, answered = self.each(act, behind)
        self.assertFalse(any(answered), (codes, answered))

    def test_stopped_it_answers_what_was_begun(self):
        """A message is begun when its sender has come."""
        def act(_):
            self.daemon.process.send_signal(signal.SIGTERM)
            stops.append(True)
            self.daemon.wait_log("stopping: ", len(stops))

        def behind():
            self.assertEqual(self.daemon.process.wait(harness.WAIT), 0)
            self.daemon.start()
        stops = []
        codes, answered = self.each(act, behind)
        begun = codes.index(b"M") + 1
        self.assertEqual(answered, [False] * begun +
                         [True] * (len(codes) - begun), codes)

    # --- the mail server goes away

    def serves_on(self):
        self.assertEqual(self.daemon.lines("killed by"), [])
        self.assert_done(self.mta().message(self.TEXT, **self.how))

    def test_gone_at_each_packet(self):
        for leave in (harness.hard_close, self.finish):
            def act(client):
                leave(client.sock)
                if leave == self.finish:
                    while client.sock.recv(4096):
                        pass
                raise mta.Gone()
            _, answered = self.each(act, text=self.TEXT + b"x" * 70000)
            self.assertFalse(any(answered))
        self.serves_on()

    def test_gone_behind_the_end(self):
        for leave in (harness.hard_close, self.finish) * 3:
            for client, fields, body in self.all_at_once(leave):
                self.assert_done(client.outcome(fields, body))
                client.close()
        self.daemon.wait_log("status=(sent|aborted)", 6 * self.AT_ONCE)
        self.serves_on()

    def test_gone_behind_the_end_and_then_stopped(self):
        stay = self.all_at_once(harness.hard_close)
        self.daemon.process.send_signal(signal.SIGTERM)
        for client, fields, body in stay:
            self.assert_done(client.outcome(fields, body))
        self.assertEqual(self.daemon.process.wait(harness.WAIT), 0)
        self.assertEqual(self.daemon.lines("killed by"), [])
