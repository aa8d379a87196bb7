#!/usr/bin/python3
"""Who reads strangers' mail holds no signing key: the verifying workers run
as another user, and neither in their memory nor among their descriptors is
there anything of a key, nor a way to ask for one. As a control, the signing
worker's memory does hold it. Needs root, to look.
"""
import base64
import os
import pwd
import re
import shutil
import socket
import subprocess

import harness
import inbound


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


def uid(pid):
    with open("/proc/%d/status" % pid) as status:
        return int(re.search(r"^Uid:\s+(\d+)", status.read(), re.M).group(1))


class NoKey(inbound.Case):
    def setUp(self):
        if os.getuid() != 0:
            self.fail("needs root")
        self.world = self.relay()
        server = self.nsd("example.org TXT v=spf1 -all\n")
        self.in_port = harness.free_port()
        proxy = harness.Signpost(self.world)
        spool = os.path.join(proxy.dir, "in")
        os.mkdir(spool)
        shutil.chown(spool, inbound.WORKER)
        proxy.configure(rest=(
            "[in]\nuser = %s\nlisten = 127.0.0.1:%d\nrelay = %s\n"
            "authserv_id = mx.example.org\nspool_dir = %s\n"
            "[dns]\nnameserver = 127.0.0.1:%d\n" % (
                inbound.WORKER, self.in_port, self.world.address(), spool,
                server.port)))
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        self.proxy = proxy.start()
        self.pass_mail()

    def pass_mail(self):
        for port in (self.proxy.port, self.in_port, self.proxy.port):
            harness.wait_until("a listener", lambda: self.listens(port))
            client = harness.Client(port)
            client.ehlo()
            self.assertEqual(client.message(harness.SAMPLE).code, 250)
            client.quit()

    @staticmethod
    def listens(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def workers(self, role):
        found = []
        for pid in self.proxy.processes():
            with open("/proc/%d/cmdline" % pid, "rb") as words:
                if words.read().split(b"\0")[1:3] == [b"--worker", role]:
                    found.append(pid)
        self.assertTrue(found, self.proxy.text())
        return found

    def test_memory(self):
        secrets = key_secrets(self.proxy.keyfile)
        control = set()
        for pid in self.workers(b"out"):
            control |= found_in(pid, secrets)
        self.assertTrue(control, "the search finds no key where one is")
        for pid in self.workers(b"in"):
            self.assertEqual(found_in(pid, secrets), set())

    def test_users(self):
        signing = {uid(pid) for pid in self.workers(b"out")}
        verifying = {uid(pid) for pid in self.workers(b"in")}
        self.assertEqual(signing, {pwd.getpwnam(harness.WORKER).pw_uid})
        self.assertEqual(verifying, {pwd.getpwnam(inbound.WORKER).pw_uid})

    def test_no_way_to_ask(self):
        """Keys are asked for on a pair of sockets that keep packets apart
        (SOCK_SEQPACKET); nothing else is one where nothing is recorded. A
        verifying worker has none, and no file of a key."""
        asking = [self.channels(pid) for pid in self.workers(b"out")]
        self.assertTrue(all(asking), "no key channel where one must be")
        for pid in self.workers(b"in"):
            self.assertEqual(self.channels(pid), set())
            for fd in os.listdir("/proc/%d/fd" % pid):
                self.assertNotIn(".pem", os.readlink(
                    "/proc/%d/fd/%s" % (pid, fd)))

    def channels(self, pid):
        """A worker's sockets of that kind, by their inodes."""
        with open("/proc/net/unix") as table:
            connected = {line.split()[6] for line in table.readlines()[1:]
                         if line.split()[4:6] == ["0005", "03"]}
        inodes = set()
        for fd in os.listdir("/proc/%d/fd" % pid):
            try:
                target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        return inodes & connected


if __name__ == "__main__":
    harness.main()
