#!/usr/bin/python3
"""Every setting is in the sample configuration and in its manual page.

The table of proxy/settings/config_table.c is what the program reads; a name that it
has and they have not, or the other way round, is a complaint.
"""
import re

import source

ROW = re.compile(r'\{(FRONT|"\w+"),\s*"(\w+)",', re.S)


def in_sample(text):
    """(section, name) of settings, commented ones too; and of sections."""
    section, found = None, set()
    for line in text.splitlines():
        line = line.removeprefix("#")
        if head := re.match(r"\[(\w+)\]", line):
            section = head[1]
        elif name := re.match(r"(\w+) = ", line):
            found.add((section, name[1]))
    return found


def in_manual(text):
    r"""Names by section: .Ss \(lBout\(rB and the .It Cm lines below it.

    A list within a list has the words that a setting takes.
    """
    section, depth, found = None, 0, set()
    for line in text.splitlines():
        depth += line.startswith(".Bl ") - (line == ".El")
        if head := re.match(r"\.S[sh] (?:\\\(lB(\w+)\\\(rB)?", line):
            section = head[1]
        elif section and depth == 1 and line.startswith(".It Cm "):
            found |= {(section, name) for name in
                      line.removeprefix(".It Cm ").split() if name != ","}
    return found


def main():
    root = source.top()
    rows = {(s.strip('"'), n) for s, n in ROW.findall(
        (root / "proxy/settings/config_table.c").read_text())}
    front = {n for s, n in rows if s == "FRONT"}
    known = {r for r in rows if r[0] != "FRONT"}
    known |= {("out", n) for n in front}
    complaints = []
    for path, found in (
            ("etc/signpost.conf",
             in_sample((root / "etc/signpost.conf").read_text())),
            ("man/signpost.conf.5",
             in_manual((root / "man/signpost.conf.5").read_text()))):
        for section, name in sorted(known - found):
            complaints.append(f"{path}: no {name} in [{section}]")
        for section, name in sorted(found - known):
            if section != "in" or name not in front:
                complaints.append(
                    f"{path}: {name} in [{section}] is no setting")
    source.finish("settings", len(known), complaints)


main()
