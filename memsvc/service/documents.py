"""The JSON documents of the API that describe sessions, appends and summaries."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from memsvc.core import policy as rules
from memsvc.core.limits import Policy
from memsvc.core.model import ON, Appended, Session, Summary
from memsvc.core.render.context import token_figures
from memsvc.core.shadow import shown
from memsvc.core.sources import sources

Saving = tuple[float | None, float | None]
"""What the compaction in force was expected to save, and has saved, in dollars; None = unknown."""
NO_SAVING: Saving = (None, None)


def overrides(session: Session) -> dict[str, Any]:
    """The policy members that the caller set."""
    return _overrides(session.settings.policy)


def _overrides(policy: bytes | None) -> dict[str, Any]:
    value = orjson.loads(policy) if policy else {}
    assert isinstance(value, dict), "checked when it was set"
    return value


def limits(session: Session, defaults: Policy) -> Policy:
    """The policy as it applies to a session: its own values over the service's, clamped."""
    settings = session.settings
    return rules.effective(_resolved(defaults, settings.policy, settings.model), session, settings.model)


@lru_cache(1_024)
def _resolved(defaults: Policy, policy: bytes | None, model: str | None) -> Policy:
    """Asked several times for each call of the API; few policies and models occur."""
    return rules.resolve(defaults, _overrides(policy), model)


def session_document(session: Session, defaults: Policy, saving: Saving = NO_SAVING) -> dict[str, Any]:
    """A session as `GET /v1/sessions/{sid}` shows it."""
    settings = session.settings
    policy = rules.resolve(defaults, overrides(session), settings.model)
    return {
        "session": session.key.session,
        "format": settings.format,
        "model": settings.model,
        "user": settings.user,
        "metadata": orjson.loads(settings.metadata) if settings.metadata else {},
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "epoch": session.epoch,
        "revision": session.revision,
        "log_revision": session.log_revision,
        "messages": session.messages,
        "last_seq": session.last_seq,
        "cut": session.cut or None,
        "tokens": token_figures(shown(session)),
        "compaction": {
            "state": session.state,
            "due": session.due_at,
            "last_error": session.last_error,
            "last_reason": session.last_reason,
            "predicted_saving_usd": saving[0],
            "actual_saving_usd": saving[1],
            "shadow": {"tokens": session.context_tokens} if session.shadow == ON else None,
        },
        "policy": rules.document(policy, rules.effective(policy, session, settings.model)),
    }


def append_document(appended: Appended) -> dict[str, Any]:
    """The reply to an append."""
    session, seqs = appended.session, appended.seqs
    return {
        "session": session.key.session,
        "seqs": list(seqs),
        "first_seq": seqs[0] if seqs else None,
        "last_seq": seqs[-1] if seqs else None,
        "log_revision": session.log_revision,
        "revision": session.revision,
        "epoch": session.epoch,
        "tokens": appended.tokens,
        "duplicate": appended.duplicate,
    }


def summary_document(summary: Summary, current: bool, saved: float | None) -> dict[str, Any]:
    """One row of the summaries list; `saved` dollars so far, None = unknown."""
    return {
        "epoch": summary.epoch,
        "from": summary.from_seq,
        "to": summary.to_seq,
        "text": summary.text,
        "tokens": summary.tokens,
        "model": summary.model,
        "reason": summary.reason,
        "replaced_tokens": summary.replaced_tokens,
        "predicted_saving_usd": summary.predicted_saving_usd,
        "actual_saving_usd": saved,
        "cost_usd": summary.cost_usd,
        "at": summary.at,
        "attempts": summary.attempts,
        "current": current,
        "sources": sources(summary.text, summary.to_seq),
        "refused": list(summary.refused),
    }
