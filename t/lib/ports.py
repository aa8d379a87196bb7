"""Ports for the tests' servers, from where the system takes none itself.

A port that the kernel picked (bind to 0) is one it will give to the next
outgoing connection too: between "it is free" and "it is bound" another test
gets it as the source of a connection, and keeps it in TIME_WAIT. So ports
come from below the kernel's own range, by chance; and each is one process's
until that ends, be it bound yet or not: a socket named for it says so.
"""
import random
import socket

LOWEST = 10000
TRIED = 200

_claims = []


def _below_the_kernels():
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        low, high = (int(word) for word in f.read().split())
    if low - LOWEST >= 5000:
        return range(LOWEST, low)
    return range(high + 1, 65536) if 65536 - high > 5000 else range(
        LOWEST, 65536)


def _claim(port):
    """Is it ours? No other process of this kind gets it then."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind("\0signpost-t-port-%d" % port)
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def bind_both(host="127.0.0.1"):
    """(udp, tcp): two sockets bound to one port, which getsockname() tells."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ports = _below_the_kernels()
    for _ in range(TRIED):
        port = random.choice(ports)
        if not _claim(port):
            continue
        udp = socket.socket(family, socket.SOCK_DGRAM)
        tcp = socket.socket(family, socket.SOCK_STREAM)
        try:
            udp.bind((host, port))
            tcp.bind((host, port))
        except OSError:
            udp.close()
            tcp.close()
            continue
        return udp, tcp
    raise RuntimeError("no free port of %s in %d tries" % (host, TRIED))


def free_port(host="127.0.0.1"):
    """A port that neither UDP nor TCP uses, for a server to be started."""
    udp, tcp = bind_both(host)
    with udp, tcp:
        return tcp.getsockname()[1]
