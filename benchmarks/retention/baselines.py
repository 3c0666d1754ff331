"""Compactors to compare with: functions of messages and a budget, as frameworks have them.

Each returns messages of at most `budget` tokens. They have no log: what a compaction leaves out is gone for the next.
`coverage` is the strongest one known that needs no model; the others are what is in use.
"""

from __future__ import annotations

import heapq
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.retention.messages import OVERHEAD, Json, count, groups, size, sizes, text_of

Compactor = Callable[[list[Json], int], list[Json]]
LONGEST, NOTE_TOKENS, LEAST_LEFT = 1500, 12, 8
"""Characters of a sentence; tokens that the summary's first line is taken for; a remainder not worth filling."""
STRONG, REPEATED, LENGTH_POWER = 2.0, 0.35, 0.9
DAMPING, ROUNDS = 0.85, 30
_SENTENCE = re.compile(r"(?<=[.!?。！？…])[\"')\]]*\s+|(?<=[。！？])|\n+")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_'./:@#%-]*|[\u4e00-\u9fff]")
_SIGN = re.compile(r"\d+|[\u4e00-\u9fff]")
_NAME = re.compile(r"(?<![.!?:] )(?<!^)\b[A-Z][a-zA-Z0-9]+")
_SPEAKER = re.compile(r"^(\[[^\]]*\] )?[A-Z][a-z]+: |^\[(user|assistant|tool)\] ")
_HEAD = "[Summary of the earlier conversation]"
_COMMON_WORDS = """
    a about all also an and any are as at be been but by can can't could did didn't do does don't for from get good
    got had has have he her here hers him his how i i'd i'll i'm i've if in into is it it's its just let's like me
    more my no not of oh on or our out really she so some than that that's the their them then there these they this
    those to too up us very was we well were what when where which who will with would yeah yes you you're your yours
    great
"""
_COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True, slots=True)
class Sentence:
    """A part of a message: which message, which part of it."""

    message: int
    part: int
    text: str


def words(text: str) -> list[str]:
    """Words in lower case."""
    return [w.lower().strip("'./:") for w in _WORD.findall(text)]


def recent(messages: Sequence[Json], budget: int) -> int:
    """Index of the first message of the longest end that fits."""
    tokens, start, used = sizes(messages), len(messages), 0
    for group in reversed(groups(messages)):
        used += sum(tokens[i] for i in group)
        if used > budget:
            break
        start = group.start
    while start < len(messages) and messages[start]["role"] == "tool":
        start += 1
    return start


def keep_last(messages: list[Json], budget: int) -> list[Json]:
    """A sliding window."""
    return messages[recent(messages, budget) :]


