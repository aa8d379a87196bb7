"""signpost dns: policies beside what is in the DNS, and all its formats.

Runs in a network of its own, whose mail would leave by 192.0.2.25 and
2001:db8::25. Postfix is a scripted postconf, the DNS nsd, and where it is to be
updated knotd.
"""
import json
import os
import re
import subprocess
import unittest

import tool  # first: it finds t/lib
import knot
import machine
import nameserver

CONFIG = """[signpost]
log = stderr
[out]
listen = 127.0.0.1:10027
relay = 127.0.0.1:10028
domain = example.org
selector = s1
keyfile = %(dir)s/keys/$domain/$selector.pem
spool_dir = %(dir)s
%(more)s
[dns]
timeout = 1
nameserver = %(server)s
"""

POSTCONF = """#!/bin/sh
case $1 in
-Mfx) echo 'smtp unix - - y - - smtp %(options)s';;
-x) cat <<'end'
%(main)s
end
esac
"""

# One domain a case: what its zone has, what is told, and what comes of it.
SPF = (
    # Nothing is there: the addresses by which mail leaves.
    ("none", (), (), "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 ~all"),
    # What is there stays, and is extended by what it lacks.
    ("mx", ("TXT v=spf1 mx -all", "MX 10 mx.test"), (),
     "v=spf1 mx ip4:192.0.2.25 ip6:2001:db8::25 -all"),
    ("half", ("TXT v=spf1 a ?all", "A 192.0.2.25"), (),
     "v=spf1 a ip6:2001:db8::25 ?all"),
    ("all", ("TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",), (),
     "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"),
    ("other", ("TXT google-site-verification=x", "TXT v=spf1 -all"), (),
     "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -all"),
    # One that keeps hosts out before: ours come first.
    ("out", ("TXT v=spf1 -ip4:192.0.2.25 mx ~all",), (),
     "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 -ip4:192.0.2.25 mx ~all"),
    ("redirect", ("TXT v=spf1 redirect=_spf.test",), (),
     "v=spf1 ip4:192.0.2.25 ip6:2001:db8::25 redirect=_spf.test"),
    # Never two, and never every host.
    ("two", ("TXT v=spf1 mx -all", "TXT v=spf1 a mx ~all"), (),
     "v=spf1 mx a ip4:192.0.2.25 ip6:2001:db8::25 -all"),
    ("plus", ("TXT v=spf1 mx +all",), (),
     "v=spf1 mx ~all"),
    ("bare", ("TXT v=spf1 all",), (), "v=spf1 ~all"),
    # What is told, and nothing of this machine's.
    ("told", (), ("--spf", "mx include:_spf.test -all"),
     "v=spf1 mx include:_spf.test -all"),
    ("more", ("TXT v=spf1 mx -all",), ("--spf", "v=spf1 MX a"),
     "v=spf1 mx a -all"),
    ("harder", ("TXT v=spf1 mx ~all",), ("--spf=-all",), "v=spf1 mx -all"),
)

# What is refused, and why.
REFUSED = (
    ("everyone", (), ("--spf", "+all"), "every host"),
    ("everyone", (), ("--spf", "mx all"), "every host"),
    ("syntax", (), ("--spf", "mx ip4:1.2.3"), "ip4:1.2.3"),
    ("broken", ("TXT v=spf1 mx ipv4:1.2.3.4 -all",), (), "ipv4"),
    ("unreached", ("TXT v=spf1 redirect=_spf.test",), ("--spf", "-all"),
     "redirect=_spf.test is not reached"),
    ("lookups", (), ("--spf", " ".join("a:a%d.test" % i for i in range(11))),
     "ten times at most"),
    ("lookups2", ("TXT v=spf1 include:nine.test -all",), ("--spf", "a mx"),
     "ten times at most"),
    ("voids", (), ("--spf", "a:n1.test a:n2.test a:n3.test"),
     "two names come to nothing"),
)

