"""What notes are held against: all that was said, in a form in which it can be looked up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property

from msgspec import Struct

from memsvc.core.asking import SummaryRequest
from memsvc.core.days import civil, ordinal
from memsvc.core.flatten import Piece, said
from memsvc.core.model import Entry
from memsvc.core.patterns import regex
from memsvc.core.prompt import system_text
from memsvc.core.verify.values import (
    DAY_S,
    NUMBER,
    Day,
    days,
    minutes,
    numbers,
    phones,
    readings,
    size,
    spelled,
)

_INVISIBLE = regex(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_PLAIN = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2010": "-", "\u2011": "-"})
_NOT_WORD = regex(r"[\W_]+")
_SCALED = regex(
    rf"(?>{NUMBER.pattern})\s?(?:k|thousand|tsd|m|mio|million|bn|b|billion|mrd|万|萬|千|亿|億|만|억)", re.IGNORECASE
)
_MOST_LOOKS = 200  # places of one value that are looked at
_NEAR_DAYS, _AROUND_DAYS = 2, 45
_WEEKDAYS = """
    monday mon montag lundi lunes lunedì 周一 星期一 月曜 понедельник
    tuesday tue dienstag mardi martes martedì 周二 星期二 火曜 вторник
    wednesday wed mittwoch mercredi miércoles mercoledì 周三 星期三 水曜 среду
    thursday thu donnerstag jeudi jueves giovedì 周四 星期四 木曜 четверг
    friday fri freitag vendredi viernes venerdì 周五 星期五 金曜 пятницу
    saturday sat samstag samedi sábado sabato 周六 星期六 土曜 субботу
    sunday sun sonntag dimanche domingo domenica 周日 星期日 日曜 воскресенье
