"""From an append's messages to the batch that the store takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from msgspec.structs import replace

from memsvc.core import policy as rules
from memsvc.core.limits import BYTES_PER_TOKEN, LEAST_CLAMP_TOKENS, Policy, clamped_from
from memsvc.core.model import Batch, Format, Key, Session
from memsvc.core.render import guess
from memsvc.core.render.clamp import may_be_clamped
from memsvc.ports import Log
from memsvc.service.inbox import Inbox, digest
from memsvc.service.requests import AppendRequest

Marks = tuple[float, int | None, int | None]
"""Of a session: its factor, its soft mark, and the one that it has once a system prompt is its own."""
LEAST_CLAMP_BYTES = LEAST_CLAMP_TOKENS * BYTES_PER_TOKEN


class Drafts:
    """Makes batches.

    Args:
        limits: the policy as it applies to a session.
    """

    def __init__(self, log: Log, inbox: Inbox, defaults: Policy, *, limits: Callable[[Session], Policy]) -> None:
        self._log = log
        self._inbox = inbox
        self._limits = limits
        self._clamps = clamped_from(None, 1, defaults.tool_output_tokens)  # of a session that begins with an append
        nobody = Session(Key("", ""), 0, 0.0, 0.0)
        # The same for every session that nobody has said anything of, and asked at every append.
        self._new = lru_cache(64)(lambda named, system_tokens: self._marks(nobody, named, system_tokens))

    async def batch(self, key: Key, request: AppendRequest, hint: Format | None, now: float) -> Batch:
        """The batch of a request. `hint` is the format they are in when neither the request nor they nor the
        session tell. Raises InvalidRequest."""
        head = None
        if request.format is None or _long_output(request, request.format):
            head = await self._log.head(key)
        known = head.settings.format if head is not None else None
        named = request.format or guess(request.messages) or (None if known else hint)
        clamps = head.clamps if head is not None else self._clamps
        first = head.last_seq + 1 if head is not None else 1
        parsed = await self._inbox.parse(request, named or known or "openai", now, (clamps, first))
        if parsed.system is not None and head is None:
            head = await self._log.head(key)
        marks = self._marks(head, named, parsed.system_tokens) if head else self._new(named, parsed.system_tokens)
        factor, soft, soft_with_system = marks
        return Batch(
            drafts=parsed.drafts,
            at=now,
            system=parsed.system,
            system_tokens=parsed.system_tokens,
            system_draft=parsed.system_draft,
            format=named,
            soft_tokens=soft,
            soft_tokens_with_system=soft_with_system,
            factor=factor,
            clamps=self._clamps,
            idempotency_key=request.idempotency_key,
            digest=digest(request, request.format) if request.idempotency_key else b"",
            if_log_revision=request.if_log_revision,
        )

    def _marks(self, session: Session, named: Format | None, system_tokens: int) -> Marks:
        """Of a session that may still learn its format and its system prompt."""
        if session.settings.format is None:
            session = replace(session, settings=replace(session.settings, format=named))
            session = replace(session, factor=rules.factor_of(session.settings.model, named))
        soft = self._soft(session)
        return session.factor, soft, self._soft(session, system_tokens) if system_tokens else soft

    def _soft(self, session: Session, system_tokens: int = 0) -> int | None:
        if system_tokens:
            session = replace(session, settings=replace(session.settings, system_tokens=system_tokens))
        return rules.soft_mark(self._limits(session), session)


def _long_output(request: AppendRequest, format: Format) -> bool:
    """Whether a tool's output is so long that the session must be asked how much of it is shown."""
    return any(len(raw) > LEAST_CLAMP_BYTES and may_be_clamped(raw, format) for raw in request.messages)
