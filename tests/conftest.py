"""What every test gets: a clean environment and no way off this machine."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.contract.servers import Nodes, Process, Watched, cluster, running, watched

settings.register_profile(
    "suite",
    deadline=None,  # timing never decides a test
    max_examples=60,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# The same examples at every run: a gate must not fail a change for a bug that it did not bring.
settings.register_profile("ci", settings.get_profile("suite"), derandomize=True, database=None)
settings.register_profile("deep", settings.get_profile("suite"), max_examples=2_000)
settings.load_profile(os.environ.get("MEMSVC_TEST_PROFILE", "ci" if os.environ.get("CI") else "suite"))

# No setting of the machine that runs the tests may reach them, nor the processes they start.
for _name in [n for n in os.environ if n.startswith("MEMSVC_") and not n.startswith("MEMSVC_TEST_")]:
    del os.environ[_name]
# Dozens of processes of the service are started: that each compiles all of it again would be half of their time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Hundreds of clients are made and none leaves this machine: none needs to read its certificates.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = os.path.dirname(__file__)


def _is_near(host: object) -> bool:
    text = host.decode() if isinstance(host, bytes) else host
    if text in (None, "", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(str(text).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_other_machines(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: a connection, datagram or name look-up that would leave this machine is a failing test."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):  # else a Unix socket
        host = arguments[1][0]
    else:
        return
    if not _is_near(host):
        raise AssertionError(f"a test tried to reach {host} ({event}); tests use this machine alone")


sys.addaudithook(_refuse_other_machines)


# Servers: one of each kind for all tests, started when first asked for; a namespace for each test.

_numbers = count()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running(tmp_path_factory.mktemp("valkey"), "--appendonly", "yes") as server:
        yield server


@pytest.fixture(scope="session")
def valkey_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with cluster(tmp_path_factory.mktemp("cluster"), "--appendonly", "yes") as nodes:
        yield nodes


@pytest.fixture(scope="session")
def valkey_watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("watched"), "--appendonly", "yes") as nodes:
        yield nodes


@pytest.fixture
def prefix() -> str:
    """A namespace that no other test has."""
    return f"test{next(_numbers)}"
