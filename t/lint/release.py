#!/usr/bin/python3
"""What a release needs to say, and to say the same everywhere."""
import re

import source

# Files that somebody who takes the project up looks for, and words of theirs.
WORDS = {
    "LICENSE": ("ISC License", "Copyright (c) 2026 the signpost authors"),
    "CONTRIBUTING": ("LICENSE", "t/all", "SECURITY"),
    "SECURITY": ("How to report", "What is promised", "What is not"),
    "README": ("ISC", "LICENSE", "CONTRIBUTING", "SECURITY", "CHANGELOG"),
    "CMakeLists.txt": ("SPDX-License-Identifier: ISC", "LICENSE"),
    "man/signpost.8": ("ISC", "LICENSE"),
    "cli/main.c": ("Copyright (c) 2026 the signpost authors", "ISC"),
}


def main():
    root = source.top()
    complaints = []
    for name, words in WORDS.items():
        path = root / name
        text = path.read_text() if path.is_file() else ""
        complaints += [f"{name}: no word of `{word}'"
                       for word in words if word not in text]
    version = re.search(r"project\(signpost VERSION (\S+)",
                        (root / "CMakeLists.txt").read_text())[1]
    headings = re.findall(r"^signpost (\d+\.\d+\.\d+)$",
                          (root / "CHANGELOG").read_text(), re.M)
    if headings[:1] != [version]:
        complaints.append(f"CHANGELOG: its first heading is not that of "
                          f"CMakeLists.txt, signpost {version}")
    source.finish("release", len(WORDS), complaints)


main()
