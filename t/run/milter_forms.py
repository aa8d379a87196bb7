#!/usr/bin/python3
"""By milter, whatever the form of the message: what arrives verifies with
Mail::DKIM, dkimpy and OpenDKIM; what was signed by others is seen to hold; and
OpenDKIM, asked the same by the same protocol, hashes and judges the same."""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

import harness
import inbound
import judges
import milter_case
import milter_checking
from mta import Mta

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lib"))
import milter as asking  # noqa: E402
from spoiling import spoil  # noqa: E402

CANONS = ("simple/simple", "simple/relaxed", "relaxed/simple",
          "relaxed/relaxed")
COUNT = 150


def tags(field):
    """Of a signature, as a value: name -> value without white space."""
    text = re.sub(rb"\s", b"", field).decode("latin-1")
    return dict(tag.split("=", 1) for tag in text.split(";") if "=" in tag)


class Signed(milter_case.Case):
    signature = "\n".join("signature = dkim(c=%s)" % c for c in CANONS)
    out = ("sign_all = yes",)

    def test_verifies_with_three_others(self):
        server = self.mta()
        server.connect()
        texts, traits = [], []
        for text, those in judges.forms(COUNT):
            result = server.message(text, connected=True)
            self.assertTrue(result.passed(), result.reply)
            self.assertEqual(result.data.count(b"s=t2026;"),
                             len(CANONS) + text.count(b"s=t2026;"))
            texts.append(result.data)
            traits.append(those)
        said = judges.complaints(texts, traits, self.daemon.record(),
                                 len(CANONS))
        self.assertEqual(said, [], "\n".join(said[:5]))


class Checked(milter_checking.Case):
    checks = ("check = dkim",)

    def test_signatures_of_others_hold(self):
        """Simple ones too, for the header is put together octet by octet. Where
        dkimpy knows no field it signs none."""
        server = Mta(self.proxy.port)
        self.addCleanup(server.close)
        held = 0
        for number, (text, traits) in enumerate(judges.forms(COUNT)):
            canon = CANONS[number % len(CANONS)].encode().split(b"/")
            if traits & {"space-before-colon", "tab-before-colon",
                         "signed-before"}:
                continue
            signed = inbound.sign(text, milter_checking.verifying.RSA,
                                  canonicalize=tuple(canon))
            server.next_client() if held else None
            result = self.ask(signed, server=server)
            with self.subTest(text=signed[:2000], traits=traits):
                self.assertIn("dkim=pass", inbound.results(result.data))
            held += 1
        self.assertGreater(held, COUNT // 2)


class OpenDkim:
    """Debian's, asked by milter as we are."""

    def opendkim(self, mode, keyfile, records, lines=""):
        """A connection to one that signs ("s") or verifies ("v")."""
        folder = tempfile.mkdtemp(prefix="signpost-opendkim-")
        self.addCleanup(shutil.rmtree, folder)
        config, where = folder + "/conf", folder + "/socket"
        with open(folder + "/keys", "w") as keys:
            keys.write("".join("%s %s\n" % item for item in records.items()))
        with open(config, "w") as conf:
            conf.write("Mode %s\nSocket local:%s\nBackground no\nSyslog no\n"
                       "RequireSafeKeys no\nTestPublicKeys %s/keys\n"
                       "AuthservID mx.example.org\nKeyTable csl:k=example.org:"
                       "t2026:%s\nSigningTable csl:*=k\n%s" % (
                           mode, where, folder, keyfile, lines))
        process = subprocess.Popen(
            ["opendkim", "-f", "-x", config], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait, harness.WAIT)
        self.addCleanup(process.kill)   # it takes seconds to end otherwise
        harness.wait_until("OpenDKIM", lambda: os.path.exists(where) or
                           process.poll() is not None)
        self.assertIsNone(process.poll(), process.returncode is not None and
                          process.stderr.read())
        client = asking.Milter(
            where, client="127.0.0.1" if mode == "s" else "192.0.2.1")
        self.addCleanup(client.close)
        return client


class SignedByBoth(milter_case.Case, OpenDkim):
    signature = "\n".join("signature = dkim(c=%s)" % c for c in CANONS)
    out = ("sign_all = yes",)

    def test_the_same_text_is_hashed(self):
        """Of the body: bh=. Of the header: what OpenDKIM signs of the fields
        that it was shown holds for the message as we have put it together."""
        theirs = [self.opendkim(
            "s", self.daemon.keyfile, self.daemon.record(),
            "Canonicalization %s\n" % canon) for canon in CANONS]
        ours = self.mta()
        ours.connect()
        compared = 0
        for text, traits in judges.forms(COUNT):
            if "no-blank-line" in traits:
                text += b"\r\n"     # as a mail server sends it
            result = ours.message(text, connected=True)
            mine = [tags(field) for field in re.findall(
                rb"(?s)^DKIM-Signature:(.*?)\r\n(?![ \t])",
                result.data, re.M)][:len(CANONS)]
            number = compared % len(CANONS)
            fields = [value for name, value in theirs[number].message(
                text, sender="ann@example.org") if name == b"DKIM-Signature"]
            if not fields:
                continue        # it signs none that has no Date, say
            with self.subTest(text=text[:2000], traits=traits):
                # Ours come in the order of the settings, from the bottom.
                self.assertIn(tags(fields[0])["bh"], {
                    one["bh"] for one in mine
                    if one["c"].split("/")[1] == CANONS[number].split("/")[1]})
                if traits & {"space-before-colon", "tab-before-colon"}:
                    continue
                self.assertTrue(harness.dkim_verifies(
                    b"DKIM-Signature:" + fields[0].replace(b"\n", b"\r\n") +
                    b"\r\n" + text, self.daemon.record()))
            compared += 1
        self.assertGreater(compared, COUNT // 2)


class JudgedByBoth(milter_checking.Case, OpenDkim):
    checks = ("check = dkim",)

    def test_the_same_verdict(self):
        """Of good ones, and of those of which one octet was changed."""
        theirs = self.opendkim(
            "v", judges.DATA / "rsa2048.pem",
            {"s1._domainkey.example.org": inbound.key("rsa2048")[1]})
        ours = Mta(self.proxy.port)
        self.addCleanup(ours.close)
        rnd = random.Random("spoil")
        said = []
        for number, (text, traits) in enumerate(judges.forms(COUNT)):
            if traits & {"space-before-colon", "tab-before-colon",
                         "signed-before", "no-blank-line"}:
                continue
            good = inbound.sign(
                text, milter_checking.verifying.RSA, canonicalize=tuple(
                    CANONS[number % len(CANONS)].encode().split(b"/")))
            for one, word in ((good, "pass"), (spoil(good, rnd), "fail")):
                if said:
                    ours.next_client()
                mine = inbound.results(self.ask(one, server=ours).data)
                found = [value for name, value in theirs.message(
                    one, sender="ann@example.org")
                    if name == b"Authentication-Results"]
                with self.subTest(text=one[:2000], traits=traits):
                    self.assertIn("dkim=" + word, mine)
                    self.assertIn(b"dkim=" + word.encode(), found[0])
                said.append(word)
        self.assertGreater(len(said), COUNT)


if __name__ == "__main__":
    harness.main()