DMARC = (
    ("none", (), (), "v=DMARC1; p=none; rua=mailto:postmaster@none.test"),
    ("told", (), ("--dmarc", "p=reject", "--rua", "mailto:d@told.test"),
     "v=DMARC1; p=reject; rua=mailto:d@told.test"),
    ("kept", ("v=DMARC1;p=reject;  rua=mailto:x@kept.test; adkim=s",), (),
     "v=DMARC1;p=reject;  rua=mailto:x@kept.test; adkim=s"),
    ("raise", ("v=DMARC1; p=none; rua=mailto:x@raise.test; fo=1",),
     ("--dmarc=p=quarantine",),
     "v=DMARC1; p=quarantine; rua=mailto:x@raise.test; fo=1"),
    ("norua", ("v=DMARC1; p=none",), (),
     "v=DMARC1; p=none; rua=mailto:postmaster@norua.test"),
    ("add", ("v=DMARC1; p=none; rua=mailto:x@add.test!10m",),
     ("--rua", "y@add.test"),
     "v=DMARC1; p=none; rua=mailto:x@add.test!10m,mailto:y@add.test"),
    ("same", ("v=DMARC1; p=none; rua=mailto:x@same.test!10m",),
     ("--rua", "X@same.test"),
     "v=DMARC1; p=none; rua=mailto:x@same.test!10m"),
    ("nop", ("v=DMARC1; rua=mailto:x@nop.test",), (),
     "v=DMARC1; rua=mailto:x@nop.test; p=none"),
)


