"""A real Postfix in a directory of its own, on loopback ports of its own.

Its master.cf is made of the samples in etc/postfix, so these are what is
tested; SAMPLE_EDITS names all that a test changes in them. Nothing outside the
directory is read or written but the programs themselves: a Postfix that the
machine runs is not touched. Needs root, as Postfix does.
"""
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "t/lib"))
import reloading  # noqa: E402

SAMPLES = TOP / "etc/postfix"
START_MAX = 120     # seconds
STOP_MAX = 120

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
myorigin = example.org
mydestination =
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
alias_database =
relayhost = [127.0.0.1]:{sink}
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
queue_run_delay = 2s
minimal_backoff_time = 1s
maximal_backoff_time = 3s
in_flow_delay = 0
notify_classes =
"""

# What every Postfix has besides the samples, nothing in a chroot.
MASTER = """\
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""
PICKUP = "pickup    unix  n       -       n       60      1       pickup\n"

# All that is changed in a sample: the ports, the chroot that a directory of
# our own does not have, and who may submit (no passwords and no TLS here).
SAMPLE_EDITS = [
    (r"^submission inet", "127.0.0.1:{submission} inet"),
    (r"^smtp      inet", "127.0.0.1:{smtp} inet"),
    (r"127\.0\.0\.1:10028\b", "127.0.0.1:{out_relay}"),
    (r"(\[?127\.0\.0\.1\]?):10027\b", r"\1:{out}"),
    (r"127\.0\.0\.1:10026\b", "127.0.0.1:{in_relay}"),
    (r"(\[?127\.0\.0\.1\]?):10025\b", r"\1:{in_}"),
    (r"^(\S+\s+\S+\s+\S+\s+\S+\s+)y(\s)", r"\1n\2"),
    (r"smtpd_tls_security_level=encrypt", "smtpd_tls_security_level=none"),
    (r"smtpd_sasl_auth_enable=yes", "smtpd_sasl_auth_enable=no"),
    (r"smtpd_tls_auth_only=yes", "smtpd_tls_auth_only=no"),
    (r"=permit_sasl_authenticated\b", "=permit_mynetworks"),
]


def sample(name, ports):
    """etc/postfix/NAME.cf with the test's ports (see SAMPLE_EDITS)."""
    text = (SAMPLES / (name + ".cf")).read_text()
    for pattern, put in SAMPLE_EDITS:
        for port, number in ports.items():
            put = put.replace("{" + port + "}", str(number))
        text = re.sub(pattern, put, text, flags=re.M)
    if re.search(r"\{\w+\}|\b100[2][5-8]\b",
                 re.sub(r"^#.*", "", text, flags=re.M)):
        raise RuntimeError(f"{name}: a port of the sample was left as it is")
    return text


def with_settings(main, lines):
    """main.cf with these lines instead of what it said of the same names: else
    each of Postfix's programs logs a warning when it starts."""
    names = "|".join(re.findall(r"^(\w+) *=", lines, re.M)) or "-"
    return re.sub(r"^(%s) *=.*\n(?:[ \t].*\n)*" % names, "", main,
                  flags=re.M) + lines


class Postfix:
    """with Postfix(folder, ["out-after-queue"], ports, sink=PORT) as p: ...

    `ports` has the keys its samples need: submission, out, out_relay, smtp,
    in_, in_relay. `main` are lines more for main.cf. Mail leaves to `sink`.
    """

    def __init__(self, folder, samples, ports, sink, main=""):
        if os.geteuid() != 0:
            raise RuntimeError("the tests with Postfix need root")
        self.folder = pathlib.Path(folder)
        self.config = self.folder / "config"
        self.config.mkdir(parents=True)
        self._readable()
        (self.config / "main.cf").write_text(
            with_settings(MAIN.format(folder=self.folder, sink=sink), main))
        lines = MASTER + ("" if "local-mail" in samples else PICKUP)
        lines += "".join(sample(name, ports) for name in samples)
        (self.config / "master.cf").write_text(lines)
        self.settle()
        (self.folder / "queue").mkdir(exist_ok=True)
        (self.folder / "data").mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self.folder / "data", owner.pw_uid, owner.pw_gid)

    def settle(self):
        """Its configuration is an hour old: Postfix's programs wait for one
        that was changed a moment ago, lest it is changed again."""
        for name in ("main.cf", "master.cf"):
            self._age(self.config / name)

    @staticmethod
    def _age(path):
        then = time.time() - 3600
        os.utime(path, (then, then))

    def rewrite(self, name, text):
        """main.cf or master.cf, while Postfix runs: it is there whole and an
        hour old at once. Who reads an empty one that does not look new takes
        the defaults for his settings, and waits in /var/spool/postfix for a
        proxymap that does not run there."""
        new = self.config / "new"
        new.write_text(text)
        self._age(new)
        new.rename(self.config / name)

    def _readable(self):
        """Postfix's own user must reach the queue below a private /tmp."""
        self.folder.chmod(0o755)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def _run(self, *command, stdin=b"", check=True):
        run = subprocess.run(command, input=stdin, timeout=START_MAX,
                             stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, check=False)
        if check and run.returncode != 0:
            raise RuntimeError(f"{command}: {run.returncode}\n"
                               f"{run.stdout.decode()}\n{self.log()}")
        return run.stdout.decode()

    def start(self):
        """Its ports were free a moment ago; a connection of somebody else's
        may have got one meanwhile, and leaves it again."""
        for again in (True, True, False):
            try:
                self._run("postfix", "-c", str(self.config), "start")
                return
            except RuntimeError:
                if not again:
                    raise
                time.sleep(1)

    def _master(self):
        return int((self.folder / "queue/pid/master.pid").read_text())

    def reload(self):
        """What comes next is of the new settings. Two at once, and the master
        may wait for ever for a postlogd that it has to start itself."""
        reloading.tell(self.folder / "queue",
                       lambda master: os.kill(master, signal.SIGHUP))

    def stop(self):
        self._run("postfix", "-c", str(self.config), "stop", check=False)
        try:
            pid = self._master()
        except (OSError, ValueError):
            return
        deadline = time.monotonic() + STOP_MAX
        while self._runs(pid):
            if time.monotonic() > deadline:
                os.killpg(pid, signal.SIGKILL)
                raise RuntimeError("Postfix's master did not end")
            time.sleep(0.05)

    def _runs(self, pid):
        """Whether `pid` is still this directory's master, not a successor."""
        try:
            line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return b"master" in line

    def sendmail(self, message, *recipients, sender="a@example.org"):
        """Local mail, the way cron and web applications hand it in."""
        self._run("sendmail", "-C", str(self.config), "-i", "-f", sender,
                  "--", *recipients, stdin=message)

    def log(self):
        try:
            return (self.folder / "log").read_text(errors="replace")
        except OSError:
            return ""

    def queue(self):
        """What waits in the queue, as postqueue prints it; "" when empty."""
        text = self._run("postqueue", "-c", str(self.config), "-p")
        return "" if "queue is empty" in text else text

    def wait_empty(self, seconds=30):
        deadline = time.monotonic() + seconds
        while self.queue():
            if time.monotonic() > deadline:
                raise RuntimeError(f"mail is left:\n{self.queue()}\n"
                                   f"{self.log()}")
            time.sleep(0.1)


def installed():
    return shutil.which("postfix") is not None
