"""signpost check: does Postfix fit us. One fault a row, in a real postconf's
view of the samples; the command that check prints has to mend it."""
import json
import os
import re
import subprocess
import unittest

import check_case
import machine
import harness
import nameserver
import postfix
import tool

AFTER = ("out-after-queue", "local-mail", "in-after-queue")
BEFORE = ("out-before-queue", "local-mail", "in-before-queue")

CONFIG = """[signpost]
control = none
user = nobody
[out]
listen = 127.0.0.1:%(out)d
relay = 127.0.0.1:%(out_relay)d
domain = example.org
selector = s1
keyfile = /keys/$domain/$selector.pem
%(more_out)s
[in]
listen = 127.0.0.1:%(in_)d
relay = 127.0.0.1:%(in_relay)d
user = daemon
authserv_id = mx.example.org
%(more_in)s
"""

# DKIMproxy's manual's, more or less; what many have.
OLD = """\
dksign    unix  -       -       n       -       10      smtp
  -o smtp_send_xforward_command=yes
  -o smtp_discard_ehlo_keywords=8bitmime,starttls
127.0.0.1:%(submission)d inet n - n - - smtpd
  -o content_filter=dksign:[127.0.0.1]:%(out)d
127.0.0.1:%(out_relay)d inet n - n - 10 smtpd
  -o content_filter=
  -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
  -o mynetworks=127.0.0.0/8
  -o smtpd_authorized_xforward_hosts=127.0.0.0/8
"""

FILTER = """\
amavis unix - - n - 2 smtp
127.0.0.1:10099 inet n - n - - smtpd
  -o content_filter=signpost-in:[127.0.0.1]:%(in_)d
"""


def drop(option):
    """An edit that takes an option out of the samples."""
    return lambda text: re.sub(r"^  -o %s=.*\n" % re.escape(option), "",
                               text, flags=re.M)


def put(service, option):
    """An edit that gives a service one option more."""
    return lambda text: re.sub(r"^(%s .*\n)" % re.escape(service),
                               r"\1  -o %s\n" % option, text, flags=re.M)


def name(old, new):
    return lambda text: text.replace(old, new)


