"""What every store decides alike: how a batch joins a session, and in which words a write is refused."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from memsvc.core.model import ON, Batch, Draft, Key, Session, Settings, Summary
from memsvc.errors import Conflict, InvalidRequest, NotFound

_COUNTS = (
    *("log_revision", "epoch", "cut", "summary_epoch", "summary_tokens", "last_seq", "messages"),
    *("live_tokens", "tail_tokens", "tail_bytes", "prefix_revision", "bound_revision"),
    *("anchor_tokens", "anchor_raw", "anchor_revision", "missed_tokens"),
)


def born(key: Key, session: Session) -> Session:
    """A new header: whatever the caller gives, nothing has been appended to it."""
    nothing: dict[str, Any] = dict.fromkeys(_COUNTS, 0)
    return replace(session, key=key, state="idle", due_at=None, prefix_reason=None, **nothing)


def check_ids(batch: Batch) -> None:
    """Raise InvalidRequest for an id that the batch holds twice."""
    ids = [d.id for d in batch.drafts if d.id is not None]
    if len(set(ids)) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise InvalidRequest(f"ids holds {twice!r} twice; ids name single messages", field="ids")


def begun(key: Key, batch: Batch) -> Session:
    """The header of a session that an append begins; its uid is the store's to give."""
    settings = Settings(format=batch.format)
    session = Session(key, 0, batch.at, batch.at, settings, soft_tokens=batch.soft_tokens)
    return replace(session, factor=batch.factor, clamps=batch.clamps)


def joined(session: Session, batch: Batch) -> tuple[Session, tuple[Draft, ...], bool]:
    """The header with what the batch tells of format and system prompt; the messages to store; and
    whether a leading system message was adopted."""
    return _with_system(_with_format(session, batch), batch)


def _with_format(session: Session, batch: Batch) -> Session:
    """A session whose format nobody named yet takes that of its first telling messages."""
    if session.settings.format is not None or batch.format is None:
        return session
    settings = replace(session.settings, format=batch.format)
    if settings.model is not None or session.anchor_raw or session.epoch:
        return replace(session, settings=settings)  # the factor is the model's, or what was reported
    soft = batch.soft_tokens
    if settings.policy is not None or session.fixed_tokens:  # the writer of the batch need not have known
        soft = session.soft_tokens and int(session.soft_tokens * session.factor / batch.factor)
    return replace(session, settings=settings, factor=batch.factor, soft_tokens=soft)


def _with_system(session: Session, batch: Batch) -> tuple[Session, tuple[Draft, ...], bool]:
    """What becomes of a leading system message: adopted, ignored as known, or a message."""
    if batch.system is None or batch.system_draft is None:
        return session, batch.drafts, False
    known = session.settings.system
    if known is not None and known.content == batch.system.content:
        return session, batch.drafts, False
    if session.last_seq == 0:
        settings = replace(session.settings, system=batch.system, system_tokens=batch.system_tokens)
        adopted = replace(session, settings=settings, soft_tokens=batch.soft_tokens_with_system)
        return adopted, batch.drafts, True
    return session, (batch.system_draft, *batch.drafts), False


def compacted(session: Session, revision: int, renderer: int) -> Session:
    """The header at the revision of a compaction: a new prefix begins, unless none of it is served."""
    if session.shadow == ON:
        return replace(session, revision=revision)
    begun = replace(session, revision=revision, prefix_reason="compacted", prefix_revision=revision)
    return replace(begun, bound_revision=revision, renderer=renderer)


def no_session(key: Key) -> NotFound:
    """For a session that is not there."""
    return NotFound(f"no session {key.session!r}")


def no_message(key: Key, seq: int) -> NotFound:
    """For a message that is not there, or was superseded."""
    return NotFound(f"no live message with seq {seq} in session {key.session!r}")


def moved_on(expected: int | None, have: int) -> Conflict:
    """For a write whose If-Match is not the log's revision."""
    return Conflict(
        f"If-Match says log_revision {expected}, it is {have}; fetch and try again",
        code="log_revision_mismatch",
        log_revision=have,
    )


def key_reused() -> Conflict:
    """For an idempotency key that comes with another body."""
    return Conflict(
        "this Idempotency-Key was used with another body; use a new key for a new append",
        code="idempotency_key_reused",
    )


def not_in_force(epoch: int) -> Conflict:
    """For going back to a summary that the present one does not build on."""
    return Conflict(
        f"no summary of epoch {epoch} stands behind the present one; it was left by an edit, or never was. "
        "`summaries` lists them, 0 goes back to the full history",
        code="epoch_not_in_force",
    )


def lost_race(session: Session) -> Conflict:
    """For a commit by one who saw another epoch or cut."""
    return Conflict(
        f"the session is at epoch {session.epoch}, cut {session.cut}; another compaction or an edit won",
        code="lost_race",
    )


def not_contiguous(session: Session, summary: Summary) -> Conflict:
    """For a summary that leaves a hole, overlaps, or covers what is not there."""
    return Conflict(
        f"a summary of epoch {summary.epoch} over {summary.from_seq}..{summary.to_seq} does not follow "
        f"epoch {session.epoch}, cut {session.cut} of a log of {session.last_seq}",
        code="not_contiguous",
    )
