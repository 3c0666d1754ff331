"""Exact values in a form in which two spellings of one value are the same: numbers, dates, times of day.

`1,234.50`, `1.234,5` and `1234.5` are one number, `15 March 2026` and `2026-03-15` one day, `2 pm` and `14:00` one
time. A spelling that can be read in two ways stands for both. Every pattern is bounded and begins at a digit or
a word, so the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from memsvc.core.patterns import regex

_NAMES_OF_MONTHS = """
    january jan januar janvier enero gennaio janeiro januari января январь
    february feb februar février fevrier febrero febbraio fevereiro februari февраля февраль
    march mar märz maerz mars marzo março maart марта март
    april apr avril abril aprile апреля апрель
    may mai mayo maggio maio mei мая май
    june jun juni juin junio giugno junho июня июнь
    july jul juli juillet julio luglio julho июля июль
    august aug août aout agosto augustus августа август
    september sep sept septembre septiembre settembre setembro сентября сентябрь
    october oct okt oktober octobre octubre ottobre outubro октября октябрь
    november nov novembre noviembre novembro ноября ноябрь
    december dec dez dezember décembre decembre diciembre dicembre dezembro декабря декабрь
"""
MONTHS = {
    name: number for number, names in enumerate(_NAMES_OF_MONTHS.strip().splitlines(), 1) for name in names.split()
}
_ISO = regex(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_NUMERIC = regex(r"(?<![\d.])(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_SHORT = regex(r"(?<![\d./])(\d{1,2})[./](\d{1,2})\.?(?![\d/])")
_DAY_MONTH = regex(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|[.ºª])?\s{1,2}(?:of\s|de\s|di\s)?([^\W\d_]{3,12})\.?"
    r"(?:,?\s(?:de\s|del\s)?(\d{4}))?(?!\d)"
)
_MONTH_DAY = regex(r"(?<!\w)([^\W\d_]{3,12})\.?\s{1,2}(?:the\s)?(\d{1,2})(?:st|nd|rd|th)?(?:,?\s(\d{4}))?(?![\d:])")
_CJK_DATE = regex(r"(?:(\d{4})\s?[年년]\s?)?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日号號일]")
_CLOCK = regex(r"(?<![\d:])(\d{1,2})[:：](\d{2})(?::\d{2}(?:\.\d{1,9})?)?\s?([ap]\.?m\b)?", re.IGNORECASE)
_OCLOCK = regex(r"(?<![\d:.])(\d{1,2})\s?([ap]\.?m\b|uhr\b|h(?=\d{2}\b)|点|點|時|시)(\d{2}(?=分|\b))?", re.IGNORECASE)
_SPACE = "\u00a0\u202f\u2009"
NUMBER = regex(
    rf"\d{{1,3}}(?:[ {_SPACE}]\d{{3}}){{1,6}}(?:[.,]\d{{1,9}})?(?![\d])|\d{{1,40}}(?:[.,'’٬{_SPACE}]\d{{1,40}}){{0,12}}"
)
_SCALE = regex(
    r"\s?(k|thousand|tsd|m|mio|million(?:s|en|es)?|bn|b|billion|mrd|万|萬|千|亿|億|만|억)(?![^\W\d_a-z]|[a-z])",
    re.IGNORECASE,
)
_SCALES = {
    **dict.fromkeys(("k", "thousand", "tsd", "千"), 3),
    **dict.fromkeys(("m", "mio", "million", "millions", "millionen", "milliones"), 6),
    **dict.fromkeys(("bn", "b", "billion", "mrd"), 9),
    **dict.fromkeys(("万", "萬", "만"), 4),
    **dict.fromkeys(("亿", "億", "억"), 8),
}
_WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
WORDS = {
    **{word: n for n, word in enumerate(_WORDS.split())},
    **{word: 10 * n for n, word in enumerate(_TENS, 2)},
    **{f"{ten}-{one}": 10 * t + o for t, ten in enumerate(_TENS, 2) for o, one in enumerate(_WORDS.split()[:10]) if o},
    **{
        "dozen": 12,
        "hundred": 100,
        "thousand": 1_000,
        "million": 1_000_000,
        "half": 50,
        "quarter": 25,
        "fortnight": 14,
    },
    **{"zwölf": 12, "zehn": 10, "elf": 11, "zwanzig": 20, "dreißig": 30, "dreissig": 30, "hundert": 100, "doce": 12},
    **{"diez": 10, "veinte": 20, "treinta": 30, "dix": 10, "douze": 12, "quinze": 15, "vingt": 20, "trente": 30},
}
_WORD_NUMBER = regex(rf"(?<![^\W_])(?:{'|'.join(sorted(WORDS, key=len, reverse=True))})s?(?![^\W_])", re.IGNORECASE)
_CJK_NUMBER = regex(r"[零〇一二两兩三四五六七八九十百千]{1,12}")
_CJK_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_PHONE = regex(r"(?<![\w.])\+?\d(?:[ ().\-/\u00a0]{0,2}\d){6,18}(?![\w])")
_SIZE, _MOST_DIGITS = regex(r"\d+(?:\.\d+)?"), 15
DAY_S = 86_400


class Day(Struct, frozen=True):
    """A day as it was written; `year` 0 = without one."""

    year: int
    month: int
    day: int


def numbers(text: str, match: re.Match[str]) -> set[str]:
    """What a match of NUMBER can mean, in digits and at most one point."""
    found = readings(match[0])
    scale = _SCALE.match(text, match.end())
    if scale:
        power = _SCALES.get(scale[1].casefold().rstrip(), 6)
        found |= {_shifted(n, power) for n in tuple(found)}
    return found


def readings(raw: str) -> set[str]:
    """The numbers that one spelling may stand for."""
    parts = re.split(rf"[.,'’٬ {_SPACE}]", raw)
    if len(parts) == 1:
        return {_plain(raw, "")}
    marks = re.sub(r"\d", "", raw)
    found: set[str] = set()
    if all(len(p) == 3 for p in parts[1:]) and len(parts[0]) <= 3 and len(set(marks)) == 1:
        found.add(_plain("".join(parts), ""))
    if marks[-1] in ".," and (len(parts) == 2 or marks[-1] not in marks[:-1]):
        found.add(_plain("".join(parts[:-1]), parts[-1]))
    return found or {raw}


def size(number: str) -> float | None:
    """How large a number of `numbers` is; None for one that has no single reading (`1,2,3`) or is too long to tell."""
    return float(number) if len(number) <= _MOST_DIGITS and _SIZE.fullmatch(number) else None


def _plain(whole: str, fraction: str) -> str:
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")


def _shifted(number: str, power: int) -> str:
    whole, _, fraction = number.partition(".")
    fraction = fraction.ljust(power, "0")
    return _plain(whole + fraction[:power], fraction[power:])


def spelled(text: str) -> Iterator[str]:
    """Numbers that are written as words, in digits."""
    for match in _WORD_NUMBER.finditer(text):
        word = match[0].casefold()
        yield str(WORDS.get(word, WORDS.get(word.rstrip("s"), 0)))
    for match in _CJK_NUMBER.finditer(text):
        yield str(_cjk(match[0]))


def _cjk(run: str) -> int:
    total = digit = 0
    for c in run:
        if c in _CJK_DIGITS:
            digit = digit * 10 + _CJK_DIGITS[c]
        else:
            total += (digit or 1) * {"十": 10, "百": 100, "千": 1_000}[c]
            digit = 0
    return total + digit


def days(text: str, *, loose: bool = False) -> Iterator[tuple[Day, int, int]]:
    """Days that a text names, with where they stand; each of two readings. `loose`: `3/15` and `15.3.` too."""
    for m in _ISO.finditer(text):
        yield from _day(int(m[1]), int(m[2]), int(m[3]), m)
    for m in _NUMERIC.finditer(text):
        year = int(m[4]) if len(m[4]) == 4 else 2000 + int(m[4])
        yield from _day(year, int(m[3]), int(m[1]), m)
        yield from _day(year, int(m[1]), int(m[3]), m)
    for m in _DAY_MONTH.finditer(text):
        yield from _day(int(m[3] or 0), MONTHS.get(m[2].casefold(), 0), int(m[1]), m)
    for m in _MONTH_DAY.finditer(text):
        yield from _day(int(m[3] or 0), MONTHS.get(m[1].casefold(), 0), int(m[2]), m)
    for m in _CJK_DATE.finditer(text):
        yield from _day(int(m[1] or 0), int(m[2]), int(m[3]), m)
    for m in _SHORT.finditer(text) if loose else ():
        yield from _day(0, int(m[2]), int(m[1]), m)
        yield from _day(0, int(m[1]), int(m[2]), m)


def _day(year: int, month: int, day: int, m: re.Match[str]) -> Iterator[tuple[Day, int, int]]:
    if 1 <= month <= 12 and 1 <= day <= 31:
        yield Day(year, month, day), m.start(), m.end()


def minutes(text: str) -> Iterator[tuple[frozenset[int], int, int]]:
    """Times of day in minutes, with where they stand: more than one where it may be morning or evening."""
    for m in _CLOCK.finditer(text):
        yield from _minute(int(m[1]), int(m[2]), m[3], m)
    for m in _OCLOCK.finditer(text):
        half = m[2] if m[2][0] in "aApP" else None
        yield from _minute(int(m[1]), int(m[3] or 0), half, m)


def _minute(hour: int, minute: int, half: str | None, m: re.Match[str]) -> Iterator[tuple[frozenset[int], int, int]]:
    if hour > 24 or minute > 59:
        return
    if half is not None:
        found = {(hour % 12 + 12 * (half[0] in "pP")) * 60 + minute}
    else:
        found = {hour % 24 * 60 + minute} | ({(hour + 12) % 24 * 60 + minute} if hour <= 12 else set())
    yield frozenset(found), m.start(), m.end()


def phones(text: str) -> Iterator[tuple[str, int, int]]:
    """Runs of digits that belong together although something stands between them, as digits alone."""
    for m in _PHONE.finditer(text):
        yield re.sub(r"\D", "", m[0]), m.start(), m.end()
