"""The two engines under measurement, each in a folder that goes away: what they hold in memory and on disk."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal, Protocol

from benchmarks.soaking.stores import Server

STEP_S = 0.05
WRITTEN_S = 600.0
LAZY_S = 0.3
"""A server counts memory that it gave back a moment later."""


class Engine(Protocol):
    """A store that grows.

    Attributes:
        other: the URL of another store of its kind, empty.
        pid: of its own process; None = it has none.
    """

    name: str
    url: str
    other: str
    pid: int | None

    def start(self) -> None:
        """Make it ready."""

    def stop(self) -> None:
        """End it."""

    def fills(self) -> None:
        """What comes now is put in from here, not measured."""

    def rests(self) -> None:
        """Write to disk what a store that is left alone has there; called while no service uses it."""

    def disk(self) -> int:
        """Bytes of its files."""
        ...

    def memory(self) -> int | None:
        """Bytes that it holds in memory; None where that does not grow with what it stores."""
        ...


class Sqlite:
    """One file, and the log beside it while somebody has it open."""

    name = "SQLite"
    pid = None

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "growth.db"
        self.url = f"sqlite:///{self._file}"
        self.other = f"sqlite:///{folder / 'other.db'}"

    def start(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to do."""

    def fills(self) -> None:
        """As ever."""

    def rests(self) -> None:
        """Whoever closed it last has done it."""

    def disk(self) -> int:
        """The file and its log."""
        return sum(p.stat().st_size for p in self._file.parent.glob("growth.db*") if not p.name.endswith("-shm"))

    def memory(self) -> None:
        """Its caches are the service's and have a bound."""


class Valkey:
    """A server whose append-only file is written while it is measured, and not while it is filled."""

    name = "Valkey"

    def __init__(self, folder: Path) -> None:
        options = ("--appendonly", "no", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0")
        self._server = Server(folder / "valkey", *options)
        self._logs = folder / "valkey" / "appendonlydir"
        # A machine that is busy with filling answers late: no reason to give up.
        address, patience = f"redis://127.0.0.1:{self._server.port}", "?timeout_s=60&connect_s=60"
        self.url, self.other = f"{address}{patience}", f"{address}/1{patience}"
        self.pid: int | None = None

    def start(self) -> None:
        """Start it."""
        self._server.start()
        self.pid = self._server.pid

    def stop(self) -> None:
        """End it."""
        self._server.kill()

    def rests(self) -> None:
        """A new base of the append-only file, and nothing after it."""
        self._server.tell("CONFIG", "SET", "appendonly", "no")
        self._server.tell("CONFIG", "SET", "appendonly", "yes")
        end = time.monotonic() + WRITTEN_S
        while "aof_rewrite_in_progress:1" in (told := self.info("persistence")) or "aof_enabled:0" in told:
            if time.monotonic() > end:
                raise TimeoutError("the append-only file is not written")
            time.sleep(STEP_S)

    def disk(self) -> int:
        """Base and increments."""
        return sum(path.stat().st_size for path in self._logs.glob("*") if path.is_file())

    def memory(self) -> int:
        """`used_memory`: what was asked of the allocator; the process has a little more."""
        time.sleep(LAZY_S)
        lines = self.info("memory").splitlines()
        return int(next(line for line in lines if line.startswith("used_memory:")).partition(":")[2])

    @property
    def version(self) -> str:
        """Its name and number."""
        told = [line.partition(":") for line in self.info("server").splitlines()]
        found = {name: value for name, _, value in told}
        return f"Valkey {found['valkey_version']}" if "valkey_version" in found else f"Redis {found['redis_version']}"

    def fills(self) -> None:
        """From here on nothing goes to disk."""
        self._server.tell("CONFIG", "SET", "appendonly", "no")

    def info(self, section: str) -> str:
        """What it tells of itself."""
        return self._server.tell("INFO", section)


def engine(name: Literal["sqlite", "valkey"], folder: Path) -> Sqlite | Valkey:
    """By name, not started."""
    return Sqlite(folder) if name == "sqlite" else Valkey(folder)
