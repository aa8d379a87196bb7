"""What the tests of the verifying proxy share: `signpost serve` with [in],
a name server of our own, and mail signed by dkimpy, which is no code of ours.
"""
import os
import re
import shutil
import sys

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

import nameserver  # noqa: E402

KEYS = os.path.join(HERE, "..", "data", "dkim")
AUTHSERV_ID = "mx.example.org"

# Whom verifying workers run as where the tests are root's: not root, and not
# the signing workers' user.
WORKER = "daemon"


def key(name):
    """A key of t/data/dkim, as bytes and as its record."""
    path = os.path.join(KEYS, name + ".pem")
    with open(path, "rb") as pem:
        return pem.read(), harness.key_record(
            path, "ed25519" if name.startswith("ed") else "rsa")


def sign(message, pem, domain=b"example.org", selector=b"s1", **options):
    """The message with a signature of dkimpy's on top."""
    import dkim  # python3-dkim
    options.setdefault("canonicalize", (b"relaxed", b"relaxed"))
    if len(pem) < 400 and b"BEGIN PRIVATE" in pem:
        options["signature_algorithm"] = b"ed25519-sha256"
        pem = b"".join(pem.split(b"\n")[1:-2])  # dkimpy wants the seed
        import base64
        pem = base64.b64encode(base64.b64decode(pem)[-32:])
    return dkim.sign(message, selector, domain, pem, **options) + message


def results(message, authserv_id=AUTHSERV_ID):
    """Our field of a message, unfolded; it must be the first."""
    text = message.decode("latin-1")
    name = "Authentication-Results: " + authserv_id + ";"
    if not text.startswith(name):
        raise AssertionError("our field is not on top:\n" + text[:2000])
    header = re.sub(r"\r\n([ \t])", r"\1", text.split("\r\n\r\n", 1)[0])
    first, rest = (header.split("\r\n", 1) + [""])[:2]
    if re.search("^authentication-results[ \t]*:[ \t]*" +
                 re.escape(authserv_id) + r"[\s;]", rest, re.M | re.I):
        raise AssertionError("a second field of ours:\n" + header)
    return re.sub(r"\s+", " ", first[len(name):]).strip()


def below(message):
    """What stands below our field, as it came."""
    return re.sub(rb"\A.*\r\n([ \t].*\r\n)*", b"", message, count=1)


class Verifier(harness.Signpost):
    """`signpost serve` with [in] alone; `lines` are lines of [in]."""

    def __init__(self, relay, dns_port, lines=(), dns=(), **options):
        self.dns_port = dns_port
        self.dns = tuple(dns)
        super().__init__(relay, out=tuple(lines), keys=False, **options)
        if os.getuid() == 0:
            shutil.chown(self.spool, WORKER)

    def configure(self, out=(), daemon=(), rest=""):
        given = {line.split("=")[0].strip() for line in out}
        defaults = {
            "listen": "127.0.0.1:%d" % self.port,
            "relay": (self.relay if isinstance(self.relay, str)
                      else self.relay.address()),
            "user": WORKER,
            "authserv_id": AUTHSERV_ID,
            "spool_dir": self.spool,
        }
        dns = {line.split("=")[0].strip() for line in self.dns}
        with open(self.config, "w") as f:
            f.write("[signpost]\nlog = stderr\nworkers = 1\nsigners = 1\n")
            self.write_control(f, daemon)
            f.write("".join(line + "\n" for line in daemon))
            f.write("[in]\n")
            f.write("".join("%s = %s\n" % item for item in defaults.items()
                            if item[0] not in given))
            f.write("".join(line + "\n" for line in out))
            f.write("[dns]\n")
            if "nameserver" not in dns:
                f.write("nameserver = 127.0.0.1:%d\n" % self.dns_port)
            f.write("".join(line + "\n" for line in self.dns))
            f.write(rest)

    def peak_memory(self):
        """The most that any of its processes has held, in bytes."""
        most = 0
        for pid in self.processes():
            try:
                with open("/proc/%d/status" % pid) as status:
                    most = max([most] + [
                        int(line.split()[1]) * 1024 for line in status
                        if line.startswith("VmHWM")])
            except OSError:
                pass
        return most


class Case(harness.Case):
    """Tests with one relay, one name server and one verifier each."""

    def nsd(self, records):
        server = nameserver.Nsd(records).start()
        self.addCleanup(server.stop)
        return server

    def hostile(self, **options):
        server = nameserver.Hostile(**options).start()
        self.addCleanup(server.stop)
        return server

    def verifier(self, relay, server, lines=(), **options):
        proxy = Verifier(relay, server.port, lines, **options)
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        return proxy.start()

    def send(self, proxy, message, xforward="ADDR=192.0.2.1 HELO=ann.test",
             **envelope):
        """One message over a connection of its own; the dot's answer."""
        client = proxy.client()
        self.addCleanup(client.close)
        client.ehlo()
        if xforward:
            reply = client.command("XFORWARD " + xforward)
            self.assertEqual(reply.code, 250, reply)
        return client.message(message, **envelope)
