#!/usr/bin/python3
"""Who was taken over reaches no more than the table of HACKING says: each cell is
tried with what a process has: its sockets, its pages, its user. (Files and system
calls: run/sandbox, from within.)

    client      speaks SMTP, or the milter protocol
    out, in     a worker; recorder; signer
"""
import contextlib
import os
import re
import select
import shutil
import signal
import socket
import sys
import time

import harness
import inbound
import taken_over
from harness import SAMPLE, wait_until
from recorder import Both
from secrets_in_memory import found_in, key_secrets

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lib"))
import milter  # noqa: E402

ROLES = ("out", "in", "recorder", "signer")
HACKING = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       "..", "..", "HACKING")
MANUAL = os.path.join(os.path.dirname(HACKING), "man", "signpost.8")

# Where each cell of HACKING's table is played, by rows; in the order of its
# columns: a client, out, in, the recorder, a signer.
CELLS = {
    "keys": ("test_a_client_hears_nothing_of_others",) +
            4 * ("test_keys_are_with_signers_alone",),
    "signatures": ("test_a_client_has_its_own_mail_signed_alone",) +
                  3 * ("test_a_worker_has_signed_what_its_front_signs_and_"
                       "no_more",) + ("test_keys_are_with_signers_alone",),
    "mail of others": ("test_a_client_hears_nothing_of_others",) +
                      4 * ("test_mail_is_with_whom_it_passes",),
    "files": ("test_a_client_opens_starts_and_reaches_nothing",) +
             4 * ("sandbox.Reach.test_each_role",),
    "the network": ("test_a_client_opens_starts_and_reaches_nothing",) +
                   4 * ("sandbox.Reach.test_each_role",),
    "other processes": ("test_a_client_opens_starts_and_reaches_nothing",) +
                       4 * ("test_no_role_signals_or_traces_another",),
    "figures": ("test_a_client_is_counted",) +
               4 * ("test_nobody_writes_anothers_figures",),
    "the log": ("test_a_client_writes_no_line_of_the_log",) +
               3 * ("sandbox.Late.test_syslog_knows_who_writes",) +
               ("sandbox.Late.test_a_signer_speaks_through_the_master",),
}
TEXT = (b"from:a@%(d)s\r\ndkim-signature:v=1; a=rsa-sha256; c=relaxed/relaxed; "
        b"d=%(d)s; s=%(s)s; h=from; bh=AAAA; b=")


def cpu_of(pid):
    with open("/proc/%d/schedstat" % pid) as text:
        return int(text.read().split()[0]) / 1e9


class Heard(harness.Lines):
    """All that a client was ever told."""

    def __init__(self, sock):
        super().__init__(sock)
        self.all = bytearray()

    def fill(self):
        before = len(self.rest)
        super().fill()
        self.all += self.rest[before:]


class HeardMilter(milter.Milter):
    """The same by milter."""

    all = b""

    def _get(self):
        kind, rest = super()._get()
        self.all += kind + rest
        return kind, rest


