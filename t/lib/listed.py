"""Which system calls a daemon made that are not listed (proxy/process/sandbox.h):
its log says so, whether it was refused or ended by them."""
import re
import signal

UNLISTED = re.compile(r"sandbox: not listed|is not in its list|"
                      r"killed by signal %d\b" % signal.SIGSYS)


def check(log):
    """Of the whole log: fails with the lines that say so."""
    lines = [line for line in log.splitlines() if UNLISTED.search(line)]
    if lines:
        raise AssertionError("calls that are not listed:\n" + "\n".join(lines))
