#!/usr/bin/python3
"""A real Postfix that asks by milter, at every place where it can:

    smtpd -> cleanup -> signpost            what clients send
    sendmail -> pickup -> cleanup -> ...    non_smtpd_milters
    bounce -> cleanup -> ...                internal_mail_filter_classes
"""
import base64
import contextlib
import os
import pathlib
import smtplib
import socket
import subprocess
import tempfile
import threading

import harness
import inbound
import mta
import postfix
import postfix_case
from postfix_case import fields, message

RSA, RSA_RECORD = inbound.key("rsa2048")
STRANGER = "203.0.113.5"

# smtpd in a chroot, as Debian has it: what it names lies below the queue.
MASTER = """
127.0.0.1:{smtp} inet n - y - - smtpd
  -o smtpd_milters={milters}
  -o smtpd_authorized_xclient_hosts=127.0.0.0/8
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=dovecot
  -o smtpd_sasl_path=signpost/auth
  -o smtpd_sasl_security_options=
  -o smtpd_recipient_restrictions=
  -o smtpd_relay_restrictions=reject_unauth_destination
"""


class Passwords(threading.Thread):
    """Who asks for a password, by Dovecot's protocol: any is right."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(16)
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(sock,),
                                 daemon=True).start()

    def serve(self, sock):
        with contextlib.suppress(OSError), sock.makefile("rw") as lines:
            lines.write("VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\n"
                        "CUID\t1\nCOOKIE\t%s\nDONE\n" % ("0" * 32))
            lines.flush()
            for line in lines:
                words = line.rstrip("\n").split("\t")
                if words[0] != "AUTH":
                    continue
                given = [w for w in words if w.startswith("resp=")][0][5:]
                user = base64.b64decode(given).split(b"\0")[1].decode()
                lines.write("OK\t%s\tuser=%s\n" % (words[1], user))
                lines.flush()


class Milter(postfix_case.PostfixCase):
    """One signpost, at a Unix-domain socket below Postfix's queue."""
    main = """
non_smtpd_milters = {out}
internal_mail_filter_classes = bounce
milter_default_action = tempfail
relay_domains = example.net
"""
    out = ("signature = dkim(c=simple/simple)",)
    plain = None    # its main.cf before set_main()

    def setUp(self):
        self.world = self.relay()
        self.ports = {"smtp": harness.free_port()}
        self.folder = folder = tempfile.mkdtemp(prefix="signpost-postfix-")
        os.chmod(folder, 0o755)
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], check=True)
        self.proxy = self.make_signpost()
        self.postfix = postfix.Postfix(
            folder, (), self.ports, sink=self.world.port,
            main=self.main.format(out=self.milters()))
        with open(self.postfix.config / "master.cf", "a") as master:
            master.write(MASTER.format(smtp=self.ports["smtp"],
                                       milters=self.milters()))
        passwords = Passwords(folder + "/queue/signpost/auth")
        self.addCleanup(passwords.listener.close)
        self.postfix.settle()
        self.postfix.start()
        self.addCleanup(self.postfix.stop)
        self.proxy.start()

    def make_signpost(self):
        proxy = harness.Signpost("127.0.0.1:9", out=self.out)
        self.addCleanup(proxy.clean)
        self.addCleanup(self._stops_well, proxy)
        with open(proxy.config) as config:
            text = config.read()
        os.makedirs(self.folder + "/queue/signpost")
        text = text.replace(
            "listen = 127.0.0.1:%d" % proxy.port,
            "listen = milter:127.0.0.1:%d, milter:unix:%s/queue/signpost/out "
            "group=postfix" % (proxy.port, self.folder))
        with open(proxy.config, "w") as config:
            config.write(text.replace("relay = 127.0.0.1:9\n", ""))
        return proxy

    def milters(self):
        """As a smtpd in a chroot sees it: below the queue's directory."""
        return "unix:signpost/out"

    def smtp(self):
        try:
            return smtplib.SMTP("127.0.0.1", self.ports["smtp"],
                                timeout=harness.WAIT)
        except OSError as e:
            raise AssertionError("%s\n%s" % (e, self.postfix.log()))

    def as_client(self, server, client, helo="mx.test"):
        if client:
            code, text = server.docmd(
                "XCLIENT", "ADDR=%s PORT=1025 HELO=%s" % (client, helo))
            self.assertEqual(code, 220, text)
        server.ehlo(helo)

    def smtpd_roots(self):
        """Those of each smtpd that serves."""
        roots = set()
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ends
                words = (path / "cmdline").read_bytes().split(b"\0")
                if words[0] == b"smtpd" and (
                        b"127.0.0.1:%d" % self.ports["smtp"]) in words:
                    roots.add(os.readlink(path / "root"))
        return roots

    def send(self, *messages, client=STRANGER, login=None, helo="mx.test",
             sender="ann@example.org", rcpt="bob@example.net"):
        """Over one connection, as that client; None: as ourselves."""
        with self.smtp() as server:
            self.as_client(server, client, helo)
            if login:
                server.login(login, "any")
            for text in messages:
                server.sendmail(sender, [rcpt], text,
                                mail_options=["BODY=8BITMIME"])

    def assert_dkim(self, text):
        said = postfix_case.mail_dkim(text, self.proxy.record())
        self.assertEqual([line.split(" (")[0] for line in said],
                         ["dkim pass example.org t2026"],
                         "%s\n%s" % (said, text[:3000].decode("latin-1")))
        self.assertTrue(harness.dkim_verifies(text, self.proxy.record()))

    def set_main(self, lines):
        """What it has besides; Postfix has read it then."""
        self.plain = self.plain or (self.postfix.config /
                                    "main.cf").read_text()
        self.postfix.rewrite("main.cf", postfix.with_settings(
            self.plain, lines))
        self.postfix.reload()

    def assert_plain(self, text):
        self.assertEqual(fields(text, "DKIM-Signature"), [])


