"""What this host's kernel tells about its routes and TCP connections. Reads /proc: call it in a thread."""

import ipaddress
import socket
import struct
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc/net")
ESTABLISHED = "01"


def routed_subnets(proc: Path = PROC) -> list[str]:
    """Every IPv4 subnet with a route of its own; the default route is none."""
    try:
        rows = _rows(proc / "route")
    except OSError:
        return []  # not Linux, or not ours to read: the engine's own networks remain
    subnets = {ipaddress.IPv4Network(f"{_address(row[1])}/{_address(row[7])}") for row in rows}
    return sorted(str(subnet) for subnet in subnets if subnet.prefixlen)


def open_connections(address: str, port: int, proc: Path = PROC) -> int | None:
    """How many connections to there are established; None if we stand on another network and can't know."""
    if not any(ipaddress.IPv4Address(address) in ipaddress.IPv4Network(s) for s in routed_subnets(proc)):
        return None
    try:
        rows = _rows(proc / "tcp")
    except OSError:
        return None
    with suppress(OSError):  # a kernel without IPv6
        rows += _rows(proc / "tcp6")
    [raw] = struct.unpack("=I", socket.inet_aton(address))
    remotes = {f"{raw:08X}:{port:04X}", f"0000000000000000FFFF0000{raw:08X}:{port:04X}"}
    return sum(row[3] == ESTABLISHED and row[2] in remotes for row in rows)


def _rows(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()[1:]]


def _address(raw: str) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(struct.pack("=I", int(raw, 16)))
