"""What later words made untrue: of a fact that was stated again or revised, only the newest statement counts.

Two statements are about the same when they share most of their telling words. The later one repeats the earlier, or
speaks of a change, or is one of those that can hold for one value only ("the launch is on 3 May") and has another value
in that place. Where several values differ ("wall 1 is red", "wall 2 is green"), where the value is what is spoken of
("room 12 is ready"), where something else is said of the same ("my son is 5", "my son is at school"), where something
happened ("we went to Rome") or where the later one only asks or denies, both stay: a fact kept too long does less harm
than one lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec.structs import replace

from memsvc.core.extract.cues import HEADED, PEOPLE, of_word
from memsvc.core.extract.terms import Vocabulary, words
from memsvc.core.extract.units import Unit
from memsvc.core.extract.wording import unspaced
from memsvc.core.patterns import regex

_RESTATED = 0.6  # share of a statement's information that a later one must repeat
_SAME_TOPIC, _TOPIC_TERMS = 0.75, 3  # share and number of terms that make one topic
_ONE_VALUE_TOPIC, _ONE_VALUE_TERMS = 0.45, 2  # the same where a value stands against a value
_LINKS, _NEAREST = 6, 3  # rarest terms by which a later statement is looked for; how many of those are compared
_MOST_SENTENCES = 3  # of a message that is one fact
_MOST_TERMS = 24  # a longer statement says more than one thing
_FEW = 3  # terms of a statement so short that one in common may be all of it
_SUBJECT_CHARS, _SUBJECT_TERMS = 80, 2  # of what "X is Y" is about; with "my" before it one term is enough

_CHANGE = regex(
    r"\b(?:now|instead|no longer|changed?|moved|switch(?:ed)?|updated?|actually|correction|rather than|"
    r"revised|new|ahora|jetzt|maintenant)\b|改为|改成|改到|变成|现在|不再|変更|今は",
    re.IGNORECASE,
)
_HAPPENED = regex(
    r"\b(?:went|visited|bought|saw|met|watched|read|made|took|got|had|played|found|gave|won|lost|ate|came|was|were|did)\b",
    re.IGNORECASE,
)
_IS = regex(r"[\s:=是](?:(?<=\s)(?:is|are|will be|costs?|[:=])\s|(?<=[:=])\s|(?<=是))")
_OWN = regex(r"\b(?:my|our|mein\w?|unser\w?|mon|ma|mes|notre|mi|mis|nuestr\w{1,2})\b|我的|我们的|私の", re.IGNORECASE)
_QUANTITY = regex(r"[$€£¥]\s?\d|\d\s?(?:%|[$€£¥]|(?:EUR|USD|GBP|CHF|euros?|dollars?)\b)|\d{4}-\d\d-\d\d")
_ONE_ONLY = regex(r"\b(?:only|nobody else|no one else|solely|exclusively)\b", re.IGNORECASE)
_BROKEN = regex(r"[.,;:!?]")
_UNSURE = regex(
    r"[?\uff1f]|\b(?:if|whether|unless|maybe|perhaps|might|could|would|should|suppose|imagine|pretend"
    r"|for example|wish)\b|如果|要是|假如|也许|可能|もし|かも|만약",
    re.IGNORECASE,
)
"""Of a statement that asks or supposes something."""
_DENIES = regex(r"\b(?:not|never|no longer)\b|n['\u2019]t\b|[不没沒]", re.IGNORECASE)
_PLACE = regex(r"\s*(?:in|at|on|from|with|for|to|about|by|of|under|an?|the) ", re.IGNORECASE)
_QUALITY_WORDS, _QUALITY_CHARS = 3, 8


def superseded(units: Sequence[Unit], terms: Sequence[tuple[str, ...]], vocabulary: Vocabulary) -> set[int]:
    """Indices of the statements that a later one repeats or revises.

    Short messages are compared as a whole, too: what is one fact may be said in two sentences.
    """
    terms = [_without_heading(u.text, t, vocabulary) for u, t in zip(units, terms, strict=True)]
    by: dict[int, list[int]] = {}  # what stands for each statement that is out of date
    said, said_terms, parts = _with_wholes(units, terms)
    for i, j in _replaced(said, said_terms, vocabulary).items():
        own = frozenset(said_terms[j])  # what else was said in the message holds on
        for part in parts[i]:
            if len(parts[i]) == 1 or any(t in own for t in terms[part]):
                by[part] = parts[j]
    by |= {i: [j] for i, j in _of_subjects(units, vocabulary).items()}
    newest = {j for stands in by.values() for j in stands}
    return set(by) | (_echoes(set(by), units, terms) - newest)


def _echoes(stale: set[int], units: Sequence[Unit], terms: Sequence[tuple[str, ...]]) -> set[int]:
    """What another answered to a statement that is out of date with its numbers and no others, where nobody names
    them later."""
    counted = {t for own in terms for t in own if not t.isalpha() and _has_digit(t)}
    numbers = [counted.intersection(own) for own in terms]
    last = {t: unit.message for unit, own in zip(units, numbers, strict=True) for t in own}
    old: dict[int, list[int]] = {}
    for i in stale:
        old.setdefault(units[i].message + 1, []).append(i)
    return {
        i
        for i, unit in enumerate(units)
        if unit.speech and numbers[i] and all(last[t] == unit.message for t in numbers[i])
        if any(units[j].label != unit.label and numbers[i] <= numbers[j] for j in old.get(unit.message, ()))
    }


def _with_wholes(
    units: Sequence[Unit], terms: Sequence[tuple[str, ...]]
) -> tuple[list[Unit], list[tuple[str, ...]], list[list[int]]]:
    """The statements, and behind those of a short message the message as one statement; the terms of each, and the
    indices of the statements in it."""
    said: list[Unit] = []
    said_terms: list[tuple[str, ...]] = []
    parts: list[list[int]] = []
    start = 0
    for i, unit in enumerate(units):
        said.append(unit)
        said_terms.append(terms[i])
        parts.append([i])
        if i + 1 < len(units) and units[i + 1].message == unit.message:
            continue
        own, start = range(start, i + 1), i + 1
        if 1 < len(own) <= _MOST_SENTENCES and all(units[p].speech for p in own):
            together = tuple(dict.fromkeys(t for p in own for t in terms[p]))
            if len(together) <= _MOST_TERMS:
                said.append(_together([units[p] for p in own]))
                said_terms.append(together)
                parts.append(list(own))
    return said, said_terms, parts


def _together(parts: Sequence[Unit]) -> Unit:
    """The statements of a message as one."""
    text, source = " ".join([u.text for u in parts]), " ".join([u.source for u in parts])
    return replace(parts[-1], text=text, source=source)


def _replaced(units: Sequence[Unit], terms: Sequence[tuple[str, ...]], vocabulary: Vocabulary) -> dict[int, int]:
    """For each statement that a later one repeats or revises, that one. One pass from the end; each is compared with
    the nearest later ones that share most of its rarest terms, so the work grows with the number of terms only."""
    latest: dict[str, int] = {}
    own: dict[str, int] = {}  # terms of the message itself, which replaces nothing of its own
    found: dict[int, int] = {}
    weight = vocabulary.weights
    rarest = {t: place for place, t in enumerate(sorted(weight, key=lambda t: (-weight[t], t)))}
    compared = _Compared(units, terms, vocabulary)
    for i in range(len(units) - 1, -1, -1):
        mine = terms[i]
        if i + 1 < len(units) and units[i + 1].message != units[i].message:
            latest.update(own)
            own = {}
        shared = sorted([t for t in mine if t in latest], key=rarest.__getitem__)[:_LINKS]
        if len(mine) > 1 and (len(shared) > 1 or (shared and len(mine) <= _FEW)):
            j = compared.first(i, _nearest([latest[t] for t in shared]))
            if j is not None:
                found[i] = j
        own.update(dict.fromkeys(mine, i))
    return found


def _nearest(linked: Sequence[int]) -> list[int]:
    """What is linked most often; of equals, what was linked first."""
    once = list(dict.fromkeys(linked))
    return once if len(once) == 1 else sorted(once, key=linked.count, reverse=True)[:_NEAREST]


def _of_subjects(units: Sequence[Unit], vocabulary: Vocabulary) -> dict[int, int]:
    """For each statement of the form "X is Y" after which the same kind of thing was said of X, the last of these."""
    subjects: dict[str, int] = {}
    found: dict[int, int] = {}
    for i in range(len(units) - 1, -1, -1):
        unit = units[i]
        subject = _subject(unit, vocabulary)
        if subject:
            j = subjects.setdefault(subject, i)
            if units[j].message > unit.message and _said_anew(unit, units[j], subject, vocabulary):
                found[i] = j
            elif _UNSURE.search(units[j].text):
                subjects[subject] = i
    return found


def _without_heading(text: str, terms: tuple[str, ...], vocabulary: Vocabulary) -> tuple[str, ...]:
    headed = HEADED.match(text)
    if headed is None:
        return terms
    kind = vocabulary.terms(headed[0])
    return tuple(t for t in terms if t not in kind)


def _is(text: str) -> tuple[int, re.Match[str] | None]:
    """Where a statement begins behind its heading, and the "is" of "X is Y"."""
    headed = HEADED.match(text)
    start = headed.end() if headed is not None else 0
    return start, _IS.search(text, start, start + _SUBJECT_CHARS)


def _subject(unit: Unit, vocabulary: Vocabulary) -> str:
    """What a statement of the form "X is Y" is about, in a form to compare; "" if it has another form, or if X may
    be something else each time ("the price is 40")."""
    start, match = _is(unit.text)
    if match is None or _BROKEN.search(unit.text, start, match.start()):
        return ""
    before = unit.text[start : match.start()]
    terms = vocabulary.terms(before)
    if not any(not vocabulary.is_value(t) for t in terms):
        return ""
    own = _OWN.search(before) is not None
    enough = _SUBJECT_TERMS * (2 if unspaced(before) else 1)
    return " ".join(sorted(terms)) if own or len(terms) >= enough else ""


def _said_anew(earlier: Unit, later: Unit, subject: str, vocabulary: Vocabulary) -> bool:
    """Whether two statements "X is Y" about the same say the same kind of thing: each one value and beside it nothing
    that the other has not, or a word or two of a quality ("my favourite colour is blue")."""
    old, new = _complement(earlier.text), _complement(later.text)
    if _UNSURE.search(later.text) or bool(_DENIES.search(old)) != bool(_DENIES.search(new)):
        return False
    if unspaced(earlier.text):
        return _has_digit(old) == _has_digit(new) and max(len(old), len(new)) <= _QUALITY_CHARS
    before, after = frozenset(vocabulary.terms(old)), frozenset(vocabulary.terms(new))
    values = [{t for t in terms if vocabulary.is_value(t)} for terms in (before, after)]
    if values[0] and values[1]:
        same_kind = any(map(_has_digit, values[0])) == any(map(_has_digit, values[1]))
        one = len(_runs(old, before, vocabulary)) == len(_runs(new, after, vocabulary)) == 1
        return same_kind and one and before - values[0] <= after - values[1]
    few = max(len(words(old)), len(words(new))) <= _QUALITY_WORDS and not (_PLACE.match(old) or _PLACE.match(new))
    of_people = any(of_word(word) & PEOPLE for word in words(earlier.text))
    return not (values[0] or values[1]) and few and " " in subject and not of_people


def _complement(text: str) -> str:
    """What a statement "X is Y" says of X."""
    _, match = _is(text)
    return text[match.end() :].strip(" .!。！") if match is not None else text


def _has_digit(text: str) -> bool:
    return any(c.isdigit() for c in text)


class _Compared:
    """Statements with their terms, and what is found out about them once, however many they are compared with."""

    def __init__(self, units: Sequence[Unit], terms: Sequence[tuple[str, ...]], vocabulary: Vocabulary) -> None:
        self.units, self.terms, self.vocabulary = units, terms, vocabulary
        self.values = frozenset(filter(vocabulary.is_value, vocabulary.weights))
        self._sets: dict[int, frozenset[str]] = {}
        self._searched: dict[tuple[int, str], bool] = {}

    def of(self, i: int) -> frozenset[str]:
        """The terms of one statement."""
        found = self._sets.get(i)
        if found is None:
            found = self._sets[i] = frozenset(self.terms[i])
        return found

    def first(self, i: int, later: Sequence[int]) -> int | None:
        """The first of some later statements that says what an earlier one said, or that it changed."""
        old, value = self.of(i), self.vocabulary.value
        topic = old - self.values
        repeated, about = _RESTATED * value(old), max(value(topic), 1e-9)
        for j in later:
            new = self.of(j)
            if value(old & new) >= repeated:
                if self._kept_values(i, j):
                    return j
                continue
            kept = topic & new
            if len(kept) >= _ONE_VALUE_TERMS and self._revised(i, j, len(kept), value(kept) / about):
                return j
        return None

    def _revised(self, i: int, j: int, kept: int, share: float) -> bool:
        """Whether a later statement that keeps so much of the topic says that it changed."""
        if share < _ONE_VALUE_TOPIC or self._has(j, _UNSURE):
            return False
        if kept >= _TOPIC_TERMS and share >= _SAME_TOPIC and self._has(j, _CHANGE):
            return True
        return self._other_value(i, j)

    def _has(self, i: int, pattern: re.Pattern[str]) -> bool:
        found = self._searched.get((i, pattern.pattern))
        if found is None:
            found = self._searched[i, pattern.pattern] = pattern.search(self.units[i].text) is not None
        return found

    def _kept_values(self, i: int, j: int) -> bool:
        """A repetition with another number in it is one only where that number is what is said, and no guess."""
        lost = (self.of(i) - self.of(j)) & self.values
        return not lost or (not self._has(j, _UNSURE) and self._one_slot(i, j))

    def _other_value(self, i: int, j: int) -> bool:
        earlier, later = self.units[i], self.units[j]
        if not self._other_values(i, j):
            return False
        if not (earlier.speech and later.speech) or earlier.label != later.label:
            return False
        if self._has(i, _DENIES) != self._has(j, _DENIES):
            return False
        if len(self.terms[i]) > _MOST_TERMS or self._has(i, _HAPPENED) or self._has(j, _HAPPENED):
            return False
        return self._one_slot(i, j)

    def _other_values(self, i: int, j: int) -> bool:
        """Whether each has a value that the other has not."""
        old, new = self.of(i), self.of(j)
        return not self.values.isdisjoint(old - new) and not self.values.isdisjoint(new - old)

    def _one_slot(self, i: int, j: int) -> bool:
        """Whether the earlier one has one value that the later has not, a number or a name, the later one other of that
        kind, and one of the two comes after what it is the value of."""
        if not self._other_values(i, j):
            return False
        old, new, vocabulary = self.of(i), self.of(j), self.vocabulary
        earlier, later = (unit.source or unit.text for unit in (self.units[i], self.units[j]))
        gone = _runs(earlier, old - new, vocabulary)
        if len(gone) != 1:
            return False
        come = [r for r in _runs(later, new - old, vocabulary) if r[1] == gone[0][1]]
        if len(come) != 1:
            return False
        common = old & new
        texts = ((earlier, gone[0][0]), (later, come[0][0]))
        # a sum or a date is said of something; a bare number may be the name of what something is said of
        least = 1 if all(_QUANTITY.search(text) for text, _ in texts) else _ONE_VALUE_TERMS
        if all(_ONE_ONLY.search(text) for text, _ in texts):
            return True
        return any(_behind(text, at, common, vocabulary) >= least for text, at in texts)


def _runs(text: str, own: frozenset[str], vocabulary: Vocabulary) -> list[tuple[int, bool]]:
    """Places of the values that only one of two statements has, and whether each is a number; words side by side are
    one value ("Anna Bell", "6,500")."""
    found: list[tuple[int, bool]] = []
    last = -2
    for at, word in enumerate(words(text)):
        if any(t in own and vocabulary.is_value(t) for t in vocabulary.terms(word)):
            if at != last + 1:
                found.append((at, _has_digit(word)))
            last = at
    return found


def _behind(text: str, at: int, common: frozenset[str], vocabulary: Vocabulary) -> int:
    """How many words that both have stand before a place."""
    return sum(1 for word in words(text)[:at] if any(t in common for t in vocabulary.terms(word)))
