"""A real Exim in a directory of its own, as client and as next hop.

Debian's Exim cannot be installed beside Postfix: `.ci/unpack` downloads and
unpacks it. It is run as an unprivileged user, whom it is told (nss_wrapper)
to be its own, so nothing outside the directory is read or written.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile

from ports import free_port

TOP = pathlib.Path(__file__).resolve().parents[2]
WRAPPER = "/usr/lib/%s/libnss_wrapper.so"
WAIT = 120

CONFIG = """\
exim_path = {folder}/exim
keep_environment =
deliver_drop_privilege
primary_hostname = exim.example.org
qualify_domain = example.org
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/pid
log_selector = +smtp_confirmation +smtp_incomplete_transaction
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
disable_ipv6
tls_advertise_hosts =
chunking_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_keepalive = false
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin routers
onward:
  driver = manualroute
  condition = {onward}
  route_list = * 127.0.0.1
  self = send
  transport = smtp
here:
  driver = accept
  transport = file
begin transports
smtp:
  driver = smtp
  allow_localhost
  port = {relay}
  hosts_try_chunking =
  hosts_try_prdr =
file:
  driver = appendfile
  maildir_format
  directory = {folder}/mail
  create_directory
  envelope_to_add
begin retry
* * F,1h,1s
"""


def programs():
    """Where Exim is unpacked, done now where it was not before."""
    done = subprocess.run([TOP / ".ci/unpack", "exim4-daemon-light"],
                          check=True, timeout=300, stdout=subprocess.PIPE,
                          text=True)
    return pathlib.Path(done.stdout.strip())


class Exim:
    """Mail to anyone goes to the port `relay`; without one, to a folder."""

    def __init__(self, relay=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="signpost-exim-"))
        self.port = free_port()
        self.daemon = None
        self.uid = 65534 if os.getuid() == 0 else os.getuid()
        self.gid = 65534 if os.getuid() == 0 else os.getgid()
        for name in ("spool", "log"):
            (self.folder / name).mkdir()
        self._write_users()
        self._write_program(programs())
        (self.folder / "conf").write_text(CONFIG.format(
            folder=self.folder, port=self.port, relay=relay or 0,
            onward="yes" if relay else "no"))
        self.folder.chmod(0o755)
        if os.getuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, self.uid, self.gid)
        # It trusts no configuration that another than root or it may write.
        (self.folder / "conf").chmod(0o644)

    def _write_users(self):
        (self.folder / "passwd").write_text(
            "root:x:0:0:root:/root:/bin/sh\n"
            "Debian-exim:x:%d:%d:exim:/:/bin/false\n" % (self.uid, self.gid))
        (self.folder / "group").write_text(
            "root:x:0:\nDebian-exim:x:%d:\n" % self.gid)

    def _write_program(self, root):
        """It runs itself anew with a clean environment: hence a script."""
        machine = os.uname().machine + "-linux-gnu"
        program = self.folder / "exim"
        program.write_text(
            "#!/bin/sh\n"
            "export LD_LIBRARY_PATH=%s\n"
            "export LD_PRELOAD=%s\n"
            "export NSS_WRAPPER_PASSWD=%s/passwd NSS_WRAPPER_GROUP=%s/group\n"
            'exec %s "$@"\n' % (
                root / "libraries", WRAPPER % machine, self.folder,
                self.folder, root / "usr/sbin/exim4"))
        program.chmod(0o755)

    def _start(self, *words, **options):
        who = {}
        if os.getuid() == 0:
            who = {"user": self.uid, "group": self.gid, "extra_groups": []}
        return subprocess.Popen(
            [self.folder / "exim", "-C", self.folder / "conf", *words],
            cwd=self.folder, stderr=subprocess.STDOUT,
            stdout=open(self.folder / "output", "ab"), **who, **options)

    def start(self):
        """The daemon; it listens a moment later."""
        self.daemon = self._start("-bdf", stdin=subprocess.DEVNULL)
        return self

    def send(self, message, sender="a@example.org",
             recipients=("b@example.net",)):
        """Takes a message and tries once to pass it on; returns when it has."""
        words = ("-odf", "-oi", "-f", sender, *recipients)
        process = self._start(*words, stdin=subprocess.PIPE)
        process.communicate(message, timeout=WAIT)
        if process.returncode != 0:
            raise AssertionError(self.text())

    def run_queue(self):
        """Tries again what is still there, whatever its time to wait."""
        self._start("-qff", stdin=subprocess.DEVNULL).wait(WAIT)

    def text(self, name="mainlog"):
        path = self.folder / "log" / name
        output = (self.folder / "output").read_text()
        return (path.read_text() if path.exists() else "") + output

    def waiting(self):
        """How many messages are in its queue."""
        return len(list((self.folder / "spool").glob("input/**/*-H")))

    def delivered(self):
        """The messages in its folder, with CRLF line ends."""
        return [path.read_bytes().replace(b"\n", b"\r\n")
                for path in (self.folder / "mail").glob("new/*")]

    def clean(self):
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait(WAIT)
        shutil.rmtree(self.folder, ignore_errors=True)
