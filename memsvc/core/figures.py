"""Running figures: what is counted as it happens, so that nobody has to read logs and books to draw a curve."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from memsvc.core.model import Key, State

KEPT_DAYS = 400
"""Figures of a day are kept for so long: a year can be looked at, and compared with the month before it."""
MOST_NOTED = 100
"""Compactions of a tenant that are remembered one by one, the newest."""

Kind = Literal["compacted", "failed", "summarizer", "broken", "predicted", "settled_predicted", "settled_actual"]


class Figure(Struct, frozen=True):
    """Something to be added to the figures of a day.

    Attributes:
        kind: `compacted` by reason (tokens removed, cost), `failed` compactions by error, `summarizer` failures by
            `name/error`, prefixes `broken` by cause (tokens, cost), and in micros what new compactions are
            `predicted` to save, and what those that were succeeded were to save and have saved (`settled_...`).
        name: what the kind is told apart by; "" = by nothing.
        tokens, micros: may be negative; micros are millionths of a dollar.
    """

    kind: Kind
    name: str = ""
    count: int = 1
    tokens: int = 0
    micros: int = 0


class DayFigure(Struct, frozen=True):
    """What was added up on a day (days since 1970, UTC)."""

    day: int
    kind: str
    name: str
    count: int
    tokens: int
    micros: int


class Noted(Struct, frozen=True):
    """A compaction, or one that failed.

    Attributes:
        session: "" where the session is gone: its name goes with it.
        at: unix seconds.
        epoch, reason, model, before_tokens, after_tokens, seconds: of one that was committed, else None.
        error: the code, of one that failed.
    """

    tenant: str
    session: str
    at: float
    epoch: int | None = None
    reason: str | None = None
    model: str | None = None
    before_tokens: int | None = None
    after_tokens: int | None = None
    seconds: float | None = None
    attempts: int = 1
    predicted_saving_usd: float | None = None
    error: str | None = None


class Waiting(Struct, frozen=True):
    """A job of the queue.

    Attributes:
        due_at: unix seconds; of one that a worker has, when its lease ends.
        error: the code of the failure that it waits after; None = of none.
    """

    key: Key
    state: State
    due_at: float
    attempts: int
    error: str | None


class Queued(Struct, frozen=True):
    """The queue at a moment.

    Attributes:
        waiting: jobs that nobody has; `due` those of them whose time has come.
        running: jobs that a worker has, whose lease still holds.
        oldest_due_at: since when the first of those that are due is; None = none is.
        jobs: the first of all by due time.
    """

    waiting: int
    due: int
    running: int
    oldest_due_at: float | None
    jobs: tuple[Waiting, ...]
