"""signpost check: configuration, keys and DNS; one test a fault."""
import functools
import os
import subprocess
import time
import unittest

import check_case
import machine
import ports
from check_case import DMARC, SPF

KEY = "s1._domainkey.example.org"


class Well(check_case.Case):
    def test_after_keygen_and_dns_all_is_well(self):
        conf, server = self.good()
        found = self.found(conf, server)
        self.assertEqual([f[:3] for f in found], [
            ("ok", "configuration", conf),
            ("ok", "key", KEY),
            ("ok", "address", "192.0.2.25"),
            ("ok", "dkim", KEY),
            ("ok", "spf", "example.org"),
            ("ok", "spf", "example.org"),
            ("ok", "dmarc", "example.org"),
            ("ok", "listen", self.us.address()),
            ("ok", "relay", self.hop.address()),
            ("ok", "postfix", "out"),
            ("ok", "postfix", "out")])
        document = self.as_json(conf, server)
        self.assertEqual(document["result"], "ok")
        self.assertEqual([c["result"] for c in document["checks"]],
                         ["ok"] * 11)
        self.assertEqual({c["todo"] for c in document["checks"]}, {""})
        for peer in (self.us, self.hop):
            self.assertEqual(peer.said("MAIL"), 0)
            self.assertEqual(peer.said("EHLO"), 2)
            self.assertEqual(peer.said("QUIT"), 2)

    def test_ed25519_and_an_rsa_key_beside_it(self):
        for options in (("-t", "ed25519"), ("-b", "3072")):
            self.keygen(*options, selector="s" + str(len(options[1])))
        conf = self.configure(
            "signature = dkim(s=s7)\nsignature = dkim(s=s4)\n"
            "signature = domainkeys(s=s4)\n")
        zone = self.run_tool("dns", "--for", "dkim", "-c", conf).out.decode()
        found = self.found(conf, self.nsd(SPF, DMARC, zone=zone))
        self.assertEqual([f for f in found if f[0] != "ok"], [])
        self.assertEqual([f[3] for f in found if f[1] == "key"],
                         ["ed25519, 256 bits", "rsa, 3072 bits"])

    def test_the_key_that_seals(self):
        self.keygen(selector="arc")
        conf, server = self.good(more="""[in]
user = mail
listen = %s
relay = %s
authserv_id = mx.example.org
check = arc, dkim
spool_dir = %s
seal_domain = example.org
seal_selector = arc
seal_keyfile = %s/$domain/$selector.pem
""" % (self.relay().address(), self.relay().address(), self.path("spool"),
       self.dir))
        arc = "arc._domainkey.example.org"
        found = self.found(conf, server, status=None)
        self.assertEqual([f[0] for f in found if f[2] == arc], ["ok", "ok"])
        os.unlink(self.path("example.org/arc.pem"))
        self.keygen(selector="arc")
        found = self.found(conf, server, status=1)
        self.assertEqual([f[:2] for f in found if f[2] == arc],
                         [("ok", "key"), ("FAIL", "dkim")])

    def test_the_configured_name_server_is_asked(self):
        _, server = self.good()
        conf = self.configure("[dns]\nnameserver = %s\n" % server)
        done = subprocess.run(
            [check_case.tool.binary(), "check", "-c", conf],
            env=dict(os.environ, PATH=self.path("bin") + ":/usr/bin:/bin"),
            stdout=subprocess.PIPE, timeout=400)
        self.assertEqual(done.returncode, 0, done.stdout)


class Configuration(check_case.Case):
    def test_ends(self):
        conf, server = self.good()
        for name in ("..", ".", "", "example.org.."):
            self.run_tool("check", "-c", conf, "-d", name, status=64)
        self.run_tool("check", "-c", conf, "--nameserver", "x", status=64)
        self.run_tool("check", "-c", conf, "more", status=64)
        self.run_tool("check", "-c", conf, "--mailbox", "x", status=64)
        self.run_tool("check", "-c", self.path("none"), status=66)
        self.assertIn("usage: signpost check",
                      self.run_tool("check", "--help").out.decode())
        self.assertIn("\n  check ",
                      self.run_tool("--help").out.decode())
        for wrong in ("nonsense = 1\n", "relay = here\n"):
            conf = self.configure(wrong)
            for more in ((), ("--json",)):
                result = self.run_tool("check", "-c", conf, "--nameserver",
                                       server, *more, status=78)
                self.assertIn("signpost.conf:13: ", result.err)
                self.assertEqual(result.out, b"")

    def test_what_serve_t_says(self):
        conf, server = self.good()
        os.rmdir(self.path("spool"))
        reason, todo = self.one("configuration", conf, server, status=1,
                                result="FAIL")
        self.assertIn("spool_dir", reason)
        self.assertIn(reason,
                      self.run_tool("serve", "-t", "-c", conf, status=78).err)
        self.assertIn("serve -t", todo)

    def test_its_warnings(self):
        conf, server = self.good(more="sender_map = %s\n"
                                 % self.write("map", "example.org "
                                              "dkim(a=rsa-sha1)\n"))
        self.one("configuration", conf, server, result="warning")

    def test_nothing_but_checking(self):
        conf = self.write("in.conf", "[signpost]\nuser = nobody\n"
                          "control = none\n[in]\n"
                          "user = nobody\nlisten = %s\nrelay = %s\n"
                          "spool_dir = %s/spool\nauthserv_id = mx.test\n"
                          % (self.us.address(), self.hop.address(), self.dir))
        self.postconf(check_case.postconf_script(
            self.us.port, self.hop.port, ("in-after-queue",)))
        found = self.found(conf, self.nsd())
        self.assertEqual([f[:2] for f in found],
                         [("ok", "configuration"), ("ok", "listen"),
                          ("ok", "relay"), ("ok", "postfix"),
                          ("ok", "postfix")])


