"""The orders that were found, as they come: one that is given again stands where it was given last, one that is taken
back or replaced is marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from memsvc.core.directives.strength import NONE, STANDING
from memsvc.core.directives.topics import Topic, revocation, topic
from memsvc.core.patterns import regex

_MOST_LOOKED_AT = 400  # orders, the newest first, that one sentence may take back

_ONE_VALUE = regex(
    r"[$€£¥]\s?\d|\d\s?(?:%|[$€£¥])|\d{4}-\d\d-\d\d|\b(?:only|nobody else|no one else|solely|exclusively)\b"
    r"|\b(?:the|our|my)\b[^.;]{1,60}\d",
    re.IGNORECASE,
)
"""What can be of one value at a time: a sum, a date, whoever alone may do something, "the code 17"."""


class Directive(Struct, frozen=True):
    """A rule the user laid down, quoted word for word.

    Attributes:
        strength: 3 for a rule in so many words, 2 for one of an occasion or of the form of answers, 1 for a
            preference or a fact about the person.
        revoked_by: the later message that took it back or replaced it.
        who: the name of who said it, where there are several.
    """

    seq: int
    text: str
    strength: int = STANDING
    revoked_by: int | None = None
    who: str = "user"


class Orders:
    """Orders in the order they were given. Conservative: what is not clearly taken back stands."""

    def __init__(self) -> None:
        self._all: dict[int, tuple[Directive, Topic]] = {}
        self._alike: dict[object, list[int]] = {}
        self._next = 0

    def __iter__(self) -> Iterator[Directive]:
        return (order for order, _ in self._all.values())

    def add(self, seq: int, text: str, strength: int, who: str = "user") -> None:
        """Take a sentence in: a rule, or (strength 0) one that can only take others back."""
        back = revocation(text)
        about = topic(text) if back is None else back.topic
        if back is not None:
            hits = [i for i in reversed(self._all) if back.covers(self._all[i][1])][:_MOST_LOOKED_AT]
            if back.definite and not hits:
                meant = [i for i, (order, was) in self._all.items() if order.revoked_by is None and back.mentions(was)]
                hits = meant if len(meant) == 1 else []
            for i in hits:
                self._revoke(i, seq)
            if not hits and strength == NONE:
                return
        else:
            self._replace(seq, text, about)
        place, self._next = self._next, self._next + 1
        self._all[place] = (Directive(seq, text, STANDING if back is not None else strength, who=who), about)
        for key in _keys(text, about):
            self._alike.setdefault(key, []).append(place)

    def _replace(self, seq: int, text: str, about: Topic) -> None:
        """Drop what says the same, mark what said the opposite or set the same thing otherwise."""
        for key in _keys(text, about):
            for i in self._alike.get(key, ()):
                if i in self._all:
                    old, was = self._all[i]
                    if about.same_as(was) or key == _plain(old.text):
                        del self._all[i]
                    else:
                        self._revoke(i, seq)
            self._alike.pop(key, None)

    def _revoke(self, place: int, seq: int) -> None:
        old, was = self._all[place]
        if old.revoked_by is None:
            self._all[place] = (replace(old, revoked_by=seq), was)


def _keys(text: str, about: Topic) -> Iterator[object]:
    yield _plain(text)
    if about.words:
        yield about.words
    if about.slot:
        yield (about.slot,)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def in_force(found: Sequence[Directive], outdated: Mapping[int, Sequence[str]]) -> tuple[Directive, ...]:
    """Without the rules that set one value and were set anew. In doubt a rule stays: what must not be done with A and
    what must not be done with B both hold, and one rule too many does less harm."""
    return tuple(d for d in found if not any(s in d.text and _ONE_VALUE.search(s) for s in outdated.get(d.seq, ())))
