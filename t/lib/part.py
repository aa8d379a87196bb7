"""What only a few tests need, and what `t/all --without NAME` leaves out.

Names are those headings of .ci/packages that stand behind "# test". A test that
is marked runs, and fails where the package is missing, unless its name was
given; then it says so on stderr, and t/all says it in its last line.
"""
import functools
import os
import sys
import unittest

LEFT_OUT = os.environ.get("SIGNPOST_WITHOUT", "").split(",")


def require(name, who):
    """Skips `who` where `name` was left out. For setUpClass and the like."""
    if name in LEFT_OUT:
        print("left out with %s: %s" % (name, who), file=sys.stderr,
              flush=True)
        raise unittest.SkipTest("without " + name)


def needs(name):
    """Marks a test method."""
    def mark(test):
        @functools.wraps(test)
        def run(self, *args):
            require(name, self.id())
            return test(self, *args)
        return run
    return mark
