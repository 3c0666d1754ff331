"""Days by the calendar's arithmetic: the core has no clock, nor its module. A day is counted from 1970-01-01 (UTC)."""

from __future__ import annotations

_NAMES = "January February March April May June July August September October November December"
MONTHS = tuple(_NAMES.split())
_CYCLE = 146_097  # days in 400 years
_EPOCH = 719_468  # days from the first of March of the year 0 to 1970


def civil(day: int) -> tuple[int, int, int]:
    """Year, month and day of the month."""
    era, rest = divmod(day + _EPOCH, _CYCLE)
    year = (rest - rest // 1460 + rest // 36_524 - rest // 146_096) // 365
    of_year = rest - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def ordinal(year: int, month: int, day: int) -> int | None:
    """The day of a date; None where the calendar has no such date."""
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    y = year - (month <= 2)
    era, of_era = divmod(y, 400)
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    found = era * _CYCLE + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _EPOCH
    return found if civil(found) == (year, month, day) else None


def weekday(day: int) -> int:
    """0 is Monday."""
    return (day + 3) % 7


def shifted(day: int, months: int) -> tuple[int, int]:
    """Year and month, so many months after a day's (before it where negative)."""
    year, month, _ = civil(day)
    return divmod(year * 12 + month - 1 + months, 12)[0], (month - 1 + months) % 12 + 1
