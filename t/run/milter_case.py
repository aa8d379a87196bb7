"""What the tests by milter share: a signpost that signs for a mail server."""
import harness
from mta import Mta


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
