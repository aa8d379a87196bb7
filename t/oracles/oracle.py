#!/usr/bin/python3
"""oracle.py NAME COUNT OURS -- THEIRS: what one signs, the other verifies.

COUNT odd but legal messages (messages.py) are signed by us and
verified by the oracle, signed by the oracle and verified by us, and spoiled
by one octet, after which neither may pass them. Both sides also verify what
they signed themselves. Each disagreement must be one that judged.py has
settled by the RFC; an oracle that is missing fails the test.
"""
import pathlib
import random
import sys
import tempfile

import messages
from judged import is_judged
from side import Side, make_keys
from spoiling import spoil

CANONS = ["simple/simple", "simple/relaxed", "relaxed/simple",
          "relaxed/relaxed"]

# Kinds of signature that an oracle knows: type, algorithm, canonicalizations.
RSA = ("dkim", "rsa-sha256", CANONS)
ED25519 = ("dkim", "ed25519-sha256", CANONS)
DOMAINKEYS = ("domainkeys", "rsa-sha1", ["simple", "nofws"])
KINDS = {
    "mail-dkim": [RSA, DOMAINKEYS],
    "dkimpy": [RSA, ED25519],
    "opendkim": [RSA],
}

class Case:
    def __init__(self, number, text, traits, kind, canon):
        self.number, self.text, self.traits = number, text, traits
        self.type, self.algorithm, _ = kind
        self.canon = canon

    def __str__(self):
        return "message %d (%s) %s %s %s" % (
            self.number, ", ".join(sorted(self.traits)) or "plain",
            self.type, self.algorithm, self.canon)


def cases(name, count):
    rnd = random.Random("canon")
    found = []
    for number, (text, traits) in enumerate(messages.generate(count)):
        for kind in KINDS[name]:
            found.append(
                Case(number, text, traits, kind, rnd.choice(kind[2])))
    return found


def judged(name, case, verifier):
    return verifier != "ours" and is_judged(name, case.type, case.traits)


def passes(case, answer):
    """Exactly one signature of the type, and it passes."""
    words = answer.split("#")[0].split()
    return words == [case.type + "=pass"]


class Test:
    def __init__(self, name, count, sides, folder):
        self.name, self.folder = name, folder
        self.sides = sides
        self.cases = cases(name, count)
        self.complaints, self.settled, self.checked = [], 0, 0

    def path(self, case, signer, what):
        return self.folder / ("%d-%s-%s-%s-%s" % (
            case.number, case.type, case.algorithm, signer, what))

    def key(self, case):
        return str(self.folder / (
            "ed25519.pem" if case.algorithm.startswith("ed") else "rsa.pem"))

    def sign(self, side):
        commands = []
        for case in self.cases:
            plain = self.folder / ("%d" % case.number)
            plain.write_bytes(side.given(case.text))
            selector = "ed" if case.algorithm.startswith("ed") else "rsa"
            commands.append(" ".join(
                ["sign", case.type, case.algorithm, case.canon,
                 self.key(case), selector, str(plain),
                 str(self.path(case, side.name, "signed"))]))
        signed = []
        for case, answer in zip(self.cases, side.run(commands)):
            if answer == "ok":
                signed.append(case)
            elif side.name == "ours":
                self.complaints.append("%s: we do not sign: %s" % (
                    case, answer))
            elif not judged(self.name, case, side.name):
                self.complaints.append("%s: %s does not sign: %s" % (
                    case, side.name, answer))
            else:
                self.settled += 1
        return signed

    def verify(self, signer, verifier, signed, what, good):
        answers = verifier.run(
            ["verify %s" % self.path(case, signer.name, what)
             for case in signed])
        for case, answer in zip(signed, answers):
            self.checked += 1
            if passes(case, answer) == good:
                continue
            if good and judged(self.name, case, verifier.name):
                self.settled += 1
                continue
            self.complaints.append("%s, %s, signed by %s: %s says %s" % (
                case, what, signer.name, verifier.name, answer))

    def spoil(self, signer, signed):
        rnd = random.Random("spoil")
        for case in signed:
            text = self.path(case, signer.name, "signed").read_bytes()
            self.path(case, signer.name, "spoiled").write_bytes(
                spoil(text, rnd))

    def run(self):
        for signer in self.sides:
            signed = self.sign(signer)
            if len(signed) < len(self.cases) * 8 // 10:
                self.complaints.append("%s signed only %d of %d" % (
                    signer.name, len(signed), len(self.cases)))
            self.spoil(signer, signed)
            for verifier in self.sides:
                self.verify(signer, verifier, signed, "signed", True)
                self.verify(signer, verifier, signed, "spoiled", False)


def main():
    name, count, *words = sys.argv[1:]
    middle = words.index("--")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        make_keys(folder)
        answers = "keys" if name == "opendkim" else "zone"
        test = Test(name, int(count), [
            Side("ours", words[:middle] + [str(folder / "zone")]),
            Side(name, words[middle + 1:] + [str(folder / answers)]),
        ], folder)
        test.run()
    for line in test.complaints[:40]:
        print(line)
    print("%s: %s messages, %d verdicts, %d disagreements settled, "
          "%d complaints" % (name, count, test.checked, test.settled,
                             len(test.complaints)))
    sys.exit(1 if test.complaints else 0)


main()
