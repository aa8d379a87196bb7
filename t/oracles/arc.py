#!/usr/bin/python3
"""arc.py OURS MAILDKIM DKIMPY : chains of ARC sets, made and judged by all.

Chains of one to five sets, sealed by us, by dkimpy and by Mail::DKIM in turn,
each hop under a name of its own, must pass everywhere; broken in every way
they must pass nowhere. A disagreement fails unless JUDGED settles it by RFC
8617.
"""
import pathlib
import random
import re
import sys
import tempfile

import messages
from side import Side, make_keys

CHAINS = 40
HOPS = 5

# What the other two are known to stumble over, in oracle.py's words.
AVOID = {"space-before-colon", "tab-before-colon", "no-blank-line",
         "missing-last-crlf"}

# (oracle, breakage, why it is wrong to pass it).
JUDGED = []

FIELD = re.compile(rb"(?m)^[^ \t\r\n][^\n]*\n(?:[ \t][^\n]*\n)*")


def split(text):
    """The fields of the header, and the rest with its blank line."""
    end = text.index(b"\r\n\r\n") + 2
    return FIELD.findall(text[:end]), text[end:]


def arc_fields(fields):
    return [i for i, f in enumerate(fields) if f.lower().startswith(b"arc-")]


def instance(field):
    return int(re.search(rb"(?i)\bi\s*=\s*(\d+)", field).group(1))


def kind(field):
    return field.split(b":")[0].lower()


def edit(text, change):
    fields, rest = split(text)
    return b"".join(change(fields)) + rest


def without(which):
    def change(fields, rnd):
        del fields[rnd.choice(which(fields))]
        return fields
    return change


def highest(fields):
    return max(instance(fields[i]) for i in arc_fields(fields))


def any_arc(fields):
    return arc_fields(fields)


def twice(fields, rnd):
    i = rnd.choice(arc_fields(fields))
    return fields[:i] + [fields[i]] + fields[i:]


def renumber(fields, rnd):
    i = rnd.choice(arc_fields(fields))
    other = highest(fields) + 1
    fields[i] = re.sub(rb"(?i)(\bi\s*=\s*)\d+", rb"\g<1>%d" % other,
                       fields[i], count=1)
    return fields


def zero(fields, rnd):
    i = rnd.choice(arc_fields(fields))
    fields[i] = re.sub(rb"(?i)(\bi\s*=\s*)\d+", rb"\g<1>0", fields[i],
                       count=1)
    return fields


def result_changed(fields, rnd):
    which = [i for i in arc_fields(fields)
             if kind(fields[i]) == b"arc-authentication-results"]
    i = rnd.choice(which)
    fields[i] = re.sub(rb"arc=(none|pass)", b"arc=fail", fields[i], count=1)
    return fields


def status_changed(to):
    def change(fields, rnd):
        which = [i for i in arc_fields(fields)
                 if kind(fields[i]) == b"arc-seal" and
                 b"cv=" + to not in fields[i]]
        i = rnd.choice(which) if which else None
        if i is None:
            return fields[1:]
        fields[i] = re.sub(rb"cv=\w+", b"cv=" + to, fields[i], count=1)
        return fields
    return change


def seal_octet(fields, rnd):
    which = [i for i in arc_fields(fields) if kind(fields[i]) == b"arc-seal"]
    i = rnd.choice(which)
    at = re.search(rb"\bb=\s*", fields[i]).end() + 5
    other = b"A" if fields[i][at:at + 1] != b"A" else b"B"
    fields[i] = fields[i][:at] + other + fields[i][at + 1:]
    return fields


def message_octet(fields, rnd):
    top = highest(fields)
    i = [i for i in arc_fields(fields)
         if kind(fields[i]) == b"arc-message-signature" and
         instance(fields[i]) == top][0]
    at = re.search(rb"\bb=\s*", fields[i]).end() + 5
    other = b"A" if fields[i][at:at + 1] != b"A" else b"B"
    fields[i] = fields[i][:at] + other + fields[i][at + 1:]
    return fields


def subject(fields, _rnd):
    i = [i for i, f in enumerate(fields)
         if f.lower().startswith(b"subject:")][0]
    fields[i] = b"Subject: [list] changed\r\n"
    return fields


def selector_gone(fields, rnd):
    which = [i for i in arc_fields(fields) if kind(fields[i]) == b"arc-seal"]
    i = rnd.choice(which)
    fields[i] = re.sub(rb"\bs=rsa", b"s=gone", fields[i], count=1)
    return fields