# Wiring, lines of main.cf, an edit of master.cf, whose, result, words of the
# finding; its command is run where it is postconf's.
CASES = [
    # sizes
    (AFTER, "message_size_limit = 50000000", drop("message_size_limit"),
     "out", "fail", "message_size_limit is 50000000 in the service 127.0.0.1"),
    (AFTER, "", name("message_size_limit=0", "message_size_limit=10240000"),
     "in", "fail", "message_size_limit is 10240000 in the service cleanup-c"),
    (AFTER, "message_size_limit = 0",
     name("message_size_limit=0", "message_size_limit=99999999"),
     "out", "fail", "may have 0 and"),
    (BEFORE, "", drop("message_size_limit"), "in", "fail",
     "message_size_limit is 10240000"),
    (AFTER, "", put("127.0.0.1:%(submission)d", "message_size_limit=10371000"
                    ), None, None, "message_size_limit"),
    # waits
    (AFTER, "", drop("smtp_data_done_timeout"), "out", "warning",
     "smtp_data_done_timeout = 600s in the service signpost"),
    (BEFORE, "", drop("smtpd_proxy_timeout"), "in", "warning",
     "smtpd_proxy_timeout = 100s"),
    (BEFORE, "", name("smtpd_proxy_timeout=1200s", "smtpd_proxy_timeout=600"),
     "out", "warning", "smtpd_proxy_timeout = 600"),
    # services
    (AFTER, "", name("cleanup-signed unix", "cleanup-x unix"), "out", "fail",
     "cleanup service cleanup-signed, which master.cf does not have"),
    (AFTER, "", drop("content_filter"), "out", "warning", "nothing in master"),
    (AFTER, "", name("60      1       pickup\n  -o content_filter",
                     "60      1       pickup\n  -o x"),
     "out", "warning", "pickup does not hand mail to us"),
    (BEFORE, "content_filter = other:", name(
        "60      1       pickup\n  -o content_filter",
        "60      1       pickup\n  -o x"), "out", "warning", "pickup does"),
    # the cleanup behind us
    (AFTER, "", drop("remote_header_rewrite_domain"), "out", "warning",
     "cleanup-signed lacks -o remote_header_rewrite_domain="),
    (BEFORE, "remote_header_rewrite_domain = x.example",
     drop("remote_header_rewrite_domain"), "in", "warning",
     "remote_header_rewrite_domain = x.example in the service cleanup-c"),
    (AFTER, "", drop("undisclosed_recipients_header"), "in", "warning",
     "cleanup-checked lacks -o undisclosed_recipients_header="),
    (AFTER, "undisclosed_recipients_header = To: x:;",
     drop("cleanup_service_name"), "out", "warning",
     "undisclosed_recipients_header = To: x:; in the service cleanup:"),
    (BEFORE, "", drop("always_add_missing_headers"), "out", "warning",
     "always_add_missing_headers = no"),
    (BEFORE, "", drop("always_add_missing_headers"), "in", "warning",
     "always_add_missing_headers = no"),
    (BEFORE, "", drop("header_size_limit"), "out", "warning",
     "header_size_limit = 102400 in the service cleanup-signed"),
    (AFTER, "header_size_limit = 900000",
     name("header_size_limit=1048576", "header_size_limit=102400"),
     "out", "warning", "header_size_limit = 102400"),
    (BEFORE, "message_strip_characters = \\0",
     drop("message_strip_characters"), "out", "warning",
     "message_strip_characters = "),
    (BEFORE, "message_drop_headers = bcc, x-y, reply-to", None, "out",
     "warning", "message_drop_headers = bcc, x-y, reply-to"),
    (BEFORE, "message_drop_headers = bcc, user-agent", None, None, None,
     "message_drop_headers"),
    # the way back
    (AFTER, "", drop("local_header_rewrite_clients"), "in", "warning",
     "local_header_rewrite_clients = permit_inet_interfaces"),
    (AFTER, "", name("no_milters,", ""), "out", "warning",
     "without no_milters"),
    (AFTER, "", name("no_address_mappings,", ""), "in", "warning",
     "without no_address_mappings"),
    (BEFORE, "", name("no_header_body_checks,", ""), "out", "warning",
     "without no_header_body_checks"),
    (AFTER, "smtpd_upstream_proxy_protocol = haproxy",
     drop("smtpd_upstream_proxy_protocol"), "out", "fail",
     "smtpd_upstream_proxy_protocol = haproxy"),
    (AFTER, "smtpd_discard_ehlo_keywords = chunking, 8BITMIME",
     drop("smtpd_discard_ehlo_keywords"), "in", "warning",
     "smtpd_discard_ehlo_keywords = chunking, 8BITMIME"),
    # the way there
    (AFTER, "smtp_fallback_relay = [192.0.2.9]", drop("smtp_fallback_relay"),
     "out", "warning", "smtp_fallback_relay = [192.0.2.9] in the service si"),
    (AFTER, "smtp_bind_address = 192.0.2.1", drop("smtp_bind_address"), "in",
     "fail", "smtp_bind_address = 192.0.2.1 in the service signpost-in"),
    (AFTER, "smtp_tls_wrappermode = yes", drop("smtp_tls_wrappermode"), "out",
     "fail", "smtp_tls_wrappermode = yes"),
    (AFTER, "", name("smtp_tls_security_level=none",
                     "smtp_tls_security_level=encrypt"), "out", "fail",
     "smtp_tls_security_level = encrypt in the service signpost:"),
    (AFTER, "", name("smtpd_tls_security_level=none",
                     "smtpd_tls_security_level=encrypt"), "in", "fail",
     "smtpd_tls_security_level = encrypt in the service"),
    (AFTER, "", drop("smtp_send_xforward_command"), "in", "warning",
     "smtp_send_xforward_command = no"),
    (AFTER, "smtp_header_checks = static:IGNORE", drop("smtp_header_checks"),
     "in", "warning", "smtp_header_checks = static:IGNORE in the service si"),
    (AFTER, "", drop("smtp_line_length_limit"), "in", "warning",
     "smtp_line_length_limit = 998 in the service signpost-in"),
    (AFTER, "smtp_generic_maps = static:a@b.example",
     drop("smtp_generic_maps"), "in", "warning", "smtp_generic_maps = "),
    # behind the signature
    *[(wiring, parameter + " = static:DUNNO", None, "out", "warning",
       parameter + " = static:DUNNO in main.cf")
      for wiring in (AFTER, BEFORE)
      for parameter in ("smtp_header_checks", "smtp_mime_header_checks",
                        "smtp_nested_header_checks", "smtp_body_checks",
                        "smtp_generic_maps")],
    (AFTER, "", put("relay", "smtp_header_checks=static:DUNNO"), "out",
     "warning", "smtp_header_checks = static:DUNNO in relay"),
    (AFTER, "smtp_discard_ehlo_keywords = 8bitmime, dsn", None, "out",
     "warning", "smtp_discard_ehlo_keywords = 8bitmime, dsn in main.cf"),
    (AFTER, "smtp_discard_ehlo_keywords = dsn", None, None, None,
     "smtp_discard_ehlo_keywords"),
    (AFTER, "smtp_discard_ehlo_keyword_address_maps = static:8bitmime", None,
     "out", "warning", "smtp_discard_ehlo_keyword_address_maps"),
    (AFTER, "smtp_line_length_limit = 512",
     put("signpost ", "smtp_line_length_limit=998"), "out", "warning",
     "smtp_line_length_limit = 998 in the service signpost"),
    (AFTER, "smtp_line_length_limit = 512", None, None, None,
     "smtp_line_length_limit"),
    (BEFORE, "", None, "out", "note", "smtp_line_length_limit = 998"),
    (BEFORE, "smtp_line_length_limit = 512", None, "out", "warning",
     "line_length of [out] is 998, and smtp_line_length_limit 512"),
    # before a stranger's mail is checked
    (AFTER, "header_checks = static:DUNNO", None, "in", "note",
     "header_checks = static:DUNNO: where"),
    (AFTER, "nested_header_checks =\nbody_checks = static:DUNNO", None, "in",
     "note", "body_checks = static:DUNNO: where"),
    (AFTER, "remote_header_rewrite_domain = x.example", None, "in", "warning",
     "remote_header_rewrite_domain = x.example in main.cf"),
    (AFTER, "local_header_rewrite_clients = permit_mynetworks, static:all",
     None, "in", "warning", "static:all in the service"),
    (BEFORE, "header_checks = static:DUNNO\nlocal_header_rewrite_clients = "
     "static:all\nremote_header_rewrite_domain = x.example", None, None,
     None, "header"),
    # other signers
    (AFTER, "smtpd_milters = inet:127.0.0.1:8891", None, "out", "warning",
     "smtpd_milters = inet:127.0.0.1:8891 in the service 127.0.0.1"),
    (AFTER, "non_smtpd_milters = unix:opendkim/opendkim.sock", None, "out",
     "warning", "opendkim/opendkim.sock in the service pickup"),
    (AFTER, "smtpd_milters = unix:clamav/clamav-milter.ctl", None, None, None,
     "smtpd_milters"),
    # who is trusted
    (AFTER, "mynetworks = 127.0.0.0/8 [::1]/128 [::ffff:127.0.0.0]/104 "
     "10.1.0.0/16 hash:/x [fe80::]/64", None, "in", "warning",
     "mynetworks has 10.1.0.0/16, which"),
    (BEFORE, "mynetworks = 127.0.0.0/8, 2001:db8::/32", None, "in",
     "warning", "mynetworks has 2001:db8::/32, which"),
    (AFTER, "mynetworks = 127.0.0.1", None, None, None, "mynetworks"),
    (AFTER, "content_filter = amavis:[127.0.0.1]:10098",
     lambda text: text + FILTER, "in", "warning",
     "127.0.0.1:10099 takes mail that a filter puts back in"),
    (AFTER, "content_filter = amavis:[127.0.0.1]:10098\n"
     "smtpd_authorized_xforward_hosts = 127.0.0.0/8",
     lambda text: text + FILTER, "in", "warning",
     "127.0.0.1:10099 takes mail that a filter puts back in"),
    (AFTER, "content_filter = amavis:[127.0.0.1]:10098\n"
     "smtpd_authorized_xforward_hosts = 127.0.0.0/8\n"
     "smtp_send_xforward_command = yes", lambda text: text + FILTER, None,
     None, "a filter puts back in"),
]

