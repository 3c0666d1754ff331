"""Notes that a model wrote, held against what was said: nothing in them that the record does not hold.

A few points that do not hold are taken out: without them the notes are true. Many, or a fault of the notes as a whole
(a section is missing, another language, next to nothing said), and they are refused, with a reason that
names at most a value. Constraints that are taken out are no loss: the user's own words stand in the block anyway.
Nothing here knows what is true, only what was said. Linear in record and notes; every pattern is bounded.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct, field

from memsvc.core.asking import HEADINGS
from memsvc.core.patterns import regex
from memsvc.core.verify.claims import missing
from memsvc.core.verify.layout import Notes, Point, read
from memsvc.core.verify.record import Passage, Record
from memsvc.core.verify.speech import Speech, words
from memsvc.core.verify.whole import language, stale, thin
from memsvc.errors import SummarizerError

__all__ = ["Passage", "Record", "drift", "verified"]

MOST_REMOVED = 0.2
"""Share of the points that may be taken out; one of at least three always may."""
_CONSTRAINTS = HEADINGS[1]
_DIRECT = frozenset({"Intent", _CONSTRAINTS, "Decisions", "Next steps"})
"""Sections by which the reader goes on: what only a tool said is not to be among them without its label."""
_NAMED = 3  # values that a reason names
_NOT_IN_A_NAME = regex(r"[^\w./:@#+$€£%-]")
_NAME_CHARS = 40
_CODES = {
    "steered": ("summary_steered", "it gives orders, or does what the transcript orders"),
    "stale": ("summary_stale", "it states values that were replaced"),
    "unsupported": ("summary_unsupported", "it states what is not in the record"),
}


class _Taken(Struct):
    """Points that were taken out, by what was wrong, with the values that were."""

    kinds: Counter[str] = field(default_factory=Counter)
    values: list[str] = field(default_factory=list)

    def add(self, kind: str, value: str = "") -> None:
        self.kinds[kind] += 1
        if value:
            self.values.append(value)


def verified(body: str, record: Record) -> str:
    """The notes as they may stand. SummarizerError says what is wrong with them otherwise."""
    notes = read(body)
    if notes.missing:
        raise SummarizerError(f"it lacks {_list(notes.missing)}", code="summary_unstructured")
    if (wrong := language(notes, record)) is not None:
        raise SummarizerError(wrong, code="summary_language")
    if (wrong := thin(notes, record)) is not None:
        raise SummarizerError(wrong, code="summary_thin")
    points = sum(1 for _ in notes.points())
    taken = _take_out(notes, record)
    out = sum(taken.kinds.values())
    if out > (max(1, int(MOST_REMOVED * points)) if points >= 3 else 0):
        kind = max(taken.kinds, key=lambda k: (taken.kinds[k], k))
        code, what = _CODES[kind]
        raise SummarizerError(f"{what}{_named(taken.values)}", code=code)
    return str(notes)


def drift(body: str, record: Record) -> float:
    """Share of the points of earlier notes that the originals do not bear out."""
    notes = read(body)
    points = sum(1 for _ in notes.points())
    if not points:
        return 0.0
    replaced = {(section, place) for section, place, _ in stale(notes, record)}
    wrong = sum(
        1
        for section, below in notes.sections.items()
        for place, point in enumerate(below)
        if point.says and ((section, place) in replaced or next(missing(point.text, record), None) is not None)
    )
    return wrong / points


def _take_out(notes: Notes, record: Record) -> _Taken:
    """Leave out what does not hold; what goes on with a line that went goes with it."""
    taken = _Taken()
    speech = Speech(record, words("\n".join(p.text for _, p in notes.points())))
    replaced = {(section, place): value for section, place, value in stale(notes, record)}
    for section, points in notes.sections.items():
        kept: list[Point] = []
        gone = False
        for place, point in enumerate(points):
            if point.rest and gone and point.line[:1].isspace():
                continue
            gone = False
            if not point.says:
                kept.append(point)
                continue
            if (section, place) in replaced:
                taken.add("stale", replaced[section, place])
                gone = True
                continue
            line, kind, value = _judged(section, point, speech)
            if line is None:
                taken.add(kind, value)
                gone = True
            else:
                point.line = line
                kept.append(point)
        notes.sections[section] = kept
    return taken


def _judged(section: str, point: Point, speech: Speech) -> tuple[str | None, str, str]:
    """A point as it may stand (None = not at all), what is wrong with it, and the value that is."""
    record = speech.record
    outside = [n for n in point.seqs if not 1 <= n <= record.to_seq and str(n) not in record.numbers]
    if outside:
        return None, "unsupported", f"message {outside[0]}"
    if speech.steered(point, directs=section in _DIRECT):
        return (speech.of_assistant(point) if section != _CONSTRAINTS else None), "steered", ""
    line: str | None = point.line
    if section == _CONSTRAINTS and not _heads(point):
        line = speech.constraint(point)
        if line is None:
            return None, "unsupported", ""
    value = next(missing(point.text, record), None)
    if value is not None:
        return None, "unsupported", value
    return (None, "unsupported", "") if speech.misquotes(point) else (line, "", "")


def _heads(point: Point) -> bool:
    """Whether a line only says what the lines below it are."""
    return point.text.rstrip("*_ ").endswith((":", "：")) and len(words(point.text)) <= 4


def _named(values: list[str]) -> str:
    shown = [f"`{x}`" for v in dict.fromkeys(values) if (x := _NOT_IN_A_NAME.sub("", v)[:_NAME_CHARS])]
    if not shown:
        return ""
    more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return f": {', '.join(shown[:_NAMED])}{more}"


def _list(names: tuple[str, ...]) -> str:
    return "the headings " + ", ".join(names) if len(names) > 1 else f"the heading {names[0]}"
