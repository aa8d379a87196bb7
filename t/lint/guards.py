#!/usr/bin/python3
"""Each lint complains about what it is there for, and about nothing else."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

LONG = "void f(void);\n\nvoid\nf(void)\n{\n" + "\t;\n" * 90 + "}\n"

# lint, file, its text, a word of the complaint (None: no complaint)
CASES = [
    ("includes", "mail/a.c", '#include "smtp/b.h"\n', "points up or aside"),
    ("includes", "dkim/a.c", '#include "dns/b.h"\n', "points up or aside"),
    ("includes", "dkim/a.c", '#include "dns/question.h"\n', None),
    ("includes", "auth/a.c", "#include <event2/event.h>\n", "its door"),
    ("includes", "dkim/key.c", "#include <openssl/evp.h>\n", None),
    ("includes", "base/a.c", "#include <curl/curl.h>\n", "no library"),
    ("includes", "base/a.c", '#include "b.h"\n', "no such file"),
    ("includes", "base/a.c", '#include "t/lib/b.h"\n', "only tests"),
    ("includes", "t/mail/a.c", '#include "smtp/b.h"\n', "points up or aside"),
    ("includes", "proxy/message/a.c", '#include "dkim/check.h"\n', "private to dkim"),
    ("includes", "proxy/keys/a.c", '#include "proxy/message/hop.h"\n',
     "points up or aside"),
    ("includes", "proxy/message/a.c", '#include "proxy/keys/keys.h"\n',
     None),
    ("includes", "base/a.c", '// #include "smtp/b.h"\n', None),
    ("banned", "base/a.c", "int x = atoi(y);\n", "atoi() is banned"),
    ("banned", "base/a.c", "p = malloc(3);\n", "malloc() is banned"),
    ("banned", "t/base/a.c", "p = malloc(3);\n", None),
    ("banned", "base/a.c", "/* atoi(y) */ q->system(1);\n", None),
    ("banned", "base/a.c", 'p = "atoi(y)";\n', None),
    ("conditionals", "base/a.c", "#ifdef X\n#endif\n", "#ifdef outside"),
    ("conditionals", "base/a.h",
     "#ifndef BASE_A_H\n#define BASE_A_H\n#endif\n", None),
    ("conditionals", "base/a.h",
     "#ifndef A_H\n#define A_H\n#endif\n", "not BASE_A_H"),
    ("headers", "base/a.h", "size_t f(void);\n", "does not compile alone"),
    ("headers", "base/a.h", "struct a { int b; };\n", "redefinition"),
    ("headers", "base/a.h", "int f(void);\n", None),
    ("format", "base/a.c", "int  x ;\n", "clang-format"),
    ("format", "base/a.c", "int x;\n", None),
    ("manuals", "man/a.8", ".Dd today\n", "cannot parse date"),
    ("longest", "base/a.c", LONG, "over 80"),
    ("longest", "base/a.c", "void\nf(void)\n{\n}\n", None),
    ("density", "base/a.c", "/* x */\n" + "void\nf(void)\n{\n}\n" * 9,
     "functions a thousand"),
    ("density", "base/a.c", "int a;\n" * 99, "are comments, not"),
    ("density", "base/a.c", "/* x */\n" + "int a;\n" * 14, None),
    ("results", "base/a.c", "void\nf(void)\n{\n\tclose(1);\n}\n",
     "close() has a result"),
    ("results", "base/a.c",
     "void\nf(void)\n{\n\t(void)strbuf_add(a, b);\n}\n", "needs no (void)"),
    ("results", "base/a.c", "void\nf(void)\n{\n\t(void)close(1);\n}\n", None),
    ("reasons", "base/a.h", "int f(const char **reason);\n", "to a strbuf"),
    ("reasons", "base/a.c",
     "int f(x)\n{\n\tstrbuf_addf(reason, x);\n\treturn -1;\n}\n",
     "strbuf_fail"),
    ("tests", "t/base/a.c", "cmocka_unit_test(a_b)\n", "a_b() is no test_"),
    ("tests", "t/base/a.c", "test_a(void **state)\n", "in no table"),
    ("tests", "t/base/a.c",
     "test_a(void **state)\ncmocka_unit_test(test_a)\n", None),
    ("unit", "init/signpost.service.in", "[Service]\nMemoryMax=1\n",
     "does not name seccomp"),
    ("unit", "init/signpost.service.in", "[Service]\nExecStart=/bin/a\n",
     "no MemoryMax"),
    ("unit", "init/signpost.service.in", "[Service]\nExecStart=/bin/a\n",
     "exposure: 9"),
    ("references", "base/a.c", "/* HOU" "SE has it */\n", "not in the tree"),
    ("references", "man/a.8", "share" "d/b has it\n", "not in the tree"),
    ("references", "base/a.c", "/* DESIGN sec" "tion 1 */\n",
     "not in the tree"),
    ("references", "base/a.c", '/* DESIGN,\n * "Threats" */\n',
     'base/a.c:1: DESIGN has no heading "Threats"'),
    ("references", "base/a.c", "/* DESIGN, promise 2 */\n", "no promise 2"),
    ("references", "base/a.c", "/* smtp/c */\n", "smtp/c is not there"),
    ("references", "base/a.c", "/* see c.h */\n", "c.h is not there"),
    ("references", "base/a.c", 'p = "smtp/c and promise 2";\n', None),
    ("references", "smtp/a.c", "/* see b.h of smtp/b; DESIGN,\n"
     ' * "Promises", and promise 1 */\n', None),
]


def tree(top, where, path, text):
    """A small tree with one file of interest and what it may point at."""
    shutil.copy(top / ".clang-format", where)
    for rows in top.glob("*/**/CMakeLists.txt"):
        if rows.is_relative_to(top / "t") or "build" in str(rows):
            continue
        target = where / rows.relative_to(top)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(rows, target)
    for name in ("smtp/b.h", "dns/b.h", "dns/question.h", "dkim/check.h",
                 "t/lib/b.h", "proxy/message/hop.h",
                 "proxy/keys/keys.h"):
        target = where / name
        target.parent.mkdir(parents=True, exist_ok=True)
        guard = name.replace("/", "_").replace(".", "_").upper()
        target.write_text(f"#ifndef {guard}\n#define {guard}\n\n#endif\n")
    (where / "DESIGN").write_text(
        "Design\n======\n\nPromises\n--------\n\n 1. One.\n")
    target = where / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    (where / "base").mkdir(exist_ok=True)
    (where / "base/empty.c").write_text("")


def judge(top, lint, path, text, want):
    with tempfile.TemporaryDirectory() as folder:
        tree(top, pathlib.Path(folder), path, text)
        run = subprocess.run(
            [sys.executable, str(top / "t/lint" / (lint + ".py")), folder],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=60, check=False)
    if want is None:
        return run.returncode == 0, run.stdout
    return run.returncode == 1 and want in run.stdout, run.stdout


def main():
    top = pathlib.Path(sys.argv[1]).resolve()
    bad = 0
    for lint, path, text, want in CASES:
        good, said = judge(top, lint, path, text, want)
        if not good:
            bad += 1
            print(f"{lint}, {path}: {text[:60]!r}: wanted {want!r}, "
                  f"it said:\n{said}")
    if bad:
        sys.exit(f"lint/guards: {bad} of {len(CASES)} wrong")
    print(f"lint/guards: {len(CASES)} cases")


main()