# What [out] and [in] may say, where that makes a fault or none.
SETTINGS = [
    ("max_message_size = 1M", "", "", "max_message_size of [out] is 1048576"),
    ("line_length = 0", "", "smtp_line_length_limit = 0", None),
    ("announce_8bitmime = no", "", "smtp_discard_ehlo_keywords = 8bitmime",
     None),
    ("dot_timeout = 1200s", "", "", "smtp_data_done_timeout = 1200s"),
    ("", "trusted = 10.0.0.0/8", "mynetworks = 127.0.0.0/8 10.0.0.0/8",
     "mynetworks has 127.0.0.0/8, which"),
    ("", "trusted = 127.0.0.0/8, ::1, 10.0.0.0/8",
     "mynetworks = 127.0.0.0/8 [::1] 10.2.0.0/16", None),
]


class FitCase(tool.Case):
    """A real postconf's view of the samples, with a fault in it."""

    @classmethod
    def setUpClass(cls):
        """Somebody who answers, whatever: nothing waits for the DNS."""
        server = nameserver.Nsd(check_case.SPF).start()
        cls.addClassCleanup(server.stop)
        cls.server = "127.0.0.1:%d" % server.port

    def setUp(self):
        super().setUp()
        self.made = 0
        self.ports = {word: harness.free_port() for word in (
            "submission", "smtp", "out", "out_relay", "in_", "in_relay")}
        self.settings()

    def settings(self, more_out="", more_in=""):
        self.conf = self.write("signpost.conf", CONFIG % dict(
            self.ports, more_out=more_out, more_in=more_in))

    def wire(self, samples, main="", edit=None):
        """A Postfix's configuration, for the next check."""
        self.made += 1
        made = postfix.Postfix(self.path("postfix%d" % self.made), samples,
                               self.ports, sink=25, main=main + "\n")
        master = made.config / "master.cf"
        if edit:
            before = master.read_text()
            for word, port in self.ports.items():
                before = re.sub(r"^127\.0\.0\.1:%d\b" % port,
                                "127.0.0.1:%%(%s)d" % word, before, flags=re.M)
            after = edit(before)
            self.assertNotEqual(after, before, "an edit that finds nothing")
            master.write_text(after % self.ports)
        self.postfix = made
        self.config = str(made.config)

    def found(self):
        """[(subject, result, reason, todo)] of what is not ok."""
        self.postfix.settle()
        run = subprocess.run(
            [tool.binary(), "check", "-c", self.conf, "--nameserver",
             self.server, "--json"], stdout=subprocess.PIPE, timeout=400,
            env=dict(os.environ, MAIL_CONFIG=self.config,
                     PATH="/usr/sbin:/usr/bin:/bin"))
        return [(c["subject"], c["result"], c["reason"], c["todo"])
                for c in json.loads(run.stdout)["checks"]
                if c["what"] == "postfix" and c["result"] != "ok"]

    def mend(self, todo):
        """Does what check says, in this configuration."""
        self.postfix.settle()
        command = re.sub(r" && postfix reload.*", "", todo)
        subprocess.run(["sh", "-ec", command], check=True, timeout=400,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       env=dict(os.environ, MAIL_CONFIG=self.config))

    def mend_all(self, words, subject):
        """What check says, until it names that no more; one a service."""
        found = [f for f in self.found() if words in f[2] and f[0] == subject]
        self.assertNotEqual(found, [], self.found())
        for _ in range(4):
            if not found:
                return
            self.mend(found[0][3])
            found = [f for f in self.found() if words in f[2] and
                     f[0] == subject]
        self.assertEqual(found, [])