BREAKAGES = {
    "a field is gone": without(any_arc),
    "a field comes twice": twice,
    "a field has another instance": renumber,
    "an instance of 0": zero,
    "a sealed result was changed": result_changed,
    "cv=fail in a seal": status_changed(b"fail"),
    "cv=none in a seal above the first": None,  # set below
    "a seal's octet": seal_octet,
    "the message signature's octet": message_octet,
    "the subject": subject,
    "a seal's selector": selector_gone,
}


def none_above(fields, rnd):
    which = [i for i in arc_fields(fields)
             if kind(fields[i]) == b"arc-seal" and instance(fields[i]) > 1]
    if not which:
        return status_changed(b"pass")(fields, rnd)
    i = rnd.choice(which)
    fields[i] = re.sub(rb"cv=\w+", b"cv=none", fields[i], count=1)
    return fields


BREAKAGES["cv=none in a seal above the first"] = none_above


def body_changed(text):
    fields, rest = split(text)
    return b"".join(fields) + rest + b"added\r\n"


def plain_messages():
    found = []
    for text, traits in messages.generate(400):
        if not traits & AVOID and len(found) < CHAINS:
            found.append(text)
    return found


class Test:
    def __init__(self, sides, folder):
        self.sides, self.folder = sides, folder
        self.complaints, self.checked, self.settled = [], 0, 0
        self.made = {}  # (number, hops): (path, who sealed)

    def path(self, *words):
        return self.folder / "-".join(str(w).replace(" ", "_") for w in words)

    def build(self):
        """Hop by hop, all chains at once: each process is started once."""
        rnd = random.Random("arc")
        texts = plain_messages()
        for number, text in enumerate(texts):
            self.path(number, 0).write_bytes(text)
            self.made[number, 0] = []
        for hop in range(1, HOPS + 1):
            turn = {side: [] for side in self.sides}
            for number in range(len(texts)):
                if number % HOPS + 1 >= hop:
                    turn[rnd.choice(self.sides)].append(number)
            for side, numbers in turn.items():
                self.seal(side, numbers, hop)

    def seal(self, side, numbers, hop):
        commands = ["seal %s rsa hop%d.example.org %s %s" % (
            self.folder / "rsa.pem", hop, self.path(n, hop - 1),
            self.path(n, hop)) for n in numbers]
        for number, answer in zip(numbers, side.run(commands)):
            self.made[number, hop] = (
                self.made[number, hop - 1] + [side.name])
            if answer != "ok":
                self.complaints.append("chain %d, hop %d (%s): %s" % (
                    number, hop, self.made[number, hop], answer))

    def judge(self, paths, good, what):
        """`paths` is a list of (path, who sealed)."""
        for side in self.sides:
            answers = side.run(["judge %s" % p for p, _ in paths])
            for (path, sealers), answer in zip(paths, answers):
                self.checked += 1
                if (answer.split()[0] == "arc=pass") == good:
                    continue
                if (side.name, what) in [j[:2] for j in JUDGED]:
                    self.settled += 1
                    continue
                self.complaints.append("%s, sealed by %s, %s: %s says %s" % (
                    path.name, sealers, what, side.name, answer))

    def break_all(self):
        for what, change in BREAKAGES.items():
            rnd = random.Random(what)
            paths = []
            for (number, hops), sealers in self.made.items():
                if hops == 0:
                    continue
                text = self.path(number, hops).read_bytes()
                path = self.path(number, hops, what)
                path.write_bytes(edit(text, lambda f: change(f, rnd)))
                paths.append((path, sealers))
            self.judge(paths, False, what)

    def run(self):
        self.build()
        whole = [(self.path(n, h), s)
                 for (n, h), s in self.made.items() if h > 0]
        self.judge(whole, True, "whole")
        changed = []
        for path, sealers in whole:
            other = path.with_name(path.name + "-body")
            other.write_bytes(body_changed(path.read_bytes()))
            changed.append((other, sealers))
        self.judge(changed, False, "the body")
        self.break_all()


def main():
    ours, maildkim, dkimpy = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        make_keys(folder)
        zone = str(folder / "zone")
        test = Test([
            Side("ours", [ours, zone]),
            Side("mail-dkim", ["perl", maildkim, zone]),
            Side("dkimpy", ["/usr/bin/python3", "-B", dkimpy, zone]),
        ], folder)
        test.run()
    for line in test.complaints[:40]:
        print(line)
    print("arc: %d chains, %d verdicts, %d disagreements settled, "
          "%d complaints" % (CHAINS, test.checked, test.settled,
                             len(test.complaints)))
    sys.exit(1 if test.complaints else 0)


main()
