#!/usr/bin/python3
"""Every option of OpenDKIM's and DKIMproxy's is in migrate's tables, and in its
manual page.

OpenDKIM's are those of the installed opendkim.conf(5), DKIMproxy's those of
t/data/dkimproxy-options. The manual page's tables are made of the program's:

    t/lint/migrate.py . --write
"""
import gzip
import pathlib
import re
import sys
import textwrap

import source

MANUAL = "/usr/share/man/man5/opendkim.conf.5"
PAGE = "man/signpost-migrate.1"
TEXT = r'((?:"(?:[^"\\]|\\.)*"\s*|SERVERS\s*)+)'
OPENDKIM = re.compile(
    r'\{"([\w-]+)",\s*MIGRATE_(\w+),\s*MIGRATE_(\w+),\s*'
    r'(NULL|"[^"]*"),\s*' + TEXT + r'\}', re.S)
DKIMPROXY = re.compile(
    r'\{"(\w+)",\s*(NULL|"[^"]*"),\s*(NULL|"[^"]*"),\s*' + TEXT + r'\}', re.S)


def text_of(parts, servers=""):
    parts = parts.replace("SERVERS", servers)
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', parts))


def opendkim(root):
    """name: (fate, ours, advice)"""
    rows = OPENDKIM.findall((root / "cli/migrate_options.c").read_text())
    return {name: (fate, None if ours == "NULL" else ours.strip('"'),
                   text_of(advice))
            for name, _, fate, ours, advice in rows}


def dkimproxy(root):
    """name: (out, in, advice)"""
    text = (root / "proxy/settings/dkimproxy.c").read_text()
    servers = re.search(r"#define SERVERS \\\n\s*(.*)", text)[1]
    return {name: tuple(None if o == "NULL" else o.strip('"')
                        for o in (out, into)) + (text_of(advice, servers),)
            for name, out, into, advice in DKIMPROXY.findall(text)}


def theirs():
    """The options of the installed manual."""
    path = pathlib.Path(MANUAL)
    text = (path.read_text() if path.exists()
            else gzip.open(str(path) + ".gz", "rt").read())
    return re.findall(r"^\.TP\n\.I ([\w-]+) \([^)]*\)$", text, re.M)


def words(text):
    """As mdoc(7) wants them: each sentence begins a line, none is long."""
    text = text.replace("\\", "\\e")
    lines = []
    for sentence in re.split(r"(?<=\.) (?=[A-Z])", text):
        lines += textwrap.wrap(sentence, 78, break_long_words=False,
                               break_on_hyphens=False)
    return "\n".join(re.sub(r"^([.'])", r"\\&\1", line) for line in lines)


def opendkim_page(rows):
    for name, (fate, ours, advice) in rows.items():
        yield f".It Li {name}"
        if ours:
            yield f".Li \"{ours}\"" + (" :" if advice else "")
        elif fate != "DONE":
            yield "nothing:"
        if advice:
            yield words(advice + ".")


def dkimproxy_page(rows):
    for name, (out, into, advice) in rows.items():
        yield f".It Li {name}"
        ours = [o for o in dict.fromkeys((out, into)) if o]
        for number, one in enumerate(ours):
            end = " ," if number + 1 < len(ours) else " :"
            yield f".Li \"{one}\"{end}"
        yield words(advice + ".")


def main():
    write = "--write" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--write"]
    root = source.top()
    page = (root / PAGE).read_text()
    ours = opendkim(root)
    proxy = dkimproxy(root)
    manual = theirs()
    listed = [line for line in (
        root / "t/data/dkimproxy-options").read_text().split("\n")
        if line and not line.startswith("#")]
    complaints = []
    if len(manual) < 100:
        complaints.append(f"{MANUAL}: only {len(manual)} options found there")
    for name in manual:
        if name not in ours:
            complaints.append(f"cli/migrate_options.c: no {name}, which "
                              f"opendkim.conf(5) has")
    for name in listed:
        if name not in proxy:
            complaints.append(f"proxy/settings/dkimproxy.c: no {name}, which "
                              f"t/data/dkimproxy-options has")
    made = page
    for which, lines in (("opendkim", opendkim_page(ours)),
                         ("dkimproxy", dkimproxy_page(proxy))):
        begin, end = f'.\\" begin {which}\n', f'.\\" end {which}\n'
        before, rest = made.split(begin)
        made = before + begin + "\n".join(lines) + "\n" + end + \
            rest.split(end)[1]
    if write:
        (root / PAGE).write_text(made)
    elif made != page:
        complaints.append(f"{PAGE}: its tables are not the program's: run "
                          f"t/lint/migrate.py . --write")
    source.finish("migrate", len(ours) + len(proxy), complaints)


main()
