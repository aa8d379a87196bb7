#!/usr/bin/python3
"""signpost-howto(7), word for word: each of its commands is done as it stands in
the manual page's source, on a machine that has nothing but what Debian installs;
and a reflector elsewhere says the five words. Under t/howto that machine is a
Debian which has only just been made.

The machine (t/lib/machine.py) has a wire to a world of its own: another network
with a resolver, SpamAssassin, and a host verifier.example that answers what is
written to check-auth there. Whoever keeps example.org's delegation and its
addresses' names is the resolver.
"""
import os
import pathlib
import re
import subprocess
import sys
import unittest

import setup
from setup import arrived, run, wait_until

import machine
import part

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / "man/signpost-howto.7"
# apt-get compiles the rules of SpamAssassin where there are none yet.
INSTALLS_S = 600 if machine.DEBIAN else 120
HERE, THERE = "192.0.2.9", "192.0.2.1"
WORLD = pathlib.Path("/run/world")
ROOT = machine.ROOT

RESOLVER = """\
server:
  interface: 192.0.2.1
  interface: 127.0.0.1
  access-control: 192.0.2.0/24 allow
  username: ""
  chroot: ""
  directory: "/run/world"
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  module-config: "iterator"
  cache-max-negative-ttl: 1
  infra-host-ttl: 1
  infra-keep-probing: yes
  local-zone: "." static
  local-zone: "example.org." transparent
  local-data: "verifier.example. MX 10 verifier.example."
  local-data: "verifier.example. A 192.0.2.1"
  local-data: "verifier.example. TXT 'v=spf1 ip4:192.0.2.1 -all'"
  local-data-ptr: "192.0.2.9 mail.example.org"
  local-data-ptr: "192.0.2.1 verifier.example"
remote-control:
  control-enable: no
stub-zone:
  name: "example.org"
  stub-addr: 192.0.2.9
"""
VERIFIER = """\
[signpost]
log = stderr
hostname = verifier.example
control = /run/world/control
[in]
listen = 192.0.2.1:25
allow = 192.0.2.0/24
relay = 127.0.0.1:2525
authserv_id = verifier.example
spool_dir = /run/world/spool
[dns]
nameserver = 127.0.0.1
[reflector]
address = check-auth@verifier.example
relay = 192.0.2.9:25
spamd = 127.0.0.1:783
[results]
database = /run/world/results/results.db
"""


def here(*words, check=True):
    """On the machine of the page; what only says `run` is of the other one."""
    return run(*ROOT.words(*words), check=check)


def commands(page):
    """Each command of the page, with what goes on below it."""
    found = []
    for block in re.findall(r"(?ms)^\.Bd -literal\n(.*?)^\.Ed$", page):
        for command in re.split(r"(?m)^# ", block)[1:]:
            found.append(command.replace("\\(aq", "'").replace(
                "\\e", "\\").replace("\\&", ""))
    return found


