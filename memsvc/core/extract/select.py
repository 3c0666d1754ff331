"""Which statements to keep: greedy coverage of rare terms within a token budget.

Each step takes the statement that adds the most unseen information per token; a term that is
covered already counts for little. Newer statements weigh more, and an older one that a newer
one restates or revises is not chosen, so that the latest value wins. Sums are exact, so that
they do not depend on the order of what is summed.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Sequence

from memsvc.core.extract.reading import Reading

_SEEN = 0.45
"""What a term is worth each further time it is covered."""
_COST_POWER = 0.9  # below 1: slightly longer statements are preferred over fragments
_LINE_TOKENS = 5  # the `12 user:` before a line and its line break
_BESIDE = 1.25  # what a statement is worth more beside one that was chosen: they explain each other
_JOIN_TOKENS = 1
_OLDEST = 0.95  # weight of the oldest statement; the newest weighs 1
_LEAST_WEIGHT = 0.3  # below it a statement is small talk, kept only where there is nothing else
_LEAST_TOKENS = 5  # less than this left: stop
_PATIENCE = 12  # re-evaluations per statement, on average, after which scores are taken as they are

_DECISIVE = 1.05


def choose(reading: Reading, told: frozenset[int], budget_tokens: int, count: Callable[[str], int]) -> list[int]:
    """Indices of the chosen statements, most wanted first; about `budget_tokens` in all. Those in `told` are
    quoted elsewhere: they are not chosen, and what they say need not be said again."""
    return _Greedy(reading, _base_weights(reading), count).run(budget_tokens, told)


def _base_weights(reading: Reading) -> list[float]:
    last = max(1, reading.units[-1].message)
    out = []
    for i, unit in enumerate(reading.units):
        weight = unit.weight * reading.likely[i] * (_OLDEST + (1 - _OLDEST) * unit.message / last)
        out.append(weight * _DECISIVE if reading.decides[i] else weight)
    return out


class _Greedy:
    """The state of one selection: what is covered, what each statement would still add."""

    def __init__(self, reading: Reading, base: Sequence[float], count: Callable[[str], int]) -> None:
        self._units, self._terms, self._weights = reading.units, reading.terms, reading.vocabulary.weights
        self._base, self._count, self._stale = base, count, reading.stale
        self._seen: Counter[str] = Counter()
        self._cost = [_estimate(u.text) for u in reading.units]
        self._exact = [False] * len(reading.units)
        self._open: set[int] = set()
        self._siblings: dict[int, list[int]] = {}
        for i, unit in enumerate(reading.units):
            self._siblings.setdefault(unit.message, []).append(i)

    def run(self, budget: int, told: frozenset[int]) -> list[int]:
        chosen: list[int] = []
        taken = set(told)
        for i in told:
            self._seen.update(self._terms[i])
            self._open.add(self._units[i].message)
        wanted = self._wanted(told)
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
            message = self._units[i].message
            if message not in self._open:
                self._open.add(message)
                for near in (message, message - 1, message + 1):
                    for j in self._siblings.get(near, ()):
                        if j not in taken and self._terms[j] and j not in self._stale:
                            heapq.heappush(heap, (-self._score(j), j))
        return chosen

    def _wanted(self, told: frozenset[int]) -> Sequence[int]:
        """What may be chosen: nothing out of date, no small talk, unless there is nothing else."""
        every = [i for i in range(len(self._units)) if i not in told]
        current = [i for i in every if i not in self._stale]
        if not current:
            self._stale, current = frozenset(), every
        return [i for i in current if self._terms[i] and self._base[i] >= _LEAST_WEIGHT] or current

    def _price(self, i: int) -> int:
        """Tokens this statement would add: a further one of an open message needs no label."""
        frame = _JOIN_TOKENS if self._units[i].message in self._open else _LINE_TOKENS
        return self._cost[i] + frame

    def _measure(self, i: int) -> None:
        """Count a candidate's tokens once it is near the top; the others stay estimated."""
        if not self._exact[i]:
            self._cost[i], self._exact[i] = self._count(self._units[i].text), True

    def _score(self, i: int) -> float:
        seen, weight = self._seen, self._weights
        gain = math.fsum([weight[t] * _SEEN ** seen[t] if t in seen else weight[t] for t in self._terms[i]])
        message, opened = self._units[i].message, self._open
        if message in opened or message - 1 in opened or message + 1 in opened:
            gain *= _BESIDE
        return float(self._base[i] * gain / self._price(i) ** _COST_POWER)


def _estimate(text: str) -> int:
    """Rough tokens of a text without counting: dense scripts take about one per character."""
    return 1 + (len(text) // 4 if text.isascii() else len(text.encode()) // 4)
