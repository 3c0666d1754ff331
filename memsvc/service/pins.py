"""Messages that every summary keeps word for word."""

from __future__ import annotations

from typing import Any

from memsvc.core.limits import Policy
from memsvc.core.model import Session
from memsvc.errors import CannotFit, NotFound
from memsvc.ports import Log


async def pin(store: Log, session: Session, limits: Policy, seq: int) -> dict[str, Any]:
    """Keep a message from now on. Raises NotFound, CannotFit if pins grow too large."""
    key = session.key
    found = await store.entries(key, after=seq - 1, upto=seq, limit=1)
    if not found or found[0].superseded:
        raise NotFound(f"no live message with seq {seq} in session {key.session!r}")
    others = [p for p in await store.pins(key) if p.seq != seq]
    tokens = sum(p.tokens for p in [*others, found[0]])
    if tokens > limits.summary_tokens // 2:
        raise CannotFit(
            f"pins would take {tokens} tokens, over half of summary_tokens ({limits.summary_tokens}); "
            "unpin something or raise summary_tokens",
            code="pins_too_large",
            minimum=tokens * 2,
        )
    await store.pin(key, seq, True)
    return {"seq": seq, "pinned": True, "tokens": tokens}


async def pins(store: Log, session: Session) -> dict[str, Any]:
    """The live messages that are kept, in seq order."""
    return {"pins": [{"seq": p.seq, "tokens": p.tokens} for p in await store.pins(session.key)]}
