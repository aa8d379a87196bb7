"""The programs that bench/system.py puts beside signpost in a Postfix's way: each
has the same key, and signs d=example.org with relaxed/relaxed and rsa-sha256.
Milters listen on Unix-domain sockets; there are as many processes or threads as
by default.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import time

import bench

RSPAMD = """
options {{
  filters = "dkim";
  url_tld = "{folder}/suffixes";
  pidfile = "{folder}/rspamd.pid";
  tempdir = "{folder}";
  cache_file = "{folder}/symbols.cache";
  control_socket = "{folder}/control.sock mode=0600";
  disable_monitoring = true;
  dns {{ nameserver = ["127.0.0.1:9"]; timeout = 1s; retransmits = 1; }}
}}
lang_detection {{ languages = "{share}/languages"; }}
logging {{ type = "file"; filename = "{folder}/rspamd.log"; level = "error"; }}
worker "rspamd_proxy" {{
  bind_socket = "{socket} mode=0666";
  milter = yes;
  timeout = 60s;
  count = {cores};
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
worker "normal" {{ enabled = false; }}
worker "controller" {{ enabled = false; }}
modules {{ path = "{share}/plugins/dkim_signing.lua"; }}
dkim {{ }}
dkim_signing {{
  sign_local = true;
  sign_authenticated = true;
  allow_username_mismatch = true;
  use_domain = "header";
  use_esld = false;
  use_redis = false;
  check_pubkey = false;
  domain {{ {domain} {{ selector = "{selector}"; path = "{key}"; }} }}
}}
"""

RSPAMD_LOCAL = {
    "options.inc": """
pidfile = "{folder}/rspamd.pid";
tempdir = "{folder}";
disable_monitoring = true;
dns {{ nameserver = ["{nameserver}:1"]; timeout = 1s; retransmits = 1; }}
""",
    "worker-proxy.inc": """
bind_socket = "{folder}/socket mode=0666";
upstream "local" {{ default = yes; hosts = "localhost:{worker}"; }}
""",
    # It would put off what it finds odd.
    "actions.conf": "greylist = null; add_header = null; reject = null;\n",
    "worker-normal.inc": 'bind_socket = "localhost:{worker}";\n',
    "worker-controller.inc": 'bind_socket = "localhost:{controller}";\n',
    "dkim_signing.conf": """
sign_networks = "127.0.0.0/8";
allow_username_mismatch = true;
domain {{ {domain} {{ selector = "{selector}"; path = "{key}"; }} }}
""",
}

OPENDKIM = """
Mode s
Domain {domain}
Selector {selector}
KeyFile {key}
Canonicalization relaxed/relaxed
Socket local:{socket}
InternalHosts 0.0.0.0/0
Background no
Syslog no
UMask 000
RequireSafeKeys no
UserID {user}
"""

DKIMPROXY = """
listen 127.0.0.1:{port}
relay {relay}
domain {domain}
signature dkim(c=relaxed/relaxed, a=rsa-sha256)
keyfile {key}
selector {selector}
min_servers {cores}
"""


STARTS_MAX = 180    # seconds that rspamd may take


def cpu_time(pid):
    """Seconds of CPU that a process has had, all of its threads together; 0
    of one that has ended."""
    try:
        return time.clock_gettime(~pid << 3 | 2)    # clock_getcpuclockid(3)
    except OSError:
        return 0.0


def family(pid):
    """A process and all below it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{task}/children",
                          encoding="ascii") as f:
                    found += [int(child) for child in f.read().split()]
    return found


def unpacked(package):
    """Where .ci/unpack has put a Debian package."""
    done = subprocess.run([bench.TOP / ".ci/unpack", package], check=True,
                          timeout=600, stdout=subprocess.PIPE, text=True)
    return pathlib.Path(done.stdout.strip())


class Filters:
    """The means of one System: what starts each of them."""

    def __init__(self, system):
        self.system = system
        self.folder = system.folder
        self.names = {"domain": bench.DOMAIN, "selector": bench.SELECTOR,
                      "cores": len(os.sched_getaffinity(0)),
                      "user": bench.WORKER}

    def key(self):
        """The one key, in a copy that everybody may read: it is thrown away
        with the folder."""
        path = self.folder / "filter.pem"
        if not path.exists():
            self.system.make_key(path, "rsa")
            path.chmod(0o644)
        return path

    def run(self, where, command, environment=None, patience=bench.WAIT):
        """Starts it; until it listens there."""
        with open(self.folder / "log", "ab") as out:
            process = subprocess.Popen(
                [str(c) for c in command], stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, env={**os.environ,
                                             **(environment or {})})
        self.system.running.append(process)
        bench.wait_open(where, process, patience)
        time.sleep(0.5)     # all of its processes are there
        return process.pid

    def own(self, name):
        """A folder of its own, in which it may make its socket."""
        folder = self.folder / (name + "-own")
        folder.mkdir()
        shutil.chown(folder, bench.WORKER)
        return folder

    def write(self, folder, name, text, **more):
        path = self.folder / (name + ".conf")
        path.write_text(text.format(folder=folder, key=self.key(),
                                    socket=folder / "socket", **self.names,
                                    **more))
        return path

    # Each milter: where it listens, and its process.

    def noop(self, *options):
        """With "-i" it inserts a field."""
        socket = self.folder / "".join(("noop",) + options)
        return socket, self.run(f"unix:{socket}",
                                [self.system.options.noop, *options, socket])

    def opendkim(self):
        folder = self.own("opendkim")
        socket = folder / "socket"
        return socket, self.run(f"unix:{socket}", [
            "opendkim", "-f", "-x",
            self.write(folder, "opendkim", OPENDKIM)])

    def rspamd_alone(self):
        """With nothing but its DKIM signing."""
        folder = self.own("rspamd-alone")
        # Debian's list takes it half a minute to compile.
        (folder / "suffixes").write_text("com\nnet\norg\nexample\n")
        config = self.write(folder, "rspamd", RSPAMD, share=self.share())
        return self.run_rspamd(folder, config, [])

    def rspamd(self, nameserver):
        """As Debian configures it, with the lines for signing that its
        manual has. What it asks of DNS is answered at once, by nobody."""
        folder = self.own("rspamd")
        (folder / "local.d").mkdir()
        values = dict(self.names, folder=folder, key=self.key(),
                      nameserver=nameserver, worker=bench.free_port(),
                      controller=bench.free_port())
        for name, text in RSPAMD_LOCAL.items():
            (folder / "local.d" / name).write_text(text.format(**values))
        etc = self.share().parents[2] / "etc/rspamd"
        where, pid = self.run_rspamd(folder, etc / "rspamd.conf", [
            f"CONFDIR={etc}", f"LOCAL_CONFDIR={folder}"])
        self.settle(pid)
        return where, pid

    @staticmethod
    def share():
        """It is not installed, for then it would run from now on: it is
        unpacked."""
        return unpacked("rspamd") / "usr/share/rspamd"

    def run_rspamd(self, folder, config, names):
        share, root = self.share(), self.share().parents[2]
        names = names + [
            f"SHAREDIR={share}", f"RULESDIR={share / 'rules'}",
            f"LUALIBDIR={share / 'lualib'}", f"PLUGINSDIR={share / 'plugins'}",
            f"WWWDIR={share / 'www'}"] + [
                f"{name}={folder}" for name in ("DBDIR", "RUNDIR", "LOGDIR")]
        socket = folder / "socket"
        return socket, self.run(f"unix:{socket}", [
            root / "usr/bin/rspamd", "-f", "-c", config, "-u", bench.WORKER,
            "-g", "nogroup"] + [f"--var={name}" for name in names], dict(
                [name.split("=", 1) for name in names],
                LD_LIBRARY_PATH=str(root / "libraries")), STARTS_MAX)

    @staticmethod
    def settle(pid):
        """Until it has compiled its expressions and rests."""
        end = time.monotonic() + STARTS_MAX
        while time.monotonic() < end:
            before = sum(map(cpu_time, family(pid)))
            time.sleep(2)
            if sum(map(cpu_time, family(pid))) - before < 0.1:
                return
        raise RuntimeError("rspamd does not come to rest")

    def dkimproxy(self, port, relay):
        """Its process. No Debian package has it: SIGNPOST_DKIMPROXY names its
        source, as for run/migrate-dkimproxy (t/README)."""
        source = pathlib.Path(os.environ["SIGNPOST_DKIMPROXY"])
        config = self.write(self.folder, "dkimproxy", DKIMPROXY, port=port,
                            relay=relay)
        libraries = [source / "lib"]
        if subprocess.run(["perl", "-MNet::Server", "-e", "1"], check=False,
                          stderr=subprocess.DEVNULL).returncode:
            libraries.append(unpacked("libnet-server-perl") /
                             "usr/share/perl5")
        return self.run(f"127.0.0.1:{port}", [
            "perl"] + [f"-I{path}" for path in libraries] +
            [source / "scripts/dkimproxy.out", f"--conf_file={config}"])
