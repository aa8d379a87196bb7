#!/usr/bin/python3
"""A function that a header offers is called from another file of the program.

The objects of the build are asked, so that what a macro puts together counts.
What only its own file calls is static there; what only a test calls is a
promise that nobody needs, unless t/lint/unused.allow gives a reason:

    FUNCTION reason...
"""
import os
import pathlib
import subprocess

import source


def symbols(archives):
    """(object, letter, symbol) for each symbol of the archives' objects."""
    run = subprocess.run(["nm", "-A", "-g", *map(str, archives)], text=True,
                         check=True, stdout=subprocess.PIPE)
    for line in run.stdout.splitlines():
        where, _, rest = line.rpartition(":")
        if rest:
            yield where, *rest.split()[-2:]


def main():
    root = source.top()
    build = pathlib.Path(os.environ["SIGNPOST_BUILD"])
    archives = [build / line.split()[1]
                for line in (build / "rows").read_text().splitlines()]
    archives += (build / "cli").glob("CMakeFiles/signpost.dir/main.c.o")
    home, asked = {}, {}
    for where, letter, symbol in symbols(archives):
        if letter == "T":
            home[symbol] = where
        elif letter == "U":
            asked.setdefault(symbol, set()).add(where)
    allowed = source.allowed(root / "t/lint/unused.allow", 1)
    idle = {symbol for symbol in home
            if symbol not in asked and symbol != "main"}
    complaints = [
        f"{pathlib.Path(home[symbol]).name}: {symbol}() is called by no other "
        f"file of the program" for symbol in sorted(idle)
        if (symbol,) not in allowed]
    complaints += [
        f"t/lint/unused.allow:1: {symbol}() is called, or gone"
        for symbol, in allowed if symbol not in idle]
    source.finish("unused", len(home), complaints)


main()
