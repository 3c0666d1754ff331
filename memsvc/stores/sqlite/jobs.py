"""Due compactions: at most one a session; a claim pushes its due time into the future."""

from __future__ import annotations

from dataclasses import replace

import apsw

from memsvc.core.model import Job, Key, Session, State
from memsvc.stores.sqlite import rows

_CLAIM = "SELECT uid, attempts, note FROM jobs WHERE due_at <= ? ORDER BY due_at LIMIT 1"


def ask(db: apsw.Connection, session: Session, due_at: float) -> Session:
    """Queue a compaction; an earlier request stands. Gives the header with its new state."""
    row = db.execute("SELECT due_at, lease, attempts FROM jobs WHERE uid = ?", (session.uid,)).fetchone()
    if row is None:
        db.execute("INSERT INTO jobs (uid, due_at) VALUES (?, ?)", (session.uid, due_at))
        return replace(session, state="queued", due_at=due_at)
    if row[1] is not None:  # claimed: whoever has it must look once more when done
        db.execute("UPDATE jobs SET again = 1 WHERE uid = ?", (session.uid,))
        return session
    if row[2] or row[0] <= due_at:  # backing off, or earlier already
        return session
    db.execute("UPDATE jobs SET due_at = ? WHERE uid = ?", (due_at, session.uid))
    return replace(session, state="queued", due_at=due_at)


def claim(db: apsw.Connection, now: float, lease_s: float) -> Job | None:
    """Take the job that is due the longest."""
    row = db.execute(_CLAIM, (now,)).fetchone()
    if row is None:
        return None
    uid, attempts, note = row
    lease = now + lease_s
    db.execute(
        "UPDATE jobs SET due_at = ?, lease = ?, again = 0, attempts = attempts + 1 WHERE uid = ?",
        (lease, lease, uid),
    )
    names = db.execute("UPDATE sessions SET state = 'running' WHERE uid = ? RETURNING tenant, sid", (uid,)).fetchone()
    if names is None:
        db.execute("DELETE FROM jobs WHERE uid = ?", (uid,))
        return claim(db, now, lease_s)
    return Job(Key(*names), lease, attempts + 1, note)


def finish(
    db: apsw.Connection, job: Job, state: State, reason: str | None, error: str | None, retry_at: float | None
) -> bool:
    """End or reschedule a claimed job; False if its lease was lost."""
    session = rows.head(db, job.key)
    if session is None:
        return False
    row = db.execute("SELECT lease, again FROM jobs WHERE uid = ?", (session.uid,)).fetchone()
    if row is None or row[0] != job.lease:
        return False
    due = retry_at
    if due is None and row[1]:
        due, state = 0.0, "queued"  # asked for meanwhile: due at once
    if due is None:
        db.execute("DELETE FROM jobs WHERE uid = ?", (session.uid,))
    else:
        attempts = job.attempts if retry_at is not None else 0
        change = "UPDATE jobs SET due_at = ?, lease = NULL, again = 0, attempts = ? WHERE uid = ?"
        db.execute(change, (due, attempts, session.uid))
    rows.update(db, replace(session, state=state, due_at=due, last_reason=reason, last_error=error))
    return True


def next_due(db: apsw.Connection) -> float | None:
    """When the earliest job is due; None = none."""
    row = db.execute("SELECT min(due_at) FROM jobs").fetchone()
    return row[0] if row is not None else None
