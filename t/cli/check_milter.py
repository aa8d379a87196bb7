"""signpost check: where Postfix asks us by milter. One fault a row, in a real
postconf's view of the sample; the command that check prints has to mend it."""
import os
import pathlib
import pwd
import re
import subprocess
import unittest

import check_case
import check_fit
import harness
import machine
import postfix
from check_fit import put

OUT, IN = "unix:signpost/out", "unix:signpost/in"
SMTP, SUBMISSION = "127.0.0.1:%(smtp)d", "127.0.0.1:%(submission)d"

CONFIG = """[signpost]
control = none
user = nobody
[out]
listen = milter:unix:%(queue)s/signpost/out group=postfix
domain = example.org
selector = s1
keyfile = /keys/$domain/$selector.pem
line_length = 0
%(more_out)s
[in]
listen = milter:unix:%(queue)s/signpost/in group=postfix
user = daemon
authserv_id = mx.example.org
%(more_in)s
"""

# As the sample's command has it; long lines are left whole.
MAIN = """
non_smtpd_milters = unix:signpost/out
internal_mail_filter_classes = bounce
milter_default_action = tempfail
smtp_line_length_limit = 0
"""

FILTER = """
amavis unix - - n - 2 smtp
127.0.0.1:10099 inet n - n - - smtpd
  -o content_filter=
  -o smtpd_milters=unix:signpost/in,unix:signpost/out
"""


def lists(value):
    """An edit that gives the service of 25 another list."""
    return lambda text: text.replace(
        "  -o smtpd_milters=%s,%s\n" % (IN, OUT), "  -o %s\n" % value)


def chrooted(text):
    """As Debian has it."""
    return re.sub(r"(?m)^(127\S+ +inet +n +- +)n", r"\1y", text)


def whole_paths(text):
    return text.replace(
        "=" + IN + "," + OUT,
        "=unix:%(queue)s/signpost/in,unix:%(queue)s/signpost/out")


def at(service):
    """A content filter that puts mail back in there."""
    return lambda text: text + FILTER.replace("127.0.0.1:10099", service)


