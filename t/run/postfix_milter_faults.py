#!/usr/bin/python3
"""A real Postfix that asks by milter, while signpost is halted, restarted,
reloaded and killed, at each packet of a message and under load: what was
accepted is delivered once, with one signature; what could not be asked about is
put off, as milter_default_action says."""
import collections
import contextlib
import os
import re
import signal
import smtplib
import socket
import struct
import threading
import time

import harness
import inbound
import mta
import postfix_milter
import postfix_milter_both
from postfix_case import fields, message

SENT = 240      # seconds for one message, on a machine with much to do


class Faults(postfix_milter.Milter):
    signatures = (1,)   # that a message of ours may have

    def records(self):
        return self.proxy.record()

    def signal_all(self, number):
        for pid in self.proxy.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def both_logs(self):
        return "%s\n%s" % (self.proxy.text()[-20000:],
                           self.postfix.log()[-20000:])

    def insist(self, text, refused, **how):
        """Sends it until it is taken; each time that it was put off is noted,
        and whatever else happens."""
        end = time.monotonic() + SENT
        while time.monotonic() < end:
            try:
                self.send(text, **how)
                return
            except smtplib.SMTPResponseException as e:
                refused.append(e.smtp_code)
            except smtplib.SMTPRecipientsRefused as e:
                refused += [code for code, _ in e.recipients.values()]
            except smtplib.SMTPServerDisconnected:
                refused.append(421)
            time.sleep(0.05)
        refused.append(0)

    def hand_in(self, name):
        self.postfix.sendmail(
            message("Subject: " + name).replace(b"\r\n", b"\n"),
            "bob@example.net", sender="ann@example.org")

    def arrived(self):
        return collections.Counter(fields(m.data, "Subject")[0]
                                   for m in list(self.world.messages))

    def wait_arrived(self, subjects):
        """What was put off locally is tried again at once."""
        def all_there():
            self.postfix._run("postqueue", "-c", str(self.postfix.config),
                              "-f")
            end = time.monotonic() + 0.5
            while not (there := subjects <= set(self.arrived())):
                if time.monotonic() > end:
                    break
                time.sleep(0.01)
            return there
        harness.wait_until(lambda: "%s:\n%s" % (
            subjects - set(self.arrived()), self.both_logs()),
                           all_there, SENT)

    def assert_each_once(self, subjects):
        """All of these and no others have arrived, each once; each of ours has
        one signature, which holds. How many have none."""
        self.wait_arrived(subjects)
        self.postfix.wait_empty(SENT)
        self.assertEqual(self.arrived(), dict.fromkeys(subjects, 1))
        records = self.records()
        plain = 0
        for one in self.world.messages:
            count = len(fields(one.data, "DKIM-Signature"))
            self.assertIn(count, self.signatures, one.data[:3000])
            self.assertEqual(harness.dkim_verifies(one.data, records),
                             count == 1, one.data[:3000])
            plain += count == 0
        return plain


class Cut:
    """Between Postfix and signpost: holds each of its next connections before
    the nth packet of Postfix's."""

    def __init__(self, path, to):
        self.to = to
        self.changed = threading.Condition()
        self.number = None  # whose packet is awaited
        self.spared = 0     # connections that come before those
        self.expected = self.open = self.held = 0   # connections
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                with self.changed:
                    armed = self.spared == 0 and self.expected > 0
                    self.spared -= self.spared > 0
                    number = self.number if armed else None
                    self.expected -= number is not None
                    self.open += number is not None
                threading.Thread(target=self.serve, args=(sock, number),
                                 daemon=True).start()

    def arm(self, number, expected, spared=0):
        with self.changed:
            self.number, self.expected = number, expected
            self.spared = spared
            self.open = self.held = 0

    def stand(self):
        """Waits until each of those has come to its packet or has ended; how
        many have come to it."""
        with self.changed:
            if not self.changed.wait_for(
                    lambda: self.expected == 0 and self.open == self.held,
                    harness.WAIT):
                raise AssertionError("packet %d did not come: %d connections "
                                     "are due, %d open, %d there" % (
                                         self.number, self.expected,
                                         self.open, self.held))
            return self.held

    def let_go(self):
        with self.changed:
            self.number = None
            self.changed.notify_all()

    def hold(self):
        with self.changed:
            self.held += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.number is None, harness.WAIT)

    @staticmethod
    def packets(sock):
        with sock.makefile("rb") as wire:
            while len(head := wire.read(4)) == 4:
                yield head + wire.read(struct.unpack(">I", head)[0])

    def serve(self, sock, number):
        up = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError), sock, up:
            up.connect(self.to)
            threading.Thread(target=self.answers, args=(up, sock),
                             daemon=True).start()
            for at, packet in enumerate(self.packets(sock)):
                if at == number:
                    number = None
                    self.hold()
                up.sendall(packet)
        if number is not None:
            with self.changed:
                self.open -= 1
                self.changed.notify_all()

    @staticmethod
    def answers(up, sock):
        with contextlib.suppress(OSError):
            while some := up.recv(65536):
                sock.sendall(some)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


