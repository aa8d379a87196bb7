"""Looks for a private key in the memory of a process; root alone may."""
import base64
import re
import subprocess

# A sanitizer's shadow memory, terabytes of it, holds no data.
SHADOW = 1 << 30


def key_secrets(path):
    """What of a private RSA key must not lie about: its primes and its
    exponent, most and least significant octet first, and its file."""
    text = subprocess.run(
        ["openssl", "rsa", "-in", path, "-noout", "-text"], check=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
    secrets = {}
    for name in ("privateExponent", "prime1", "prime2"):
        digits = re.search(name + r":\n((?:\s+[0-9a-f:]+\n)+)", text).group(1)
        number = bytes.fromhex(re.sub(r"[\s:]", "", digits)).lstrip(b"\0")
        secrets[name] = number
        secrets[name + " reversed"] = number[::-1]
    with open(path, "rb") as pem:
        lines = pem.read().split(b"\n")
    secrets["PEM"] = lines[len(lines) // 2]
    der = base64.b64decode(b"".join(lines[1:-2]))
    secrets["DER"] = der[len(der) // 2:len(der) // 2 + 64]
    return secrets


def memory(pid):
    """All that a process has in memory, mapping by mapping."""
    with open("/proc/%d/maps" % pid) as maps, \
            open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            begin, end = (int(n, 16) for n in span.split("-"))
            if "r" not in rights or "[v" in line:
                continue
            if end - begin > SHADOW:
                continue
            try:
                mem.seek(begin)
                yield mem.read(end - begin)
            except OSError:
                pass  # a guard page, or a mapping without its file


def found_in(pid, secrets):
    found = set()
    for bytes_ in memory(pid):
        found.update(name for name, secret in secrets.items()
                     if secret in bytes_)
    return found
