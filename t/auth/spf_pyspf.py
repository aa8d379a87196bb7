#!/usr/bin/python3
"""Random records and senders, by spf_eval and by pyspf (python3-spf) over the
same zone. Where the two disagree, RFC 7208 decides: see judge()."""
import collections
import random
import subprocess
import sys

import spf

SEED = 7208
ZONES = 250
QUERIES = 16  # a zone

NAMES = ["d%d.example" % i for i in range(6)]
HOSTS = ["h%d.d%d.example" % (i, i % 3) for i in range(6)]
V4 = ["192.0.2.%d" % i for i in range(6)]
V6 = ["2001:db8::%d" % i for i in range(6)]

MACROS = ["%{i}._ip.%{d}", "%{ir}.%{v}.%{d2}", "%{l}._l.d1.example",
          "%{s}.d2.example", "%{l1r-}._m.%{o}", "%{h}", "%{p}.d0.example",
          "%{d1r}.example", "%{L}._u.example", "a%%b%_c%-d.example"]
BAD = ["a:", "ip4:192.0.2", "ip4:192.0.2.1/33", "foo", "a:x.%{z}", "include",
       "all:x", "a/24/64", "ip6:2001:db8::1/129", "redirect=", "a:%{d0}",
       "exists:x.example/24", "mx:com", "ptr:1.2.3.4"]


def domain(rng):
    kind = rng.random()
    if kind < 0.6:
        return rng.choice(NAMES)
    if kind < 0.85:
        return rng.choice(HOSTS)
    if kind < 0.92:
        return "gone%d.example" % rng.randrange(3)
    return rng.choice(MACROS)


def length(rng):
    return rng.choice(["", "", "", "/24", "/30", "/32", "//64", "/29//126",
                       "/0", "//127"])


def mechanism(rng):
    kind = rng.randrange(12)
    if kind < 2:
        return "ip4:" + rng.choice(V4) + rng.choice(["", "/29", "/31", "/0"])
    if kind < 4:
        return "ip6:" + rng.choice(V6) + rng.choice(["", "/64", "/127"])
    if kind < 6:
        return "include:" + domain(rng)
    if kind < 8:
        return "a" + rng.choice(["", ":" + domain(rng)]) + length(rng)
    if kind < 9:
        return "mx" + rng.choice(["", ":" + domain(rng)]) + length(rng)
    if kind < 10:
        return "ptr" + rng.choice(["", ":" + domain(rng)])
    if kind < 11:
        return "exists:" + rng.choice([domain(rng), rng.choice(MACROS)])
    return "all"


def record(rng):
    terms = [rng.choice(["", "", "+", "-", "~", "?"]) + mechanism(rng)
             for _ in range(rng.randrange(5))]
    if rng.random() < 0.04:
        terms.insert(rng.randrange(len(terms) + 1), rng.choice(BAD))
    if rng.random() < 0.25:
        terms.append("redirect=" + domain(rng))
    if rng.random() < 0.5:
        terms.append(rng.choice("-~?+") + "all")
    if rng.random() < 0.2:
        terms.insert(rng.randrange(len(terms) + 1), "x-y=%{d}")
    return "v=spf1" + "".join(" " + t for t in terms)


def make_zone(rng):
    """Name -> type -> values. A type that is None times out."""
    zone = collections.defaultdict(lambda: collections.defaultdict(list))
    for name in NAMES:
        if rng.random() < 0.9:
            zone[name]["TXT"].append(record(rng))
        if rng.random() < 0.03:
            zone[name]["TXT"].append(record(rng))
        if rng.random() < 0.3:
            zone[name]["TXT"].append("something else")
        for _ in range(rng.randrange(3)):
            zone[name]["MX"].append((rng.randrange(3), rng.choice(HOSTS)))
    for name in NAMES + HOSTS:
        for _ in range(rng.randrange(3)):
            zone[name]["A"].append(rng.choice(V4))
        for _ in range(rng.randrange(2)):
            zone[name]["AAAA"].append(rng.choice(V6))
    for address in V4 + V6:
        for _ in range(rng.randrange(3)):
            zone[reverse(address)]["PTR"].append(rng.choice(HOSTS))
    for name in ["user._l.d1.example", "user@d1.example.d2.example",
                 "user._m.d1.example", "USER._u.example",
                 "user._u.example", "192.0.2.1._ip.d0.example",
                 "com.d0.example"]:
        if rng.random() < 0.5:
            zone[name]["A"].append("127.0.0.2")
    if rng.random() < 0.15:
        zone[rng.choice(NAMES + HOSTS)][rng.choice(["TXT", "A"])] = None
    return zone


