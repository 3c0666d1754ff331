"""Exact values, found without a model: what a summary must not blur.

Paths, urls, identifiers, amounts, dates, error codes, quoted as they stand. Text is cut into words first
and every pattern looks at one short word or starts at a rare character, so the time is linear in the
text whatever it holds. Standing orders are found in `core.directives`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from memsvc.core.extract.speakers import Spoken
from memsvc.core.flatten import Piece
from memsvc.core.patterns import regex

Kind = Literal["path", "url", "id", "email", "name", "version", "error", "amount", "date"]

_HEAD, _TAIL = 60_000, 20_000  # characters read of one part of a message
_CJK = "\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef"
_URL = regex(rf"\b(?:https?|ftp|wss?|s3|file|postgres(?:ql)?|redis|mongodb)://[^\s\"'<>`{_CJK}]{{2,300}}")
_TOKEN = regex(rf"[^\s\"'`<>(){{}}\[\],;|=&\u2018\u2019\u201c\u201d*{_CJK}]+")
_TRIM = ".,:;!?)]}>\"'-"
_DIGIT = regex(r"\d")
_MONTHS = (
    *("Jan(?:uary)?", "Feb(?:ruary)?", "Mar(?:ch)?", "Apr(?:il)?", "May", "June?", "July?", "Aug(?:ust)?"),
    *("Sept?(?:ember)?", "Oct(?:ober)?", "Nov(?:ember)?", "Dec(?:ember)?"),
)
_MONTH = "(?:" + "|".join(_MONTHS) + ")"
_BEGUN = "(?:" + "|".join(f"(?<={month[0]}){month[1:]}" for month in _MONTHS) + ")"
"""A month behind its first letter. Dates and amounts begin with one class of characters, so that a search leaps from
one of them to the next; what must not stand before them is asked behind it."""
_DATE = regex(
    r"[\dJFMASOND](?:(?<![\w./-].)(?:(?<=\d)(?:\d{3}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?|\d?[./]\d{1,2}[./]\d{4}"
    rf"|\d?(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? \d{{4}})?)"
    rf"|{_BEGUN} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?)(?![\w/-])"
    r"|(?<=\d)(?<!\d.)(?:\d{3}年\d{1,2}|\d?)月\d{1,2}[日号])"
)
_UNIT = (
    r"%|percent|USD|EUR|GBP|CHF|JPY|CNY|dollars?|euros?|pounds?|yen|kg|mg|g|lbs?|oz|km|cm|mm|mi|miles?|ft|m|"
    r"ms|sec(?:onds?)?|min(?:utes?)?|hours?|days?|weeks?|months?|years?|[KMGT]i?B|[kmg]b|bytes?|tokens?|"
    r"rps|qps|[kMG]?Hz|[kM]?W|°[CF]|people|persons?|seats?|tickets?|bags?|items?|passengers?|h|s"
)
_AMOUNT = regex(
    r"[$€£¥₹\d](?:(?<![\w.,].)(?:(?<=[$€£¥₹])\s?\d(?:[\d,.]{0,20}\d)?(?:\s?(?:k|m|bn|million|billion))?"
    rf"|(?<=\d)(?:[\d,.]{{0,20}}\d)?[ -]?(?:{_UNIT}))(?![\w-])"
    r"|(?<=\d)(?<![\w.,/].)\d{0,3} of \d{1,4}(?![\w.,/])"
    r"|(?<=\d)(?<![\d.].)(?<!\d[,\uff0c].)(?:[\d.,\uff0c]{0,12}\d)?(?:元|块|円|万|公里|分钟|小时))"
)
_BREAK = regex(r"[\n!?;。\uff01\uff1f\uff0c\uff1b]|[.,](?!\d)")

_UUID = regex(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_EMAIL = regex(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,5}\.[A-Za-z]{2,24}")
_FILE = regex(
    r"[\w@.+-]{1,100}\.(?:py|pyi|tsx?|jsx?|mjs|jsonl?|ya?ml|toml|ini|cfg|conf|env|md|rst|txt|[ct]sv|sql|db|"
    r"sh|bash|zsh|go|rs|rb|java|kt|swift|[ch]|cc|[ch]pp|cs|php|exs?|erl|hs|scala|lua|html?|s?css|svg|png|jpe?g|"
    r"gif|pdf|docx?|xlsx?|pptx?|zip|tar|gz|lock|xml|proto|ipynb|vue|tf|gradle)",
    re.IGNORECASE,
)
_PATH = regex(r"(?:~?/|\.{1,2}/)?[\w@.+%~-]{1,100}(?:/[\w@.+%~-]{1,100}){0,30}/?")
_WINDOWS_PATH = regex(r"(?:[A-Za-z]:|\\)\\[\w .+%~-]{1,100}(?:\\[\w .+%~-]{1,100}){0,30}")
_PLACE = regex(r"([^:]+)(?::\d{1,7}){1,2}")  # path:line:column
_VERSION = regex(r"v\d{1,5}(?:\.\d{1,6}){0,3}(?:-[\w.]{1,20})?|\d{1,5}(?:\.\d{1,6}){2,3}(?:-[\w.]{1,20})?")
_CODES = "ORA|TS|CS|CA|BC|VB|LNK|MSB|NU|NETSDK|SQL|DB|PLS|TNS|RMAN|MY|ERR|ERROR|IDE|SA|WS|HTTP|RUF|PLR|PLW"
"""What codes of errors begin with; others of that form number flights, bookings, tickets."""
_ERROR = regex(rf"E[A-Z]{{4,14}}|[A-Z]\w{{1,40}}(?:Error|Exception)|(?:{_CODES})-?\d{{4,5}}|0x[0-9a-fA-F]{{4,16}}")
_ID = regex(r"#?(?=[\w-]{0,60}\d)[A-Za-z0-9][\w-]{3,63}|#\d{1,9}|(?=[A-Z]*\d)[A-Z0-9]{6,}")
_NAME = regex(r"[A-Za-z]\w{0,60}_\w{1,60}|[a-z]{2,40}[A-Z][A-Za-z0-9]{1,60}|(?:[A-Z][a-z0-9]{1,30}){2,6}")
_NO_ID = regex(
    r"\d{1,4}|\d{1,6}[a-z]{1,3}|\d{1,4}-\d{1,4}|\d{1,4}(?:-[a-z]+){1,3}s?|[a-z]+-\d{1,2}|\d{4}-\d{2}-\d{2}.*|\d-to-\d.*"
    r"|#[0-9a-f]{0,7}[a-f][0-9a-f]{0,7}",
    re.IGNORECASE,
)  # plain numbers, 60px, ranges, dates, colours

_KINDS: dict[Kind, tuple[str, float]] = {
    "path": ("paths", 1.3),
    "url": ("urls", 1.0),
    "id": ("ids", 1.2),
    "email": ("emails", 1.2),
    "name": ("names", 0.7),
    "version": ("versions", 0.6),
    "error": ("errors", 0.8),
    "amount": ("amounts", 0.8),
    "date": ("dates", 0.8),
}  # how a line of the index is headed, and how much the kind is worth
IN_WORDS: frozenset[Kind] = frozenset({"amount", "date"})
"""Kinds that are part of what people say: sentences tell them too."""
_PLACE_WEIGHT = {"text": 1.0, "call": 1.5, "error": 0.7, "result": 0.35, "media": 0.0}
_HALF_LIFE = 0.35  # share of the range after which a value that was not mentioned again counts half
_LABEL_WORDS, _LABEL_CHARS, _LABEL_CHARS_CJK = 3, 30, 8


class Artifact(Struct, frozen=True):
    """An exact value.

    Attributes:
        text: verbatim; amounts and dates with the few words before them, which say what they are.
        seq: the message that mentioned it last.
    """

    kind: Kind
    text: str
    seq: int


Known = dict[str, "tuple[Kind, str] | None"]
"""Words of a conversation that were looked at: the value that each is, None = it is none."""


class _Tally(Struct):
    kind: Kind
    text: str
    seq: int
    at: int
    weight: float
    times: int


def artifacts(sources: Sequence[Spoken], outdated: Mapping[int, Sequence[str]] = {}) -> tuple[Artifact, ...]:
    """The exact values in a conversation, most useful first; of a value that changed, the latest. `outdated` are
    statements, by the number of their message, whose values no longer hold.

    Ranked by how recent, how frequent and of what kind, and by where: what a person wrote
    or a call used outweighs what a tool printed.
    """
    tallies: dict[tuple[str, str], _Tally] = {}
    known: Known = {}
    for at, message in enumerate(sources):
        for piece in message.said.pieces:
            weight = _PLACE_WEIGHT[piece.kind]
            gone = outdated.get(message.said.seq, ()) if piece.kind == "text" else ()
            for kind, key, text in _find(_still_true(piece, gone), known) if weight else ():
                old = tallies.get((kind, key))
                if old is None:
                    tallies[kind, key] = _Tally(kind, text, message.said.seq, at, weight, 1)
                else:
                    old.text, old.seq, old.at = text, message.said.seq, at
                    old.weight, old.times = max(old.weight, weight), old.times + 1
    span = max(1.0, len(sources) * _HALF_LIFE)

    def rank(t: _Tally) -> tuple[float, int, str]:
        fresh = 0.5 ** ((len(sources) - 1 - t.at) / span)
        return (-_KINDS[t.kind][1] * t.weight * fresh * (1 + math.log(t.times)), -t.seq, t.text)

    return tuple(Artifact(t.kind, t.text, t.seq) for t in sorted(tallies.values(), key=rank))


def _still_true(piece: Piece, gone: Sequence[str]) -> Piece:
    text = piece.text
    for statement in gone:
        text = text.replace(statement, "\n", 1)
    return piece if text is piece.text else replace(piece, text=text)


def lines(found: Iterable[Artifact], budget_tokens: int, count: Callable[[str], int]) -> list[str]:
    """The best of them as text, one line a kind, at most `budget_tokens` in all."""
    kept: list[Artifact] = []
    left = budget_tokens
    misses = 0
    titled: set[Kind] = set()
    tails: set[str] = set()
    for artifact in found:
        if artifact.text in tails:
            continue  # the end of a longer path that is there already
        cost = count(f" {artifact.text};") + (0 if artifact.kind in titled else 4)
        if cost > left:
            misses += 1
            if misses > 20 or left < 4:
                break
            continue
        left -= cost
        titled.add(artifact.kind)
        kept.append(artifact)
        if artifact.kind == "path":
            parts = artifact.text.split("/")
            tails.update("/".join(parts[i:]) for i in range(1, len(parts)))
    out = _print(kept)
    while kept and count("\n".join(out)) > budget_tokens:
        kept = kept[: -max(1, len(kept) // 20)]
        out = _print(kept)
    return out


def _print(kept: Sequence[Artifact]) -> list[str]:
    """Within a line in the order of last mention, the latest at the end, each behind the number of its message."""
    by_kind: dict[Kind, list[Artifact]] = {}
    for artifact in kept:
        by_kind.setdefault(artifact.kind, []).append(artifact)
    return [f"- {title}: {_in_order(by_kind[kind])}" for kind, (title, _) in _KINDS.items() if kind in by_kind]


def _in_order(values: Sequence[Artifact]) -> str:
    by_seq: dict[int, list[str]] = {}
    for value in sorted(values, key=lambda a: a.seq):
        by_seq.setdefault(value.seq, []).append(value.text)
    return " ".join(f"[{seq}] {'; '.join(texts)}" for seq, texts in by_seq.items())


def _find(piece: Piece, known: Known) -> Iterator[tuple[Kind, str, str]]:
    """(kind, key, text) of each value; a later value with the same key replaces the earlier one."""
    text = piece.text
    if len(text) > _HEAD + _TAIL:
        text = text[:_HEAD] + "\n" + text[-_TAIL:]
    if "://" in text:
        for match in _URL.finditer(text):
            url = match.group().rstrip(_TRIM)
            yield "url", url, url
    for token in dict.fromkeys(_tokens(text)):
        if token not in known:
            known[token] = _value(token)
        found = known[token]
        if found is not None:
            yield found[0], found[1], found[1]
    if piece.kind in ("text", "call") and _DIGIT.search(text):
        yield from _labelled("date", _DATE, text)
        yield from _labelled("amount", _AMOUNT, text)


def _tokens(text: str) -> Iterable[str]:
    """The words of a text, in order; a closing tag is no path."""
    if "</" not in text:
        return _TOKEN.findall(text)
    found = ((match.group(), text[match.start() - 1 : match.start()]) for match in _TOKEN.finditer(text))
    return [token for token, before in found if not (before == "<" and token.startswith("/"))]


def _value(token: str) -> tuple[Kind, str] | None:
    if len(token) < 4 or len(token) > 250 or "://" in token:
        return None
    word = token.lstrip(":").rstrip(_TRIM)
    place = _PLACE.fullmatch(word) if ":" in word else None
    word = place.group(1) if place and ("/" in word or "." in word) else word
    kind = _classify(word)
    return None if kind is None else (kind, word)


def _labelled(kind: Kind, pattern: re.Pattern[str], text: str) -> Iterator[tuple[Kind, str, str]]:
    """Amounts and dates with the words before them; the same words with a new value replace it."""
    for match in pattern.finditer(text):
        start = max(0, match.start() - _LABEL_CHARS)
        before = text[start : match.start()]
        if start and before[:1].strip() and text[start - 1].strip() and before.isascii():
            before = before.partition(" ")[2]  # began inside a word
        before = _BREAK.split(before)[-1].lstrip()
        words = before.split(" ")
        label = " ".join(words[-_LABEL_WORDS - 1 :]) if len(words) > _LABEL_WORDS else before
        if not label.isascii():
            label = label[-_LABEL_CHARS_CJK:]
        quote = (label + match.group()).lstrip("[(-*#> ")
        yield kind, label.strip().lower() or quote.lower(), quote


def _classify(word: str) -> Kind | None:
    if len(word) < 3 or (word.isalpha() and word[1:].islower()):
        return None  # too short, or a plain word
    if "@" in word and _EMAIL.fullmatch(word):
        return "email"
    if "/" in word or "\\" in word:
        return "path" if _is_path(word) else None
    if "." in word:
        if _FILE.fullmatch(word):
            return "path"
        return "version" if _VERSION.fullmatch(word) else None
    if _UUID.fullmatch(word):
        return "id"
    if _ERROR.fullmatch(word):
        return "error"
    if _NAME.fullmatch(word):
        return "id" if any(c.isdigit() for c in word) else "name"
    if _ID.fullmatch(word) and not _NO_ID.fullmatch(word):
        return "id"
    return None


def _is_path(word: str) -> bool:
    if "\\" in word:
        return _WINDOWS_PATH.fullmatch(word) is not None
    if not _PATH.fullmatch(word) or word == "/dev/null":
        return False
    rooted = word.startswith(("/", "./", "../", "~/"))
    return rooted or word.count("/") >= 2 or any(c in "._@" or c.isdigit() for c in word)
