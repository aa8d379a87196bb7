"""signpost dns: the records that the configuration's keys want."""
import json
import os
import re
import unittest

import tool

MANY = 10000
LONG = 150  # seconds, of a busy machine


class Dns(tool.Case):
    def dns(self, conf, *more, **kind):
        return self.run_tool("dns", "--for", "dkim", "-c", conf, *more, **kind)

    def names(self, conf, *more, **kind):
        out = self.dns(conf, "--format", "raw", *more, **kind).out.decode()
        return [line.split()[0] for line in out.splitlines()]

    def test_the_record_is_what_keygen_printed(self):
        _, name, value = self.keygen("-b", "3072")
        conf = self.config()
        zone = self.dns(conf).out.decode()
        self.assertTrue(zone.startswith(name + ". IN TXT ( "))
        strings = re.findall(r'"([^"]*)"', zone)
        self.assertEqual("".join(strings), value)
        self.assertTrue(all(len(s) <= 255 for s in strings))
        self.assertEqual(self.dns(conf, "--format", "raw").out.decode(),
                         "%s TXT %s\n" % (name, value))
        host, _, zone = name.partition("._domainkey.")
        self.assertEqual(
            self.dns(conf, "--format", "form").out.decode(),
            "Name   %s._domainkey    (in the zone %s)\nType   TXT\n"
            "Value  %s\n" % (host, zone, value))
        self.assertEqual(json.loads(self.dns(conf, "--format", "json").out),
                         [{"name": name, "type": "TXT", "value": value,
                           "strings": strings, "what": "dkim", "zone": None,
                           "state": "new", "replaces": [], "note": None}])

    def test_each_domain_signature_and_map_entry_once(self):
        for domain, selector in (("example.org", "s1"), ("example.org", "s2"),
                                 ("example.net", "s1"), ("example.net", "s2"),
                                 ("maps.example", "s3"),
                                 ("lists.example", "s1")):
            self.keygen("-t", "ed25519", domain=domain, selector=selector)
        self.write("senders", "joe@maps.example dkim(s=s3)\n"
                   "example.org dkim(s=s1)\n"
                   "macro.example dkim(d=$senderdomain)\n")
        self.write("lists", "list.lists.example dkim(s=s1)\n")
        conf = self.config("domain = example.net\nsignature = dkim(s=s1)\n"
                           "signature = dkim(s=s2)\n"
                           "sender_map = %s\nlistid_map = %s"
                           % (self.path("senders"), self.path("lists")))
        self.assertEqual(sorted(self.names(conf)), sorted([
            "s1._domainkey.example.org", "s2._domainkey.example.org",
            "s1._domainkey.example.net", "s2._domainkey.example.net",
            "s3._domainkey.maps.example", "s1._domainkey.lists.example"]))
        self.assertEqual(self.names(conf, "-d", "Maps.Example"),
                         ["s3._domainkey.maps.example"])

    def test_the_seals_record_too(self):
        self.keygen("-t", "ed25519", domain="seal.example", selector="arc")
        conf = self.config()
        with open(conf) as f:
            out = f.read()
        sealing = ("[in]\nlisten = 127.0.0.1:10025\nrelay = 127.0.0.1:10026\n"
                   "authserv_id = mx.example.org\ncheck = arc, dkim\n"
                   "seal_domain = seal.example\nseal_selector = arc\n"
                   "seal_keyfile = %s\n" % self.path(
                       "$domain/$selector.pem"))
        name = "arc._domainkey.seal.example"
        self.assertEqual(self.names(self.write("in.conf", sealing)), [name])
        self.keygen()
        both = self.names(self.write("both.conf", out + "\n" + sealing))
        self.assertEqual(len(both), 2)
        self.assertEqual(both[1], name)

    def test_any_domain_needs_its_name(self):
        self.keygen(domain="some.example")
        conf = self.config("domain = *")
        with open(conf) as f:
            text = f.read().replace("domain = example.org\n", "")
        conf = self.write("any.conf", text)
        self.assertEqual(self.names(conf), ["s1._domainkey.some.example"])
        self.assertEqual(self.names(conf, "-d", "some.example"),
                         ["s1._domainkey.some.example"])
        # a parent's key signs, and has the record
        self.assertEqual(self.names(conf, "-d", "sub.some.example"),
                         ["s1._domainkey.some.example"])
        for name in ("b.example", "a.example"):
            self.keygen("-t", "ed25519", domain=name)
        for name in ("none.example", "no-name_", "Upper.example"):
            os.mkdir(self.path(name))
        with open(self.path("s1.pem"), "w", encoding="ascii"):
            pass
        self.assertEqual(self.names(conf), [
            "s1._domainkey.a.example", "s1._domainkey.b.example",
            "s1._domainkey.some.example"])
        # a key that is no key is told, and the others printed
        self.write("c.example/s1.pem", "no key\n")
        result = self.dns(conf, "--format", "raw", status=78)
        self.assertIn("c.example", result.err)
        self.assertEqual(len(result.out.splitlines()), 3)

    def test_key_trees_of_other_forms(self):
        for keyfile in ("flat/$domain.key", "flat/$selector.$domain",
                        "deep/$selector/of-$domain/key.pem"):
            with self.subTest(keyfile):
                conf = self.write("tree.conf", (
                    "[out]\nlisten = 127.0.0.1:10027\n"
                    "relay = 127.0.0.1:10028\ndomain = *\nselector = s1\n"
                    "spool_dir = %s\nkeyfile = %s\n") % (
                        self.dir, self.path(keyfile)))
                self.dns(conf, status=65)
                for name in ("b.example", "a.example"):
                    self.run_tool("keygen", "-c", conf, "-t", "ed25519",
                                  "-d", name, "-s", "s1")
                self.assertEqual(self.names(conf), [
                    "s1._domainkey.a.example", "s1._domainkey.b.example"])

    def test_many_domains(self):
        """A hundred thousand take ten times that, which is too long here."""
        path, _, value = self.keygen("-t", "ed25519")
        with open(path, "rb") as f:
            key = f.read()
        os.mkdir(self.path("many"))
        for number in range(MANY):
            with open(self.path("many", "d%05d.example" % number), "xb",
                      opener=lambda p, f: os.open(p, f, 0o600)) as f:
                f.write(key)
        conf = self.write("many.conf", (
            "[out]\nlisten = 127.0.0.1:10027\nrelay = 127.0.0.1:10028\n"
            "domain = *\nselector = s1\nspool_dir = %s\nkeyfile = %s\n") % (
                self.dir, self.path("many", "$domain")))
        lines = self.dns(conf, "--format", "raw",
                         wait=LONG).out.decode().splitlines()
        self.assertEqual(lines, ["s1._domainkey.d%05d.example TXT %s" % (
            number, value) for number in range(MANY)])

    def test_a_missing_key_is_told_and_the_others_printed(self):
        self.keygen()
        conf = self.config("domain = example.net")
        result = self.dns(conf, "--format", "raw", status=78)
        self.assertIn("example.net", result.err)
        self.assertTrue(result.out.startswith(b"s1._domainkey.example.org"))

    def test_ends(self):
        self.keygen()
        conf = self.config()
        self.dns(conf, "-d", "other.example", status=65)
        self.dns(conf, "-d", "..", status=64)
        self.dns(conf, "--format", "xml", status=64)
        self.dns(self.path("none"), status=66)
        self.assertTrue(os.path.exists(conf))


if __name__ == "__main__":
    unittest.main()