class Cutting(Faults):
    """By login and by sendmail(1) at once, both before their nth packets when
    it happens: one may be put off, and comes once."""
    front = "out"

    def make_signpost(self):
        proxy = super().make_signpost()
        queue = self.folder + "/queue/signpost/"
        self.cut = Cut(queue + "cut", queue + self.front)
        self.addCleanup(self.cut.listener.close)
        return proxy

    def milters(self):
        return "unix:signpost/cut"

    def round(self, number, act, behind):
        """How many of the two have an nth packet, what the one by login heard
        before it was taken, and their subjects."""
        login, local = names = ["%s %d %s" % (act.__name__, number, way)
                                for way in ("login", "local")]
        refused = []
        self.cut.arm(number, len(names))
        sender = threading.Thread(target=self.insist, daemon=True, args=(
            message("Subject: " + login), refused),
            kwargs={"client": None, "login": "ann"})
        sender.start()
        self.hand_in(local)
        held = self.cut.stand()
        if held:
            act()
        self.cut.let_go()
        if held:
            behind()
        sender.join(SENT)
        self.assertFalse(sender.is_alive(), self.both_logs())
        self.wait_arrived(set(names))
        return held, refused, names

    def each(self, act, behind=lambda: None):
        """What was heard by login, packet by packet, and how many of all came
        unsigned. Nothing happens to the last two."""
        heard, held, subjects = [], True, set()
        while held:
            held, refused, names = self.round(len(heard), act, behind)
            heard.append(refused)
            subjects.update(names)
        self.assertGreater(len(heard), 20)
        self.assertLessEqual(
            {code // 100 for codes in heard for code in codes}, {4}, heard)
        self.assertEqual(heard.pop(), [])
        return heard, self.assert_each_once(subjects)

    def kill_at_each(self):
        def killed():
            self.proxy.kill()
            self.proxy.start()
        return self.each(killed)


class EachPacket(Cutting):
    def test_killed(self):
        heard, _ = self.kill_at_each()
        self.assertTrue(all(heard[:len(heard) // 2]), heard)

    def test_stopped(self):
        """A message that was begun is answered."""
        def stopped():
            self.proxy.process.send_signal(signal.SIGTERM)
            stops.append(True)
            self.proxy.wait_log("stopping: ", len(stops))

        def behind():
            self.assertEqual(self.proxy.process.wait(harness.WAIT), 0)
            self.proxy.start()
        stops = []
        heard, _ = self.each(stopped, behind)
        self.assertFalse(any(heard[len(heard) // 2:]), heard)

    def test_reloaded(self):
        def reloaded():
            self.proxy.process.send_signal(signal.SIGHUP)
            reloads.append(True)
            self.proxy.wait_log("draining: ", len(reloads))
        reloads = []
        heard, _ = self.each(reloaded)
        self.assertFalse(any(heard), heard)

    def test_halted(self):
        def halted():
            self.signal_all(signal.SIGSTOP)

        def behind():
            time.sleep(0.1)
            self.signal_all(signal.SIGCONT)
        heard, _ = self.each(halted, behind)
        self.assertFalse(any(heard), heard)


class AcceptingAtEachPacket(Cutting):
    main = postfix_milter.Milter.main.replace(
        "milter_default_action = tempfail", "milter_default_action = accept")
    signatures = (0, 1)

    def test_killed(self):
        """Nothing is put off, and nothing is signed twice or wrongly."""
        heard, plain = self.kill_at_each()
        self.assertFalse(any(heard), heard)
        self.assertIn(plain, range(len(heard), 2 * len(heard)))


class CheckingAtEachPacket(postfix_milter_both.Both, Cutting):
    front = "in"

    def milters(self):
        return "unix:signpost/out,unix:signpost/cut"

    def test_killed(self):
        self.kill_at_each()
        for one in self.world.messages:
            self.assertIn("dkim=pass", self.results(one.data))


class BouncingAtEachPacket(Cutting):
    """Postfix's own bounce, of a message that it has already signed."""
    main = Cutting.main + """
myhostname = example.org
transport_maps = inline:{{ {{bob@example.net = error:5.1.1 nobody}} }}
"""

    def arrived(self):
        """By what they say of the message that bounced."""
        return collections.Counter(
            re.search(rb"^Subject: (killed \d+)\r$", m.data, re.M)[1].decode()
            for m in list(self.world.messages))

    def round(self, number, act, behind):
        name = "%s %d" % (act.__name__, number)
        self.cut.arm(number, 1, spared=1)
        self.hand_in(name)
        held = self.cut.stand()
        if held:
            act()
        self.cut.let_go()
        self.wait_arrived({name})
        return held, [], [name]

    def test_killed(self):
        self.kill_at_each()
        for one in self.world.messages:
            self.assertIn("MAILER-DAEMON", fields(one.data, "From")[0])


class Load(Faults):
    """Six senders at once, and local mail, while it happens six times."""
    SENDERS = ({"login": "ann"},) * 6
    ACTS = 6
    MOST = 40       # messages of one sender

    def texts(self, how, name):
        return message("Subject: " + name)

    def send_on(self, number, how, taken, refused):
        for count in range(self.MOST):
            name = "%d of %d" % (count, number)
            self.insist(self.texts(how, name), refused, **how)
            taken.add(name)
            if self.enough.is_set():
                break

    def send_local(self, taken):
        """As many as happens to the daemon, and one more."""
        for count in range(self.ACTS + 1):
            self.hand_in("local %d" % count)
            taken.add("local %d" % count)
            self.enough.wait(0.2)

    def under_load(self, act):
        """How often a message was put off meanwhile."""
        taken, refused = set(), []
        self.enough = threading.Event()
        threads = [threading.Thread(target=self.send_local, args=(taken,),
                                    daemon=True)]
        threads += [threading.Thread(target=self.send_on, daemon=True, args=(
            number, how, taken, refused))
                    for number, how in enumerate(self.SENDERS)]
        for thread in threads:
            thread.start()
        for _ in range(self.ACTS):
            act()
            time.sleep(0.2)
        self.enough.set()
        for thread in threads:
            thread.join(SENT)
            self.assertFalse(thread.is_alive(), self.both_logs())
        self.assertLessEqual({code // 100 for code in refused}, {4})
        self.assertGreater(len(taken), len(threads))
        self.assert_each_once(taken)
        return len(refused)

    def test_reloaded_it_puts_nothing_off(self):
        """One reload after the other: they do not pile up."""
        reloads = []

        def act():
            reloads.append(self.proxy.process.send_signal(signal.SIGHUP))
            self.proxy.wait_log("reloaded, ", len(reloads))
        self.assertEqual(self.under_load(act), 0, self.both_logs())

    def test_halted_for_a_moment_it_puts_nothing_off(self):
        def act():
            self.signal_all(signal.SIGSTOP)
            time.sleep(0.2)
            self.signal_all(signal.SIGCONT)
        self.assertEqual(self.under_load(act), 0, self.both_logs())

    def test_restarted(self):
        def act():
            self.assertEqual(self.proxy.stop(), 0)
            self.proxy.start()
        self.under_load(act)

    def test_killed(self):
        def act():
            self.proxy.kill()
            self.proxy.start()
        self.under_load(act)


class LoadOnBoth(postfix_milter_both.Both, Load):
    """Who logged in and whom nobody knows: the one is signed, the other has a
    signature that is checked, and each has one field of results."""
    SENDERS = ({"login": "ann"}, {"client": postfix_milter_both.GOOD}) * 3

    def texts(self, how, name):
        text = message("Subject: " + name)
        return text if "login" in how else inbound.sign(
            text, postfix_milter_both.RSA)

    def records(self):
        return super().records() | {
            "s1._domainkey.example.org": postfix_milter_both.RSA_RECORD}

    def assert_each_once(self, subjects):
        plain = super().assert_each_once(subjects)
        for one in self.world.messages:
            found = self.results(one.data)
            self.assertIn("dkim=pass", found)
            self.assertEqual(
                ["header.s=s1" in found, "spf=pass" in found,
                 "dmarc=pass" in found],
                [b"s=s1;" in one.data] * 3, one.data[:3000])
        return plain


class Draining(Faults):
    def make_signpost(self):
        proxy = super().make_signpost()
        with open(proxy.config) as config:
            text = config.read()
        with open(proxy.config, "w") as config:
            config.write(text.replace(
                "[signpost]\n", "[signpost]\ndrain_timeout = 1s\n"))
        return proxy

    def test_a_client_that_stays_past_drain_timeout_is_not_put_off(self):
        """Postfix asks by one connection for as long as it stays."""
        client = smtplib.SMTP("127.0.0.1", self.ports["smtp"],
                              timeout=harness.WAIT)
        self.addCleanup(client.close)
        between = mta.Mta(self.proxy.port)
        self.addCleanup(between.close)
        client.login("ann", "x")
        client.sendmail("ann@example.org", ["bob@example.net"],
                        message("Subject: before"))
        self.proxy.process.send_signal(signal.SIGHUP)
        self.proxy.wait_log("draining: 2 sessions")
        between.connect()
        between.next_client()
        with self.assertRaises(mta.Gone):
            between.read()      # the time is over
        client.sendmail("ann@example.org", ["bob@example.net"],
                        message("Subject: behind"))
        client.quit()
        for text in self.delivered(2):
            self.assert_dkim(text)


class Halted(Faults):
    # Postfix waits for us no longer than that.
    main = Faults.main + (
        "milter_connect_timeout = 2s\nmilter_command_timeout = 2s\n"
        "milter_content_timeout = 2s\n")

    def test_halted_for_long_postfix_puts_mail_off(self):
        self.addCleanup(self.signal_all, signal.SIGCONT)
        self.signal_all(signal.SIGSTOP)
        with self.assertRaises(smtplib.SMTPException):
            self.send(message("Subject: halted"), login="ann")
        self.postfix.sendmail(
            message("Subject: local").replace(b"\r\n", b"\n"),
            "bob@example.net", sender="ann@example.org")
        harness.wait_until("Postfix to give up twice", lambda: len(re.findall(
            "milter.*timed out", self.postfix.log())) >= 2)
        self.signal_all(signal.SIGCONT)
        self.send(message("Subject: on"), login="ann")
        self.postfix._run("postqueue", "-c", str(self.postfix.config), "-f")
        texts = self.delivered(2)
        self.assertEqual({fields(text, "Subject")[0] for text in texts},
                         {"local", "on"})
        for text in texts:
            self.assert_dkim(text)


class Accepting(postfix_milter.Milter):
    main = postfix_milter.Milter.main.replace(
        "milter_default_action = tempfail", "milter_default_action = accept")

    def test_what_cannot_be_asked_about_goes_on_unsigned(self):
        self.send(message("Subject: signed"), login="ann")
        self.assertEqual(self.proxy.stop(), 0)
        self.send(message("Subject: plain"), login="ann")
        for text in self.delivered(2):
            if fields(text, "Subject") == ["signed"]:
                self.assert_dkim(text)
            else:
                self.assert_plain(text)


if __name__ == "__main__":
    harness.main()
