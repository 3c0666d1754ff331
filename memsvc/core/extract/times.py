"""Dates that people say by the day they speak on: "yesterday", "two weeks ago", "last Friday", 上周五, vor drei Tagen.

A summary is read on another day, so the date is written behind the words: `yesterday (7 May 2023)`. What the words
leave open stays open: a week is given by its Monday, a month and a year by their names, "next Friday" only where it
can mean one day. Words that may mean something else get no date ("the last week of June", "over the last year", German
"hier" and "heute Morgen", 5月20日前): a wrong date is worse than none. Numbers are bounded and every pattern looks at
few characters, so the work grows with the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from memsvc.core.days import MONTHS, civil, ordinal, shifted, weekday
from memsvc.core.patterns import regex

Say = Callable[[re.Match[str], int], str]

_ENGLISH = "a two three four five six seven eight nine ten eleven twelve"
_GERMAN = "ein zwei drei vier fünf sechs sieben acht neun zehn"
_NUMBERS = {
    **{w: n for n, w in enumerate(_ENGLISH.split(), 1)},
    **{"an": 1, "one": 1, "couple of": 2, "a couple of": 2},
    **{w: n for n, w in enumerate(_GERMAN.split(), 1)},
    **{"einem": 1, "einer": 1, "eine": 1, "un": 1, "une": 1, "una": 1, "deux": 2, "trois": 3, "quatre": 4},
    **{"cinq": 5, "six": 6, "sept": 7, "huit": 8, "neuf": 9, "dix": 10, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5},
    **{"seis": 6, "siete": 7, "ocho": 8, "nueve": 9, "diez": 10},
    **{w: n for n, w in enumerate("一二三四五六七八九十", 1)},
    **{"两": 2, "兩": 2, "하루": 1},
}
_N = r"(?<![\d.,:/-])(\d{1,3}|" + "|".join(sorted((re.escape(w) for w in _NUMBERS), key=len, reverse=True)) + ")"
_DAYS = {
    **{w: n for n, w in enumerate(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])},
    **{w: n for n, w in enumerate(["montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"])},
    **{w: n for n, w in enumerate(["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"])},
    **{w: n for n, w in enumerate(["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"])},
    **{w: n for n, w in enumerate("一二三四五六日")},
    **{w: n for n, w in enumerate("月火水木金土")},
    "天": 6,
}
_N_CJK = r"(?<![\d.,:/〇零一二三四五六七八九十百千万几第-])(\d{1,2}|[一二三四五六七八九十两兩])"
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
_UNITS = {
    **dict.fromkeys(("day", "tag", "jour", "día", "天", "日", "일"), "day"),
    **dict.fromkeys(("week", "woche", "semaine", "semana", "周", "週", "星期", "주"), "week"),
    **dict.fromkeys(("month", "monat", "mois", "mes", "个月", "個月", "か月", "ヶ月"), "month"),
    **dict.fromkeys(("year", "jahr", "an", "année", "año", "年", "년"), "year"),
}


def _day(day: int, cjk: bool) -> str:
    year, month, of_month = civil(day)
    return f"{year}年{month}月{of_month}日" if cjk else f"{of_month} {MONTHS[month - 1]} {year}"


def _month(day: int, months: int, cjk: bool) -> str:
    year, month = shifted(day, months)
    return f"{year}年{month}月" if cjk else f"{MONTHS[month - 1]} {year}"


def _away(day: int, unit: str, n: int, cjk: bool) -> str:
    """What lies `n` units from a day (before it where negative), as exactly as the words say."""
    if unit == "day":
        return _day(day + n, cjk)
    if unit == "week":
        monday = _day(day + 7 * n - weekday(day + 7 * n), cjk)
        return f"{monday}起的一周" if cjk else f"week of {monday}"
    if unit == "month":
        return _month(day, n, cjk)
    return f"{civil(day)[0] + n}年" if cjk else str(civil(day)[0] + n)


def _fixed(unit: str, n: int, cjk: bool = False) -> Say:
    return lambda match, day: _away(day, unit, n, cjk)


def _counted(sign: int, cjk: bool = False) -> Say:
    """For patterns whose groups are a number and a unit."""

    def say(match: re.Match[str], day: int) -> str:
        number = match[1].lower()
        n = int(number) if number.isdecimal() else _NUMBERS[number]
        word = match[2].lower()
        unit = next((u for w, u in _UNITS.items() if word.startswith(w)), "day")
        return _away(day, unit, sign * n, cjk)

    return say


def _last_weekday(match: re.Match[str], day: int) -> str:
    back = (weekday(day) - _named(match[1])) % 7 or 7
    return _day(day - back, False)


def _this_weekday(match: re.Match[str], day: int) -> str:
    """Only where that day of the week is still to come: else it may be the one just past."""
    ahead = _named(match[1]) - weekday(day)
    if "coming" in match[0].lower():
        ahead %= 7
    return _day(day + ahead, False) if ahead >= 0 else ""


def _next_weekday(match: re.Match[str], day: int) -> str:
    """Only where the first such day is one of the next week: else some mean one, some the other."""
    wanted = _named(match[1])
    return (
        _day(day + (wanted - weekday(day)) % 7 + 7 * (wanted == weekday(day)), False) if wanted <= weekday(day) else ""
    )


def _week_of(weeks: int) -> Say:
    """A weekday of the week before, this one or the next, as Chinese and Japanese name them."""

    def say(match: re.Match[str], day: int) -> str:
        return _day(day - weekday(day) + 7 * weeks + _named(match[1]), True)

    return say


def _weekend(weeks: int) -> Say:
    def say(match: re.Match[str], day: int) -> str:
        saturday = day - weekday(day) + 5 + 7 * weeks
        if weeks < 0 and weekday(day) == 6:
            saturday = day - 8
        return f"weekend of {_day(saturday, False)}"

    return say


def _named(word: str) -> int:
    low = word.lower()
    return _DAYS.get(low, _DAYS.get(low[:3], 0))


_TABLE: tuple[tuple[str, Say], ...] = (
    (r"\b(?:the )?day before yesterday\b|\bvorgestern\b|\bavant-hier\b|\banteayer\b", _fixed("day", -2)),
    (r"\b(?:the )?day after tomorrow\b|\bübermorgen\b|\baprès-demain\b|\bpasado mañana\b", _fixed("day", 2)),
    (
        r"\byesterday\b|\blast night\b|\bgestern\b|\bayer\b"
        r"|\bhier\b(?= (?:soir|matin|après-midi|j'|je |on |nous |il a|elle a)|,? (?:j'|je |on |nous ))",
        _fixed("day", -1),
    ),
    (
        r"\btomorrow\b|(?<![\w ])(?-i:Morgen)\b(?=,? (?!ist |war )[a-zäöü])|\bdemain\b"
        r"|(?<!guten )(?<!am )(?<!jeden )(?<!heute )(?<!gestern )(?<!tag )(?<!woch )(?-i:\bmorgen\b)",
        _fixed("day", 1),
    ),
    (rf"{_LARGER}\b{_N} (days?|weeks?|months?|years?) ago\b", _counted(-1)),
    (rf"\b{_LATER}[^.!?\n]{{0,60}}?\bin {_N} (days?|weeks?|months?|years?)\b", _counted(1)),
    (rf"\bvor {_N} (tag|woche|monat|jahr)\w{{0,2}}\b", _counted(-1)),
    (
        rf"\bil y a {_N} (jour|semaine|mois|an|année)s?\b(?=[.,;!?)]|$| (?:j'|je|on|nous|il|elle|et|à|que)\b)",
        _counted(-1),
    ),
    (rf"\bhace {_N} (día|semana|mes|año)\w{{0,2}}\b", _counted(-1)),
    (rf"(?<!the )\b(?:last|this past) {_WEEKDAY}(?! of\b)", _last_weekday),
    (rf"\bthis (?:coming )?{_WEEKDAY}", _this_weekday),
    (rf"(?<!the )\bnext {_WEEKDAY}(?! of\b)", _next_weekday),
    (r"(?<!the )\blast weekend\b|\bletztes Wochenende\b", _weekend(-1)),
    (r"\bthis weekend\b|\bdieses Wochenende\b", _weekend(0)),
    (r"(?<!the )\bnext weekend\b|\bnächstes Wochenende\b", _weekend(1)),
    (
        r"(?<!the )\blast week\b(?! of\b)|\bletzte Woche\b|\bla semaine dernière\b|\bla semana pasada\b",
        _fixed("week", -1),
    ),
    (
        r"(?<!the )\bnext week\b(?! of\b)|\bnächste Woche\b|\bla semaine prochaine\b|\bla próxima semana\b",
        _fixed("week", 1),
    ),
    (r"(?<!the )\blast month\b(?! of\b)|\bletzten Monat\b|\ble mois dernier\b|\bel mes pasado\b", _fixed("month", -1)),
    (
        r"(?<!the )\bnext month\b(?! of\b)|\bnächsten Monat\b|\ble mois prochain\b|\bel próximo mes\b",
        _fixed("month", 1),
    ),
    (
        r"(?<!the )\blast year\b(?! of\b)|\bletztes Jahr\b|\bl['\u2019]année dernière\b|\bel año pasado\b",
        _fixed("year", -1),
    ),
    (
        r"(?<!the )\bnext year\b(?! of\b)|\bnächstes Jahr\b|\bl['\u2019]année prochaine\b|\bel próximo año\b",
        _fixed("year", 1),
    ),
)
_INSIDE = "(?<![以之然今最目眼面背先此事提过過随天年月日午明说說聪聰证證发發文声聲黎原近本未将將从從历歷起出进進回])"
"""Not the end of another word: 然后天气, 说明天气, 原来年轻."""
_WEEKDAY_ZH = (
    "([二三四五六](?![个個回次位名家场場天年件种種条條成分之点點])|一(?![个個回起直定些样樣共切般次天同块塊边邊点點会會半层層度向旦再])"
    "|日(?![程常期子本记記元语語用报報益])|天(?![气氣天空]))"
)
_LAST_ZH, _NEXT_ZH = "(?<![晚早网網线線马馬以天路身手地桌])上", "(?<![线線楼樓天乡鄉底地门門])下"
_WEEK_ZH = "(?:[周週]|个?星期|個星期|个?礼拜|個?禮拜)"
_TABLE_ZH: tuple[tuple[str, Say], ...] = (
    (f"{_INSIDE}大前天", _fixed("day", -3, True)),
    (f"{_INSIDE}大[后後]天", _fixed("day", 3, True)),
    (f"{_INSIDE}前天(?![天气氣空色下才生赋真文堂])", _fixed("day", -2, True)),
    (f"{_INSIDE}[后後]天(?![天气氣空色下才生赋真文堂性])", _fixed("day", 2, True)),
    ("昨天|昨日|昨晚", _fixed("day", -1, True)),
    (f"{_INSIDE}(?:明天|明日(?!方舟|之))", _fixed("day", 1, True)),
    (f"{_LAST_ZH}{_WEEK_ZH}{_WEEKDAY_ZH}", _week_of(-1)),
    (f"{_NEXT_ZH}{_WEEK_ZH}{_WEEKDAY_ZH}", _week_of(1)),
    (f"(?:[这這本]{_WEEK_ZH}){_WEEKDAY_ZH}", _week_of(0)),
    (f"{_LAST_ZH}{_WEEK_ZH}(?![末边邊围圍年])", _fixed("week", -1, True)),
    (f"{_NEXT_ZH}{_WEEK_ZH}(?![末边邊围圍年])", _fixed("week", 1, True)),
    (f"{_LAST_ZH}[个個]月(?![饼餅])", _fixed("month", -1, True)),
    (f"{_NEXT_ZH}[个個]月(?![饼餅])", _fixed("month", 1, True)),
    ("(?<![过過])去年", _fixed("year", -1, True)),
    (f"{_INSIDE}明年(?![轻輕龄齡])", _fixed("year", 1, True)),
    (
        rf"(?:^|(?<=[，。,.！？；\s我们們在他她就是约約概]))"
        rf"{_N_CJK} ?(天|[周週]|个星期|個星期|个月|個月|年)之?前",
        _counted(-1, True),
    ),
    (rf"(?<=[我们們]){_N_CJK} ?(天|[周週]|个星期|個星期|个月|個月|年)之?[后後]", _counted(1, True)),
)
_TABLE_JA: tuple[tuple[str, Say], ...] = (
    ("一昨々日", _fixed("day", -3, True)),
    ("明々後日", _fixed("day", 3, True)),
    ("一昨日", _fixed("day", -2, True)),
    ("明後日", _fixed("day", 2, True)),
    ("昨日|昨晩", _fixed("day", -1, True)),
    ("明日(?!方舟)", _fixed("day", 1, True)),
    ("先週の([月火水木金土日])曜日?", _week_of(-1)),
    ("来週の([月火水木金土日])曜日?", _week_of(1)),
    ("今週の([月火水木金土日])曜日?", _week_of(0)),
    ("先週(?!末)", _fixed("week", -1, True)),
    ("来週(?!末)", _fixed("week", 1, True)),
    ("先月", _fixed("month", -1, True)),
    ("(?<![以原])来月", _fixed("month", 1, True)),
    ("去年|昨年", _fixed("year", -1, True)),
    ("(?<![以原])来年", _fixed("year", 1, True)),
    (rf"(?:^|(?<=[、。\s]))(?:約)?{_N_CJK} ?(日|週間|か月|ヶ月|年)前", _counted(-1, True)),
)
_TABLE_KO: tuple[tuple[str, Say], ...] = (
    ("그끄저께", _fixed("day", -3, True)),
    ("글피", _fixed("day", 3, True)),
    ("그저께", _fixed("day", -2, True)),
    ("어제", _fixed("day", -1, True)),
    ("내일", _fixed("day", 1, True)),
    ("지난 ?주(?! ?말)", _fixed("week", -1, True)),
    ("다음 ?주(?! ?말|의|요|문|인|소|제)", _fixed("week", 1, True)),
    ("지난 ?달", _fixed("month", -1, True)),
    ("다음 ?달", _fixed("month", 1, True)),
    ("작년", _fixed("year", -1, True)),
    ("내년", _fixed("year", 1, True)),
)
"""Days before or after something that was named ("三天后" after an operation) have no date: it is not told from now."""
_SPACED = tuple((regex(p, re.IGNORECASE), say) for p, say in _TABLE)
_CHINESE, _JAPANESE, _KOREAN = (
    tuple((regex(p), say) for p, say in table) for table in (_TABLE_ZH, _TABLE_JA, _TABLE_KO)
)
_MAYBE_WORDS = """
    day week month year ago tomorrow last_ next_ gestern morgen vor_ hier demain il_y_a dern proch ayer pasad hace
    próxim letzt nächst dieses
