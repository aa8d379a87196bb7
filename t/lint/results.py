#!/usr/bin/python3
"""A result that nobody looks at is dropped in one way.

What remembers by itself that it failed is called bare: a strbuf is `full`, and
stdio has ferror(). So is what cannot fail. Of all else a result is used, or
(void) before the call says that it does not matter, and where that is not plain
a comment says why. With a second argument, --mend, it is made so.
"""
import re
import subprocess
import sys

import source

REMEMBERED = re.compile(
    r"strbuf_add\w*|strbuf_replace|escape_(?:text|json|log|shell)|"
    r"v?f?printf|f?puts|f?putc|putchar")
# Of other libraries, what has a result and may be dropped.
FOREIGN = re.compile(
    r"close|v?snprintf|sigaction|sigprocmask|unlink|(?:un)?setenv|kill|"
    r"clock_gettime|gmtime_r|localtime_r|inet_ntop|strftime|[gs]etsockopt|"
    r"send|recv|read|write|shutdown|fflush|fclose|fsync|rename|mkdir|rmdir|"
    r"f?chmod|f?chown|poll|nanosleep|usleep|setrlimit|setpgid|prctl|signal|"
    r"umask|waitpid|closedir|dup2|fcntl|pipe2?|"
    r"event_(?:add|del|assign|base_loopbreak|base_dispatch|base_loop)|"
    r"evtimer_(?:add|del)|bufferevent_(?:enable|disable|write)|"
    r"evbuffer_(?:add|drain|remove)|"
    r"sqlite3_(?:bind_\w+|reset|finalize|exec|limit|db_config|busy_timeout|"
    r"close|step)|json_(?:object_set|array_append)_new")
# Where a statement begins, and a call in it.
CALL = re.compile(r"(?:(?<=[;{}:])|(?<=\)\n)|(?<=else\n))(\s*)(\(void\))?"
                  r"(\w+)(?=\()")
WORDS = ("if", "while", "for", "switch", "return", "sizeof", "else", "do")


def types(root):
    """What the project's functions return, by file and name."""
    run = source.tags(root, source.files(root, (".c",), source.ROOMS), "f")
    own, shared = {}, {}
    for tag in run:
        kind = tag.get("typeref", "")
        own[tag["path"], tag["name"]] = kind
        if not tag.get("file"):
            shared[tag["name"]] = kind
    return own, shared


def is_dropped(path, name, own, shared):
    kind = own.get((path, name), shared.get(name))
    if kind is None:
        return FOREIGN.fullmatch(name) is not None
    return kind != "typename:void"


def blank(text):
    """Comments and strings made spaces: whatever is left stays in its place."""
    return source.TOKEN.sub(
        lambda token: re.sub(r"[^\n]", " ", token.group(0)), text)


def look(path, text, own, shared):
    """(offset, is (void) there, name) of what breaks the rule."""
    for match in CALL.finditer(blank(text)):
        space, void, name = match.groups()
        if name in WORDS or not space.endswith("\t"):
            continue
        if REMEMBERED.fullmatch(name):
            if void:
                yield match.start(2), True, name
        elif not void and is_dropped(path, name, own, shared):
            yield match.start(3), False, name


def mend(file, text, found):
    for at, void, _ in reversed(found):
        text = text[:at] + ("" if void else "(void)") \
            + text[at + 6 * void:]
    file.write_text(text)


def main():
    mending = sys.argv[2:] == ["--mend"]
    del sys.argv[2:]
    root = source.top()
    own, shared = types(root)
    paths = source.files(root, (".c",), source.ROOMS)
    complaints, mended = [], []
    for path in paths:
        text = (root / path).read_text()
        found = list(look(str(path), text, own, shared))
        if found and mending:
            mend(root / path, text, found)
            mended.append(root / path)
            continue
        for at, void, name in found:
            line = text.count("\n", 0, at) + 1
            complaints.append(f"{path}:{line}: {name}() " + (
                "remembers: it needs no (void)" if void else
                "has a result: use it, or write (void)"))
    if mended:
        subprocess.run(["clang-format", "-i", *mended], check=True)
    source.finish("results", len(paths), complaints)


main()
