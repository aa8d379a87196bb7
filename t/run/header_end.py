#!/usr/bin/python3
"""Where a header ends, signpost and Postfix agree: whatever the odd lines,
what signpost signs holds behind Postfix's cleanup, and an
Authentication-Results field that claims to be ours is in no header that
Postfix delivers.

    client -> signpost -> Postfix's 10028 or 10026 -> the world
"""
import re
import unittest

import harness
import inbound
import postfix_case

FROM = b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\n"
FORGED = (b"Authentication-Results: %s; dkim=pass header.d=forged.test\r\n"
          % inbound.AUTHSERV_ID.encode())

# What stands behind the first fields; the empty line is part of it.
ODD = [
    b"\r\nbody\r\n",
    b"",
    b"\r\n",
    b"no field\r\nX: y\r\n\r\nbody\r\n",
    b"no field\r\n",
    b": no name\r\n\r\nbody\r\n",
    b"two words: x\r\n\r\nbody\r\n",
    b"n" * 2047 + b": x\r\n\r\nbody\r\n",
    b"n" * 2048 + b": x\r\n\r\nbody\r\n",
    b"n" * 3000 + b": x\r\n\r\nbody\r\n",
    b"n" * 3000 + b"\r\n\r\nbody\r\n",
    b"\xc3\xa4: x\r\n\r\nbody\r\n",
    b"\x01: x\r\n\r\nbody\r\n",
    b"Tabbed\t : x\r\n\r\nbody\r\n",
    b" \r\n\t\r\nX: y\r\n\r\nbody\r\n",
    b"X: y\r\n z\r\n\tz\r\n\r\n  body\r\n",
    b">From me\r\nX: y\r\n\r\nbody\r\n",
    b"From me Mon\r\nX: y\r\n\r\nbody\r\n",
    b"--boundary\r\nX: y\r\n\r\nbody\r\n",
    b"..\r\n.\r\nX: y\r\n\r\n.body\r\n",
    # bare line ends, repaired on the way
    b"X: y\n\nbody\n",
    b"X: y\r\r\n\r\r\nbody\r\r\n",
    b"X: y\rZ: w\r\n\r\nbody\rend\r\n",
    b"\rX: y\r\n\r\nbody\r\n",
    b"X: y\r\n\r \r\nZ: w\r\n\r\nbody\r\n",
    b"X\r: y\r\n\r\nbody\r\n",
    b"\r\r\n\r\nbody\r\n",
    b"X: y\r\n\n.\r\nbody\r\n",
]


def head(message):
    """What Postfix has for the header, unfolded."""
    return re.sub(rb"\r\n(?=[ \t])", b"",
                  message.split(b"\r\n\r\n", 1)[0]).split(b"\r\n")


class Case(postfix_case.PostfixCase):
    def send(self, messages):
        client = harness.Client(self.proxy.port)
        client.ehlo()
        for text in messages:
            client.begin("ann@example.org", ["bob@example.net"])
            reply = client.command("DATA")
            self.assertEqual(reply.code, 354)
            if not text.endswith(b"\r\n"):
                text += b"\r\n"
            dotted = re.sub(rb"(^|\r\n)\.", rb"\1..", text)
            client.send(dotted + b".\r\n")
            reply = client.reply()
            self.assertEqual(reply.code, 250, (reply, text[:200]))
        client.sock.close()

    def by_number(self, messages):
        """What was delivered, by the number in its From."""
        found = {}
        for text in self.delivered(len(messages)):
            number = re.search(rb"^X-Number: (\d+)\r$", text, re.M)
            self.assertIsNotNone(number, text[:3000])
            found[int(number.group(1))] = text
        return found


class Signing(Case):
    samples = ("out-after-queue",)
    # Postfix's own client would fold lines of more than 998, after us.
    main = "smtp_line_length_limit = 0\n"

    def test_what_is_signed_holds_behind_postfix(self):
        messages = [FROM + b"X-Number: %d\r\n" % i + odd
                    for i, odd in enumerate(ODD)]
        self.send(messages)
        for i, text in sorted(self.by_number(messages).items()):
            with self.subTest(i=i, odd=ODD[i][:60]):
                self.assert_signed(text)


class Verifying(Case):
    samples = ("in-after-queue",)

    def make_signpost(self):
        self.server = inbound.nameserver.Nsd("example.org TXT x\n").start()
        self.addCleanup(self.server.stop)
        proxy = inbound.Verifier("127.0.0.1:%d" % self.ports["in_relay"],
                                 self.server.port, ("check = dkim",))
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        self.ports["in_"] = proxy.port
        return proxy

    def test_no_forged_field_comes_into_a_header(self):
        messages = []
        for odd in ODD:
            for text in (FORGED + odd, odd + FORGED, FORGED + FROM + odd,
                         FROM + odd.replace(b"X: y", FORGED[:-2]),
                         FROM + odd.replace(b"body", FORGED[:-2])):
                messages.append(text)
        # nothing may continue our field, either
        messages += [b" dkim=pass header.d=forged.test\r\n" + FROM + b"\r\n",
                     b"\tdkim=pass header.d=forged.test\r\n\r\nx\r\n"]
        self.send(messages)
        for text in self.delivered(len(messages)):
            ours = [field for field in head(text)
                    if field.lower().startswith(b"authentication-results:")]
            self.assertEqual(len(ours), 1, text[:3000])
            self.assertNotIn(b"forged", ours[0], text[:3000])




if __name__ == "__main__":
    unittest.main()
