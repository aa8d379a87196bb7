#!/usr/bin/python3
"""What main.cf has besides, the samples stand it: about thirty settings that
people use, one at a time and then all together, with mail through 587, 25 and
pickup. What arrives verifies, or `signpost check` has named the setting.

    postfix_settings.py After|Before
"""
import json
import os
import re
import smtplib
import subprocess
import tempfile

import dkim

import harness
import inbound
import postfix
import postfix_case
from postfix_case import fields

RSA, RSA_RECORD = inbound.key("rsa2048")
STRANGER = "127.0.0.2"

RECORDS = """
s1._domainkey.far.example TXT %s
far.example TXT v=spf1 ip4:127.0.0.2 -all
""" % RSA_RECORD

MAIN = """
mynetworks = 127.0.0.1/32
relay_domains = example.net
"""

TABLES = {
    "subject": "/^Subject: (.*)/ REPLACE Subject: [checked] $1\n",
    "mime": "/^(Content-Type: text\\/plain.*)/ REPLACE $1; x=y\n",
    "body": "/^Hello (.*)/ REPLACE Hallo $1\n",
    "agent": "/^User-Agent:/ IGNORE\n",
}

# Lines of main.cf; {d} is a directory with the tables above.
SETTINGS = [
    "message_size_limit = 50000000",
    "smtp_header_checks = regexp:{d}/subject",
    "smtp_mime_header_checks = regexp:{d}/mime",
    "smtp_nested_header_checks = regexp:{d}/subject",
    "smtp_body_checks = regexp:{d}/body",
    "smtp_generic_maps = inline:{{ann@example.org=ann.g@example.org}}",
    "header_checks = regexp:{d}/subject",
    "mime_header_checks = regexp:{d}/agent",
    "body_checks = regexp:{d}/body",
    "canonical_maps = inline:{{ann@example.org=ann.c@example.org}}",
    "recipient_canonical_maps = inline:{{bob@example.net=bo@example.net}}",
    "masquerade_domains = example.org",
    "virtual_alias_maps = inline:{{bob@example.net=robert@example.net}}",
    "always_bcc = archive@example.net",
    "remote_header_rewrite_domain = domain.invalid",
    "undisclosed_recipients_header = To: undisclosed-recipients:;",
    "local_header_rewrite_clients = static:all",
    "always_add_missing_headers = yes",
    "append_dot_mydomain = yes",
    "header_size_limit = 4096000",
    "smtp_line_length_limit = 0",
    "smtp_line_length_limit = 512",
    "smtp_discard_ehlo_keywords = 8bitmime, dsn",
    "smtpd_discard_ehlo_keywords = chunking, 8bitmime, silent-discard",
    "smtp_bind_address = 127.0.0.3",
    "smtp_fallback_relay = [127.0.0.1]:1",
    "smtp_sasl_auth_enable = yes\n"
    "smtp_sasl_password_maps = inline:{{x.example=user:secret}}",
    "smtp_tls_security_level = may",
    "smtpd_milters = inet:127.0.0.1:1\nnon_smtpd_milters = "
    "inet:127.0.0.1:1\nmilter_default_action = accept",
    "message_strip_characters = \\0",
    "message_drop_headers = bcc, return-path, user-agent",
    "smtpd_helo_required = yes\n"
    "smtpd_helo_restrictions = reject_invalid_helo_hostname",
    "smtpd_sender_restrictions = reject_non_fqdn_sender",
    "smtpd_reject_unlisted_sender = yes",
    "smtpd_recipient_limit = 5",
    "smtpd_client_event_limit_exceptions =\n"
    "smtpd_client_connection_count_limit = 3",
    "smtpd_timeout = 30s",
    "strict_rfc821_envelopes = yes",
    "smtputf8_enable = no",
]

MANY = ", ".join("user%d@example.net" % n for n in range(50))

# Over Postfix's header_size_limit (102400).
LONG = "Cc: " + ",\r\n ".join("user%d@example.net" % n for n in range(6000))


