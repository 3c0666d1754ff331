"""What a summary states, and which messages each statement says that it comes from.

The one reader of blocks that `core.accept` composes. A statement stands behind the number and the speaker of its
source, `[17 user] text` or `17 user: text`; in notes by a model the brackets may stand anywhere in it. What is quoted
word for word names its own message and nothing else, whatever numbers are in the quotation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from memsvc.core.extract.times import is_title
from memsvc.core.patterns import regex

MOST = 2_000
"""Most messages that are told as named by one summary."""
MOST_STATEMENTS = 1_000
"""Most statements of one summary."""
REQUEST, PINS = "Current request, word for word", "Pinned, word for word"
RULES, BODY, VALUES = "Constraints and preferences", "Conversation", "Artifacts and identifiers"
"""Sections of a block, as `core.accept` heads them with `## `. Those of a model's notes have `### `."""

_QUOTING = frozenset({REQUEST, PINS})
_OURS = {f"## {name}": name for name in (REQUEST, PINS, RULES, BODY, VALUES)}
_HEADING = regex(r"\s*(?:#{1,6}\s+\S|\*\*[^*]{1,80}\*\*:?\s*$)")
_BULLET = regex(r"\s*(?:[-*+\u2022]|\d{1,3}[.)])\s+")
_SAYS = regex(r"[^\W_]")
_NOTHING = frozenset({"none", "n/a"})
_ROLE = r"(?:user|assistant|tool|system|call|result|error|media)\b"
_LIST = r"\d{1,10}(?:\s?[-\u2013,]\s?\d{1,10})*"
_SOURCE = regex(rf"\[({_LIST}) {_ROLE}|\bseq (\d{{1,10}})\b")
_LABEL = regex(rf"\[({_LIST}) [^\]\n]{{1,80}}\]:?\s*")
_SHORT = regex(r"(\d{1,10}) (\S.{0,80}?): ")
_SPEAKS = regex(_ROLE)
_VALUE = regex(r"; |(?:(?<=^)|(?<= ))(\[\d{1,12}\]) ")
_NUMBER = regex(r"\[(\d{1,12})\]")
_WORDS = 3
"""Of a speaker in the short form: `17 call run_tests: `, `17 Anna de Vries: `."""
_SPAN = regex(r"(\d+)(?:\s?[-\u2013]\s?(\d+))?")
_WIDEST = 100
"""Messages in one range of a label; a wider one names its ends."""


class Statement(Struct, frozen=True):
    """One statement of a summary.

    Attributes:
        text: without bullet and label; a speaker's own name stays.
        section: the heading that it stands under, "" for none.
        sources: seqs of the messages that it names, in order; empty = it names none.
        exact: it is a value that the service took over as it stood.
    """

    text: str
    section: str
    sources: tuple[int, ...] = ()
    exact: bool = False


def statements(block: str, to_seq: int) -> list[Statement]:
    """The statements of a block that stands for messages up to `to_seq`, in order, at most `MOST_STATEMENTS`.
    Of the exact values that the service lists each is one. Numbers beyond `to_seq` name nothing: a model may
    make one up."""
    found: list[Statement] = []
    for section, line, ours in _lines(block):
        if section in _QUOTING:
            _quote(section, line, to_seq, found)
        elif ours and section == VALUES:
            found += _values(line, to_seq)
        elif _SAYS.search(line) and not is_title(line) and line.strip(" \t-*+.()[]_").casefold() not in _NOTHING:
            found.append(_stated(section, line, to_seq))
    trimmed = (replace(s, text=s.text.strip()) for s in found[:MOST_STATEMENTS])
    return [s for s in trimmed if s.text]


def sources(block: str, to_seq: int) -> list[int]:
    """Numbers of the messages that a summary names, in order, each once, at most `MOST`."""
    return sorted({seq for one in statements(block, to_seq) for seq in one.sources})[:MOST]


def _lines(block: str) -> Iterator[tuple[str, str, bool]]:
    """Lines with the section they stand in and whether the service heads that; without headings, tags and the
    sentence that opens a block."""
    tag, framed = "conversation_summary>", block.startswith("<conversation_summary>")
    section, ours = None if framed else "", False
    for line in block.split("\n"):
        if line in _OURS:
            section, ours = _OURS[line], True
        elif framed and line in (f"<{tag}", f"</{tag}"):
            continue
        elif section in _QUOTING:
            yield section or "", line, ours  # a quotation may have headings of its own
        elif _HEADING.match(line):
            section, ours = line.strip(" \t#*:"), False
        elif section is not None:
            yield section, line, ours


def _quote(section: str, line: str, to_seq: int, found: list[Statement]) -> None:
    """A line of a quotation: of the one before, unless it begins the next. They stand in the order of seqs."""
    last = found[-1] if found and found[-1].section == section else None
    label = _LABEL.match(line)
    if label is not None and (last is None or (section == PINS and int(_SPAN.findall(label[1])[0][0]) > _end(last))):
        found.append(Statement(line[label.end() :], section, _seqs(label[1], to_seq)))
    elif last is not None:
        found[-1] = replace(last, text=f"{last.text}\n{line}")


def _values(line: str, to_seq: int) -> list[Statement]:
    """Exact values, `- ids: [3] a; b [9] c`, each from the message whose number stands before it."""
    found: list[Statement] = []
    sources: tuple[int, ...] = ()
    for value in filter(None, _VALUE.split(line.partition(": ")[2])):
        number = _NUMBER.fullmatch(value.strip())
        if number is not None:
            sources = _seqs(number[1], to_seq)
        elif value.strip():
            found.append(Statement(value, VALUES, sources, exact=True))
    return found


def _end(quote: Statement) -> int:
    return quote.sources[-1] if quote.sources else 0


def _stated(section: str, line: str, to_seq: int) -> Statement:
    bullet = _BULLET.match(line)
    line = line[bullet.end() :] if bullet is not None else line
    short = _spoken(line, section) if bullet is None else None
    if short is not None and _seqs(short[1], to_seq):
        text = line[short.end() :] if _SPEAKS.match(short[2]) else line[short.start(2) :]
        return Statement(text, section, _seqs(short[1], to_seq))
    label = _LABEL.match(line)
    named = set(_seqs(label[1], to_seq)) if label is not None else set[int]()
    for match in _SOURCE.finditer(line):
        named.update(_seqs(match[1] or match[2], to_seq))
    return Statement(line if label is None else line[label.end() :], section, tuple(sorted(named)))


def _spoken(line: str, section: str) -> re.Match[str] | None:
    """The short label that a line begins with. Under a model's headings only that of a known speaker: `3 options: `
    is none."""
    short = _SHORT.match(line)
    if short is None or len(short[2].split()) > _WORDS:
        return None
    return short if section in ("", BODY) or _SPEAKS.match(short[2]) else None


def _seqs(numbers: str, to_seq: int) -> tuple[int, ...]:
    """`3, 5-7` as numbers, those that there can be."""
    found: set[int] = set()
    for first, last in _SPAN.findall(numbers):
        a, b = int(first), int(last or first)
        found.update(range(a, b + 1) if a <= b < a + _WIDEST else (a, b))
    return tuple(sorted(n for n in found if 0 < n <= to_seq))
