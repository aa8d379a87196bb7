#!/usr/bin/python3
"""Calls we do without: each has no bound, hides an error, or needs a shell."""
import re

import source

BANNED = {
    "strcpy": "strbuf_add_str()", "strcat": "strbuf_add_str()",
    "stpcpy": "strbuf_add_str()", "strncpy": "strbuf_add()",
    "strncat": "strbuf_add()", "sprintf": "snprintf() or strbuf_addf()",
    "vsprintf": "vsnprintf() or strbuf_addv()", "strtok": "slice_cut()",
    "strtok_r": "slice_cut()", "atoi": "base/number.h",
    "atol": "base/number.h", "atoll": "base/number.h",
    "atof": "base/number.h", "gets": "fgets()", "sscanf": "a parser",
    "scanf": "a parser", "alloca": "xmalloc()", "tmpnam": "mkostemp()",
    "mktemp": "mkostemp()", "system": "fork() and execve()",
    "popen": "fork() and execve()", "strerror_r": "strerror()",
}

# Not for the program; a test may repeat itself by a seed, and may allocate.
UNCHECKED = {
    "rand": "getrandom()", "random": "getrandom()",
    "malloc": "xmalloc()", "calloc": "xcalloc()", "realloc": "xreallocarray()",
    "reallocarray": "xreallocarray()", "strdup": "xstrdup()",
    "strndup": "xslicedup()", "asprintf": "strbuf_addf()",
    "vasprintf": "strbuf_addv()",
}
UNCHECKED_HOME = "base/xalloc.c"

CLOCKS = {"clock_gettime": "base/clock.h", "gettimeofday": "base/clock.h",
          "time": "clock_wall_s()"}
CLOCKS_HOME = "base/clock.c"


def complaints_of(path, text):
    banned = dict(BANNED)
    if path != UNCHECKED_HOME and not path.startswith(("t/", "bench/")):
        banned.update(UNCHECKED)
    if path != CLOCKS_HOME and not path.startswith(("t/", "bench/")):
        banned.update(CLOCKS)
    call = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(banned))
    for match in call.finditer(text):
        line = text.count("\n", 0, match.start(1)) + 1
        name = match.group(1)
        yield f"{path}:{line}: {name}() is banned; use {banned[name]}"


def main():
    root = source.top()
    paths = source.files(root)
    complaints = []
    for path in paths:
        text = source.bare((root / path).read_text())
        complaints += complaints_of(str(path), text)
    source.finish("banned", len(paths), complaints)


main()
