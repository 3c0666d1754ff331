"""Due compactions: at most one a session; a claim pushes its due time into the future."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from memsvc.core.figures import Queued, Waiting
from memsvc.core.model import Backlog, Job, Key
from memsvc.stores import rules
from memsvc.stores.redis import codec
from memsvc.stores.redis.keys import SHARDS, Keys
from memsvc.stores.redis.link import Command
from memsvc.stores.redis.server import Server

MOST_LOOKED = 2_000
"""Jobs of the queue that are looked at for its figures."""
ROUNDS = 8
"""Most looks for a job while others take what was found."""
_pack = msgspec.msgpack.Encoder().encode


class Jobs:
    """The queue: a due time in each shard for each session that has a job."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys
        self._due = [f"{keys.base(shard)}due" for shard in range(SHARDS)]
        self._claimed = [f"{keys.base(shard)}claimed" for shard in range(SHARDS)]

    async def enqueue(self, key: Key, due_at: float) -> None:
        """Ask for a compaction; an earlier request stands. Raises NotFound."""
        place = self._keys.place(key)
        names = [*place.of("h"), place.shared("due")]
        if not await self._server.write(place.shard, "enqueue", names, place.name, repr(due_at)):
            raise rules.no_session(key)

    async def claim(self, now: float, lease_s: float) -> Job | None:
        """Take the job that is due the longest. An idle look writes nothing."""
        for _ in range(ROUNDS):
            found = await self._longest_due(now, lease_s)
            if found is None:
                return None
            _, shard, name = found
            names = [f"{self._keys.base(shard)}h:{name}", self._due[shard], self._claimed[shard]]
            raw = await self._server.write(shard, "claim", names, name, *_times(now, lease_s))
            if raw is not None:
                return _job(raw)
        return None  # others are faster: there is nothing left to do here

    async def take(self, key: Key, now: float, lease_s: float) -> Job | None:
        """Take the job of one session, due or not; None while another holds it. Raises NotFound."""
        place = self._keys.place(key)
        names = [*place.of("h"), place.shared("due"), place.shared("claimed")]
        raw = await self._server.write(place.shard, "take", names, place.name, *_times(now, lease_s))
        if raw is None:
            raise rules.no_session(key)
        return _job(raw) if isinstance(raw, bytes) else None

    async def _longest_due(self, now: float, lease_s: float) -> tuple[float, int, str] | None:
        """(due time, shard, name) of a job that is due, or was claimed by a clock that was set back."""
        looks = [(n, ("ZRANGE", self._due[n], 0, 0, "WITHSCORES")) for n in range(SHARDS)]
        looks += [(n, ("ZREVRANGE", self._claimed[n], 0, 0, "WITHSCORES")) for n in range(SHARDS)]
        answers = await self._server.spread(looks)
        found = []
        for shard in range(SHARDS):
            for name, at in answers[shard]:
                if at <= now:
                    found.append((at, shard, name.decode()))
            for name, at in answers[SHARDS + shard]:
                if at > now + lease_s:
                    found.append((at + lease_s, shard, name.decode()))
        return min(found, default=None)

    async def finish(self, job: Job, ended: dict[str, Any]) -> bool:
        """End or reschedule a claimed job; False if its lease was lost."""
        if ended["reason"] in ("below_threshold", "lost_race"):
            ended["reason"] = None  # says nothing of the last compaction
        return await self._held(job, "finish", ended)

    async def extend(self, job: Job, now: float, lease_s: float) -> bool:
        """Let a claimed job become due later; False if its lease was lost."""
        return await self._held(job, "extend", {"later": now + lease_s, "now": now})

    async def next_due(self) -> float | None:
        """When the earliest job is due; None = none."""
        answers = await self._server.spread([(n, ("ZRANGE", self._due[n], 0, 0, "WITHSCORES")) for n in range(SHARDS)])
        return min((float(at) for found in answers for _, at in found), default=None)

    async def queued(self, tenant: str | None, now: float, limit: int) -> Queued:
        """The queue, or a tenant's part of it, as far as its first `MOST_LOOKED` jobs tell."""
        looks: list[tuple[int, Command]] = [
            (n, ("ZRANGE", self._due[n], 0, MOST_LOOKED - 1, "WITHSCORES")) for n in range(SHARDS)
        ]
        looks += [(n, ("ZRANGE", self._claimed[n], 0, -1)) for n in range(SHARDS)]
        answers = await self._server.spread(looks)
        claimed = {(n, name) for n in range(SHARDS) for name in answers[SHARDS + n]}
        found = sorted((float(at), n, name) for n in range(SHARDS) for name, at in answers[n])[:MOST_LOOKED]
        shown = found if tenant is not None else found[:limit]
        asked = [(n, ("GET", f"{self._keys.base(n)}h:{name.decode()}")) for _, n, name in shown]
        headers = [None if raw is None else codec.header_of(raw) for raw in await self._server.spread(asked)]
        if tenant is not None:
            theirs = [one for one, header in zip(shown, headers, strict=True) if header and header["tenant"] == tenant]
            headers = [header for header in headers if header and header["tenant"] == tenant]
            found = theirs
        running = sum((n, name) in claimed and at > now for at, n, name in found)
        late = [at for at, _, _ in found if at <= now]
        jobs = tuple(_waiting(header) for header in headers[:limit] if header is not None)
        return Queued(len(found) - running, len(late), running, min(late, default=None), jobs)

    async def backlog(self, now: float) -> Backlog:
        """How much waits. A job whose lease has run out is due."""
        looks: list[tuple[int, tuple[Any, ...]]] = [(n, ("ZCARD", self._due[n])) for n in range(SHARDS)]
        looks += [(n, ("ZCOUNT", self._due[n], "-inf", repr(now))) for n in range(SHARDS)]
        answers = [int(found) for found in await self._server.spread(looks)]
        jobs, due = sum(answers[:SHARDS]), sum(answers[SHARDS:])
        oldest = await self.next_due() if due else None
        return Backlog(due, jobs, max(0.0, now - oldest) if oldest is not None else 0.0)

    async def _held(self, job: Job, script: str, told: dict[str, Any]) -> bool:
        place = self._keys.place(job.key)
        names = [*place.of("h"), place.shared("due"), place.shared("claimed")]
        packed = _pack({"lease": job.lease, "attempts": job.attempts, **told})
        return bool(await self._server.write(place.shard, script, names, place.name, packed))


def _times(now: float, lease_s: float) -> tuple[str, ...]:
    lease = now + lease_s
    return tuple(map(repr, (now, lease_s, lease, math.nextafter(lease, math.inf))))


def _waiting(header: codec.Header) -> Waiting:
    key = Key(header["tenant"], header["sid"])
    due = float(header["job_due"] or 0.0)
    error = header["last_reason"] if header["state"] in ("backoff", "failed") else None
    return Waiting(key, header["state"], due, header["job_attempts"], error or None)


def _job(raw: bytes) -> Job:
    header = codec.header_of(raw)
    key = Key(header["tenant"], header["sid"])
    return Job(key, float(header["job_lease"]), header["job_attempts"], header["job_note"])
