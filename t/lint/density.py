#!/usr/bin/python3
"""How many functions the program's C has, and how much of it is comment.

Headers left out, a thousand lines have at most FUNCTIONS_MAX functions: code
that only one caller uses, and that no name explains, stands where it is read.
COMMENTS percent of the lines are comments, at the places where a newcomer asks
why.
"""
import source

FUNCTIONS_MAX = 48
COMMENTS = (6.0, 10)


def comment_lines(text):
    """Lines with a comment in them, or a part of one."""
    lines = set()
    for match in source.TOKEN.finditer(text):
        if match.group(0)[0] == "/":
            first = text.count("\n", 0, match.start())
            lines.update(range(first, first + match.group(0).count("\n") + 1))
    return len(lines)


def main():
    root = source.top()
    paths = source.files(root, (".c",), source.ROOMS)
    texts = [(root / path).read_text() for path in paths]
    count = len(source.tags(root, paths, "f"))
    lines = sum(text.count("\n") for text in texts)
    per_thousand = 1000 * count / lines
    percent = 100 * sum(map(comment_lines, texts)) / lines
    print(f"functions a thousand lines: {per_thousand:.1f}; "
          f"comments: {percent:.1f} % of {lines} lines")
    complaints = []
    if per_thousand > FUNCTIONS_MAX:
        complaints.append(
            f"t/lint/density.py:1: {per_thousand:.1f} functions a thousand "
            f"lines, over {FUNCTIONS_MAX}")
    if not COMMENTS[0] <= percent <= COMMENTS[1]:
        complaints.append(
            f"t/lint/density.py:1: {percent:.1f} % of the lines are "
            f"comments, not {COMMENTS[0]} to {COMMENTS[1]}")
    source.finish("density", len(paths), complaints)


main()
