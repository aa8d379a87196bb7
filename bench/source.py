#!/usr/bin/python3
"""A client that pipelines, as Postfix's smtp(8) does: smtp-source does not.

    bench/source.py [-s SESSIONS] [-m MESSAGES] [-l LENGTH] [-r RECIPIENTS]
                    [-f SENDER] [-t RECIPIENT] [--no-xforward] HOST:PORT|unix:PATH

XFORWARD, MAIL, RCPTs and DATA in one piece, the message and its dot in
another, in sessions that are kept. Ends with a complaint at any answer that
is not yes.
"""
import argparse
import selectors
import socket
import sys

WAIT = 60


def connect(where):
    if where.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(WAIT)
        sock.connect(where[len("unix:"):])
    else:
        host, port = where.rsplit(":", 1)
        sock = socket.create_connection((host, int(port)), WAIT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Session:
    def __init__(self, job):
        self.job = job
        self.sock = connect(job.where)
        self.rest = b""
        self.answers(1)
        self.sock.sendall(b"EHLO source.example\r\n")
        self.answers(1)
        self.due = 0
        self.sock.setblocking(False)

    def take(self, n):
        """Whole replies that are here, n at most."""
        taken = []
        while len(taken) < n:
            at = 0
            while True:
                end = self.rest.find(b"\r\n", at)
                if end < 0:
                    return taken
                last = self.rest[at + 3:at + 4] != b"-"
                at = end + 2
                if last:
                    break
            taken.append(self.rest[:at])
            self.rest = self.rest[at:]
        return taken

    def answers(self, n):
        """Waits for them, before the load begins."""
        while n > 0:
            for reply in self.take(n):
                self.good(reply)
                n -= 1
            if n > 0:
                self.rest += self.sock.recv(65536)

    @staticmethod
    def good(reply):
        if reply[:1] not in b"23":
            sys.exit("source: told " + reply.decode(errors="replace"))

    def begin(self):
        """The envelope of the next message; False where there is none."""
        if not self.job.next():
            return False
        self.sock.setblocking(True)
        self.sock.sendall(self.job.envelope)
        self.sock.setblocking(False)
        self.due = self.job.envelope_answers
        self.in_body = False
        return True

    def ready(self):
        """Something came; False at the end of its last message."""
        more = self.sock.recv(65536)
        if not more:
            sys.exit("source: connection closed")
        self.rest += more
        for reply in self.take(self.due):
            self.good(reply)
            self.due -= 1
        if self.due > 0:
            return True
        if self.in_body:
            return self.begin()
        self.in_body = True
        self.due = 1
        self.sock.setblocking(True)
        self.sock.sendall(self.job.message)
        self.sock.setblocking(False)
        return True


class Job:
    def __init__(self, o):
        self.where = o.where
        self.left = o.messages
        lines = [f"MAIL FROM:<{o.f}>"] + [f"RCPT TO:<{o.t}>"] * o.r + ["DATA"]
        if o.xforward:
            lines = ["XFORWARD NAME=client.example ADDR=192.0.2.7 PORT=4711",
                     "XFORWARD PROTO=ESMTP HELO=client.example IDENT=3CF6B2 "
                     "SOURCE=REMOTE"] + lines
        self.envelope = "".join(line + "\r\n" for line in lines).encode()
        self.envelope_answers = self.envelope.count(b"\r\n")
        head = (f"From: <{o.f}>\r\nTo: <{o.t}>\r\n"
                "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
                "Message-Id: <1@source.example>\r\n\r\n").encode()
        line = b"X" * 78 + b"\r\n"
        self.message = (head + line * (o.length // len(line) + 1))[
            :max(o.length, len(head)) - 2] + b"\r\n.\r\n"

    def next(self):
        self.left -= 1
        return self.left >= 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-s", dest="sessions", type=int, default=1)
    parser.add_argument("-m", dest="messages", type=int, default=1)
    parser.add_argument("-l", dest="length", type=int, default=4096)
    parser.add_argument("-r", type=int, default=1)
    parser.add_argument("-f", default="a@example.org")
    parser.add_argument("-t", default="b@example.net")
    parser.add_argument("--no-xforward", dest="xforward", action="store_false")
    parser.add_argument("where")
    job = Job(parser.parse_args())
    options = parser.parse_args()
    waits = selectors.DefaultSelector()
    for _ in range(options.sessions):
        session = Session(job)
        if session.begin():
            waits.register(session.sock, selectors.EVENT_READ, session)
    while waits.get_map():
        events = waits.select(WAIT)
        if not events:
            sys.exit("source: no answer in time")
        for key, _ in events:
            if not key.data.ready():
                waits.unregister(key.fileobj)
                key.data.sock.close()


if __name__ == "__main__":
    main()
