#!/usr/bin/python3
"""Every option of Postfix's lines that we ship has its reason in signpost(8),
and the manual explains none that they have not."""
import re

import source


def main():
    root = source.top()
    # "-o name=value" and "-o { name = value }", behind a # too.
    shipped = {}
    for path in sorted((root / "etc/postfix").glob("*.cf")):
        for name in re.findall(r"^#? +-o (?:\{ )?(\w+) ?=",
                               path.read_text(), re.M):
            shipped.setdefault(name, path.name)
    manual = (root / "man/signpost.8").read_text()
    chapter = re.search(r"^\.Ss The services(.*?)^\.Ss What main\.cf does",
                        manual, re.M | re.S)[1]
    explained = set(re.findall(r"\b(\w+)=", " ".join(
        line for line in chapter.splitlines() if line.startswith(".It Ql"))))
    complaints = [
        f"etc/postfix/{shipped[name]}: {name} has no reason in signpost.8"
        for name in sorted(set(shipped) - explained)]
    complaints += [f"man/signpost.8: {name} is in no file of etc/postfix"
                   for name in sorted(explained - set(shipped))]
    source.finish("postfix", len(shipped), complaints)


main()
