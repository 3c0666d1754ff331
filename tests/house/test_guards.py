"""What conftest promises to every test."""

from __future__ import annotations

import os
import socket

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.test"])
def test_no_test_leaves_the_machine(host: str) -> None:
    with pytest.raises(AssertionError, match="this machine alone"):
        socket.create_connection((host, 9), timeout=1)


def test_no_datagram_leaves_the_machine() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(AssertionError, match="this machine alone"):
        sock.sendto(b"x", ("192.0.2.1", 9))


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, server.getsockname()[1]), timeout=5).close()


def test_no_setting_comes_from_outside() -> None:
    assert not [n for n in os.environ if n.startswith("MEMSVC_") and not n.startswith("MEMSVC_TEST_")]
