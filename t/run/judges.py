"""What others say of messages: Mail::DKIM, dkimpy and OpenDKIM, each one process
that is asked about many (t/oracles); and messages to ask about.

    forms(60)               (text, traits) of odd but legal messages
    for name, answers in judges(texts, daemon.record()).items(): ...
"""
import os
import pathlib
import sys
import tempfile

import mta

ORACLES = pathlib.Path(__file__).resolve().parents[1] / "oracles"
DATA = ORACLES.parent / "data" / "dkim"
sys.path.insert(0, str(ORACLES))

import messages  # noqa: E402
from judged import is_judged  # noqa: E402
from side import Side  # noqa: E402

# Messages of RFCs and others in t/data that have one From, of a domain that
# is not ours; signed for example.org by `sign_all`.
FILES = sorted(DATA.glob("*.eml"))


def forms(count):
    """Odd but legal: generated ones, those of t/run/mta.py and of t/data. As
    on the wire, their last line has its end."""
    found = messages.generate(count)
    found += [(text, frozenset()) for text in mta.ODD]
    found += [(path.read_bytes().replace(b"\r\n", b"\n").replace(
        b"\n", b"\r\n"), frozenset(["signed-before"])) for path in FILES]
    return [(text if text.endswith(b"\r\n") else text + b"\r\n", traits)
            for text, traits in found]


def ask(texts, records):
    """{oracle: [its answer of each text, "dkim=pass dkim=fail # why"]}"""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, between in (("zone", " TXT "), ("keys", " ")):
            (folder / name).write_text("".join(
                "%s%s%s\n" % (key, between, text)
                for key, text in records.items()))
        commands = []
        for number, text in enumerate(texts):
            (folder / str(number)).write_bytes(text)
            commands.append("verify %s" % (folder / str(number)))
        sides = [
            Side("mail-dkim", ["perl", str(ORACLES / "maildkim.pl"),
                               str(folder / "zone")]),
            Side("dkimpy", ["/usr/bin/python3", "-B",
                            str(ORACLES / "dkimpy.py"),
                            str(folder / "zone")]),
            Side("opendkim", [os.path.join(
                os.environ["SIGNPOST_BUILD"],
                "t/oracles/t_oracle_opendkim"), str(folder / "keys")])]
        return {side.name: side.run(commands) for side in sides}


def complaints(texts, traits, records, count=1, first=0):
    """What there is to say of signatures that all should hold: of each text the
    `count` topmost, from the one of number `first` on."""
    found = []
    for name, answers in ask(texts, records).items():
        for text, those, answer in zip(texts, traits, answers):
            words = [word for word in answer.split("#")[0].split()
                     if word.startswith("dkim=")]
            if words[first:count] != ["dkim=pass"] * (count - first) and \
                    not is_judged(name, "dkim", those):
                found.append("%s says %s (%s):\n%s" % (
                    name, answer, ", ".join(sorted(those)),
                    text[:4000].decode("latin-1")))
    return found
