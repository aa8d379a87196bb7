"""A relay that closes while idle is reached anew at the next MAIL: EHLO and
XFORWARD are said again, its 421 is nobody's answer, and what it can no longer
do is not promised on."""

import time

import harness
from harness import SAMPLE

XFORWARD = ["XFORWARD NAME=mail.example.com ADDR=192.0.2.7 PORT=2525",
            "XFORWARD HELO=host.example.com PROTO=ESMTP IDENT=3CF6B2AAE8 "
            "SOURCE=LOCAL"]
# Postfix rewrites the header of what is LOCAL, which breaks signatures.
SAID = {"NAME": "mail.example.com", "ADDR": "192.0.2.7", "PORT": "2525",
        "HELO": "host.example.com", "PROTO": "ESMTP", "IDENT": "3CF6B2AAE8",
        "SOURCE": "REMOTE"}


class Anew(harness.Case):
    def begin(self, *scripts, **options):
        self.hop = self.relay(*(scripts or [{}]), **options)
        self.daemon = self.signpost(self.hop)
        self.client = self.daemon.client()
        self.client.ehlo("the.client")

    def idle_close(self, last_words=b""):
        for sock in self.hop.sockets:
            try:
                sock.sendall(last_words)
            except OSError:
                pass
        self.hop.hang_up()
        time.sleep(0.1)

    def test_between_messages(self):
        self.begin()
        for i in range(3):
            self.assertEqual(self.client.message(SAMPLE).code, 250)
            self.idle_close()
        self.assertEqual(len(self.hop.messages), 3)
        for lines in self.hop.commands:
            self.assertEqual(lines[0], b"EHLO the.client")

    def test_its_421_is_no_answer(self):
        self.begin()
        for _ in range(3):
            self.assertEqual(self.client.message(SAMPLE).code, 250)
            self.idle_close(b"421 4.4.2 relay.example Error: timeout\r\n")
            self.assertEqual(self.client.command("NOOP").code, 250)
            self.assertEqual(self.client.command("RSET").code, 250)
        self.assertEqual(self.client.quit().code, 221)

    def test_before_quit(self):
        self.begin()
        self.idle_close(b"421 4.4.2 timeout\r\n")
        self.assertEqual(self.client.quit().code, 221)

    def test_helo_is_said_again_too(self):
        self.hop = self.relay()
        self.daemon = self.signpost(self.hop)
        self.client = self.daemon.client()
        self.assertEqual(self.client.command("HELO old.client").code, 250)
        self.idle_close()
        self.assertEqual(self.client.message(SAMPLE).code, 250)
        self.assertEqual(self.hop.commands[1][0], b"HELO old.client")

    def test_xforward_is_said_again(self):
        self.begin()
        self.assertEqual(self.client.command(XFORWARD[0]).code, 250)
        self.idle_close()
        self.assertEqual(self.client.command(XFORWARD[1]).code, 250)
        self.assertEqual(self.client.message(SAMPLE).code, 250)
        self.assertEqual(self.hop.messages[0].xforward, SAID)
        self.daemon.wait_log(r"3CF6B2AAE8: .* client=192\.0\.2\.7 ")

    def test_xforward_is_forgotten_after_a_transaction(self):
        self.begin()
        for line in XFORWARD:
            self.client.command(line)
        self.assertEqual(self.client.message(SAMPLE).code, 250)
        self.idle_close()
        self.assertEqual(self.client.message(SAMPLE).code, 250)
        self.assertEqual(self.hop.messages[1].xforward, {})
        self.daemon.wait_log(r" client=127\.0\.0\.1 ")
        self.client.command(XFORWARD[0])
        self.client.command("RSET")
        self.assertEqual(self.client.message(SAMPLE).code, 250)
        self.assertEqual(self.hop.messages[2].xforward, {})

    def test_capabilities_that_went_are_not_promised_on(self):
        self.begin()
        self.hop.ehlo = ("relay.example", "SIZE 1000000", "DSN")
        self.idle_close()
        answer = self.client.command(
            "MAIL FROM:<a@example.org> BODY=8BITMIME")
        self.assertEqual(answer.code, 421)
        self.assertTrue(self.client.gone())
        again = self.daemon.client()
        self.assertNotIn("8BITMIME", again.ehlo().text)
        self.assertEqual(again.message(SAMPLE).code, 250)

    def test_capabilities_that_came_do_no_harm(self):
        self.begin(ehlo=("relay.example", "SIZE 1000000"))
        self.hop.ehlo = harness.EHLO
        self.idle_close()
        self.assertEqual(self.client.message(SAMPLE).code, 250)


class Xforward(harness.Case):
    def session(self, **options):
        hop = self.relay(**options)
        daemon = self.signpost(hop)
        client = daemon.client()
        self.assertIn("XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
                      client.ehlo().lines)
        for line in XFORWARD:
            self.assertEqual(client.command(line).code, 250)
        self.assertEqual(client.message(SAMPLE).code, 250)
        return hop, daemon, client

    def test_all_of_it_is_passed_on(self):
        hop, daemon, _ = self.session()
        self.assertEqual(hop.messages[0].xforward, SAID)
        daemon.wait_log(r"3CF6B2AAE8: .* client=192\.0\.2\.7 ")

    def test_what_the_relay_takes_is_passed_on(self):
        hop, daemon, _ = self.session(
            ehlo=("relay.example", "XFORWARD NAME ADDR"))
        self.assertEqual(hop.messages[0].xforward,
                         {"NAME": "mail.example.com", "ADDR": "192.0.2.7"})
        daemon.wait_log(r"3CF6B2AAE8: ")

    def test_a_relay_without_it_never_hears_of_it(self):
        hop, daemon, _ = self.session(ehlo=("relay.example",))
        self.assertEqual(hop.said("XFORWARD"), 0)
        daemon.wait_log(r"3CF6B2AAE8: .* client=192\.0\.2\.7 ")

    def test_bad_ones_are_refused_and_change_nothing(self):
        _, _, client = self.session()
        for bad in ("XFORWARD", "XFORWARD FOO=1", "XFORWARD NAME",
                    "XFORWARD ADDR=no.address", "XFORWARD NAME=+0G"):
            self.assertEqual(client.command(bad).code // 100, 5, bad)
        self.assertEqual(client.command("XFORWARD NAME=[UNAVAILABLE]").code,
                         250)
        self.assertEqual(client.message(SAMPLE).code, 250)


if __name__ == "__main__":
    harness.main()
