#!/usr/bin/python3
"""The manual pages, as mandoc and man see them; and do they name each other?"""
import os
import re
import subprocess

import source

# What mandoc says of pages that this host has not installed, or not indexed.
ELSEWHERE = ("referenced manual not found", "outdated mandoc.db")
# Words of mdoc that a heading swallows.
MACROS = re.compile(r"\.S[hs] .*\b(A[dnt]|Do|E[os]|In|M[s]|N[os]|On|So)\b")
XR = re.compile(r"^\.Xr (signpost\S*) ([1578])", re.M)


def said(command, page, root):
    """The lines that `command` writes to stderr, or to stdout for mandoc."""
    settings = dict(os.environ, MANWIDTH="80", LC_ALL="C.UTF-8", MANROFFOPT="")
    run = subprocess.run(
        command + [page], cwd=root, env=settings, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = run.stderr.splitlines()
    if command[0] == "mandoc":
        lines += run.stdout.splitlines()
    elif run.returncode != 0:
        lines.append(f"{page}: {command[0]} ended with {run.returncode}")
    return [f"{page}: {line}" if page not in line else line for line in lines
            if not any(word in line for word in ELSEWHERE)]


def named(page, root, pages):
    """What `page` says that no program looks for."""
    text = (root / page).read_text()
    complaints = []
    for number, line in enumerate(text.splitlines(), 1):
        if MACROS.match(line):
            complaints.append(f"{page}:{number}: a macro in a heading: {line}")
    linked = {f"man/{name}.{section}" for name, section in XR.findall(text)}
    for other in sorted(linked - set(pages)):
        complaints.append(f"{page}: links {other}, which is not there")
    if page == "man/signpost.8":
        for other in sorted(set(pages) - linked - {page}):
            complaints.append(f"{page}: does not link {other}")
    elif "man/signpost.8" not in linked:
        complaints.append(f"{page}: does not link man/signpost.8")
    return complaints


def main():
    root = source.top()
    pages = sorted(str(p.relative_to(root))
                   for p in (root / "man").glob("*.[1578]"))
    complaints = []
    for page in pages:
        complaints += said(["mandoc", "-T", "lint"], page, root)
        complaints += said(["man", "--warnings", "-l"], page, root)
        complaints += named(page, root, pages)
    source.finish("manuals", len(pages), complaints)


main()
