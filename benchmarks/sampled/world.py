"""The real service over the store that is filled, with a clock set by hand and the stand-in provider behind it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from memsvc.app import App, Pace
from memsvc.config import Config
from memsvc.core.model import Format, Key
from memsvc.service import Memory
from memsvc.service.requests import AppendRequest, ContextRequest, PutRequest
from memsvc.testing.provider import Answer, Ask, Fault, Provider
from memsvc.testing.provider.behaviours import Choice
from memsvc.testing.provider.replies import headings_asked_for

Json = dict[str, Any]


@dataclass
class Clock:
    """Unix seconds that pass when told to, never back."""

    now: float

    def __call__(self) -> float:
        return self.now

    def reach(self, at: float) -> None:
        """It is `at`, unless it is later already."""
        self.now = max(self.now, at)

    async def wait(self, seconds: float) -> None:
        """Wait so long by it, which takes no time."""
        self.now += seconds


@dataclass
class World:
    """The service, and short ways to use it.

    Attributes:
        down: the provider fails every call.
        says: what the provider answers instead of its own summary; None = its own.
        calls: numbers model calls, for their ids.
    """

    app: App
    clock: Clock
    down: bool = False
    says: str | None = None
    calls: int = 0

    @property
    def memory(self) -> Memory:
        """What the faces call."""
        return self.app.memory

    async def put(self, key: Key, **members: Any) -> Json:
        """Create a session or change its settings."""
        fields = {name: json.dumps(value).encode() for name, value in members.items() if value is not None}
        return await self.memory.put(key, PutRequest(fields))

    async def append(self, key: Key, messages: Sequence[bytes], format: Format) -> Json:
        """Append messages said now."""
        return await self.memory.append(key, AppendRequest(tuple(messages), format=format))

    async def context(self, key: Key) -> Json:
        """What a backend would send."""
        found: Json = json.loads((await self.memory.context(key, ContextRequest())).body)
        return found

    async def work(self) -> int:
        """Run the compactions that are due by now; how many there were."""
        return await self.app.worker.run_due()

    def answer(self, ask: Ask) -> Choice:
        """How the provider behaves."""
        if self.down:
            return Fault("overloaded", "Overloaded")
        if self.says is not None and (asked := headings_asked_for(ask)):
            first, *others = asked[1]
            return Answer("\n\n".join([f"{first}\n{self.says}", *(f"{heading}\n- None" for heading in others)]))
        return None


@contextlib.asynccontextmanager
async def opened(store: str, began: float) -> AsyncIterator[World]:
    """A world over the store of that URL, its clock at `began`."""
    clock = Clock(began)
    async with Provider(clock=clock, keep_calls=10) as provider:
        # In words of the settings: what an operator would set.
        config = Config(
            store=store,
            summarizers=("anthropic", "openai"),
            anthropic_api_key="any",
            openai_api_key="any",
            anthropic_base_url=provider.anthropic_url,
            openai_base_url=provider.openai_url,
            summarizer_input_usd=1.0,
            summarizer_output_usd=5.0,
            redis_persistence="off",
        )
        app = App(config, clock=clock, log=lambda event: None, pace=Pace(clock.wait, clock))
        await app.open(work=False)
        try:
            world = World(app, clock)
            provider.behave(world.answer)
            yield world
        finally:
            await app.close()