class Keys(check_case.Case):
    def test_missing(self):
        conf = self.configure()
        found = self.found(conf, self.nsd(SPF, DMARC), status=1)
        wrong = [f for f in found if f[0] != "ok"]
        self.assertEqual([f[:3] for f in wrong],
                         [("FAIL", "key", KEY), ("FAIL", "dkim", KEY)])
        self.assertIn("signpost.conf:9: key file ", wrong[0][3])
        self.assertEqual(wrong[0][4], "make one: signpost keygen "
                         "-d example.org -s s1 -c " + conf)
        self.assertEqual(wrong[1][4], "mend the key first; then signpost dns "
                         "-d example.org -c %s prints what to publish" % conf)
        conf = self.configure("signature = dkim(key=%s)\n"
                              % self.path("none.pem"))
        found = self.found(conf, self.nsd(SPF, DMARC), status=1)
        self.assertTrue(found[1][4].endswith(conf + ", and move it there"))

    def test_mode(self):
        conf, server = self.good()
        path = self.path("example.org", "s1.pem")
        os.chmod(path, 0o644)
        found = self.found(conf, server, status=1)
        self.assertEqual([f[:3] for f in found if f[0] != "ok"],
                         [("FAIL", "key", KEY), ("note", "dkim", KEY)])
        self.assertIn("mode 0644", found[1][3])
        self.assertEqual(found[1][4], "chmod 600 " + path)

    def test_no_key(self):
        conf, server = self.good()
        self.write("example.org/s1.pem", "no key\n")
        found = self.found(conf, server, status=1)
        self.assertEqual(found[1][:3], ("FAIL", "key", KEY))
        self.assertEqual(found[1][4],
                         "mend that file, or name another for the key")

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another")
    def test_not_root(self):
        conf, server = self.good()
        os.chmod(self.path("example.org"), 0o755)
        found = self.found(conf, server, status=1, user=65534)
        self.assertEqual([f[:3] for f in found[:4]], [
            ("ok", "configuration", conf), ("FAIL", "key", KEY),
            ("ok", "address", check_case.ADDRESS), ("note", "dkim", KEY)])
        self.assertEqual(found[1][4], "run this as root")
        self.assertEqual(found[3][4], "run this as root, who can read the "
                         "key; then signpost dns -d example.org -c %s prints "
                         "what to publish" % conf)
        self.assertIn("signpost keygen", self.found(
            self.configure("signature = dkim(s=s9)\n"), server, status=1,
            user=65534)[1][4])

    def test_a_key_of_another_kind(self):
        _, server = self.good("-t", "ed25519")
        for signature in ("domainkeys(c=nofws)", "dkim(a=rsa-sha256)"):
            conf = self.configure("signature = dkim()\nsignature = %s\n"
                                  % signature)
            found = self.found(conf, server, status=1)
            wrong = [f for f in found if f[:2] == ("FAIL", "key")]
            self.assertEqual(len(wrong), 1, found)
            self.assertIn("the key is ed25519", wrong[0][3])
            self.assertIn("-t rsa", wrong[0][4])

    def test_any_domain(self):
        _, server = self.good()
        conf = self.configure(domain="*")
        found = self.found(conf, server)
        self.assertEqual([f[0] for f in found], ["ok"] * 11)
        self.assertIn(("ok", "dkim", KEY), [f[:3] for f in found])
        self.keygen(domain="other.example")
        self.assertIn(("FAIL", "dkim", "s1._domainkey.other.example"),
                      [f[:3] for f in self.found(conf, server, status=1)])
        os.rename(self.path("example.org"), self.path("Kept"))
        os.rename(self.path("other.example"), self.path("Kept", "other"))
        reason, todo = self.one("key", conf, server, result="note")
        self.assertIn("there is no key", reason)
        self.assertEqual(todo, "make a key: signpost keygen -d DOMAIN -s "
                         "SELECTOR -c " + conf)
        os.rename(self.path("Kept"), self.path("example.org"))
        for name in ("Example.ORG", "example.org."):
            found = self.found(conf, server, "-d", name)
            self.assertEqual([f[0] for f in found], ["ok"] * 11)
        # a parent's key signs
        found = self.found(conf, server, "-d", "sub.example.org")
        self.assertIn(("ok", "dkim", KEY), [f[:3] for f in found])
        found = self.found(conf, server, "-d", "example.net", status=1)
        self.assertIn(("FAIL", "key", "s1._domainkey.example.net"),
                      [f[:3] for f in found])

    def test_a_domain_that_is_not_signed_for(self):
        conf, server = self.good(records=(
            SPF, DMARC, SPF.replace("org", "net"), DMARC.replace("org", "net")))
        reason, todo = self.one("key", conf, server, "-d", "example.net",
                                status=1, result="FAIL")
        self.assertIn("signs for no such domain", reason)
        self.assertIn("domain =", todo)

    def test_d_is_a_macro(self):
        _, server = self.good()
        by_map = "sender_map = %s\n" % self.write(
            "map", "example.org dkim(d=$senderdomain)\n")
        for more in ("signature = dkim(d=$senderdomain)\n", by_map):
            conf = self.configure(more)
            if more == by_map:
                with open(conf, encoding="utf-8") as f:
                    text = f.read().replace("domain = example.org\n", "")
                conf = self.write("signpost.conf", text)
            for options in ((), ("-d", "example.org")):
                reason, todo = self.one("key", conf, server, *options,
                                        result="note")
                self.assertIn("d= of a signature is a macro", reason)
                self.assertIn("signpost verify", todo)
        conf = self.configure("signature = dkim(d=$senderdomain)\n"
                              "signature = dkim()\n")
        found = self.found(conf, server)
        self.assertEqual([f[:3] for f in found[1:5] if f[1] != "address"], [
            ("note", "key", conf), ("ok", "key", KEY), ("ok", "dkim", KEY)])
        zone = self.run_tool("dns", "--for", "dkim", "-c", conf).out
        self.assertEqual(zone.count(b"_domainkey"), 1)

    def test_a_subdomain_is_signed_as_its_parent(self):
        spf = SPF.replace("example", "sub.example")
        conf, server = self.good(records=(SPF, spf, DMARC))
        by_map = "sender_map = %s\n" % self.write("map",
                                                  "example.org dkim()\n")
        for conf in (conf, self.configure(by_map, domain="example.net"),
                     self.configure("sign_all = yes\n")):
            found = self.found(conf, server, "-d", "sub.example.org")
            self.assertEqual([f[:3] for f in found[1:7]], [
                ("ok", "key", KEY), ("ok", "address", check_case.ADDRESS),
                ("ok", "dkim", KEY), ("ok", "spf", "sub.example.org"),
                ("ok", "spf", "sub.example.org"),
                ("ok", "dmarc", "sub.example.org")])
        self.one("key", self.configure(), self.nsd(
            SPF.replace("org", "net"), DMARC.replace("org", "net")),
            "-d", "example.net", status=1, result="FAIL")

    def test_a_signature_of_others(self):
        self.keygen(domain="provider.example")
        conf = self.configure("signature = dkim(d=provider.example)\n")
        zone = self.run_tool("dns", "--for", "dkim", "-c", conf).out.decode()
        others = [r.replace("example.org", "provider.example")
                  for r in (SPF, DMARC)]
        server = self.nsd(SPF, DMARC, *others, zone=zone)
        for options in ((), ("-d", "example.org")):
            reason, todo = self.one("key", conf, server, *options,
                                    result="warning")
            self.assertIn("DMARC cannot pass by DKIM", reason)
            self.assertIn("d=example.org", todo)
        found = self.found(conf, self.nsd(*others, zone=zone))
        self.assertEqual([f[1:3] for f in found if f[0] == "warning"],
                         [("key", "example.org"), ("spf", "example.org"),
                          ("dmarc", "example.org")])
        self.keygen()
        conf = self.configure("signature = dkim()\n"
                              "signature = dkim(d=provider.example)\n")
        zone = self.run_tool("dns", "--for", "dkim", "-c", conf).out.decode()
        found = self.found(conf, self.nsd(SPF, DMARC, *others, zone=zone))
        self.assertEqual({f[0] for f in found}, {"ok"})

    def test_all_are_looked_at(self):
        _, server = self.good()
        names = ["example.org"] + ["d%d.example" % i for i in range(300)]
        conf = self.configure(domain=", ".join(names))
        found = self.found(conf, server, status=1)
        for what in "key", "dkim":
            self.assertEqual([f[2] for f in found if f[1] == what],
                             ["s1._domainkey." + name for name in names])
        for what in "spf", "dmarc":
            self.assertEqual(sorted({f[2] for f in found if f[1] == what}),
                             sorted(names))


