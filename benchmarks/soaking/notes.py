"""What the clients of a soak write down: every message sent, every cut, every context that was fetched.

Times are seconds of one monotonic clock, that of the process which runs the clients.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.corpus import Format, Json

MARK = re.compile(r"\[#([0-9a-z.]+)\]")
"""How a message carries its own name: `[#s1.a.17]` is the 17th of writer `a` in session `s1`."""


@dataclass(slots=True)
class Said:
    """One message that a writer sent.

    Attributes:
        number: of this writer, rising.
        batch: messages of one append share it.
        state: `acked` = answered with a seq; `refused` = every answer said that nothing was written;
            `open` = no answer, or one that leaves it open: the message may be there or not.
        begun, done: when it was first sent; when its state was known.
    """

    mark: str
    writer: str
    number: int
    batch: int
    raw: bytes
    begun: float
    state: Literal["open", "acked", "refused"] = "open"
    seq: int = 0
    done: float = float("inf")


@dataclass(slots=True)
class CutOff:
    """A truncation: `done` is infinite while it was not answered."""

    after_seq: int
    begun: float
    done: float = float("inf")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A context that was fetched, boiled down.

    Attributes:
        covered: the last seq that its summary stands for; 0 = none.
        tail: the marks of its verbatim messages, in order.
    """

    format: Format
    begun: float
    done: float
    covered: int
    tail: tuple[str, ...]


@dataclass(slots=True)
class Pin:
    """An acknowledged pin; `at` in unix seconds."""

    seq: int
    at: float


@dataclass(slots=True)
class Book:
    """All that is known of one session from outside.

    Attributes:
        solo: one writer, who also cuts; else several that only append.
        faults: (kind, reason) of what was wrong at the moment it was seen.
        top: about where the log ends; messages below it may have been cut off.
    """

    session: str
    format: Format
    solo: bool
    said: dict[str, Said] = field(default_factory=dict)
    cuts: list[CutOff] = field(default_factory=list)
    fetched: list[Fetched] = field(default_factory=list)
    pins: dict[int, Pin] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)
    top: int = 0

    def acknowledged(self, said: Said, seq: int, now: float) -> None:
        """A message was answered with its seq."""
        said.state, said.seq, said.done = "acked", seq, now
        self.top = max(self.top, seq)

    def cut_to(self, after_seq: int) -> None:
        """A truncation is about to be sent: nothing above it may be counted on any more."""
        self.top = min(self.top, after_seq)
        self.pins = {seq: pin for seq, pin in self.pins.items() if seq <= after_seq}


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as history gives it back."""

    seq: int
    superseded: bool
    raw: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a session showed: when, its `compaction.state` and its epoch."""

    at: float
    session: str
    state: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill -9: when, and of what kind of process."""

    at: float
    kind: str


@dataclass(slots=True)
class Tally:
    """Counts of a whole run; `answers` by status or by the name of what went wrong on the way."""

    answers: Counter[str] = field(default_factory=Counter)
    appends: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    kills: list[Kill] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Truth:
    """What a session turned out to be, read once everything was quiet."""

    log: tuple[Stored, ...]
    summaries: tuple[Json, ...]
    session: Json
    contexts: tuple[Fetched, ...]
