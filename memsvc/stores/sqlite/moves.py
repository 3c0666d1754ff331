"""Commit, truncate, delete: the writes that move a session's pointers."""

from __future__ import annotations

import apsw
from msgspec.structs import replace

from memsvc.core.model import ON, Key, Session, Summary
from memsvc.core.policy import next_factor, renewed
from memsvc.stores import rules
from memsvc.stores.sqlite import jobs, ledger, rows
from memsvc.stores.sqlite.codec import SUMMARY_COLUMNS, summary_row

_INSERT = (
    f"INSERT INTO summaries (uid, parent, {SUMMARY_COLUMNS}) "
    f"VALUES (?, ?, {', '.join('?' * len(SUMMARY_COLUMNS.split(', ')))})"
)


def commit(
    db: apsw.Connection,
    key: Key,
    summary: Summary,
    expect: tuple[int | None, int, int],
    frozen: tuple[int | None, float | None, int],
) -> Session:
    """Compare-and-set on `expect` = (uid or None, epoch, cut). `frozen` = soft_tokens, factor (None = what was
    reported in the old epoch, else as it is), renderer of the new epoch."""
    old = rows.must_head(db, key)
    if expect not in ((old.uid, old.epoch, old.cut), (None, old.epoch, old.cut)):
        raise rules.lost_race(old)
    follows = (summary.epoch, summary.from_seq) == (old.epoch + 1, old.cut + 1)
    if not follows or not old.cut < summary.to_seq <= old.last_seq:
        raise rules.not_contiguous(old, summary)
    db.execute(_INSERT, (old.uid, old.summary_epoch, *summary_row(summary)))
    revision = old.revision + 1
    soft, factor, renderer = frozen
    new = replace(
        rules.compacted(renewed(old), revision, renderer),
        epoch=summary.epoch,
        summary_epoch=summary.epoch,
        soft_tokens=soft,
        factor=next_factor(old) if factor is None else factor,
        last_reason=summary.reason,
        last_error=None,
    )
    return rows.update(db, pointed(db, new, summary))


def truncate(db: apsw.Connection, key: Key, after_seq: int, at: float, expected: int | None = None) -> Session:
    """Supersede all live messages with seq > after_seq; an older summary may become current. `expected`: the
    log's revision, None = any."""
    old = rows.must_head(db, key)
    if expected not in (None, old.log_revision):
        raise rules.moved_on(expected, old.log_revision)
    number, tokens, _ = rows.sums(db, old.uid, after_seq)
    if not number:
        return old
    span = (rows.pos(old.uid, after_seq), rows.last_pos(old.uid))
    db.execute("UPDATE messages SET superseded = 1 WHERE pos > ? AND pos <= ? AND superseded = 0", span)
    current = newest_within(db, old, after_seq)
    revision = old.revision + 1
    moved = (current.epoch if current else 0) != old.summary_epoch and old.shadow != ON
    new = replace(
        renewed(old),
        updated_at=at,
        revision=revision,
        log_revision=old.log_revision + 1,
        epoch=old.epoch + 1,
        summary_epoch=current.epoch if current else 0,
        messages=old.messages - number,
        live_tokens=old.live_tokens - tokens,
        prefix_reason="edited",
        prefix_revision=revision,
        bound_revision=revision if moved else old.bound_revision,
    )
    db.execute("DELETE FROM pins WHERE uid = ? AND seq > ?", (old.uid, rows.bounded(after_seq)))
    # An older summary stands for less: what it leaves in the tail may be too much at once.
    return rows.update(db, jobs.ask_if_due(db, pointed(db, new, current), at))


def revert(db: apsw.Connection, key: Key, to_epoch: int, at: float) -> Session:
    """Make an earlier summary the current one again, or none."""
    old = rows.must_head(db, key)
    if to_epoch == old.summary_epoch:
        return old
    current = _behind(db, old, to_epoch)
    revision = old.revision + 1
    new = replace(
        rules.compacted(renewed(old), revision, old.renderer),
        epoch=old.epoch + 1,
        summary_epoch=to_epoch,
        last_reason="reverted",
        last_error=None,
    )
    return rows.update(db, jobs.ask_if_due(db, pointed(db, new, current), at))


def _behind(db: apsw.Connection, session: Session, to_epoch: int) -> Summary | None:
    """The summary of `to_epoch`, which the present one builds on; None for 0."""
    epoch = session.summary_epoch
    while epoch > max(0, to_epoch):
        epoch = db.execute("SELECT parent FROM summaries WHERE uid = ? AND epoch = ?", (session.uid, epoch)).get
    if epoch != to_epoch:
        raise rules.not_in_force(to_epoch)
    return rows.summary(db, session.uid, epoch) if epoch else None


def newest_within(db: apsw.Connection, session: Session, after_seq: int) -> Summary | None:
    """Down the chain of summaries to one that covers nothing beyond `after_seq`."""
    epoch = session.summary_epoch
    while epoch:
        found = rows.summary(db, session.uid, epoch)
        if found is None or found.to_seq <= after_seq:
            return found
        query = "SELECT parent FROM summaries WHERE uid = ? AND epoch = ?"
        epoch = db.execute(query, (session.uid, epoch)).get
    return None


def pointed(db: apsw.Connection, session: Session, summary: Summary | None) -> Session:
    """The header with cut and tail figures that follow from its current summary."""
    cut = summary.to_seq if summary else 0
    _, tokens, size = rows.sums(db, session.uid, cut)
    return replace(
        session,
        cut=cut,
        summary_tokens=summary.tokens if summary else 0,
        tail_tokens=tokens,
        tail_bytes=size,
    )


def pin(db: apsw.Connection, key: Key, seq: int, pinned: bool) -> None:
    """Pin or unpin a live message."""
    session = rows.must_head(db, key)
    found = rows.between(db, session.uid, seq - 1, seq, 1)
    if not found or found[0].superseded:
        raise rules.no_message(key, seq)
    change = "INSERT OR IGNORE INTO pins (uid, seq) VALUES (?, ?)"
    db.execute(change if pinned else "DELETE FROM pins WHERE uid = ? AND seq = ?", (session.uid, seq))


def delete(db: apsw.Connection, key: Key, before: float | None) -> bool:
    """Remove a session and all that hangs on it; False if there was none, or it was active since `before`.
    What its calls cost stays in the books, without its name."""
    session = rows.head(db, key)
    if session is None or (before is not None and session.updated_at >= before):
        return False
    ledger.forget(db, key)
    erase(db, session.uid)
    return True


def erase(db: apsw.Connection, uid: int) -> None:
    """Remove all that stands under a uid."""
    db.execute("DELETE FROM messages WHERE pos > ? AND pos <= ?", (rows.pos(uid, 0), rows.last_pos(uid)))
    for table in ("payloads", "summaries", "pins", "replays", "jobs", "sessions"):
        db.execute(f"DELETE FROM {table} WHERE uid = ?", (uid,))