def head_tail(messages: list[Json], budget: int) -> list[Json]:
    """Half of the budget for the beginning, half for the end."""
    start = recent(messages, budget // 2)
    tail, head, used = messages[start:], 0, size(messages[start:])
    tokens = sizes(messages)
    for group in groups(messages):
        used += sum(tokens[i] for i in group)
        if group.stop > start or used > budget:
            break
        head = group.stop
    return messages[:head] + tail


Ranking = Callable[[Sequence[Sentence], Sequence[int], int], list[int]]
"""Chooses sentences for a budget, given what each costs."""


def extractive(chosen: Ranking, share: float) -> Compactor:
    """A compactor that quotes sentences, and keeps the end for a share of the budget."""

    def compact(given: list[Json], budget: int) -> list[Json]:
        messages = _opened(given)
        start = recent(messages, int(budget * share))
        tail = messages[start:]
        found = _sentences(messages[:start])
        room = budget - size(tail)
        picked = chosen(found, [count(s.text) + OVERHEAD for s in found], room) if found else []
        while picked:
            out = [_rendered(messages, [found[j] for j in sorted(picked)]), *tail]
            if size(out) <= budget:
                return out
            picked = picked[: -max(1, len(picked) // 50)]
        return tail

    return compact


def _sentences(messages: Sequence[Json]) -> list[Sentence]:
    return [
        Sentence(i, k, text[:LONGEST])
        for i, message in enumerate(messages)
        for k, text in enumerate(s.strip() for s in _SENTENCE.split(text_of(message)) if s is not None)
        if len(text) > 1
    ]


def _opened(messages: Sequence[Json]) -> list[Json]:
    """The lines of an earlier summary as messages of their own: else all of it would become one line."""
    if not messages or not text_of(messages[0]).startswith(_HEAD):
        return list(messages)
    lines = text_of(messages[0]).split("\n")[1:]
    return [{"role": "user", "content": line.removeprefix("- ")} for line in lines] + list(messages[1:])


def _rendered(messages: Sequence[Json], found: Sequence[Sentence]) -> Json:
    lines: list[str] = []
    last = -1
    for one in found:
        if one.message == last:
            lines[-1] += " " + one.text
        else:
            speaker = "" if _SPEAKER.match(one.text) else f"[{messages[one.message]['role']}] "
            lines.append(f"- {speaker}{one.text}")
        last = one.message
    return {"role": "user", "content": "\n".join([_HEAD, *lines])}


def _first(order: Sequence[int], costs: Sequence[int], budget: int) -> list[int]:
    """As many in this order as fit."""
    picked, used = [], NOTE_TOKENS
    for j in order:
        if used + costs[j] <= budget:
            picked.append(j)
            used += costs[j]
        if budget - used < LEAST_LEFT:
            break
    return picked


def at_random(found: Sequence[Sentence], costs: Sequence[int], budget: int) -> list[int]:
    """Sentences drawn by lot."""
    order = list(range(len(found)))
    random.Random(0).shuffle(order)
    return _first(order, costs, budget)


def textrank(found: Sequence[Sentence], costs: Sequence[int], budget: int) -> list[int]:
    """Sentences by their rank in the graph of their likeness (TF-IDF, cosine)."""
    rows = _tfidf(found)
    many = len(rows)
    degree = [d or 1.0 for d in _times(rows, [1.0] * many)]
    rank = [1 / many] * many
    for _ in range(ROUNDS):
        spread = _times(rows, [r / d for r, d in zip(rank, degree, strict=True)])
        rank = [(1 - DAMPING) / many + DAMPING * x for x in spread]
    return _first(sorted(range(many), key=lambda j: -rank[j]), costs, budget)


def _tfidf(found: Sequence[Sentence]) -> list[dict[str, float]]:
    counts = [Counter(w for w in words(s.text) if w not in _COMMON) for s in found]
    known = Counter(term for terms in counts for term in terms)
    rows = []
    for terms in counts:
        row = {t: (1 + math.log(n)) * (math.log((1 + len(found)) / (1 + known[t])) + 1) for t, n in terms.items()}
        length = math.sqrt(sum(v * v for v in row.values())) or 1.0
        rows.append({t: v / length for t, v in row.items()})
    return rows


def _times(rows: Sequence[dict[str, float]], vector: Sequence[float]) -> list[float]:
    """X Xᵀ v for the sparse matrix X of the rows."""
    total: Counter[str] = Counter()
    for row, x in zip(rows, vector, strict=True):
        for term, value in row.items():
            total[term] += value * x  # type: ignore[assignment]
    return [sum(value * total[term] for term, value in row.items()) for row in rows]


def coverage(found: Sequence[Sentence], costs: Sequence[int], budget: int) -> list[int]:
    """Greedy: the most weight of rare terms not yet covered for a token; numbers and names count double."""
    terms = [{w for w in words(s.text) if (w not in _COMMON and len(w) > 1) or _SIGN.fullmatch(w)} for s in found]
    known = Counter(term for held in terms for term in held)
    names = {name.lower() for s in found for name in _NAME.findall(s.text)}
    weight = {
        t: math.log(1 + len(found) / n) * (STRONG if t in names or any(c.isdigit() for c in t) else 1.0)
        for t, n in known.items()
    }
    seen: Counter[str] = Counter()

    def gain(j: int) -> float:
        return sum(weight[t] * math.pow(REPEATED, seen[t]) for t in sorted(terms[j])) / math.pow(costs[j], LENGTH_POWER)

    heap = [(-gain(j), j) for j in range(len(found)) if terms[j]]
    heapq.heapify(heap)
    picked, used = [], NOTE_TOKENS
    while heap and budget - used > LEAST_LEFT:
        _, j = heapq.heappop(heap)
        now = -gain(j)
        if heap and now > heap[0][0] + 1e-12:
            heapq.heappush(heap, (now, j))
        elif used + costs[j] <= budget:
            picked.append(j)
            used += costs[j]
            seen.update(terms[j])
    return picked


BASELINES: dict[str, Compactor] = {
    "keep_last": keep_last,
    "head_tail": head_tail,
    "random": extractive(at_random, 0.5),
    "textrank": extractive(textrank, 0.5),
    "coverage 50": extractive(coverage, 0.5),
    "coverage 20": extractive(coverage, 0.2),
}
"""By name; a number is the share of the budget, in percent, that the end of the conversation is kept for."""
