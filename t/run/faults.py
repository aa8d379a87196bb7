#!/usr/bin/python3
"""Faults of setup, planted one at a time on a machine where all is right:
`signpost check` names each in a line, and below it says what mends it.

One machine (t/lib/machine.py), one Postfix, one name server, set up as README
says; before and behind all faults, check is green. A fault that ends with 0 says
so: it is a warning, of what may be meant so.
"""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest

import harness
import setup
from setup import CONF, SIGNPOST, run, wait_until

import machine
import reloading
from nameserver import Nsd

KEYS = "/etc/signpost/keys/example.org"
COPY = "/run/right"
ADDRESS = "192.0.2.9"
HOME = "/var/ann"  # /home/ann may be somebody's here
INIT = "/etc/init.d/signpost"


class Smtp:
    """Somebody who answers at a port and is not signpost."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rw", newline="\r\n") as file:
                try:
                    file.write("220 other.test\n")
                    file.flush()
                    data = False
                    for line in file:
                        if data and line != ".\r\n":
                            continue
                        data = line.startswith("DATA")
                        file.write("354 go on\n" if data else "221 bye\n"
                                   if line.startswith("QUIT")
                                   else "250 other.test\n")
                        file.flush()
                except OSError:
                    pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Fault:
    """`plant`: commands of a shell; for the DNS {name: [TYPE VALUE, ...]}, what
    stands at these names instead; or a function, which gives one that mends.
    `line` and `mend` are patterns of what check says, and of what it says to do,
    in the line below. KEY and ED stand for the names of the two keys, KEYS for
    their folder. `word`: that the line begins with, where the fault brings
    others along that decide how check ends."""

    def __init__(self, name, plant, line, mend, status=1, undo=None,
                 word=None):
        self.name, self.plant, self.undo = name, plant, undo
        self.line, self.mend, self.status = line, mend, status
        self.word = word or {0: "warning", 1: "FAIL", 75: "unknown"}.get(
            status, "signpost:")


def option(service, name, value=None):
    """An option of a service of master.cf, set or taken out."""
    return ("postconf -PX '%s/%s'" % (service, name) if value is None
            else "postconf -P '%s/%s=%s'" % (service, name, value))


def main_cf(setting):
    return "postconf -e '%s'" % setting


def behind_us(name, setting, value):
    """Of main.cf, which may be meant so."""
    line = "%s = %s" % (setting, value)
    return Fault(name, main_cf(line), "postfix out: " + line,
                 "postconf .*" + setting, status=0)


def conf(old, new):
    """A line of signpost.conf, which must be there."""
    return "grep -q '^%s' %s && sed -i 's|^%s.*|%s|' %s" % (
        old, CONF, old, new, CONF)


def stranger():
    """Who answers where signpost ought to."""
    run(INIT, "stop")
    smtp = Smtp(10027)

    def mend():
        smtp.close()
        run(INIT, "start")
    return mend


def another_program():
    """What is installed is newer than what runs."""
    program = pathlib.Path(SIGNPOST)
    run("cp", "-p", SIGNPOST, "/run/signpost.old")
    stamp = bytes.fromhex(re.search(
        r"Build ID: (\S+)", run("readelf", "-n", SIGNPOST).stdout).group(1))
    text = program.read_bytes().replace(stamp, stamp[::-1])
    program.unlink()
    program.write_bytes(text)
    program.chmod(0o755)
    return lambda: run("mv", "/run/signpost.old", SIGNPOST)


def no_name_server():
    Faults.server.stop()
    Faults.server = Faults.served = None


OUT, IN = "127.0.0.1:10028/inet", "127.0.0.1:10026/inet"
KEY, ED = "KEY._domainkey.example.org", "ED._domainkey.example.org"
SPF, DMARC = "example.org", "_dmarc.example.org"
PTR = "9.2.0.192.in-addr.arpa"
RECORD = "TXT v=DKIM1; k=rsa; %s"
STATE = "/var/lib/signpost-record"

OF_KEYS = [
    Fault("a key is gone", "rm KEYS/KEY.pem",
          "key KEY.*KEY.pem: No such file",
          "make one: signpost keygen -d example.org -s KEY"),
    Fault("a key that others may read", "chmod 644 KEYS/KEY.pem",
          "key KEY.*KEY.pem has mode 0644", "chmod 0?600 KEYS/KEY.pem"),
    Fault("a key that a worker's group may read",
          "chgrp signpost KEYS/KEY.pem; chmod 640 KEYS/KEY.pem",
          "key KEY.*KEY.pem has mode 0640, which lets group", "KEYS/KEY.pem"),
    Fault("a key that a worker owns", "chown signpost-in KEYS/KEY.pem",
          "key KEY.*KEY.pem .mode 0600. belongs to user",
          "chown root KEYS/KEY.pem"),
    Fault("a damaged key", "echo nonsense >KEYS/KEY.pem",
          "key KEY.*KEY.pem: no usable key", "mend that file, or name another"),
    Fault("a key of the other kind", "cat KEYS/ED.pem >KEYS/KEY.pem",
          "key KEY.*the key is ed25519, a signature with it is",
          "signpost keygen -d example.org -s NEW -t rsa"),
    Fault("another key than the one that is published",
          "rm KEYS/KEY.pem; signpost keygen -d example.org -s KEY",
          "dkim KEY.*the published key is not the public half of ours",
          "publish KEY"),
    Fault("a folder of keys that a worker owns", "chown signpost KEYS",
          "key KEY.*directory KEYS .* belongs to user", "chown root KEYS"),
    Fault("a folder of keys that all may change", "chmod 777 KEYS",
          "key KEY.*directory KEYS has mode 0777", "chmod .*KEYS"),
]

OF_DNS = [
    Fault("no record", {KEY: []}, "dkim KEY.*there is no such record",
          "publish KEY"),
    Fault("a revoked key", {KEY: [RECORD % "p="]},
          "dkim KEY.*the key is revoked", "publish KEY"),
    Fault("two records of a key", {KEY: [RECORD % "p=AAAA", RECORD % "p=BBBB"]},
          "dkim KEY.*2 TXT records", "leave one: KEY"),
    Fault("a malformed record", {KEY: ["TXT v=DKIM1 k=rsa p=AAAA"]},
          "dkim KEY.*v= of the key record is not DKIM1", "publish KEY"),
    Fault("a record for another digest", {KEY: [RECORD % "h=sha1; p=PUBLIC"]},
          "dkim KEY.*h= of the key record does not allow", "publish KEY"),
    Fault("a record for another service",
          {KEY: [RECORD % "s=tlsrpt; p=PUBLIC"]},
          "dkim KEY.*s= of the key record does not allow email", "publish KEY"),
    Fault("a record whose name has the domain twice",
          {KEY: [], KEY + ".example.org": [RECORD % "p=PUBLIC"]},
          "dkim KEY.*the form adds the domain by itself",
          "take example.org off the name"),
    Fault("a key in quotation marks", {KEY: [RECORD % 'p=\\"PUBLIC\\"']},
          "dkim KEY.*backslashes stand in it", "publish KEY"),
    Fault("the record of the other key", {ED: [RECORD % "p=PUBLIC"]},
          "dkim ED.*k= of the key record does not fit", "publish ED"),
    Fault("two SPF records", {SPF: ["TXT v=spf1 mx -all", "TXT v=spf1 -all"]},
          "spf example.org: more than one SPF record", "leave one TXT record"),
    Fault("an SPF record with a mistake",
          {SPF: ["TXT v=spf1 ipv4:192.0.2.9 -all"]},
          "spf example.org: no SPF mechanism: .ipv4:192.0.2.9",
          "correct it: as it is receivers heed no term"),
    Fault("an SPF record that lets all pass", {SPF: ["TXT v=spf1 +all"]},
          "spf example.org: every host may send", "end with -all or ~all"),
    Fault("an SPF record with too many look-ups",
          {SPF: ["TXT v=spf1 %s -all" % " ".join(
              "a:mail.example.org" for _ in range(11))]},
          "spf example.org: more than ten terms", "take include:, a, mx"),
    Fault("an SPF record that includes nothing",
          {SPF: ["TXT v=spf1 include:none.test -all"]},
          "spf example.org: include of a domain without a record: none.test",
          "take that term out"),
    Fault("an SPF record whose names have no address",
          {SPF: ["TXT v=spf1 a:a.test a:b.test a:c.test -all"]},
          "spf example.org: more than two look-ups came to nothing",
          "take out the names that have no address"),
    Fault("an SPF record without the address by which mail leaves",
          {SPF: ["TXT v=spf1 ip4:192.0.2.7 -all"]},
          "spf example.org: mail leaves by 192.0.2.9 .*which it does not name",
          "signpost dns -d example.org --for spf"),
    Fault("an address whose name leads elsewhere",
          {PTR: ["PTR elsewhere.example.org"]},
          "address 192.0.2.9: .*does not lead back to it", "set a PTR record",
          status=0),
    Fault("no SPF record", {SPF: []}, "spf example.org: there is no record",
          "publish .*: signpost dns -d example.org --for spf$", status=0),
    Fault("two DMARC records",
          {DMARC: ["TXT v=DMARC1; p=none", "TXT v=DMARC1; p=reject"]},
          "dmarc example.org: 2 records", "leave one"),
    Fault("a DMARC record that does not begin as one",
          {DMARC: ["TXT v = DMARC 1 p=reject"]},
          "dmarc example.org: .*does not begin with v=DMARC1;", "begin it with"),
    Fault("a DMARC policy that does not exist",
          {DMARC: ["TXT v=DMARC1; p=refuse"]},
          "dmarc example.org: a policy in it cannot be read",
          "be none, quarantine or reject"),
    Fault("no DMARC record", {DMARC: []}, "dmarc example.org: there is no",
          "publish _dmarc.example.org", status=0),
    Fault("reports to somebody who has not asked for them",
          {DMARC: ["TXT v=DMARC1; p=reject; rua=mailto:joe@example.net"]},
          "dmarc example.org: no reports go to joe@example.net",
          "signpost dns -d example.org --for dmarc", status=0),
    Fault("an SPF record that does not name this host",
          {SPF: ["TXT v=spf1 ip4:192.0.2.1 -all"]},
          "spf example.org: mail leaves by %s .*does not name" % ADDRESS,
          "signpost dns -d example.org --for spf"),
    Fault("an address without a name", {PTR: []},
          "address %s: .*many receivers will refuse" % ADDRESS,
          "PTR record", status=0),
    Fault("a name that does not lead back",
          {PTR: ["PTR other.test"], "other.test": ["A 192.0.2.1"]},
          "address %s: .*many receivers will refuse" % ADDRESS,
          "let that name have the address " + ADDRESS, status=0),
    Fault("a record for some senders alone",
          {KEY: [RECORD % "g=joe; p=PUBLIC"]},
          "dkim KEY.*g= of the key record excludes senders", "publish KEY"),
    Fault("a record that is too long for UDP",
          {KEY: [RECORD % "n=%s; p=PUBLIC" % ("x" * 1000)]},
          "dkim KEY.*over the 1232 that go by UDP", "leave out notes",
          status=0),
    Fault("a name server that is dead", no_name_server,
          "dkim KEY.*no answer from", "another name server", status=75),
]

OF_SETTINGS = [
    Fault("a setting that does not exist", conf("selector", "selektor = x"),
          "CONF:[0-9]+: unknown setting selektor in .out.: did you mean selector",
          None, status=78),
    Fault("a value that is none", conf("selector", "spool_max = much"),
          "CONF:[0-9]+: spool_max.*much", None, status=78),
    Fault("no configuration", "rm CONF", "CONF: No such file", None, status=66),
    Fault("signatures for nobody", conf("domain", "domain ="),
          "CONF:[0-9]+: signature: no domain", None, status=78),
    Fault("a map that is not there",
          conf("selector", "sender_map = /etc/signpost/none"),
          "CONF:[0-9]+: sender_map: /etc/signpost/none cannot be read", None,
          status=78),
    Fault("a user who does not exist",
          "cp -p /etc/passwd /run; sed -i /^signpost:/d /etc/passwd",
          "configuration CONF:[0-9]+: user signpost of .out. does not exist",
          "correct it", undo="cp -p /run/passwd /etc"),
    Fault("a worker who is root", conf(".in.", "[in]\\nuser = root"),
          "configuration CONF:[0-9]+: user root of .in. is root", "correct it"),
    Fault("no folder for mail in passing", "rmdir /var/lib/signpost/spool",
          "configuration .*spool is not there: install -d -m 700", "correct it",
          undo="install -d -m 700 -o signpost /var/lib/signpost/spool"),
    Fault("a folder for mail in passing that is another's",
          "chown root /var/lib/signpost/spool-in",
          "configuration .*spool-in cannot be written by signpost-in",
          "correct it", undo="chown signpost-in /var/lib/signpost/spool-in"),
    Fault("a full disk",
          "mount -t tmpfs -o size=1m,mode=700,uid=$(id -u signpost) none "
          "/var/lib/signpost/spool",
          "disk /var/lib/signpost/spool: [0-9]+ kB are free", "make room",
          undo="umount -l /var/lib/signpost/spool"),
    # Filled before the recorder can see it, which would take the last one.
    Fault("a disk without inodes",
          "mkdir -p /tmp/filled; mount -t tmpfs -o nr_inodes=2,mode=700,"
          "uid=$(id -u signpost-record) none /tmp/filled; "
          "touch /tmp/filled/last; mount --move /tmp/filled STATE",
          "disk STATE: no file can be made there", "make room",
          undo="umount -l %s" % STATE),
    Fault("results that the recorder cannot write", "chown root STATE",
          "configuration .*database: STATE cannot be written by signpost-record",
          "correct it", undo="chown signpost-record %s" % STATE),
    Fault("results of another user",
          conf("database", "database = STATE/other results") + "; touch "
          "'STATE/other results'; chown signpost-in 'STATE/other results'",
          "configuration .*STATE/other results belongs to user [0-9]+, and the "
          r"recorder runs as signpost-record: install .* && mv 'STATE/other "
          r"results'\* STATE/ && chown .*'other results'\*,", "correct it",
          undo="rm '%s/other results'" % STATE),
    Fault("a database that is none",
          "mount -t tmpfs -o size=32m,mode=700,uid=$(id -u signpost-record) "
          "none STATE; echo nonsense >STATE/results.db;"
          "chown signpost-record STATE/results.db",
          "results .*the database takes nothing.*file is not a database",
          "moved away, it is made anew",
          status=0, undo="umount -l %s" % STATE),
]

OF_POSTFIX = [
    Fault("no transport to us", "postconf -MX signpost/unix",
          "postfix out: .*master.cf has no service signpost",
          "append it to master.cf"),
    Fault("mail comes back to us again and again",
          option(OUT, "content_filter", "signpost:[127.0.0.1]:10027"),
          "postfix out: mail that comes back at 127.0.0.1:10028 is handed to us",
          "-o content_filter="),
    Fault("the way back takes less than the front door",
          option(OUT, "message_size_limit", "1000000"),
          "postfix out: message_size_limit is 1000000 in the service 127.0.0.1",
          "postconf -P '%s/message_size_limit=0'" % OUT),
    Fault("the cleanup of the way back does",
          option("cleanup-checked/unix", "message_size_limit", "1000000"),
          "postfix in: message_size_limit is 1000000 in the service cleanup-",
          "postconf -P 'cleanup-checked/unix/message_size_limit=0'"),
    Fault("we take less than the front door",
          conf(".out.", "[out]\\nmax_message_size = 1000000"),
          "postfix out: max_message_size of .out. is 1000000",
          "max_message_size = 0"),
    Fault("the way back has no cleanup", "postconf -MX cleanup-signed/unix",
          "postfix out: .*the cleanup service cleanup-signed, which master.cf",
          "append cleanup-signed to master.cf"),
    Fault("the way to us asks for TLS",
          option("signpost/unix", "smtp_tls_security_level", "encrypt"),
          "postfix out: smtp_tls_security_level = encrypt in the service signp",
          "postconf -P 'signpost/unix/smtp_tls_security_level=none'"),
    Fault("the way back asks for TLS",
          option(IN, "smtpd_tls_security_level", "encrypt"),
          "postfix in: smtpd_tls_security_level = encrypt in the service 127",
          "postconf -P '%s/smtpd_tls_security_level=none'" % IN),
    Fault("the way back waits for a PROXY header",
          option(OUT, "smtpd_upstream_proxy_protocol", "haproxy"),
          "postfix out: smtpd_upstream_proxy_protocol = haproxy",
          "postconf -P '%s/smtpd_upstream_proxy_protocol='" % OUT),
    Fault("the way to us comes from elsewhere",
          option("signpost/unix", "smtp_bind_address", ADDRESS),
          "postfix out: smtp_bind_address = %s in the service" % ADDRESS,
          "postconf -P 'signpost/unix/smtp_bind_address=127.0.0.1'"),
    Fault("a master.cf that cannot be read",
          "echo 'one two' >>/etc/postfix/master.cf",
          "postfix postconf: .*master.cf", "mend what it names"),
    Fault("nobody takes mail to the reflector", "echo >/etc/aliases; newaliases; postfix reload",
          "reflector .*no mailbox takes mail to check-auth@example.org",
          "give the address a mailbox", undo="echo 'check-auth: /dev/null' >/etc/aliases;"
          "newaliases; postfix reload"),
    # What may be meant so is a warning.
    Fault("milters behind us", option(OUT, "receive_override_options"),
          "postfix out: .*without no_milters milters change what was signed",
          "postconf -P", status=0),
    Fault("the way to us gives up early",
          option("signpost/unix", "smtp_data_done_timeout", "60s"),
          "postfix out: smtp_data_done_timeout = 60s", "=1200s'", status=0),
    Fault("the way to us does not tell the client",
          option("signpost-in/unix", "smtp_send_xforward_command"),
          "postfix in: smtp_send_xforward_command = no",
          "smtp_send_xforward_command=yes'", status=0),
    behind_us("headers are changed behind us", "smtp_header_checks",
              "regexp:/etc/postfix/checks"),
    behind_us("addresses are changed behind us", "smtp_generic_maps",
              "hash:/etc/postfix/generic"),
    behind_us("8 bits are converted behind us", "smtp_discard_ehlo_keywords",
              "8bitmime"),
    Fault("lines are broken behind us",
          option("smtp/unix", "smtp_line_length_limit", "80"),
          "postfix out: smtp_line_length_limit = 998 in the service signpost",
          "smtp_line_length_limit=80", status=0),
    Fault("a milter that may sign a second time",
          main_cf("smtpd_milters = inet:127.0.0.1:8891"),
          "postfix out: smtpd_milters = inet:127.0.0.1:8891 in the service",
          "smtpd_milters='", status=0),
    Fault("own clients are judged as strangers",
          main_cf("mynetworks = 127.0.0.0/8 192.0.2.0/24"),
          "postfix in: mynetworks has 192.0.2.0/24", "trusted", status=0),
    Fault("mail of this host is not handed to us",
          option("pickup/unix", "content_filter"),
          "postfix out: pickup does not hand mail to us",
          "postconf -P 'pickup/unix/content_filter=signpost:", status=0),
    Fault("no mail is handed to us",
          "; ".join((option("pickup/unix", "content_filter"),
                     option("submission/inet", "content_filter"),
                     option("smtp/inet", "smtpd_end_of_data_restrictions"))),
          "postfix out: nothing in master.cf or main.cf hands mail to 127.0.0.1",
          "a content_filter for", status=0),
    Fault("no mail from outside is handed to us",
          option("smtp/inet", "content_filter"),
          "postfix in: nothing in master.cf or main.cf hands mail to 127.0.0.1",
          "a content_filter for", status=0),
]

OF_PROCESSES = [
    Fault("a dead daemon", INIT + " stop",
          "listen 127.0.0.1:10027: .out. signpost does not answer: Connection",
          "start it .%s start" % INIT, undo=INIT + " start"),
    Fault("another program at our port", stranger,
          "listen 127.0.0.1:10027: .out. somebody answers who is not signpost",
          "stop what listens there"),
    Fault("a daemon that hangs",
          "kill -STOP $(ps -o pid= --ppid $(cat /run/signpost.pid))",
          "listen 127.0.0.1:10025: .in. signpost does not answer: no greeting",
          "look at its log",
          undo="kill -CONT $(ps -o pid= --ppid $(cat /run/signpost.pid))"),
    Fault("a daemon with older settings",
          conf("listen = 127.0.0.1:10027",
               "listen = 127.0.0.1:10027, 127.0.0.1:10030"),
          "listen 127.0.0.1:10030: .out. signpost does not answer",
          "it runs, but not by these settings: have it read them .%s rel" % INIT),
    Fault("a daemon that was not told", conf("selector", "selector = KEY\\nttl = 7d"),
          "daemon CONF: the file or a map has changed", "signpost reload"),
    Fault("a refused reload", "cp CONF /run/good; echo wrong >>CONF;"
          "%s reload || true; cp /run/good CONF" % INIT,
          "daemon process [0-9]+: its last reload was refused",
          "correct that, and reload again", undo=INIT + " reload"),
    Fault("another program that runs", another_program,
          "daemon process [0-9]+: it runs another program than this",
          "restart it", status=0),
    Fault("a dead next hop", "postconf -MX %s; postfix reload" % OUT,
          "relay 127.0.0.1:10028: .out. the next hop does not answer",
          "have a mail server listen there", undo="postfix reload"),
    Fault("a dead Postfix", "postfix stop",
          "relay 127.0.0.1:10026: .in. the next hop does not answer",
          "have a mail server listen there", undo="postfix start"),
]

# The same where Postfix asks by milter (setup --wiring milter).
SOCKETS = "/var/spool/postfix/signpost"
BOTH = "unix:signpost/in,unix:signpost/out"
AMAVIS = option("smtp/inet", "content_filter", "amavis:[127.0.0.1]:10024")
BACK = ("postconf -Me '127.0.0.1:10029/inet=127.0.0.1:10029 inet n - n - - "
        "smtpd -o content_filter= -o smtpd_milters=%s'" % BOTH)
RELOAD = "; signpost reload"

BY_MILTER = [
    Fault("nobody asks", "; ".join((
        option("smtp/inet", "smtpd_milters"),
        option("submission/inet", "smtpd_milters"),
        "postconf -X non_smtpd_milters")),
        "postfix out: no milter of master.cf or main.cf is unix:%s/out"
        % SOCKETS, "the lines are in .*/milter.cf", status=0),
    Fault("a path that leads nowhere in a chroot",
          option("smtp/inet", "smtpd_milters", "unix:%s/in,unix:%s/out"
                 % (SOCKETS, SOCKETS)),
          "postfix in: smtpd_milters = .*the service smtp is in a chroot",
          "postconf -P 'smtp/inet/smtpd_milters=unix:signpost/in,"),
    Fault("a folder that Postfix does not reach", "chmod 700 " + SOCKETS,
          "postfix out: Postfix's user postfix has no access to the directory",
          "chgrp postfix %s && chmod 750 " % SOCKETS,
          undo="chmod 750 " + SOCKETS),
    Fault("a socket that Postfix may not open",
          conf("listen = milter:unix:%s/out" % SOCKETS,
               "listen = milter:unix:%s/out" % SOCKETS),
          "postfix out: Postfix's user postfix may not open %s/out" % SOCKETS,
          "group=postfix behind it"),
    Fault("a proxy before the queue",
          option("smtp/inet", "smtpd_proxy_filter", "127.0.0.1:10024"),
          "postfix in: smtpd_proxy_filter = .*shows its milters no message",
          "postconf -P 'smtp/inet/smtpd_proxy_filter='"),
    Fault("mail leaves unsigned while we are away",
          main_cf("milter_default_action = accept"),
          "postfix out: milter_default_action = accept in main.cf: .*unsigned",
          "postconf -e milter_default_action=tempfail", status=0),
    Fault("mail comes in unchecked while we are away",
          option("smtp/inet", "milter_default_action", "accept"),
          "postfix in: milter_default_action = accept .*smtp: .*unchecked",
          "postconf -P 'smtp/inet/milter_default_action=tempfail'", status=0),
    Fault("who logged in is not told", main_cf("milter_mail_macros = i"),
          "postfix out: milter_mail_macros has no {auth_authen}",
          "postconf -X milter_mail_macros", status=0),
    Fault("another milter behind the signature",
          option("smtp/inet", "smtpd_milters", BOTH + ",inet:127.0.0.1:11332"),
          "postfix out: inet:127.0.0.1:11332 stands behind ours",
          "postconf -P 'smtp/inet/smtpd_milters=unix:signpost/in,"
          "inet:127.0.0.1:11332,unix:signpost/out'", status=0),
    Fault("another milter before the checks",
          option("smtp/inet", "smtpd_milters", "inet:127.0.0.1:11332," + BOTH),
          "postfix in: inet:127.0.0.1:11332 stands before ours",
          "postconf -P 'smtp/inet/smtpd_milters=unix:signpost/in,"
          "inet:127.0.0.1:11332,unix:signpost/out'", status=0),
    Fault("another milter that signs",
          option("submission/inet", "smtpd_milters",
                 "inet:127.0.0.1:8891,unix:signpost/out"),
          "postfix out: .*if inet:127.0.0.1:8891 signs, mail is signed twice",
          "take it out of that list", status=0),
    Fault("a content filter behind the signature", AMAVIS,
          "postfix out: content_filter = amavis:.*changed behind the signature",
          "let it only add fields", status=0),
    Fault("a content filter's mail is signed when it comes back",
          AMAVIS + "; " + BACK,
          "postfix out: 127.0.0.1:10029 takes mail that a content filter puts "
          "back in .*strangers' mail is signed",
          "postconf -P '127.0.0.1:10029/inet/receive_override_options="
          "no_milters'", status=0),
    Fault("a content filter's mail is checked once more", AMAVIS + "; " + BACK,
          "postfix in: 127.0.0.1:10029 .*taken out as forged",
          "receive_override_options=no_milters", status=0),
    Fault("signed by milter, and by a content filter",
          option("submission/inet", "content_filter",
                 "smtp:[127.0.0.1]:10030") + "; " +
          conf("listen = milter:unix:%s/out" % SOCKETS,
               "listen = milter:unix:%s/out group=postfix, 127.0.0.1:10030"
               "\\nrelay = 127.0.0.1:25" % SOCKETS) + RELOAD,
          "postfix out: content_filter = smtp:.*it is signed by milter already",
          "postconf -P 'submission/inet/content_filter='", word="warning",
          undo="signpost reload"),
    Fault("mail of this host stays unsigned",
          "postconf -X non_smtpd_milters",
          "postfix out: non_smtpd_milters does not name us",
          "postconf -e non_smtpd_milters=unix:signpost/out", status=0),
    Fault("nobody can log in",
          conf("sign_for", "sign_for = authenticated, local") + RELOAD,
          "postfix out: nobody logs in at the service submission",
          "add the networks of your clients", word="warning",
          undo="signpost reload"),
    Fault("headers are changed behind the signature",
          main_cf("smtp_header_checks = regexp:/etc/postfix/checks"),
          "postfix out: smtp_header_checks = regexp:/etc/postfix/checks",
          "postconf -X smtp_header_checks", status=0),
    Fault("addresses are changed behind the signature",
          main_cf("smtp_generic_maps = hash:/etc/postfix/generic"),
          "postfix out: smtp_generic_maps = hash:/etc/postfix/generic",
          "postconf -X smtp_generic_maps", status=0),
    Fault("8 bits are converted behind the signature",
          main_cf("smtp_discard_ehlo_keywords = 8bitmime"),
          "postfix out: smtp_discard_ehlo_keywords = 8bitmime",
          "postconf -X smtp_discard_ehlo_keywords", status=0),
    Fault("an old protocol", main_cf("milter_protocol = 2"),
          "postfix out: milter_protocol = 2: blanks behind a field's colon",
          "postconf -X milter_protocol", status=0),
    Fault("own clients are judged as strangers",
          main_cf("mynetworks = 127.0.0.0/8 192.0.2.0/24"),
          "postfix in: mynetworks has 192.0.2.0/24", "trusted", status=0),
    Fault("a milter for every account",
          conf("listen = milter:unix:%s/out" % SOCKETS,
               "listen = milter:unix:%s/out group=postfix, "
               "milter:127.0.0.1:8891" % SOCKETS) + RELOAD,
          "listen milter:127.0.0.1:8891: .out. any account of this host",
          "listen = milter:unix:", status=0, undo="signpost reload"),
    Fault("a dead daemon", INIT + " stop",
          "listen milter:unix:%s/out: .out. signpost does not answer by milter:"
          " No such file" % SOCKETS, "start it .%s start" % INIT,
          undo=INIT + " start"),
    Fault("a daemon that hangs",
          "kill -STOP $(ps -o pid= --ppid $(cat /run/signpost.pid))",
          "listen milter:unix:%s/in: .in. signpost does not answer by milter: "
          "no answer within 5 s" % SOCKETS, "look at its log",
          undo="kill -CONT $(ps -o pid= --ppid $(cat /run/signpost.pid))"),
]


class Machine(unittest.TestCase):
    """Set up in one of the ways, with all that it needs."""
    WIRING = ()

    @classmethod
    def setUpClass(cls):
        run("cmake", "--install", setup.BUILD, "--prefix", "/usr")
        run("useradd", "-m", "-d", HOME, "ann")
        run("ip", "addr", "add", ADDRESS + "/32", "dev", "lo")
        run("postconf", "-e", "mydestination=example.org, localhost",
            "myhostname=mail.example.org", "inet_interfaces=all",
            "maillog_file=/var/log/mail.log", "inet_protocols=ipv4",
            *(("smtp_line_length_limit=0",) if cls.WIRING else ()))
        pathlib.Path("/etc/aliases").write_text("check-auth: /dev/null\n")
        run("newaliases")
        run("postconf", "-Me", setup.SUBMISSION)
        run("postfix", "start")
        pathlib.Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
        cls.server = cls.served = None
        cls.serve({})
        said = setup.setup(
            "-d", "example.org", "--type", "both", "--domainkeys", "--inbound",
            "--selector", "m2026", "--reflector", "check-auth@example.org",
            *cls.WIRING, status=(0, 1))
        cls.rsa, cls.ed = re.findall(
            r"^(\S+)\._domainkey\.example\.org\. IN TXT", said, re.M)
        values = re.findall(r"^Value  (.*)$", said, re.M)
        cls.public = values[0].split("p=")[1]
        cls.records = {
            cls.named(KEY): ["TXT " + values[0]],
            cls.named(ED): ["TXT " + values[1]],
            SPF: ["TXT v=spf1 ip4:%s -all" % ADDRESS, "A " + ADDRESS,
                  "MX 10 mail.example.org"],
            DMARC: ["TXT v=DMARC1; p=reject; rua=mailto:ann@example.org"],
            "mail.example.org": ["A " + ADDRESS],
            PTR: ["PTR mail.example.org"],
        }
        cls.serve(cls.records)
        if cls.WIRING:
            CONF.write_text(CONF.read_text().replace(
                "\n[out]\n", "\n[out]\nline_length = 0\n"))
            run("signpost", "reload")
        run("cp", "-a", "/etc/signpost", COPY)
        cls.postfix = {path: path.read_bytes() for path in
                       pathlib.Path("/etc/postfix").glob("ma*.cf")}

    @classmethod
    def named(cls, text):
        for word, name in (("KEYS", KEYS), ("KEY", cls.rsa), ("CONF", str(CONF)),
                           ("PUBLIC", cls.public), ("STATE", STATE)):
            text = text.replace(word, name)
        return re.sub(r"\bED\b", cls.ed, text)

    @classmethod
    def serve(cls, records):
        if cls.served == records:
            return
        if cls.server is not None:
            cls.server.stop()
        cls.server, cls.served = Nsd("\n".join(
            "%s %s" % (name, value) for name, values in records.items()
            for value in values), port=53), records
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        run(INIT, "stop", check=False)
        run("postfix", "stop")
        if cls.server is not None:
            cls.server.stop()

    def plant(self, fault):
        if isinstance(fault.plant, dict):
            self.serve(self.records | {
                self.named(name): [self.named(v) for v in values]
                for name, values in fault.plant.items()})
            return None
        self.serve(self.records)
        if callable(fault.plant):
            return fault.plant()
        try:
            run("sh", "-ec", self.named(fault.plant))
        except AssertionError:
            self.mend(fault)  # half of it may stand
            raise
        self.settle()
        return lambda: self.mend(fault)

    def settle(self):
        """Postfix waits with files that were changed just now."""
        for path in self.postfix:
            os.utime(path, (0, 0))

    def mend(self, fault):
        run("cp", "-a", "--remove-destination", COPY + "/.", "/etc/signpost")
        for path, text in self.postfix.items():
            reloading.replace(path, text)
        self.settle()
        if fault.undo:
            run("sh", "-ec", fault.undo)

    def look(self, fault):
        done = run(SIGNPOST, "check", check=False)
        said = done.stdout
        self.assertEqual(done.returncode, fault.status, said)
        found = re.search(r"(?m)^%s +%s.*\n(?: +(.*))?" % (
            fault.word, self.named(fault.line)), said)
        self.assertIsNotNone(found, said)
        if fault.mend is not None:
            self.assertRegex(found.group(1) or "", self.named(fault.mend))

    def green(self):
        done = run(SIGNPOST, "check", check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        for line in done.stdout.splitlines():
            self.assertTrue(line.startswith("ok "), done.stdout)

    def each(self, faults):
        self.serve(self.records)
        self.green()
        for fault in faults:
            with self.subTest(fault.name):
                mend = self.plant(fault)
                try:
                    self.look(fault)
                finally:
                    if mend is not None:
                        mend()
        self.serve(self.records)
        wait_until("green again", lambda: run(
            SIGNPOST, "check", check=False).returncode == 0)
        self.green()


class Faults(Machine):
    def test_of_keys(self):
        self.each(OF_KEYS)

    def test_of_dns(self):
        self.each(OF_DNS)

    def test_of_settings(self):
        self.each(OF_SETTINGS)

    def test_of_postfix(self):
        self.each(OF_POSTFIX)

    def test_of_processes(self):
        self.each(OF_PROCESSES)

    def send(self, *words, status=0, to="ann@example.org"):
        """What check says of the message that it sent."""
        self.serve(self.records)
        done = run(SIGNPOST, "check", "--send", to, *words, check=False)
        self.assertEqual(done.returncode, status, done.stdout)
        return re.search(r"(?m)^\S+ +send .*(\n +.*)?", done.stdout).group(0)

    def test_a_message_that_is_sent_is_verified_where_it_comes_out(self):
        home = pathlib.Path(HOME)
        came = (r"ok +send ann@example.org: it came to %%s in \d+\.\d s: "
                r"domainkeys=pass \(example.org, %s\), "
                r"dkim=pass \(example.org, %s\), dkim=pass \(example.org, %s\)"
                % (self.rsa, self.rsa, self.ed))
        self.assertRegex(self.send(), came % "/var/mail/ann")
        self.assertRegex(self.send(to="ann@localhost"), "ok .*/var/mail/ann")
        self.assertRegex(self.send("--mailbox", "/var/mail/ann"),
                         came % "/var/mail/ann")
        run("postconf", "-e", "home_mailbox=Maildir/")
        setup.reload_postfix()
        self.assertRegex(self.send(), came % (str(home) + "/Maildir/"))
        # Whatever a user puts where a mailbox was, nobody waits for it.
        run("postconf", "-e", "home_mailbox=fifo")
        run("mkfifo", str(home / "fifo"))
        self.assertRegex(self.send("--wait", "2", status=1), "^FAIL ")
        run("postconf", "-X", "home_mailbox")
        run("postsuper", "-d", "ALL")
        setup.reload_postfix()

    def test_what_becomes_of_a_message_that_is_sent(self):
        self.assertRegex(self.send(to="none@example.org", status=1),
                         "FAIL .*status=bounced .*unknown user.*\n.*mail log")
        run("postconf", "-e", "transport_maps=inline:{elsewhere.test="
            "smtp:[127.0.0.1]:2525}")
        setup.reload_postfix()
        there = Smtp(2525)
        said = self.send(to="eve@elsewhere.test")
        self.assertRegex(said, r"note .*it left by 127\.0\.0\.1\[127\.0\.0\.1\]"
                               r":2525; it had come by signpost")
        self.assertIn("--mailbox", said)
        there.close()
        run("postconf", "-X", "transport_maps")
        for plant, words in (
                (option("pickup/unix", "content_filter"),
                 "FAIL .*it came to /var/mail/ann unsigned\n.*pickup"),
                ("echo '/wrote this/ REPLACE changed' >/etc/postfix/change;"
                 "%s; %s" % (option(OUT, "receive_override_options"), option(
                     "cleanup-signed/unix", "body_checks",
                     "regexp:/etc/postfix/change")),
                 "FAIL .*it came to /var/mail/ann: .*dkim=fail .*\n.*changes"),
                ("postconf -MX %s" % OUT, "FAIL .*(did not come|deferred)")):
            with self.subTest(words):
                mend = self.plant(Fault("", plant + "; postfix reload", "", ""))
                try:
                    self.assertRegex(self.send("--wait", "5", status=1), words)
                finally:
                    mend()
                    run("postsuper", "-d", "ALL")
                    setup.reload_postfix()
        self.assertRegex(self.send(), "^ok ")

    def test_there_are_forty(self):
        """That end with more than 0: what warnings are is not counted."""
        faults = OF_KEYS + OF_DNS + OF_SETTINGS + OF_POSTFIX + OF_PROCESSES
        self.assertGreaterEqual(sum(f.status != 0 for f in faults), 40)
        self.assertEqual(len({f.name for f in faults}), len(faults))


class ByMilter(Machine):
    WIRING = "--wiring", "milter"

    def test_of_milters(self):
        self.each(BY_MILTER)


if __name__ == "__main__":
    machine.enter(os.path.abspath(__file__))
    unittest.main(verbosity=2)
