"""Scripts that manual pages print, as a reader gets them."""
import os
import re

PAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     "..", "..", "man")


def script(page, heading):
    """The block below that heading that begins with #!."""
    with open(os.path.join(PAGES, page), encoding="utf-8") as f:
        part = f.read().split("\n.Sh %s\n" % heading)[1].split("\n.Sh ")[0]
    text, = re.findall(r"(?ms)^\.Bd [^\n]*\n(#!.*?)^\.Ed$", part)
    return text.replace("\\(aq", "'").replace("\\e", "\\")
