"""News that is sent to an address of the operator's: budgets that are being used up."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable

import aiohttp
import orjson
from msgspec.structs import asdict

from memsvc.observe import BudgetReached, Event

PAUSES_S = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Between tries; after the last of them the news is given up: it still stands in `GET /v1/budgets`."""
CALL_S = 10.0
MOST_WAITING = 100
"""News under way at once; more are dropped."""


class Webhook:
    """Sends events by POST, in the background.

    A receiver that was given the secret can check that it was us, and when: `x-memsvc-signature` is
    `sha256=` and the HMAC of `<x-memsvc-timestamp>.<body>`. It may get the same news twice.

    Args:
        clock: unix seconds.
        failed: told that news was given up, with the reason.
    """

    def __init__(
        self,
        url: str,
        secret: bytes | None,
        *,
        clock: Callable[[], float],
        failed: Callable[[str], None],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._failed = failed
        self._sleep = sleep
        self._tasks: set[asyncio.Task[None]] = set()

    def offer(self, event: Event) -> None:
        """Send it, if it is of the kind that is sent. Does not wait and does not raise."""
        if not isinstance(event, BudgetReached):
            return
        if len(self._tasks) >= MOST_WAITING:
            self._failed("too many are under way")
            return
        task = asyncio.get_running_loop().create_task(self._send(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, timeout_s: float) -> None:
        """Wait at most so long for what is under way, then give it up."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, event: BudgetReached) -> None:
        body = orjson.dumps({"event": "budget_reached", "at": self._clock(), **asdict(event)})
        timeout = aiohttp.ClientTimeout(total=CALL_S)
        async with aiohttp.ClientSession(timeout=timeout) as client:
            why = await self._try(client, body)
            for pause in PAUSES_S:
                if why is None:
                    return
                await self._sleep(pause)
                why = await self._try(client, body)
        if why is not None:
            self._failed(why)

    async def _try(self, client: aiohttp.ClientSession, body: bytes) -> str | None:
        """None if it arrived, else why not; nothing of the address, which may hold a secret."""
        headers = {"content-type": "application/json", **self._signed(body)}
        try:
            async with client.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                return None if 200 <= answer.status < 300 else f"it answered {answer.status}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as failed:
            return type(failed).__name__

    def _signed(self, body: bytes) -> dict[str, str]:
        at = f"{self._clock():.0f}"
        if self._secret is None:
            return {"x-memsvc-timestamp": at}
        proof = hmac.new(self._secret, at.encode() + b"." + body, hashlib.sha256).hexdigest()
        return {"x-memsvc-timestamp": at, "x-memsvc-signature": f"sha256={proof}"}
