"""What is wrong with notes as a whole: their language, how little they cover, values that were replaced."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from memsvc.core.patterns import regex
from memsvc.core.verify.layout import Notes
from memsvc.core.verify.record import QUOTE, Passage, Record, fold
from memsvc.core.verify.values import NUMBER, days, numbers

_SCRIPTS = {
    "latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
    "cyrillic": "\u0400-\u052f",
    "greek": "\u0370-\u03ff",
    "hebrew": "\u0590-\u05ff",
    "arabic": "\u0600-\u06ff\u0750-\u077f",
    "devanagari": "\u0900-\u097f",
    "thai": "\u0e00-\u0e7f",
    "kana": "\u3040-\u30ff",
    "hangul": "\uac00-\ud7af",
    "han": "\u3400-\u9fff",
}
_RUNS = {name: regex(f"[{letters}]+") for name, letters in _SCRIPTS.items()}
_DENSE = {"han": 3, "kana": 2, "hangul": 2}
"""Letters of another script that one of these stands for."""
_NO_LANGUAGE = regex(
    r"```.*?```|`[^`\n]{1,300}`|\b[a-z][a-z0-9+.-]{1,15}://\S{1,400}|\S{0,100}[\d_/\\@]\S{0,100}|\b\w{1,60}\.\w{1,10}\b",
    re.DOTALL,
)
_SCRIPT_SHARE, _SCRIPT_LEFT = 0.6, 0.15
_LEAST_SOURCE, _LEAST_NOTES = 300, 100  # letters from which on a language is told
_READ, _ALL_READ = 4_000, 200_000  # characters of a message, and of all, by which the language is told
_COMMON = {
    "en": "the and is are of to with that this it for was have not you but they will from would there what which",
    "de": "der die das und ist nicht ein eine mit auf für den dem ich sie wir wird auch sich bei noch nach wenn oder",
    "fr": "le les des et est une pour dans que qui pas sur avec nous vous sont au aux ce cette mais plus être",
    "es": "el los las y es una por que con para del se lo pero más como está son al su muy hay",
    "it": "il gli e è una per che non con della sono di anche più come del nel alla questo ma ho",
    "pt": "os as e é uma por que não com para do da em mais como dos das são ao mas você foi",
    "nl": "het een en van is dat niet met voor op zijn wordt ook aan deze naar maar bij om nog",
}
_IN = {name: frozenset(common.split()) for name, common in _COMMON.items()}
_LATIN_WORD = regex(r"[a-z\u00e0-\u024f']{1,20}")
_HITS, _HITS_IN_NOTES = 60, 15
_LEAST_CHARS = 4_000  # of source from which on notes may be called thin
_THIN_CHARS, _THIN_SHARE, _THIN_MOST = 60, 0.002, 400
_NAMED = 4  # points that must name messages for their spread to tell anything
_LATER_CHARS = 1_200  # that were said in the later half, so that its absence tells something

_VALUE = r"(?:[$€£¥₹]\s?)?\d[\d.,'’]{0,20}(?:\s?(?:%|[a-zA-Z€£°]{1,8}))?"
_LABEL = r"(?P<label>(?:[^\W\d_][\w'/-]{0,30}\s){0,3}[^\W\d_][\w'/-]{0,30})"
_STATEMENT = regex(
    rf"{_LABEL}(?:\s?[:=]|\s(?:is|are|was|at|of|to|will be|now|ist|es|est)(?:\s(?:now|only|set to|up to))?)\s?"
    rf"\*{{0,2}}(?P<value>{_VALUE})",
    re.IGNORECASE,
)
_FILLING = """
    the a an our my your their his her its this that new old current total is are was now so and but actually then i we
    you it to of for at in on with set raise raised change changed make update updated
