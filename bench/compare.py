#!/usr/bin/python3
"""What another version of signpost costs, beside this one, in one run.

Both serve at once, on all cores, each with its own smtp-sink behind it. In each
turn each of the two gets the same mail, first from 16 sessions, then one message
at a time; who begins changes with every turn. Of each turn the quotients are
taken, new to old; what counts is their median.

    bench/compare.py --before BINARY [--signpost BINARY] [--turns 11]
                     [--messages 4000] [NAME...]

NAMEs: rsa both ed25519; all of them without any. It ends with 1 where a limit
is passed: CPU of all processes a message at most 1.04, rate of 16 sessions at
least 1.0, rate of one at least 0.95.
"""
import argparse
import pathlib
import shutil
import statistics
import sys

import bench

RSA = ["dkim(c=relaxed/relaxed, a=rsa-sha256)"]
KINDS = {
    "rsa": (RSA, "rsa"),
    "both": (RSA + ["domainkeys(c=nofws)"], "rsa"),
    "ed25519": (["dkim(c=relaxed/relaxed, a=ed25519-sha256)"], "ed25519"),
}
# At most, at least.
LIMITS = (("CPU a message", 1.04, None), ("rate, 16 sessions", None, 1.0),
          ("rate, one session", None, 0.95))


class Side(bench.Bench):
    """One version: a daemon on all cores, and a sink of its own."""

    def __init__(self, options, binary, settings=""):
        options = argparse.Namespace(**vars(options))
        options.signpost = binary
        options.cores = "0-1023,0-1023"
        super().__init__(options)
        self.settings = "workers = auto\n" + settings


def turn(side, where, worker, messages):
    """CPU a message, and the two rates."""
    began = worker.cpu()
    many = side.source(where, messages, 4096, 16)
    each = (worker.cpu() - began) / messages
    few = messages // 4
    return each, messages / many, few / side.source(where, few, 4096, 1)


def compare(before, after, name, options):
    signatures, kind = KINDS[name]
    key = after.folder / f"{kind}.pem"
    if not key.exists():
        after.make_key(key, kind)
    shutil.copy(key, before.folder)
    quotients, figures = [], []
    with before.sink() as a, after.sink() as b, \
            before.signpost(a, signatures, kind) as old, \
            after.signpost(b, signatures, kind) as new:
        sides = [(before, *old), (after, *new)]
        for side in sides:
            turn(*side, options.messages // 4)  # warm
        for number in range(options.turns):
            found = {}
            for side in sides if number % 2 == 0 else sides[::-1]:
                found[side[0]] = turn(*side, options.messages)
            figures.append((found[before], found[after]))
            quotients.append([n / o for n, o in zip(found[after],
                                                    found[before])])
    good = True
    for i, (what, most, least) in enumerate(LIMITS):
        all_ = sorted(q[i] for q in quotients)
        middle = statistics.median(all_)
        kept = (most is None or middle <= most) and \
            (least is None or middle >= least)
        good &= kept
        old, new = (statistics.median(f[k][i] for f in figures)
                    for k in (0, 1))
        values = (f"{old * 1e6:7.1f} us {new * 1e6:7.1f} us" if i == 0
                  else f"{old:7.0f}/s  {new:7.0f}/s ")
        print(f"{name:8} {what:18} {values} {middle:6.3f} "
              f"({all_[0]:.3f} to {all_[-1]:.3f}), limit "
              f"{most if most is not None else least:.2f} "
              f"{'' if kept else 'OVER'}", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--before", type=pathlib.Path, required=True)
    parser.add_argument("--signpost", type=pathlib.Path,
                        default=bench.TOP / "build/signpost")
    parser.add_argument("--turns", type=int, default=bench.SLICES)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    for name in options.names:
        if name not in KINDS:
            parser.error(f"{name}: not one of {' '.join(KINDS)}")
    good = True
    for name in options.names or KINDS:
        before = Side(options, options.before)
        after = Side(options, options.signpost, "control = none\n")
        try:
            good &= compare(before, after, name, options)
        finally:
            before.close()
            after.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
