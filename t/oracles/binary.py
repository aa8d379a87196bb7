#!/usr/bin/python3
"""binary.py SIGNPOST ZONE: the real program's side of the oracles.

The commands are those of ours.c; each runs `signpost sign` or `signpost
verify`, the latter with a name server of the test's own.
"""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "cli"))
from tool import Zone  # noqa: E402

WAIT = 120


def run(program, words, path):
    return subprocess.run(
        [program] + words, input=pathlib.Path(path).read_bytes(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WAIT,
        check=False)


def sign(program, kind, algorithm, canon, key, selector, path, out):
    words = ["sign", "-d", "example.org", "-s", selector, "-k", key,
             "--type", kind, "--canon", canon]
    if kind == "dkim":
        words += ["--algorithm", algorithm]
    done = run(program, words, path)
    pathlib.Path(out).write_bytes(done.stdout)
    return "ok" if done.returncode == 0 else done.stderr.decode()


def verify(program, zone, path):
    done = run(program, ["verify", "--json", "--nameserver",
                         zone.address()], path)
    found = json.loads(done.stdout)
    return " ".join(
        ["dkim=" + s["result"] for s in found["dkim"]] +
        ["domainkeys=" + s["result"] for s in found["domainkeys"]] +
        ["# " + s.get("reason", "")
         for s in found["dkim"] + found["domainkeys"]])


def main():
    program, path = sys.argv[1:]
    records = {}
    for line in pathlib.Path(path).read_text().splitlines():
        name, _, text = line.partition(" TXT ")
        records[name, "TXT"] = [text]
    zone = Zone(records)
    for line in sys.stdin:
        command, *words = line.split()
        if command == "sign":
            answer = sign(program, *words)
        else:
            answer = verify(program, zone, *words)
        print(answer.replace("\n", " "), flush=True)
    zone.close()


main()