class Case(tool.Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(os.environ.__setitem__, "PATH", os.environ["PATH"])
        os.environ["PATH"] = self.path("bin") + ":/usr/bin:/bin"
        self.postfix()

    def postfix(self, *main, options=""):
        os.chmod(self.write("bin/postconf", POSTCONF % {
            "main": "\n".join(main), "options": options}), 0o755)

    def serve(self, *records, zone=""):
        server = nameserver.Nsd("\n".join(records))
        with open(os.path.join(server.directory, "zone"), "a",
                  encoding="utf-8") as f:
            f.write(zone)
        self.addCleanup(server.stop)
        server.start()
        return "127.0.0.1:%d" % server.port

    def configure(self, server, more=""):
        return self.write("signpost.conf", CONFIG % {
            "dir": self.dir, "server": server, "more": more})

    def dns(self, conf, *more, status=0):
        """{what: record} of JSON; the notes are for people."""
        result = self.run_tool("dns", "-c", conf, "--format", "json", *more,
                               status=status)
        self.err = result.err
        records = json.loads(result.out or b"[]")
        for record in records:
            self.assertTrue(all(len(s) <= 255 for s in record["strings"]))
            self.assertEqual("".join(record["strings"]), record["value"])
        found = {r["what"]: r for r in records}
        self.assertEqual(len(found), len(records), records)
        return found

    def key(self, *more, domain="example.org", selector="s1"):
        self.run_tool("keygen", "-t", "ed25519", "-d", domain, "-s", selector,
                      "-o", self.path("keys"), *more)


class Spf(Case):
    def test_what_is_there_is_kept_and_extended(self):
        server = self.serve(
            "mx.test A 192.0.2.1", "_spf.test TXT v=spf1 ip4:192.0.2.9 -all",
            *("%s.test %s" % (name, line)
              for name, lines, _, _ in SPF for line in lines),
            *("%s.test MX 10 mx.test" % name
              for name, lines, _, _ in SPF if "MX" not in str(lines)))
        conf = self.configure(server)
        for name, lines, options, want in SPF:
            with self.subTest(name):
                record = self.dns(conf, "-d", name + ".test", "--for", "spf",
                                  *options)["spf"]
                self.assertEqual(record["value"], want)
                old = [line[4:] for line in lines if line.startswith("TXT v=")]
                kept = old == [want]
                self.assertEqual(record["state"],
                                 "published" if kept else
                                 "changed" if old else "new")
                self.assertEqual(sorted(record["replaces"]),
                                 [] if kept else sorted(old))
                self.assertEqual(self.err, "")

    def test_what_receivers_would_not_heed_is_refused(self):
        server = self.serve(
            "nine.test TXT v=spf1 " + " ".join(
                "a:a%d.test" % i for i in range(9)) + " -all",
            "_spf.test TXT v=spf1 ip4:192.0.2.9 -all",
            *("a%d.test A 192.0.2.1" % i for i in range(11)),
            *("%s.test %s" % (name, line)
              for name, lines, _, _ in REFUSED for line in lines))
        conf = self.configure(server)
        for name, _, options, why in REFUSED:
            with self.subTest(name):
                self.assertEqual(self.dns(
                    conf, "-d", name + ".test", "--for", "spf", *options,
                    status=1), {})
                self.assertIn(why, self.err)

    def test_the_addresses_that_postfix_says(self):
        conf = self.configure(self.serve(
            "relay.test A 198.51.100.1", "relay.test A 198.51.100.2",
            "mail.test MX 10 relay.test",
            "covered.test TXT v=spf1 ip4:198.51.100.0/24 -all"))
        for main, options, want in (
                (("smtp_bind_address = 192.0.2.7",), "",
                 "ip4:192.0.2.7 ip6:2001:db8::25"),
                (("smtp_bind_address = 192.0.2.7", "inet_protocols = ipv4"),
                 "-o smtp_bind_address=192.0.2.8", "ip4:192.0.2.8"),
                (("smtp_bind_address6 = 2001:db8::7",
                  "inet_protocols = ipv6"), "", "ip6:2001:db8::7"),
                (("inet_interfaces = 192.0.2.9, [2001:db8::9]",), "",
                 "ip4:192.0.2.9 ip6:2001:db8::9"),
                (("inet_interfaces = 127.0.0.1, 192.0.2.9",
                  "inet_protocols = all"), "",
                 "ip4:192.0.2.25 ip6:2001:db8::25"),
                (("inet_interfaces = loopback-only",), "",
                 "ip4:192.0.2.25 ip6:2001:db8::25"),
                (("smtp_bind_address = 10.0.0.1", "inet_protocols = ipv4",
                  "proxy_interfaces = 192.0.2.77"), "", "ip4:192.0.2.77"),
                (("relayhost = [relay.test]:587",), "", "a:relay.test"),
                (("relayhost = mail.test",), "", "mx:mail.test"),
                (("relayhost = [198.51.100.9]",), "", "ip4:198.51.100.9"),
                (("default_transport = smtp:[relay.test]",), "",
                 "a:relay.test")):
            with self.subTest(main):
                self.postfix(*main, options=options)
                record = self.dns(conf, "-d", "x.test", "--for", "spf")["spf"]
                self.assertEqual(record["value"], "v=spf1 %s ~all" % want)
                if want[:2] in ("a:", "mx"):
                    self.assertIn("include:", record["note"])
        self.postfix("relayhost = mail.test")
        self.assertEqual(
            self.dns(conf, "-d", "covered.test", "--for", "spf")["spf"]
            ["state"], "published")

    def test_an_address_that_the_world_does_not_see(self):
        conf = self.configure(self.serve("x.test TXT v=spf1 mx -all",
                                         "x.test MX 10 x.test",
                                         "x.test A 192.0.2.1"))
        self.postfix("smtp_bind_address = 10.0.0.1", "inet_protocols = ipv4")
        self.assertEqual(
            self.dns(conf, "-d", "y.test", "--for", "spf", status=1), {})
        self.assertIn("10.0.0.1 is private", self.err)
        self.assertIn("--spf ip4:ADDRESS", self.err)
        record = self.dns(conf, "-d", "x.test", "--for", "spf")["spf"]
        self.assertEqual((record["state"], record["value"]),
                         ("published", "v=spf1 mx -all"))
        self.assertIn("10.0.0.1 is private", record["note"])

    def test_a_silent_dns_is_no_empty_one(self):
        self.key()
        conf = self.configure("127.0.0.1:9")
        found = self.dns(conf, status=75)
        self.assertEqual(set(found), {"dkim"})
        for what in ("spf", "senderid", "dmarc"):
            self.assertIn("dns: %s example.org: no answer" % what, self.err)

    def test_a_long_one_goes_in_strings_and_is_noted(self):
        conf = self.configure(self.serve("x.test TXT x"))
        terms = " ".join("ip4:192.0.2.%d" % i for i in range(60))
        record = self.dns(conf, "-d", "x.test", "--for", "spf", "--spf",
                          terms)["spf"]
        self.assertGreater(len(record["strings"]), 3)
        self.assertIn("over the 450", record["note"])


class SenderId(Case):
    def test_only_where_it_must_differ(self):
        conf = self.configure(self.serve(
            "plain.test TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
            "own.test TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
            "own.test TXT spf2.0/mfrom,pra ip4:192.0.2.0/24 ?all",
            "mfrom.test TXT spf2.0/mfrom -all"))
        self.assertNotIn("senderid", self.dns(
            conf, "-d", "plain.test", "--for", "senderid"))
        self.assertIn("no record of its own", self.err)
        self.assertEqual(self.dns(conf, "-d", "mfrom.test", "--for",
                                  "senderid"), {})
        record = self.dns(conf, "-d", "own.test", "--for",
                          "senderid")["senderid"]
        self.assertEqual(record["value"], "spf2.0/mfrom,pra ip4:192.0.2.0/24 "
                                          "ip6:2001:db8::25 ?all")
        # what is asked for in so many words
        record = self.dns(conf, "-d", "plain.test", "--for", "senderid",
                          "--spf", "ip4:192.0.2.3 ?all")["senderid"]
        self.assertEqual((record["name"], record["value"]),
                         ("plain.test", "spf2.0/pra ip4:192.0.2.3 ?all"))
        self.assertEqual(self.dns(
            conf, "-d", "plain.test", "--for", "senderid", "--spf",
            "ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"), {})


class Dmarc(Case):
    def test_what_is_there_is_kept_and_extended(self):
        conf = self.configure(self.serve(*(
            "_dmarc.%s.test TXT %s" % (name, text)
            for name, lines, _, _ in DMARC for text in lines)))
        for name, lines, options, want in DMARC:
            with self.subTest(name):
                record = self.dns(conf, "-d", name + ".test", "--for", "dmarc",
                                  *options)["dmarc"]
                self.assertEqual(record["name"], "_dmarc.%s.test" % name)
                self.assertEqual(record["value"], want)
                self.assertEqual(record["state"],
                                 "published" if lines == (want,) else
                                 "changed" if lines else "new")
                policy = re.search("p=(none|quarantine|reject)", want).group(1)
                if policy == "reject":
                    self.assertIsNone(record["note"])
                else:
                    self.assertIn("--for dmarc --dmarc p=%s" % (
                        "quarantine" if policy == "none" else "reject"),
                        record["note"])

    def test_the_advice_can_be_run(self):
        conf = self.configure(self.serve(
            "_dmarc.x.test TXT v=DMARC1; p=none; rua=mailto:a@x.test"))
        odd = self.path("of an admin's.conf")
        os.rename(conf, odd)
        note = self.dns(odd, "-d", "x.test", "--for", "dmarc")["dmarc"]["note"]
        command = note.split("raise it: signpost ")[1]
        done = subprocess.run(
            ["/bin/sh", "-c", tool.binary() + " " + command],
            stdout=subprocess.PIPE, timeout=400, check=True)
        self.assertIn(b'"v=DMARC1; p=quarantine; rua=mailto:a@x.test"',
                      done.stdout)

    def test_that_of_the_domain_above_holds(self):
        conf = self.configure(self.serve(
            "_dmarc.x.test TXT v=DMARC1; p=reject; sp=none"))
        self.assertEqual(
            self.dns(conf, "-d", "sub.x.test", "--for", "dmarc"), {})
        self.assertEqual(self.dns(
            conf, "-d", "sub.x.test", "--for", "dmarc", "--dmarc",
            "p=quarantine")["dmarc"]["name"], "_dmarc.sub.x.test")

    def test_several_are_a_persons_affair(self):
        conf = self.configure(self.serve("_dmarc.x.test TXT v=DMARC1; p=none",
                                         "_dmarc.x.test TXT v=DMARC1; p=none;"))
        self.assertEqual(self.dns(conf, "-d", "x.test", "--for", "dmarc",
                                  status=1), {})
        self.assertIn("2 records at _dmarc.x.test", self.err)

    def test_reports_to_another_domain_need_its_consent(self):
        conf = self.configure(self.serve(
            "a.test._report._dmarc.reports.example TXT v=DMARC1"))
        for domain, count in (("a.test", 1), ("b.test", 2)):
            zone = self.run_tool("dns", "-c", conf, "-d", domain, "--for",
                                 "dmarc", "--rua", "d@reports.example").out
            self.assertEqual(zone.count(b" IN TXT "), count)
        self.assertIn(b"\n; b.test._report._dmarc.reports.example. IN TXT "
                      b'"v=DMARC1;"\n', zone)
        for wrong in ("x", "a@b@c", "a,b@c.d", "a b@c.d", "@c.d", "a@"):
            self.run_tool("dns", "-c", conf, "--rua", wrong, status=64)


class All(Case):
    def test_keys_and_policies_of_each_domain(self):
        self.key()
        self.run_tool("keygen", "-d", "example.net", "-s", "s1", "-o",
                      self.path("keys"))
        conf = self.configure(
            self.serve("_domainkey.example.net TXT t=y; o=-"),
            "domain = example.net\nsignature = dkim\n"
            "sender_map = %s" % self.write(
                "map", "example.net dkim, domainkeys\n"))
        out = self.run_tool("dns", "-c", conf, "--format", "raw").out.decode()
        self.assertEqual([line.split(" TXT ")[0]
                          for line in out.splitlines()], [
            "s1._domainkey.example.org", "example.org", "_dmarc.example.org",
            "s1._domainkey.example.net", "_domainkey.example.net",
            "example.net", "_dmarc.example.net"])
        self.assertIn("_domainkey.example.net TXT t=y; o=-\n", out)

    def test_the_form_has_two_fields_without_quotes(self):
        self.key()
        conf = self.configure(self.serve("x.test TXT x"))
        out = self.run_tool("dns", "-c", conf, "--format", "form").out.decode()
        self.assertNotIn('"', out)
        names = re.findall(r"(?m)^Name   (\S+) +\(in the zone (\S+)\)$", out)
        self.assertEqual(names, [("s1._domainkey", "example.org"),
                                 ("@", "example.org"),
                                 ("_dmarc", "example.org")])
        self.assertEqual(len(re.findall(r"(?m)^Value  \S", out)), 3)

    def test_ends(self):
        conf = self.configure("127.0.0.1:9")
        for wrong in (("--for", "x"), ("--dmarc", "p=all"),
                      ("--nameserver", "x"), ("--format", "x"),
                      ("-d", "..")):
            self.run_tool("dns", "-c", conf, *wrong, status=64)
        self.run_tool("dns", "-c", conf, "-d", "other.test", status=65)


class Update(Case):
    def test_nsupdate_does_it_and_once(self):
        """What it prints, nsupdate brings into a real server; then all is
        there, and no update is left."""
        self.run_tool("keygen", "-b", "4096", "-d", "example.org", "-s", "s1",
                      "-o", self.path("keys"))
        with knot.Knot(
                "example.org", '@ TXT "v=spf1 mx -all"', '@ TXT "keep me"',
                "@ MX 10 mx", "mx A 192.0.2.1",
                's1._domainkey TXT "v=DKIM1; k=rsa; p=AAAA"',
                '_dmarc TXT "v=DMARC1; p=none"') as server:
            conf = self.configure(server.address(), "signature = dkim\n"
                                  "signature = domainkeys")
            commands = self.run_tool("dns", "-c", conf, "--format",
                                     "nsupdate").out.decode()
            self.assertTrue(commands.count("send\n") == 1
                            and commands.endswith("send\n"))
            self.assertIn("zone example.org.\n", commands)
            self.assertEqual(server.update(commands), "")
            found = self.dns(conf)
            self.assertEqual({r["state"] for r in found.values()},
                             {"published"})
            self.assertEqual({r["zone"] for r in found.values()},
                             {"example.org"})
            self.assertEqual(
                found["spf"]["value"],
                "v=spf1 mx ip4:192.0.2.25 ip6:2001:db8::25 -all")
            self.assertEqual(set(found),
                             {"dkim", "domainkeys", "spf", "dmarc"})
            self.assertNotIn("update", self.run_tool(
                "dns", "-c", conf, "--format", "nsupdate").out.decode())
            texts = subprocess.run(
                ["/usr/bin/kdig", "@127.0.0.1", "-p", str(server.port),
                 "+short", "example.org", "TXT"], stdout=subprocess.PIPE,
                text=True, timeout=400, check=True).stdout
            self.assertEqual(sorted(texts.splitlines()), [
                '"keep me"',
                '"v=spf1 mx ip4:192.0.2.25 ip6:2001:db8::25 -all"'])
            # without asking, what stands at a key's name gives way
            commands = self.run_tool("dns", "-c", conf, "--for", "dkim",
                                     "--format", "nsupdate").out.decode()
            self.assertEqual(server.update(
                commands.replace("send\n", "zone example.org.\nsend\n")), "")
            self.assertEqual(self.dns(conf)["dkim"]["state"], "published")


if __name__ == "__main__":
    machine.alone(__file__, "192.0.2.25", "2001:db8::25")
    unittest.main()
