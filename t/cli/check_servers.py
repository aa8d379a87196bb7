"""signpost check: every name server of a zone, asked itself.

In a network of its own: nsd at port 53 of 127.0.0.2 and 127.0.0.3, of which a
zone's NS records are, and unbound, which asks the first of them, as [dns].
"""
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import check_case
import machine
import nameserver
import ports
from check_case import ADDRESS

KEY = "s1._domainkey.example.org"
FIRST, SECOND = "127.0.0.2", "127.0.0.3"


def authority(address, zone, *records, servers=(FIRST, SECOND)):
    """nsd for one zone, at one address."""
    lines = ["$ORIGIN %s." % zone, "$TTL 300",
             "@ SOA ns1 root 1 3600 900 86400 60"]
    for number, server in enumerate(servers, 1):
        lines += ["@ NS ns%d" % number] + [
            "ns%d %s %s" % (number, "AAAA" if ":" in one else "A", one)
            for one in server.split()]
    for record in records:
        name, kind, value = record.split(None, 2)
        if kind == "TXT":
            value = nameserver.txt_presentation(value)
        lines.append("%s %s %s" % (name, kind, value))
    return nameserver.Nsd("", 53, address, zone,
                          "\n".join(lines) + "\n").start()


class Unbound:
    """A resolver that asks one server for each zone."""

    def __init__(self, stubs, *local):
        self.directory = tempfile.mkdtemp(prefix="signpost-unbound-")
        self.port = ports.free_port()
        text = """server:
  interface: 127.0.0.1@%d
  port: %d
  username: ""
  chroot: ""
  directory: "%s"
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "." static
""" % (self.port, self.port, self.directory)
        text += "".join("  local-zone: '%s.' transparent\n" % zone
                        for zone in stubs)
        text += "".join("  local-data: '%s'\n" % line for line in local)
        text += "remote-control:\n  control-enable: no\n"
        for zone, address in stubs.items():
            text += ('stub-zone:\n  name: "%s"\n  stub-addr: %s\n'
                     % (zone, address))
        with open(self.directory + "/unbound.conf", "w",
                  encoding="ascii") as f:
            f.write(text)
        with open(self.directory + "/log", "wb") as log:
            self.child = subprocess.Popen(
                ["/usr/sbin/unbound", "-d", "-c",
                 self.directory + "/unbound.conf"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: nameserver.answers(self.port))

    def stop(self):
        stop(self.child)
        shutil.rmtree(self.directory, ignore_errors=True)


def stop(child):
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(10)


def wait_until(true):
    deadline = time.monotonic() + 20
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.02)


