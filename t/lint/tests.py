#!/usr/bin/python3
"""A test is called test_ and what it promises, in C as in Python (t/README).

So a search for a test finds tests alone; and what is called so but is in no
table of tests would never run.
"""
import re

import source

UNIT = re.compile(r"\bcmocka_unit_test\w*\(\s*(\w+)")
MADE = re.compile(r"^(test_\w+)\(\s*void \*\*", re.M)


def main():
    root = source.top()
    complaints, looked_at = [], 0
    for path in source.files(root, (".c",), ("t",)):
        text = source.bare((root / path).read_text())
        run = set(UNIT.findall(text))
        looked_at += len(run)
        complaints += [f"{path}:1: {name}() is no test_..."
                       for name in sorted(run)
                       if not name.startswith("test")]
        complaints += [f"{path}:1: {name}() is in no table of tests"
                       for name in MADE.findall(text)
                       if len(re.findall(rf"\b{name}\b", text)) < 2]
    source.finish("tests", looked_at, complaints)


main()