"""
_MAYBE = tuple(word.replace("_", " ") for word in _MAYBE_WORDS.split())
"""A text without any of these has no words that tell a day."""
_DENSE = regex("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
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
    return any(word in low for word in _MAYBE) or _DENSE.search(text) is not None


def dated(text: str, day: int) -> str:
    """A statement with the dates behind the words that tell them by the day it was said on."""
    if not may_tell_a_day(text):
        return text
    table, cjk = _table(text)
    found: list[tuple[int, str]] = []
    taken: list[tuple[int, int]] = [m.span() for m in _QUOTATION.finditer(text)] if table else []
    for pattern, say in table:
        for match in pattern.finditer(text):
            span = match.span()
            if any(start < span[1] and span[0] < end for start, end in taken) or _DATED.match(text, span[1] + 1):
                continue
            taken.append(span)
            if date := say(match, day):
                found.append((span[1], f"\uff08{date}\uff09" if cjk else f" ({date})"))
    for at, date in sorted(found)[:_MOST][::-1]:
        text = text[:at] + date + text[at:]
    return text


def _table(text: str) -> tuple[tuple[tuple[re.Pattern[str], Say], ...], bool]:
    """The words of the language that a text is in, and whether its dates are written as in China and Japan."""
    if not text.isascii():
        for letters, table in ((_KANA, _JAPANESE), (_HANGUL, _KOREAN), (_HAN, _CHINESE)):
            if letters.search(text):
                return table, True
    return _SPACED, False


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
