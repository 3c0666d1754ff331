"""Due compactions: at most one a session; a claim pushes its due time into the future."""

from __future__ import annotations

import math

import apsw
from msgspec.structs import replace

from memsvc.core.model import Backlog, Job, Key, Session, State
from memsvc.stores.sqlite import rows

# Due, or claimed by a clock that has since been set back by more than a lease: the time at
# which such a claim ends by itself is too far away to wait for. Apart, so that each takes one row off an index:
# an OR reads and sorts all that are due.
_DUE = (
    "SELECT uid, attempts, note, lease FROM ("
    "SELECT * FROM (SELECT * FROM jobs WHERE due_at <= ?1 ORDER BY due_at LIMIT 1) UNION ALL "
    "SELECT * FROM (SELECT * FROM jobs WHERE claimed_at > ?1 + ?2 ORDER BY due_at LIMIT 1)"
    ") ORDER BY due_at LIMIT 1"
)
_TAKE = (
    "UPDATE jobs SET due_at = ?1, lease = ?1, claimed_at = ?2, attempts = attempts + 1, "
    "again = CASE WHEN again > ?2 THEN again END WHERE uid = ?3"
)


def ask(db: apsw.Connection, session: Session, due_at: float) -> Session:
    """Queue a compaction; an earlier request stands. Gives the header with its new state."""
    row = db.execute("SELECT due_at, lease, attempts FROM jobs WHERE uid = ?", (session.uid,)).fetchone()
    if row is None:
        db.execute("INSERT INTO jobs (uid, due_at) VALUES (?, ?)", (session.uid, due_at))
        return replace(session, state="queued", due_at=due_at)
    if row[1] is not None:  # claimed: whoever has it must look once more when done
        again = "UPDATE jobs SET again = min(ifnull(again, ?1), ?1) WHERE uid = ?2"
        db.execute(again, (due_at, session.uid))
        return session
    if row[2] or row[0] <= due_at:  # backing off, or earlier already
        return session
    db.execute("UPDATE jobs SET due_at = ? WHERE uid = ?", (due_at, session.uid))
    return replace(session, state="queued", due_at=due_at)


def ask_if_due(db: apsw.Connection, session: Session, at: float) -> Session:
    """Queue a compaction if the context has passed the soft mark."""
    if session.soft_tokens is None or session.context_tokens <= session.soft_tokens:
        return session
    return ask(db, session, at)


def any_due(db: apsw.Connection, now: float, lease_s: float) -> bool:
    """Whether a claim would find something."""
    return db.execute(_DUE, (now, lease_s)).fetchone() is not None


def claim(db: apsw.Connection, now: float, lease_s: float) -> Job | None:
    """Take the job that is due the longest."""
    row = db.execute(_DUE, (now, lease_s)).fetchone()
    if row is None:
        return None
    return _taken(db, row[0], now, lease_s, row[1:])


def take(db: apsw.Connection, session: Session, now: float, lease_s: float) -> Job | None:
    """Take the job of one session, due or not; None while another holds it."""
    free = (
        "SELECT attempts, note, lease FROM jobs WHERE uid = ?1 AND (lease IS NULL OR due_at <= ?2 OR claimed_at > ?3)"
    )
    db.execute("INSERT INTO jobs (uid, due_at) VALUES (?, ?) ON CONFLICT DO NOTHING", (session.uid, now))
    found = db.execute(free, (session.uid, now, now + lease_s)).fetchone()
    return _taken(db, session.uid, now, lease_s, found) if found is not None else None


def _taken(db: apsw.Connection, uid: int, now: float, lease_s: float, found: tuple[int, str, float | None]) -> Job:
    attempts, note, before = found
    lease = now + lease_s
    if before is not None and before == lease:
        lease = math.nextafter(lease, math.inf)  # a lease is a proof of ownership: no two are alike
    db.execute(_TAKE, (lease, now, uid))
    running = "UPDATE sessions SET state = 'running' WHERE uid = ? RETURNING tenant, sid"
    tenant, session = next(db.execute(running, (uid,)))
    return Job(Key(tenant, session), lease, attempts + 1, note)


def finish(
    db: apsw.Connection,
    job: Job,
    state: State,
    reason: str | None,
    error: str | None,
    retry_at: float | None,
    note: str | None,
) -> bool:
    """End or reschedule a claimed job; False if its lease was lost."""
    session = rows.head(db, job.key)
    if session is None:
        return False
    row = db.execute("SELECT lease, attempts, again FROM jobs WHERE uid = ?", (session.uid,)).fetchone()
    if row is None or row[:2] != (job.lease, job.attempts):
        return False
    due = retry_at
    if note is not None and due is not None and row[2] is not None:
        due = min(due, row[2])
    if due is None and row[2] is not None:
        due, state = row[2], "queued"  # asked for meanwhile
    if due is None:
        db.execute("DELETE FROM jobs WHERE uid = ?", (session.uid,))
    else:
        failed = retry_at is not None and note is None
        kept = note if note is not None else job.note if failed else ""
        change = (
            "UPDATE jobs SET due_at = ?, lease = NULL, claimed_at = NULL, again = NULL, attempts = ?, note = ? "
            "WHERE uid = ?"
        )
        db.execute(change, (due, job.attempts if failed else 0, kept, session.uid))
    said = session.last_reason if reason in (None, "below_threshold", "lost_race") else reason
    rows.update(db, replace(session, state=state, due_at=due, last_reason=said, last_error=error))
    return True


def extend(db: apsw.Connection, job: Job, now: float, lease_s: float) -> bool:
    """Let a claimed job become due later; False if its lease was lost. The lease itself, which proves the claim,
    stays."""
    change = (
        "UPDATE jobs SET due_at = ?1, claimed_at = ?2 WHERE lease = ?3 AND attempts = ?4 "
        "AND uid = (SELECT uid FROM sessions WHERE tenant = ?5 AND sid = ?6) RETURNING uid"
    )
    held = (job.lease, job.attempts, job.key.tenant, job.key.session)
    return db.execute(change, (now + lease_s, now, *held)).fetchone() is not None


def next_due(db: apsw.Connection) -> float | None:
    """When the earliest job is due; None = none."""
    row = db.execute("SELECT min(due_at) FROM jobs").fetchone()
    return row[0] if row is not None else None


def backlog(db: apsw.Connection, now: float) -> Backlog:
    """How much waits. A job whose lease has run out is due."""
    row = db.execute("SELECT count(*), count(*) FILTER (WHERE due_at <= ?1), min(due_at) FROM jobs", (now,)).fetchone()
    jobs, due, oldest = row if row is not None else (0, 0, None)
    return Backlog(due, jobs, max(0.0, now - oldest) if oldest is not None else 0.0)
