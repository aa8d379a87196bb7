#!/usr/bin/python3
"""How much verifying costs: smtp-source -> signpost [in] -> smtp-sink on
loopback, with an nsd of our own (rrl-ratelimit: 0) that has the key.

As bench.py, which see: the worker on one core, all else on the other, the
CPU time that the kernel books to the worker divided by the messages.

    bench/verify.py [--signpost BINARY] [--cores 0,1] [--quick] [NAME...]

NAMEs: dkim all large one; all of them without any. Needs python3-dkim, nsd
and what bench.py needs.
"""
import base64
import contextlib
import os
import shutil
import subprocess
import sys

import bench

sys.path.insert(0, str(bench.TOP / "t/lib"))
import nameserver  # noqa: E402

NAMES = ("dkim", "all", "large", "one")

HEADER = ("From: Ann <ann@example.org>\r\nTo: bob@example.net\r\n"
          "Subject: a message to be checked\r\n"
          "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
          "Message-ID: <%d@example.org>\r\nMIME-Version: 1.0\r\n"
          "Content-Type: text/plain; charset=us-ascii\r\n")
LINE = "Some words that fill a line of mail, as people write them, or so.\r\n"


class Verifying(bench.Bench):
    def __init__(self, options):
        super().__init__(options)
        self.key = self.folder / "rsa.pem"
        self.make_key(self.key, "rsa")
        self.dns = nameserver.Nsd(
            f"{bench.SELECTOR}._domainkey.{bench.DOMAIN} TXT "
            f"{self.record()}\n"
            f"{bench.DOMAIN} TXT v=spf1 ip4:127.0.0.1 -all\n"
            f"_dmarc.{bench.DOMAIN} TXT v=DMARC1; p=reject\n").start()

    def close(self):
        self.dns.stop()
        super().close()

    def record(self):
        der = subprocess.run(
            ["openssl", "pkey", "-in", self.key, "-pubout", "-outform",
             "DER"], check=True, stdout=subprocess.PIPE).stdout
        return "v=DKIM1; p=" + base64.b64encode(der).decode()

    def message(self, length):
        """A file with one signed message of about that length."""
        import dkim
        path = self.folder / f"message-{length}"
        if path.exists():
            return path
        text = HEADER % length + "\r\n"
        text += LINE * ((length - len(text) - 500) // len(LINE))
        text = text.encode()
        signature = dkim.sign(
            text, bench.SELECTOR.encode(), bench.DOMAIN.encode(),
            self.key.read_bytes(), canonicalize=(b"relaxed", b"relaxed"))
        path.write_bytes((signature + text).replace(b"\r\n", b"\n"))
        return path

    def what_to_send(self, length):
        return ["-F", str(self.message(length))]

    @contextlib.contextmanager
    def verifier(self, relay, checks):
        where = self.address("signpost")
        spool = self.folder / "spool"
        spool.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(spool, bench.WORKER)
        config = self.folder / "signpost.conf"
        log = self.folder / "verifier.log"
        config.write_text(
            "[signpost]\nworkers = 1\nlog = stderr\nlog_level = warning\n"
            f"[in]\nuser = {bench.WORKER}\nlisten = {where}\n"
            f"relay = {relay}\nauthserv_id = mx.example.net\n"
            f"spool_dir = {spool}\ncheck = {checks}\n"
            f"[dns]\nnameserver = 127.0.0.1:{self.dns.port}\n")
        process = self.start(self.worker_core, self.options.signpost,
                             "serve", "-c", config, log=log.name)
        bench.wait_open(where, process)
        try:
            yield where, bench.Worker(process.pid)
        finally:
            self.stop(process)

    def verifying(self, what, checks, limit):
        with self.sink() as sink, \
                self.verifier(sink, checks) as (where, worker):
            messages = self.count(20000)
            self.source(where, self.count(2000), 4096, 16)     # warm
            began = worker.cpu()
            seconds = self.source(where, messages, 4096, 16)
            each = (worker.cpu() - began) / messages
            self.row(f"{what}: CPU a message", f"{each * 1e6:.0f} us",
                     f"{limit * 1e6:.0f} us" if limit else "-",
                     not limit or each <= limit)
            self.row(f"{what}: rate", f"{messages / seconds:.0f}/s", "-",
                     True)

    def dkim(self):
        self.verifying("dkim", "dkim", 160e-6)

    def all(self):
        self.verifying("all checks",
                       "dkim, domainkeys, spf, senderid, dmarc, arc", None)

    def large(self):
        with self.sink() as sink, self.haproxy(sink) as plain, \
                self.verifier(sink, "dkim") as (where, worker):
            self.ten_megabytes(where, worker, plain)

    def one(self):
        with self.sink() as sink, self.haproxy(sink) as plain, \
                self.verifier(sink, "dkim") as (ours, _):
            self.in_turns(ours, plain, 0.6)


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin"
    bench.NAMES = NAMES
    bench.main(Verifying)
