#!/usr/bin/python3
"""The manual pages, as mandoc sees them."""
import subprocess

import source


def main():
    root = source.top()
    pages = sorted(str(p.relative_to(root))
                   for p in (root / "man").glob("*.[158]"))
    run = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"] + pages,
                         cwd=root, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    complaints = run.stdout.splitlines()
    if run.returncode != 0 and not complaints:
        complaints = [f"mandoc ended with {run.returncode}"]
    source.finish("manuals", len(pages), complaints)


main()