"""
_FILLER = frozenset(_FILLING.split())
_UNSURE = regex(
    r"\?|\b(?:if|would|could|might|maybe|perhaps|suppose|imagine|or|each|per|every|example|e\.g|about|around|between)\b"
)
_CHANGES = regex(
    r"\b(?:now|changed?|changes|new|update[ds]?|instead|raise[ds]?|lower(?:ed)?|increase[ds]?|reduced?|moved?|actually"
    r"|correction|no longer|make (?:it|that))\b|改|更新|现在"
)
_PAST = regex(
    r"\b(?:was|were|previous(?:ly)?|former(?:ly)?|initial(?:ly)?|original(?:ly)?|old|earlier|before|instead of|from"
    r"|no longer|changed?|raised?|until|at first)\b|→|->|原|之前"
)


def language(notes: Notes, record: Record) -> str | None:
    """What is wrong with the language of notes, or None."""
    source = "\n".join(_NO_LANGUAGE.sub(" ", p.text[:_READ]) for p in record.said_by("user", "assistant"))[-_ALL_READ:]
    mine = "\n".join(_NO_LANGUAGE.sub(" ", QUOTE.sub(" ", p.text)) for _, p in notes.points())
    there, here = _letters(source), _letters(mine)
    if sum(there.values()) < _LEAST_SOURCE or sum(here.values()) < _LEAST_NOTES:
        return None
    shares, own = _shares(there), _shares(here)
    script = max(shares, key=lambda s: (shares[s], s))
    if shares[script] >= _SCRIPT_SHARE and own.get(script, 0.0) < _SCRIPT_LEFT:
        return f"it is not written in the {script} script of the conversation"
    if script == "han" and own.get("kana", 0.0) > 0.5:
        return "it is not in the language of the conversation"
    if script == "latin" and own.get("latin", 0.0) > 0.9:
        return _latin(source, mine)
    return None


def _letters(text: str) -> dict[str, int]:
    return {name: sum(map(len, run.findall(text))) * _DENSE.get(name, 1) for name, run in _RUNS.items()}


def _shares(letters: dict[str, int]) -> dict[str, float]:
    total = sum(letters.values())
    if letters["kana"]:  # Japanese is written in both
        letters = {**letters, "kana": letters["kana"] + (letters["han"] if letters["kana"] * 4 > letters["han"] else 0)}
    return {name: n / total for name, n in letters.items() if n}


def _latin(source: str, mine: str) -> str | None:
    """By the commonest words: told only where both are plainly of one language, and not of the same."""
    there, here = _hits(source), _hits(mine)
    theirs, ours = max(there, key=lambda n: (there[n], n)), max(here, key=lambda n: (here[n], n))
    if theirs == ours or there[theirs] < _HITS or here[ours] < _HITS_IN_NOTES:
        return None
    runner_up = sorted(there.values())[-2]
    if runner_up * 2 > there[theirs] or here[theirs] * 3 > here[ours] or there[ours] * 3 > there[theirs]:
        return None
    return "it is not in the language of the conversation"


def _hits(text: str) -> dict[str, int]:
    found = Counter(_LATIN_WORD.findall(fold(text)))
    return {name: sum(found[w] for w in common) for name, common in _IN.items()}


def thin(notes: Notes, record: Record) -> str | None:
    """How notes say far too little, or None."""
    source = sum(len(p.text) for p in record.passages if p.seq >= record.first)
    if source < _LEAST_CHARS:
        return None
    said = sum(len(p.text) * (3 if ord(max(p.text)) >= 0x2E80 else 1) for _, p in notes.points())
    if said < min(_THIN_MOST, max(_THIN_CHARS, _THIN_SHARE * source)):
        return "it says next to nothing of the conversation"
    points = [p for _, p in notes.points()]
    named = {seq for p in points for seq in p.seqs}
    middle = _middle(record)
    labelled = sum(bool(p.seqs) for p in points)
    if labelled >= max(_NAMED, len(points) // 2 + 1) and len(named) > 1 and middle is not None and max(named) < middle:
        return f"it names no message after {max(named)}, of those up to {record.to_seq}"
    return None


def _middle(record: Record) -> int | None:
    """The message at which half of what is new has been said; None where little was said after it."""
    new = [p for p in record.said_by("user", "assistant") if p.seq >= record.first]
    if len({p.seq for p in new}) < 8:
        return None
    total, upto = sum(len(p.text) for p in new), 0
    for passage in new:
        upto += len(passage.text)
        if upto * 2 >= total:
            return passage.seq if total - upto >= _LATER_CHARS else None
    return None


def stale(notes: Notes, record: Record) -> Iterator[tuple[str, int, str]]:
    """(section, place, value) of each point with a value that the user has replaced, the newest being nowhere in the
    notes. A value counts as replaced when the same few words stand before both and it was no guess."""
    newest, older = _history(record)
    everything = _canonical("\n".join(p.text for _, p in notes.points()))
    for section, points in notes.sections.items():
        for place, point in enumerate(points):
            if not point.says or _PAST.search(fold(point.text)):
                continue
            for match in _STATEMENT.finditer(point.text):
                key, value = _key(match["label"]), _value(match["value"])
                if value in older.get(key, ()) and value != newest[key] and not newest[key] & everything:
                    yield section, place, match["value"].strip()
                    break


def _history(record: Record) -> tuple[dict[frozenset[str], frozenset[str]], dict[frozenset[str], set[frozenset[str]]]]:
    newest: dict[frozenset[str], frozenset[str]] = {}
    older: dict[frozenset[str], set[frozenset[str]]] = {}
    for passage in record.said_by("user", "assistant"):
        for sentence in re.split(r"[.!?]\s|[\n;]", passage.text):
            for key, value in _stated(sentence, passage):
                if key in newest and newest[key] != value:
                    older.setdefault(key, set()).add(newest[key])
                newest[key] = value
    return newest, older


def _stated(sentence: str, passage: Passage) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    low = fold(sentence)
    if _UNSURE.search(low) or len(sentence) > 400 or (passage.who != "user" and not _CHANGES.search(low)):
        return
    for match in _STATEMENT.finditer(sentence):
        key = _key(match["label"])
        if key:
            yield key, _value(match["value"])


def _key(label: str) -> frozenset[str]:
    return frozenset(w for w in re.findall(r"[^\W\d_]+", fold(label)) if w not in _FILLER)


def _value(text: str) -> frozenset[str]:
    match = NUMBER.search(text)
    return frozenset(numbers(text, match)) if match else frozenset()


def _canonical(text: str) -> frozenset[str]:
    found: set[str] = set()
    for match in NUMBER.finditer(text):
        found |= numbers(text, match)
    found.update(f"{d.month}-{d.day}" for d, _, _ in days(text))
    return frozenset(found)
