#!/usr/bin/python3
"""dkimpy's side of the oracles; the commands are those of ours.c."""
import sys

import dkim


def read_zone(path):
    zone = {}
    with open(path, "rb") as lines:
        for line in lines:
            name, found, text = line.strip().partition(b" TXT ")
            if found:
                zone[name.lower() + b"."] = text
    return zone


def slurp(path):
    with open(path, "rb") as file:
        return file.read()


def sign(_kind, algorithm, canon, key, selector, path, out):
    key = slurp(key)
    if algorithm == "ed25519-sha256":
        # dkimpy wants the bare 32 octets, which end the PKCS#8 form.
        import base64
        der = base64.b64decode(b"".join(key.split(b"\n")[1:-2]))
        key = base64.b64encode(der[-32:])
    text = slurp(path)
    header, body = canon.encode().split(b"/")
    field = dkim.sign(
        text, selector.encode(), b"example.org", key,
        canonicalize=(header, body), signature_algorithm=algorithm.encode())
    with open(out, "wb") as file:
        file.write(field + text)
    return "ok"


def verify(zone, path):
    dnsfunc = make_dnsfunc(zone)
    text = slurp(path)
    count = dkim.DKIM(text)
    results = []
    names = [name.lower() for name, _ in count.headers]
    for index in range(names.count(b"dkim-signature")):
        why = "fail"
        try:
            if dkim.DKIM(text).verify(idx=index, dnsfunc=dnsfunc):
                why = "pass"
        except dkim.DKIMException as error:
            why = "fail # %s" % error
        results.append("dkim=" + why)
    return " ".join(results)


def make_dnsfunc(zone):
    def dnsfunc(name, timeout=5):
        name = name if isinstance(name, bytes) else name.encode()
        return zone.get(name.lower())
    return dnsfunc


def judge(zone, path):
    chain, _, why = dkim.ARC(slurp(path)).verify(dnsfunc=make_dnsfunc(zone))
    # None: the chain was ended by a seal that says cv=fail.
    return "arc=%s # %s" % ((chain or b"fail").decode(), why)


def seal(zone, key, selector, authserv, path, out):
    text = slurp(path)
    chain = judge(zone, path).split()[0]
    text = ("Authentication-Results: %s; %s\r\n" % (
        authserv, chain)).encode() + text
    fields = dkim.ARC(text).sign(
        selector.encode(), b"example.org", slurp(key), authserv.encode())
    with open(out, "wb") as file:
        file.write(b"".join(fields) + text)
    return "ok" if fields else "error: no set"


COMMANDS = {"verify": verify, "judge": judge, "seal": seal}


def main():
    zone = read_zone(sys.argv[1])
    for line in sys.stdin:
        command, *words = line.split()
        try:
            answer = (sign(*words) if command == "sign"
                      else COMMANDS[command](zone, *words))
        except (dkim.DKIMException, ValueError) as error:
            answer = "error: %s" % error
        print(answer.replace("\n", " "), flush=True)


main()
