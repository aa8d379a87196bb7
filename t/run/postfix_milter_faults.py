#!/usr/bin/python3
"""A real Postfix that asks by milter, while signpost is halted, restarted,
reloaded and killed under load: what was accepted is delivered once, with one
signature; what could not be asked about is put off, as milter_default_action
says."""
import contextlib
import os
import re
import signal
import smtplib
import threading
import time

import harness
import mta
import postfix_milter
from postfix_case import fields, message

COUNT = 24
SENT = 240      # seconds for what is left, on a machine with much to do


class Faults(postfix_milter.Milter):
    def signal_all(self, number):
        for pid in self.proxy.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


class Load(Faults):
    def send_all(self, done, refused):
        for number in range(COUNT):
            text = message("Subject: %d" % number)
            while True:
                try:
                    self.send(text, login="ann")
                    break
                except smtplib.SMTPResponseException as e:
                    self.assertEqual(e.smtp_code // 100, 4, e)
                    refused.append(number)
                except smtplib.SMTPRecipientsRefused as e:
                    self.assertEqual({code // 100 for code, _ in
                                      e.recipients.values()}, {4})
                    refused.append(number)
                except smtplib.SMTPServerDisconnected:
                    refused.append(number)
                time.sleep(0.05)
            done.append(number)

    def under_load(self, act):
        """How often a message was put off meanwhile. Where all this has become
        slow, nothing more is done to the daemon, so that the rest goes by."""
        done, refused = [], []
        sender = threading.Thread(target=self.send_all, args=(done, refused),
                                  daemon=True)
        sender.start()
        end = time.monotonic() + 30
        act()
        while sender.is_alive() and time.monotonic() < end:
            act()
            sender.join(0.3)
        sender.join(SENT)
        self.assertEqual(len(done), COUNT, self.both_logs())
        texts = self.delivered(COUNT)
        self.assertEqual(sorted(int(fields(text, "Subject")[0])
                                for text in texts), list(range(COUNT)))
        for text in texts:
            self.assert_dkim(text)
        return len(refused)

    def both_logs(self):
        return "%s\n%s" % (self.proxy.text()[-20000:],
                           self.postfix.log()[-20000:])

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
