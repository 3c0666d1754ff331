"""Calls: a script or a few commands to the server that has a shard, wherever that is now.

What was not done is tried again elsewhere (a slot that has moved, a primary that is one no more). What may
have been done never is: its caller gets Unavailable, and knows whether a repetition is safe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from memsvc.errors import Unavailable
from memsvc.stores.redis.failures import unavailable
from memsvc.stores.redis.keys import SHARDS, Keys
from memsvc.stores.redis.link import Command, Link, Lost
from memsvc.stores.redis.scripts import Script, load_scripts
from memsvc.stores.redis.topology import Topology

T = TypeVar("T")
TRIES = 8
"""Most trips for one call while servers change their places."""
PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Waiting:
    """Replicas that must have a write before it is acknowledged.

    Attributes:
        replicas: how many; 0 = none is waited for.
        ms: for how long.
    """

    replicas: int = 0
    ms: int = 1000


class Server:
    """Sends what stores ask for, and translates what goes wrong."""

    def __init__(self, topology: Topology, keys: Keys, waiting: Waiting) -> None:
        self._topology = topology
        self._waiting = waiting
        self._scripts = load_scripts()
        self._touch = [f"{keys.base(shard)}touch" for shard in range(SHARDS)]
        self._open = False

    async def open(self) -> None:
        """Find the servers. Raises Unavailable."""
        try:
            await self._topology.open()
        except Lost as lost:
            await self._topology.close()
            raise unavailable(lost.error) from lost.error
        self._open = True

    async def close(self) -> None:
        """Let go; from then on every call is Unavailable."""
        self._open = False
        await self._topology.close()

    async def read(self, shard: int, script: str, keys: Sequence[str], *args: Any, large: bool = False) -> Any:
        """A script that changes nothing: done once more where its answer was lost. `large`: its answer may be, and so
        it shares no trip with others, who would wait for it."""
        found = self._scripts[script]
        try:
            return await self._script(shard, found, keys, args, alone=large)
        except Lost:
            return await self._settled(self._script(shard, found, keys, args, alone=large))

    async def write(self, shard: int, script: str, keys: Sequence[str], *args: Any) -> Any:
        """A script that writes. When its answer is lost it may have been done: Unavailable."""
        found = self._scripts[script]
        return await self._settled(self._script(shard, found, keys, args, wait=True, alone=False))

    async def commands(self, shard: int, *commands: Command) -> list[Any]:
        """Plain commands on one shard, over one connection."""
        return await self._settled(self._run(shard, commands))

    async def ask(self, shard: int, command: Command) -> Any:
        """A plain command that only reads; a refusal is the answer."""
        try:
            return (await self._topology.link(shard).run([command]))[0]
        except Lost as lost:
            raise unavailable(lost.error) from lost.error

    async def spread(self, asked: Sequence[tuple[int, Command]]) -> list[Any]:
        """Plain commands that only read, on any shards: one trip to each server."""
        try:
            return await self._spread(asked)
        except Lost:
            await self._topology.look()
            return await self._settled(self._spread(asked))

    def servers(self) -> list[int]:
        """One shard of each server."""
        links: dict[Link, int] = {}
        for shard in range(SHARDS):
            links.setdefault(self._topology.link(shard), shard)
        return list(links.values())

    # --- how ---------------------------------------------------------------------

    async def _settled(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except Lost as lost:
            raise unavailable(lost.error) from lost.error

    async def _script(
        self, shard: int, script: Script, keys: Sequence[str], args: Sequence[Any], *, wait: bool = False, alone: bool
    ) -> Any:
        waiting = wait and self._waiting.replicas > 0
        alone = alone or waiting
        tail = self._wait_commands(shard) if waiting else ()
        try:
            answers = await self._run(shard, (("EVALSHA", script.sha, len(keys), *keys, *args), *tail), alone=alone)
        except NotKnown:
            answers = await self._run(shard, (("EVAL", script.text, len(keys), *keys, *args), *tail), alone=alone)
        if waiting and answers[-1] < self._waiting.replicas:
            raise Unavailable(
                f"the write was stored, but {answers[-1]} of {self._waiting.replicas} replicas have it after "
                f"{self._waiting.ms} ms (redis_wait_replicas); repeat it with the same Idempotency-Key or ids",
                retry_after=1,
            )
        return answers[0]

    def _wait_commands(self, shard: int) -> tuple[Command, ...]:
        # WAIT looks at what this connection wrote: a write of its own, so that it also covers what a
        # repeated call finds done already by an earlier one.
        return ("SET", self._touch[shard], ""), ("WAIT", self._waiting.replicas, self._waiting.ms)

    async def _run(self, shard: int, commands: Sequence[Command], *, alone: bool = False) -> list[Any]:
        """The answers of the server that has the shard. Raises Lost, NotKnown or Unavailable."""
        if not self._open:
            raise Unavailable("the store is not open", retry_after=1)
        ask: AskError | None = None
        for tried in range(TRIES):
            try:
                if ask is None:
                    answers = await self._topology.link(shard).run(commands, alone=alone)
                else:
                    node = (ask.host, ask.port)
                    led = [one for command in commands for one in (("ASKING",), command)]
                    answers = (await self._topology.at(node).run(led))[1::2]
            except Lost:
                await self._topology.look()
                raise
            for answer in answers[1:]:
                if isinstance(answer, RedisError) and not isinstance(answers[0], RedisError):
                    # What stands before it was done, or was found done already by a server that is a replica now.
                    await self._topology.look()
                    raise unavailable(answer) from answer
            refused = answers[0]
            if not isinstance(refused, RedisError):
                return answers
            ask = refused if type(refused) is AskError else None
            await self._turned_away(refused, tried)
        raise Lost(refused)

    async def _turned_away(self, refused: RedisError, tried: int) -> None:
        """See to an answer that says that nothing was done. Raises what does not get better by trying again."""
        if isinstance(refused, NoScriptError):
            raise NotKnown
        if type(refused) is AskError:
            return
        if isinstance(refused, MovedError):
            await self._topology.look(refused)
            return
        if isinstance(refused, TryAgainError):
            await asyncio.sleep(PAUSE_S * (tried + 1))
            return
        if isinstance(refused, (ReadOnlyError, ClusterDownError)):
            await self._topology.look()
            if tried == 0:
                return
        if isinstance(refused, ResponseError):
            raise unavailable(refused) from refused
        raise Lost(refused)

    async def _spread(self, asked: Sequence[tuple[int, Command]]) -> list[Any]:
        if not self._open:
            raise Unavailable("the store is not open", retry_after=1)
        groups: dict[Link, list[int]] = {}
        for number, (shard, _) in enumerate(asked):
            groups.setdefault(self._topology.link(shard), []).append(number)
        answers: list[Any] = [None] * len(asked)

        async def group(link: Link, numbers: list[int]) -> None:
            try:
                found = await link.run([asked[n][1] for n in numbers])
            except Lost:
                await self._topology.look()
                raise
            for n, answer in zip(numbers, found, strict=True):
                answers[n] = answer

        await asyncio.gather(*(group(link, numbers) for link, numbers in groups.items()))
        for number, answer in enumerate(answers):
            if isinstance(answer, RedisError):  # on its own it is led to where it belongs
                (answers[number],) = await self._run(asked[number][0], (asked[number][1],))
        return answers


class NotKnown(Exception):
    """The server has never seen the script, or has forgotten it: it was not done."""
