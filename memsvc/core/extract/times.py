"""Dates that people say by the day they speak on: "yesterday", "two weeks ago", "last Friday", 上周五, vor drei Tagen.

A summary is read on another day, so the date is written behind the words: `yesterday (7 May 2023)`. What the words
leave open stays open: a week is given by its Monday, a month and a year by their names, "next Friday" only where it
can mean one day. Words that may mean something else get no date ("the last week of June", "over the last year", German
"hier" and "heute Morgen", 5月20日前): a wrong date is worse than none. Numbers are bounded and every pattern looks at
few characters, so the work grows with the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from memsvc.core.days import MONTHS, civil, ordinal
from memsvc.core.extract.asian_times import CHINESE, JAPANESE, KOREAN, MAY_TELL
from memsvc.core.extract.meant import (
    NUMBERS,
    Say,
    counted,
    fixed,
    last_weekday,
    next_weekday,
    this_weekday,
    weekend,
)
from memsvc.core.patterns import regex

_N = r"(?<![\d.,:/-])(\d{1,3}|" + "|".join(sorted((re.escape(w) for w in NUMBERS), key=len, reverse=True)) + ")"
_WEEKDAY = r"(mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|satur(?=day)|sun(?=day))(?:day)?\b"
_LARGER = "".join(
    f"(?<!{word}[ -])"
    for word in (
        "twenty thirty forty fifty sixty seventy eighty ninety hundred and or to half point" + " thousand"
    ).split()
)
"""Not the end of a larger number or of a range: "twenty-five years ago", "two or three days ago"."""
_LATER = (
    r"(?:will|['\u2019]ll|going to|gonna|due|starts?|begins?|leav\w{1,3}|arriv\w{1,3}|flying|moving|return\w{0,3}"
    r"|back)\b"
)

_TABLE: tuple[tuple[str, Say], ...] = (
    (r"\b(?:the )?day before yesterday\b|\bvorgestern\b|\bavant-hier\b|\banteayer\b", fixed("day", -2)),
    (r"\b(?:the )?day after tomorrow\b|\bübermorgen\b|\baprès-demain\b|\bpasado mañana\b", fixed("day", 2)),
    (
        r"\byesterday\b|\blast night\b|\bgestern\b|\bayer\b"
        r"|\bhier\b(?= (?:soir|matin|après-midi|j'|je |on |nous |il a|elle a)|,? (?:j'|je |on |nous ))",
        fixed("day", -1),
    ),
    (
        r"\btomorrow\b|(?<![\w ])(?-i:Morgen)\b(?=,? (?!ist |war )[a-zäöü])|\bdemain\b"
        r"|(?<!guten )(?<!am )(?<!jeden )(?<!heute )(?<!gestern )(?<!tag )(?<!woch )(?-i:\bmorgen\b)",
        fixed("day", 1),
    ),
    (rf"{_LARGER}\b{_N} (days?|weeks?|months?|years?) ago\b", counted(-1)),
    (rf"\b{_LATER}[^.!?\n]{{0,60}}?\bin {_N} (days?|weeks?|months?|years?)\b", counted(1)),
    (rf"\bvor {_N} (tag|woche|monat|jahr)\w{{0,2}}\b", counted(-1)),
    (
        rf"\bil y a {_N} (jour|semaine|mois|an|année)s?\b(?=[.,;!?)]|$| (?:j'|je|on|nous|il|elle|et|à|que)\b)",
        counted(-1),
    ),
    (rf"\bhace {_N} (día|semana|mes|año)\w{{0,2}}\b", counted(-1)),
    (rf"(?<!the )\b(?:last|this past) {_WEEKDAY}(?! of\b)", last_weekday),
    (rf"\bthis (?:coming )?{_WEEKDAY}", this_weekday),
    (rf"(?<!the )\bnext {_WEEKDAY}(?! of\b)", next_weekday),
    (r"(?<!the )\blast weekend\b|\bletztes Wochenende\b", weekend(-1)),
    (r"\bthis weekend\b|\bdieses Wochenende\b", weekend(0)),
    (r"(?<!the )\bnext weekend\b|\bnächstes Wochenende\b", weekend(1)),
    (
        r"(?<!the )\blast week\b(?! of\b)|\bletzte Woche\b|\bla semaine dernière\b|\bla semana pasada\b",
        fixed("week", -1),
    ),
    (
        r"(?<!the )\bnext week\b(?! of\b)|\bnächste Woche\b|\bla semaine prochaine\b|\bla próxima semana\b",
        fixed("week", 1),
    ),
    (r"(?<!the )\blast month\b(?! of\b)|\bletzten Monat\b|\ble mois dernier\b|\bel mes pasado\b", fixed("month", -1)),
    (
        r"(?<!the )\bnext month\b(?! of\b)|\bnächsten Monat\b|\ble mois prochain\b|\bel próximo mes\b",
        fixed("month", 1),
    ),
    (
        r"(?<!the )\blast year\b(?! of\b)|\bletztes Jahr\b|\bl['\u2019]année dernière\b|\bel año pasado\b",
        fixed("year", -1),
    ),
    (
        r"(?<!the )\bnext year\b(?! of\b)|\bnächstes Jahr\b|\bl['\u2019]année prochaine\b|\bel próximo año\b",
        fixed("year", 1),
    ),
)
_SIGNS = """
    before_yesterday vorgestern avant-hier anteayer
    after_tomorrow
    yesterday last_night gestern ayer hier
    tomorrow morgen demain
    _ago
    in_
    vor_
    il_y_a_
    hace_
    last_ past_
    this_
    next_
    weekend letztes_w
    weekend dieses_w
    weekend
    last_week letzte_w semana_p
    next_week semaine_p
    last_month letzten_m mois_d mes_p
    next_month mois_p
    last_year letztes_j
    next_year
