#!/usr/bin/python3
"""Why something failed is told in one of two ways.

Of an act: words, added to the strbuf that the caller gives for them, and -1:
`return strbuf_fail(reason, ...)`. Of a check, whose result is a verdict: a value,
enum mail_reason, whose words stand in one place. Text by a `const char **` is
neither. (A question with no other answer than "yes" or why not may return the
words, a constant, and NULL: check_right(), dkim_signed_text_read().)
"""
import re

import source

BY_POINTER = re.compile(r"\bconst char \*\*(?:reason|why|error|fault|what)\b")
BY_HAND = re.compile(r"^\t+strbuf_addf?(?:_str)?\(\s*(?:\w+->)?(?:reason|why),"
                     r"[^;]*;\n\t+return -1;$", re.M)


def main():
    root = source.top()
    complaints = []
    paths = source.files(root, places=source.ROOMS)
    for path in paths:
        text = source.bare((root / path).read_text())
        for pattern, what in ((BY_POINTER, "a reason is added to a strbuf"),
                              (BY_HAND, "return strbuf_fail(...) says it")):
            complaints += [f"{path}:{text.count(chr(10), 0, m.start()) + 1}: "
                           f"{what}" for m in pattern.finditer(text)]
    source.finish("reasons", len(paths), complaints)


main()
