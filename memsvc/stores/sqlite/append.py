"""Append: the whole read-modify-write that runs inside one savepoint of the writer."""

from __future__ import annotations

from collections.abc import Iterable

import apsw
import orjson
from msgspec.structs import replace

from memsvc.core.model import Appended, Batch, Draft, Key, Session
from memsvc.stores import rules
from memsvc.stores.sqlite import jobs, payloads, rows
from memsvc.stores.sqlite.codec import SESSION_COLUMNS, session_of

REPLAYS_KEPT = 10_000
REPLAY_S = 24 * 3600.0
PURGE_STEP = 8
"""Old idempotency records removed per append: more than one, so that they cannot pile up."""

_INSERT = (
    "INSERT INTO messages (pos, raw, cuts, size, format, tokens, at, id, epoch, revision) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
# What most appends are, in one statement: to read the header, make a new one and write all of it back takes longer than
# to store the messages.
_PLAIN = (
    "UPDATE sessions SET updated_at = ?3, revision = revision + 1, log_revision = log_revision + 1, "
    "last_seq = last_seq + ?4, messages = messages + ?4, live_tokens = live_tokens + ?5, "
    "tail_tokens = tail_tokens + ?5, tail_bytes = tail_bytes + ?6 "
    f"WHERE tenant = ?1 AND sid = ?2 AND format IS NOT NULL RETURNING {SESSION_COLUMNS}"
)
# Only the oldest few are looked at: an append's work never grows with what is kept.
_PURGE = (
    "DELETE FROM replays WHERE uid = ?1 AND key IN (SELECT key FROM (SELECT key, at FROM replays "
    "WHERE uid = ?1 AND number <= ?2 ORDER BY number LIMIT ?3) WHERE at < ?4)"
)


def append(db: apsw.Connection, key: Key, batch: Batch) -> Appended:
    """Store a batch. Raises Conflict or InvalidRequest; then nothing of it is stored."""
    if _is_plain(batch) and (done := _plain(db, key, batch)) is not None:
        return done
    rules.check_ids(batch)
    old = rows.head(db, key)
    if old is not None and batch.idempotency_key is not None:
        again = _replay(db, old, batch)
        if again is not None:
            return again
    have = old.log_revision if old is not None else 0
    if batch.if_log_revision is not None and batch.if_log_revision != have:
        raise rules.moved_on(batch.if_log_revision, have)
    session, drafts, adopted = rules.joined(old or _new(db, key, batch), batch)
    seqs, fresh = _number(db, session, drafts)
    tokens = sum(d.tokens for d in drafts) + (batch.system_tokens if adopted else 0)
    if not fresh and not adopted and old is not None:
        return _remember(db, batch, Appended(old, seqs, tokens, duplicate=True))
    session = _store(db, session, fresh, batch)
    due = session.soft_tokens is not None and session.context_tokens > session.soft_tokens
    session = rows.update(db, jobs.ask_if_due(db, session, batch.at))
    return _remember(db, batch, Appended(session, seqs, tokens, due=due))


def _is_plain(batch: Batch) -> bool:
    """Whether all messages are new, whatever the session is, unless it is still to learn its format."""
    if batch.idempotency_key is not None or batch.if_log_revision is not None or batch.system is not None:
        return False
    return bool(batch.drafts) and all(d.id is None for d in batch.drafts)


def _plain(db: apsw.Connection, key: Key, batch: Batch) -> Appended | None:
    """None, and nothing is stored, if there is no session that knows its format."""
    drafts = batch.drafts
    count, tokens, size = len(drafts), sum(d.tokens for d in drafts), sum(len(d.raw) for d in drafts)
    row = db.execute(_PLAIN, (key.tenant, key.session, batch.at, count, tokens, size)).fetchone()
    if row is None:
        return None
    session = session_of(row)
    seqs = tuple(range(session.last_seq - count + 1, session.last_seq + 1))
    _insert(db, session, session.revision, zip(seqs, drafts, strict=True))
    due = session.soft_tokens is not None and session.context_tokens > session.soft_tokens
    if due:
        session = rows.update(db, jobs.ask(db, session, batch.at))
    return Appended(session, seqs, tokens, due=due)


def _new(db: apsw.Connection, key: Key, batch: Batch) -> Session:
    session = rules.begun(key, batch)
    return replace(session, uid=rows.insert(db, session))


def _number(
    db: apsw.Connection, session: Session, drafts: tuple[Draft, ...]
) -> tuple[tuple[int, ...], list[tuple[int, Draft]]]:
    """Seqs of all drafts, and those that are new with theirs."""
    seqs, fresh, last = [], [], session.last_seq
    for draft in drafts:
        stored = _stored(db, session, draft)
        if stored is None:
            last += 1
            fresh.append((last, draft))
        seqs.append(last if stored is None else stored)
    return tuple(seqs), fresh


def _stored(db: apsw.Connection, session: Session, draft: Draft) -> int | None:
    if draft.id is None or not session.last_seq:
        return None
    query = "SELECT pos & 4294967295 FROM messages WHERE pos >> 32 = ? AND id = ?"
    row = db.execute(query, (session.uid, draft.id)).fetchone()
    return int(row[0]) if row is not None else None


def _store(db: apsw.Connection, session: Session, fresh: list[tuple[int, Draft]], batch: Batch) -> Session:
    revision = session.revision + 1
    _insert(db, session, revision, fresh)
    tokens = sum(d.tokens for _, d in fresh)
    return replace(
        session,
        updated_at=batch.at,
        revision=revision,
        log_revision=session.log_revision + 1,
        last_seq=session.last_seq + len(fresh),
        messages=session.messages + len(fresh),
        live_tokens=session.live_tokens + tokens,
        tail_tokens=session.tail_tokens + tokens,
        tail_bytes=session.tail_bytes + sum(len(d.raw) for _, d in fresh),
    )


def _insert(db: apsw.Connection, session: Session, revision: int, fresh: Iterable[tuple[int, Draft]]) -> None:
    uid, epoch = session.uid, session.epoch
    for n, d in fresh:
        columns = payloads.columns(db, uid, d.raw)
        db.execute(_INSERT, (rows.pos(uid, n), *columns, d.format, d.tokens, d.at, d.id, epoch, revision))


def _replay(db: apsw.Connection, session: Session, batch: Batch) -> Appended | None:
    """The answer to a key that was used before. Conflict if the content is another one."""
    query = "SELECT digest, answer FROM replays WHERE uid = ? AND key = ?"
    row = db.execute(query, (session.uid, batch.idempotency_key)).fetchone()
    if row is None:
        return None
    answer = orjson.loads(row[1])
    if row[0] != batch.digest and not answer.get("open"):
        raise rules.key_reused()
    then = replace(
        session,
        revision=answer["revision"],
        log_revision=answer["log_revision"],
        epoch=answer["epoch"],
    )
    return Appended(then, tuple(answer["seqs"]), answer["tokens"], duplicate=True)


def _remember(db: apsw.Connection, batch: Batch, appended: Appended) -> Appended:
    if batch.idempotency_key is None:
        return appended
    session = appended.session
    answer = {
        "seqs": appended.seqs,
        "tokens": appended.tokens,
        "revision": session.revision,
        "log_revision": session.log_revision,
        "epoch": session.epoch,
    }
    # Not the log revision: an append that stores nothing leaves that as it is, and its record must age too.
    number = db.execute("SELECT ifnull(max(number), 0) + 1 FROM replays WHERE uid = ?", (session.uid,)).get
    row = (session.uid, batch.idempotency_key, batch.digest, orjson.dumps(answer), number, batch.at)
    db.execute("INSERT INTO replays (uid, key, digest, answer, number, at) VALUES (?, ?, ?, ?, ?, ?)", row)
    db.execute(_PURGE, (session.uid, number - REPLAYS_KEPT, PURGE_STEP, batch.at - REPLAY_S))
    return appended