class Record(check_case.Case):
    """What stands at SELECTOR._domainkey.DOMAIN."""

    def fault(self, *values, status=1, result="FAIL", more="", options=(),
              records=()):
        """A record instead of the right one; $p is the right p=."""
        _, _, right = self.keygen(*options)
        self.right = right.split("p=")[1]
        conf = self.configure(more)
        server = self.nsd(SPF, DMARC, *records, *(
            "%s TXT %s" % (KEY, v.replace("$p", self.right).replace(
                "$q", self.right.rstrip("=")).replace(
                    "$s", self.right[:9] + " " + self.right[9:]).replace(
                    "$h", self.right[:len(self.right) // 2 + 1]))
            for v in values))
        return self.one("dkim", conf, server, status=status, result=result)

    def publishes(self, todo):
        self.assertTrue(todo.startswith(
            "publish %s. IN TXT ( \"v=DKIM1; k=rsa; h=sha256; p=" % KEY), todo)
        self.assertIn(self.right, todo.replace('" "', ""))

    def test_missing(self):
        reason, todo = self.fault()
        self.assertEqual(reason, "there is no such record")
        self.publishes(todo)

    def test_another_type_only(self):
        reason, todo = self.fault(records=("%s A 127.0.0.2" % KEY,))
        self.assertEqual(reason, "there is no such record")

    def test_several(self):
        reason, todo = self.fault("v=DKIM1; p=$p", "v=DKIM1; p=")
        self.assertIn("2 TXT records", reason)
        self.assertIn(self.right, todo.replace('" "', ""))

    def test_a_hundred(self):
        reason, _ = self.fault(*("v=DKIM1; p=%d" % i for i in range(100)))
        self.assertIn("100 TXT records", reason)

    def test_unparsable(self):
        for value in ("hello", "v=DKIM2; p=$p", "p=$p; v=DKIM1",
                      "v=DKIM1; k=dsa; p=$p", "v=DKIM1; k=rsa",
                      "v=DKIM1; p=%", "v=DKIM1; p=AAAA", "=", ";;"):
            reason, todo = self.fault(value)
            self.assertIn(value.split("p=$p")[0].strip(), reason)
            self.publishes(todo)
            self.tearDownKey()

    def tearDownKey(self):
        os.unlink(self.path("example.org", "s1.pem"))
        self.keys_used.clear()

    def test_revoked(self):
        reason, todo = self.fault("v=DKIM1; p=")
        self.assertIn("revoked", reason)
        self.publishes(todo)

    def test_not_the_public_half(self):
        _, _, other = self.keygen(selector="other")
        reason, todo = self.fault(other)
        self.assertEqual(reason, "the published key is not the public half "
                         "of ours: no signature of ours verifies")
        self.publishes(todo)

    def test_ed25519_not_the_public_half(self):
        _, _, other = self.keygen("-t", "ed25519", selector="other")
        reason, todo = self.fault(other, options=("-t", "ed25519"))
        self.assertIn("not the public half", reason)
        self.assertEqual(todo, "publish %s. IN TXT \"v=DKIM1; k=ed25519; "
                         "h=sha256; p=%s\" (in a provider's form: name "
                         "s1._domainkey, type TXT, value v=DKIM1; k=ed25519; "
                         "h=sha256; p=%s)" % (
                             KEY, self.right, self.right))

    def test_what_other_verifiers_refuse(self):
        """No plain ok, though we would verify by it."""
        ed = {"options": ("-t", "ed25519"), "status": 0, "result": "warning"}
        for value, why in (
                ("v=DKIM1; k=ed25519; p=$q", "p= lacks its padding"),
                (r'"v=DKIM1; k=ed25519; p=\010$p"', "line ends"),
                ("v=DKIM1; k=ed25519; n=Schl\xfcssel; p=$p", "not ASCII"),
                ("v=DKIM1; k=ed25519; p=$s", "white space stands in p="),
                ('" v=DKIM1; k=ed25519; p=$p"', "before v=DKIM1"),
                ('"v = DKIM1; k=ed25519; p=$p"', "before v=DKIM1, or in it")):
            reason, todo = self.fault(value, **ed)
            self.assertIn(why, reason)
            self.assertIn("publish " + KEY, todo)
            self.tearDownKey()
        reason, todo = self.fault("v=DKIM1; k=ed25519; g=joe; p=$p", **ed)
        self.assertIn("g= stands in it", reason)
        self.assertIn("take g= out", todo)
        self.tearDownKey()
        for value in ("k=ed25519; v=DKIM1; p=$p", "v=dkim1; k=ed25519; p=$p",
                      "v=DKIM1; k=ed25519; p=$p; p=$p",
                      "v=DKIM1; k=ed25519; h=sha1; p=$p"):
            reason, todo = self.fault(value, options=("-t", "ed25519"))
            self.assertIn("publish " + KEY, todo)
            self.tearDownKey()

    def test_what_is_too_long_for_udp(self):
        reason, todo = self.fault(
            "v=DKIM1; k=ed25519; n=%s; p=$p" % ("x" * 1300), status=0,
            result="warning", options=("-t", "ed25519"))
        self.assertIn("over the 1232", reason)
        self.assertIn("n=", todo)

    def test_what_became_of_it_on_its_way(self):
        for value, why in (
                ("v=DKIM1", "it ends at its first semicolon"),
                ("v=DKIM1;", "it ends at its first semicolon"),
                (r"v=DKIM1\; k=rsa\; p=$p", "backslashes stand in it"),
                ('v=DKIM1; k=rsa; p="$p"', "quotation marks stand in it"),
                ("v=DKIM1; k=rsa; h=sha256; p=$h", "it is cut short")):
            reason, todo = self.fault(value)
            self.assertIn(why, reason)
            self.publishes(todo)
            self.tearDownKey()

    def test_a_name_that_a_form_has_doubled(self):
        _, _, right = self.keygen()
        conf = self.configure()
        server = self.nsd(SPF, DMARC, "%s.example.org TXT %s" % (KEY, right))
        reason, todo = self.one("dkim", conf, server, status=1, result="FAIL")
        self.assertIn("the record stands at %s.example.org: the form adds "
                      "the domain by itself" % KEY, reason)
        self.assertTrue(todo.endswith("in the form it is only s1._domainkey"),
                        todo)

    def test_a_name_that_the_form_of_a_zone_above_has_doubled(self):
        name, _, right = self.keygen(domain="mail.example.org")
        conf = self.configure(domain="mail.example.org")
        server = self.nsd(
            SPF.replace("example", "mail.example", 1),
            DMARC, "s1._domainkey.mail.example.org.example.org TXT " + right)
        reason, todo = self.one("dkim", conf, server, status=1, result="FAIL")
        self.assertIn("the record stands at s1._domainkey.mail.example.org."
                      "example.org: the form adds", reason)
        self.assertTrue(todo.endswith(
            "in the form it is only s1._domainkey.mail"), todo)

    def test_a_test(self):
        reason, todo = self.fault("v=DKIM1; t=y; p=$p", status=0,
                                  result="note")
        self.assertTrue(reason.startswith("t=y"))
        self.assertIn("take t=y out", todo)

    def test_strict(self):
        below = "signature = dkim(i=@mail.example.org)\n"
        reason, todo = self.fault("v=DKIM1; t=s; p=$p", more=below)
        self.assertIn("i=@mail.example.org", reason)
        self.assertIn("take s out", todo)
        self.tearDownKey()
        for flags, identity in (("t=s", "i=@example.org"),
                                ("t=s", "i=$sender"), ("n=s", below[17:-2])):
            _, _, right = self.keygen()
            conf = self.configure("signature = dkim(%s)\n" % identity)
            found = self.found(conf, self.nsd(
                SPF, DMARC, "%s TXT %s" % (KEY, right.replace(
                    "v=DKIM1;", "v=DKIM1; %s;" % flags))))
            self.assertEqual({f[0] for f in found}, {"ok"})
            self.tearDownKey()

    def test_exclusions(self):
        for tags, word in (("h=sha1", "h="), ("s=tlsrpt", "s="),
                           ("k=ed25519", "k=")):
            reason, todo = self.fault("v=DKIM1; %s; p=$p" % tags)
            self.assertIn(word, reason)
            self.publishes(todo)
            self.tearDownKey()

    def test_what_does_not_exclude(self):
        _, _, right = self.keygen()
        value = "h=sha1:sha256; s=email:x; n=note; " + right.replace(
            "v=DKIM1; ", "").replace("h=sha256; ", "")
        found = self.found(self.configure(), self.nsd(
            SPF, DMARC, "%s TXT %s" % (KEY, value)))
        self.assertEqual({f[0] for f in found}, {"ok"})

    def test_domainkeys(self):
        both = "signature = dkim()\nsignature = domainkeys()\n"
        reason, todo = self.fault("g=joe; p=$p", more=both)
        self.assertIn("g=", reason)
        self.tearDownKey()
        alone = "signature = domainkeys()\n"
        _, _, right = self.keygen()
        conf = self.configure(alone)
        found = self.found(conf, self.nsd(SPF, DMARC), status=1)
        wrong = [f for f in found if f[0] != "ok"]
        self.assertEqual([f[:2] for f in wrong], [
            ("warning", "configuration"), ("FAIL", "domainkeys")], found)
        self.assertIn("no line of it makes a DKIM signature", wrong[0][3])
        self.assertEqual(wrong[1][3], "there is no such record")

    def test_1024_bits(self):
        conf, server = self.good("-b", "1024")
        reason, todo = self.one("dkim", conf, server, result="warning")
        self.assertIn("1024 bits", reason)
        self.assertIn("signpost keygen -d example.org", todo)

    def test_under_1024_bits(self):
        key = self.path("short.pem")
        subprocess.run(["openssl", "genrsa", "-out", key, "768"], check=True,
                       timeout=400, stderr=subprocess.DEVNULL)
        record = check_case.harness.key_record(key)
        self.keygen()
        conf = self.configure()
        server = self.nsd(SPF, DMARC, "%s TXT %s" % (KEY, record))
        found = self.found(conf, server, status=1)
        # whose bits are another's affair
        wrong = [f[:2] + (f[3][:48],) for f in found if f[0] != "ok"]
        self.assertEqual(wrong, [("FAIL", "dkim", "the published key is not "
                                  "the public half of ours")])
        # the private one is refused before it is compared
        os.replace(key, self.path("example.org", "s1.pem"))
        os.chmod(self.path("example.org", "s1.pem"), 0o600)
        found = self.found(conf, server, status=1)
        self.assertEqual(found[1][:2], ("FAIL", "key"))
        self.assertIn("768", found[1][3])
        self.assertIn("mend that file", found[1][4])

    def test_control_characters(self):
        self.keygen()
        conf = self.configure()
        server = self.nsd(
            DMARC, '%s TXT "v=DKIM1; p=\\027[31m\\000\\010\\255\\"\\\\"' % KEY,
            'example.org TXT "v=spf1 \\155x:\\027[2J\\010 -all"')
        found = self.found(conf, server, status=1)
        wrong = [f for f in found if f[0] != "ok"]
        self.assertEqual([f[:2] for f in wrong],
                         [("FAIL", "dkim"), ("FAIL", "spf")])
        self.assertIn("\\x1b[31m\\x00\\x0a\\xff", wrong[0][3])
        self.as_json(conf, server, status=1)

    def test_a_loop(self):
        self.keygen()
        conf = self.configure()
        server = self.nsd(SPF, DMARC, "%s CNAME a.example.org" % KEY,
                          "a.example.org CNAME b.example.org",
                          "b.example.org CNAME a.example.org")
        self.one("dkim", conf, server, status=75, result="unknown")
        self.assertLess(self.seconds, 20)


class Address(check_case.Case):
    """The addresses by which mail leaves."""

    def main_cf(self, *lines):
        self.postconf(check_case.postconf_script(
            self.us.port, self.hop.port).replace(
                "echo 'compatibility_level = 3.6'",
                "printf '%s\\n' " + " ".join("'%s'" % x for x in lines)))

    def test_its_name_leads_back_or_not(self):
        for records, why in (
                (("0.0.127.in-addr.arpa PTR x",), "the address has no name"),
                (("25.2.0.192.in-addr.arpa PTR mail.example.org",
                  "mail.example.org A 192.0.2.1"), "")):
            conf, server = self.good(records=(SPF, DMARC, *records))
            reason, todo = self.one("address", conf, server, result="warning")
            self.assertIn("many receivers will refuse it: " + why, reason)
            self.assertTrue(todo.endswith("the address 192.0.2.25"), todo)
            os.unlink(self.path("example.org", "s1.pem"))

    def test_spf_does_not_name_it(self):
        for end, status, result in (("-all", 1, "FAIL"), ("~all", 1, "FAIL"),
                                    ("mx ?all", 0, "warning")):
            conf, server = self.good(records=(
                DMARC, "example.org TXT v=spf1 ip4:192.0.2.1 " + end,
                "example.org MX 10 x.example.org", "x.example.org A 192.0.2.2"))
            found = [f for f in self.found(conf, server, status=status)
                     if "mail leaves by 192.0.2.25" in f[3] and f[1] == "spf"]
            self.assertEqual([f[0] for f in found], [result])
            self.assertTrue(found[0][4].endswith(
                "signpost dns -d example.org --for spf -c " + conf))
            os.unlink(self.path("example.org", "s1.pem"))

    def test_one_that_the_world_does_not_see(self):
        conf, server = self.good()
        self.main_cf("smtp_bind_address = 10.0.0.1", "inet_protocols = ipv4")
        reason, todo = self.one("address", conf, server, result="note")
        self.assertIn("it is private", reason)
        self.assertIn("proxy_interfaces=", todo)
        self.main_cf("smtp_bind_address = 10.0.0.1", "inet_protocols = ipv4",
                     "proxy_interfaces = 192.0.2.25")
        self.assertEqual({f[0] for f in self.found(conf, server)}, {"ok"})

    def test_a_relay_host(self):
        conf, server = self.good(records=(
            SPF, DMARC, "relay.test A 192.0.2.25", "other.test A 192.0.2.1"))
        self.main_cf("relayhost = [relay.test]:587")
        found = self.found(conf, server)
        self.assertEqual({f[0] for f in found}, {"ok"})
        self.assertNotIn("address", [f[1] for f in found])
        self.main_cf("relayhost = other.test")
        reason, todo = self.one("spf", conf, server, result="warning")
        self.assertIn("mail leaves by way of 192.0.2.1 (relayhost)", reason)
        self.assertIn("--spf include:NAME", todo)

    def test_a_table_of_other_ways(self):
        conf, server = self.good()
        self.main_cf("sender_dependent_relayhost_maps = hash:/etc/x")
        self.one("address", conf, server, result="note")


class Spf(check_case.Case):
    def fault(self, *records, status=1, result="FAIL"):
        conf, server = self.good(records=(DMARC, *records))
        return self.one("spf", conf, server, status=status, result=result)

    def test_missing(self):
        reason, todo = self.fault("example.org TXT hello", status=0,
                                  result="warning")
        self.assertEqual(reason, "there is no record")
        self.assertIn("signpost dns -d example.org --for spf -c ", todo)

    def test_two(self):
        reason, todo = self.fault(SPF, SPF.replace("-all", "~all"))
        self.assertIn("more than one SPF record", reason)
        self.assertIn("leave one", todo)

    def test_syntax(self):
        reason, todo = self.fault("example.org TXT v=spf1 ipv4:1.2.3.4 -all")
        self.assertIn('"ipv4:1.2.3.4"', reason)
        self.assertTrue(todo.startswith("correct it"), todo)

    def test_too_many_look_ups(self):
        reason, todo = self.fault(
            "example.org TXT v=spf1 include:a.example include:b.example -all",
            "a.example TXT v=spf1 a mx a:x.a.example a:b.a.example -all",
            "b.example TXT v=spf1 a mx a:c.b.example a:d.b.example "
            "a:e.b.example -all",
            *("%s A 192.0.2.1" % name for name in (
                "a.example", "x.a.example", "b.a.example", "b.example",
                "c.b.example", "d.b.example", "e.b.example")),
            "a.example MX 10 a.example", "b.example MX 10 b.example")
        self.assertIn("more than ten terms", reason)
        self.assertIn("till ten", todo)

    def test_everybody(self):
        for who, terms, by in (
                ("host", "+all", "+all"), ("host", "mx all", "all"),
                ("IPv4 host", "ip4:0.0.0.0/0 -all", "ip4:0.0.0.0/0"),
                ("IPv6 host", "ip4:192.0.2.25 ip6:::/0 -all", "ip6:::/0")):
            reason, todo = self.fault(
                "example.org TXT v=spf1 " + terms,
                "example.org MX 10 mx.example.org",
                "mx.example.org A 192.0.2.1")
            self.assertEqual(reason, "every %s may send for it, by %s: "
                             "v=spf1 %s" % (who, by, terms))
            self.assertIn("-all", todo)
            os.unlink(self.path("example.org", "s1.pem"))

    def test_an_address_of_nobody_by_chance(self):
        for terms in ("ip4:240.0.0.0/4 -all", "ip6:3fff::/20 -all"):
            conf, server = self.good(
                records=(DMARC, "example.org TXT v=spf1 ip4:192.0.2.25 "
                         + terms))
            self.assertEqual({f[0] for f in self.found(conf, server)}, {"ok"})
            os.unlink(self.path("example.org", "s1.pem"))

    def test_void_look_ups(self):
        terms = " ".join("exists:%%{i}.%s.example" % c for c in "abc")
        reason, todo = self.fault("example.org TXT v=spf1 %s -all" % terms,
                                  status=0, result="warning")
        self.assertIn("exists:, ptr or macros", reason)
        self.assertIn("two such terms", todo)
        os.unlink(self.path("example.org", "s1.pem"))
        terms = " ".join("EXISTS:%s.example" % c for c in "abc")
        reason, todo = self.fault("example.org TXT v=spf1 %s -all" % terms,
                                  status=0, result="warning")
        self.assertIn("exists:, ptr or macros", reason)
        os.unlink(self.path("example.org", "s1.pem"))
        reason, todo = self.fault(
            "example.org TXT v=spf1 a:a.example a:b.example mx:c.example -all")
        self.assertIn("more than two look-ups came to nothing", reason)
        self.assertEqual(todo, "take out the names that have no address")

    def test_no_record_behind(self):
        for term in ("include:none.example -all", "redirect=none.example",
                     "redirect=%{p}.none.example"):
            reason, todo = self.fault("example.org TXT v=spf1 " + term)
            self.assertIn("none.example", reason)
            self.assertIn("take that term out", todo)
            os.unlink(self.path("example.org", "s1.pem"))

    def test_neutral(self):
        self.fault("example.org TXT v=spf1 ip4:192.0.2.25 ?all", status=0, result="note")


class Dmarc(check_case.Case):
    def fault(self, *records, status=1, result="FAIL"):
        conf, server = self.good(records=(SPF, *records))
        return self.one("dmarc", conf, server, status=status, result=result)

    def test_missing(self):
        reason, todo = self.fault(status=0, result="warning")
        self.assertEqual(reason, "there is no record")
        self.assertTrue(todo.startswith(
            'publish _dmarc.example.org. IN TXT "v=DMARC1; p='), todo)

    def test_two(self):
        reason, todo = self.fault(DMARC, DMARC + "; rua=mailto:a@b.example")
        self.assertIn("2 records", reason)
        self.assertEqual(todo, "leave one of them")

    def test_a_malformed_one_beside(self):
        conf, server = self.good(records=(
            SPF, DMARC, '_dmarc.example.org TXT "v=DMARC1 p=\\027none"'))
        found = self.found(conf, server)
        found = [f for f in found if f[1] == "dmarc"]
        self.assertEqual(found[0][::3], ("ok", "reject at _dmarc.example.org"))
        self.assertEqual((found[1][0], found[1][4]),
                         ("note", "remove that one"))
        self.assertIn("v=DMARC1 p=\\x1bnone", found[1][3])
        self.assertEqual(len(found), 2)

    def test_unparsable(self):
        for value in ("v=DMARC1 p=none", "v=dmarc1; p=none", "V = DMARC; p"):
            reason, todo = self.fault("_dmarc.example.org TXT " + value)
            self.assertIn("does not begin with v=DMARC1", reason)
            self.assertTrue(reason.endswith(": " + value), reason)
            self.assertEqual(todo, "begin it with v=DMARC1;")
            os.unlink(self.path("example.org", "s1.pem"))

    def test_a_policy_that_is_none(self):
        reason, todo = self.fault(
            "_dmarc.example.org TXT v=DMARC1; p=refuse")
        self.assertIn("v=DMARC1; p=refuse", reason)
        os.unlink(self.path("example.org", "s1.pem"))
        reason, todo = self.fault("_dmarc.example.org TXT v=DMARC1; sp=none",
                                  status=0, result="warning")
        self.assertIn("no p=", reason)

    def test_p_none(self):
        reason, todo = self.fault("_dmarc.example.org TXT v=DMARC1; p=none",
                                  status=0, result="note")
        self.assertIn("p=none at _dmarc.example.org", reason)
        self.assertIn("p=quarantine", todo)

    def test_the_organizational_domain(self):
        self.keygen(domain="mail.example.org")
        conf = self.configure(domain="mail.example.org")
        zone = self.run_tool("dns", "--for", "dkim", "-c", conf).out.decode()
        server = self.nsd(DMARC, SPF.replace("example", "mail.example"),
                          zone=zone)
        found = self.found(conf, server)
        self.assertIn(("ok", "dmarc", "mail.example.org",
                       "reject at _dmarc.example.org", ""), found)
        server = self.nsd(DMARC + "; sp=none",
                          SPF.replace("example", "mail.example"), zone=zone)
        reason, todo = self.one("dmarc", conf, server, result="note")
        self.assertIn("sp=none at _dmarc.example.org", reason)
        self.assertIn("say sp=quarantine", todo)


class Hostile(check_case.Case):
    def test_all_kinds_of_answers(self):
        """A selector for each: told apart, and in time."""
        unknown = ("silent", "veryslow", "wrongid", "garbage", "servfail",
                   "refused", "loop", "tcsilent", "pingpong", "oversized")
        broken = ("slow", "lost", "noedns", "flood", "spoofed",
                  "intime")
        missing = ("nothing", "nxdomain", "wrongowner")
        self.keygen(selector="s1")
        with check_case.nameserver.Hostile() as server:
            at = "127.0.0.1:%d" % server.port

            def one(number, selectors):
                conf = self.configure("".join(
                    "signature = dkim(s=%s, key=%s)\n" % (
                        s, self.path("example.org", "s1.pem"))
                    for s in selectors), name="hostile%d.conf" % number)
                start = time.monotonic()
                found = self.found(conf, at, "-d", "example.org", status=None)
                self.assertLess(time.monotonic() - start, 25)
                said = {f[2].split(".")[0]: (f[0], f[3]) for f in found
                        if f[1] == "dkim"}
                self.assertEqual(len(said), len(selectors), found)
                for s, (result, reason) in said.items():
                    if s in unknown:
                        self.assertEqual(result, "unknown", s)
                    else:
                        self.assertEqual(result, "FAIL", s)
                    self.assertEqual(reason == "there is no such record",
                                     s in missing, s)
            self.together(*(
                functools.partial(one, number, selectors)
                for number, selectors in enumerate(
                    (unknown[:5], unknown[5:] + missing, broken))))


class Silence(check_case.Case):
    def test_a_name_server_that_does_not_answer(self):
        self.keygen()
        conf = self.configure("[dns]\ntimeout = 1\n")
        udp, tcp = ports.bind_both()
        with udp, tcp:
            at = "127.0.0.1:%d" % udp.getsockname()[1]
            start = time.monotonic()
            found = self.found(conf, at, status=75)
            self.assertLess(time.monotonic() - start, 25)
        self.assertEqual([f[1] for f in found if f[0] == "unknown"],
                         ["address", "dkim", "spf", "dmarc"])
        self.assertEqual({f[3] for f in found if f[0] == "unknown"},
                         {"no answer from " + at})

    def test_a_failure_counts_for_more(self):
        self.keygen()
        conf = self.configure("[dns]\ntimeout = 1\n")
        os.chmod(self.path("example.org", "s1.pem"), 0o604)
        udp, tcp = ports.bind_both()
        with udp, tcp:
            at = "127.0.0.1:%d" % udp.getsockname()[1]
            self.assertEqual(self.as_json(conf, at, status=1)["result"],
                             "fail")


if __name__ == "__main__":
    machine.alone(__file__, check_case.ADDRESS)
    unittest.main()
