#!/usr/bin/python3
"""A real sendmail that asks by milter: what it sends on verifies, but for the
forms that it rewrites behind its milters (signpost(8), BY MILTER).

Debian's sendmail cannot be installed beside Postfix: `.ci/unpack` downloads and
unpacks it. Its name for itself is that of a UTS namespace, so it needs root.
"""
import os
import pathlib
import smtplib
import subprocess
import tempfile

import harness
import milter_case
import mta
import part
import postfix_case

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
                          timeout=150, stdout=subprocess.PIPE, text=True)
    return pathlib.Path(done.stdout.strip())


class Sendmail(milter_case.Case):
    # Its clients here are SMTP's, so none of them is `local`.
    out = ("sign_for = 127.0.0.0/8",)

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
                check=True, timeout=30)
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
        return harness.wait_until("sendmail to listen", connected)

    def test_what_it_does_not_rewrite_verifies(self):
        # It puts the addresses of an address field in its own form: on one
        # line, with a domain each.
        rewritten = [text for text in mta.ODD
                     if b"From:\r\n" in text or b"To: a,\r\n" in text]
        self.assertEqual(len(rewritten), 2)
        texts = [text for text in mta.ODD if text not in rewritten]
        with self.client() as client:
            for text in texts:
                client.sendmail("ann@example.org", ["bob@example.net"], text,
                                mail_options=["BODY=8BITMIME"])
        for message in self.world.wait_messages(len(texts)):
            said = postfix_case.mail_dkim(message.data, self.daemon.record())
            self.assertEqual([line.split(" (")[0] for line in said],
                             ["dkim pass example.org t2026"],
                             message.data[:3000].decode("latin-1"))
        self.daemon.wait_log("front=milter signed=dkim", len(texts))


if __name__ == "__main__":
    harness.main()
