"""What the parent of several servers does when something is in the way."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from memsvc.server.processes import CannotBind, Plan, reserve, run
from tests.processes.running import until

SERVING = "import sys; print('ready', flush=True); sys.stdin.read()"
MUTE_AFTER_ONE = (
    "import os, sys, time; first = not os.path.exists(sys.argv[1]); open(sys.argv[1], 'a').close()\n"
    "if first: print('ready', flush=True); sys.exit(3)\n"
    "time.sleep(600)"
)


def plan(*command: str, number: int = 1) -> Plan:
    return Plan((sys.executable, "-c", *command), {}, number, "127.0.0.1", 0, grace_s=0.5)


def test_a_port_that_another_group_of_servers_shares_is_taken() -> None:
    with reserve("127.0.0.1", 0) as held, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(held.getsockname())
        other.listen()
        with pytest.raises(CannotBind):
            reserve("127.0.0.1", held.getsockname()[1])


def test_connections_of_a_service_that_has_ended_hold_no_port() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as a single process binds
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # whoever closes first waits a minute
            assert client.recv(1) == b""
    with reserve("127.0.0.1", port) as held:
        assert held.getsockname()[1] == port


async def test_a_stop_is_obeyed_while_processes_come_up() -> None:
    stopped, told = asyncio.Event(), list[int]()
    running = asyncio.create_task(run(plan("import time; time.sleep(600)"), stopped, told.append))
    await asyncio.sleep(0)
    stopped.set()
    async with asyncio.timeout(20.0):
        assert await running == 0
    assert told == []


async def test_a_stop_is_obeyed_while_one_is_started_again(tmp_path: object) -> None:
    stopped, told = asyncio.Event(), list[int]()
    mark = f"{tmp_path}/was"
    running = asyncio.create_task(run(plan(MUTE_AFTER_ONE, mark), stopped, told.append))
    await until(lambda: told)
    stopped.set()
    async with asyncio.timeout(20.0):
        assert await running == 0