def reverse(address):
    if ":" not in address:
        return ".".join(reversed(address.split("."))) + ".in-addr.arpa"
    nibbles = "20010db8" + "0" * 23 + address[-1]
    return ".".join(reversed(nibbles)) + ".ip6.arpa"


def queries(rng):
    for _ in range(QUERIES):
        address = rng.choice(V4 + V4 + V6)
        helo = rng.choice(HOSTS + NAMES)
        local = rng.choice(["user", "user", "a.b-c+d", "x_y"])
        sender = rng.choice(
            ["%s@%s" % (local, rng.choice(NAMES))] * 6 + [""])
        yield address, helo, sender


def lines(zone):
    for name, types in zone.items():
        for kind, values in types.items():
            for value in ["timeout"] if values is None else values:
                if kind == "TXT" and values is not None:
                    value = '"%s"' % value
                if kind == "MX" and values is not None:
                    value = "%d %s" % value
                yield "%s %s %s" % (name, kind, value)


class Hook:
    """pyspf's look-up, on our zone."""

    def __init__(self, zone):
        self.zone = {name.lower(): types for name, types in zone.items()}

    def __call__(self, name, kind, strict=True, timeout=20):
        values = self.zone.get(name.lower().rstrip("."), {}).get(kind, [])
        if values is None:
            raise spf.TempError("DNS timeout")
        for value in values:
            if kind == "TXT":
                value = (value.encode(),)
            yield (name, kind), value


def ask_pyspf(zone, query, voids=2):
    address, helo, sender = query
    spf.DNSLookup = Hook(zone)
    spf.MAX_VOID_LOOKUPS = voids
    checked = spf.query(i=address, s=sender, h=helo, strict=True,
                        receiver="receiver.example")
    verdict, _, text = checked.check()
    return verdict, text


def uses_names(zone):
    return any("ptr" in text or "%{p}" in text for types in zone.values()
               for text in types.get("TXT") or [])


def judge(zone, query, ours, reason, theirs, text):
    """Why RFC 7208 has it our way; None where it does not."""
    # Section 4.6.4 limits the "terms" whose query comes to nothing; pyspf
    # counts queries, so those for the hosts of an mx or ptr too. Without
    # that limit it must agree.
    if theirs == "permerror" and "Void lookup limit" in text:
        lifted, text = ask_pyspf(zone, query, voids=1000)
        if lifted == ours or judge(zone, query, ours, reason, lifted, text):
            return "void look-ups count terms"
    # Section 5.2: an include of the same domain is evaluated when its turn
    # comes, and runs into the limit then; pyspf calls it bad syntax.
    if theirs == "permerror" and "trivial recursion" in text:
        return "a record that includes itself is no syntax error"
    # Section 7.1: a DIGIT of a transformer must not be zero.
    if ours == "permerror" and "%{d0}" in reason:
        return "a transformer's digit is not zero"
    # Section 5.5: an error for one of the client's names skips that name.
    if theirs == "temperror" and uses_names(zone) and any(
            "A" in types and types["A"] is None for types in zone.values()):
        return "ptr skips names that do not answer"
    return None


def main():
    program = sys.argv[1]
    rng = random.Random(SEED)
    script, cases = [], []
    for _ in range(ZONES):
        zone = make_zone(rng)
        script.append("zone")
        script.extend("record\t" + line for line in lines(zone))
        for query in queries(rng):
            script.append("spf\t%s\t%s\t%s" % query)
            cases.append((zone, query))
    run = subprocess.run(
        [program], input="\n".join(script) + "\n", encoding="utf-8",
        stdout=subprocess.PIPE, timeout=400, check=True)
    results = run.stdout.splitlines()
    assert len(results) == len(cases)
    verdicts, judged, faults = collections.Counter(), collections.Counter(), 0
    for (zone, query), line in zip(cases, results):
        ours, _, _, reason, _ = line.split("\t")
        theirs, text = ask_pyspf(zone, query)
        verdicts[ours] += 1
        if ours == theirs:
            continue
        why = judge(zone, query, ours, reason, theirs, text)
        judged[why] += 1
        if why is None:
            faults += 1
            print(query, "ours", ours, reason, "| theirs", theirs, text)
            print("\n".join("    " + record for record in lines(zone)))
    print(len(cases), "cases", dict(verdicts), "judged", dict(judged))
    # Each kind of verdict must have come up, or the cases are poor ones.
    return 1 if faults or len(verdicts) != 7 else 0


sys.exit(main())
