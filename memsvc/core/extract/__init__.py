"""The local summarizer's selection: what an older stretch of conversation said, in its own words.

Nothing is written here, only chosen: every line stands behind the number and the speaker of the message it comes
from, in the order it was said. What only keeps talk flowing is left out (`wording`), and the date is put behind words
that tell it by the day they were said on (`times`); all else stands as it was written. Facts do not decay over many
summaries because the choice is made anew from the originals each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memsvc.core.asking import SummaryRequest
from memsvc.core.extract.reading import Reading, bracketed, read
from memsvc.core.extract.select import choose
from memsvc.core.extract.times import title
from memsvc.core.extract.units import CUT, Unit

__all__ = ["Reading", "bracketed", "extract", "read"]

GAP = " … "
"""Between two statements of one message that did not follow each other."""
_OVER = 1.1  # chosen is a little too much, for what lines take is only known when they are printed
TITLES_SHARE = 0.1
"""The most of a body that lines with dates may take; what a statement says of time is dated in its place."""
TITLE_TOKENS = {3: 7, 2: 5, 1: 4}


def extract(request: SummaryRequest, count: Callable[[str], int]) -> str:
    """The body of a summary: at most `request.budget_tokens` tokens by `count`, "" if nothing was said.

    Deterministic, and linear in the size of the input.
    """
    reading = request.reading or read([*request.earlier, *request.entries], request.previous)
    if not reading.units or request.budget_tokens <= 0:
        return ""
    chosen = choose(reading, reading.told(request.told), int(request.budget_tokens * _OVER), count)
    return _fit(reading.units, chosen, request.budget_tokens, count)


def _fit(found: Sequence[Unit], chosen: list[int], budget: int, count: Callable[[str], int]) -> str:
    """The chosen statements as text; the least wanted are dropped until it fits exactly."""
    while chosen:
        body = _print([found[i] for i in sorted(chosen)], budget)
        over = count(body) - budget
        if over <= 0:
            return body
        chosen = chosen[: -max(1, min(len(chosen) // 8, over // 24))]
    return ""


def _print(chosen: Sequence[Unit], budget: int) -> str:
    lines: list[str] = []
    before: Unit | None = None
    titles = _titles(chosen, budget)
    shown = ""
    for unit in chosen:
        text = unit.text + (CUT if unit.after == CUT else "")
        if before is not None and (before.message, before.label) == (unit.message, unit.label):
            follows = unit.part == before.part + 1 and before.after != CUT
            lines[-1] = lines[-1].removesuffix(CUT) + (before.after if follows else GAP) + text
        else:
            if unit.day is not None and titles[unit.day] != shown:
                shown = titles[unit.day]
                lines.append(shown)
            lines.append(f"{unit.seq} {unit.label}: {text}" if unit.label else text)
        before = unit
    return "\n".join(lines)


def _titles(chosen: Sequence[Unit], budget: int) -> dict[int, str]:
    """For each day the line above what was said on it: the day, else only its month or year where days are many."""
    days = {unit.day for unit in chosen if unit.day is not None}
    titles: dict[int, str] = {}
    for parts in (3, 2, 1):
        titles = {day: title(day, parts) for day in days}
        if len(set(titles.values())) * TITLE_TOKENS[parts] <= TITLES_SHARE * budget:
            break
    return titles