"""
"""Of each line of the table, what any ASCII text that it matches has one of, in small letters; `_` is a space."""
_SPACED = tuple(
    (tuple(sign.replace("_", " ") for sign in signs.split()), regex(pattern, re.IGNORECASE), say)
    for signs, (pattern, say) in zip(_SIGNS.strip().splitlines(), _TABLE, strict=True)
)
_MAYBE_WORDS = """
    day week month year ago tomorrow last_ next_ gestern morgen vor_ hier demain il_y_a dern proch ayer pasad hace
    próxim letzt nächst dieses
"""
_MAYBE = tuple(word.replace("_", " ") for word in _MAYBE_WORDS.split())
"""A text without any of these has no words that tell a day."""
_ALL_SPACED = tuple((pattern, say) for _, pattern, say in _SPACED)
_HAN, _KANA, _HANGUL = regex("[\u3400-\u9fff]"), regex("[\u3040-\u30ff]"), regex("[\uac00-\ud7af]")
_DATED = regex(r"\(\d|\d{4}")
_QUOTATION = regex(
    r"(?<=[^\w\n])(?:\"[^\"\n]{1,300}\"|[\u201c\u201e][^\u201c\u201d\n]{1,300}[\u201c\u201d]|'[^'\n]{1,300}'(?!\w))"
)
"""What another said, on a day that is not known."""
_MOST = 2  # dates written into one statement


def may_tell_a_day(text: str) -> bool:
    """Whether a text has any of the words that `dated` looks for, at a glance."""
    low = text.lower()
    for word in _MAYBE:  # no generator: it would take longer than looking
        if word in low:
            return True
    return not text.isascii() and MAY_TELL.search(text) is not None


def dated(text: str, day: int) -> str:
    """A statement with the dates behind the words that tell them by the day it was said on."""
    table, cjk = _table(text)
    found: list[tuple[int, str]] = []
    taken: list[tuple[int, int]] = []
    for pattern, say in table:
        for match in pattern.finditer(text):
            span = match.span()
            taken = taken or [m.span() for m in _QUOTATION.finditer(text)]
            if any(start < span[1] and span[0] < end for start, end in taken) or _DATED.match(text, span[1] + 1):
                continue
            taken.append(span)
            if date := say(match, day):
                found.append((span[1], f"\uff08{date}\uff09" if cjk else f" ({date})"))
    for at, date in sorted(found)[:_MOST][::-1]:
        text = text[:at] + date + text[at:]
    return text


def _ascii_table(low: str) -> list[tuple[re.Pattern[str], Say]]:
    found = []
    for signs, pattern, say in _SPACED:
        for sign in signs:
            if sign in low:
                found.append((pattern, say))
                break
    return found


def _table(text: str) -> tuple[Iterable[tuple[re.Pattern[str], Say]], bool]:
    """What to look for in a text of its language, and whether its dates are written as in China and Japan."""
    if text.isascii():
        return _ascii_table(text.lower()), False
    if not may_tell_a_day(text):
        return (), False
    for letters, table in ((_KANA, JAPANESE), (_HANGUL, KOREAN), (_HAN, CHINESE)):
        if letters.search(text):
            return table, True
    return _ALL_SPACED, False


_MONTH = "|".join(m[:3] for m in MONTHS)
_STAMP = regex(
    r"\s{0,2}[\[(](?=[^\])\n]{6,50}[\])])[^\])\n]{0,24}?(?:"
    r"(?P<y1>\d{4})[-/.\u5e74](?P<m1>\d{1,2})[-/.\u6708](?P<d1>\d{1,2})"
    rf"|(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<m2>{_MONTH})[a-z]{{0,6}}\.?,? (?P<y2>\d{{4}})"
    rf"|(?P<m3>{_MONTH})[a-z]{{0,6}}\.? (?P<d3>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y3>\d{{4}})"
    r")[^\])\n]{0,24}[\])]\s{0,2}",
    re.IGNORECASE,
)


def stamp(text: str) -> tuple[int, int] | None:
    """The day of a date in brackets that a message begins with, and where the message itself begins; None = none."""
    match = _STAMP.match(text)
    if match is None:
        return None
    found = {name[0]: value for name, value in match.groupdict().items() if value}
    month = found["m"]
    number = int(month) if month.isdecimal() else 1 + _MONTH.lower().split("|").index(month.lower()[:3])
    day = ordinal(int(found["y"]), number, int(found["d"]))
    return (day, match.end()) if day is not None else None


def title(day: int, parts: int) -> str:
    """A line that says when the statements below it were made: the day (3 parts), its month (2) or its year (1)."""
    year, month, of_month = civil(day)
    return f"[{' '.join([str(of_month), MONTHS[month - 1], str(year)][-parts:])}]"


_TITLE = regex(rf"\[(?:(?:\d{{1,2}} )?(?:{'|'.join(MONTHS)}) )?-?\d{{1,6}}\]")


def is_title(line: str) -> bool:
    """Whether a line is such a one."""
    return _TITLE.fullmatch(line) is not None
