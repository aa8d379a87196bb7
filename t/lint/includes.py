#!/usr/bin/python3
"""Who may include whom: the table of HACKING, read off the #include lines.

A room includes only rooms below it, and an outside library is seen only by
the files that are its door. A leak would also fail the link; this says why.
"""
import fnmatch
import re

import source

# A room's row in its CMakeLists.txt: what it may include besides itself. A
# row may name one part of a room, which is one header there.
ROOM = re.compile(r"signpost_room\((\S+)\s+(?:MAY\s+(.*?)\s+)?(?:SEES|SOURCES)",
                  re.S)
PARTS = ("dns/question",)


def rows(root):
    """Room -> what it may include."""
    found = {}
    for room in source.ROOMS:
        path = root / room / "CMakeLists.txt"
        if path.is_file():
            for name, may in ROOM.findall(path.read_text()):
                if name not in PARTS:
                    found[name] = tuple(may.split())
    return found


# Outside libraries by header, and the only files that see them. A test may
# see what its room links.
DOORS = {
    "openssl/*": ("dkim/hash.[ch]", "dkim/key.[ch]", "dkim/key_*.c"),
    "ldns/*": ("dns/packet.c",),
    "event2/*": ("dns/attempt.c", "dns/exchange.c", "dns/direct.c", "dns/probe.c",
                 "dns/resolver.c",
                 "smtp/conn.[ch]", "smtp/server.[ch]", "smtp/relay.[ch]",
                 "smtp/timer.[ch]",
                 "record/*", "proxy/*", "cli/*"),
    "ini.h": ("proxy/settings/config_ini.c",),
    "sqlite3.h": ("record/store*.[ch]",),
    "idn2.h": ("mail/idn.c",),
    "zlib.h": ("record/gzip.c",),
    "jansson.h": ("cli/*",),
    "seccomp.h": ("proxy/process/sandbox_filter.c",),
    "cmocka.h": (),
    "opendkim/*": ("t/oracles/opendkim.c",),
}

# The C library and the kernel; whatever is not here needs a door above.
LIBC = """
assert ctype dirent dlfcn endian err errno fcntl float getopt glob grp ifaddrs
inttypes langinfo libgen limits link locale malloc math mqueue netdb paths poll
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


def home(path, may):
    """The room that a file is part of, or is the test of; None: any."""
    parts = path.removeprefix("t/").split("/")
    for room in ("/".join(parts[:2]), parts[0]):
        if room in may:
            return room
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


def inside(root, path, name, may):
    """Why `path` must not include "name", or None."""
    if name in GENERATED:
        return None
    if not (root / name).is_file():
        return f'"{name}": no such file; paths are from the top of the tree'
    if name.startswith("t/"):
        return None if path.startswith(("t/", "bench/")) \
            else f'"{name}": only tests include test helpers'
    theirs = home(name, may)
    ours = home(path, may)
    if matches(name, PRIVATE) and ours != theirs and ours is not None:
        return f'"{name}" is private to {theirs}'
    if ours is None or theirs == ours or theirs in may[ours] \
            or name.removesuffix(".h") in may[ours]:
        return None
    below = ", ".join(may[ours]) or "nothing but itself"
    return f'"{name}" points up or aside: {ours} may include {below}'


def main():
    root = source.top()
    may = rows(root)
    complaints = []
    paths = source.files(root)
    for path in paths:
        text = source.bare((root / path).read_text(), strings=False)
        for match in INCLUDE.finditer(text):
            kind, name = match.groups()
            why = outside(str(path), name) if kind == "<" \
                else inside(root, str(path), name, may)
            if why:
                line = text.count("\n", 0, match.start(2)) + 1
                complaints.append(f"{path}:{line}: {why}")
    source.finish("includes", len(paths), complaints)


main()
