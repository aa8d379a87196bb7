"""Odd but legal messages, the same at every run, each with its traits.

A trait is a word for what is odd about a message: a disagreement between two
implementations is judged by the trait that raises it (oracle.py).
"""
import random

DOMAIN = "example.org"
WORDS = ("the quick brown fox jumps over a lazy dog while mail goes through "
         "relays that fold, unfold and sometimes re-wrap it").split()
CRLF = b"\r\n"


def words(rnd, low, high):
    return " ".join(rnd.choice(WORDS) for _ in range(rnd.randint(low, high)))


def spaced(rnd, text):
    """Words with white space of all sorts between, folds among it."""
    gaps = [" ", "  ", "\t", " \t ", "\r\n ", "\r\n\t", "  \r\n  ", "\t\r\n "]
    weights = [12, 3, 2, 1, 3, 3, 1, 1]
    parts = text.split(" ")
    out = parts[0]
    for part in parts[1:]:
        out += rnd.choices(gaps, weights)[0] + part
    return out


class Builder:
    def __init__(self, seed):
        self.rnd = random.Random(seed)
        self.traits = set()
        self.fields = []
        self.before_colon = self.rnd.choice([" ", "\t", "  "] + [""] * 27)

    def chance(self, percent, trait=None):
        if self.rnd.randrange(100) >= percent:
            return False
        if trait:
            self.traits.add(trait)
        return True

    def field(self, name, value):
        rnd = self.rnd
        if rnd.randrange(100) < 8:
            name = rnd.choice([name.lower(), name.upper()])
        if self.before_colon and self.chance(40, "%s-before-colon" % (
                "space" if self.before_colon == " " else "tab")):
            name += self.before_colon
        gap = rnd.choices([" ", "", "\t", "  ", "\r\n "], [80, 6, 4, 5, 5])[0]
        if not value.strip():
            gap = gap if "\n" not in gap else " "
        if name.strip().lower() == "from" and "\n" in gap + value:
            self.traits.add("folded-from")
        if isinstance(value, str):
            value = value.encode("utf-8")
        if rnd.randrange(100) < 6 and value:
            value += rnd.choice([b" ", b"\t", b"  \t"])
        self.fields.append(
            (name + ":" + gap).encode("ascii") + value + CRLF)

    def sender(self):
        rnd = self.rnd
        address = rnd.choice(
            ["joe@example.org", "joe@EXAMPLE.org", "joe@mail.example.org",
             '"joe smith"@example.org', "joe+tag@example.org"])
        return rnd.choice(
            [address, "<%s>" % address, "Joe <%s>" % address,
             '"Joe, Smith" <%s>' % address, "Joe\r\n <%s>" % address,
             "=?utf-8?q?J=C3=B6?= <%s>" % address,
             "%s (Joe)" % address])

    def recipients(self):
        rnd = self.rnd
        many = ["%s@example.net" % rnd.choice(WORDS).strip(",")
                for _ in range(rnd.randint(1, 12))]
        return rnd.choice([", ", ",\r\n ", ",\r\n\t", " ,  "]).join(many)

    def subject(self):
        rnd = self.rnd
        if self.chance(5, "empty-value"):
            return ""
        if self.chance(5, "8bit-header"):
            return words(rnd, 1, 5) + " caf\u00e9 \u4f60"
        if self.chance(4, "long-header-line"):
            return "x" * rnd.randint(900, 3000)
        return spaced(rnd, words(rnd, 1, 20))

    def header(self):
        rnd = self.rnd
        todo = []

        def add(name, value, times=1):
            for _ in range(times):
                todo.append((name, value()))

        add("From", self.sender)
        add("To", self.recipients)
        add("Subject", self.subject)
        if self.chance(80):
            add("Date", lambda: "Mon, 01 Jan 2024 00:00:00 +0000")
        if self.chance(80):
            add("Message-ID", lambda: "<%d@example.org>" % rnd.random())
        if self.chance(30):
            add("Cc", self.recipients)
        if self.chance(40):
            add("MIME-Version", lambda: "1.0")
            add("Content-Type",
                lambda: 'text/plain;\r\n\tcharset="utf-8"; x=y')
            add("Content-Transfer-Encoding", lambda: "8bit")
        if self.chance(30):
            add("References", lambda: spaced(rnd, " ".join(
                "<%d@example.net>" % i for i in range(rnd.randint(1, 9)))))
        if self.chance(20):
            add("In-Reply-To", lambda: "<1@example.net>")
        if self.chance(15, "repeated"):
            add(rnd.choice(["Reply-To", "Cc", "To", "List-Id", "Date"]),
                lambda: "a%d@example.net" % rnd.randrange(9),
                rnd.randint(2, 4))
        if self.chance(15):
            add("List-Unsubscribe", lambda: "<https://example.org/?a;b=c>")
            add("List-Unsubscribe-Post",
                lambda: "List-Unsubscribe=One-Click")
        if self.chance(20):
            add("X-Odd-%d" % rnd.randrange(9),
                lambda: spaced(rnd, words(rnd, 0, 9)))
        if self.chance(15):
            add("Resent-From", self.sender)
        rnd.shuffle(todo)
        for _ in range(rnd.randint(0, 4)):
            self.field("Received", "from a.example.net\r\n\tby b.example.net;"
                       "\r\n Mon, 01 Jan 2024 00:00:00 +0000")
        for name, value in todo:
            self.field(name, value)

    def line(self):
        rnd = self.rnd
        kind = rnd.randrange(20)
        if kind < 9:
            return words(rnd, 1, 14).encode()
        if kind < 11:
            return spaced(rnd, words(rnd, 1, 9)).replace(
                "\r\n", " ").encode() + rnd.choice([b"", b" ", b"\t", b"  "])
        if kind < 13:
            return b""
        if kind == 13:
            return rnd.choice([b" ", b"\t", b" \t  "])
        if kind == 14:
            return rnd.choice([b".", b"..", b".dot", b". dot"])
        if kind == 15:
            self.traits.add("8bit-body")
            return bytes(rnd.choice(
                [c for c in range(1, 256) if c not in (10, 13)])
                for _ in range(rnd.randint(1, 60)))
        if kind == 16:
            return b"TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsu" * 2
        if kind == 17 and self.chance(30, "long-body-line"):
            return b"y" * rnd.randint(999, 20000)
        return b"> " + words(rnd, 1, 8).encode() + b" \t"

    def body(self):
        rnd = self.rnd
        if self.chance(5, "no-blank-line"):
            return None
        if self.chance(6, "empty-body"):
            return b""
        if self.chance(5, "blank-body"):
            return CRLF * rnd.randint(1, 4)
        if self.chance(3, "white-body"):
            return rnd.choice([b" \r\n", b"\t\r\n \r\n", b" \r\n\r\n"])
        lines = [self.line() for _ in range(rnd.randint(1, 30))]
        body = CRLF.join(lines) + CRLF
        if self.chance(12, "trailing-blank-lines"):
            body += rnd.choice([CRLF, CRLF * 3, b" \r\n\r\n", b"\r\n\t\r\n"])
        if self.chance(12, "missing-last-crlf"):
            body = body.rstrip(b"\r\n") + rnd.choice([b"end", b"end "])
        if self.chance(5):
            body = CRLF * rnd.randint(1, 3) + body
        return body

    def build(self):
        self.header()
        body = self.body()
        text = b"".join(self.fields)
        if body is not None:
            text += CRLF + body
        return text, frozenset(self.traits)


def generate(count):
    """`count` pairs of a message (CRLF line ends) and its traits."""
    return [Builder("signpost %d" % i).build() for i in range(count)]
