#!/usr/bin/python3
"""Every case of the RFC 7208 test suite (t/data/rfc7208-tests.yml), by
spf_eval. Where the suite allows several results, one of those."""
import subprocess
import sys

import yaml

# The suite has 203 cases; a file cut short must not pass.
CASES = 203


def quote(text):
    """A TXT value as t/lib/zone.h reads it."""
    octets = text.encode("utf-8") if isinstance(text, str) else text
    return '"%s"' % "".join(
        chr(o) if 32 <= o < 127 and o not in b'"\\' else "\\%03d" % o
        for o in octets)


def fits(name):
    """Could the DNS hold that name?"""
    labels = name.rstrip(".").split(".")
    return all(0 < len(label) < 64 for label in labels)


def values(kind, value):
    if kind == "MX":
        yield "%d %s" % (value[0], value[1] or ".")
    elif kind in ("TXT", "SPF"):
        yield quote("".join(value) if isinstance(value, list) else value)
    else:
        yield value


def records(zone):
    """The lines of a zone: SPF records stand for TXT ones where the name
    has none of its own; TIMEOUT is for every other type."""
    for name, entries in zone.items():
        if not fits(name):
            continue
        name = name.replace("\\", "\\\\").replace(" ", "\\032")
        texts = any(isinstance(e, dict) and "TXT" in e for e in entries)
        for entry in entries:
            if entry == "TIMEOUT":
                yield "%s * timeout" % name
                continue
            for kind, value in entry.items():
                if kind == "SPF" and texts or value == "NONE":
                    continue
                for text in values(kind, value):
                    yield "%s %s %s" % (
                        name, "TXT" if kind == "SPF" else kind, text)
        # A name whose TXT is NONE is there all the same.
        if {"TXT": "NONE"} in entries and "TIMEOUT" not in entries:
            yield "%s TXT nodata" % name


def script(scenarios):
    for scenario in scenarios:
        yield "zone"
        for line in records(scenario["zonedata"]):
            yield "record\t" + line
        for case in scenario["tests"].values():
            yield "spf\t%s\t%s\t%s" % (
                case["host"], case["helo"], case["mailfrom"])


def judge(scenario, name, case, line):
    verdict, explanation, _, reason, _ = line.split("\t")
    wanted = case["result"]
    if verdict not in (wanted if isinstance(wanted, list) else [wanted]):
        return "%s/%s: %s (%s), wanted %s" % (
            scenario["description"], name, verdict, reason, wanted)
    expected = case.get("explanation")
    if expected == "DEFAULT":
        expected = ""
    if expected is not None and verdict == "fail" and explanation != expected:
        return "%s/%s: explanation %r, wanted %r" % (
            scenario["description"], name, explanation, expected)
    return None


def main():
    program, suite = sys.argv[1:]
    with open(suite, encoding="utf-8") as file:
        scenarios = list(yaml.safe_load_all(file))
    run = subprocess.run(
        [program], input="\n".join(script(scenarios)) + "\n",
        encoding="utf-8", stdout=subprocess.PIPE, timeout=400, check=True)
    results = iter(run.stdout.splitlines())
    faults, cases = [], 0
    for scenario in scenarios:
        for name, case in scenario["tests"].items():
            cases += 1
            faults.append(judge(scenario, name, case, next(results)))
    faults = [f for f in faults if f]
    print("\n".join(faults))
    print("%d cases, %d faults" % (cases, len(faults)))
    return 1 if faults or cases != CASES else 0


sys.exit(main())
