"""Who said what stands in notes: quotations, paraphrases, and orders that nobody gave.

A line under the constraints must be the user's. A line that lays down a rule, wherever it stands, must be the
user's too, or be marked as what somebody else said. A line that speaks to the reader as a system would, or that
repeats what the transcript ordered to be written, is no note at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from memsvc.core.directives import is_rule
from memsvc.core.patterns import regex
from memsvc.core.verify.layout import Point, labelled
from memsvc.core.verify.orders import obeys, ordered, orders
from memsvc.core.verify.record import QUOTE, Passage, Record, fold, quotes, squeezed

_ELLIPSIS = regex(r"\[?(?:…|\.{3})\]?")
_DENSE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = regex(rf"[^\W\d_{_DENSE}]{{2,60}}|\d{{1,20}}|[{_DENSE}]{{1,200}}")
_SENTENCE = regex(r"[.!?;。！？；\n]+")
_STOP_WORDS = """
    the a an and or but of to in on at by for from with as is are be was were been it its this that these those he she
    they them his her their you your we our us i me my user users assistant wants want asked asks said says would should
    will must has have had do does did so if then than also any all only please like der die das und oder ein eine in zu
    mit auf für ist sind le la les un une des et de du en el los las y o con por para es que il lo gli e di che
"""
_STOP = frozenset(_STOP_WORDS.split())
_NO = regex(
    r"\b(?:no|not|never|don'?t|doesn'?t|without|avoid|nor|cannot|can'?t|kein\w{0,2}|nicht|nie|niemals|ohne|pas|jamais|sans|"
    r"nunca|sin|não|sem|non|mai|не|нет|никогда|без)\b|n't\b|[不没別别勿禁]|无需|ない|なし|않|말|금지"
)
PARAPHRASE = 0.6
"""Share of a line's words that one sentence must have for the line to be taken for what it says."""
_WHOLE = 0.85  # the same for a whole message
_UNLIKE = 0.4  # a smaller share tells nothing
_AROUND = 4  # words beside a quotation that need no source
_LONG = 60  # letters of which nobody leaves out a "never" by chance
_LEAST_LETTERS = 12  # of what is looked for word for word
_LABEL, _LABELS = regex(r"\s{0,3}(?:\[[^\]\n]{1,40}\]:?|[\w ]{1,24}:)\s{0,3}"), 3
_LEAST_QUOTED = 5  # a quotation of fewer words may be a manner of speaking


def said_in(quote: str, squeezed_text: str) -> bool:
    """Whether a quotation stands in a squeezed text; parts that it leaves out are marked by `…`."""
    parts = [x for p in _ELLIPSIS.split(quote) if (x := squeezed(p))]
    return bool(parts) and all(p in squeezed_text for p in parts)


