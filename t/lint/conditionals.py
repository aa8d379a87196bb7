#!/usr/bin/python3
"""No #if outside base/compat.h: a feature is in or it is out.

The guard of a header is the one exception, and it is named after the header:
MAIL_READER_H in mail/reader.h.
"""
import re

import source

HOME = "base/compat.h"
DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w+)[ \t]*([^\n]*)", re.M)


def guard_of(path):
    return re.sub(r"\W", "_", str(path)).upper()


def guard_complaint(path, directives):
    guard = guard_of(path)
    want = [("ifndef", guard), ("define", guard)]
    if [d[1:] for d in directives[:2]] != want or \
            directives[-1][1] != "endif":
        return f"{path}:1: the header's guard is not {guard}"
    return None


def complaints_of(path, text):
    directives = [(text.count("\n", 0, m.start()) + 1, m.group(1),
                   m.group(2).strip()) for m in DIRECTIVE.finditer(text)]
    if path.suffix == ".h":
        why = guard_complaint(path, directives)
        if why:
            return [why]
        directives = directives[2:-1]
    if str(path) == HOME:
        return []
    return [f"{path}:{line}: #{word} outside {HOME}"
            for line, word, _ in directives
            if word in ("if", "ifdef", "ifndef", "elif", "else", "endif")]


def main():
    root = source.top()
    paths = source.files(root)
    complaints = []
    for path in paths:
        complaints += complaints_of(
            path, source.bare((root / path).read_text()))
    source.finish("conditionals", len(paths), complaints)


main()
