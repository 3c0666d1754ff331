"""What words for a day mean: the date that is written behind them, by the day on which they were said."""

from __future__ import annotations

import re
from collections.abc import Callable

from memsvc.core.days import MONTHS, civil, shifted, weekday

Say = Callable[[re.Match[str], int], str]

_ENGLISH = "a two three four five six seven eight nine ten eleven twelve"
_GERMAN = "ein zwei drei vier fünf sechs sieben acht neun zehn"
NUMBERS = {
    **{w: n for n, w in enumerate(_ENGLISH.split(), 1)},
    **{"an": 1, "one": 1, "couple of": 2, "a couple of": 2},
    **{w: n for n, w in enumerate(_GERMAN.split(), 1)},
    **{"einem": 1, "einer": 1, "eine": 1, "un": 1, "une": 1, "una": 1, "deux": 2, "trois": 3, "quatre": 4},
    **{"cinq": 5, "six": 6, "sept": 7, "huit": 8, "neuf": 9, "dix": 10, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5},
    **{"seis": 6, "siete": 7, "ocho": 8, "nueve": 9, "diez": 10},
    **{w: n for n, w in enumerate("一二三四五六七八九十", 1)},
    **{"两": 2, "兩": 2, "하루": 1},
}
_DAYS = {
    **{w: n for n, w in enumerate(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])},
    **{w: n for n, w in enumerate(["montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"])},
    **{w: n for n, w in enumerate(["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"])},
    **{w: n for n, w in enumerate(["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"])},
    **{w: n for n, w in enumerate("一二三四五六日")},
    **{w: n for n, w in enumerate("月火水木金土")},
    "天": 6,
}
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


def fixed(unit: str, n: int, cjk: bool = False) -> Say:
    """So many units from the day."""
    return lambda match, day: _away(day, unit, n, cjk)


def counted(sign: int, cjk: bool = False) -> Say:
    """For patterns whose groups are a number and a unit."""

    def say(match: re.Match[str], day: int) -> str:
        number = match[1].lower()
        n = int(number) if number.isdecimal() else NUMBERS[number]
        word = match[2].lower()
        unit = next((u for w, u in _UNITS.items() if word.startswith(w)), "day")
        return _away(day, unit, sign * n, cjk)

    return say


def last_weekday(match: re.Match[str], day: int) -> str:
    """The one before the day; a week before on the same weekday."""
    back = (weekday(day) - _named(match[1])) % 7 or 7
    return _day(day - back, False)


def this_weekday(match: re.Match[str], day: int) -> str:
    """Only where that day of the week is still to come: else it may be the one just past."""
    ahead = _named(match[1]) - weekday(day)
    if "coming" in match[0].lower():
        ahead %= 7
    return _day(day + ahead, False) if ahead >= 0 else ""


def next_weekday(match: re.Match[str], day: int) -> str:
    """Only where the first such day is one of the next week: else some mean one, some the other."""
    wanted = _named(match[1])
    return (
        _day(day + (wanted - weekday(day)) % 7 + 7 * (wanted == weekday(day)), False) if wanted <= weekday(day) else ""
    )


def week_of(weeks: int) -> Say:
    """A weekday of the week before, this one or the next, as Chinese and Japanese name them."""

    def say(match: re.Match[str], day: int) -> str:
        return _day(day - weekday(day) + 7 * weeks + _named(match[1]), True)

    return say


def weekend(weeks: int) -> Say:
    """The one so many weeks from that of the day."""

    def say(match: re.Match[str], day: int) -> str:
        saturday = day - weekday(day) + 5 + 7 * weeks
        if weeks < 0 and weekday(day) == 6:
            saturday = day - 8
        return f"weekend of {_day(saturday, False)}"

    return say


def _named(word: str) -> int:
    low = word.lower()
    return _DAYS.get(low, _DAYS.get(low[:3], 0))
