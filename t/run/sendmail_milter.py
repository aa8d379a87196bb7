#!/usr/bin/python3
"""A real sendmail that asks by milter: what it sends on verifies, but for the
forms that it rewrites behind its milters (signpost(8), BY MILTER).

Debian's sendmail cannot be installed beside Postfix: `.ci/unpack` downloads and
unpacks it. Its name for itself is that of a UTS namespace, so it needs root.
"""
import os
import pathlib
import re
import smtplib
import socket
import subprocess
import tempfile

import harness
import inbound
import judges
import milter_case
import milter_checking
import mta
import part
import verifying

COUNT = 100
SIGNATURES = ("simple/simple", "relaxed/relaxed")
# Fields that it puts into a form of its own.
ADDRESSES = {"from", "to", "cc", "reply-to", "resent-from"}
LINE_MAX = 990  # octets; what is longer it breaks

TOP = pathlib.Path(__file__).resolve().parents[2]

# m4 of sendmail's own: onward to {relay}, each message by the milter.
MC = """divert(0)dnl
OSTYPE(`linux')dnl
define(`confCF_VERSION', `test')dnl
undefine(`ALIAS_FILE')dnl
define(`STATUS_FILE', `{folder}/statistics')dnl
define(`QUEUE_DIR', `{folder}/queue')dnl
define(`confPID_FILE', `{folder}/pid')dnl
define(`confDOMAIN_NAME', `mx.example.org')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`SMART_HOST', `esmtp:[127.0.0.1]')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h {relay}')dnl
define(`confTO_IDENT', `0')dnl
define(`confQUEUE_LA', `10000')dnl
define(`confREFUSE_LA', `10000')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1, Port={port}, Family=inet')dnl
INPUT_MAIL_FILTER(`signpost', `S=inet:{milter}@127.0.0.1, F=T, T=S:30s;R:30s')dnl
MAILER(`smtp')dnl
"""


def unpacked(package):
    done = subprocess.run([TOP / ".ci/unpack", package], check=True,
                          timeout=400, stdout=subprocess.PIPE, text=True)
    return pathlib.Path(done.stdout.strip())


def relaxed(text):
    """Its fields as c=relaxed has them, unfolded, and its body as it is."""
    fields, body = mta.fields_of(text)
    return [(name.lower(), re.sub(rb"[ \t]+", b" ", value.replace(
        b"\r\n", b"")).strip()) for name, value in fields], body


