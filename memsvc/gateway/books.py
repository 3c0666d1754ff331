"""What calls through the gateway cost: held at the worst case before, settled after."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import uuid
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from memsvc.core import policy as rules
from memsvc.core.model import Key, Session
from memsvc.core.money import OWN, Line, Usage
from memsvc.core.vendor_calls import VendorCall
from memsvc.errors import InvalidRequest, MemsvcError
from memsvc.ports import Prices
from memsvc.service.budgets import Purse

MICROS = 1_000_000
MOST_OUTPUT_TOKENS = 128_000
"""No model of either vendor writes more; what a call may cost that sets no limit."""
BYTES_PER_TOKEN = 3
"""Of JSON, at least: what a call without a session may come to."""
IMAGE_TOKENS = 5_000
AFTER_HANG_UP_TOKENS = 1_024
"""What a provider may go on to write, and bill, before it notices that nobody listens."""
MOST_TOKENS_PER_S = 1_000
"""No provider that bills writes faster: what may have been written in a time, where that is not shown."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{2000,}={0,2}")


class Held(Struct, frozen=True):
    """A call in the books that is not settled yet. `usd`: what it costs at most; None = its price is unknown."""

    line: Line
    usd: float | None


class Books:
    """Holds and settles.

    Args:
        clock: unix seconds.
    """

    def __init__(self, purse: Purse, prices: Prices, *, clock: Callable[[], float]) -> None:
        self._purse = purse
        self._prices = prices
        self._clock = clock
        self._loaded = False

    async def hold(self, key: Key, feature: str, provider: str, model: str, most: Usage) -> Held:
        """Book the worst case. Raises BudgetExceeded; InvalidRequest where there is a budget to keep and no price."""
        now = self._clock()
        micros = await self._micros(provider, model, most, now)
        if micros is None and await self._purse.limited(key.tenant, feature):
            raise InvalidRequest(
                f"The price of {provider}:{model} is unknown, and this tenant has a budget: name the price in the"
                " prices file (budgets.md).",
                code="price_unknown",
                field="model",
            )
        line = Line(f"{OWN}{uuid.uuid4().hex}", key, now, feature, provider, model, most, micros, True)
        await self._purse.hold(line, most_micros=None, since=now)
        return Held(line, None if micros is None else micros / MICROS)

    async def settle(self, held: Held, id: str | None, model: str | None, usage: Usage) -> bool:
        """Let what a call came to take the place of its worst case; False where that failed, and it stays: too much,
        never too little."""
        line = held.line
        name = model or line.model
        micros = await self._micros(line.provider, name, usage, line.at)
        done = replace(line, id=id or line.id, model=name, usage=usage, micros=micros, held=False)
        try:
            await self._purse.settle(done, held=line.id)
        except MemsvcError:
            return False
        return True

    async def drop(self, held: Held) -> None:
        """The call was refused, and nobody bills for it."""
        with contextlib.suppress(MemsvcError):  # else the worst case stays
            await self._purse.release(held.line.key, held.line.id)

    async def price(self, provider: str, model: str, usage: Usage) -> float | None:
        """What a call costs, in dollars; None = unknown."""
        micros = await self._micros(provider, model, usage, self._clock())
        return None if micros is None else micros / MICROS

    async def _micros(self, provider: str, model: str, usage: Usage, at: float) -> int | None:
        if self._loaded:
            return self._prices.micros(provider, model, usage, at=at)
        found = await asyncio.to_thread(self._prices.micros, provider, model, usage, at=at)
        self._loaded = True  # the first question loads the list, which takes half a second
        return found


def worst(input_tokens: int, output_tokens: int | None, *, choices: int = 1, long: bool) -> Usage:
    """The most that a call may use: all of its input written to the cache, all the output that each of its `choices`
    may have."""
    output = MOST_OUTPUT_TOKENS if output_tokens is None else min(output_tokens, MOST_OUTPUT_TOKENS)
    return Usage(
        input_tokens, output * choices, cache_write=input_tokens, cache_write_long=input_tokens if long else None
    )


def guessed_tokens(body: bytes) -> int:
    """Provider tokens that a body may come to at most."""
    images = _BASE64.findall(body) if b"base64" in body else []  # the search is slow
    return math.ceil((len(body) - sum(map(len, images))) / BYTES_PER_TOKEN) + IMAGE_TOKENS * len(images)


def guessed_before(head: Session, call: VendorCall) -> int:
    """Provider tokens of a session's next context before it is known what of a call's messages is new: those beyond
    what is there, or all where they are fewer."""
    there = head.messages if len(call.messages) > head.messages else 0
    front = (call.system or b"") + (call.tools or b"")
    new = guessed_tokens(b"".join(call.messages[there:]))
    told = guessed_tokens(front) if len(front) > 3 * head.fixed_tokens else 0
    return most_of(head) + new + told


def most_of(head: Session) -> int:
    """Provider tokens of a session's context, as reports let expect or as they are counted here, whichever is more."""
    return max(rules.expected(head), rules.provider_tokens(head.context_tokens, head.factor))
