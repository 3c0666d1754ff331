"""Exact values in notes that the record does not hold: identifiers, numbers, dates that somebody made up."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memsvc.core.patterns import regex
from memsvc.core.verify.record import Record, plain, squeezed
from memsvc.core.verify.values import NUMBER, Day, days, minutes, numbers, phones, size

_URL = regex(r"\b[a-z][a-z0-9+.-]{1,15}://[^\s\"'<>`|)\]】）,;\u3000-\u303f\uff00-\uffef]{2,400}", re.IGNORECASE)
_TOKEN = regex(r"[^\s\"'`<>(){}\[\],;|=&*…\u2013\u2014\u2192\u00ab\u00bb\u2018-\u201e\u2e80-\U0002ffff]{2,300}")
_TRIM = ".,:;!?…)]}>-\u2013"
_MEASURE = regex(
    r"[~≈<>±+−-]{0,2}[$€£¥₹#]?\d[\d.,:'’/x×–-]*(?:[a-z%°µω²³]{0,4}(?:/[a-z]{1,5})?|[-–]?[a-z]{2,12})", re.IGNORECASE
)
_EMAIL = regex(r"[^@\s]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_DOTTED = regex(r"[\w@+~-]{1,100}(?:\.[\w@+~-]{1,100}){1,12}")
_CAMEL = regex(
    r"[a-z]{2,40}\d{0,4}[A-Z]\w{1,60}|(?:[A-Z][a-z0-9]{1,30}){3,8}|(?:[A-Z][a-z0-9]{1,30}){1,6}(?:Error|Exception)"
)
_ERRNO = regex(r"E(?:CONN|NO|ACC|PERM|PIPE|TIME|ADDR|INVAL|EXIST|AGAIN|HOST|NET|MFILE|ISDIR|BUSY)[A-Z]{0,12}")
_FLAG = regex(r"--[a-z][\w-]{1,60}", re.IGNORECASE)
_VERSION = regex(r"v?\d{1,6}(?:\.\d{1,6}){1,4}(?:[-+][\w.-]{1,40})?")
_HEX = regex(r"[0-9a-f]{7,64}")
_PARTS = regex(r"[^\W_]+")
_NEARLY = regex(
    r"(?:~|≈|about|around|approx\w{0,9}\.?|roughly|nearly|almost|over|under|circa|ca\.|some|up to|more than|less than"
    r"|at least|约|大约|超过|etwa|rund|über|environ|unos|около|約)\s?[$€£¥₹]?\s?$",
    re.IGNORECASE,
)
_UNIT = regex(
    r"\s?(?:%|percent|°|usd|eur|gbp|chf|jpy|cny|dollars?|euros?|pounds?|yen|kg|mg|g\b|lbs?\b|km|cm|mm|miles?|m\b|ms\b|s\b"
    r"|h\b|sec(?:ond)?s?|min(?:ute)?s?|hours?|hrs?|days?|weeks?|months?|years?|[kmgt]i?b\b|bytes?|tokens?|people|persons?"
    r"|seats?|tickets?|items?|passengers?|元|块|円|万|公里|分钟|小时|天|人|个|tage?n?|stunden?|wochen?|heures?|jours?|días?"
    r"|horas?)",
    re.IGNORECASE,
)
_MONEY = regex(r"[$€£¥₹]\s?$")
_LOWER_VERBS = frozenset({"may", "march", "mar", "mars"})
_MOST = 400  # values looked at in one line
_NEAR = 0.1


def missing(text: str, record: Record) -> Iterator[str]:
    """The values in a line that the record does not hold, as they are written."""
    text = re.sub(r"(?<=\d)T(?=\d\d:\d\d)", " ", plain(text))
    steps = (_urls, _named_days, _words, _times, _numbers)
    left = _MOST
    for step in steps:
        spans = []
        for value, start, end, held in step(text, record):
            spans.append((start, end))
            if not held:
                yield value
            left -= 1
            if left <= 0:
                return
        for start, end in spans:
            text = text[:start] + " " * (end - start) + text[end:]


Found = Iterator[tuple[str, int, int, bool]]
"""A value, where it stands, and whether the record holds it."""


def _urls(text: str, record: Record) -> Found:
    for m in _URL.finditer(text):
        url = m[0].rstrip(_TRIM)
        low = url.casefold()
        bare = low.partition("://")[2].rstrip("/").removeprefix("www.")
        yield url, m.start(), m.start() + len(url), record.has(low, open_end=False) or record.has(bare)


def _named_days(text: str, record: Record) -> Found:
    spans: dict[tuple[int, int], list[Day]] = {}
    for day, start, end in days(text):
        word = re.search(r"[^\W\d_]{3,12}", text[start:end])
        if word and word[0] in _LOWER_VERBS:
            continue
        spans.setdefault((start, end), []).append(day)
    upto = -1
    for (start, end), found in sorted(spans.items(), key=lambda s: (s[0][0], -s[0][1])):
        if start < upto:
            continue
        upto = end
        value = text[start:end]
        yield value, start, end, any(map(record.has_day, found)) or record.has(value.casefold())


def _words(text: str, record: Record) -> Found:
    for m in _TOKEN.finditer(text):
        word = m[0].rstrip(_TRIM)
        if not word.startswith("--"):
            word = word.lstrip(".,:;!?-\u2013")
        if len(word) < 3 or (word[:1].isdigit() and _MEASURE.fullmatch(word)) or not _exact(word):
            continue
        start = m.start() + m[0].find(word)
        cut = text[m.end() : m.end() + 1] == "…" or m[0].endswith("...")
        yield word, start, start + len(word), _held(word, record, cut)


def _exact(word: str) -> bool:
    """Whether a word is a name that must be spelled exactly, not a word of a language."""
    if _MEASURE.fullmatch(word):
        return False
    if "@" in word[1:] and _EMAIL.fullmatch(word):
        return True
    if "/" in word or "\\" in word:
        return word.startswith(("/", "./", "../", "~/")) or word.count("/") >= 3 or bool(re.search(r"[\\._@\d]", word))
    digit = any(c.isdigit() for c in word)
    letter = any(c.isalpha() for c in word)
    if digit and letter and len(word) >= 4:
        return True
    if "_" in word.strip("_") and letter:
        return True
    if "." in word and _DOTTED.fullmatch(word) and min(map(len, word.split("."))) >= (1 if digit else 2):
        return True
    return any(p.fullmatch(word) for p in (_CAMEL, _ERRNO, _FLAG))


def _held(word: str, record: Record, cut: bool) -> bool:
    low = word.casefold()
    if record.has(low, open_end=cut or bool(_HEX.fullmatch(low))):
        return True
    place = re.fullmatch(r"([^:]+)((?::\d{1,7}){1,2})", low)  # path:line:column
    if place and _held(place[1], record, False):
        return all(n in record.numbers for n in place[2].strip(":").split(":"))
    tight = squeezed(low)
    if len(tight) >= 8 and tight in record.letters:
        return True
    if any(c in low for c in "_") or _CAMEL.fullmatch(word):
        return record.has(re.sub(r"[_-]+", " ", low))
    pieces = re.split(r"[/\\]+", low.strip("/\\.~")) if re.search(r"[/\\]", low) else _PARTS.findall(low)
    if "@" in low or len(pieces) < 2 or _VERSION.fullmatch(low):
        return False
    return all(p in record.numbers if p.isdigit() else len(p) < 2 or record.has(p) for p in pieces)


def _times(text: str, record: Record) -> Found:
    for some, start, end in minutes(text):
        value = text[start:end]
        yield value, start, end, bool(some & record.minutes) or record.has(value.casefold())


def _numbers(text: str, record: Record) -> Found:
    for m in NUMBER.finditer(text):
        raw, before = m[0], text[max(0, m.start() - 14) : m.start()]
        digits = sum(map(str.isdigit, raw))
        if digits < 2 and not _UNIT.match(text, m.end()) and not _MONEY.search(before):
            continue
        meant = numbers(text, m)
        if text[m.end() : m.end() + 2].lstrip().startswith("%"):
            meant |= {_hundredth(n) for n in meant}
        held = not meant.isdisjoint(record.numbers) or record.has(raw)
        if not held and _NEARLY.search(before):
            held = any(_near(n, record) for n in meant)
        if not held and " " in raw:
            held = all(p in record.numbers for p in raw.split())
        yield raw, m.start(), m.end(), held or _in_phone(text, m.start(), record)


def _hundredth(number: str) -> str:
    large = size(number)
    return number if large is None else f"{large / 100:.10f}".rstrip("0").rstrip(".")


def _near(number: str, record: Record) -> bool:
    large = size(number)
    return large is not None and any(abs(large - other) <= _NEAR * large for other in record.sizes)


def _in_phone(text: str, at: int, record: Record) -> bool:
    for digits, start, end in phones(text):
        if start <= at < end:
            return any(p.endswith(digits[-9:]) or digits.endswith(p[-9:]) for p in record.phones)
    return False
