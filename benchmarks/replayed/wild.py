"""A client to whom everything happens: refusals, streams that break, second thoughts, another answer, a small window.

What must hold whatever happens: the live log is what the client holds, and nothing that was ever stored is gone.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.corpus import Json, role_of
from benchmarks.replayed.caller import Got
from benchmarks.replayed.play import Replay
from benchmarks.replayed.talks import Exchange, Part, answer_of, told
from benchmarks.replayed.wire import Hitch
from memsvc.testing.provider import Answer, Fault

TROUBLES = ("refused", "cut", "retry_now", "retry_later", "go_on_now", "go_on_later", "forget_now", "forget_later")
"""`refused`: by the provider; `cut`: its stream breaks. The others: the client hangs up, and asks again, goes on with
what it has got of the answer, or asks something else; at once, or when the service has noticed."""
_FAULTS = (
    Fault("overloaded", "Overloaded"),
    Fault("server", "Internal server error"),
    Fault("rate_limit", "Slow down"),
)
_NOTICED_S = 3.0
_HEAD_BYTES = 700


class WildReplay(Replay):
    """Such a client; it resends its whole history, or a window of it.

    Attributes:
        ever: parts that the service has confirmed.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.ever: set[Part] = set()
        self._number = self._answered = 0
        self._from = 0
        self._restless = False
        self._lately: deque[str] = deque(maxlen=5)

    @property
    def where(self) -> str:
        """For notes: what happened last, too."""
        return f"{super().where} ({self.caller.history or 'auto'}, {', '.join(self._lately) or 'quiet'})"

    def _happens(self, what: str) -> None:
        self.tally.done[what] += 1
        self._lately.append(f"{what} at {len(self.held)}")

    async def play(self) -> None:
        """From the first call to the last, and through the books."""
        skip = False
        for exchange in self.talk.exchanges:
            if skip and not exchange.asks:
                continue
            skip = False
            self.held += exchange.said
            if self.rng.random() < 0.2:
                await self._trouble(self.rng.choice(TROUBLES), exchange)
            if not await self.turn(exchange):
                break
            if exchange.calls:
                continue
            if self.rng.random() < 0.1:
                await self._again(exchange)
            if self.rng.random() < 0.1:
                skip = await self._edit()
        await self.close()

    def to_send(self) -> Sequence[Json]:
        """The messages of the next request: all of them, or now and then the newest."""
        self._from = 0
        answered = max((i for i, m in enumerate(self.held) if self._is_answer(m)), default=0)
        starts = [i for i, m in enumerate(self.held[:answered]) if i and self._is_asked(m)]
        if starts and self.caller.history is None and self.rng.random() < 0.1:
            self._from = self.rng.choice(starts[-4:])
            self._happens("window")
        return self.held[self._from :]

    async def ask(self, answer: Answer | Fault, *, stream: bool, leave: asyncio.Event | None = None) -> Got:
        """As ever; what was confirmed is remembered."""
        got = await super().ask(answer, stream=stream, leave=leave)
        if got.status == 200:
            self.ever.update(told(self.held[self._from :]))
        if got.ok:
            self.ever.update(told(got.messages))
        return got

    def stored_in(self, named: str) -> None:
        """A branch is right where a call is still under way that the client has given up."""
        if named == self.session:
            return
        if self._restless:
            self.tally.branches += 1
            self.session, self._previous = named, None
        else:
            super().stored_in(named)

    # --- what happens ------------------------------------------------------------

    async def _trouble(self, kind: str, exchange: Exchange) -> None:
        self._happens(kind)
        if kind == "refused":
            got = await self.ask(self.rng.choice(_FAULTS), stream=self.rng.random() < 0.5)
            assert got.status >= 400, got
            return
        if kind == "cut":
            stream = self.rng.random() < 0.5
            self.stage.wire.hitch = Hitch(self._place() if stream else 120, cut=True)
            await self.ask(answer_of(exchange.answer), stream=stream)
            self.stage.wire.hitch = None
            return
        await self._left(kind, exchange)

    async def _left(self, kind: str, exchange: Exchange) -> None:
        """The client hangs up."""
        hitch = self.stage.wire.hitch = Hitch(self._place(), cut=False)
        got = await self.ask(answer_of(exchange.answer), stream=True, leave=hitch.reached)
        self.stage.wire.hitch = None
        if kind.endswith("_later"):
            await self._noticed()
        else:
            self._restless = True
        if kind.startswith("go_on") and got.messages and not exchange.calls:
            self.held += [*got.messages, self._said("Never mind, go on")]
        elif kind.startswith("forget") and exchange.asks and self._is_told_apart(self.held):
            del self.held[-len(exchange.said) :]
            self.held.append(self._said("Something else"))
            self._previous = None

    async def _again(self, exchange: Exchange) -> None:
        """Another answer to the same question."""
        self._happens("again")
        del self.held[self.sent - self._answered :]
        await self.turn(replace(exchange, answer=(self._answer("Another answer"),)))

    async def _edit(self) -> bool:
        """An earlier question is put differently; whether that was done."""
        asked = [i for i, m in enumerate(self.held) if self._is_asked(m)]
        place = self.rng.choice(asked[-6:])
        if not self._is_told_apart(self.held[:place]):
            return False
        self._happens(f"edit of {place}")
        self._previous = None
        del self.held[place:]
        self.held.append(self._said("To put it differently"))
        await self.turn(Exchange((), (self._answer("Edited answer"),)))
        return True

    def _is_told_apart(self, before: Sequence[Json]) -> bool:
        """Whether another question behind these can be known as taking the place of one that is stored: one that has
        no answer before it could as well be what is new."""
        return self.caller.history is not None or any(map(self._is_answer, before))

    def keep(self, answer: Sequence[Json]) -> None:
        """Take an answer into the history."""
        super().keep(answer)
        self._answered = len(answer)

    def _is_asked(self, message: Json) -> bool:
        return role_of(message) == "user" and [part[0] for part in told([message])] == ["user"]

    def _is_answer(self, message: Json) -> bool:
        return any(part[0] == "assistant" for part in told([message]))

    def _place(self) -> int:
        return _HEAD_BYTES + self.rng.randrange(3_000)

    def _said(self, text: str) -> Json:
        self._number += 1
        return {"role": "user", "content": f"{text} ({self._number})."}

    def _answer(self, text: str) -> Json:
        return {**self._said(text), "role": "assistant"}

    # --- what the service has -----------------------------------------------------

    async def _noticed(self) -> None:
        """Wait until the service has stored what came of the last answer."""
        end = time.monotonic() + _NOTICED_S
        while time.monotonic() < end:
            rows = await self.rows(self.session)
            if rows and role_of(rows[-1]["message"]) == "assistant" and not rows[-1]["superseded"]:
                break
            await asyncio.sleep(0.05)
        else:
            self.tally.done["nothing_stored"] += 1
        self._restless = False

    async def close(self) -> None:
        """The live log is what the client holds; what was ever confirmed is somewhere."""
        wanted, end = told(self.held), time.monotonic() + _NOTICED_S
        while True:
            rows = await self.rows(self.session)
            live = told(row["message"] for row in rows if not row["superseded"])
            if live == wanted or time.monotonic() > end:
                break
            await asyncio.sleep(0.1)
        self.account(wanted, live)
        gone = set(self.ever)
        for name in await self._all_names():
            gone -= set(told(row["message"] for row in await self.rows(name)))
        if gone:
            self.tally.fault("lost", f"{self.where}: {Counter(part[0] for part in gone)} are nowhere", len(gone))
        await self.count()

    async def _all_names(self) -> list[str]:
        found = [name for n in range(2, 40) if await self.get(name := f"{self.asked}~{n}", "")]
        return [self.asked, *found]