class Signing(Milter):
    def test_odd_messages_of_who_logged_in(self):
        self.send(*mta.ODD, login="ann")
        for text in self.delivered(len(mta.ODD)):
            with self.subTest(text=text[:400]):
                self.assert_dkim(text)
        self.assertEqual(self.smtpd_roots(),
                         {os.path.realpath(self.folder + "/queue")})
        line = self.proxy.wait_log("signed=.*status=sent", len(mta.ODD))
        self.assertRegex(line, r" 4?[0-9A-Za-z]+: from=<ann@example.org>")

    def test_what_sendmail_hands_in(self):
        for text in mta.ODD:
            self.postfix.sendmail(text.replace(b"\r\n", b"\n"),
                                  "bob@example.net", sender="ann@example.org")
        for text in self.delivered(len(mta.ODD)):
            self.assert_dkim(text)

    def test_an_smtp_client_of_this_host_is_not_local(self):
        self.send(message("Subject: a"), client=None)
        self.send(message("Subject: b"))
        # Of whom Postfix knows no port it says what it says of local mail.
        for port in "[UNAVAILABLE]", "0":
            with self.smtp() as server:
                server.docmd("XCLIENT", "NAME=localhost ADDR=127.0.0.1 PORT="
                             + port)
                for _ in range(2):
                    server.sendmail("ann@example.org", ["bob@example.net"],
                                    message("Subject: c"))
        for text in self.delivered(6):
            self.assert_plain(text)
        self.proxy.wait_log("unsigned=not-ours", 6)

    def test_a_bounce_of_its_own_verifies(self):
        self.set_main("myhostname = example.org\n"
                      "transport_maps = inline:{ {bob@example.net = "
                      "error:5.1.1 nobody} }\n")
        self.postfix.sendmail(message("Subject: x").replace(b"\r\n", b"\n"),
                              "bob@example.net", sender="ann@example.org")
        [text] = self.delivered(1)
        self.assertIn("MAILER-DAEMON", fields(text, "From")[0])
        self.assert_dkim(text)

    def test_gone_and_back(self):
        """milter_default_action = tempfail: nothing is lost."""
        self.assertEqual(self.proxy.stop(), 0)
        with self.assertRaises(smtplib.SMTPException):
            self.send(message("Subject: a"), login="ann")
        self.postfix.sendmail(message("Subject: b").replace(b"\r\n", b"\n"),
                              "bob@example.net", sender="ann@example.org")
        self.proxy.start()
        self.send(message("Subject: c"), login="ann")
        self.postfix._run("postqueue", "-c", str(self.postfix.config), "-f")
        for text in self.delivered(2):
            self.assert_dkim(text)

    def test_queued_anew_it_is_left_as_it_is(self):
        """Postfix does not ask again; who does: t/run/milter.py."""
        self.set_main("defer_transports = smtp, relay\n")
        self.postfix.sendmail(message("Subject: x").replace(b"\r\n", b"\n"),
                              "bob@example.net", sender="ann@example.org")
        self.proxy.wait_log(" signed=dkim")
        harness.wait_until("it to be deferred",
                           lambda: "deferred transport" in self.postfix.log())
        self.postfix._run("postsuper", "-c", str(self.postfix.config), "-r",
                          "ALL")
        # It may end by SIGPIPE where pickup has just looked.
        self.postfix._run("postkick", "-c", str(self.postfix.config),
                          "public", "pickup", "W", check=False)
        harness.wait_until("it to be queued anew",
                           lambda: "orig_id=" in self.postfix.log())
        self.set_main("")
        # The queue manager's word that mail is there may have gone to the one
        # that ended.
        self.postfix._run("postqueue", "-c", str(self.postfix.config), "-f")
        [text] = self.delivered(1)
        self.assert_dkim(text)


class DomainKeys(Milter):
    """A signature that covers what stands below it: so does Postfix's own
    Received, which no milter is shown."""
    out = ("signature = dkim(c=simple/simple)",
           "signature = domainkeys(c=nofws)", "headers = default, Received")

    def test_it_verifies_and_dkim_covers_received(self):
        # A sender on a line of its own is none to Mail::DKIM.
        texts = [text for text in mta.ODD
                 if b"ann@" in text.partition(b"\r\n")[0]]
        texts += [message("Received: from b by c", "Subject: x",
                          "Received: from a by b")]
        self.send(*texts, login="ann")
        self.postfix.sendmail(texts[-1].replace(b"\r\n", b"\n"),
                              "bob@example.net", sender="ann@example.org")
        for text in self.delivered(len(texts) + 1):
            with self.subTest(text=text[:400]):
                self.assert_signed(text)
                given = text[text.index(b"\r\nFrom:"):].count(b"Received: ")
                for name, count in ("DKIM", given), ("DomainKey", 0):
                    [value] = fields(text, name + "-Signature")
                    self.assertEqual(value.count(":Received"), count, value)


if __name__ == "__main__":
    harness.main()
