#!/usr/bin/python3
"""systemd's unit lets the daemon close itself in, bounds its memory, lets its
signers lock all of theirs, lets it speak to this machine alone (where landlock knows
no ports yet, nothing else keeps its workers from others), and leaves open no more than systemd-analyze(1) rates as
EXPOSURE. How the unit fares under a systemd, t/systemd looks at.
"""
import pathlib
import re
import subprocess
import tempfile

import source

UNIT = "init/signpost.service.in"
EXPOSURE = 1.9
# What systemd 252 has in none of its groups.
CALLS = ("seccomp", "landlock_create_ruleset", "landlock_add_rule",
         "landlock_restrict_self", "capset")


def exposure(text):
    """As systemd-analyze has it."""
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder, "signpost.service")
        unit.write_text(text.replace("@SIGNPOST_SBIN@", "/usr/sbin"))
        said = subprocess.run(
            ["systemd-analyze", "security", "--no-pager", "--offline=true",
             str(unit)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False).stdout
    found = re.search(r"Overall exposure level .*: (\d+\.\d+)", said)
    return float(found[1]) if found else said


def main():
    text = (source.top() / UNIT).read_text()
    rated = exposure(text)
    filters = " ".join(re.findall(r"(?m)^SystemCallFilter=([^~].*)", text))
    complaints = [f"{UNIT}: SystemCallFilter= does not name {call}"
                  for call in CALLS if call not in filters.split()]
    if not re.search(r"(?m)^MemoryMax=\d", text):
        complaints.append(f"{UNIT}: no MemoryMax=")
    for name, value in (("IPAddressDeny", "any"), ("IPAddressAllow", "localhost"),
                        ("LimitMEMLOCK", "infinity")):
        if re.findall(rf"(?m)^{name}=(.*)", text) != [value]:
            complaints.append(f"{UNIT}: not {name}={value}, once")
    if not isinstance(rated, float) or rated > EXPOSURE:
        complaints.append(f"{UNIT}: exposure: {rated}, not {EXPOSURE}")
    source.finish("unit", len(filters.split()), complaints)


main()
