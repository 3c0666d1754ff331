"""Rules in German, French, Spanish, Portuguese, Italian, Dutch, Polish, Russian, Turkish, Arabic and Hindi."""

from __future__ import annotations

from memsvc.core.directives import languages as of
from memsvc.core.directives import others
from memsvc.core.directives.strength import NONE, Graded
from memsvc.core.patterns import regex

_BY_WORDS = tuple((frozenset(language.signs.split()), language.patterns()) for language in of.LANGUAGES)

_ENGLISH = frozenset(
    ("the", "and", "you", "i", "is", "to", "of", "that", "my", "it", "i'm", "it's", "your", "for", "was")
)
"""With two of these a sentence is English."""
_FAR = regex(r"[\u0600-\u06ff\u0900-\u097f]")
_WORD = regex(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_LEADING = regex(r"[\W\d]*")


def strength(sentence: str) -> int:
    """How firm a rule a sentence in one of these languages lays down; 0 for none."""
    low = " ".join(sentence.replace("\u2019", "'").replace("*", "").lower().split())
    if low.endswith(("?", "\u061f")):
        return NONE
    if low.isascii():
        if len(_ENGLISH.intersection(low.split())) > 1:  # most sentences of English, without a search for words
            return NONE
    elif _FAR.search(low):
        return _first(low, others.RULES)
    words = set(_WORD.findall(low))
    if low.isascii() and len(words & _ENGLISH) > 1:
        return NONE
    found = max((_first(low, patterns) for signs, patterns in _BY_WORDS if not signs.isdisjoint(words)), default=NONE)
    if found == NONE and not others.TURKISH.isdisjoint(words):
        found = _first(low, others.RULES)
    return found


def _first(low: str, patterns: Graded) -> int:
    low = low[_LEADING.match(low).end() :]  # type: ignore[union-attr]
    return next((strength for pattern, strength in patterns if pattern.match(low)), NONE)
