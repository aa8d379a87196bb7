#!/usr/bin/python3
"""One static name, one thing: who searches the tree for it finds its file.

A static function or table is named after its file's noun (settle_chain, not
settle). Names that stand in three files or more are few: those that callbacks
and subcommands have by custom (on_timer, run). The most there may be of them
is what this lint holds.
"""
import collections

import source

FILES_MIN = 3
NAMES_MAX = 25


def main():
    root = source.top()
    paths = [p for p in source.files(root, (".c",), source.ROOMS)]
    files = collections.defaultdict(set)
    for tag in source.tags(root, paths, "fv"):
        if tag.get("file"):
            files[tag["name"]].add(tag["path"])
    shared = sorted((-len(where), name) for name, where in files.items()
                    if len(where) >= FILES_MIN)
    for count, name in shared:
        print(f"  {-count:4} {name}")
    complaints = []
    if len(shared) > NAMES_MAX:
        complaints.append(
            f"t/lint/names.py:1: {len(shared)} static names stand in "
            f"{FILES_MIN} files or more, over {NAMES_MAX}: "
            + ", ".join(f"{name} ({' '.join(sorted(files[name]))})"
                        for count, name in shared if -count == FILES_MIN))
    source.finish("names", len(paths), complaints)


main()
