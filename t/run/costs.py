#!/usr/bin/python3
"""What a message costs does not hang on its shape: bodies of bare LFs and
fields with long international names cost at most ten times the plain case.

Both are taken by one worker, whose processor time is compared within the run:
the least of some tries of each, less what a small message costs.
"""
import inbound
import harness
from harness import SAMPLE

MOST = 10
TRIES = 4
BODY = 4 << 20
FIELDS = 400

LETTER = "\u00fc".encode()
PLAIN_NAME = b".".join((b"a" * 60, b"b" * 60, b"c" * 60, b"d" * 60))
NAMES = {
    "four labels of 40 letters": b".".join([LETTER * 40] * 4),
    "labels of a letter": b".".join([LETTER] * 126),
    "one label of 250": "\u4e00".encode() * 250,
    "letters of four octets": "\U0001d400".encode() * 250,
}
LINES = {
    "LF": b"\n",
    "a, LF": b"a\n",
    "CR": b"\r",
    "a, CR": b"a\r",
    "CR, CR, LF": b"\r\r\n",
    "CRLF alone": b"\r\n",
    "62 octets, LF": b"0123456789abcdef" * 4 + b"\n",
}
PLAIN_LINE = b"0123456789abcdef" * 4 + b"\r\n"


def bodies():
    """name -> message, the plain one first."""
    shapes = {"plain": PLAIN_LINE, **LINES}
    return {name: SAMPLE + line * (BODY // len(line)) + b"\r\n"
            for name, line in shapes.items()}


def headers():
    names = {"plain": PLAIN_NAME, **NAMES}
    return {name: (b"Authentication-Results: " + host + b"; dkim=pass\r\n")
            * FIELDS + SAMPLE for name, host in names.items()}


def worker_time(pid):
    """Processor time, in seconds; it must have slept since it worked."""
    with open("/proc/%d/schedstat" % pid) as f:
        return int(f.read().split()[0]) / 1e9


def measure(pid, send, messages, tries):
    """name -> how many times the plain one's cost. More tries where that is too
    much: on a machine that has others to serve, few of them are undisturbed."""
    def cost(message):
        before = worker_time(pid)
        send(message)
        return worker_time(pid) - before
    least = {}
    for number in range(4 * tries):
        for name, message in {"none": SAMPLE, **messages}.items():
            least[name] = min(least.get(name, 1e9), cost(message))
        plain = least["plain"] - least["none"]
        found = {name: (least[name] - least["none"]) / plain
                 for name in messages}
        if number + 1 >= tries and max(found.values()) < MOST:
            break
    return found


class Costs(inbound.Case):
    """The ways are the same for both proxies; [in] looks at the fields."""

    def begin(self):
        self.hop = self.relay(ehlo=("relay.example",))
        return self.verifier(self.hop, self.nsd("a.example TXT x"), [
            "check = none", "max_header_size = 4M"])

    def ratios(self, messages, tries=TRIES):
        proxy = self.begin()

        def send(message):
            self.assertEqual(self.send(proxy, message).code, 250)
            del self.hop.messages[:]
        proxy.wait_log("serving, ")  # its processes are there then
        return measure(proxy.processes()[1], send, messages, tries)

    def test_bodies(self):
        found = self.ratios(bodies())
        self.assertLess(max(found.values()), MOST, found)

    def test_fields(self):
        found = self.ratios(headers())
        self.assertLess(max(found.values()), MOST, found)


if __name__ == "__main__":
    harness.main()
