"""What a summarizer is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from memsvc.core.model import Entry, Key

if TYPE_CHECKING:
    from memsvc.core.extract.reading import Reading

HEADINGS = (
    "Intent",
    "Constraints and preferences",
    "Decisions",
    "Artifacts and identifiers",
    "State",
    "Next steps",
    "Open questions",
)
"""Sections of a summary that a model writes, in order; `### ` stands before each."""
MOST_REFUSED, MOST_REASON_CHARS = 8, 200
"""Of the answers that were refused on the way to a summary so many are kept with it, so many characters each."""


class SummaryRequest(Struct, frozen=True):
    """What a summarizer is asked for.

    Attributes:
        entries: the live messages newly covered, in order.
        earlier: originals that the previous summary stands for (newest last; may be cut
            to a bound), for summarizers that select from originals.
        previous: body of the summary to update, or None.
        system: the caller's system prompt as reference text, or None.
        budget_tokens: the most the body may take.
        key: the session, for the books; None = nobody is charged (a summarizer that costs nothing).
        refused: why the same summarizer's answer before this was refused, or None.
        resume: `Reply.resume` of that answer, or None.
        reading: of `earlier` and `entries`, for summarizers that select from originals; None = not read yet.
        told: what stands beside the body already: message number and text, "" for the whole message.
    """

    entries: tuple[Entry, ...]
    earlier: tuple[Entry, ...]
    previous: str | None
    system: str | None
    budget_tokens: int
    key: Key | None = None
    refused: str | None = None
    resume: object = None
    reading: Reading | None = None
    told: tuple[tuple[int, str], ...] = ()


class Reply(Struct, frozen=True):
    """What a summarizer answered: the body of a summary, without tags or provenance.

    Attributes:
        cost_usd: of all calls that it took.
        written: a model wrote it, and was asked for HEADINGS.
        resume: what its summarizer wants back if it is asked to repair it; of no meaning to others.
    """

    text: str
    model: str
    stop: Literal["end", "length", "refusal", "other"] = "end"
    cost_usd: float = 0.0
    written: bool = False
    resume: object = None


class Receipt(Struct, frozen=True):
    """What is kept of a request that was handed in to be answered later.

    Attributes:
        writer: name of the summarizer.
        id: of the call, in the books and with the provider.
        batch: the provider's name of it.
        at: when it was handed in (unix seconds).
        max_tokens: the most it may generate.
        micros: held for it in the books.
    """

    writer: str
    id: str
    batch: str
    at: float
    max_tokens: int
    micros: int


def headings(text: str) -> int:
    """How many of HEADINGS a text has, as headings."""
    lines = (x.strip() for x in text.splitlines())
    have = {x.lstrip("#* 0123456789.)").rstrip(": *").lower() for x in lines if x.startswith(("#", "**"))}
    return sum(1 for name in HEADINGS if name.lower() in have)


def refusals(reasons: Iterable[str]) -> tuple[str, ...]:
    """What is kept of the reasons for which answers were refused: the first ones, each on one line."""
    short = (" ".join("".join(c if c.isprintable() else " " for c in reason).split()) for reason in reasons)
    return tuple(text[:MOST_REASON_CHARS] for text in short)[:MOST_REFUSED]
