"""Text of strangers in a terminal: nothing in it can steer the terminal, and lines end where the window does."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

WIDTH = 80
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that print what follows in another order."""


def printable(text: str) -> str:
    """Text without control characters, other than the ends of lines, and without those that turn its direction."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(c) for c in text)


def json_printable(text: str) -> str:
    """JSON that says the same, with such characters escaped: they can stand inside its strings only,
    and all of them are of the first plane."""
    return "".join(c if _shown(c) == c else f"\\u{ord(c):04x}" for c in text.replace("\r", " "))


def columns(text: str) -> int:
    """How many columns a terminal takes for a line."""
    return len(text) if text.isascii() else sum(map(_column, text))


def clipped(text: str, width: int) -> str:
    """The beginning of a text on one line, at most `width` columns; `…` says that there is more."""
    line = " ".join(text.split())
    return line if columns(line) <= width else line[: _fitting(line, width - 1)] + "…"


def wrapped(text: str, width: int) -> Iterator[str]:
    """A text in lines of at most `width` columns, broken at spaces where there are some; its own lines stay."""
    for line in text.split("\n"):
        now = ""
        for word in line.split() or [""]:
            if now and columns(now) + 1 + columns(word) > width:
                yield now
                now = ""
            now = f"{now} {word}" if now else word
            while columns(now) > width:
                end = _fitting(now, width)
                yield now[:end]
                now = now[end:]
        yield now


def labelled(label: str, text: str, indent: int) -> list[str]:
    """A text behind a label, or below it if that is long; its further lines below its first one."""
    lines = list(wrapped(text, WIDTH - indent))
    if len(label) > indent:
        return [label, *labelled("", text, indent)]
    return [f"{label:<{indent}}{lines[0]}".rstrip(), *(f"{'':<{indent}}{line}".rstrip() for line in lines[1:])]


def show(lines: Iterable[str]) -> None:
    """Print lines, whatever is in them."""
    print("\n".join(map(printable, lines)))


def _shown(char: str) -> str:
    if char in "\n\t":
        return char
    if unicodedata.category(char) in ("Zl", "Zp"):
        return " "
    return "" if char in _TURNING or unicodedata.category(char) in ("Cc", "Cs") else char


def _column(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _fitting(text: str, width: int) -> int:
    """How many characters of a text fit, at least one."""
    room = width
    for at, char in enumerate(text):
        room -= _column(char)
        if room < 0:
            return max(1, at)
    return len(text)