class Fit(FitCase):
    def test_the_samples_are_green(self):
        for samples in (AFTER, BEFORE):
            self.wire(samples, "smtp_line_length_limit = 998")
            self.assertEqual(
                [f[:2] for f in self.found()],
                [("out", "note")] if samples is BEFORE else [])

    def test_each_fault_is_named_and_mended(self):
        for samples, main, edit, subject, result, words in CASES:
            with self.subTest(samples=samples[0], main=main, words=words):
                if edit and "%(" in words:
                    words %= self.ports
                self.wire(samples, main, edit)
                found = [f for f in self.found() if words in f[2] and
                         subject in (f[0], None)]
                if result is None:
                    self.assertEqual(found, [])
                    continue
                self.assertNotEqual(found, [], self.found())
                self.assertEqual(found[0][1], result, found)
                todo = found[0][3]
                if not todo.startswith("postconf ") or "=..." in todo:
                    continue
                self.mend_all(words, subject)

    def test_what_our_own_settings_make_of_it(self):
        for out, in_, main, words in SETTINGS:
            with self.subTest(out=out, in_=in_):
                self.settings(out, in_)
                self.wire(AFTER, main)
                found = self.found()
                if words is None:
                    self.assertEqual(found, [])
                else:
                    self.assertTrue(any(words in f[2] for f in found), found)

    def test_a_next_hop_without_8bitmime(self):
        words = "does not offer 8BITMIME"
        for ehlo, named in ((("relay.example", "SIZE 1000"), True),
                            (("relay.example", "8BITMIME"), False)):
            hop = harness.Relay(ehlo=ehlo)
            self.addCleanup(hop.close)
            main = "relayhost = [127.0.0.1]:%d" % hop.port
            for samples in (AFTER, BEFORE):
                self.wire(samples, main)
                todos = [f[3] for f in self.found() if words in f[2]]
                self.assertEqual(bool(todos), named)
                self.assertEqual(hop.messages, [])
                for todo in todos:
                    self.mend(todo)
                self.assertFalse(any(words in f[2] for f in self.found()))

    def test_old_lines_of_dkimproxy(self):
        self.wire(("in-after-queue",), "", lambda text: text + OLD)
        reasons = "\n".join(f[2] for f in self.found() if f[0] == "out")
        for words in ("message_size_limit is 10240000",
                      "smtp_data_done_timeout = 600s",
                      "lacks -o remote_header_rewrite_domain=",
                      "without no_milters", "without no_address_mappings",
                      "local_header_rewrite_clients = permit_inet",
                      "pickup does not"):
            self.assertIn(words, reasons)
        # What check says, until it says no more.
        for _ in range(12):
            todos = [f[3] for f in self.found() if f[0] == "out" and
                     f[3].startswith("postconf ")]
            if not todos:
                break
            self.mend(todos[0].replace("signpost:", "dksign:"))
        self.assertEqual([f for f in self.found() if f[0] == "out"], [])


if __name__ == "__main__":
    machine.alone(__file__, check_case.ADDRESS)
    unittest.main()
