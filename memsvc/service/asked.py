"""Compactions that callers ask for: each runs in the background, and whoever asked waits as long as they like."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from memsvc.core.model import Key, Session
from memsvc.errors import NotFound
from memsvc.ports import Log
from memsvc.service.leased import Leased
from memsvc.service.outcome import Outcome
from memsvc.service.requests import CompactRequest

Asked = tuple[Key, bool, int | None]
MOST_ASKED = 2
"""Compactions of a session at once, all but one of them waiting: what comes then is told that one is running."""
WAIT_STEP_S = 0.02
"""Pause between looks at a compaction that another worker is running."""


class AskedFor:
    """Compactions under way that callers started; the same question asked twice is one compaction."""

    def __init__(self, leased: Leased) -> None:
        self._leased = leased
        self._running: dict[Asked, asyncio.Task[Outcome]] = {}

    async def compact(self, session: Session, request: CompactRequest) -> tuple[int, dict[str, Any]]:
        """(200, what happened), or (202, ...) if it takes longer than `wait_ms`."""
        asked = (session.key, request.force, request.keep_tokens)
        task = self._running.get(asked)
        if task is None:
            if sum(key == session.key for key, _, _ in self._running) >= MOST_ASKED:
                return 202, {"epoch": session.epoch, "changed": False, "reason": "running"}
            reason = "forced" if request.force else "threshold"
            task = asyncio.create_task(self._leased.now(session.key, reason=reason, keep_tokens=request.keep_tokens))
            self._running[asked] = task
            task.add_done_callback(lambda done: self._ended(asked, done))
        done, _ = await asyncio.wait({task}, timeout=request.wait_ms / 1000)
        if not done:
            return 202, {"epoch": session.epoch, "changed": False, "reason": "running"}
        outcome = task.result()
        said = {"epoch": outcome.epoch, "changed": outcome.changed, "reason": outcome.reason}
        return 200, said if outcome.error is None else {**said, "error": outcome.error}

    async def drain(self, timeout_s: float) -> None:
        """Wait at most so long for them, then cancel them."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running.values(), timeout=timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, asked: Asked, task: asyncio.Task[Outcome]) -> None:
        self._running.pop(asked, None)
        if not task.cancelled():
            task.exception()  # looked at: who asked may have gone


async def reverted(log: Log, session: Session, to_epoch: int, at: float) -> tuple[Session, dict[str, Any]]:
    """The session with the summary of `to_epoch` as the current one, and what to say of it. Raises Conflict."""
    after = await log.revert(session.key, to_epoch, at=at)
    changed = after.epoch != session.epoch
    return after, {"epoch": after.epoch, "changed": changed, "reason": "reverted" if changed else "already_there"}


async def settled(log: Log, key: Key, timeout: float, clock: Callable[[], float]) -> None:
    """Wait until no compaction is running or due, at most `timeout` seconds. Raises NotFound."""
    try:
        async with asyncio.timeout(timeout):
            # The one who works may be another process: there is no event to wait for.
            while True:
                head = await log.head(key)
                if head is None:
                    raise NotFound(f"no session {key.session!r}")
                due = head.state == "queued" and (head.due_at or 0.0) <= clock()
                if head.state != "running" and not due:
                    return
                await asyncio.sleep(WAIT_STEP_S)
    except TimeoutError:
        return
