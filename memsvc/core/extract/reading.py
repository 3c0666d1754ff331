"""A conversation read once for all that a summary is made of: its statements, their terms, what is out of date."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from memsvc.core.extract.cues import decides
from memsvc.core.extract.speakers import Spoken, spoken
from memsvc.core.extract.stale import superseded
from memsvc.core.extract.terms import Vocabulary
from memsvc.core.extract.times import is_title
from memsvc.core.extract.units import MAX_CHARS, Unit, clip, statements
from memsvc.core.flatten import Said, said
from memsvc.core.model import Entry
from memsvc.core.patterns import regex

_LABEL = regex(r"(?:\[(\d{1,12}) [^\]\n]{1,80}\]|(\d{1,12}) [^\s:][^:\n]{0,79}:) ")
"""Before a line of a body: the number of its message and who said it, in brackets where an older release wrote it."""
_PREVIOUS = ""  # label of a line taken over from the previous summary: it brings its own
_MAX_PREVIOUS = 400  # lines
_OURS = regex(r"^(\d{1,12}) ([^\s:\[][^:\n]{0,79}): ", re.MULTILINE)


class Reading(Struct, frozen=True):
    """What may be chosen from.

    Attributes:
        messages: as they stand; sources: the same, each with its speaker and day.
        terms: of each statement, in order.
        likely: how likely each holds what is asked for later (1 = as likely as any).
        decides: whether each tells of a decision, a reason or a need.
        stale: indices of those that a later one repeats or revises.
    """

    messages: Sequence[Said]
    sources: Sequence[Spoken]
    units: Sequence[Unit]
    terms: Sequence[tuple[str, ...]]
    likely: Sequence[float]
    decides: Sequence[bool]
    stale: frozenset[int]
    vocabulary: Vocabulary

    @property
    def outdated(self) -> dict[int, list[str]]:
        """By the number of its message, what is out of date, as it stands there."""
        found: dict[int, list[str]] = {}
        for i in sorted(self.stale):
            unit = self.units[i]
            if unit.speech and unit.source:
                found.setdefault(unit.seq, []).append(unit.source)
        return found

    def told(self, quotes: Sequence[tuple[int, str]]) -> frozenset[int]:
        """Indices of the statements that are quoted elsewhere: message number and text, "" for the whole message."""
        by_seq: dict[int, list[str]] = {}
        for seq, text in quotes:
            by_seq.setdefault(seq, []).append(text)
        return frozenset(
            i
            for i, unit in enumerate(self.units)
            if unit.speech and any(not text or unit.source in text for text in by_seq.get(unit.seq, ()))
        )


def bracketed(body: str) -> str:
    """A body with `[17 user] ` for `17 user: ` at the beginning of lines, as models are asked to write it."""
    return _OURS.sub(r"[\1 \2] ", body)


def read(entries: Sequence[Entry], previous: str | None = None) -> Reading:
    """Read messages, and of the previous summary what is told of messages before them."""
    first = entries[0].seq if entries else 1
    found = list(_previous(previous, before=first)) if previous and first > 1 else []
    start = len(found)
    messages = [said(e) for e in entries]
    sources = spoken(entries, messages)
    for i, source in enumerate(sources):
        found.extend(statements(start + i, source))
    latest = {(u.label, u.text): i for i, u in enumerate(found)}
    units = [u for i, u in enumerate(found) if latest[u.label, u.text] == i]
    vocabulary = Vocabulary()
    both = [vocabulary.read(u.text) for u in units]
    terms = [t for t, _, _ in both]
    vocabulary.weigh(terms)
    likely = [likelihood if u.speech else 1.0 for u, (_, likelihood, _) in zip(units, both, strict=True)]
    decided = [decides(u.text, signs) for u, (_, _, signs) in zip(units, both, strict=True)]
    stale = frozenset(superseded(units, terms, vocabulary))
    return Reading(messages, sources, units, terms, likely, decided, stale, vocabulary)


def _previous(body: str, before: int) -> Iterable[Unit]:
    """Lines of the previous summary about messages that are not at hand as originals."""
    for i, line in enumerate(body.splitlines()[:_MAX_PREVIOUS]):
        text = line.strip()
        match = _LABEL.match(text)
        if not text or text.startswith("#") or is_title(text) or (match and int(match[1] or match[2]) >= before):
            continue  # a title dates the lines below it, of which others may be kept
        yield Unit(i, 0, 0, _PREVIOUS, text if match else clip(text, 2 * MAX_CHARS), " ", 1.1)
