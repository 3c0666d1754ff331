"""Measures of what a context still holds, without a model (README.md says what each means).

A *window* is `WINDOW` consecutive non-blank lines. Words are compared by their English stems; a Chinese character is
a word of its own. A question counts only where the whole history satisfies the measure.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmarks.retention.messages import Json, joined, text_of

WINDOW, TOP = 3, 5
ENOUGH, EVIDENT = 0.8, 0.7
"""Share of an answer's stems, and of an evidence turn's, that a window must have."""
K1_FRAME, K1_LENGTH = 0.2, 0.3
"""A window's length in the ranking: 1 + 0.2 + 0.3 x (length / mean - 1)."""
_WORD = re.compile(r"[a-z0-9]+(?:[.'][a-z0-9]+)*|[\u4e00-\u9fff]")
_NO_CONTENT_WORDS = """
    a an and are as at be been but by can could d did do does for from had has have he her him his how i if image
    in into is it its just ll m me my no not of on or our re s shares she so t than that the their them then there
    these they this those to up us was we were ve what when where which who will with would you your
"""
_NO_CONTENT = frozenset(_NO_CONTENT_WORDS.split())
_ARTICLES = frozenset(("a", "an", "the"))
_SPEAKER = re.compile(r"^(\[[^\]]*\] )?\w+: ")
_MADE_UP = 5
"""LoCoMo's category of questions that have no answer."""


@cache
def _stemmer() -> Any:
    import snowballstemmer  # of requirements-dev.txt

    return snowballstemmer.stemmer("english")


@cache
def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))


def stems(text: str) -> list[str]:
    """The stems of the words that carry content."""
    return [_stem(w.replace("'", "")) for w in _WORD.findall(text.lower()) if w not in _NO_CONTENT]


def plain(text: str) -> str:
    """A text as its words alone, for looking one up in another."""
    return " " + " ".join(w for w in _WORD.findall(text.lower()) if w not in _ARTICLES) + " "


class Windows:
    """A context cut into overlapping windows, and an index of them by stem."""

    def __init__(self, messages: Sequence[Json], width: int = WINDOW) -> None:
        lines = [line for m in messages for line in text_of(m).split("\n") if line.strip()]
        held = [frozenset(stems(line)) for line in lines]
        many = max(1, len(held) - width + 1) if held else 0
        self.plain = plain(joined(messages))
        self._windows = [frozenset().union(*held[i : i + width]) for i in range(many)]
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        for i, window in enumerate(self._windows):
            for stem in window:
                self._by_stem[stem].append(i)
        self._mean = sum(map(len, self._windows)) / many if many else 1.0

    def best(self, wanted: Iterable[str]) -> float:
        """The largest share of the wanted stems that one window has."""
        asked = set(wanted)
        hits = Counter(i for stem in asked for i in self._by_stem.get(stem, ()))
        return max(hits.values()) / len(asked) if hits else 0.0

    def found(self, question: Iterable[str]) -> frozenset[str]:
        """The stems of the windows that BM25 ranks first for a question."""
        score: dict[int, float] = defaultdict(float)
        many = len(self._windows)
        for stem in sorted(set(question)):
            places = self._by_stem.get(stem, ())
            weight = math.log(1 + (many - len(places) + 0.5) / (len(places) + 0.5))
            for i in places:
                length = len(self._windows[i]) / self._mean - 1
                score[i] += weight / (1 + K1_LENGTH * length + K1_FRAME)
        first = sorted(score, key=lambda i: (-score[i], i))[:TOP]
        return frozenset().union(*(self._windows[i] for i in first))


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its accepted answers, and which measures the whole history satisfies."""

    stems: tuple[str, ...]
    answers: tuple[str, ...]
    parts: tuple[frozenset[str], ...]
    evidence: tuple[frozenset[str], ...]
    able: frozenset[str] = frozenset()

    def measured(self, context: Windows) -> dict[str, bool]:
        """The three measures of the answer."""
        seen = context.found(self.stems)
        return {
            "ans_str": any(a in context.plain for a in self.answers),
            "ans_win": any(p and context.best(p) >= ENOUGH for p in self.parts),
            "bm25@5": any(p and len(p & seen) >= ENOUGH * len(p) for p in self.parts),
        }


def questions(conversation: Json) -> list[Question]:
    """The questions of a conversation that have an answer."""
    messages = conversation["messages"]
    whole = Windows(messages)
    turns: dict[str, list[str]] = defaultdict(list)
    for message, meta in zip(messages, conversation["meta"], strict=True):
        if "dia_id" in meta:
            turns[meta["dia_id"]].append(text_of(message))
    evidence = {name: frozenset(stems(_SPEAKER.sub("", " ".join(said)))) for name, said in turns.items()}
    made = []
    for asked in conversation["qa"]:
        if asked["category"] == _MADE_UP or not asked["a"]:
            continue
        answers = [str(a) for a in asked.get("aliases") or [asked["a"]]]
        named = [n for e in asked["evidence"] for n in ([e] if e in evidence else re.split(r"[;,\s]+", str(e)))]
        question = Question(
            tuple(stems(asked["q"])),
            tuple(map(plain, answers)),
            tuple(frozenset(stems(a)) for a in answers),
            tuple(evidence[n] for n in named if evidence.get(n)),
        )
        able = frozenset(name for name, holds in question.measured(whole).items() if holds)
        made.append(Question(question.stems, question.answers, question.parts, question.evidence, able))
    return made


def answered(asked: Sequence[Question], messages: Sequence[Json]) -> dict[str, list[float]]:
    """For each measure the values of all questions that count."""
    context = Windows(messages)
    out: dict[str, list[float]] = defaultdict(list)
    for question in asked:
        for name, holds in question.measured(context).items():
            if name in question.able:
                out[name].append(float(holds))
        for turn in question.evidence:
            share = context.best(turn)
            out["ev_soft"].append(share)
            out["ev_hit"].append(float(share >= EVIDENT))
    return dict(out)


def stated(rule: str, messages: Sequence[Json]) -> bool:
    """Whether one line of a context states a rule."""
    return Windows(messages, width=1).best(stems(rule)) >= ENOUGH
