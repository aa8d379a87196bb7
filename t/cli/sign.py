"""signpost sign: what comes out is what went in, with signatures on top."""
import base64
import json
import os
import pathlib
import re
import subprocess
import unittest

import tool
from tool import MESSAGE


class Sign(tool.Case):
    def setUp(self):
        super().setUp()
        self.key, name, value = self.keygen()
        self.records = {(name, "TXT"): [value]}

    def sign(self, message, *more, status=0, key=None):
        return self.run_tool("sign", "-d", "example.org", "-s", "s1", "-k",
                             key or self.key, *more, stdin=message,
                             status=status)

    def tags(self, field):
        value = field.partition(b":")[2]
        pairs = (t.partition(b"=") for t in value.split(b";") if t.strip())
        return {n.strip().decode(): re.sub(rb"\s", b"", v).decode()
                for n, _, v in pairs}

    def verifies(self, message, *more, count=1):
        zone = self.zone(self.records)
        out = self.run_tool("verify", "--json", "--nameserver",
                            zone.address(), *more, stdin=message).out
        found = json.loads(out)
        results = [s["result"] for s in found["dkim"] + found["domainkeys"]]
        self.assertEqual(results, ["pass"] * count, out)

    def test_the_message_is_kept_byte_for_byte(self):
        for message in (MESSAGE, MESSAGE.replace(b"\r\n", b"\n"),
                        MESSAGE + b"\r\n" * 9, b"From: a@example.org\n\n\0x\n",
                        b"From: a@example.org\r\n\r\n" + b"y" * 3000000 +
                        b"\r\n.\r\n..\r\n", b"From: a@example.org\n",
                        b"From: a@example.org\r\n\r\n"):
            out = self.sign(message).out
            self.assertTrue(out.startswith(b"DKIM-Signature: "))
            self.assertTrue(out.endswith(message))
            top = out[:-len(message)]
            crlf = b"\r\n" in message
            self.assertEqual(top.count(b"\n"),
                             top.count(b"\r\n") if crlf else top.count(b"\n"))
            self.assertEqual(b"\r" in top, crlf)
            self.verifies(out)

    def test_line_ends_do_not_matter_to_the_signature(self):
        crlf = self.sign(MESSAGE, "--time", "1000000000").out
        lf = self.sign(MESSAGE.replace(b"\r\n", b"\n"), "--time",
                       "1000000000").out
        self.assertEqual(crlf.replace(b"\r\n", b"\n"), lf)

    def test_a_cut_last_line_gets_its_end(self):
        for message, end in ((b"From: a@example.org\n\nbody\nlast", b"\n"),
                             (b"From: a@example.org\r\n\r\nlast", b"\r\n"),
                             (b"From: a@example.org\r\n\r\nlast\r", b"\n"),
                             (b"From: a@example.org", b"\n")):
            out = self.sign(message).out
            self.assertTrue(out.endswith(message + end), out[-40:])
            self.verifies(out)

    def test_lines_are_no_longer_than_78(self):
        out = self.sign(MESSAGE, "--type", "dkim", "--type", "domainkeys",
                        "--header-only", "--identity",
                        "x" * 30 + "@sub.example.org").out
        for line in out.decode().split("\r\n"):
            self.assertLessEqual(len(line.expandtabs(8)), 78, line)

    def holds(self, message):
        """Does one of its signatures hold, by dkimpy? (It wants CRLF.)"""
        import dkim

        def txt(name, timeout=5):
            return "".join(self.records.get(
                (name.decode().rstrip("."), "TXT"), [])).encode()
        for index in range(message.count(b"DKIM-Signature:")):
            try:
                if dkim.DKIM(message).verify(idx=index, dnsfunc=txt):
                    return True
            except (dkim.DKIMException, TypeError):
                pass  # of the one that a list made
        return False

    def test_bodies_without_text(self):
        """Both canonicalizations of nothing (RFC 6376 section 3.4)."""
        relaxed = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        simple = "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="
        head = b"From: a@example.org\r\nSubject: s\r\n"
        for canon, want, messages in (
                ("relaxed/relaxed", relaxed, (
                    head[:-2], head, head + b"\r\n", head + b"\r\n\r\n",
                    head + b"\r\n\r\n\r\n\r\n",
                    head + b"\r\n \t \r\n\r\n")),
                ("relaxed/simple", simple, (
                    head[:-2], head, head + b"\r\n",
                    head + b"\r\n\r\n\r\n\r\n"))):
            for message in messages:
                out = self.sign(message, "--canon", canon).out
                self.assertEqual(self.tags(tool.fields(out)[0][0])["bh"],
                                 want, message)
                self.assertTrue(self.holds(out), message)

    def test_white_space_in_bodies(self):
        """Form feeds are text; blanks at the end of a line are not."""
        head = b"From: a@example.org\r\nTo: b@example.net\r\n\r\n"
        for body in (b"ab\x0ccd \r\n\x0c\r\n", b"x \r\n \r\n",
                     b"x\t\t \r\n\x0b \r\n \t\r\n\r\n",
                     b"-- \r\nsig\r\n", b" \r\n", b"a\x0c\x0b \t b\r\n"):
            for canon in "relaxed/relaxed", "simple/simple":
                out = self.sign(head + body, "--canon", canon).out
                self.assertTrue(out.endswith(b"\r\n\r\n" + body))
                self.assertTrue(self.holds(out), (canon, body))
                self.verifies(out)

    def test_what_a_list_adds_does_not_break_it(self):
        out = self.sign(MESSAGE.replace(b"\r\n", b"\n")
                        .replace(b"\n", b"\r\n")).out
        end = out.index(b"\r\n\r\n") + 2
        harmless = [name + b": <l@example.net>" for name in (
            b"List-Id", b"List-Post", b"List-Unsubscribe",
            b"List-Unsubscribe-Post", b"List-Help", b"List-Owner",
            b"List-Archive", b"List-Subscribe", b"Sender", b"Reply-To",
            b"Precedence", b"Errors-To", b"Resent-From", b"Resent-To",
            b"Resent-Date", b"Resent-Message-ID", b"Received",
            b"Return-Path", b"Delivered-To", b"Authentication-Results")]
        harmless.append(b"DKIM-Signature: v=1; a=rsa-sha256; d=other.example;"
                        b" s=x; h=from; bh=AA==; b=AA==")
        for field in harmless:
            self.assertTrue(self.holds(field + b"\r\n" + out), field)
            self.assertTrue(self.holds(
                out[:end] + field + b"\r\n" + out[end:]), field)
        for field in (b"From: e@evil.example", b"To: e@evil.example",
                      b"Cc: e@evil.example", b"Subject: evil"):
            self.assertFalse(self.holds(field + b"\r\n" + out), field)
            self.assertFalse(self.holds(
                out[:end] + field + b"\r\n" + out[end:]), field)

    def test_a_date_that_comes_later(self):
        """What is missing may be added on the way; what is there is held."""
        head = b"From: a@example.org\r\nTo: b@example.net\r\n"
        late = (b"Date: Mon, 21 Sep 2026 10:00:00 +0000\r\n"
                b"Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n")
        self.assertTrue(self.holds(late + self.sign(head + b"\r\nx\r\n").out))
        out = self.sign(head + late + b"\r\nx\r\n").out
        self.assertTrue(self.holds(out))
        self.assertFalse(self.holds(out.replace(b"<1@", b"<2@")))

    def test_keys_of_other_lengths(self):
        for bits in ("1536", "2056", "4096"):
            key, name, value = self.keygen("-b", bits, selector="s" + bits)
            self.records[name, "TXT"] = [value]
            out = self.run_tool("sign", "-d", "example.org", "-s", "s" + bits,
                                "-k", key, stdin=MESSAGE).out
            self.assertTrue(self.holds(out), bits)
            self.verifies(out)
            for line in out.partition(b"\n\n")[0].splitlines():
                self.assertLessEqual(len(line), 78, bits)

    def test_whose_mail_it_is(self):
        """Case, U-labels and decomposed letters do not matter; no domain
        leads out of the directory of keys."""
        book = "b\u00fccher.example"
        for domain in "example.org", "xn--bcher-kva.example":
            if domain != "example.org":
                _, name, value = self.keygen(domain=domain)
                self.records[name, "TXT"] = [value]
        for line in ("*", "Example.ORG, xn--bcher-kva.EXAMPLE",
                     "example.org, " + book, "example.org, " + book.upper()):
            conf = self.write("signpost.conf", pathlib.Path(
                self.config()).read_text().replace(
                    "domain = example.org", "domain = " + line, 1).encode())
            self.assertIn("domain = " + line, pathlib.Path(conf).read_text())
            for author, want in (
                    ("a@Example.ORG", "example.org"),
                    ("a@Sub.Example.Org", "example.org"),
                    ("a@" + book, "xn--bcher-kva.example"),
                    ("a@" + book.upper(), "xn--bcher-kva.example"),
                    ("a@bu\u0308cher.example", "xn--bcher-kva.example"),
                    ("A@XN--Bcher-KVA.Example", "xn--bcher-kva.example")):
                out = self.run_tool(
                    "sign", "-c", conf, stdin=("From: %s\r\n\r\nx\r\n" %
                                               author).encode()).out
                self.assertEqual(self.tags(tool.fields(out)[0][0]).get("d"),
                                 want, (line, author))
            if line != "*":
                continue
            for author in ("../example.org", "example.org/../example.org",
                           ".example.org", "..", "org", "s1.pem"):
                message = b"From: a@%s\r\n\r\nx\r\n" % author.encode()
                out = self.run_tool("sign", "-c", conf, stdin=message).out
                self.assertEqual(out, message, author)

    def test_an_identity_is_encoded(self):
        conf = self.config("signature = dkim(c=relaxed/relaxed, i=$sender)")
        for author, want in (
                (b"abc=xyz@example.org", "abc=3Dxyz@example.org"),
                (b"bounce+a=b.example@example.org",
                 "bounce+a=3Db.example@example.org"),
                (b"a=3Db@example.org", "a=3D3Db@example.org"),
                (b"o'brien@example.org", "o'brien@example.org"),
                (b"{x|y}@example.org", "{x|y}@example.org"),
                (b"a@sub.example.org", "a@sub.example.org")):
            out = self.run_tool("sign", "-c", conf, stdin=b"From: " + author +
                                b"\r\n\r\nx\r\n").out
            self.assertEqual(self.tags(tool.fields(out)[0][0])["i"], want)
            self.assertTrue(self.holds(out), author)
            self.verifies(out)
        out = self.run_tool("sign", "-c", conf, stdin=b"From: "
                            b"\"a;b\"@example.org\r\n\r\nx\r\n").out
        self.assertNotIn(b";b", tool.fields(out)[0][0])
        self.assertTrue(self.holds(out))

    def test_header_only(self):
        out = self.sign(MESSAGE, "--header-only", "--time", "1000000000").out
        whole = self.sign(MESSAGE, "--time", "1000000000").out
        self.assertEqual(out + MESSAGE, whole)

    def test_canonicalizations(self):
        for canon in ("simple/simple", "simple/relaxed", "relaxed/simple",
                      "relaxed/relaxed", "relaxed", "simple"):
            out = self.sign(MESSAGE, "--canon", canon).out
            want = canon if "/" in canon else canon + "/simple"
            self.assertEqual(self.tags(tool.fields(out)[0][0])["c"], want)
            self.verifies(out)
        for canon in ("simple", "nofws"):
            out = self.sign(MESSAGE, "--type", "domainkeys", "--canon",
                            canon).out
            self.assertTrue(out.startswith(b"DomainKey-Signature:"))
            self.assertEqual(self.tags(tool.fields(out)[0][0])["c"], canon)
            self.verifies(out)
        for more in (["--canon", "nofws"], ["--canon", "relaxed/nofws"],
                     ["--type", "domainkeys", "--canon", "relaxed/relaxed"],
                     ["--canon", ""]):
            self.sign(MESSAGE, *more, status=64)

    def test_several_types_in_one_call(self):
        out = self.sign(MESSAGE, "--type", "dkim", "--type", "domainkeys",
                        "--type", "dkim", "--canon", "simple/relaxed",
                        "--canon", "nofws").out
        found = tool.fields(out)[0]
        self.assertEqual([f.split(b":")[0] for f in found[:4]],
                         [b"DKIM-Signature", b"DomainKey-Signature",
                          b"DKIM-Signature", b"From"])
        self.assertEqual(self.tags(found[0])["c"], "simple/relaxed")
        self.assertEqual(self.tags(found[1])["c"], "nofws")
        self.verifies(out, count=3)
        self.sign(MESSAGE, "--type", "smime", status=64)

    def test_time_and_ttl(self):
        tags = self.tags(tool.fields(self.sign(
            MESSAGE, "--time", "1000000000", "--ttl", "2d").out)[0][0])
        self.assertEqual((tags["t"], tags["x"]), ("1000000000", "1000172800"))
        tags = self.tags(tool.fields(self.sign(MESSAGE).out)[0][0])
        self.assertNotIn("x", tags)
        for more, x in ((["--ttl", "1h"], "3600"), ([], None)):
            tags = self.tags(tool.fields(self.sign(
                MESSAGE, "--time", "0", *more).out)[0][0])
            self.assertEqual((tags["t"], tags.get("x")), ("0", x))
        self.assertNotIn("l", tags)
        self.sign(MESSAGE, "--ttl", "1y", status=64)

    def test_headers(self):
        tags = self.tags(tool.fields(self.sign(
            MESSAGE, "--headers", "from:+subject:x-none").out)[0][0])
        names = tags["h"].lower().split(":")
        self.assertEqual(sorted(names), ["from", "subject", "subject"])
        self.sign(MESSAGE, "--headers", "from:x\x01", status=64)

    def test_identity(self):
        out = self.sign(MESSAGE, "--identity", "joe@news.example.org").out
        self.assertEqual(self.tags(tool.fields(out)[0][0])["i"],
                         "joe@news.example.org")
        self.verifies(out)
        self.sign(MESSAGE, "--identity", "joe@example.net", status=64)

    def test_algorithms(self):
        path, name, value = self.keygen("-t", "ed25519", selector="ed")
        self.records[name, "TXT"] = [value]
        out = self.run_tool("sign", "-d", "example.org", "-s", "ed", "-k",
                            path, stdin=MESSAGE).out
        self.assertEqual(self.tags(tool.fields(out)[0][0])["a"],
                         "ed25519-sha256")
        self.verifies(out)
        out = self.sign(MESSAGE, "--algorithm", "rsa-sha1")
        self.assertIn("rsa-sha1", out.err)
        for key, [text] in self.records.items():  # an old record
            self.records[key] = [text.replace("h=sha256; ", "")]
        self.verifies(out.out, "--weak")
        self.sign(MESSAGE, "--algorithm", "ed25519-sha256", status=78)
        self.sign(MESSAGE, "--algorithm", "rsa-md5", status=64)
        self.sign(MESSAGE, "--algorithm", "rsa-sha256", key=path, status=78)
        self.sign(MESSAGE, "--type", "domainkeys", key=path, status=78)

    def openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, timeout=tool.WAIT,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_forms_of_a_key(self):
        pkcs1, pkcs8 = self.path("1.pem"), self.path("8.pem")
        self.openssl("rsa", "-traditional", "-in", self.key, "-out", pkcs1)
        self.openssl("pkcs8", "-topk8", "-nocrypt", "-in", self.key, "-out",
                     pkcs8)
        with open(pkcs1, "rb") as f:
            pem = f.read()
        self.assertIn(b"BEGIN RSA PRIVATE KEY", pem)
        text = self.write("text.pem", b"a comment\n" + pem + b"\nanother\n")
        os.chmod(text, 0o600)
        for path in (pkcs1, pkcs8, text):
            self.verifies(self.sign(MESSAGE, key=path).out)

    def test_what_is_no_key(self):
        public = self.path("public.pem")
        self.openssl("pkey", "-in", self.key, "-pubout", "-out", public)
        short = self.path("short.pem")
        self.openssl("genrsa", "-out", short, "768")
        ec = self.path("ec.pem")
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                     "ec_paramgen_curve:P-256", "-out", ec)
        for path in (public, short, ec, self.write("empty.pem", b""),
                     self.write("junk.pem", os.urandom(2000)),
                     self.write("big.pem", b"x" * 100000)):
            with self.subTest(os.path.basename(path)):
                status = 66 if path.endswith("big.pem") else 78
                result = self.sign(MESSAGE, key=path, status=status)
                self.assertEqual(result.out, b"")
                self.assertIn(path, result.err)
        self.sign(MESSAGE, key=self.path("none.pem"), status=66)

    def test_a_key_that_others_may_read_is_warned_of(self):
        os.chmod(self.key, 0o644)
        result = self.sign(MESSAGE)
        self.assertIn("mode 0644", result.err)
        # The command can be copied, whatever the file is called.
        odd = self.path("a key")
        os.rename(self.key, odd)
        self.assertIn("(chmod 600 '%s')" % odd, self.sign(
            MESSAGE, key=odd).err)

    def test_what_is_no_message(self):
        for message in (b"", b"\r\n", b"no header\n", b" From: a@b\n\n"):
            result = self.sign(message, status=65)
            self.assertEqual(result.out, b"")
        for message in (b"Subject: no author\n\nx\n",):
            result = self.sign(message, status=65)
            self.assertEqual(result.out, b"")
            self.assertIn("From", result.err)
        for message, why in (
                (b"From: a@b\nX: " + b"x" * 600000 + b"\n\n",
                 "header over 524288 bytes"),
                (b"From: a@b\n" + b"X: y\n" * 20000 + b"\n",
                 "more than 20000 header fields"),
                (b"From: a@b\n" * 2 + b"\n", "more than one (Sender or )?From field")):
            for types in (["dkim"], ["domainkeys"], ["dkim", "domainkeys"]):
                more = [w for t in types for w in ("--type", t)]
                result = self.sign(message, *more, status=65)
                self.assertEqual(result.out, b"")
                self.assertRegex(result.err, why)

    def test_what_two_readers_read_in_two_ways_is_not_signed(self):
        for odd, why in ((b"\0", "it has a NUL"), (b"\r", "it has a bare CR")):
            message = b"Subject: a%sb\n" % odd + MESSAGE
            for more in (["--canon", "relaxed/relaxed"],
                         ["--canon", "simple/simple"], ["--type", "arc"]):
                if more[0] == "--type":
                    more += ["--nameserver",
                             self.zone(self.records).address()]
                result = self.sign(message, *more, status=65)
                self.assertEqual(result.out, b"")
                self.assertIn(why, result.err)
            self.verifies(self.sign(message, "--headers", "From").out)
        for status, more in ((0, ""), (65, "unsignable = reject")):
            result = self.run_tool(
                "sign", "-c", self.config(more),
                stdin=b"Subject: a\0b\n" + MESSAGE, status=status)
            self.assertNotIn(b"DKIM-Signature", result.out)

    def test_a_message_saved_in_a_file(self):
        """mbox's From line stays on top; a byte order mark goes."""
        line = b"From ann@example.org Mon Sep 21 10:00:00 2026"
        mark = b"\xef\xbb\xbf"
        for before, above in (
                (line + b"\r\n", line + b"\r\n"),
                (line + b"\n", line + b"\n"),
                (b">" + line + b"\r\n", b">" + line + b"\r\n"), (mark, b""),
                (mark + line + b"\r\n", line + b"\r\n")):
            out = self.sign(before + MESSAGE).out
            self.assertTrue(out.startswith(above + b"DKIM-Signature:"), out)
            self.assertTrue(out.endswith(MESSAGE))
            self.verifies(out)  # as it is
            self.verifies(out[len(above):])
            top = self.sign(before + MESSAGE, "--header-only").out
            self.assertTrue(top.startswith(b"DKIM-Signature:"))
        # These are no From lines of an mbox.
        self.sign(b"From : a@example.org\n\nx\n")
        self.sign(b"From \t: a@example.org\n\nx\n")
        self.sign(b"From x" + b"y" * 3000 + b"\n" + MESSAGE, status=65)
        for rest in (b"", b"\n"):
            self.sign(line + rest, status=65)
        conf = self.config()
        out = self.run_tool("sign", "-c", conf,
                            stdin=line + b"\n" + MESSAGE).out
        self.assertTrue(out.startswith(line + b"\nDKIM-Signature:"))

    def test_domainkeys_only_for_its_own_domain(self):
        message = b"From: a@example.org\nSender: b@example.net\n\nx\n"
        result = self.sign(message, "--type", "domainkeys", status=65)
        self.assertEqual(result.out, b"")

    def test_arc(self):
        zone = self.zone(self.records)
        dns = ["--nameserver", zone.address()]
        once = self.sign(self.sign(MESSAGE).out, "--type", "arc",
                         "--authserv-id", "mx.test", *dns).out
        found = tool.fields(once)[0]
        self.assertEqual([f.split(b":")[0] for f in found[:4]],
                         [b"ARC-Seal", b"ARC-Message-Signature",
                          b"ARC-Authentication-Results", b"DKIM-Signature"])
        self.assertRegex(found[2], rb"i=1;\s+mx\.test;.*dkim=pass")
        twice = self.sign(once, "--type", "dkim", "--type", "arc", *dns).out
        self.assertEqual(twice.count(b"ARC-Seal:"), 2)
        for message, result, instance in (
                (MESSAGE, "none", 0), (once, "pass", 1), (twice, "pass", 2),
                (twice.replace(b"Hello", b"Hallo"), "fail", 2)):
            out = self.run_tool("verify", "--json", *dns, stdin=message,
                                status=None).out
            arc = json.loads(out)["arc"]
            self.assertEqual((arc["result"], arc["instance"]),
                             (result, instance), out)
        broken = twice.replace(b"Hello", b"Hallo")
        sealed = self.sign(broken, "--type", "arc", *dns).out
        self.assertIn(b"cv=fail", sealed.split(b"ARC-Message-Signature")[0])
        self.sign(sealed, "--type", "arc", *dns, status=65)
        self.sign(MESSAGE, "--type", "arc", "--type", "arc", status=64)
        self.sign(MESSAGE, "--type", "arc", "--algorithm", "rsa-sha1",
                  status=64)
        conf = self.write("dns.conf", "[dns]\nnameserver = %s\n[in]\n"
                          "listen = 127.0.0.1:10025\nspool_dir = %s\n"
                          "relay = 127.0.0.1:10026\nauthserv_id = me.test\n"
                          % (zone.address(), self.dir))
        out = self.sign(once, "--type", "arc", "-c", conf).out
        self.assertRegex(tool.fields(out)[0][2],
                         rb"i=2;\s+me\.test;.*arc=pass")
        top = self.sign(MESSAGE, "--type", "arc", "--header-only", *dns).out
        self.assertTrue(top.startswith(b"ARC-Seal:"))
        self.assertNotIn(b"\nSubject:", top)

    def test_arc_of_a_chain_with_a_bare_cr(self):
        """Made by hand, for no tool of ours seals it: the seal of the next one
        would cover it."""
        zone = self.zone(self.records)
        dns = ["--nameserver", zone.address()]
        once = self.sign(MESSAGE, "--type", "arc", "--authserv-id", "mx.test",
                         *dns).out.replace(b"\r\n", b"\n")
        seal, signature, results = re.findall(
            rb"(?m)^ARC-.*\n(?:[ \t].*\n)*", once)
        odd = results.rstrip() + b" (a\rb)\n"

        def relaxed(field):
            name, value = field.rstrip(b"\n").split(b":", 1)
            value = re.sub(rb"[ \t]+", b" ", value.replace(b"\n", b""))
            return name.lower() + b":" + value.strip(b" ")
        bare = re.sub(rb"(?s)\bb=.*", b"b=", seal)
        text = b"\r\n".join(map(relaxed, (odd, signature, bare)))
        made = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", self.key], input=text,
            stdout=subprocess.PIPE, check=True).stdout
        message = (bare.rstrip() + base64.b64encode(made) + b"\n" + signature +
                   odd + once[len(seal + signature + results):])
        out = self.run_tool("verify", "--json", *dns, stdin=message,
                            status=None).out
        self.assertEqual(json.loads(out)["arc"]["result"], "pass", out)
        err = self.sign(message, "--type", "arc", *dns, status=65).err
        self.assertIn("what the seal covers: it has a bare CR", err)

    def test_no_room_for_the_message(self):
        """Which directory it is that has none is said."""
        import resource
        os.mkdir(self.path("tmp"))
        done = subprocess.run(
            [tool.binary(), "sign", "-d", "example.org", "-s", "s1", "-k",
             self.key], input=MESSAGE + b"x" * 4000000, timeout=tool.WAIT,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": self.path("tmp")},
            restore_signals=False,  # SIGXFSZ stays ignored
            preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_FSIZE, (100000, 100000)))
        self.assertEqual(done.returncode, 73, done.stderr)
        self.assertIn(self.path("tmp").encode() + b": cannot write: "
                      b"File too large", done.stderr)

    def test_half_of_the_options(self):
        self.run_tool("sign", "-d", "example.org", stdin=MESSAGE, status=64)
        self.run_tool("sign", "-c", "x", "-d", "example.org", "-s", "s1", "-k",
                      self.key, stdin=MESSAGE, status=66)
        self.run_tool("sign", "-c", "x", "--canon", "simple/simple",
                      stdin=MESSAGE, status=64)
        self.run_tool("sign", "-d", "exa mple", "-s", "s1", "-k", self.key,
                      stdin=MESSAGE, status=64)

    def test_by_the_rules_of_a_configuration(self):
        conf = self.config("signature = dkim(c=simple/simple)\n"
                           "signature = domainkeys(c=nofws)\nttl = 1h")
        out = self.run_tool("sign", "-c", conf, "--time", "1000000000",
                            stdin=MESSAGE).out
        found = tool.fields(out)[0]
        self.assertEqual(self.tags(found[0])["c"], "simple/simple")
        self.assertEqual(self.tags(found[0])["x"], "1000003600")
        self.assertTrue(found[1].startswith(b"DomainKey-Signature:"))
        self.verifies(out, "--time", "1000000000", count=2)

    def test_what_no_rule_signs_comes_out_unchanged(self):
        conf = self.config()
        message = MESSAGE.replace(b"example.org", b"example.com")
        result = self.run_tool("sign", "-c", conf, stdin=message)
        self.assertEqual(result.out, message)
        self.assertIn("no-key-for-domain:example.com", result.err)
        message = b"Subject: no author\n\nx\n"
        result = self.run_tool("sign", "-c", conf, stdin=message)
        self.assertEqual(result.out, message)
        self.assertIn("no-from", result.err)
        message = b"From: a@example.org\n" + b"X: y\n" * 1000 + b"\nx\n"
        conf = self.config("max_header_size = 4096")
        result = self.run_tool("sign", "-c", conf, stdin=message)
        self.assertEqual(result.out, message)
        self.assertIn("header-too-long:header-over-4096-bytes", result.err)
        conf = self.config("unsignable = reject\nmax_header_size = 4096")
        self.run_tool("sign", "-c", conf, stdin=message, status=65)
        message = b"Subject: no author\n\nx\n"
        result = self.run_tool("sign", "-c", conf, stdin=message, status=65)
        self.assertEqual(result.out, b"")

    def test_trouble_with_the_configurations_key(self):
        os.unlink(self.key)
        result = self.run_tool("sign", "-c", self.config(), stdin=MESSAGE,
                               status=78)
        self.assertEqual(result.out, b"")
        self.assertIn(self.key, result.err)
        result = self.run_tool("sign", "-c", self.config("on_error = pass"),
                               stdin=MESSAGE)
        self.assertEqual(result.out, MESSAGE)
        self.assertIn(self.key, result.err)

    def test_a_configuration_that_is_none(self):
        self.run_tool("sign", "-c", self.path("none"), stdin=MESSAGE,
                      status=66)
        result = self.run_tool("sign", "-c", self.config("nosuch = 1"),
                               stdin=MESSAGE, status=78)
        self.assertIn("signpost.conf:11: ", result.err)


if __name__ == "__main__":
    unittest.main()
