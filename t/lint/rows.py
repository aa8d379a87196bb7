#!/usr/bin/python3
"""The rows that the link is held to: rows.sh finds none broken in this build,
and says which is where one room more is needed than its row has."""
import os
import pathlib
import subprocess
import sys
import tempfile

import source


def judge(script, rows):
    run = subprocess.run(["sh", str(script), str(rows)], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         timeout=60, check=False)
    return run.returncode, run.stdout


def main():
    root = source.top()
    rows = pathlib.Path(os.environ["SIGNPOST_BUILD"]) / "rows"
    script = root / "t/lint/rows.sh"
    status, said = judge(script, rows)
    complaints = [] if status == 0 else said.splitlines()
    lines = rows.read_text().splitlines()
    for room, below in (("smtp", "base"), ("proxy/keys", "proxy_settings"),
                        ("cli/check", "cli_kit")):
        with tempfile.NamedTemporaryFile("w") as broken:
            for line in lines:
                words = line.split()
                if words[0] == room:
                    words = words[:2] + [
                        w for w in words[2:]
                        if not w.endswith(f"libsignpost_{below}.a")]
                print(*words, file=broken)
            broken.flush()
            status, said = judge(script, broken.name)
        if status == 0 or f"{room} asks for" not in said:
            complaints.append(f"{script}:1: {room} without {below} in its "
                              f"row passes: {said!r}")
    source.finish("rows", len(lines), complaints)


if "SIGNPOST_BUILD" not in os.environ:
    sys.exit("lint/rows: SIGNPOST_BUILD names no build")
main()
