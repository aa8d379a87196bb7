"""What the tests of signpost check share: a domain whose setup is complete.

A key made by `signpost keygen`, its record as `signpost dns` prints it, SPF
and DMARC, all served by nsd; somebody who answers as signpost does, and a next
hop behind; a postconf, scripted, that names both. A test then breaks one thing
and looks for one line.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

import tool

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "run"))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import harness  # noqa: E402
import nameserver  # noqa: E402
import postfix  # noqa: E402

CONFIG = """[signpost]
control = none
log = stderr
user = nobody
keys_user = daemon
[out]
listen = %(listen)s
relay = %(relay)s
domain = %(domain)s
selector = s1
keyfile = %(dir)s/$domain/$selector.pem
spool_dir = %(dir)s/spool
%(more)s"""

POSTCONF = """#!/bin/sh
case $1 in
-Mfx) cat <<'end'
%(lines)send
;;
-x) echo 'compatibility_level = 3.6';;
esac
"""


def postconf_script(listen, relay,
                    samples=("out-after-queue", "local-mail")):
    """One that prints the samples' lines, with these ports."""
    lines = "".join(
        postfix.sample(name, {
            "submission": 587, "out": listen, "out_relay": relay, "smtp": 25,
            "in_": listen, "in_relay": relay})
        for name in samples)
    return POSTCONF % {"lines": re.sub(r"^(#.*)?\n", "", lines, flags=re.M)}


# By which mail would leave, in a network of the test's own: machine.alone().
ADDRESS = "192.0.2.25"
SPF = "example.org TXT v=spf1 ip4:192.0.2.25 -all"
DMARC = "_dmarc.example.org TXT v=DMARC1; p=reject"


# Where /tmp is memory, as on Debian 13, `check` warns of a spool there.
tempfile.tempdir = "/var/tmp"


class Case(tool.Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.dir, 0o711)
        os.mkdir(self.path("spool"), 0o777)
        os.chmod(self.path("spool"), 0o777)
        self.us = self.relay()
        self.hop = self.relay()
        self.postconf(postconf_script(self.us.port, self.hop.port))

    def together(self, *calls):
        """Those at once that spend their time waiting."""
        errors = []

        def one(call):
            try:
                call()
            except BaseException as error:  # whatever: it is raised below
                errors.append(error)
        threads = [threading.Thread(target=one, args=(call,))
                   for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for error in errors:
            raise error

    def relay(self, *scripts, **options):
        relay = harness.Relay(*scripts, **options)
        self.addCleanup(relay.close)
        return relay

    def postconf(self, script, where="bin"):
        """Puts another program in Postfix's place."""
        os.chmod(self.write(where + "/postconf", script), 0o755)

    def configure(self, more="", domain="example.org", listen=None,
                  relay=None, name="signpost.conf"):
        return self.write(name, CONFIG % {
            "dir": self.dir, "more": more, "domain": domain,
            "listen": listen or self.us.address(),
            "relay": relay or self.hop.address()})

    def nsd(self, *records, zone=""):
        """A real name server: lines as in t/lib/zone.h, and of a zone. The
        address by which mail leaves has its name, unless one is given."""
        if not any("in-addr.arpa" in record for record in records):
            records += ("25.2.0.192.in-addr.arpa PTR mail.example.org",
                        "mail.example.org A " + ADDRESS)
        server = nameserver.Nsd("\n".join(records))
        with open(os.path.join(server.directory, "zone"), "a",
                  encoding="utf-8") as f:
            f.write(zone)
        self.addCleanup(server.stop)
        server.start()
        return "127.0.0.1:%d" % server.port

    def good(self, *options, more="", records=(SPF, DMARC)):
        """Configuration and name server of a domain where all is well."""
        _, self.name, self.value = self.keygen(*options)
        conf = self.configure(more)
        zone = self.run_tool("dns", "--for", "dkim", "-c", conf, "--format", "zone").out
        return conf, self.nsd(*records, zone=zone.decode())

    def check(self, conf, nameserver_at, *more, status=0, env=(),
              user=None):
        """Runs it; every line and its JSON have the promised form."""
        args = ["check", "-c", conf, *more]
        if nameserver_at is not None:
            args += ["--nameserver", nameserver_at]
        environment = dict(os.environ, **dict(env))
        environment.setdefault("PATH", "/usr/bin:/bin")
        if "MAIL_CONFIG" not in environment:
            environment["PATH"] = "%s:%s" % (self.path("bin"),
                                             environment["PATH"])
        done = subprocess.run([tool.binary(), *args], cwd=self.dir,
                              env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=400, user=user)
        result = tool.Result(done)
        if status is not None:
            self.assertEqual(result.status, status,
                             result.err + result.out.decode("latin-1"))
        self.assertNotIn("Sanitizer", result.err)
        return result

    def found(self, conf, nameserver_at, *more, status=0, **kind):
        """[(result, what, subject, reason, todo)...], the same both ways."""
        start = time.monotonic()
        text = self.check(conf, nameserver_at, *more, status=status, **kind)
        self.seconds = time.monotonic() - start
        self.assertEqual(text.err, "")
        found = []
        for line in text.out.decode("ascii").splitlines():
            self.assertRegex(line, r"\A[ -~]+\Z")
            if line.startswith("         "):
                self.assertEqual(found[-1][4], "")
                found[-1][4] = line.strip()
                continue
            match = re.match(
                r"(ok|note|warning|unknown|FAIL) +(\w+) (\S+): (.+)\Z", line)
            self.assertTrue(match, line)
            found.append([*match.groups(), ""])
        for result, _, _, _, todo in found:
            self.assertEqual(result == "ok", todo == "", found)
        return [tuple(f) for f in found]

    def as_json(self, conf, nameserver_at, *more, status=0, **kind):
        out = self.check(conf, nameserver_at, "--json", *more, status=status,
                         **kind).out
        self.assertEqual(out.count(b"\n"), 1)
        document = json.loads(out)
        self.assertEqual(set(document), {"checks", "result"})
        for one in document["checks"]:
            self.assertEqual(set(one), {"what", "subject", "result", "reason",
                                        "todo"})
        return document

    def one(self, what, conf, nameserver_at, *more, status=0, result=None,
            **kind):
        """The one finding of that kind that is not ok: (reason, todo). The
        JSON must say the same, and nothing else be wrong."""
        found = self.found(conf, nameserver_at, *more, status=status, **kind)
        wrong = [f for f in found if f[0] != "ok"]
        self.assertEqual([f[:2] for f in wrong], [(result, what)], found)
        document = self.as_json(conf, nameserver_at, *more, status=status,
                                **kind)
        self.assertEqual(document["result"], result.lower())
        self.assertEqual(
            [(c["result"].replace("fail", "FAIL"), c["what"], c["subject"],
              c["reason"], c["todo"]) for c in document["checks"]], found)
        return wrong[0][3:]