class Howto(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        part.require("spamd", "signpost-howto(7)")
        cls.children = []
        for user in "ann", "signpost", "signpost-in":
            here("userdel", user, check=False)
        if not machine.DEBIAN:
            # What installing makes elsewhere than we have layers for.
            here("install", "-d", "-o", "nsd", "/run/nsd")
        ROOT.path("/etc/resolv.conf").write_text("nameserver %s\n" % THERE)
        setup.BOX = ROOT.path(setup.BOX)
        setup.BOX.unlink(missing_ok=True)
        os.makedirs("/run/source")
        os.symlink(setup.BUILD, "/run/source/build")
        cls.world()

    @classmethod
    def there(cls, *words):
        """A program of that world, which stays."""
        with open(WORLD / (os.path.basename(words[0]) + ".log"), "wb") as log:
            cls.children.append(subprocess.Popen(
                ["nsenter", "--net=/proc/%d/ns/net" % cls.net.pid, *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    @classmethod
    def world(cls):
        cls.net = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec sleep 1800"],
            stdout=subprocess.PIPE)
        cls.children.append(cls.net)
        cls.net.stdout.readline()
        run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire",
            "netns", str(cls.net.pid))
        run("ip", "addr", "add", HERE + "/24", "dev", "wire")
        run("ip", "link", "set", "wire", "up")
        WORLD.mkdir()
        for name in "spool", "results":
            (WORLD / name).mkdir()
        for name, text in (("resolver", RESOLVER), ("verifier", VERIFIER)):
            (WORLD / (name + ".conf")).write_text(text)
        cls.there("sh", "-ec", "ip addr add %s/24 dev wire; ip link set wire up;"
                  "ip link set lo up" % THERE)
        cls.children[-1].wait(30)
        cls.there("unbound", "-d", "-c", str(WORLD / "resolver.conf"))
        cls.there("smtp-sink", "-u", "nobody", "127.0.0.1:2525", "10")
        cls.there("spamd", "--local", "--max-children", "1", "--nouser-config",
                  "--helper-home-dir", "/run/world")

    @classmethod
    def tearDownClass(cls):
        for program in "signpost", "postfix", "nsd", "spamd":
            here("service", program, "stop", check=False)
        for child in reversed(cls.children):
            child.kill()
            child.wait()

    def logs(self):
        return "".join("== %s\n%s" % (path, path.read_text(errors="replace")[-3000:])
                       for path in WORLD.glob("*.log"))

    def do(self, command, status=(0,)):
        done = subprocess.run(
            ROOT.words("bash", "-c", "cd /run/source || exit\n" + command),
            stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, timeout=INSTALLS_S, check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"})
        self.assertIn(done.returncode, status, command + "\n" + done.stdout + self.logs())
        return done.stdout

    def checked(self, command):
        """"Until nothing is": a resolver may know that no record was, or be
        slower than check has patience."""
        said = []

        def is_sound():
            said.append(self.do(command, (0, 1, 75)))
            return not re.search(r"(?m)^(FAIL|unknown) ", said[-1])
        wait_until(command, is_sound)
        return said[-1]

    def verifier(self):
        """It is the program that was installed here."""
        self.verifying = True
        here("chown", "signpost-in", str(WORLD / "spool"))
        here("chown", "signpost-record", str(WORLD / "results"))
        self.there(*ROOT.words("signpost", "serve", "-c",
                               str(WORLD / "verifier.conf")))

    def test_from_nothing_to_five_passes(self):
        said, self.verifying = {}, False
        listed = commands(PAGE.read_text())
        self.assertGreater(len(listed), 20)
        for command in listed:
            # That ends with 1 while its records are to be published.
            status = (0, 1) if command.startswith("signpost setup") else (0,)
            if command == "signpost check -d example.org\n":
                said[command] = self.checked(command)
            else:
                said[command] = self.do(command, status)
            if command.startswith("postconf"):
                self.assertNotIn("fatal", said[command])
            if command.startswith("signpost setup") and not self.verifying:
                self.verifier()
            if command.startswith("service nsd"):
                wait_until("the world sees the zone", lambda: "ANSWER: 1," in run(
                    "dig", "+time=1", "+tries=1", "@" + THERE, "example.org",
                    "SOA", check=False).stdout)
            if "check-auth@verifier" in command:
                wait_until("the reflector's answer", lambda: [
                    m for m in arrived() if "verifier" in (m["From"] or "")])
        self.judge(said)

    def judge(self, said):
        """What the page promises at its top, of the answer and of verify."""
        text = PAGE.read_text()
        promised = re.search(
            r"(?ms)^\.Bd -literal -offset indent\n(.*?)^\.Ed", text).group(1)
        self.assertEqual(promised.count("pass"), 4)
        [answer] = [m for m in arrived() if "verifier" in (m["From"] or "")]
        body = answer.get_payload(0) if answer.is_multipart() else answer
        for where in str(body), *(
                out for command, out in said.items() if "--summary" in command):
            for line in promised.splitlines():
                self.assertRegex(where, r"(?m)^%s( \(.*)?$" % r" +".join(
                    re.escape(word) for word in line.split()))
        # The host's own view of itself, and of who wrote to it.
        for command, out in said.items():
            if command.startswith("signpost check"):
                self.assertNotRegex(out, r"(?m)^(FAIL|warning|unknown) ", out)
        self.assertRegex(said["signpost check -d example.org --send "
                              "ann@example.org\n"],
                         r"(?m)^ok +send ann@example\.org: .*dkim=pass")
        self.assertRegex(answer["Authentication-Results"] or "",
                         r"mail\.example\.org;")


if __name__ == "__main__":
    machine.enter(os.path.abspath(__file__))
    unittest.main(verbosity=2)
