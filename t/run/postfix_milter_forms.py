#!/usr/bin/python3
"""A real Postfix that asks by milter, and mail of every odd but legal form: what
arrives verifies with Mail::DKIM, dkimpy and OpenDKIM, from whatever place it
came."""
import re

import harness
import judges
import postfix_milter
from postfix_case import fields, message

COUNT = 120
SIGNATURES = tuple("signature = dkim(c=%s)" % c for c in (
    "simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"))


class Forms(postfix_milter.Milter):
    # Long lines would be broken when Postfix sends them on: risk=line-length.
    main = postfix_milter.Milter.main + "smtp_line_length_limit = 0\n"
    out = SIGNATURES + ("sign_all = yes",)

    def assert_holds(self, traits):
        """Each that arrived, by its number in its recipient's name."""
        self.delivered(len(traits))
        texts, those = [], []
        for one in self.world.messages:
            number = int(re.search(rb"<b(\d+)@", one.rcpt[0]).group(1))
            texts.append(one.data)
            those.append(traits[number])
        self.assertEqual(len(self.proxy.lines(" signed=.*status=sent")),
                         len(traits))
        said = judges.complaints(
            texts, those, self.proxy.record(), len(SIGNATURES))
        self.assertEqual(said, [], "%d complaints\n%s" % (
            len(said), "\n".join(said[:5])))

    def test_from_who_logged_in(self):
        forms = judges.forms(COUNT)
        with self.smtp() as server:
            self.as_client(server, postfix_milter.STRANGER)
            server.login("ann", "any")
            for number, (text, _) in enumerate(forms):
                server.sendmail("ann@example.org",
                                ["b%d@example.net" % number], text,
                                mail_options=["BODY=8BITMIME"])
        self.assert_holds([traits for _, traits in forms])

    def test_from_pickup(self):
        forms = judges.forms(COUNT // 4)
        for number, (text, _) in enumerate(forms):
            self.postfix.sendmail(
                text.replace(b"\r\n", b"\n"), "b%d@example.net" % number,
                sender="ann@example.org")
        self.assert_holds([traits for _, traits in forms])

    def test_a_bounce_of_them(self):
        """What it quotes of them is as odd."""
        self.set_main(
            "myhostname = example.org\nbounce_size_limit = 100000\n"
            "transport_maps = inline:{ {example.net = error:5.1.1 nobody} }\n")
        forms = judges.forms(8)
        for text, _ in forms:
            self.postfix.sendmail(
                text.replace(b"\r\n", b"\n"), "bob@example.net",
                sender="ann@example.org")
        texts = self.delivered(len(forms))
        for text in texts:
            self.assertIn("MAILER-DAEMON", fields(text, "From")[0])
        said = judges.complaints(
            texts, [frozenset()] * len(texts), self.proxy.record(),
            len(SIGNATURES))
        self.assertEqual(said, [], "\n".join(said[:5]))

    def test_white_space_before_a_colon_is_gone_before_we_are_asked(self):
        """Else no milter could sign it with c=simple."""
        self.send(message("Subject : x", "Reply-To\t: a@example.org", "X-Odd : y"),
                  login="ann", rcpt="b0@example.net")
        self.assert_holds([frozenset()])
        self.assertIn(b"\r\nX-Odd: y\r\n", self.world.messages[0].data)


if __name__ == "__main__":
    harness.main()
