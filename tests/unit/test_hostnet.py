"""What the kernel's tables say of routes and connections."""

from pathlib import Path

import pytest

from devpush.adapters.hostnet import open_connections, routed_subnets

ROUTE = """Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
br-1	0000D30A	00000000	0001	0	0	0	C0FFFFFF	0	0	0
eth0	0302A8C0	00000000	0005	0	0	0	FFFFFFFF	0	0	0
"""
TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100D30A:C350 0500D30A:1F40 01 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0100D30A:C351 0500D30A:1F40 06 00000000:00000000 00:00000000 00000000     0        0 3 1
   3: 0100D30A:C352 0500D30A:1F41 01 00000000:00000000 00:00000000 00000000     0        0 4 1
"""
TCP6 = """  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 0000000000000000FFFF00000100D30A:C353 0000000000000000FFFF00000500D30A:1F40 01 00000000:00000000
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for name, text in (("route", ROUTE), ("tcp", TCP), ("tcp6", TCP6)):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_every_route_but_the_default_takes_a_subnet(proc: Path) -> None:
    assert routed_subnets(proc) == ["10.211.0.0/26", "192.168.2.3/32"]


def test_established_connections_are_counted(proc: Path) -> None:
    assert open_connections("10.211.0.5", 8000, proc) == 2
    assert open_connections("10.211.0.6", 8000, proc) == 0
    (proc / "tcp6").unlink()
    assert open_connections("10.211.0.5", 8000, proc) == 1


def test_what_cannot_be_seen_from_here_is_not_guessed(proc: Path) -> None:
    assert open_connections("10.211.1.5", 8000, proc) is None, "on a network we don't stand on"
    (proc / "tcp").unlink()
    assert open_connections("10.211.0.5", 8000, proc) is None
    (proc / "route").unlink()
    assert routed_subnets(proc) == []