def odd(name, author, *header, to=True):
    """A message that each of the settings above might change."""
    lines = ["From: Ann <%s>" % author, "Subject: %s" % name,
             "User-Agent: a program", *header]
    if to:
        lines += ["To: root, %s" % MANY, "Cc: b@host.example.org"]
    lines += ["MIME-Version: 1.0",
              "Content-Type: multipart/mixed; boundary=b"]
    body = ("--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\nHello Gr\u00fc\u00dfe\r\n"
            + "x" * 990 + "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
            "Subject: within\r\n\r\nHello there\r\n--b--\r\n")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Signpost(inbound.Verifier):
    """Both proxies in one."""

    def __init__(self, ports, dns_port):
        self.ports = ports
        super().__init__("127.0.0.1:%d" % ports["in_relay"], dns_port,
                         ("check = dkim, spf", "trusted = 127.0.0.1"))
        ports["in_"] = self.port
        ports["out"] = harness.free_port()
        harness.make_key(self.keyfile)
        spool = os.path.join(self.dir, "spool-out")
        os.mkdir(spool)
        harness.shutil.chown(spool, harness.WORKER)
        with open(self.config, encoding="utf-8") as f:
            text = f.read()
        text = text.replace("[in]\n", (
            "user = %s\n[out]\nlisten = 127.0.0.1:%d\nrelay = 127.0.0.1:%d\n"
            "domain = example.org\nselector = %s\nkeyfile = %s\n"
            "spool_dir = %s\n[in]\n") % (
                harness.WORKER, ports["out"], ports["out_relay"],
                self.selector, self.keyfile, spool), 1)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)


