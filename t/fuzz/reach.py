#!/usr/bin/python3
"""How much of a file its fuzzer's corpus reaches.

    reach.py PROGRAM OBJECTS CORPUS FILE...

PROGRAM was compiled with --coverage into OBJECTS. It is run over CORPUS; then of
the lines of each FILE nine tenths must have been run. Those that were not are
named, for each to be worth an input.
"""
import json
import pathlib
import subprocess
import sys

LEAST = 0.9


def lines_of(notes, source):
    """{line: how often} as gcov has it, of that file."""
    said = json.loads(subprocess.run(
        ["gcov", "--json-format", "--stdout", str(notes)],
        stdout=subprocess.PIPE, check=True).stdout)
    counts = {}
    for file in said["files"]:
        if file["file"].endswith(source):
            for line in file["lines"]:
                number = line["line_number"]
                counts[number] = counts.get(number, 0) + line["count"]
    return counts


def main():
    program, objects, corpus, *files = sys.argv[1:]
    objects = pathlib.Path(objects)
    for old in objects.rglob("*.gcda"):
        old.unlink()
    subprocess.run([program, corpus], stdout=subprocess.DEVNULL, check=True)
    good = True
    for file in files:
        counts = lines_of(objects / "__/__" / (file + ".gcno"), file)
        missed = [n for n, count in sorted(counts.items()) if count == 0]
        reached = 1 - len(missed) / len(counts) if counts else 0
        print(f"{file}: {reached:.1%} of {len(counts)} lines; not: {missed}")
        good &= reached >= LEAST
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
