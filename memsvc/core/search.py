"""Full-text search over messages: what is asked, how well a message fits, and the place that shows it.

There is no index. A session's log is read and looked through, newest limits aside: appends pay nothing for
searches that are seldom made, every part of an identifier can be found, scripts without spaces too, and what is
redacted is gone at once. Whether a message can fit at all is told by its bytes, so that few have to be taken apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from memsvc.core.model import Entry
from memsvc.core.original import folded, forms, whole
from memsvc.errors import InvalidRequest

MOST_TERMS = 32
INSIDE = 0.4
"""What a match inside a longer word counts, against one that is a word."""
K1, B = 1.2, 0.5
"""BM25: how soon repetition stops to count, how much long messages are held back (less than the usual 0.75: a tool's
long output is often what is looked for)."""
MOST_PLACES = 20
AROUND = 90
"""Characters of a snippet on either side of a match."""

_STEP = 256  # characters of a text that are folded at once to find a place in it

_QUOTED = re.compile(r'"([^"]{1,200})"')
_EDGES = " -+=~|\t\r\n.,;:!?()[]{}<>'\"`*。，、；：！？（）「」『』【】《》"
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+")
WORD = "[\\w\u20a0-\u20cf\u2100-\u2bff\U0001f000-\U0001faff]"
"""What a search may be for: letters and digits, signs of money, arrows, symbols, pictures."""
_WORD = re.compile(WORD)
_PLAIN = re.compile(rb"[a-z0-9_-]+")


class Query(Struct, frozen=True):
    """What is asked.

    Attributes:
        terms: texts that a message may have, case folded.
        phrases: how many of them, the first ones, it must have.
    """

    terms: tuple[str, ...]
    phrases: int

    @property
    def sieve(self) -> tuple[bytes, ...] | None:
        """Bytes of which a fitting message has one, in lower case; None = they do not tell."""
        found = []
        for term in self.terms[: self.phrases] or self.terms:
            longest = max(_PLAIN.findall(term.encode()), key=len, default=b"")
            if not term.isascii() or not longest:
                return None
            found.append(longest)
        return tuple(found)


def parse(text: str) -> Query:
    """Words, and phrases in quotation marks, which must be there word for word. Nothing is an operator.

    Raises InvalidRequest for a text without a word."""
    phrases = [folded(p.strip()) for p in _QUOTED.findall(text)]
    words: list[str] = []
    for chunk in _QUOTED.sub(" ", text).split():
        words += _parts(folded(chunk.strip(_EDGES)))
    phrases = [p for p in dict.fromkeys(phrases) if _WORD.search(p)]
    words = [w for w in dict.fromkeys(words) if w not in phrases]
    if not phrases and not words:
        raise InvalidRequest("`q` has no word to look for; send one or more words", field="q")
    return Query((*phrases, *words)[:MOST_TERMS], min(len(phrases), MOST_TERMS))


def _parts(chunk: str) -> list[str]:
    """A chunk as terms: scripts without spaces in pairs of characters, all else as it is."""
    found, rest = [], chunk
    for run in _UNSPACED.findall(chunk):
        found += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        rest = rest.replace(run, " ")
    return found + [part for part in rest.split() if _WORD.search(part)]


class Match(Struct, frozen=True):
    """A message that fits.

    Attributes:
        counts: of each term, matches inside longer words at `INSIDE`.
        length: characters of the message.
    """

    seq: int
    counts: tuple[float, ...]
    length: int


@dataclass(slots=True)
class Scan:
    """Messages looked through so far."""

    query: Query
    matches: list[Match] = field(default_factory=list)
    messages: int = 0
    _sieve: tuple[bytes, ...] | None = field(init=False)

    def __post_init__(self) -> None:
        self._sieve = self.query.sieve

    def look(self, entries: Iterable[Entry]) -> None:
        """Look through messages."""
        for entry in entries:
            if entry.redacted:
                continue
            self.messages += 1
            if self._sieve is not None and b"\\u" not in entry.raw:
                raw = entry.raw.lower()
                if not any(part in raw for part in self._sieve):
                    continue
            texts = [folded(form) for form in forms(whole(entry))]
            counts = tuple(max(_count(term, text) for text in texts) for term in self.query.terms)
            if any(counts) and all(counts[: self.query.phrases]):
                self.matches.append(Match(entry.seq, counts, len(texts[0])))

    def best(self, limit: int) -> list[tuple[Match, float]]:
        """The best matches and their scores, of equal ones the newer first."""
        n = max(1, self.messages)
        mean = sum(m.length for m in self.matches) / max(1, len(self.matches)) or 1.0
        weights = [
            math.log(1 + (n - have + 0.5) / (have + 0.5))
            for have in (sum(m.counts[t] > 0 for m in self.matches) for t in range(len(self.query.terms)))
        ]
        scored = [(m, _score(m, weights, mean)) for m in self.matches]
        return sorted(scored, key=lambda one: (-one[1], -one[0].seq))[:limit]


def _count(term: str, text: str) -> float:
    """How often a term stands in a text; of one in ASCII, what is inside a longer word counts `INSIDE`."""
    if not term.isascii():
        return float(text.count(term))
    found, size, at = 0.0, len(term), text.find(term)
    while at >= 0:
        end = at + size
        inside = (at > 0 and _is_word(text[at - 1])) or (end < len(text) and _is_word(text[end]))
        found += INSIDE if inside else 1.0
        at = text.find(term, end)
    return found


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _score(match: Match, weights: Sequence[float], mean: float) -> float:
    held = K1 * (1 - B + B * match.length / mean)
    return sum(w * c * (K1 + 1) / (c + held) for w, c in zip(weights, match.counts, strict=True) if c)


def snippet(entry: Entry, query: Query) -> str:
    """The part of a message that shows most terms close together, on one line."""
    return " ".join(around(whole(entry), query, AROUND).split())


def around(text: str, query: Query, before: int) -> str:
    """The part of a text that shows most terms close together: so many characters before them, twice as many after."""
    found = [(form, folded(form)) for form in forms(text)]
    text, low = max(found, key=lambda one: sum(term in one[1] for term in query.terms))
    places = sorted(at for term in query.terms for at in _places(low, term)) or [0]
    best = max(places, key=lambda at: len({low[o : o + 3] for o in places if at <= o <= at + AROUND}))
    if len(low) != len(text):  # its places are not those of the original
        best = _original(text, best)
    start, end = max(0, best - before), min(len(text), best + 2 * before)
    return ("… " if start else "") + text[start:end] + (" …" if end < len(text) else "")


def _original(text: str, at: int) -> int:
    """Where in a text stands what is `at` characters into its folded form, which may be longer or shorter."""
    before = 0
    for start in range(0, len(text), _STEP):
        piece = text[start : start + _STEP]
        size = len(folded(piece))
        if before + size > at:
            return start + next((i for i in range(len(piece)) if before + len(folded(piece[: i + 1])) > at), 0)
        before += size
    return len(text)


def _places(text: str, term: str) -> list[int]:
    """Where a term stands: its first `MOST_PLACES`."""
    found: list[int] = []
    at = text.find(term)
    while at >= 0 and len(found) < MOST_PLACES:
        found.append(at)
        at = text.find(term, at + len(term))
    return found
