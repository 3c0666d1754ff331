"""Sends requests until there is an answer that counts: every method of the client comes through here."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from memsvc.client.problems import error_of
from memsvc.client.retry import Retry
from memsvc.client.transport import Answer, NoAnswer, Request, Transport
from memsvc.client.writing import written
from memsvc.errors import MemsvcError, Unavailable

CLOSED = "The client is closed."
_NOTHING_DONE = 429
_UNKNOWN = (502, 503, 504)
"""The service, or what stands before it, may or may not have acted."""


@dataclass(frozen=True, slots=True)
class _Failed:
    error: MemsvcError
    again: bool
    acted: bool
    after_s: float | None = None


class Calls:
    """A transport, opened with the first call, and the patience to use it.

    Args:
        timeout_s: the longest to wait for one answer, beside what the service is asked to wait.
        clock: seconds that never go back.
        sleep: waits so many seconds.
        chance: a number from 0 to 1.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        timeout_s: float,
        retry: Retry,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._transport = transport
        self._timeout_s = timeout_s
        self._retry = retry
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._lock = asyncio.Lock()
        self._opened = self._closed = False

    async def open(self) -> None:
        """Open the transport, once."""
        if self._opened:
            return
        async with self._lock:
            if self._closed:
                raise RuntimeError(CLOSED)
            if not self._opened:
                await self._transport.open()
                self._opened = True

    async def close(self) -> None:
        """Close the transport, once; calls after it raise RuntimeError."""
        async with self._lock:
            opened, self._opened, self._closed = self._opened, False, True
            if opened:
                await self._transport.close()

    async def send(self, name: str, values: Mapping[str, str], given: Mapping[str, Any]) -> Answer:
        """The answer to a row of the table, a success. Raises MemsvcError."""
        request = written(name, values, given)
        await self.open()
        retry = self._retry
        end = self._clock() + retry.deadline_s + request.patience_s
        acted = False
        attempt = 0
        while True:
            attempt += 1
            found = await self._try(request, end, acted=acted)
            if isinstance(found, Answer):
                return found
            acted = acted or found.acted
            pause_s = retry.pause_s(attempt, found.after_s, self._chance())
            if not found.again or attempt >= retry.attempts or self._clock() + pause_s >= end:
                raise found.error
            await self._sleep(pause_s)

    async def _try(self, request: Request, end: float, *, acted: bool) -> Answer | _Failed:
        """One try; `acted` = an earlier one may have been carried out."""
        timeout_s = min(self._timeout_s + request.patience_s, max(0.001, end - self._clock()))
        try:
            answer = await self._transport.send(request, timeout_s)
        except NoAnswer as lost:
            error = Unavailable(str(lost), code="unreachable")
            error.__cause__ = lost.__cause__
            return _Failed(error, lost.again and (request.repeatable or not lost.sent), lost.sent)
        if answer.status in request.row.replies:
            return answer
        if answer.status == 404 and acted and request.row.name == "delete":
            return Answer(204, {}, b"")  # it is gone: the try whose answer was lost has done it
        unknown = answer.status in _UNKNOWN
        again = answer.status == _NOTHING_DONE or (unknown and request.repeatable)
        return _Failed(error_of(answer), again, unknown, _seconds(answer.headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    """Of a Retry-After in seconds; None for a date, which the service does not send."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