"""
WEEKDAYS = {name: number for number, names in enumerate(_WEEKDAYS.strip().splitlines()) for name in names.split()}
_WEEKDAY = regex(
    rf"(?<![^\W_])(?:{'|'.join(sorted((w for w in WEEKDAYS if w.isascii() or w.isalpha()), key=len, reverse=True))})"
)
_RELATIVE = regex(
    r"tomorrow|yesterday|today|tonight|\b(?:next|last|this|coming|past|in|within|end of|before|after)\b.{0,12}"
    r"\b(?:days?|weeks?|months?|quarter|weekend|fortnight)\b"
    r"|\b(?:days?|weeks?|months?) (?:ago|later|from now|earlier)\b"
    r"|morgen|gestern|heute|n[äa]chste|letzte|woche|demain|hier\b|prochain|derni[eè]r|mañana|ayer|pr[oó]xim|pasad"
    r"|明天|昨天|今天|后天|後天|下周|下週|上周|下个月|下個月|本周|天后|天前|周后|明日|昨日|来週|先週|来月|내일|어제|다음"
    r"|завтра|вчера|следующ|прошл",
)

QUOTE = regex(
    r"\"([^\"\n]{1,800})\"|[“„]([^“”„\n]{1,800})[”“]|«\s?([^»\n]{1,800})»|「([^」\n]{1,800})」|『([^』\n]{1,800})』"
    r"|《([^》\n]{1,800})》|(?<!\w)['‘]([^'‘’\n]{1,300}(?:['’]\w[^'‘’\n]{1,300}){0,6})['’](?!\w)"
)


class Passage(Struct, frozen=True):
    """Something that was said.

    Attributes:
        seq: of its message; 0 = of none.
        who: `user`, `assistant`, `tool`, `system`, or `notes` for the summary before.
        at: when (unix seconds); 0 = unknown.
    """

    seq: int
    who: str
    text: str
    at: float = 0.0


def fold(text: str) -> str:
    """A text in which spellings that look alike are alike: width, case, quotation marks, nothing invisible."""
    return plain(text).casefold()


def plain(text: str) -> str:
    """The same, capitals left as they are."""
    if text.isascii():
        return text
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_PLAIN)


def squeezed(text: str) -> str:
    """Only letters and digits, in one case."""
    return _NOT_WORD.sub("", fold(text))


def quotes(text: str) -> Iterator[str]:
    """What stands in quotation marks."""
    for match in QUOTE.finditer(text):
        yield next(g for g in match.groups() if g is not None)


class Record:
    """All that notes may draw on.

    Args:
        passages: in order.
        first: the first message that the notes newly cover; what is before it was covered by notes before.
        to_seq: the last one.
    """

    def __init__(self, passages: Iterable[Passage], first: int, to_seq: int) -> None:
        self.passages = tuple(passages)
        self.first = first
        self.to_seq = to_seq

    @classmethod
    def of(cls, request: SummaryRequest, to_seq: int, more: Iterable[tuple[int, str, str]] = ()) -> Record:
        """What a request shows. `more`: (seq, who, text) of what else must be in the summary."""
        found = [Passage(0, "system", system_text(request.system))] if request.system else []
        if request.previous:
            found.append(Passage(0, "notes", request.previous))
        found += [Passage(seq, who, text) for seq, who, text in more]
        for entry in (*request.earlier, *request.entries):
            found += _passages(entry)
        return cls(found, request.entries[0].seq if request.entries else to_seq, to_seq)

    def said_by(self, *who: str) -> Iterator[Passage]:
        """What these have said, in order."""
        return (p for p in self.passages if p.who in who)

    @cached_property
    def text(self) -> str:
        """All of it, folded."""
        return "\n".join(self._folded)

    @cached_property
    def _folded(self) -> tuple[str, ...]:
        """One by one: a search through all of it at once would hold the interpreter too long."""
        return tuple(fold(p.text) for p in self.passages)

    @cached_property
    def letters(self) -> str:
        """All of it, squeezed."""
        return _NOT_WORD.sub("", self.text)

    @cached_property
    def of_users(self) -> str:
        """What users have said, squeezed; a bar between two messages."""
        return "|".join(squeezed(p.text) for p in self.said_by("user"))

    def has(self, word: str, *, open_end: bool = False) -> bool:
        """Whether a folded word stands in it, not as a part of a longer one."""
        at = self.text.find(word)
        for _ in range(_MOST_LOOKS):
            if at < 0:
                return False
            end = at + len(word)
            before = at > 0 and _joins(self.text[at - 1], word[0])
            after = end < len(self.text) and _joins(word[-1], self.text[end])
            if not before and (open_end or not after):
                return True
            at = self.text.find(word, at + 1)
        return False

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Every number, in each of its readings; those in words, too."""
        found: set[str] = set()
        for raw in {raw for text in self._folded for raw in NUMBER.findall(text)}:
            found |= readings(raw)
            if not raw.isdigit():
                found.update(p.lstrip("0") or "0" for p in re.findall(r"\d+", raw))
        for raw in {raw for text in self._folded for raw in _SCALED.findall(text)}:
            match = NUMBER.match(raw)
            if match is not None:
                found |= numbers(raw, match)
        for text in self._folded:
            found.update(spelled(text))
        for day in self._message_days:
            found.update(str(y) for y in (day.year - 1, day.year, day.year + 1))
        return frozenset(found)

    @cached_property
    def sizes(self) -> tuple[float, ...]:
        """The numbers as such, for what is only nearly said."""
        return tuple(large for n in self.numbers if (large := size(n)) is not None)

    @cached_property
    def minutes(self) -> frozenset[int]:
        """Every time of day."""
        found: set[int] = set()
        for text in self._folded:
            for some, _, _ in minutes(text):
                found |= some
        return frozenset(found)

    @cached_property
    def phones(self) -> frozenset[str]:
        """Long runs of digits."""
        return frozenset(digits for text in self._folded for digits, _, _ in phones(text))

    def has_day(self, day: Day) -> bool:
        """Whether a day was named, or follows from what was said and when."""
        years = self._days.get((day.month, day.day))
        if years is not None and (not day.year or day.year in years or (0 in years and str(day.year) in self.numbers)):
            return True
        candidates = [day] if day.year else [Day(y, day.month, day.day) for y in {d.year for d in self._message_days}]
        return any(ordinal(c.year, c.month, c.day) in self._meant for c in candidates)

    @cached_property
    def _days(self) -> dict[tuple[int, int], set[int]]:
        found: dict[tuple[int, int], set[int]] = {}
        for text in self._folded:
            for day, _, _ in days(text, loose=True):
                found.setdefault((day.month, day.day), set()).add(day.year)
        return found

    @cached_property
    def _message_days(self) -> frozenset[Day]:
        return frozenset(Day(*civil(n)) for n in {int(p.at // DAY_S) for p in self.passages if p.at > 0})

    @cached_property
    def _meant(self) -> frozenset[int]:
        """Days that messages were sent on, and those that words such as "next Friday" may mean."""
        found: set[int] = set()
        for passage in self.passages:
            if passage.at <= 0:
                continue
            sent = int(passage.at // DAY_S)
            found.update(range(sent - _NEAR_DAYS, sent + _NEAR_DAYS + 1))
            if passage.who == "tool":
                continue
            text = fold(passage.text)
            around = range(sent - _AROUND_DAYS, sent + _AROUND_DAYS + 1)
            if _RELATIVE.search(text):
                found.update(around)
                continue
            named = {WEEKDAYS[w] for w in _WEEKDAY.findall(text)}
            found.update(n for n in around if (n + 3) % 7 in named)
        return frozenset(found)


def _passages(entry: Entry) -> Iterator[Passage]:
    message = said(entry)
    for piece in message.pieces:
        text = f"{piece.name} {piece.text}" if piece.kind == "call" else piece.text
        yield Passage(entry.seq, _speaker(piece, message.role), text, entry.at)


def _speaker(piece: Piece, role: str) -> str:
    if piece.kind in ("result", "error"):
        return "tool"
    return "assistant" if piece.kind == "call" else role


def _joins(left: str, right: str) -> bool:
    return _in_word(left) and _in_word(right)


def _in_word(c: str) -> bool:
    return c == "_" or (c.isalnum() and ord(c) < 0x2E80)
