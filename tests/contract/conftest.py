"""Servers of the contract's stores: one of each kind for all tests, a namespace of its own for each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.contract.servers import Nodes, Process, cluster, running

_numbers = count()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running(tmp_path_factory.mktemp("valkey"), "--appendonly", "yes") as server:
        yield server


@pytest.fixture(scope="session")
def valkey_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with cluster(tmp_path_factory.mktemp("cluster"), "--appendonly", "yes") as nodes:
        yield nodes


@pytest.fixture
def prefix() -> str:
    """A namespace that no other test has."""
    return f"test{next(_numbers)}"