class Sendmail(milter_case.Case):
    signature = "\n".join("signature = dkim(c=%s)" % c for c in SIGNATURES)
    # Its clients here are SMTP's, so none of them is `local`.
    out = ("sign_for = 127.0.0.0/8", "sign_all = yes")

    def setUp(self):
        part.require("mta", self.id())
        super().setUp()
        self.world = self.relay()
        self.port = harness.free_port()
        folder = tempfile.mkdtemp(prefix="signpost-sendmail-")
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], check=True)
        os.mkdir(folder + "/queue", 0o700)
        cf = unpacked("sendmail-cf") / "usr/share/sendmail/cf"
        with open(folder + "/sendmail.cf", "w") as config:
            subprocess.run(
                ["m4", "-D_CF_DIR_=%s/" % cf, "m4/cf.m4", "-"], cwd=cf,
                input=MC.format(folder=folder, relay=self.world.port,
                                port=self.port, milter=self.daemon.port),
                text=True, stdout=config, stderr=subprocess.DEVNULL,
                check=True, timeout=400)
        self.folder = folder
        daemon = self.begin("-bD", "-q2s")
        self.addCleanup(daemon.wait, harness.WAIT)
        self.addCleanup(daemon.terminate)

    def begin(self, *options, **descriptors):
        root = unpacked("sendmail-bin")
        return subprocess.Popen(
            ["unshare", "-u", "sh", "-c",
             'hostname mx.example.org; exec "$0" "$@"',
             root / "usr/libexec/sendmail/sendmail",
             "-C", self.folder + "/sendmail.cf", *options],
            env=dict(os.environ, LD_LIBRARY_PATH=str(root / "libraries")),
            **({"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} |
               descriptors))

    def client(self):
        def connected():
            try:
                return smtplib.SMTP("127.0.0.1", self.port,
                                    timeout=harness.WAIT)
            except OSError:
                return None
        return harness.wait_until("sendmail to listen", connected, 60)


class Signing(Sendmail):
    def pairs(self, forms):
        """(what was sent, its traits, what arrived) of each."""
        with self.client() as client:
            for number, (text, _) in enumerate(forms):
                client.sendmail("ann@example.org",
                                ["b%d@example.net" % number], text,
                                mail_options=["BODY=8BITMIME"])
        for one in self.world.wait_messages(len(forms), 60):
            number = int(re.search(rb"<b(\d+)@", one.rcpt[0]).group(1))
            yield forms[number] + (one.data,)

    @staticmethod
    def those(message, are):
        """Names of fields that are so; and "body" where that is."""
        fields, body = mta.fields_of(message)
        return {name.lower().decode() for name, value in fields
                if are(name + b":" + value)} | (
                    {"body"} if are(body) else set())

    def test_what_it_does_not_rewrite_verifies(self):
        """And what it does rewrite is what the manual says."""
        # What should hold at sendmail from which signature on.
        held = {0: ([], []), 1: ([], [])}
        counted = 0
        for sent, traits, came in self.pairs(judges.forms(COUNT)):
            fields, body = mta.fields_of(came)
            there = {name + b":" + value for name, value in fields} | {body}
            changed = self.those(sent, lambda whole: whole not in there)
            self.assertEqual(changed - ADDRESSES, self.those(
                sent, lambda whole: any(len(line) > LINE_MAX for line in
                                        whole.split(b"\r\n"))) - ADDRESSES,
                sent[:3000])
            counted += 1
            header, body = relaxed(sent)
            arrived, below = relaxed(came)
            if set(header) <= set(arrived) and body == below:
                texts, those = held[1 if changed else 0]
                texts.append(came)
                those.append(traits)
        for first, (texts, traits) in held.items():
            self.assertGreater(len(texts), 10)
            said = judges.complaints(texts, traits, self.daemon.record(),
                                     len(SIGNATURES), first)
            self.assertEqual(said, [], "\n".join(said[:5]))
        self.daemon.wait_log("front=milter ", counted)


class Local(Sendmail):
    out = ("sign_for = local",)

    def test_a_client_on_a_unix_domain_socket_is_local(self):
        with self.client() as client:
            client.sendmail("ann@example.org", ["bob@example.net"],
                            harness.SAMPLE)
        self.daemon.wait_log("unsigned=not-ours")
        ours, theirs = socket.socketpair()
        ours.settimeout(harness.WAIT)
        with theirs:
            process = self.begin("-bs", stdin=theirs, stdout=theirs)
        self.addCleanup(process.wait, harness.WAIT)
        with smtplib.SMTP() as client:
            client.sock = ours
            self.assertEqual(client.getreply()[0], 220)
            client.sendmail("ann@example.org", ["bob@example.net"],
                            harness.SAMPLE)
        self.daemon.wait_log("signed=dkim:")


class Checking(Sendmail, milter_checking.Case):
    def make(self, out, **options):
        return self.milter(("check = dkim",))

    def test_forged_fields_are_gone_and_the_result_is_on_top(self):
        forged, other = milter_checking.FORGED, milter_checking.OTHER
        signed = inbound.sign(b"From: ann@example.org\r\nSubject: x\r\n"
                              b"\r\nHello.\r\n", verifying.RSA)
        with self.client() as client:
            client.sendmail("ann@example.org", ["bob@example.net"],
                            (forged + other) * 50 + signed)
        [came] = self.world.wait_messages(1, 60)
        self.assertIn("dkim=pass", inbound.results(came.data))
        self.assertNotIn(forged, came.data)
        self.assertTrue(came.data.endswith(other * 50 + signed), came.data)
        self.assertIn("forged=50", self.daemon.wait_log("status=sent"))

    def test_while_it_is_away_mail_is_put_off(self):
        self.assertEqual(self.daemon.stop(), 0)
        with self.client() as client, \
                self.assertRaises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail("ann@example.org", ["bob@example.net"],
                            harness.SAMPLE)
        self.assertEqual(refused.exception.smtp_code, 451)


if __name__ == "__main__":
    harness.main()
