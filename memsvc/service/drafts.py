"""From an append's messages to the batch that the store takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from memsvc.core import policy as rules
from memsvc.core.limits import BYTES_PER_TOKEN, LEAST_CLAMP_TOKENS, Policy, clamped_from
from memsvc.core.model import Batch, Format, Key, Session
from memsvc.core.render import guess
from memsvc.core.render.clamp import may_be_clamped
from memsvc.ports import Log
from memsvc.service.inbox import Inbox, Parsed, digest
from memsvc.service.requests import AppendRequest

LEAST_CLAMP_BYTES = LEAST_CLAMP_TOKENS * BYTES_PER_TOKEN


class Drafts:
    """Makes batches.

    Args:
        limits: the policy as it applies to a session.
    """

    def __init__(self, log: Log, inbox: Inbox, defaults: Policy, *, limits: Callable[[Session], Policy]) -> None:
        self._log = log
        self._inbox = inbox
        self._defaults = defaults
        self._limits = limits
        self._fresh: dict[Format | None, Session] = {}

    async def batch(self, key: Key, request: AppendRequest, hint: Format | None, now: float) -> Batch:
        """The batch of a request. `hint` is the format they are in when neither the request nor they nor the
        session tell. Raises InvalidRequest."""
        head = None
        if request.format is None or _long_output(request, request.format):
            head = await self._log.head(key)
        known = head.settings.format if head is not None else None
        named = request.format or guess(request.messages) or (None if known else hint)
        clamps = head.clamps if head is not None else self._clamps()
        first = head.last_seq + 1 if head is not None else 1
        parsed = await self._inbox.parse(request, named or known or "openai", now, (clamps, first))
        if parsed.system is not None and head is None:
            head = await self._log.head(key)
        return self._batch(head or self._new(named), request, named, parsed, now)

    def _new(self, format: Format | None) -> Session:
        """A session that begins with an append, as far as its limits hang on it."""
        found = self._fresh.get(format)
        if found is None:
            found = self._fresh[format] = _formatted(Session(Key("", ""), 0, 0.0, 0.0), format)
        return found

    def _batch(self, fresh: Session, request: AppendRequest, named: Format | None, parsed: Parsed, now: float) -> Batch:
        if fresh.settings.format is None:
            fresh = _formatted(fresh, named)
        soft = self._soft(fresh)
        return Batch(
            drafts=parsed.drafts,
            at=now,
            system=parsed.system,
            system_tokens=parsed.system_tokens,
            system_draft=parsed.system_draft,
            format=named,
            soft_tokens=soft,
            soft_tokens_with_system=self._soft(fresh, parsed.system_tokens) if parsed.system_tokens else soft,
            factor=fresh.factor,
            clamps=self._clamps(),
            idempotency_key=request.idempotency_key,
            digest=digest(request, request.format) if request.idempotency_key else b"",
            if_log_revision=request.if_log_revision,
        )

    def _clamps(self) -> str | None:
        """Of a session that begins with an append."""
        return clamped_from(None, 1, self._defaults.tool_output_tokens)

    def _soft(self, session: Session, system_tokens: int = 0) -> int | None:
        if system_tokens:
            session = replace(session, settings=replace(session.settings, system_tokens=system_tokens))
        return rules.soft_mark(self._limits(session), session)


def _formatted(session: Session, format: Format | None) -> Session:
    settings = replace(session.settings, format=format)
    return replace(session, settings=settings, factor=rules.factor_of(settings.model, format))


def _long_output(request: AppendRequest, format: Format) -> bool:
    """Whether a tool's output is so long that the session must be asked how much of it is shown."""
    return any(len(raw) > LEAST_CLAMP_BYTES and may_be_clamped(raw, format) for raw in request.messages)
