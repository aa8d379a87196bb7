#!/usr/bin/python3
"""The program was built as CMakeLists.txt means it to be: what the compiler and
the linker were told shows in the binary.

    hardening.py BINARY BUILD COMPILER

Of FLAGS those must have been used that the compiler has: gcc writes into each
unit of the debug information with which it was made. Macros it does not write
there; the commands by which BUILD made the program have them.
"""
import re
import subprocess
import sys

FLAGS = ("-fstack-clash-protection", "-fcf-protection",
         "-ftrivial-auto-var-init=zero", "-fstack-protector-strong")
FORTIFY = "-D_FORTIFY_SOURCE=3"


def readelf(*words):
    return subprocess.run(["readelf", "-W", *words], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True,
                          text=True).stdout


def linked(binary):
    """Complaints of what the linker did."""
    header, dynamic = readelf("-h", binary), readelf("-d", binary)
    segments, notes = readelf("-l", binary), readelf("-n", binary)
    symbols = readelf("--dyn-syms", binary)
    for what, good in (
            ("is position independent", "DYN (" in header),
            ("has RELRO", "GNU_RELRO" in segments),
            ("binds at once", "BIND_NOW" in dynamic or
             re.search(r"FLAGS_1.*\bNOW\b", dynamic)),
            ("has no executable stack",
             re.search(r"GNU_STACK.* RW +0x", segments)),
            ("has a build id", "Build ID:" in notes),
            ("guards stacks", "__stack_chk_fail" in symbols),
            ("is fortified", re.search(r"__\w+_chk\b", symbols.replace(
                "__stack_chk_fail", "")))):
        if not good:
            yield "%s: not true: it %s" % (binary, what)
    # Not the note of the whole program, which Debian's start files lack.
    if "X86-64" in header.upper():
        main = subprocess.run(
            ["objdump", "-d", "--no-show-raw-insn", "--disassemble=main",
             binary], stdout=subprocess.PIPE, check=True, text=True).stdout
        if not re.search(r"<main>:\n[^\n]*\bendbr64\b", main):
            yield "%s: without control-flow protection" % binary


def had(compiler):
    """Those of FLAGS that it knows."""
    return [flag for flag in FLAGS if subprocess.run(
        [compiler, "-Werror", flag, "-x", "c", "-c", "-o", "/dev/null", "-"],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        check=False).returncode == 0]


def compiled(binary, flags):
    """Complaints of units that were made without a flag; gcc's alone."""
    producers = re.findall(r"DW_AT_producer.*?(GNU C\d.*)", readelf(
        "--debug-dump=info", "--dwarf-depth=1", binary))
    for flag in flags:
        without = sum(flag not in line for line in producers)
        if without:
            yield "%s: %d of %d units without %s" % (
                binary, without, len(producers), flag)


def commanded(build):
    """Complaints of commands; the last word of a macro counts."""
    lines = [line.split() for line in subprocess.run(
        ["ninja", "-C", build, "-t", "commands", "signpost"], check=True,
        stdout=subprocess.PIPE, text=True).stdout.splitlines()]
    lines = [words for words in lines if "-c" in words and
             words[words.index("-c") + 1].endswith(".c")]
    if len(lines) < 100:
        yield "%s: only %d commands found" % (build, len(lines))
    for words in lines:
        last = [word for word in words if "_FORTIFY_SOURCE" in word][-1:]
        if last != [FORTIFY]:
            yield "%s: without %s" % (words[words.index("-c") + 1], FORTIFY)


def main():
    binary, build, compiler = sys.argv[1:]
    complaints = [*linked(binary), *compiled(binary, had(compiler)),
                  *commanded(build)]
    print(*complaints, sep="\n", end="\n" if complaints else "")
    sys.exit(bool(complaints))


main()
