#!/usr/bin/python3
"""The layout is clang-format's, by the .clang-format at the top."""
import subprocess

import source


def main():
    root = source.top()
    paths = [str(p) for p in source.files(root)]
    run = subprocess.run(["clang-format", "--dry-run", "-Werror"] + paths,
                         cwd=root, text=True, stderr=subprocess.PIPE,
                         check=False)
    complaints = [line for line in run.stderr.splitlines()
                  if "error:" in line]
    if run.returncode != 0 and not complaints:
        complaints = [run.stderr]
    source.finish("format", len(paths), complaints)


main()
