"""What later words made untrue: of a fact that was stated again or revised, only the newest statement counts.

Two statements are about the same when they share most of their telling words. The later one repeats the earlier, or
speaks of a change, or is one of those that can hold for one value only ("the launch is on 3 May") and has another value
in that place. Where several values differ ("wall 1 is red", "wall 2 is green"), where the value is what is spoken of
("room 12 is ready") or where something happened ("we went to Rome"), both stay.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from memsvc.core.extract.cues import HEADED
from memsvc.core.extract.terms import Vocabulary, words
from memsvc.core.extract.units import Unit
from memsvc.core.extract.wording import UNSPACED

_RESTATED = 0.6  # share of a statement's information that a later one must repeat
_SAME_TOPIC, _TOPIC_TERMS = 0.75, 3  # share and number of terms that make one topic
_ONE_VALUE_TOPIC, _ONE_VALUE_TERMS = 0.45, 2  # the same where a value stands against a value
_LINKS, _NEAREST = 6, 3  # rarest terms by which a later statement is looked for; how many of those are compared
_MOST_SENTENCES = 3  # of a message that is one fact
_MOST_TERMS = 24  # a longer statement says more than one thing
_FEW = 3  # terms of a statement so short that one in common may be all of it
_SUBJECT_CHARS, _SUBJECT_TERMS = 80, 2  # of what "X is Y" is about; with "my" before it one term is enough

_CHANGE = re.compile(
    r"\b(?:now|instead|no longer|changed?|moved|switch(?:ed)?|updated?|actually|correction|rather than|"
    r"revised|new|ahora|jetzt|maintenant)\b|改为|改成|改到|变成|现在|不再|変更|今は",
    re.IGNORECASE,
)
_HAPPENED = re.compile(
    r"\b(?:went|visited|bought|saw|met|watched|read|made|took|got|had|played|found|gave|won|lost|ate|came|was|were|did)\b",
    re.IGNORECASE,
)
_IS = re.compile(r"\s(?:is|are|will be|costs?)\s|\s?[:=]\s|是")
_OWN = re.compile(
    r"\b(?:my|our|mein\w?|unser\w?|mon|ma|mes|notre|mi|mis|nuestr\w{1,2})\b|我的|我们的|私の", re.IGNORECASE
)
_QUANTITY = re.compile(r"[$€£¥]\s?\d|\d\s?(?:%|[$€£¥])|\d{4}-\d\d-\d\d")
_ONE_ONLY = re.compile(r"\b(?:only|nobody else|no one else|solely|exclusively)\b", re.IGNORECASE)
_BROKEN = re.compile(r"[.,;:!?]")


def superseded(units: Sequence[Unit], terms: Sequence[tuple[str, ...]], vocabulary: Vocabulary) -> set[int]:
    """Indices of the statements that a later one repeats or revises.

    Short messages are compared as a whole, too: what is one fact may be said in two sentences.
    """
    terms = [_without_heading(u.text, t, vocabulary) for u, t in zip(units, terms, strict=True)]
    stale = _replaced(units, terms, vocabulary)
    wholes, whole_terms, parts = _wholes(units, terms)
    if len(wholes) < len(units):
        for i in _replaced(wholes, whole_terms, vocabulary):
            stale.update(parts[i])
    return stale


def _wholes(
    units: Sequence[Unit], terms: Sequence[tuple[str, ...]]
) -> tuple[list[Unit], list[tuple[str, ...]], list[list[int]]]:
    """Short messages as one statement each, their terms, and the indices of the statements in them."""
    by_message: dict[int, list[int]] = {}
    for i, unit in enumerate(units):
        if unit.speech:
            by_message.setdefault(unit.message, []).append(i)
    parts = [
        own
        for own in by_message.values()
        if len(own) <= _MOST_SENTENCES and sum(len(terms[i]) for i in own) <= _MOST_TERMS
    ]
    wholes = [replace(units[own[0]], text=" ".join(units[i].text for i in own)) for own in parts]
    return wholes, [tuple(dict.fromkeys(t for i in own for t in terms[i])) for own in parts], parts


def _replaced(units: Sequence[Unit], terms: Sequence[tuple[str, ...]], vocabulary: Vocabulary) -> set[int]:
    """One pass from the end; each statement is compared with the nearest later ones that share
    most of its rarest terms, so the work grows with the number of terms only.
    """
    latest: dict[str, int] = {}
    subjects: dict[str, int] = {}
    stale: set[int] = set()
    weight = vocabulary.weights
    for i in range(len(units) - 1, -1, -1):
        mine, unit = terms[i], units[i]
        subject = _subject(unit, vocabulary)
        if subject and subjects.setdefault(subject, unit.message) > unit.message:
            stale.add(i)
        shared = sorted((t for t in mine if t in latest), key=lambda t: (-weight[t], t))[:_LINKS]
        if len(shared) > 1 or (shared and len(mine) <= _FEW):
            for j, _ in Counter(latest[t] for t in shared).most_common(_NEAREST):
                later = units[j].message > unit.message and len(mine) > 1
                if later and _Pair(unit, units[j], mine, frozenset(terms[j])).replaced(vocabulary):
                    stale.add(i)
                    break
        for term in mine:
            latest[term] = i
    return stale


def _without_heading(text: str, terms: tuple[str, ...], vocabulary: Vocabulary) -> tuple[str, ...]:
    headed = HEADED.match(text)
    if headed is None:
        return terms
    kind = vocabulary.terms(headed[0])
    return tuple(t for t in terms if t not in kind)


def _subject(unit: Unit, vocabulary: Vocabulary) -> str:
    """What a statement of the form "X is Y" is about, in a form to compare; "" if it has another form, or if X may
    be something else each time ("the price is 40")."""
    headed = HEADED.match(unit.text)
    start = headed.end() if headed is not None else 0
    match = _IS.search(unit.text, start, start + _SUBJECT_CHARS)
    if match is None or _BROKEN.search(unit.text, start, match.start()):
        return ""
    before = unit.text[start : match.start()]
    terms = vocabulary.terms(before)
    if not any(not vocabulary.is_value(t) for t in terms):
        return ""
    own = _OWN.search(before) is not None
    enough = _SUBJECT_TERMS * (2 if UNSPACED.search(before) else 1)
    return " ".join(sorted(terms)) if own or len(terms) >= enough else ""


@dataclass(frozen=True, slots=True)
class _Pair:
    """An earlier statement and a later one, with their terms."""

    earlier: Unit
    later: Unit
    old: tuple[str, ...]
    new: frozenset[str]

    def replaced(self, vocabulary: Vocabulary) -> bool:
        """Whether the later one says what the earlier one said, or that it changed."""
        common = [t for t in self.old if t in self.new]
        if vocabulary.value(common) >= _RESTATED * vocabulary.value(self.old):
            return self._kept_values(vocabulary)
        topic = [t for t in self.old if not vocabulary.is_value(t)]
        kept = [t for t in topic if t in self.new]
        share = vocabulary.value(kept) / max(vocabulary.value(topic), 1e-9)
        if len(kept) >= _TOPIC_TERMS and share >= _SAME_TOPIC and _CHANGE.search(self.later.text):
            return True
        return len(kept) >= _ONE_VALUE_TERMS and share >= _ONE_VALUE_TOPIC and self._other_value(vocabulary)

    def _kept_values(self, vocabulary: Vocabulary) -> bool:
        """A repetition with another number in it is one only where that number is what is said."""
        lost = any(t not in self.new and vocabulary.is_value(t) for t in self.old)
        return not lost or self._one_slot(vocabulary)

    def _other_value(self, vocabulary: Vocabulary) -> bool:
        if not (self.earlier.speech and self.later.speech) or self.earlier.label != self.later.label:
            return False
        if len(self.old) > _MOST_TERMS or _HAPPENED.search(self.earlier.text) or _HAPPENED.search(self.later.text):
            return False
        return self._one_slot(vocabulary)

    def _one_slot(self, vocabulary: Vocabulary) -> bool:
        """Whether each has one value that the other has not, and it comes after what it is the value of."""
        old = frozenset(self.old)
        gone = _runs(self.earlier.text, old - self.new, vocabulary)
        come = _runs(self.later.text, self.new - old, vocabulary)
        if len(gone) != 1 or len(come) != 1:
            return False
        common = old & self.new
        texts = ((self.earlier.text, gone[0]), (self.later.text, come[0]))
        # a sum or a date is said of something; a bare number may be the name of what something is said of
        least = 1 if all(_QUANTITY.search(text) for text, _ in texts) else _ONE_VALUE_TERMS
        if all(_ONE_ONLY.search(text) for text, _ in texts):
            return True
        return any(_behind(text, at, common, vocabulary) >= least for text, at in texts)


def _runs(text: str, own: frozenset[str], vocabulary: Vocabulary) -> list[int]:
    """Places of the values that only one of two statements has; words side by side are one value ("Anna Bell")."""
    found: list[int] = []
    last = -2
    for at, word in enumerate(words(text)):
        if any(t in own and vocabulary.is_value(t) for t in vocabulary.terms(word)):
            if at != last + 1:
                found.append(at)
            last = at
    return found


def _behind(text: str, at: int, common: frozenset[str], vocabulary: Vocabulary) -> int:
    """How many words that both have stand before a place."""
    return sum(1 for word in words(text)[:at] if any(t in common for t in vocabulary.terms(word)))
