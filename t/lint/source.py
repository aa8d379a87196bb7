"""What the lints share: the C files of the tree, and C without its comments.

A lint prints `file:line: what is wrong` and ends 1, or prints a word of what
it looked at and ends 0. It takes the top of the tree as its only argument.
"""
import json
import pathlib
import re
import subprocess
import sys

ROOMS = ("base", "mail", "dns", "dkim", "auth", "smtp", "milter",
         "record",
         "proxy/settings", "proxy/keys", "proxy/figures", "proxy/message",
         "proxy/process", "cli/kit", "cli/publish", "cli/rotate", "cli/check",
         "cli")
PLACES = ROOMS + ("t", "bench")

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def top():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} TOP")
    return pathlib.Path(sys.argv[1]).resolve()


def files(root, suffixes=(".c", ".h"), places=PLACES):
    """Paths below `root`, sorted, that belong to the project."""
    found = []
    for place in places:
        for path in (root / place).rglob("*"):
            if path.suffix in suffixes and path.is_file():
                found.append(path.relative_to(root))
    return sorted(set(found))


def bare(text, strings=True):
    """`text` with comments (and strings) blanked out, its lines kept."""
    def blank(match):
        token = match.group(0)
        if token[0] == "/":
            return re.sub(r"[^\n]", " ", token)
        return token[0] + token[-1] if strings else token
    return TOKEN.sub(blank, text)


def tags(root, paths, kinds):
    """What universal-ctags finds of these kinds in C: name, path, line, end,
    and file (true where it is static)."""
    run = subprocess.run(
        ["ctags", "--output-format=json", "--languages=C",
         f"--kinds-C={kinds}", "--fields=+neft", "-L", "-"], cwd=root,
        text=True, check=True, input="\n".join(map(str, paths)),
        stdout=subprocess.PIPE)
    return [json.loads(line) for line in run.stdout.splitlines()]


def allowed(path, keys):
    """The entries of a list with reasons: so many words, then why."""
    entries = {}
    if path.exists():
        for line in path.read_text().splitlines():
            if line and not line.startswith("#"):
                *words, reason = line.split(None, keys)
                entries[tuple(words)] = reason
    return entries


def finish(name, looked_at, complaints):
    for complaint in complaints:
        print(complaint)
    if complaints:
        sys.exit(f"lint/{name}: {len(complaints)} complaints")
    if looked_at == 0:
        sys.exit(f"lint/{name}: nothing to look at")
    print(f"lint/{name}: {looked_at} looked at, nothing to complain about")
