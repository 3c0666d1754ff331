"""Which statements to keep: greedy coverage of rare terms within a token budget.

Each step takes the statement that adds the most unseen information per token; a term that is
covered already counts for little. Newer statements weigh more, and an older one that a newer
one restates or revises weighs little, so that the latest value wins.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Callable, Sequence

from memsvc.core.extract.terms import Vocabulary
from memsvc.core.extract.units import Unit

_SEEN = 0.45
"""What a term is worth each further time it is covered."""
_COST_POWER = 0.9  # below 1: slightly longer statements are preferred over fragments
_LINE_TOKENS = 6  # the `[12 user]` before a line and its line break
_JOIN_TOKENS = 1
_OLDEST = 0.95  # weight of the oldest statement; the newest weighs 1
_STALE = 0.05  # weight of a statement that a later one revises
_RESTATED = 0.6  # share of a statement's information that a later one must repeat
_SAME_TOPIC, _TOPIC_TERMS = 0.75, 3  # share and number of terms that make one topic
_LINKS = 6  # rarest terms by which a later restatement is looked for
_LEAST_TOKENS = 5  # less than this left: stop
_PATIENCE = 12  # re-evaluations per statement, on average, after which scores are taken as they are

_DECISION = re.compile(
    r"\b(?:decid\w*|agreed?|chose\w*|choos\w+|settled on|go(?:ing)? with|we(?:'ll| will)|let'?s|instead|"
    r"root cause|fix(?:ed)?|because|prefer\w*|must|need(?:s|ed)? to|plan\w*|deadline|confirm\w*|goal|"
    r"requirement\w*|remember|important|actually|no longer|changed?|updated?|correction)\b"
    r"|决定|确认|改为|改成|计划|因为|需要|必须|記住|记住|喜欢|不再|決め|変更",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"\b(?:now|instead|no longer|changed?|moved|switch(?:ed)?|updated?|actually|correction|rather than|"
    r"revised|new|ahora|jetzt|maintenant)\b|改为|改成|改到|变成|现在|不再|変更|今は",
    re.IGNORECASE,
)
_IS = re.compile(r"\s(?:is|are|will be|costs?)\s|\s?[:=]\s|是")
_SUBJECT_CHARS = 80
_SPEAKER = re.compile(r"\w{1,30}: ")  # "Anna: my car is red" is about the car
_BROKEN = re.compile(r"[.,;:!?]")
_DECISIVE = 1.05
_QUESTION = 0.8


def choose(
    units: Sequence[Unit],
    terms: Sequence[frozenset[str]],
    vocabulary: Vocabulary,
    budget_tokens: int,
    count: Callable[[str], int],
) -> list[int]:
    """Indices of the chosen statements, most wanted first; about `budget_tokens` in all."""
    base = _base_weights(units, terms, vocabulary)
    return _Greedy(units, terms, vocabulary, base, count).run(budget_tokens)


def _base_weights(
    units: Sequence[Unit],
    terms: Sequence[frozenset[str]],
    vocabulary: Vocabulary,
) -> list[float]:
    last = max(1, units[-1].message)
    stale = _superseded(units, terms, vocabulary)
    out = []
    for i, unit in enumerate(units):
        weight = unit.weight * (_OLDEST + (1 - _OLDEST) * unit.message / last)
        if _DECISION.search(unit.text):
            weight *= _DECISIVE
        if unit.text.endswith(("?", "\uff1f")):
            weight *= _QUESTION
        out.append(weight * (_STALE if i in stale else 1.0))
    return out


def _superseded(units: Sequence[Unit], terms: Sequence[frozenset[str]], vocabulary: Vocabulary) -> set[int]:
    """Statements that a later one repeats or revises.

    One pass from the end; each statement is compared with the two nearest later ones that share
    most of its rarest terms, so the work grows with the number of terms only.
    """
    latest: dict[str, int] = {}
    subjects: dict[str, int] = {}
    stale: set[int] = set()
    for i in range(len(units) - 1, -1, -1):
        mine, unit = terms[i], units[i]
        subject = _subject(unit.text, vocabulary)
        if subject and subjects.setdefault(subject, unit.message) > unit.message:
            stale.add(i)
        shared = sorted((t for t in mine if t in latest), key=lambda t: (-vocabulary.weight(t), t))[:_LINKS]
        for j, _ in Counter(latest[t] for t in shared).most_common(2):
            newer = units[j].message > unit.message and len(mine) > 1
            if newer and _replaces(units[j].text, terms[j], mine, vocabulary):
                stale.add(i)
        for term in mine:
            latest[term] = i
    return stale


def _subject(text: str, vocabulary: Vocabulary) -> str:
    """What a statement of the form "X is Y" is about, in a form to compare; "" if it has another form."""
    speaker = _SPEAKER.match(text)
    start = speaker.end() if speaker else 0
    match = _IS.search(text, start, start + _SUBJECT_CHARS)
    if match is None or _BROKEN.search(text, start, match.start()):
        return ""
    terms = vocabulary.terms(text[start : match.start()])
    return " ".join(sorted(terms)) if any(not vocabulary.is_value(t) for t in terms) else ""


def _replaces(text: str, new: frozenset[str], old: frozenset[str], vocabulary: Vocabulary) -> bool:
    """Whether a later statement says what an earlier one said, or that it changed.

    Where it speaks of change, numbers and names may differ: they are what has changed.
    """
    if vocabulary.value(old & new) >= _RESTATED * vocabulary.value(old):
        return True
    topic = {t for t in old if not vocabulary.is_value(t)}
    kept = topic & new
    if len(kept) < _TOPIC_TERMS or vocabulary.value(kept) < _SAME_TOPIC * vocabulary.value(topic):
        return False
    return _CHANGE.search(text) is not None


class _Greedy:
    """The state of one selection: what is covered, what each statement would still add."""

    def __init__(
        self,
        units: Sequence[Unit],
        terms: Sequence[frozenset[str]],
        vocabulary: Vocabulary,
        base: Sequence[float],
        count: Callable[[str], int],
    ) -> None:
        self._units, self._terms, self._vocabulary = units, terms, vocabulary
        self._base, self._count = base, count
        self._seen: Counter[str] = Counter()
        self._cost = [_estimate(u.text) for u in units]
        self._exact = [False] * len(units)
        self._open: set[int] = set()
        self._siblings: dict[int, list[int]] = {}
        for i, unit in enumerate(units):
            self._siblings.setdefault(unit.message, []).append(i)

    def run(self, budget: int) -> list[int]:
        chosen: list[int] = []
        taken: set[int] = set()
        every = range(len(self._units))
        wanted = [i for i in every if self._terms[i]] or every  # nothing but small talk: keep some of it
        heap = [(-self._score(i), i) for i in wanted]
        heapq.heapify(heap)
        patience = _PATIENCE * len(heap)
        while heap and budget >= _LEAST_TOKENS:
            score, i = heapq.heappop(heap)
            if i in taken or self._price(i) > 2 * budget + 20:
                continue
            self._measure(i)
            now = -self._score(i)
            if now > score + 1e-12 and heap and now > heap[0][0] and patience:
                patience -= 1
                heapq.heappush(heap, (now, i))
                continue
            if self._price(i) > budget:
                continue
            budget -= self._price(i)
            chosen.append(i)
            taken.add(i)
            self._seen.update(self._terms[i])
            if self._units[i].message not in self._open:
                self._open.add(self._units[i].message)
                for j in self._siblings[self._units[i].message]:
                    if j not in taken and self._terms[j]:
                        heapq.heappush(heap, (-self._score(j), j))
        return chosen

    def _price(self, i: int) -> int:
        """Tokens this statement would add: a further one of an open message needs no label."""
        frame = _JOIN_TOKENS if self._units[i].message in self._open else _LINE_TOKENS
        return self._cost[i] + frame

    def _measure(self, i: int) -> None:
        """Count a candidate's tokens once it is near the top; the others stay estimated."""
        if not self._exact[i]:
            self._cost[i], self._exact[i] = self._count(self._units[i].text), True

    def _score(self, i: int) -> float:
        seen, weight = self._seen, self._vocabulary.weight
        gain = sum(weight(t) * _SEEN ** seen[t] if t in seen else weight(t) for t in self._terms[i])
        return float(self._base[i] * gain / self._price(i) ** _COST_POWER)


def _estimate(text: str) -> int:
    """Rough tokens of a text without counting: dense scripts take about one per character."""
    return 1 + (len(text) // 4 if text.isascii() else len(text.encode()) // 4)
