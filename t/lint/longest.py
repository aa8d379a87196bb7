#!/usr/bin/python3
"""Prints the longest functions and files. The reader is served, not the number:
nothing here is a wall.

A function of over 80 lines, and a file of over 800, stands in
t/lint/longest.allow with the reason why it is one thing; for a file the
function is "-":

    FILE FUNCTION reason...
"""
import statistics

import source

FUNCTION_MAX = 80
FILE_MAX = 800
SHOWN = 12


def functions(root, paths):
    """(lines, function, file, first line) for each; own code only."""
    for tag in source.tags(root, paths, "f"):
        yield (tag["end"] - tag["line"] + 1, tag["name"], tag["path"],
               tag["line"])


def summary(name, lengths):
    if len(lengths) < 2:
        return
    tenths = statistics.quantiles(lengths, n=10)
    print(f"{name}: {len(lengths)}, median "
          f"{statistics.median(lengths):.0f}, p90 {tenths[8]:.0f}, "
          f"longest {max(lengths)}")


def main():
    root = source.top()
    paths = source.files(root, suffixes=(".c",))
    found = sorted(functions(root, paths), reverse=True)
    own = [f for f in found if not f[2].startswith(("t/", "bench/"))]
    summary("functions", [f[0] for f in own])
    for lines, name, path, line in own[:SHOWN]:
        print(f"  {lines:4} {name} ({path}:{line})")
    sizes = sorted(((len((root / p).read_text().splitlines()), str(p))
                    for p in source.files(root)), reverse=True)
    summary("files", [s[0] for s in sizes if not s[1].startswith("t/")])
    for lines, path in sizes[:SHOWN]:
        print(f"  {lines:4} {path}")

    allow = source.allowed(root / "t/lint/longest.allow", 2)
    over = {(path, name): f"{path}:{line}: {name}() has {lines} lines, over "
            f"{FUNCTION_MAX}"
            for lines, name, path, line in found if lines > FUNCTION_MAX}
    over |= {(path, "-"): f"{path}:1: it has {lines} lines, over {FILE_MAX}"
             for lines, path in sizes if lines > FILE_MAX}
    complaints = [f"{what}: give a reason in t/lint/longest.allow"
                  for key, what in over.items() if key not in allow]
    complaints += [
        f"t/lint/longest.allow:1: {name} of {path} is not too long any more"
        for path, name in allow if (path, name) not in over]
    source.finish("longest", len(paths), complaints)


main()
