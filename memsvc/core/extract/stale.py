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
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from memsvc.core.extract.cues import of_word
from memsvc.core.extract.terms import Vocabulary, words
from memsvc.core.extract.units import Unit
from memsvc.core.extract.wording import UNSPACED

_RESTATED = 0.6  # share of a statement's information that a later one must repeat
_SAME_TOPIC, _TOPIC_TERMS = 0.75, 3  # share and number of terms that make one topic
_ONE_VALUE_TOPIC, _ONE_VALUE_TERMS = 0.45, 2  # the same where a value stands against a value
_LINKS, _NEAREST = 6, 3  # rarest terms by which a later statement is looked for; how many of those are compared
_MOST_TERMS = 24  # a longer statement says more than one thing
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
_BROKEN = re.compile(r"[.,;:!?]")
_UNSURE = re.compile(
    r"[?\uff1f]|\b(?:if|whether|unless|maybe|perhaps|might|could|would|should|suppose|imagine|pretend|example|wish)\b"
    r"|如果|要是|假如|也许|可能|もし|かも|만약",
    re.IGNORECASE,
)
"""Of a statement that asks or supposes something."""
_DENIES = re.compile(r"\b(?:not|never|no longer)\b|n['\u2019]t\b|[不没沒]", re.IGNORECASE)
_PLACE = re.compile(r"\s*(?:in|at|on|from|with|for|to|about|by|of|under|an?|the) ", re.IGNORECASE)
_QUALITY_WORDS, _QUALITY_CHARS = 3, 8


def superseded(units: Sequence[Unit], terms: Sequence[frozenset[str]], vocabulary: Vocabulary) -> set[int]:
    """Indices of the statements that a later one repeats or revises.

    One pass from the end; each statement is compared with the nearest later ones that share
    most of its rarest terms, so the work grows with the number of terms only.
    """
    latest: dict[str, int] = {}
    subjects: dict[str, int] = {}
    stale: set[int] = set()
    for i in range(len(units) - 1, -1, -1):
        mine, unit = terms[i], units[i]
        subject = _subject(unit, vocabulary)
        if subject:
            j = subjects.setdefault(subject, i)
            if units[j].message > unit.message and _said_anew(unit, units[j], subject, vocabulary):
                stale.add(i)
            elif _UNSURE.search(units[j].text):
                subjects[subject] = i
        shared = sorted((t for t in mine if t in latest), key=lambda t: (-vocabulary.weight(t), t))[:_LINKS]
        for j, _ in Counter(latest[t] for t in shared).most_common(_NEAREST):
            if units[j].message > unit.message and len(mine) > 1:
                pair = _Pair(unit, units[j], mine, terms[j])
                if pair.replaced(vocabulary):
                    stale.add(i)
        for term in mine:
            latest[term] = i
    return stale


def _subject(unit: Unit, vocabulary: Vocabulary) -> str:
    """What a statement of the form "X is Y" is about, in a form to compare; "" if it has another form, or if X may
    be something else each time ("the price is 40")."""
    match = _IS.search(unit.text, 0, _SUBJECT_CHARS)
    if match is None or _BROKEN.search(unit.text, 0, match.start()):
        return ""
    before = unit.text[: match.start()]
    terms = vocabulary.terms(before)
    if not any(not vocabulary.is_value(t) for t in terms):
        return ""
    own = _OWN.search(before) is not None
    enough = _SUBJECT_TERMS * (2 if UNSPACED.search(before) else 1)
    return " ".join(sorted(terms)) if own or len(terms) >= enough else ""


