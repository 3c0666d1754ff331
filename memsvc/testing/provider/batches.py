"""Batches of both vendors: items are answered as soon as the batch is made, and shown when its time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from memsvc.testing.provider.engine import Written
from memsvc.testing.provider.outcome import Fault

WINDOW_S = 86_400.0
"""What is not answered within this time has expired."""
State = Literal["in_progress", "canceling", "ended"]
Result = Written | Fault | Literal["canceled", "expired"]


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a batch: its custom id, and what answers it."""

    custom_id: str
    run: Callable[[], Awaitable[Written | Fault]]


@dataclass(slots=True)
class Batch:
    """A batch at work.

    Attributes:
        created: seconds by the server's clock.
        ready: from when on its results may be seen, if all are there.
        about: what the vendor's API shows of it beside its state.
    """

    id: str
    created: float
    ready: float
    items: Sequence[Item]
    about: Mapping[str, Any] = field(default_factory=dict)
    done: dict[str, Written | Fault] = field(default_factory=dict)
    canceled_at: float | None = None
    canceled_seen: bool = False
    task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Answer the items, one after the other, in the background."""
        self.task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        for item in self.items:
            self.done[item.custom_id] = await item.run()

    def state(self, now: float) -> State:
        """Where it stands; a canceled batch is `canceling` until it has been looked at once."""
        if self.canceled_at is not None:
            return "ended" if self.canceled_seen else "canceling"
        over = now >= self.created + WINDOW_S
        return "ended" if over or (now >= self.ready and len(self.done) == len(self.items)) else "in_progress"

    def cancel(self, now: float) -> None:
        """Stop it: what has not been shown is canceled. Nothing happens to a batch that has ended."""
        if self.state(now) != "in_progress":
            return
        self.canceled_at = now
        if now < self.ready:
            self.done.clear()
        self.stop()

    def stop(self) -> None:
        """End the background work."""
        if self.task is not None:
            self.task.cancel()

    def results(self) -> list[tuple[str, Result]]:
        """What became of each item once it has ended, the last first: no order is promised."""
        rest: Result = "canceled" if self.canceled_at is not None else "expired"
        late = self.ready >= self.created + WINDOW_S
        return [(i.custom_id, rest if late else _result(self.done.get(i.custom_id), rest)) for i in self.items][::-1]


def _result(found: Written | Fault | None, rest: Result) -> Result:
    if found is None:
        return rest
    return "expired" if isinstance(found, Fault) and found.kind == "expired" else found
