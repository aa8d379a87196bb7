"""signpost at another time of day, by libfaketime (Debian's faketime): what it
asks time(2) for is what a test has set; its waits are the machine's.
"""
import glob
import math
import os
import subprocess
import time

import harness

DAY = 86400


def today():
    """The first second of this day, in UTC."""
    now = int(time.time())
    return now - now % DAY


def day(seconds):
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def environment(seconds):
    """For a process whose clock starts there, never a second before: what
    is left of a second is added. Who has given up root's rights
    lets nobody look into it, the leak checker's process neither."""
    [library] = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    return dict(
        os.environ, LD_PRELOAD=library,
        FAKETIME="%+ds" % math.ceil(seconds - time.time()),
        FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1",
        ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0:" +
        os.environ.get("ASAN_OPTIONS", ""))


def run(seconds, *args, timeout=400):
    """A subcommand at that time; what it said is bytes."""
    return subprocess.run(
        [harness.binary(), *map(str, args)], env=environment(seconds),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=timeout, check=False)