def _said_anew(earlier: Unit, later: Unit, subject: str, vocabulary: Vocabulary) -> bool:
    """Whether two statements "X is Y" about the same say the same kind of thing: each one value and beside it nothing
    that the other has not, or a word or two of a quality ("my favourite colour is blue")."""
    old, new = _complement(earlier.text), _complement(later.text)
    if _UNSURE.search(later.text) or bool(_DENIES.search(old)) != bool(_DENIES.search(new)):
        return False
    if UNSPACED.search(earlier.text):
        return _has_digit(old) == _has_digit(new) and max(len(old), len(new)) <= _QUALITY_CHARS
    before, after = vocabulary.terms(old), vocabulary.terms(new)
    values = [{t for t in terms if vocabulary.is_value(t)} for terms in (before, after)]
    if values[0] and values[1]:
        same_kind = any(map(_has_digit, values[0])) == any(map(_has_digit, values[1]))
        one = len(_runs(old, before, vocabulary)) == len(_runs(new, after, vocabulary)) == 1
        return same_kind and one and before - values[0] <= after - values[1]
    few = max(len(words(old)), len(words(new))) <= _QUALITY_WORDS and not (_PLACE.match(old) or _PLACE.match(new))
    of_people = any("people" in of_word(word) for word in words(earlier.text))
    return not (values[0] or values[1]) and few and " " in subject and not of_people


def _complement(text: str) -> str:
    """What a statement "X is Y" says of X."""
    match = _IS.search(text, 0, _SUBJECT_CHARS)
    return text[match.end() :].strip(" .!。！") if match is not None else text


def _has_digit(text: str) -> bool:
    return any(c.isdigit() for c in text)


@dataclass(frozen=True, slots=True)
class _Pair:
    """An earlier statement and a later one, with their terms."""

    earlier: Unit
    later: Unit
    old: frozenset[str]
    new: frozenset[str]

    def replaced(self, vocabulary: Vocabulary) -> bool:
        """Whether the later one says what the earlier one said, or that it changed."""
        old, new = self.old, self.new
        if vocabulary.value(old & new) >= _RESTATED * vocabulary.value(old):
            return self._kept_values(vocabulary)
        topic = {t for t in old if not vocabulary.is_value(t)}
        kept = topic & new
        share = vocabulary.value(kept) / max(vocabulary.value(topic), 1e-9)
        if _UNSURE.search(self.later.text):
            return False
        if len(kept) >= _TOPIC_TERMS and share >= _SAME_TOPIC and _CHANGE.search(self.later.text):
            return True
        return self._other_value(kept, share, vocabulary)

    def _kept_values(self, vocabulary: Vocabulary) -> bool:
        """A repetition with another number in it is one only where that number is what is said, and no guess."""
        lost = [t for t in self.old - self.new if vocabulary.is_value(t)]
        return not lost or (not _UNSURE.search(self.later.text) and self._one_slot(vocabulary))

    def _other_value(self, kept: set[str], share: float, vocabulary: Vocabulary) -> bool:
        both = self.earlier.text + " " + self.later.text
        if len(kept) < _ONE_VALUE_TERMS or share < _ONE_VALUE_TOPIC or not (self.earlier.speech and self.later.speech):
            return False
        if bool(_DENIES.search(self.earlier.text)) != bool(_DENIES.search(self.later.text)):
            return False
        if self.earlier.label != self.later.label or len(self.old) > _MOST_TERMS or _HAPPENED.search(both):
            return False
        return self._one_slot(vocabulary)

    def _one_slot(self, vocabulary: Vocabulary) -> bool:
        """Whether each has one value that the other has not, and it comes after what it is the value of."""
        gone = _runs(self.earlier.text, self.old - self.new, vocabulary)
        come = _runs(self.later.text, self.new - self.old, vocabulary)
        if len(gone) != 1 or len(come) != 1:
            return False
        common = self.old & self.new
        return _behind(self.earlier.text, gone[0], common, vocabulary) or _behind(
            self.later.text, come[0], common, vocabulary
        )


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


def _behind(text: str, at: int, common: frozenset[str], vocabulary: Vocabulary) -> bool:
    before = sum(1 for word in words(text)[:at] if vocabulary.terms(word) & common)
    return before >= _ONE_VALUE_TERMS
