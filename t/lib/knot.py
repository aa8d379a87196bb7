"""A name server that takes updates: knotd on loopback, with a TSIG key.

    with knot.Knot("example.org", "@ IN SOA ...") as server:
        server.update("update add ...\\nsend\\n")    by nsupdate(1)
"""
import base64
import os
import shutil
import subprocess
import tempfile
import time

from nameserver import answers
from ports import free_port

START_S = 20
SECRET = base64.b64encode(b"a secret of a test, known to it alone").decode()


class Knot:
    def __init__(self, zone, *records):
        self.directory = tempfile.mkdtemp(prefix="signpost-knot-")
        self.port = free_port()
        self.child = None
        self.write("zone", "\n".join([
            "$ORIGIN %s." % zone, "$TTL 300",
            "@ SOA ns.%s. root.%s. 1 3600 900 86400 60" % (zone, zone),
            "@ NS ns", "ns A 127.0.0.1", *records, ""]))
        self.write("knot.conf", """server:
    listen: 127.0.0.1@%d
    rundir: %s
    tcp-workers: 1
    udp-workers: 1
    background-workers: 1
key:
  - id: test
    algorithm: hmac-sha256
    secret: %s
acl:
  - id: updates
    key: test
    action: update
database:
    storage: %s
zone:
  - domain: %s
    storage: %s
    file: zone
    acl: updates
""" % (self.port, self.directory, SECRET, self.directory, zone,
       self.directory))

    def write(self, name, text):
        with open(os.path.join(self.directory, name), "w",
                  encoding="ascii") as f:
            f.write(text)

    def __enter__(self):
        with open(os.path.join(self.directory, "log"), "wb") as log:
            self.child = subprocess.Popen(
                ["/usr/sbin/knotd", "-c",
                 os.path.join(self.directory, "knot.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while not answers(self.port):
            if self.child.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self.directory, "log"),
                          encoding="utf-8", errors="replace") as text:
                    raise RuntimeError("knotd did not start: " + text.read())
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(10)
        shutil.rmtree(self.directory, ignore_errors=True)

    def address(self):
        return "127.0.0.1:%d" % self.port

    def update(self, commands):
        """By nsupdate; what it complains of, or nothing."""
        done = subprocess.run(
            ["nsupdate", "-t", "10", "-y", "hmac-sha256:test:" + SECRET],
            input="server 127.0.0.1 %d\n%s" % (self.port, commands),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=400, check=False)
        return done.stdout if done.returncode or done.stdout else ""
