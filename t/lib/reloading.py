"""Postfix told of new settings, until they hold.

The master tells its children to end and does not wait for it: one that is idle
may still take the next connection, by the old settings, or a word that new mail
is there, and end with it.
"""
import os
import pathlib
import time

MAX = 120


def _children(master):
    with open(f"/proc/{master}/task/{master}/children") as children:
        return set(children.read().split())


def _idle(pids):
    """Those without a connection, who take the next that comes."""
    with open("/proc/net/tcp") as table:
        connected = {f"socket:[{line.split()[9]}]" for line in table
                     if line.split()[3] == "01"}
    idle = []
    for pid in pids:
        try:
            fds = {os.readlink(fd) for fd in
                   pathlib.Path(f"/proc/{pid}/fd").iterdir()}
        except OSError:  # it ends
            fds = set()
        if not connected & fds:
            idle.append(pid)
    return idle


def tell(queue, hangup):
    """Of the Postfix with that queue; hangup(pid of its master) has it read
    its settings. Whoever ran by the old ones has ended when this does, or
    serves somebody and ends with that."""
    master = int(pathlib.Path(queue, "pid/master.pid").read_text())
    old = _children(master)
    hangup(master)
    deadline = time.monotonic() + MAX
    while left := _idle(old & _children(master)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{left} of Postfix's did not end")
        time.sleep(0.01)


def replace(path, text):
    """A file that somebody may read just now: it is the old one or the new."""
    new = pathlib.Path(f"{path}.new")
    new.write_bytes(text if isinstance(text, bytes) else text.encode())
    new.chmod(path.stat().st_mode & 0o777)
    new.rename(path)
