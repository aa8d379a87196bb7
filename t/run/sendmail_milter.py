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
import subprocess
import tempfile

import harness
import judges
import milter_case
import mta
import part

COUNT = 100
SIGNATURES = ("simple/simple", "relaxed/relaxed")
# Fields that it puts into a form of its own.
ADDRESSES = {"from", "to", "cc", "reply-to", "resent-from"}

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
        root = unpacked("sendmail-bin")
        self.sendmail = subprocess.Popen(
            ["unshare", "-u", "sh", "-c",
             'hostname mx.example.org; exec "$0" "$@"',
             root / "usr/libexec/sendmail/sendmail",
             "-C", folder + "/sendmail.cf", "-bD", "-q2s"],
            env=dict(os.environ, LD_LIBRARY_PATH=str(root / "libraries")),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end)

    def end(self):
        self.sendmail.terminate()
        self.sendmail.wait(harness.WAIT)

    def client(self):
        def connected():
            try:
                return smtplib.SMTP("127.0.0.1", self.port,
                                    timeout=harness.WAIT)
            except OSError:
                return None
        return harness.wait_until("sendmail to listen", connected, 60)

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
    def rewritten(sent, came):
        """Names of fields that arrived otherwise than they were sent; and "body"
        where that did."""
        fields, body = mta.fields_of(sent)
        there, below = mta.fields_of(came)
        return {name.lower().decode() for name, value in fields
                if [name, value] not in there} | (
                    set() if body == below else {"body"})

    def test_what_it_does_not_rewrite_verifies(self):
        """And what it does rewrite is what the manual says."""
        texts, traits, counted = [], [], 0
        for sent, those, came in self.pairs(judges.forms(COUNT)):
            changed = self.rewritten(sent, came)
            long = any(len(line) > 990 for line in sent.split(b"\r\n"))
            counted += 1
            if not changed:
                texts.append(came)
                traits.append(those)
            elif not long:
                self.assertLessEqual(changed, ADDRESSES, sent[:3000])
        self.assertGreater(len(texts), 10)
        said = judges.complaints(
            texts, traits, self.daemon.record(), len(SIGNATURES))
        self.assertEqual(said, [], "\n".join(said[:5]))
        self.daemon.wait_log("front=milter ", counted)


if __name__ == "__main__":
    harness.main()