@harness.for_root("to take them over")
class Attackers(inbound.Case):
    def setUp(self):
        self.hop = self.relay()
        self.proxy = Both(self.hop, 9)
        folder = os.path.join(self.proxy.dir, "arc.pem")
        harness.make_key(folder)
        with open(self.proxy.config) as f:
            text = f.read()
        # Each role has a user of its own, as where the package's are there.
        for role, user in (("signpost", "keys_user = games"),
                           ("results", "user = news")):
            text = text.replace("[%s]\n" % role, "[%s]\n%s\n" % (role, user))
        shutil.chown(os.path.dirname(self.proxy.database), "news")
        with open(self.proxy.config, "w") as f:
            f.write(text.replace(
                "[in]\n", "listen = milter:unix:%s/milter\n"
                "sign_for = 127.0.0.0/8\n" % self.proxy.dir +
                "[in]\nseal_domain = example.net\n"
                "seal_selector = arc\nseal_keyfile = %s\n" % folder))
        self.addCleanup(self.proxy.clean)
        self.addCleanup(self._stops_well, self.proxy)
        self.proxy.start()
        self.proxy.wait_log("serving, ")
        self.pids = {}
        for pid in self.proxy.processes()[1:]:
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                self.pids[f.read().split(b"\0")[2].decode()] = pid
        self.assertEqual(set(self.pids), set(ROLES))

    def client(self, port=None):
        client = harness.Client(port or self.proxy.port, greeting=False)
        self.addCleanup(client.close)
        client.lines = Heard(client.sock)
        client.reply()
        client.ehlo()
        return client

    def test_each_cell_of_the_table_is_played(self):
        with open(HACKING) as f:
            table = f.read().split("\nWho was taken over\n")[1].split(
                "\nWords\n")[0]
        rows = re.findall(r"(?m)^\t([^\t\n]+)\t(.*)", table)
        self.assertEqual(rows[0][1].split(), ["client", *ROLES])
        self.assertEqual([row for row, _ in rows[1:]], list(CELLS))
        with open(MANUAL) as f:
            table = f.read().split("\n.Sh WHO WAS TAKEN OVER\n")[1].split(
                "\n.El\n")[0]
        rows = [re.split(r" Ta (?:Sy )?", row)
                for row in re.findall(r"(?m)^\.It (.*)", table)]
        self.assertEqual(rows[0][1:],
                         ["client", "[out]", "[in]", "recorder", "signer"])
        self.assertEqual([row[0] for row in rows[1:]], list(CELLS))
        self.assertEqual({len(row) for row in rows}, {2 + len(ROLES)})
        for cells in CELLS.values():
            self.assertEqual(len(cells), 1 + len(ROLES))
            for name in cells:
                file, _, test = ("attackers.py.Attackers." + name
                                 if "." not in name else
                                 name.replace(".", ".py.", 1)
                                 ).rpartition(".")
                file, _, _ = file.rpartition(".")
                with open(os.path.join(os.path.dirname(__file__),
                                       file)) as text:
                    self.assertIn("def %s(" % test, text.read())

    def text(self, domain, selector):
        return TEXT % {b"d": domain, b"s": selector}

    # keys

    def test_keys_are_with_signers_alone(self):
        client = self.proxy.client()
        client.ehlo()
        self.assertEqual(client.message(SAMPLE).code, 250)
        client.quit()
        secrets = key_secrets(self.proxy.keyfile)
        for role in ROLES:
            found = found_in(self.pids[role], secrets)
            self.assertEqual(bool(found), role == "signer", role)
        self.assertEqual(found_in(self.proxy.process.pid, secrets), set())

    # The master, who opens key files, serves signers: nobody else has a socket
    # to ask it by. Which rule a signature may be of is the signers' affair.

    def test_key_files_are_handed_to_signers_alone(self):
        signer = self.pids["signer"]
        own = taken_over.sockets_of(signer)[taken_over.FD_KEYS]
        os.kill(signer, signal.SIGSTOP)
        try:
            with own:
                self.assertTrue(self.gets_file(own, taken_over.WAIT),
                                self.proxy.text())
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(signer, signal.SIGCONT)
        for role in set(ROLES) - {"signer"}:
            found = taken_over.sockets_of(self.pids[role])
            self.assertNotIn(taken_over.FD_KEYS, found)
            for own in found.values():
                with own:
                    self.assertFalse(self.gets_file(own), role)

    def gets_file(self, own, seconds=0.5):
        """Of example.org, by the first rules; whoever is at the other end."""
        own.setblocking(False)
        for rule in range(3):
            with contextlib.suppress(OSError):
                own.send(taken_over.key_question(rule, b"example.org"))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([own], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    _, files, _, _ = socket.recv_fds(own, 4096, 1)
                    for fd in files:
                        os.close(fd)
                    if files:
                        return True
        return False

    # signatures of others

    def test_a_client_has_its_own_mail_signed_alone(self):
        for sender, signed in (("ann@example.org", True),
                               ("ann@example.com", False),
                               ("ann@example.org.example.com", False),
                               ('"ann@example.org"@example.com', False),
                               ("ann@../example.org", False)):
            client = self.client()
            self.assertEqual(client.message(
                b"From: %s\r\n" % sender.encode() + SAMPLE.split(
                    b"\r\n", 1)[1], sender="ann@example.org").code, 250)
            client.quit()
            message = self.hop.messages[-1].data
            self.assertEqual(b"DKIM-Signature:" in message, signed, sender)
            if signed:
                self.assertIn(b"d=example.org;", message)

    def test_a_worker_has_signed_what_its_front_signs_and_no_more(self):
        org = self.text(b"example.org", self.proxy.selector.encode())
        seal = (b"arc-seal:i=1; a=rsa-sha256; cv=none; d=example.net; s=arc; "
                b"b=")
        with taken_over.Worker(self.pids["out"]) as it:
            self.assertEqual(
                it.ask(taken_over.TEXT, 1, b"example.org", org).status,
                taken_over.DONE)
            for right, domain, text in (
                    (1, b"example.com", self.text(b"example.com", b"s")),
                    (0, b"example.net", seal),
                    (1, b"example.org", b"anything"),
                    (9, b"example.org", org)):
                self.assertEqual(
                    it.ask(taken_over.TEXT, right, domain, text).status,
                    taken_over.TROUBLE)
            self.assertEqual(it.ask(
                taken_over.DIGEST, 1, b"example.org", b"x" * 20).status,
                taken_over.TROUBLE)
        with taken_over.Worker(self.pids["in"]) as it:
            self.assertEqual(
                it.ask(taken_over.TEXT, 0, b"example.net", seal).status,
                taken_over.DONE)
            for right, domain, text in (
                    (1, b"example.org", org), (0, b"example.org", seal),
                    (0, b"example.net", self.text(b"example.net", b"arc"))):
                self.assertEqual(
                    it.ask(taken_over.TEXT, right, domain, text).status,
                    taken_over.TROUBLE)
        self.proxy.wait_log("asked for a signature of .* that it must not", 8)
        with self.assertRaisesRegex(AssertionError, "no socket"), \
                taken_over.Worker(self.pids["recorder"], wait=1):
            pass

    # mail of others

    def test_a_client_hears_nothing_of_others(self):
        secrets = key_secrets(self.proxy.keyfile)
        clients = [self.client() for _ in range(2)]  # of one worker, at once
        marks = [os.urandom(12).hex().encode() for _ in clients]
        for client in clients:
            client.begin()
            client.command("DATA")
        for client, mark in zip(clients, marks):
            client.send(SAMPLE + mark + b"\r\n")
        for client in clients:
            client.send(b".\r\n")
            self.assertEqual(client.reply().code, 250)
        for line in ("VRFY b", "EXPN b", "HELP", "NOOP b", "RSET", "MAIL",
                     "MAIL FROM:<" + "b" * 400 + ">", "XFORWARD NAME"):
            clients[0].command(line)
        heard = clients[0].lines.all
        self.assertNotIn(marks[1], heard)
        for name, secret in secrets.items():
            self.assertNotIn(secret, heard, name)
        for mark in marks:
            self.assertEqual(sum(mark in m.data for m in self.hop.messages), 1)
        for message in self.hop.messages:
            self.assertEqual(sum(mark in message.data for mark in marks), 1)

    def test_a_client_by_milter_hears_of_its_own_mail_alone(self):
        secrets = key_secrets(self.proxy.keyfile)
        marks = [os.urandom(12).hex().encode() for _ in range(2)]
        clients = [HeardMilter(os.path.join(self.proxy.dir, "milter"))
                   for _ in marks]
        for client, mark in zip(clients, marks):
            for sender in ("ann@example.org", "ann@example.com"):
                put = client.message(
                    b"From: %s\r\nSubject: %s\r\n\r\n%s\r\n" % (
                        sender.encode(), mark, mark), "ann@example.org")
                signed = [value for name, value in put
                          if name == b"DKIM-Signature"]
                self.assertEqual(len(signed),
                                 sender.endswith("@example.org"), put)
                self.assertTrue(all(b"d=example.org;" in v for v in signed))
        for client, other in zip(clients, reversed(marks)):
            self.assertNotIn(other, client.all)
            for name, secret in secrets.items():
                self.assertNotIn(secret, client.all, name)
            client.close()

    def test_mail_is_with_whom_it_passes(self):
        for role, port in (("out", self.proxy.port),
                           ("in", self.proxy.in_port)):
            mark = {"mark": os.urandom(12).hex().encode()}
            client = self.client(port)
            client.begin()
            client.command("DATA")
            client.send(SAMPLE + mark["mark"] + b"\r\n")
            wait_until("it to be there",
                       lambda: found_in(self.pids[role], mark))
            client.send(b".\r\n")
            self.assertEqual(client.reply().code, 250)
            for other in set(ROLES) - {role}:
                self.assertEqual(found_in(self.pids[other], mark), set(),
                                 (role, other))

    # files, the network, other processes: of a client that names them

    def test_a_client_opens_starts_and_reaches_nothing(self):
        def there():
            return sorted(os.path.join(folder, name) for folder, _, names in
                          os.walk(self.proxy.dir) for name in names)

        files, processes = there(), self.proxy.processes()
        made = os.path.join(self.proxy.dir, "spool", "made")
        with socket.create_server(("127.0.0.1", 0)) as decoy:
            decoy.setblocking(False)
            port = decoy.getsockname()[1]
            for line in ("XFORWARD ADDR=127.0.0.1 PORT=%d" % port,
                         "XCLIENT ADDR=127.0.0.1 PORT=%d" % port,
                         "PROXY TCP4 127.0.0.1 127.0.0.1 1 %d" % port,
                         "CONNECT 127.0.0.1:%d HTTP/1.1" % port,
                         "ETRN 127.0.0.1:%d" % port,
                         "MAIL FROM:<%s>" % made,
                         'MAIL FROM:<"|/bin/touch %s"@example.org>' % made,
                         "MAIL FROM:<@127.0.0.1:a@[127.0.0.1]:%d>" % port):
                client = self.client()
                client.send(line + "\r\n")
                with contextlib.suppress(harness.Gone):
                    client.reply()
                client.close()
            client = self.client()
            client.begin(rcpts=("b@[127.0.0.1]", '"|touch %s"@b.test' % made))
            client.command("DATA")
            client.send((b"From: ../../made@example.org\r\nList-Id: "
                         b"<../%s>\r\nReply-To: file://%s\r\n\r\n" % (
                             made.encode(), made.encode()) +
                         b"x" * 70 + b"\r\n") + b"y" * 70 + b"\r\n" +
                        (b"z" * 70 + b"\r\n") * 4000)
            self.assertEqual(there(), files)  # its spool has no name
            client.send(b".\r\n")
            self.assertEqual(client.reply().code, 250)
            self.assertEqual(self.proxy.processes(), processes)
            self.assertEqual(there(), files)
            with self.assertRaises(BlockingIOError):
                decoy.accept()

    # other processes: each is of another user, traces and signals nobody

    def test_no_role_signals_or_traces_another(self):
        users = {}
        for role, pid in self.pids.items():
            status = harness.status_of(pid)
            self.assertEqual(int(status["CapEff"], 16), 0, role)
            self.assertEqual(int(status["CapBnd"], 16) & 1 << 19, 0, role)
            users[role] = status["Uid"].split()[0]
            self.assertNotIn("0", status["Uid"].split())
            # Not dumpable: what is below /proc/PID is root's.
            self.assertEqual(os.stat("/proc/%d/mem" % pid).st_uid, 0, role)
        self.assertEqual(len(set(users.values())), len(ROLES), users)
        for role, pid in self.pids.items():
            for other in set(ROLES) - {role}:
                child = os.fork()
                if child == 0:
                    os.setgid(int(harness.status_of(pid)["Gid"].split()[0]))
                    os.setuid(int(users[role]))
                    try:
                        os.kill(self.pids[other], 0)
                    except PermissionError:
                        os._exit(0)
                    os._exit(1)
                self.assertEqual(os.waitpid(child, 0)[1], 0, (role, other))

    # figures: each writes its own page alone

    def test_nobody_writes_anothers_figures(self):
        for role, pid in self.pids.items():
            writable = []
            with open("/proc/%d/maps" % pid) as maps:
                for line in maps:
                    if "memfd:signpost-" in line and "w" in line.split()[1]:
                        writable.append(re.search(
                            r"memfd:signpost-(\w+)", line).group(1))
            self.assertEqual(sorted(writable), ["history", "page"]
                             if role == "recorder" else ["page"], role)
            for fd in os.listdir("/proc/%d/fd" % pid):
                target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
                if "memfd:signpost-master" not in target:
                    continue
                with open("/proc/%d/fdinfo/%s" % (pid, fd)) as info:
                    flags = int(re.search(r"flags:\s+(\d+)",
                                          info.read()).group(1), 8)
                self.assertEqual(flags & os.O_ACCMODE, os.O_RDONLY, role)

    def test_a_client_is_counted(self):
        def counts():
            text = self.proxy.get("/metrics")[1]
            return {front: sum(float(n) for n in re.findall(
                r'(?m)^signpost_messages_total\{proxy="%s"[^}]*\} (\S+)'
                % front, text)) for front in ("out", "in")}

        before = counts()
        client = self.client()
        self.assertEqual(client.message(SAMPLE).code, 250)
        client.quit()
        self.assertEqual(counts(), {"out": before["out"] + 1,
                                    "in": before["in"]})

    # the recorder: what a worker does to its socket

    def test_a_worker_does_nothing_to_the_recorder(self):
        recorder = self.pids["recorder"]
        records = self.record_socket(self.pids["out"])
        with records:
            records.send(b"SP1nonsense")
            self.proxy.wait_log("sent what is no record of its own")
            # Whose front it is not: as if mail had been checked.
            records.send(b"SP1" + self.member(1, b"%d" % time.time()) +
                         self.member(2, b"in") + self.member(26, b"dkim"))
            self.proxy.wait_log("sent what is no record of its own", 2)
            records.shutdown(socket.SHUT_RDWR)
            before = cpu_of(recorder)
            time.sleep(1)
            self.assertLess(cpu_of(recorder) - before, 0.3)
        client = harness.Client(self.proxy.in_port)
        client.ehlo()
        self.assertEqual(client.message(SAMPLE).code, 250)
        client.quit()

    @staticmethod
    def member(tag, value):
        return bytes([tag]) + len(value).to_bytes(3, "big") + value

    def record_socket(self, pid):
        """At the place where each process finds it (proxy/process/spawn.c)."""
        found = taken_over.sockets_of(pid)
        for fd, own in found.items():
            if fd != taken_over.FD_RECORD:
                own.close()
        return found[taken_over.FD_RECORD]

    # the client: mail of others, the log

    def test_a_client_writes_no_line_of_the_log(self):
        client = self.proxy.client()
        client.ehlo()
        client.message(SAMPLE.replace(
            b"Subject: ", b"Message-Id: <x\x01signpost/out[1]: forged>\r\n"
            b"Subject: "))
        client.quit()
        self.proxy.wait_log("status=sent")
        for line in self.proxy.text().splitlines():
            self.assertRegex(line, r"^signpost(/\w+\[\d+\])?: ")
            self.assertNotRegex(line, r"^signpost/out\[1\]")

    # a signer that is gone, or that lies, costs no message

    def test_a_signer_that_is_killed_costs_no_message(self):
        os.kill(self.pids["signer"], signal.SIGKILL)
        client = self.proxy.client()
        client.ehlo()
        self.assertEqual(client.message(SAMPLE).code, 250)
        client.quit()
        wait_until("it to be signed", lambda: any(
            b"DKIM-Signature" in m.data for m in self.hop.messages))


if __name__ == "__main__":
    harness.main()
