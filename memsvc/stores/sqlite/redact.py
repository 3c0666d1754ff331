"""Redact: one message goes for good, with all that was made from it."""

from __future__ import annotations

from typing import Any

import apsw
import orjson
from msgspec.structs import replace

from memsvc.core.model import ON, TOMBSTONE, Entry, Key, Session, Summary
from memsvc.core.policy import renewed
from memsvc.errors import NotFound
from memsvc.stores.sqlite import jobs, moves, payloads, rows

_ERASE = "UPDATE messages SET raw = ?, cuts = NULL, size = NULL, tokens = 0, superseded = 1, redacted = 1 WHERE pos = ?"
_ANSWERED = (
    "SELECT key, answer FROM replays WHERE uid = ? "
    "AND EXISTS (SELECT 1 FROM json_each(CAST(answer AS TEXT), '$.seqs') WHERE value = ?)"
)


def redact(db: apsw.Connection, key: Key, seq: int, at: float) -> Session:
    """Erase a message, every summary that covers it and what idempotency records tell of it."""
    old = rows.must_head(db, key)
    found = rows.between(db, old.uid, seq - 1, seq, 1)
    if not found:
        raise NotFound(f"no message with seq {seq} in session {key.session!r}")
    gone = found[0]
    if gone.redacted:
        return old
    cuts = db.execute("SELECT cuts FROM messages WHERE pos = ?", (rows.pos(old.uid, seq),)).get
    db.execute(_ERASE, (TOMBSTONE, rows.pos(old.uid, seq)))
    if cuts is not None:
        payloads.forget(db, old.uid, (rows.pos(old.uid, 0), rows.last_pos(old.uid)), bytes(cuts))
    db.execute("DELETE FROM pins WHERE uid = ? AND seq = ?", (old.uid, seq))
    current = moves.newest_within(db, old, seq - 1)
    db.execute("DELETE FROM summaries WHERE uid = ? AND to_seq >= ?", (old.uid, seq))
    _forget_replays(db, old.uid, gone)
    new = moves.pointed(db, _without(db, old, gone, current, at), current)
    # What the deleted summaries stood for is in the tail again, and may be too much at once.
    return rows.update(db, jobs.ask_if_due(db, new, at))


def _without(db: apsw.Connection, old: Session, gone: Entry, current: Summary | None, at: float) -> Session:
    revision, live = old.revision + 1, not gone.superseded
    epoch = current.epoch if current is not None else 0
    later = live and rows.sums(db, old.uid, gone.seq)[0] > 0
    moved = epoch != old.summary_epoch and old.shadow != ON
    return replace(
        renewed(old),
        updated_at=at,
        revision=revision,
        log_revision=old.log_revision + 1,
        epoch=old.epoch + 1,
        summary_epoch=epoch,
        messages=old.messages - live,
        live_tokens=old.live_tokens - (gone.tokens if live else 0),
        prefix_reason="edited",
        prefix_revision=revision,
        bound_revision=revision if later or moved else old.bound_revision,
        last_error=None,
    )


def _forget_replays(db: apsw.Connection, uid: int, gone: Entry) -> None:
    """Records of appends that the message came with answer any body from now on: the digest of theirs
    would tell what was in it."""
    for key, raw in db.execute(_ANSWERED, (uid, gone.seq)).fetchall():
        answer: dict[str, Any] = orjson.loads(raw)  # type: ignore[arg-type]
        answer |= {"tokens": max(0, answer["tokens"] - gone.tokens), "open": True}
        change = "UPDATE replays SET digest = x'', answer = ? WHERE uid = ? AND key = ?"
        db.execute(change, (orjson.dumps(answer), uid, key))
