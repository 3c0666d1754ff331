"""How much of everything so many sessions need, on paper. Pure arithmetic over measured constants."""

from __future__ import annotations

import binascii
import math
from dataclasses import dataclass

from benchmarks.growing.constants import Constants

DAY_S = 86_400
BYTES_PER_TOKEN = 4
TAGS, SLOTS = 64, 16_384
"""Hash tags over which a Redis store spreads its sessions, and slots of a cluster."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be carried.

    Attributes:
        sessions: kept at once.
        messages, size: of a session; bytes of JSON of a message.
        active: share of the sessions that somebody talks in on a day.
        turns: of such a session on that day: two appends and a fetch each, the first fetch by a process that does not
            hold the session.
        peak: times the mean of a day.
        keyed: appends come with an `Idempotency-Key`, as the Python client sends it.
    """

    sessions: float = 1e6
    messages: float = 40
    size: float = 600
    active: float = 0.05
    turns: float = 10
    peak: float = 3
    keyed: bool = True

    @property
    def turns_s(self) -> float:
        """Turns a second at the peak."""
        return self.sessions * self.active * self.turns * self.peak / DAY_S


@dataclass(frozen=True, slots=True)
class Rules:
    """How full things may be, and how large machines are: choices, not measurements.

    Attributes:
        node_bytes: memory of a machine for Valkey.
        filled: share of it that may hold data: the rest is for the copy that is written (`BGREWRITEAOF`), buffers,
            growth.
        busy: share of a core that is planned with.
        disk_bytes: of a machine with SQLite.
        threshold, kept: tokens at which a session is compacted, and what is left of it then.
    """

    node_bytes: float = 64e9
    filled: float = 0.6
    busy: float = 0.5
    disk_bytes: float = 1e12
    threshold: float = 32_000
    kept: float = 10_000


@dataclass(frozen=True, slots=True)
class Need:
    """What that takes.

    Attributes:
        service_cores, engine_cores: busy at the peak, compactions among the first.
        processes: `memsvc serve`, a core each, two at least.
        memory: bytes in Valkey; None for SQLite.
        primaries: of a cluster, each with whole tags; 1 = a single server.
        stores: clusters of their own, where a single tag is too large for a machine.
        fits: one file of SQLite on one machine: room and writer; None for Valkey.
    """

    turns_s: float
    service_cores: float
    engine_cores: float
    processes: int
    memory: float | None
    disk: float
    primaries: int
    stores: int
    fits: bool | None


def need(load: Load, found: Constants, rules: Rules) -> Need:
    """On the engine that the constants are of."""
    service = load.turns_s * _turn(load, found, "service") / 1e6 + compactions_s(load, rules) * found.compaction_s
    engine = load.turns_s * _turn(load, found, "engine") / 1e6
    disk = found.disk.bytes(load.sessions, load.messages, load.size, keyed=load.keyed)
    processes = max(2, math.ceil(service / rules.busy))
    if found.memory is None:
        fits = disk <= rules.disk_bytes * rules.filled and 2 * load.turns_s <= found.appends_s * rules.busy
        return Need(load.turns_s, service, engine, processes, None, disk, 1, 1, fits)
    memory = found.memory.bytes(load.sessions, load.messages, load.size, keyed=load.keyed)
    primaries, stores = sharded(memory, engine, rules)
    return Need(load.turns_s, service, engine, processes, memory, disk, primaries, stores, None)


def _turn(load: Load, found: Constants, whose: str) -> float:
    """µs of a turn: two appends and a fetch; the first fetch of the day reads the whole tail."""
    append, first, following = (getattr(cost, whose) for cost in (found.append, found.first, found.following))
    return float(2 * append + (first + (load.turns - 1) * following) / load.turns)


def compactions_s(load: Load, rules: Rules) -> float:
    """Compactions a second at the peak. A session that stays below the threshold has none."""
    tokens = load.size / BYTES_PER_TOKEN
    if load.messages * tokens <= rules.threshold:
        return 0.0
    return load.turns_s * 2 * tokens / (rules.threshold - rules.kept)


def sharded(memory: float, engine_cores: float, rules: Rules) -> tuple[int, int]:
    """(primaries of a cluster, clusters). A tag is never parted, so that a machine holds whole ones; tags are dealt
    out evenly by hand."""
    usable = rules.node_bytes * rules.filled
    if memory <= usable and engine_cores <= rules.busy:
        return 1, 1
    stores = max(1, math.ceil(memory / TAGS / usable), math.ceil(engine_cores / rules.busy / TAGS))
    by_memory = max(1, math.floor(usable / (memory / stores / TAGS)))
    by_cpu = max(1, math.floor(TAGS * rules.busy / (engine_cores / stores))) if engine_cores else TAGS
    return max(3, math.ceil(TAGS / min(TAGS, by_memory, by_cpu))), stores


def worst_share(primaries: int) -> float:
    """Share of all sessions on the fullest primary of a cluster whose slots were dealt out in equal ranges, as its
    tools do it."""
    slots = [binascii.crc_hqx(b"m%d" % n, 0) % SLOTS for n in range(TAGS)]
    counts = [0] * primaries
    for slot in slots:
        counts[slot * primaries // SLOTS] += 1
    return max(counts) / TAGS
