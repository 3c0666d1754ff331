"""Words that carry information, in any script.

Spaced scripts give words, lightly stemmed so that "plans" and "plan" are one term; scripts
written without spaces give pairs of characters, which do for ranking what a dictionary would.
Every pattern is linear: runs are consumed once and bounded in length.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import chain
from operator import or_

from memsvc.core.extract.cues import BEYOND_FIRST, likelihood, of_word
from memsvc.core.patterns import regex

_UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = regex(
    rf"[{_UNSPACED}]{{1,400}}"
    rf"|[^\W_{_UNSPACED}][^\W{_UNSPACED}]{{0,63}}(?:[-'\u2019./:@#%+&]{{1,2}}[^\W{_UNSPACED}]{{1,63}}){{0,8}}"
)
_IS_UNSPACED = regex(rf"[{_UNSPACED}]")
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
    able absolutely actually although always amazing anything around awesome back beautiful because best better
    big bit came come coming cool day definitely different each end enjoy enjoyed enjoying even every everyone
    everything excited exciting feel feeling feels felt find first forward found fun give given gives giving
    glad go goes going gonna happy help helped helping helps hope hoping important incredible inspired inspiring
    journey keep kept kind let lets life little look looking looks lot lots love loved lovely made make makes
    making many maybe mean means meant much never new old own part people probably proud put real remind
    reminded reminds seem seems set share shared sharing show shows since someone something sort special start
    started still strong stuff super support supportive take taking thing things though through time today
    together totally true try trying wanna way went wish wonderful yay
"""
_STOP = frozenset(_STOP_WORDS.split())
_EXACT = regex(r"(?=.*\d)(?=.*[a-z@/_-])[\w./:@#%+&-]{4,}|[\w.+-]+@[\w.-]+")
_DIGIT = regex(r"\d")
_INITIAL = regex(r"[.!?:] (\w+)")  # capital because a sentence begins
_DOUBLED = frozenset(("bb", "dd", "gg", "mm", "nn", "pp", "rr", "tt"))
_SUFFIXES = ("ings", "ing", "edly", "ies", "ied", "ed", "ly", "es", "s")
RARITY_POWER = 1.7
"""Above 1: what is in every tenth message says little, however many of its words there are."""
ONCE = 0.6
"""How much less a pair of characters weighs that a conversation has only once."""
EXACT = 3.0
"""How much more a code weighs than a plain word: letters and digits, an address."""
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
    if len(low) < 5 or not low.isalpha() or low.endswith("eed"):
        return low
    for suffix in _SUFFIXES:
        if low.endswith(suffix) and len(low) - len(suffix) >= 3:
            bare = low[: -len(suffix)] + ("y" if suffix in ("ies", "ied") else "")
            return bare[:-1] if bare[-2:] in _DOUBLED and suffix in ("ing", "ed") else bare
    if len(low) > 6 and low.endswith("al"):
        return low[:-2]
    return low[:-1] if low.endswith("e") else low


class _Known(dict[str, tuple[str, ...]]):
    """The terms of each word, looked up once; its signs, and which words with terms are in capitals."""

    def __init__(self) -> None:
        self.signs: dict[str, int] = {}
        self.capitals: set[str] = set()

    def __missing__(self, word: str) -> tuple[str, ...]:
        self.signs[word] = 0 if is_unspaced(word) else of_word(word)
        terms = self[word] = tuple(_split(word))
        if terms and word[0].isupper():
            self.capitals.add(word)
        return terms


class Vocabulary:
    """Turns texts into terms and weighs terms by how rare they are. One per extraction."""

    def __init__(self) -> None:
        self._known = _Known()
        self._names: set[str] = set()
        self._changing: set[str] = set()  # without abbreviations: an API stays one
        self.weights: dict[str, float] = {}
        """What each term is worth; empty before `weigh`."""

    def terms(self, text: str) -> tuple[str, ...]:
        """The informative terms of one text, each once, in order. Call for all texts before `weigh`."""
        return self._terms(words(text), text)

    def read(self, text: str) -> tuple[tuple[str, ...], float, int]:
        """The same; how likely a statement of these words holds what is asked for later; the signs of its words."""
        found = words(text)
        terms = self._terms(found, text)
        signs = reduce(or_, map(self._known.signs.__getitem__, found[1:]), 0) & BEYOND_FIRST
        if found:
            signs |= self._known.signs[found[0]]
        return terms, likelihood(text, len(found), signs), signs

    def _terms(self, found: Sequence[str], text: str) -> tuple[str, ...]:
        terms = tuple(dict.fromkeys(chain.from_iterable(map(self._known.__getitem__, found))))
        if not self._known.capitals.isdisjoint(found):
            self._learn(found, text)
        return terms

    def _learn(self, found: Sequence[str], text: str) -> None:
        """Take words in capitals for names, but those that begin a sentence."""
        initial = frozenset(_INITIAL.findall(text))
        for word in self._known.capitals.intersection(found[1:]) - initial:
            terms = self._known[word]
            self._names.update(terms)
            if not word.isupper():
                self._changing.update(terms)

    def weigh(self, texts: Sequence[tuple[str, ...]]) -> None:
        """Learn the weights from all statements."""
        found: Counter[str] = Counter()
        for terms in texts:
            found.update(terms)
        total = len(texts)
        self.weights = {t: self._weight(t, n, math.log(1 + total / n)) for t, n in found.items()}

    def _weight(self, term: str, times: int, rarity: float) -> float:
        rarity **= RARITY_POWER
        if times == 1 and is_unspaced(term):
            return rarity * ONCE  # two characters that met by chance; names of things come again
        strong = term in self._names or not term.isalpha()
        return rarity * (EXACT if _EXACT.fullmatch(term) else STRONG if strong else 1.0)

    def is_value(self, term: str) -> bool:
        """Whether a term is a number or a name: what may change while a topic stays."""
        return term in self._changing or _DIGIT.search(term) is not None

    def value(self, terms: Iterable[str]) -> float:
        """What terms are worth, each seen for the first time; the same in whatever order they come."""
        weights = self.weights
        return math.fsum([weights[t] for t in terms if t in weights])


def _split(word: str) -> list[str]:
    if not is_unspaced(word):
        low = word.lower()
        if low in _STOP or (len(low) < 2 and not low.isdigit()):
            return []
        return [stem(word)]
    if len(word) == 1:
        return [] if word in _STOP else [word]
    return [word[i : i + 2] for i in range(len(word) - 1)]