class Settings:
    """Both directions of a wiring, one Postfix for all rounds."""

    def setUp(self):
        self.world = self.relay()
        self.ports = {name: harness.free_port() for name in
                      ("submission", "out_relay", "smtp", "in_relay")}
        server = inbound.nameserver.Nsd(RECORDS).start()
        self.addCleanup(server.stop)
        self.dns = "127.0.0.1:%d" % server.port
        self.proxy = Signpost(self.ports, server.port)
        self.addCleanup(self.proxy.clean)
        self.addCleanup(self._stops_well, self.proxy)
        self.record = self.proxy.record()
        folder = tempfile.mkdtemp(prefix="signpost-postfix-")
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], check=True)
        os.chmod(folder, 0o755)
        for name, text in TABLES.items():
            with open(os.path.join(folder, name), "w") as f:
                f.write(text)
        self.folder = folder
        self.postfix = postfix.Postfix(
            os.path.join(folder, "p"), self.samples, self.ports,
            sink=self.world.port, main=MAIN)
        master = self.postfix.config / "master.cf"
        master.write_text(self.with_own_mail(master.read_text()))
        self.main = (self.postfix.config / "main.cf").read_text()
        self.lines = master.read_text()
        self.proxy.start()
        self.postfix.settle()
        self.postfix.start()
        self.addCleanup(self.postfix.stop)
        self.taken = 0
        self.rounds = 0

    # --- a round ---

    def set(self, settings, master=None):
        """main.cf with these lines more, as it is after a reload."""
        self.postfix.rewrite("main.cf", postfix.with_settings(
            self.main, settings + "\n"))
        self.postfix.rewrite("master.cf", master or self.lines)
        self.postfix.reload()

    def hand_in(self, port, host, source, messages):
        def attempt():
            try:
                return smtplib.SMTP(host, port, local_hostname="a.example",
                                    timeout=harness.WAIT,
                                    source_address=(source, 0))
            except (OSError, smtplib.SMTPException):
                return None
        with harness.wait_until("Postfix to greet", attempt) as client:
            for sender, text in messages:
                client.sendmail(sender, ["bob@example.net"], text)

    def send(self, large):
        """Through all doors; the names that have to arrive."""
        self.rounds += 1
        names = ["%s-%d" % (n, self.rounds) for n in (
            "submitted", "hidden", "strange", "own", "local")]
        pad = b"0123456789" * 7 + b"\r\n"
        more = pad * (12 * 1024 * 1024 // len(pad)) if large else b""
        far = inbound.sign(odd(names[2], "ann@far.example") + more, RSA,
                           domain=b"far.example")
        self.hand_in(self.ports["submission"], "127.0.0.1", "127.0.0.1", [
            ("ann@example.org", odd(names[0], "ann@example.org") + more),
            ("ann@example.org", odd(names[1], "ann@example.org", *(
                [LONG] if self.rounds == 1 else []), to=False))])
        self.hand_in(self.ports["smtp"], self.public, STRANGER,
                     [("ann@far.example", far)])
        self.hand_in(self.ports["smtp"], "127.0.0.1", "127.0.0.1", [
            ("ann@example.org", odd(names[3], "ann@example.org"))])
        self.postfix.sendmail(
            odd(names[4], "ann@example.org").replace(b"\r\n", b"\n"),
            "bob@example.net", sender="ann@example.org")
        return names

    def arrived(self, names):
        """name -> message. What header checks did to a subject is undone."""
        found = {}

        def all_there():
            for message in self.world.messages[self.taken:]:
                for subject in fields(message.data, "Subject"):
                    found[subject.split()[-1]] = message.data
            return set(names) <= set(found)
        harness.wait_until(lambda: "%s to arrive\n%s\n%s" % (
            set(names) - set(found), self.postfix.queue(),
            self.postfix.log()[-6000:]), all_there, 60)
        self.postfix.wait_empty()
        self.taken = len(self.world.messages)
        return {name: found[name] for name in names}

    def verifies(self, name, text):
        if name.startswith("strange"):
            return "dkim=pass" in "".join(
                fields(text, "Authentication-Results"))
        try:
            return (len(fields(text, "DKIM-Signature")) == 1 and
                    harness.dkim_verifies(text, self.record))
        except dkim.ValidationError:
            return False

    def check(self):
        """What check says of Postfix: (whose, reason, todo)."""
        run = subprocess.run(
            [harness.binary(), "check", "-c", self.proxy.config,
             "--nameserver", self.dns, "--json"], timeout=400,
            stdout=subprocess.PIPE, env=dict(
                os.environ, PATH="/usr/sbin:/usr/bin:/bin",
                MAIL_CONFIG=str(self.postfix.config)))
        return [(c["subject"], c["reason"], c["todo"])
                for c in json.loads(run.stdout)["checks"]
                if c["what"] == "postfix" and c["result"] != "ok"]

    def broken(self, large=False):
        """The messages of a round that do not verify."""
        found = self.arrived(self.send(large))
        for name, text in found.items():
            for field in ("Date", "Message-ID"):
                # A stranger's mail is completed where no main.cf asks for
                # it before the queue only.
                few = 0 if name.startswith("strange") and self.after else 1
                self.assertIn(len(fields(text, field)), (few, 1), name)
        return [name for name, text in found.items()
                if not self.verifies(name, text)]

    def assert_named(self, names, broken):
        """check has named one of the settings, of each direction that they
        break."""
        said = self.check()
        for front in {"in" if b.startswith("strange") else "out"
                      for b in broken}:
            self.assertTrue(any(name in reason and subject == front
                                for name in names
                                for subject, reason, _ in said),
                            (names, broken, said))

    def mend(self):
        """Does what check says, until it says no more."""
        for _ in range(30):
            todos = [todo for _, _, todo in self.check()
                     if todo.startswith("postconf ")]
            if not todos:
                return
            self.postfix.settle()
            subprocess.run(
                ["sh", "-ec", re.sub(r",? && postfix reload.*", "", todos[0])],
                check=True, timeout=400, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(os.environ, MAIL_CONFIG=str(self.postfix.config)))
            self.postfix.settle()

    # --- the test ---

    def test_each_and_all(self):
        self.set("")
        self.assertEqual(self.broken(), [])
        all_of_them = {}
        for settings in SETTINGS:
            settings = settings.format(d=self.folder)
            names = re.findall(r"^(\w+) *=", settings, re.M)
            with self.subTest(settings=settings):
                self.set(settings)
                broken = self.broken(large="message_size" in settings)
                if broken:
                    self.assert_named(names, broken)
            for line in settings.splitlines():
                all_of_them[line.split("=")[0].strip()] = line
        self.set("\n".join(all_of_them.values()))
        broken = self.broken(large=True)
        if broken:
            self.assert_named(list(all_of_them), broken)
        self.mend()
        self.postfix.reload()
        self.assertEqual(self.broken(large=True), [], self.check())


class After(Settings, harness.Case):
    samples = ("out-after-queue", "local-mail", "in-after-queue")
    after = True
    public = "127.0.0.1"

    def with_own_mail(self, text):
        """The lines behind a #, for mail of the host's own programs."""
        text, count = re.subn(r"^#(  -o \{|       \{)", r"\1", text,
                              flags=re.M)
        self.assertEqual(count, 2)
        return text.replace("{ 127 = FILTER", "{ 127.0.0.1 = FILTER")


class Before(Settings, harness.Case):
    samples = ("out-before-queue", "local-mail", "in-before-queue")
    after = False
    public = "127.0.0.2"

    def with_own_mail(self, text):
        text = text.replace("127.0.0.1:%d inet" % self.ports["smtp"],
                            "127.0.0.2:%d inet" % self.ports["smtp"])
        text, count = re.subn(
            r"^#127\.0\.0\.1:smtp (inet.*)\n#(  -o .*)",
            r"127.0.0.1:%d \1\n\2" % self.ports["smtp"], text, flags=re.M)
        self.assertEqual(count, 1)
        return text


if __name__ == "__main__":
    harness.main()
