#!/usr/bin/python3
"""What a line of the tree names is in the tree.

Whatever the file: nothing outside the tree is pointed at, a heading of DESIGN
or HACKING (DESIGN, "States") and a promise (DESIGN, promise 3) exist. In C's
comments and in the texts for developers, a path from the top, such as
proxy/message/hop.h or dns/resolver, is that of a file or a folder; and a
header that a comment says to see is there.
"""
import re

import source

TEXTS = ("HACKING", "DESIGN", "README", "CONTRIBUTING", "SECURITY", "t/README",
         "bench/README")
SUFFIXES = (".c", ".h", ".py", ".sh", ".txt", ".cmake", ".in", ".cf", ".conf",
            ".1", ".5", ".8")
PLACES = source.PLACES + ("proxy", "man", "etc", "init", "debian", ".ci")
TOPS = sorted({place.split("/")[0] for place in source.PLACES}
              | {"man", "etc", "init"})

# In brackets, lest this file complain of itself.
OUTSIDE = re.compile(r"\bHOU[S]E\b|\bDESIGN[.]md\b|\bDESIGN sectio[n]"
                     r"|(?<![\w/.-])share[d]/")
HEADING = re.compile(r'\b(DESIGN|HACKING),\s+"([^"]+)"')
PROMISE = re.compile(r"\b[Pp]romises?\s+(\d+)(?:\s+and\s+(\d+))?")
NAMED = re.compile(r"(?<![\w/.<$-])((?:%s)/[\w-]+(?:[/.][\w-]+)*/?)(?![\w*<$])"
                   % "|".join(TOPS))
NO_PATH = ("dns/txt", "smtp/inet/content_filter")  # RFC 6376's, Postfix's
SEE = re.compile(r"\bsee ([a-z][\w/]*\.h)\b")


def headings_of(path):
    """What is underlined in a text."""
    if not path.is_file():
        return set()
    return set(re.findall(r"^(\S.*)\n[-=]{3,}$", path.read_text(), re.M))


def promises_of(path):
    if not path.is_file():
        return set()
    part = path.read_text().partition("\nPromises\n--------\n")[2]
    part = re.split(r"^---", part, maxsplit=1, flags=re.M)[0]
    return set(re.findall(r"^ ?(\d+)\. ", part, re.M))


def prose(path, text):
    """The text; of C only its comments. Each line begins where it began, but
    for what makes it a comment, so that a name may go over two lines."""
    if path.suffix in (".c", ".h"):
        text = keep_comments(text)
    return re.sub(r"^([ \t]*)(\*|#)", r"\1 ", text, flags=re.M)


def keep_comments(text):
    kept, at = [], 0
    for match in source.TOKEN.finditer(text):
        kept.append(re.sub(r"[^\n]", " ", text[at:match.start()]))
        token = match.group(0)
        kept.append(token if token[0] == "/"
                    else re.sub(r"[^\n]", " ", token))
        at = match.end()
    return "".join(kept) + re.sub(r"[^\n]", " ", text[at:])


def is_there(root, name):
    name = name.rstrip("/")
    if name in NO_PATH or "NAME" in name:
        return True
    return any((root / (name + end)).exists()
               for end in ("", ".c", ".h", ".py", ".cf"))


def is_seen(root, path, name):
    """Beside the file, from the top, or in the room that a test is of."""
    tested = path.parent.relative_to("t") if path.parts[0] == "t" else "."
    return any((root / place / name).is_file()
               for place in (path.parent, ".", tested, "t/lib", "cli/kit"))


class Reader:
    def __init__(self, root):
        self.root = root
        self.headings = {name: headings_of(root / name)
                         for name in ("DESIGN", "HACKING")}
        self.promises = promises_of(root / "DESIGN")
        self.complaints = []

    def complain(self, path, text, at, what):
        line = text.count("\n", 0, at) + 1
        self.complaints.append(f"{path}:{line}: {what}")

    def read(self, path):
        whole = (self.root / path).read_text(errors="replace")
        for match in OUTSIDE.finditer(whole):
            self.complain(path, whole, match.start(),
                          f"{match.group(0)} is not in the tree")
        text = prose(path, whole)
        for match in HEADING.finditer(text):
            heading = " ".join(match.group(2).split())
            if heading not in self.headings[match.group(1)]:
                self.complain(path, text, match.start(),
                              f'{match.group(1)} has no heading "{heading}"')
        for match in PROMISE.finditer(text):
            for number in match.groups():
                if number and number not in self.promises:
                    self.complain(path, text, match.start(),
                                  f"DESIGN has no promise {number}")
        if path.suffix in (".c", ".h") or str(path) in TEXTS:
            self.read_names(path, text)

    def read_names(self, path, text):
        for match in NAMED.finditer(text):
            if not is_there(self.root, match.group(1)):
                self.complain(path, text, match.start(),
                              f"{match.group(1)} is not there")
        for match in SEE.finditer(text):
            if not is_seen(self.root, path, match.group(1)):
                self.complain(path, text, match.start(),
                              f"{match.group(1)} is not there to be seen")


def main():
    root = source.top()
    paths = source.files(root, SUFFIXES, PLACES)
    paths += sorted(p.relative_to(root) for p in root.iterdir()
                    if p.is_file() and p.suffix != ".png")
    paths += [p for p in map(source.pathlib.Path, TEXTS)
              if len(p.parts) > 1 and (root / p).is_file()]
    reader = Reader(root)
    paths = sorted(set(paths))
    for path in paths:
        reader.read(path)
    source.finish("references", len(paths), reader.complaints)


main()
