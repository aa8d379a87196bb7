#!/usr/bin/python3
"""Before the queue: 587 -> signpost -> 10028 -> queue -> the world.

What etc/postfix/out-before-queue.cf promises, with a real Postfix: the client
has its answer when the message is signed and in the queue behind.
"""
import os
import re
import shutil
import smtplib

import harness
from postfix_case import BOTH, PostfixCase, fields, message


class BeforeTheQueue(PostfixCase):
    samples = ("out-before-queue",)
    out = BOTH + ("unsignable = reject",)

    def test_a_message_is_signed_and_verifies(self):
        self.submit(message("Subject: plain"))
        [text] = self.delivered(1)
        self.assert_signed(text)
        self.assertTrue(text.endswith(b"\r\n\r\nHello.\r\n"))

    def test_without_date_and_message_id(self):
        """Postfix adds them behind us: not covered, and so no harm."""
        self.submit(message("Subject: bare", whole=False))
        [text] = self.delivered(1)
        self.assertEqual(len(fields(text, "Date")), 1)
        self.assertEqual(len(fields(text, "Message-ID")), 1)
        self.assert_signed(text)

    def test_odd_bodies_on_one_connection(self):
        bodies = [b"", b"\r\n\r\n", b".\r\n..\r\n.dots\r\n",
                  "Gr\u00fc\u00dfe\r\n".encode("utf-8"), b"x" * 900 + b"\r\n"]
        self.submit(*(message("Subject: %d" % n, "MIME-Version: 1.0",
                              "Content-Type: text/plain; charset=utf-8",
                              "Content-Transfer-Encoding: 8bit", body=body)
                      for n, body in enumerate(bodies)),
                    options=["BODY=8BITMIME"])
        for text in self.delivered(len(bodies)):
            with self.subTest(subject=fields(text, "Subject")):
                self.assert_signed(text)

    def test_many_clients_at_once(self):
        """Each has a session of its own; all arrive, once."""
        clients = [smtplib.SMTP("127.0.0.1", self.ports["submission"],
                                timeout=harness.WAIT) for _ in range(8)]
        for turn in range(3):
            for number, client in enumerate(clients):
                client.sendmail(
                    "ann@example.org", ["bob@example.net"],
                    message("Subject: %d-%d" % (number, turn)))
        for client in clients:
            client.quit()
        found = self.delivered(24)
        self.assertEqual(len({fields(t, "Subject")[0] for t in found}), 24)
        self.assert_signed(found[-1])

    def test_what_cannot_be_signed_is_refused_to_the_client(self):
        client = smtplib.SMTP("127.0.0.1", self.ports["submission"],
                              timeout=harness.WAIT)
        self.addCleanup(client.close)
        with self.assertRaises(smtplib.SMTPDataError) as refused:
            client.sendmail("ann@example.org", ["bob@example.net"],
                            message("From: eve@example.com"))
        self.assertEqual(refused.exception.smtp_code, 550,
                         refused.exception)
        client.sendmail("ann@example.org", ["bob@example.net"],
                        message("Subject: the next one"))
        client.quit()
        [text] = self.delivered(1)
        self.assertEqual(fields(text, "Subject"), ["the next one"])

    def test_signpost_down_is_a_temporary_no(self):
        self.assertEqual(self.proxy.stop(), 0)
        with self.assertRaises(smtplib.SMTPDataError) as refused:
            self.submit(message("Subject: in vain"))
        self.assertEqual(refused.exception.smtp_code // 100, 4,
                         refused.exception)
        self.assertEqual(self.world.messages, [])
        self.proxy.start()
        self.submit(message("Subject: again"))
        self.delivered(1)


class Chrooted(PostfixCase):
    """By the socket of signpost.conf(5)'s example, below the queue directory,
    which is all that a chrooted smtpd sees."""
    samples = ("out-before-queue",)

    def setUp(self):
        super().setUp()
        self.postfix.stop()
        self.assertEqual(self.proxy.stop(), 0)
        folder = self.postfix.folder / "queue/signpost"
        folder.mkdir(mode=0o750)
        shutil.chown(folder, "root", "postfix")
        self.socket = folder / "out"
        self.proxy.configure(BOTH + (
            "listen = 127.0.0.1:%d, unix:%s group=postfix" % (
                self.proxy.port, self.socket),))
        master = self.postfix.config / "master.cf"
        text = re.sub(r"(?m)^(127\S+:%d inet n +- +)n" %
                      self.ports["submission"], r"\1y", master.read_text())
        text = text.replace("=127.0.0.1:%d\n" % self.proxy.port,
                            "=unix:signpost/out\n")
        self.assertIn("smtpd_proxy_filter=unix:signpost/out\n", text)
        master.write_text(text)
        self.postfix.settle()
        self.proxy.process = None
        self.proxy.start()
        self.postfix.start()

    def test_a_message_is_signed_by_way_of_the_socket(self):
        self.assertEqual(self.socket.group(), "postfix")
        self.submit(message("Subject: by the socket"))
        [text] = self.delivered(1)
        self.assert_signed(text)
        # It was a chrooted one, and its root is the queue directory.
        [smtpd] = [pid for pid in os.listdir("/proc") if pid.isdigit() and
                   self.is_front_door(pid)]
        self.assertEqual(os.readlink("/proc/%s/root" % smtpd),
                         str((self.postfix.folder / "queue").resolve()))

    def is_front_door(self, pid):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            return False
        return words[0] == b"smtpd" and (
            b"127.0.0.1:%d" % self.ports["submission"]) in words


if __name__ == "__main__":
    harness.main()