class Servers(check_case.Case):
    def setUp(self):
        super().setUp()
        _, _, self.value = self.keygen()
        self.records = ["s1._domainkey TXT " + self.value,
                        "@ TXT v=spf1 ip4:%s -all" % ADDRESS,
                        "_dmarc TXT v=DMARC1; p=reject"]

    def serve(self, address, *records, zone="example.org", **options):
        server = authority(address, zone, *(records or self.records),
                           **options)
        self.addCleanup(server.stop)
        return server

    def resolver(self, **stubs):
        """A configuration with it: its path."""
        self.unbound = Unbound({"example.org": FIRST, **{
            zone.replace("_", "."): at for zone, at in stubs.items()}},
            "25.2.0.192.in-addr.arpa. PTR mail.test.",
            "mail.test. A " + ADDRESS)
        self.addCleanup(self.unbound.stop)
        return self.configure("[dns]\nnameserver = 127.0.0.1:%d\n"
                              % self.unbound.port)

    def wrong(self, conf, status=0):
        """The findings that are not ok."""
        self.all = self.found(conf, None, status=status)
        return [f for f in self.all if f[0] != "ok"]

    def only(self, conf, status, *want):
        """The one finding that is not ok: (result, what, subject)."""
        wrong = self.wrong(conf, status)
        self.assertEqual([f[:3] for f in wrong], [want], self.all)
        return wrong[0][3:]

    def test_all_of_them_agree(self):
        self.serve(FIRST)
        self.serve(SECOND)
        conf = self.resolver()
        self.assertEqual(self.wrong(conf), [])
        line = [f for f in self.all if f[1] == "servers"]
        self.assertEqual(
            line, [("ok", "servers", "example.org",
                    "ns1.example.org (127.0.0.2), ns2.example.org (127.0.0.3) "
                    "give the same as 127.0.0.1:%d" % self.unbound.port, "")])

    def test_one_lacks_a_record(self):
        self.serve(FIRST)
        for missing, what, subject in (
                ("s1._domainkey", "dkim", KEY), ("@", "spf", "example.org"),
                ("_dmarc", "dmarc", "example.org")):
            with self.subTest(what):
                server = self.serve(SECOND, *[
                    r for r in self.records if not r.startswith(missing)])
                reason, todo = self.only(self.resolver(), 1, "FAIL", what,
                                         subject)
                self.assertEqual(
                    reason, "ns2.example.org (127.0.0.3) does not have the "
                    "record, and others do")
                self.assertIn("load the zone again", todo)
                server.stop()

    def test_one_has_another_record(self):
        self.serve(FIRST)
        self.serve(SECOND, *[r.replace("-all", "?all") for r in self.records])
        reason, todo = self.only(self.resolver(), 1, "FAIL", "spf",
                                 "example.org")
        self.assertEqual(reason, "ns2.example.org (127.0.0.3) has another "
                         "record: v=spf1 ip4:192.0.2.25 ?all")
        self.assertIn("serial", todo)

    def test_one_has_another_sender_id_record(self):
        """It stands beside the SPF record, which is the same on both."""
        own = "@ TXT spf2.0/pra ip4:%s %sall"
        self.serve(FIRST, *self.records, own % (ADDRESS, "-"))
        self.serve(SECOND, *self.records, own % (ADDRESS, "?"))
        reason, todo = self.only(self.resolver(), 1, "FAIL", "spf",
                                 "example.org")
        self.assertIn("ns2.example.org (127.0.0.3) has another record: ",
                      reason)
        self.assertIn("spf2.0/pra ip4:192.0.2.25 ?all", reason)
        self.assertIn("serial", todo)

    def test_one_is_dead_or_has_another_zone(self):
        self.serve(FIRST)
        reason, _ = self.only(self.resolver(), 0, "warning", "servers",
                              "example.org")
        self.assertEqual(reason, "ns2.example.org (127.0.0.3) gives no "
                         "answer, and others do: Connection refused")
        self.serve(SECOND, "@ TXT x", zone="example.net")
        reason, todo = self.only(self.resolver(), 0, "warning", "servers",
                                 "example.org")
        self.assertIn("ns2.example.org (127.0.0.3) does not have the zone",
                      reason)
        self.assertIn("registrar", todo)

    def test_one_takes_no_tcp(self):
        self.serve(FIRST)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((SECOND, 53))
            threading.Thread(target=self.forward, args=(sock,),
                             daemon=True).start()
            reason, todo = self.only(self.resolver(), 0, "warning", "servers",
                                     "example.org")
            self.assertIn("ns2.example.org (127.0.0.3) answers by UDP, but "
                          "not by TCP (Connection refused)", reason)
            self.assertIn("TCP", todo)

    def forward(self, sock):
        while True:
            try:
                packet, peer = sock.recvfrom(4096)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to:
                    to.settimeout(5)
                    to.sendto(packet, (FIRST, 53))
                    sock.sendto(to.recv(4096), peer)
            except OSError:
                return

    def test_none_can_be_asked(self):
        """Neither right nor wrong: the network may be a private one."""
        self.serve(FIRST, servers=("198.51.100.1", "198.51.100.2"))
        reason, todo = self.only(self.resolver(), 0, "note", "servers",
                                 "example.org")
        self.assertEqual(
            reason, "could not ask its name servers, so whether all of them "
            "have the records is not known (ns1.example.org (198.51.100.1): no "
            "answer; ns2.example.org (198.51.100.2): no answer)")
        self.assertIn("dig +nssearch example.org", todo)

    def test_another_address_serves_as_well(self):
        """One address of each is enough, and one without a way is none."""
        servers = ("198.51.100.1 " + FIRST, "2001:db8:1::1 " + SECOND)
        self.serve(FIRST, servers=servers)
        self.serve(SECOND, servers=servers)
        self.assertEqual(self.wrong(self.resolver()), [])

    def test_the_cache_is_older_than_the_servers(self):
        first = self.serve(FIRST, "@ TXT x")
        second = self.serve(SECOND, "@ TXT x")
        conf = self.resolver()
        self.wrong(conf, status=1)
        first.stop(), second.stop()
        first, second = self.serve(FIRST), self.serve(SECOND)
        wrong = self.wrong(conf, status=1)
        self.assertIn(("FAIL", "dkim", KEY, "there is no such record"),
                      [f[:4] for f in wrong])
        notes = [f for f in wrong if f[0] == "note"]
        self.assertEqual([f[1:3] for f in notes], [
            ("dkim", KEY), ("spf", "example.org"), ("dmarc", "example.org")])
        for note in notes:
            self.assertIn("the name servers of example.org have another "
                          "record than the cache of 127.0.0.1", note[3])
            self.assertIn("wait", note[4])
        # and the other way round
        conf = self.resolver()
        self.assertEqual(self.wrong(conf), [])
        first.stop(), second.stop()
        self.serve(FIRST, *self.records[1:]), self.serve(
            SECOND, *self.records[1:])
        reason, _ = self.only(conf, 1, "FAIL", "dkim", KEY)
        self.assertIn("no name server of example.org has the record any more",
                      reason)

    def test_an_alias_is_followed_into_its_zone(self):
        alias = ["s1._domainkey CNAME k.provider.test.", *self.records[1:]]
        ours = {"address": "127.0.0.4", "servers": ("127.0.0.4", "127.0.0.5")}
        self.serve(FIRST, *alias)
        second = self.serve(SECOND, *alias)
        for good in True, False:
            one = self.serve("127.0.0.4", "k TXT " + self.value,
                             zone="provider.test", servers=ours["servers"])
            other = self.serve(
                "127.0.0.5", "k TXT " + self.value if good else "l TXT x",
                zone="provider.test", servers=ours["servers"])
            conf = self.resolver(provider_test="127.0.0.4")
            if good:
                self.assertEqual(self.wrong(conf), [])
                self.assertIn(("ok", "servers", "provider.test"),
                              [f[:3] for f in self.all])
            else:
                reason, _ = self.only(conf, 1, "FAIL", "dkim", KEY)
                self.assertIn("ns2.provider.test (127.0.0.5) does not have",
                              reason)
            one.stop(), other.stop()
        # one of ours leads elsewhere
        self.serve("127.0.0.4", "k TXT " + self.value, zone="provider.test",
                   servers=ours["servers"])
        self.serve("127.0.0.5", "k TXT " + self.value, zone="provider.test",
                   servers=ours["servers"])
        second.stop()
        self.serve(SECOND, "s1._domainkey CNAME l.provider.test.",
                   *self.records[1:])
        reason, _ = self.only(self.resolver(provider_test="127.0.0.4"), 1,
                              "FAIL", "dkim", KEY)
        self.assertEqual(
            reason, "ns2.example.org (127.0.0.3) has an alias there, which "
            "others have not: to l.provider.test")


if __name__ == "__main__":
    machine.alone(__file__, ADDRESS)
    unittest.main()
