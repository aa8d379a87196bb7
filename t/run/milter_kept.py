#!/usr/bin/python3
"""By milter the rest works as by SMTP: results are kept, figures counted, the
reflector answers, and its message alone is spooled."""
import harness
import mta
import recorder
import reflector
from harness import SAMPLE, wait_until

STRANGER = ("192.0.2.1", 1025)
MEGABYTE = (b"x" * 78 + b"\r\n") * 13000


class Both(recorder.Both):
    def configure(self, out=(), daemon=(), rest=""):
        super().configure(out, daemon, rest)
        with open(self.config) as config:
            lines = config.read().splitlines(True)
        with open(self.config, "w") as config:
            for line in lines:
                if line.startswith("[metrics]"):
                    rest = True
                if not rest and line.startswith("listen = "):
                    line = line.replace("= ", "= milter:")
                if rest or not line.startswith("relay = "):
                    config.write(line)
                if line == "[out]\n":
                    rest = False


class Case(reflector.Case):
    def serve(self, extra=""):
        server = self.nsd(reflector.ZONE + "".join(
            s.zone() for s in reflector.SENDERS))
        proxy = Both(self.world, server.port, extra)
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        proxy.start()
        proxy.wait_log("serving, ")
        return proxy

    def ask(self, port, text, **options):
        with mta.Mta(port) as server:
            return server.message(text, **options)


class Kept(Case):
    def test_results_and_figures(self):
        proxy = self.serve()
        for _ in range(3):
            self.assertTrue(self.ask(
                proxy.in_port, SAMPLE, client=STRANGER).passed())
        self.assertTrue(self.ask(proxy.port, SAMPLE).passed())
        self.assertTrue(self.ask(
            proxy.port, SAMPLE, client=STRANGER).passed())
        self.assertTrue(self.ask(proxy.in_port, SAMPLE).passed())
        for name, value in (
                ('messages_total{proxy="out",status="sent"}', 2),
                ('messages_total{proxy="in",status="sent"}', 4),
                ('signatures_total{proxy="out"}', 2),
                ('unsigned_total{proxy="out",reason="not-ours"}', 1),
                ('results_total{proxy="in",method="dkim",result="none"}', 4),
                ('trusted_total{proxy="in"}', 1),
                ('delay_seconds_count{proxy="in"}', 4)):
            self.assertEqual(proxy.metric(name), value, name)
        wait_until("results", lambda: self.rows(
            proxy, "SELECT sum(count) FROM found WHERE direction = 'in' AND "
            "client = '192.0.2.1'") == [(3,)])


class Answers(Case):
    def spooled(self, proxy):
        return proxy.metric('spool_bytes{proxy="in"}') > len(MEGABYTE)

    def begin(self, server, recipient):
        server.connect(STRANGER, name="mail.example.org",
                       helo="mail.example.org")
        server.envelope("ann@example.org", [recipient])
        fields, _ = server.header(SAMPLE)
        sent = server.body(MEGABYTE)
        return fields, sent

    def test_the_reflectors_message_alone_is_spooled(self):
        port = self.listener(b"SPAMD/1.1 0 EX_OK\r\nContent-length: 4\r\n"
                             b"Spam: False ; 1.5 / 5.0\r\n\r\nRULE")
        relay = self.relay()
        proxy = self.serve("[reflector]\naddress = %s\nrelay = %s\n"
                           "spamd = 127.0.0.1:%d\n" % (
                               reflector.OWN, relay.address(), port))
        with mta.Mta(proxy.in_port) as server:
            _, sent = self.begin(server, "bob@example.org")
            self.assertEqual(sent, 1)   # nobody needs the rest
            self.assertFalse(self.spooled(proxy))
            server.next_client()
            fields, sent = self.begin(server, reflector.OWN)
            self.assertGreater(sent, 10)
            wait_until("a spool", lambda: self.spooled(proxy))
            self.assertTrue(server.end(fields, b"").passed())
            wait_until("the spool's end", lambda: not self.spooled(proxy))
        answer = relay.wait_messages(1, 60)[0]
        self.assertIn(b"\r\nSummary of Results\r\n", answer.data)
        self.assertIn(b"SpamAssassin check: ham", answer.data)
        self.assertIn(MEGABYTE[:10000], self.told)


if __name__ == "__main__":
    harness.main()
