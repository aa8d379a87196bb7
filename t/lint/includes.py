#!/usr/bin/python3
"""Who may include whom: the table of HACKING, read off the #include lines.

A room includes only rooms below it, and an outside library is seen only by
the files that are its door. A leak would also fail the link; this says why.
"""
import fnmatch
import re

import source

# What each room may include besides itself: a room, or one header of a room.
MAY = {
    "base": (),
    "mail": ("base",),
    "dns": ("base",),
    "dkim": ("base", "mail", "dns/question.h"),
    "auth": ("base", "mail", "dkim", "dns/question.h"),
    "smtp": ("base",),
    "record": ("base", "mail", "dns/question.h", "auth", "smtp"),
    "proxy": ("base", "mail", "dns", "dkim", "auth", "smtp", "record"),
    "cli": ("base", "mail", "dns", "dkim", "auth", "smtp", "record", "proxy"),
}

# Outside libraries by header, and the only files that see them. A test may
# see what its room links.
DOORS = {
    "openssl/*": ("dkim/hash.[ch]", "dkim/key.[ch]", "dkim/key_*.c"),
    "ldns/*": ("dns/packet.c",),
    "event2/*": ("dns/attempt.c", "dns/exchange.c", "dns/probe.c",
                 "dns/resolver.c",
                 "smtp/conn.[ch]", "smtp/server.[ch]", "smtp/relay.[ch]",
                 "smtp/timer.[ch]",
                 "record/*", "proxy/*", "cli/*"),
    "ini.h": ("proxy/config_ini.c",),
    "sqlite3.h": ("record/store*.[ch]",),
    "idn2.h": ("mail/idn.c",),
    "zlib.h": ("record/gzip.c",),
    "jansson.h": ("cli/*",),
    "cmocka.h": (),
    "opendkim/*": ("t/oracles/opendkim.c",),
}

# The C library and the kernel; whatever is not here needs a door above.
LIBC = """
assert ctype dirent endian err errno fcntl float getopt glob grp ifaddrs
inttypes langinfo libgen limits locale malloc math mqueue netdb paths poll
pthread pwd sched search semaphore setjmp signal spawn stdalign stdarg
stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings syslog
sysexits termios time ucontext unistd utime wchar wctype
""".split()
LIBC_FOLDERS = ("sys/", "netinet/", "net/", "arpa/", "linux/", "sanitizer/")

# Made by the build.
GENERATED = ("version.h",)

# Shared inside their room only.
PRIVATE = ("dkim/check.h", "*/*_private.h")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, p) for p in patterns)


def home(path):
    """The room that a file is part of, or is the test of; None: any."""
    parts = path.split("/")
    if parts[0] in MAY:
        return parts[0]
    if parts[0] == "t" and parts[1] in MAY:
        return parts[1]
    return None


def is_libc(name):
    return name.startswith(LIBC_FOLDERS) or (
        name.endswith(".h") and name[:-2] in LIBC)


def outside(path, name):
    """Why `path` must not include <name>, or None."""
    for pattern, files in DOORS.items():
        if not fnmatch.fnmatchcase(name, pattern):
            continue
        if path.startswith(("t/", "bench/")) or matches(path, files):
            return None
        return (f"<{name}> stays behind its door: "
                f"only {', '.join(files)} may see it")
    if is_libc(name):
        return None
    return f"<{name}> belongs to no library known to t/lint/includes.py"


def inside(root, path, name):
    """Why `path` must not include "name", or None."""
    if name in GENERATED:
        return None
    if not (root / name).is_file():
        return f'"{name}": no such file; paths are from the top of the tree'
    theirs = name.split("/")[0]
    ours = home(path)
    if matches(name, PRIVATE) and ours != theirs and ours is not None:
        return f'"{name}" is private to {theirs}'
    if theirs == "t":
        return None if path.startswith(("t/", "bench/")) \
            else f'"{name}": only tests include test helpers'
    if ours is None or theirs == ours or theirs in MAY[ours] \
            or name in MAY[ours]:
        return None
    below = ", ".join(MAY[ours]) or "nothing but itself"
    return f'"{name}" points up or aside: {ours} may include {below}'


def main():
    root = source.top()
    complaints = []
    paths = source.files(root)
    for path in paths:
        text = source.bare((root / path).read_text(), strings=False)
        for match in INCLUDE.finditer(text):
            kind, name = match.groups()
            why = outside(str(path), name) if kind == "<" \
                else inside(root, str(path), name)
            if why:
                line = text.count("\n", 0, match.start(2)) + 1
                complaints.append(f"{path}:{line}: {why}")
    source.finish("includes", len(paths), complaints)


main()
