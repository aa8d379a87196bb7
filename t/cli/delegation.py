#!/usr/bin/python3
"""signpost dns --cname: what customers publish who delegate their selectors."""
import json
import unittest

import dns.message
import dns.query

import tool  # first: it finds t/lib
import knot

MORE = """[rotate]
name = a, b
"""


class Delegation(tool.Case):
    def dns(self, conf, *more, status=0):
        return self.run_tool("dns", "-c", conf, "--cname", "keys.example.net",
                             *more, status=status)

    def pairs(self, conf, *more):
        """{name: target}, of the zone's lines."""
        out = self.dns(conf, *more).out.decode()
        found = {}
        for line in out.splitlines():
            name, _, kind, target = line.split()
            self.assertEqual(kind, "CNAME")
            found[name] = target
        return found

    def test_each_name_of_each_domain(self):
        self.write("senders", "joe@maps.example dkim(d=maps.example)\n"
                   "macro.example dkim(d=$senderdomain)\n")
        conf = self.config("domain = example.com, b\u00fccher.example\n"
                           "sender_map = %s\n%s" % (
                               self.path("senders"), MORE))
        self.assertEqual(self.pairs(conf), {
            "%s._domainkey.%s." % (name, domain):
            "%s._domainkey.%s.keys.example.net." % (name, domain)
            for name in "ab" for domain in (
                "example.org", "example.com", "xn--bcher-kva.example",
                "maps.example")})
        # A customer who is about to come is in no setting yet.
        self.assertEqual(self.pairs(conf, "-d", "New.Example"), {
            "%s._domainkey.new.example." % name:
            "%s._domainkey.new.example.keys.example.net." % name
            for name in "ab"})

    def test_each_kind_of_keys_has_names(self):
        def names(more):
            conf = self.write("signpost.conf", tool.CONFIG.replace(
                "selector = s1", "selector = auto") % {
                    "dir": self.dir, "more": more + MORE})
            return [name.split(".")[0] for name in self.pairs(
                conf, "-d", "example.com")]

        rsa, ed = ("signature = dkim(a=%s)\n" % a for a in (
            "rsa-sha256", "ed25519-sha256"))
        self.assertEqual(names(rsa), ["a", "b"])
        self.assertEqual(names(ed), ["ae", "be"])
        self.assertEqual(names(rsa + ed), ["a", "b", "ae", "be"])

    def test_its_formats(self):
        conf = self.config(MORE)
        name, target = ("a._domainkey.example.org",
                        "a._domainkey.example.org.keys.example.net")
        self.assertEqual(json.loads(self.dns(
            conf, "--format", "json").out)[0], {
                "name": name, "type": "CNAME", "value": target,
                "what": "dkim", "zone": None, "state": "new",
                "replaces": [], "note": None})
        self.assertEqual(self.dns(conf, "--format", "raw").out.decode(
            ).splitlines()[0], "%s CNAME %s" % (name, target))
        self.assertTrue(self.dns(conf, "--format", "form").out.decode(
            ).startswith("Name   a._domainkey    (in the zone example.org)\n"
                         "Type   CNAME\nValue  %s\n" % target))

    def test_a_zone_takes_it_and_names_what_is_in_its_way(self):
        conf = self.config(MORE)
        commands = self.dns(conf, "--format", "nsupdate").out.decode()
        with knot.Knot("example.org") as server:
            for _ in range(2):
                self.assertEqual(server.update(commands), "")
            reply = dns.query.udp(dns.message.make_query(
                "b._domainkey.example.org", "TXT"), "127.0.0.1",
                tool.WAIT, server.port)
            self.assertEqual([r.target.to_text() for r in reply.answer[0]],
                             ["b._domainkey.example.org.keys.example.net."])
        with knot.Knot("example.org", "a._domainkey TXT old") as server:
            self.assertIn("YXRRSET", server.update(commands))

    def test_what_cannot_be(self):
        long = ".".join(["x" * 60] * 3 + ["x" * 45])
        for more, arguments, status, why in (
                ("", (), 78, "[rotate] name = a, b"),
                ("[rotate]\nname = m%Y\n", (), 78, "[rotate] name = a, b"),
                (MORE, ("--for", "spf"), 64, "--cname goes with"),
                (MORE, ("--spf", "mx"), 64, "--cname goes with"),
                (MORE, ("-d", "a b"), 64, "-d a b: no domain name"),
                (MORE, ("--cname", "a b"), 64, "--cname a b: no domain name"),
                (MORE, ("-d", long), 1, "longer than a name can be")):
            self.assertIn(why, self.dns(self.config(more), *arguments,
                                        status=status).err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
