"""Words that carry information, in any script.

Spaced scripts give words, lightly stemmed so that "plans" and "plan" are one term; scripts
written without spaces give pairs of characters, which do for ranking what a dictionary would.
Every pattern is linear: runs are consumed once and bounded in length.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

_UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(
    rf"[{_UNSPACED}]{{1,400}}"
    rf"|[^\W_{_UNSPACED}][^\W{_UNSPACED}]{{0,63}}(?:[-'\u2019./:@#%+&]{{1,2}}[^\W{_UNSPACED}]{{1,63}}){{0,8}}"
)
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_STOP_WORDS = """
    a an and are as at be been being but by can could did do does doing done for from had has have having he
    her hers him his how i if in into is it its just me my no not of oh on or our ours she so some such than
    that the their them then there these they this those to too up us very was we were what when where which
    while who whom why will with would yes yeah you your yours i'm i've i'd i'll it's that's don't didn't
    can't let's you're we're they're there's what's isn't wasn't won't couldn't wouldn't really also about
    get got all any more here out over only well good great nice wow hey hi hello thanks thank okay ok sure
    please sounds like know think want need see say said one sorry
    的 了 是 我 你 在 吗 呢 吧 啊 有 也 就 和 请 好 谢谢
    de la el que en y los las un una por con para es le les et une des du est qui der die das und ist
    ich nicht ein eine zu mit auf
"""
_STOP = frozenset(_STOP_WORDS.split())
_SUFFIXES = ("ings", "ing", "edly", "ies", "ied", "ed", "ly", "es", "s")
STRONG = 2.0
"""How much more a number, a name or an identifier weighs than a plain word."""


def words(text: str) -> list[str]:
    """Surface words in order; an unspaced run is one item."""
    return _WORD.findall(text)


def is_unspaced(word: str) -> bool:
    """Whether a word of `words` is a run of a script without spaces."""
    return bool(_IS_UNSPACED.match(word))


def stem(word: str) -> str:
    """A crude English stem; short words and words with digits stay as they are."""
    low = word.lower().replace("\u2019", "'")
    if low.endswith("'s"):
        low = low[:-2]
    if len(low) < 5 or not low.isalpha():
        return low
    for suffix in _SUFFIXES:
        if low.endswith(suffix) and len(low) - len(suffix) >= 3:
            return low[: -len(suffix)] + ("y" if suffix in ("ies", "ied") else "")
    return low[:-1] if low.endswith("e") else low


class Vocabulary:
    """Turns texts into terms and weighs terms by how rare they are. One per extraction."""

    def __init__(self) -> None:
        self._terms: dict[str, tuple[str, ...]] = {}
        self._names: set[str] = set()
        self._weights: dict[str, float] = {}

    def terms(self, text: str) -> frozenset[str]:
        """The informative terms of one text. Call for all texts before `weigh`."""
        out: set[str] = set()
        for position, word in enumerate(words(text)):
            known = self._terms.get(word)
            if known is None:
                known = self._terms[word] = tuple(_split(word))
            out.update(known)
            if position and known and word[0].isupper():
                self._names.update(known)
        return frozenset(out)

    def weigh(self, texts: Sequence[frozenset[str]]) -> None:
        """Learn the weights from all statements."""
        found: Counter[str] = Counter()
        for terms in texts:
            found.update(terms)
        total = len(texts)
        self._weights = {t: self._weight(t, math.log(1 + total / n)) for t, n in found.items()}

    def _weight(self, term: str, rarity: float) -> float:
        strong = term in self._names or not term.isalpha()
        return rarity * (STRONG if strong else 1.0)

    def weight(self, term: str) -> float:
        """What one term is worth."""
        return self._weights.get(term, 0.0)

    def is_value(self, term: str) -> bool:
        """Whether a term is a number or a name: what may change while a topic stays."""
        return term in self._names or any(c.isdigit() for c in term)

    def value(self, terms: Iterable[str]) -> float:
        """What a set of terms is worth, each seen for the first time."""
        return sum(self._weights.get(t, 0.0) for t in terms)


def _split(word: str) -> list[str]:
    if not is_unspaced(word):
        low = word.lower()
        if low in _STOP or (len(low) < 2 and not low.isdigit()):
            return []
        return [stem(word)]
    if len(word) == 1:
        return [] if word in _STOP else [word]
    return [word[i : i + 2] for i in range(len(word) - 1)]
