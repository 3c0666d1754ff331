"""Where texts come from that name no message: looked for in the originals, which are read once, in order.

An exact value comes from the last message that holds it. A point in somebody's own words comes from the messages
that have most of its words, rare ones above all; where none has enough of them, nobody knows.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterable

from memsvc.core.flatten import said
from memsvc.core.model import Entry
from memsvc.core.patterns import regex

_WORD = regex(r"\w+")
_UNSPACED = regex("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+")
_HEAD, _TAIL = 60_000, 20_000  # characters read of one message
_LEAST_CHARS, _TELLING_CHARS = 3, 5
_COMMON = 0.3  # weight of a short word without a digit
_NEWEST = 64  # messages kept for a word
_MOST_TERMS = 40  # of one point
_ENOUGH = 0.5  # share of a point's weight that a message must have
_NEAR = 0.85  # share of the best one's part that another must have
_MOST_SOURCES = 3


class Trace:
    """What the messages looked through so far hold of some texts.

    Args:
        values: exact values.
        points: texts in somebody's own words.
    """

    def __init__(self, values: Iterable[str], points: Iterable[str]) -> None:
        self._last: dict[str, int] = {}
        self._by_word: defaultdict[str, list[str]] = defaultdict(list)
        self._anywhere: list[str] = []
        for value in dict.fromkeys(values):
            word = max(_WORD.findall(value), key=len, default="")
            if value.isascii() and word:
                self._by_word[word].append(value)
            else:
                self._anywhere.append(value)
        self._terms = {point: _terms(point)[:_MOST_TERMS] for point in dict.fromkeys(points)}
        self._wanted = {term for terms in self._terms.values() for term in terms}
        self._seen: Counter[str] = Counter()
        self._where: defaultdict[str, deque[int]] = defaultdict(lambda: deque(maxlen=_NEWEST))
        self._messages = 0

    def look(self, entry: Entry) -> None:
        """Look through one message; they come in seq order."""
        self._messages += 1
        text = said(entry).whole
        if len(text) > _HEAD + _TAIL:
            text = f"{text[:_HEAD]}\n{text[-_TAIL:]}"
        for word in self._by_word.keys() & set(_WORD.findall(text)):
            for value in self._by_word[word]:
                if value in text:
                    self._last[value] = entry.seq
        for value in self._anywhere:
            if value in text:
                self._last[value] = entry.seq
        if self._wanted:
            for term in self._wanted.intersection(_terms(text)):
                self._seen[term] += 1
                self._where[term].append(entry.seq)

    def value(self, text: str) -> tuple[int, ...]:
        """The last message so far that holds an exact value; empty for none."""
        seq = self._last.get(text)
        return () if seq is None else (seq,)

    def point(self, text: str) -> tuple[int, ...]:
        """The messages so far, at most `_MOST_SOURCES`, that have most of what a point says; empty for none."""
        weights = {term: self._weight(term) for term in self._terms[text]}
        total, scores = sum(weights.values()), defaultdict[int, float](float)
        for term, weight in weights.items():
            for seq in self._where.get(term, ()):
                scores[seq] += weight
        best = max(scores.values(), default=0.0)
        if not total or best < _ENOUGH * total:
            return ()
        return tuple(sorted(sorted((s for s, x in scores.items() if x >= _NEAR * best), reverse=True)[:_MOST_SOURCES]))

    def _weight(self, term: str) -> float:
        have = self._seen[term]
        rare = math.log(1 + (self._messages - have + 0.5) / (have + 0.5))
        telling = len(term) >= _TELLING_CHARS or not term.isascii() or any(c.isdigit() for c in term)
        return rare if telling else _COMMON * rare


def _terms(text: str) -> list[str]:
    """The words of a text, each once; of scripts without spaces pairs of characters."""
    found: dict[str, None] = {}
    for word in _WORD.findall(text.casefold()):
        if word.isascii():
            if len(word) >= _LEAST_CHARS or word.isdigit():
                found[word] = None
            continue
        for run in _UNSPACED.findall(word):
            found.update((run[i : i + 2], None) for i in range(len(run) - 1))
        found.update((part, None) for part in _UNSPACED.split(word) if len(part) >= _LEAST_CHARS)
    return list(found)