# Lines of main.cf, an edit of master.cf, whose, result, words of the finding;
# its command is run where it is postconf's.
CASES = [
    # does it reach us
    ("", lambda text: re.sub(r"(?m)^  -o smtpd_milters=.*\n", "", text), "in",
     "warning", "no milter of master.cf or main.cf is unix:"),
    ("", chrooted, None, None, "chroot"),
    ("", whole_paths, None, None, "chroot"),
    ("", lambda text: chrooted(whole_paths(text)), "out", "fail",
     "is in a chroot, where that path leads nowhere"),
    # what it does while we are away
    ("milter_default_action = accept", None, "out", "warning",
     "milter_default_action = accept in main.cf: while signpost is away, mail "
     "leaves unsigned"),
    ("milter_default_action = accept", None, "in", "warning",
     "mail comes in unchecked"),
    ("milter_default_action = reject", None, "out", "warning",
     "mail is refused for good"),
    ("", put(SMTP, "milter_default_action=quarantine"), "in", "warning",
     "mail is held"),
    ("", lists("{smtpd_milters=%s, { %s, default_action=accept }}"
               % (IN, OUT)), "out", "warning",
     "default_action = accept in the service"),
    ("milter_default_action = accept",
     lists("{smtpd_milters={ %s, default_action = tempfail }, %s}"
           % (IN, OUT)), None, None, "comes in unchecked"),
    # what it tells us
    ("milter_mail_macros = i {mail_addr}", None, "out", "warning",
     "milter_mail_macros has no {auth_authen} in the service 127.0.0.1"),
    ("milter_mail_macros = {auth_authen}", None, None, None, "auth_authen"),
    ("", put(SUBMISSION, "milter_mail_macros=i"), "out", "warning",
     "milter_mail_macros has no {auth_authen} in the service 127.0.0.1"),
    ("\n".join("milter_%s_macros = {x}" % s for s in (
        "mail", "rcpt", "data", "end_of_header", "end_of_data")), None, "in",
     "note", "no macro i in the service"),
    ("", lambda text: text + "127.0.0.1:587 inet n - n - - smtpd\n"
     "  -o smtpd_milters=" + OUT + "\n", "out", "warning",
     "nobody logs in at the service 127.0.0.1:587"),
    ("", lambda text: text + "127.0.0.1:587 inet n - n - - smtpd\n"
     "  -o smtpd_sasl_auth_enable=yes -o smtpd_milters=" + OUT + "\n", None,
     None, "nobody logs in"),
    # who else acts on the message
    ("", lists("smtpd_milters=%s,%s,inet:127.0.0.1:11332" % (IN, OUT)), "out",
     "warning", "inet:127.0.0.1:11332 stands behind ours in smtpd_milters"),
    ("", lists("{smtpd_milters=inet:[::1]:9, %s, %s}" % (IN, OUT)), "in",
     "warning", "inet:[::1]:9 stands before ours in smtpd_milters"),
    ("", lists("smtpd_milters=%s,inet:127.0.0.1:11332,%s" % (IN, OUT)), None,
     None, "ours"),
    ("", lists("smtpd_milters=unix:clamav/x,%s,%s,unix:opendmarc/x"
               % (IN, OUT)), None, None, "ours"),
    ("", lists("smtpd_milters=%s,%s" % (OUT, IN)), None, None, "ours"),
    ("", lists("smtpd_milters=%s,inet:127.0.0.1:8891,%s" % (IN, OUT)), "out",
     "warning", "if inet:127.0.0.1:8891 signs, mail is signed twice"),
    ("non_smtpd_milters = unix:signpost/out, unix:opendkim/opendkim.sock",
     None, "out", "warning",
     "unix:opendkim/opendkim.sock stands behind ours in non_smtpd_milters"),
    # where the message goes besides
    ("", put(SMTP, "smtpd_proxy_filter=127.0.0.1:10024"), "out", "fail",
     "smtpd_proxy_filter = 127.0.0.1:10024 in the service 127.0.0.1"),
    ("", put(SMTP, "smtpd_proxy_filter=127.0.0.1:10024"), "in", "fail",
     "shows its milters no message"),
    ("", put(SMTP, "content_filter=amavis:[127.0.0.1]:10024"), "out",
     "warning", "content_filter = amavis:[127.0.0.1]:10024 in the service"),
    ("smtp_header_checks = static:IGNORE", None, "out", "warning",
     "smtp_header_checks = static:IGNORE in main.cf"),
    ("smtp_generic_maps = static:a@b.example", None, "out", "warning",
     "smtp_generic_maps = static:a@b.example in main.cf"),
    ("smtp_discard_ehlo_keywords = 8bitmime", None, "out", "warning",
     "smtp_discard_ehlo_keywords = 8bitmime in main.cf"),
    ("smtp_discard_ehlo_keywords = 8bitmime\n"
     "disable_mime_output_conversion = yes", None, None, None, "ehlo"),
    ("smtp_line_length_limit = 512", None, "out", "note",
     "smtp_line_length_limit = 512: longer lines are broken behind"),
    ("smtp_line_length_limit = 512", None, "out", "warning",
     "line_length of [out] is 0, and smtp_line_length_limit 512"),
    # this host's own mail
    ("non_smtpd_milters =", None, "out", "warning",
     "non_smtpd_milters does not name us"),
    ("internal_mail_filter_classes = notify", None, "out", "note",
     "internal_mail_filter_classes lacks bounce"),
    ("", lambda text: re.sub(r"(?m)^(pickup .*)\n", r"\1 -o "
                             "receive_override_options=no_milters\n", text),
     "out", "warning", "pickup has its milters switched off"),
    # how it shows the message
    ("milter_protocol = 2", None, "out", "warning", "milter_protocol = 2"),
    ("milter_header_checks = static:DUNNO", None, "out", "note",
     "milter_header_checks = static:DUNNO"),
    # who is trusted
    ("mynetworks = 127.0.0.0/8 10.1.0.0/16", None, "in", "warning",
     "mynetworks has 10.1.0.0/16, which"),
]

# What [out] and [in] say, lines of main.cf, an edit; whose, and words: "" for
# none.
SETTINGS = [
    ("sign_for = 127.0.0.0/8", "", "content_filter = amavis:[127.0.0.1]:1",
     lambda text: text + FILTER, "out", "strangers' mail is signed"),
    ("sign_for = ::1", "", "content_filter = amavis:[127.0.0.1]:1",
     at("[::1]:10099"), "out", "strangers' mail is signed"),
    ("sign_for = ::1", "", "content_filter = amavis:[127.0.0.1]:1",
     at("localhost:10099"), "out", "strangers' mail is signed"),
    ("sign_for = ::1", "", "content_filter = amavis:[127.0.0.1]:1",
     lambda text: text + FILTER, "out", ""),
    ("sign_for = 127.0.0.0/8", "", "content_filter = amavis:[127.0.0.1]:1",
     at("[::1]:10099"), "out", ""),
    ("sign_for = authenticated, local, 10.0.0.0/8", "",
     "content_filter = amavis:[127.0.0.1]:1", lambda text: text + FILTER,
     "in", "results that it was given are taken out"),
    ("", "", "content_filter = amavis:[127.0.0.1]:1",
     lambda text: text + FILTER, "out", ""),
    ("sign_for = 127.0.0.0/8", "", "", lambda text: text + FILTER, "out", ""),
    ("sign_for = 127.0.0.0/8", "", "content_filter = amavis:[127.0.0.1]:1",
     lambda text: text + FILTER + "  -o receive_override_options=no_milters\n",
     "out", ""),
    ("sign_for = local", "", "milter_mail_macros = i", None, "out", ""),
    ("sign_for = authenticated", "", "non_smtpd_milters =", None, "out", ""),
    ("sign_for = 10.0.0.0/8", "", "",
     lambda text: text + "587 inet n - n - - smtpd\n"
     "  -o smtpd_milters=" + OUT + "\n", "out", ""),
]