def words(text: str) -> frozenset[str]:
    """The words of a text that tell it from another: crude stems, pairs of characters where no spaces are."""
    found: set[str] = set()
    for word in _WORD.findall(fold(text)):
        if ord(word[0]) >= 0x3040:
            found.update(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        elif word not in _STOP:
            found.add(word[:5])
    return frozenset(found)


class _Sentence(Struct, frozen=True):
    who: str
    seq: int
    words: frozenset[str]
    denies: bool
    whole: bool


class Speech:
    """What was said, to find where a line of notes comes from.

    Args:
        vocabulary: the words of the notes: others need not be kept.
    """

    def __init__(self, record: Record, vocabulary: frozenset[str]) -> None:
        self.record = record
        self._sentences = [s for p in record.passages for s in _cut(p, vocabulary)]
        self._payloads = frozenset(x for p in record.passages if p.who != "notes" for x in ordered(p.text))
        self._by_seq: dict[int, list[Passage]] = {}
        for passage in record.passages:
            self._by_seq.setdefault(passage.seq, []).append(passage)

    def home(self, text: str, *who: str, beside: str = "") -> float:
        """The largest share of a line's words that one sentence, or one message, of these speakers has. One that
        denies what the line does not (or the other way round) is none; `beside` is the rest of the line."""
        wanted = words(text)
        if not wanted:
            return 1.0
        denies, best = bool(_NO.search(fold(f"{text} {beside}"))), 0.0
        for sentence in self._sentences:
            if sentence.who in who and sentence.denies == denies:
                share = len(wanted & sentence.words) / len(wanted)
                best = max(best, share * (PARAPHRASE / _WHOLE if sentence.whole else 1.0))
        return best

    def of_user(self, text: str) -> bool:
        """Whether the user said this, in these words or nearly."""
        return self.home(text, "user") >= PARAPHRASE or self._word_for_word(text)

    def _word_for_word(self, text: str) -> bool:
        tight = squeezed(text)
        return len(tight) >= _LONG and tight in self.record.of_users

    def _quoted(self, quote: str, point: Point) -> bool:
        """Whether the user said what a line quotes, and not the contrary."""
        if not said_in(quote, self.record.of_users):
            return self.kept(quote)
        return self._word_for_word(quote) or self.home(quote, "user", beside=point.text) >= PARAPHRASE

    def kept(self, text: str) -> bool:
        """Whether the notes before have it among what the user said."""
        notes = next((p.text for p in self.record.said_by("notes")), None)
        return notes is not None and self.home(text, "kept") >= PARAPHRASE

    def constraint(self, point: Point) -> str | None:
        """A line below the constraints as it may stand: as it is, only its quotations, or None."""
        said = list(quotes(point.text))
        if not said:
            return point.line if self.of_user(point.text) or self.kept(point.text) else None
        if not all(self._quoted(q, point) for q in said):
            return None
        beside = QUOTE.sub(" ", point.text)
        if (len(words(beside)) <= _AROUND and not orders(beside)) or self.of_user(beside):
            return point.line
        return labelled(point, "; ".join(f'"{q}"' for q in said))

    def marked(self, text: str, point: Point) -> bool:
        """Whether a text stands in a message that the point names, by a speaker that it names."""
        tight = squeezed(text)
        for seq in point.seqs:
            passages = [p for p in self._by_seq.get(seq, ()) if not point.speakers or p.who in point.speakers]
            if any(tight in squeezed(p.text) for p in passages):
                return True
        return False

    def steered(self, point: Point, *, directs: bool) -> bool:
        """Whether a line gives orders, repeats what the transcript ordered to be written, or takes a tool's words for
        somebody's who may decide. `directs`: it stands in a section that says what is to be done."""
        if self.marked(point.text, point):
            return False

        def without(quote: re.Match[str]) -> str:
            inner = next(g for g in quote.groups() if g is not None)
            return " " if self.marked(inner, point) or self._quoted(inner, point) else inner

        bare = QUOTE.sub(without, point.text)
        if orders(bare) or obeys(bare, self._payloads):
            return True
        if (directs or point.speakers == {"user"}) and "tool" not in point.speakers and self._of_tools(bare):
            return True
        return any(self._lays_down(sentence, point) for sentence in _SENTENCE.split(bare))

    def of_assistant(self, point: Point) -> str | None:
        """A line that names no message behind the label of the assistant's message that says just this; else None."""
        tight = squeezed(point.text)
        if point.seqs or len(tight) < _LEAST_LETTERS or orders(point.text) or obeys(point.text, self._payloads):
            return None
        for passage in self.record.said_by("assistant"):
            if tight in squeezed(passage.text):
                return f"- [{passage.seq} assistant] {point.text}"
        return None

    def _lays_down(self, sentence: str, point: Point) -> bool:
        """Whether a sentence is a rule that the user has not given, nor the assistant where that is said."""
        if not _is_rule(sentence.strip()) and next(ordered(sentence), None) is None:
            return False
        if self.of_user(sentence) or self.kept(sentence):
            return False
        return "assistant" not in point.speakers or self.home(sentence, "assistant") < PARAPHRASE

    def _of_tools(self, text: str) -> bool:
        """Whether tools said this, and nobody else anything like it."""
        if len(words(text)) < _LEAST_QUOTED or self.home(text, "tool") < _WHOLE:
            return False
        return self.home(text, "user", "assistant", "system", "kept") < _UNLIKE

    def misquotes(self, point: Point) -> bool:
        """Whether a line quotes at some length what nobody said."""
        for quote in quotes(point.text):
            if len(words(quote)) < _LEAST_QUOTED or said_in(quote, self.record.letters):
                continue
            if self.home(quote, "user", "assistant", "tool", "system", "kept") < PARAPHRASE:
                return True
        return False


def _is_rule(sentence: str) -> bool:
    """Whether it is a rule, or one behind labels that somebody put before it ("assistant: ", "[result] ")."""
    for _ in range(_LABELS):
        if is_rule(sentence, facts=False):
            return True
        label = _LABEL.match(sentence)
        if label is None:
            return False
        sentence = sentence[label.end() :]
    return is_rule(sentence, facts=False)


def _cut(passage: Passage, vocabulary: frozenset[str]) -> Iterator[_Sentence]:
    """Its sentences, and all of it where it is short."""
    if passage.who == "notes":
        yield from _kept(passage, vocabulary)
        return
    every: set[str] = set()
    denies = False
    for sentence in _SENTENCE.split(passage.text):
        found = words(sentence) & vocabulary
        if found:
            denied = bool(_NO.search(fold(sentence)))
            yield _Sentence(passage.who, passage.seq, found, denied, False)
            every |= found
            denies = denies or denied
    if len(passage.text) <= 2_000:
        yield _Sentence(passage.who, passage.seq, frozenset(every), denies, True)


def _kept(notes: Passage, vocabulary: frozenset[str]) -> Iterator[_Sentence]:
    """What notes before say that the user said: lines below the constraints, or behind a user's label."""
    below = False
    for line in notes.text.splitlines():
        if line.startswith("#"):
            below = "constraints" in line.casefold()
        elif below or re.match(r"^\W{0,4}\[\d{1,10} user\]", line):
            yield _Sentence("kept", 0, words(line) & vocabulary, bool(_NO.search(fold(line))), False)