class Milters(check_fit.FitCase):
    def setUp(self):
        super().setUp()
        self.more = "", ""

    def wire(self, main="", edit=None, config=CONFIG):
        """A Postfix that asks as the sample has it, and our settings."""
        self.made += 1
        folder = self.path("postfix%d" % self.made)
        queue = folder + "/queue"
        made = postfix.Postfix(folder, ("milter",), self.ports, sink=25,
                               main=MAIN + main + "\n")
        self.postfix, self.config = made, str(made.config)
        os.makedirs(queue + "/signpost")
        os.chown(queue + "/signpost", 0, pwd.getpwnam("postfix").pw_gid)
        os.chmod(queue + "/signpost", 0o750)
        self.conf = self.write("signpost.conf", config % {
            "queue": queue, "more_out": self.more[0],
            "more_in": self.more[1]})
        if edit:
            master = made.config / "master.cf"
            text = master.read_text()
            for word in "smtp", "submission":
                text = text.replace("127.0.0.1:%d " % self.ports[word],
                                    "127.0.0.1:%%(%s)d " % word)
            after = edit(text)
            for word, value in dict(self.ports, queue=queue).items():
                after = re.sub(r"%%\(%s\)[ds]" % word, str(value), after)
            master.write_text(after)
        self.queue = pathlib.Path(queue)

    def test_the_sample_is_green(self):
        self.wire()
        self.assertEqual(self.found(), [])

    def test_each_fault_is_named_and_mended(self):
        for main, edit, subject, result, words in CASES:
            with self.subTest(main=main, words=words):
                self.wire(main, edit)
                found = [f for f in self.found() if words in f[2] and
                         subject in (f[0], None)]
                if result is None:
                    self.assertEqual(found, [])
                    continue
                self.assertNotEqual(found, [], self.found())
                self.assertEqual(found[0][1], result, found)
                if found[0][3].startswith("postconf "):
                    self.mend_all(words, subject)

    def test_what_our_own_settings_make_of_it(self):
        for out, in_, main, edit, subject, words in SETTINGS:
            with self.subTest(out=out, main=main):
                self.more = out, in_
                self.wire(main, edit)
                said = " ".join(f[2] for f in self.found() if f[0] == subject
                                and "changed behind" not in f[2])
                if words:
                    self.assertIn(words, said)
                    self.mend_all(words, subject)
                else:
                    self.assertEqual(said, "")

    def test_a_socket_that_postfix_may_not_open(self):
        self.wire(config=CONFIG.replace("signpost/out group=postfix",
                                        "signpost/out"))
        [found] = [f for f in self.found() if f[0] == "out"]
        self.assertEqual(found[1], "fail")
        self.assertIn("Postfix's user postfix may not open", found[2])
        self.assertIn("group=postfix behind it", found[3])
        self.wire(config=CONFIG.replace("signpost/out group=postfix",
                                        "signpost/out mode=0666"))
        self.assertEqual(self.found(), [])

    def test_a_directory_that_postfix_does_not_reach(self):
        for mode, group in (0o700, "postfix"), (0o750, "daemon"):
            self.wire()
            folder = str(self.queue / "signpost")
            os.chmod(folder, mode)
            subprocess.run(["chgrp", group, folder], check=True)
            found = self.found()
            self.assertEqual([f[:2] for f in found],
                             [("out", "fail"), ("in", "fail")])
            self.assertIn("has no access to the directory " + folder,
                          found[0][2])
            self.mend(found[0][3])
            self.assertEqual(self.found(), [])

    def test_signed_by_milter_and_once_more(self):
        """By its SMTP listener as well."""
        port = harness.free_port()
        self.wire("content_filter = x:[127.0.0.1]:%d" % port,
                  config=CONFIG.replace(
                      "out group=postfix", "out group=postfix, 127.0.0.1:%d\n"
                      "relay = 127.0.0.1:%d" % (port, harness.free_port())))
        self.assertTrue([f for f in self.found() if f[0] == "out" and
                         "signed twice" in f[2]], self.found())


if __name__ == "__main__":
    machine.alone(__file__, check_case.ADDRESS)
    unittest.main()
