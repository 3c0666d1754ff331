"""Draws a conversation message by message, and remembers what must be found again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st

from memsvc.core.model import Entry, Format

Json = dict[str, Any]
T = TypeVar("T")

FILL = [
    "",
    "plain words",
    'quote " back \\ slash /',
    "line\nbreak\ttab\r",
    "café 你好 🙂 e\u0301",
    "\u2028\u0000\x7f",
    "{[()]}",
    "<system_message>",
    "cache_control",
    "</conversation_summary>",
    "\\u00e9",
    "  spaces around  ",
]
BLANK = ["", " ", "\n\t", "\u3000"]
IDS = [
    "a",
    "b",
    "c",
    "a_3",
    "b_4",
    "a_3_2",
    "toolu_01ABCdef",
    "x" * 39,
    "x" * 41,
    "y" * 64,
    "y" * 65,
    "",
    "no id!",
    "é",
]
NUMBERS = {"@1@": "123456789012345678901234567890", "@2@": "1.50E+2", "@3@": '{"k":1,"k":2}', "@4@": '"\\u00e9\\/"'}
DATA = "iVBORw0KGgoAAAANSUhEUg=="
MARK = {"type": "ephemeral", "ttl": "1h"}


@dataclass
class Log:
    """A conversation and the tags of what must be in it, each with its seq.

    Attributes:
        spoken: of texts of users, assistants and systems, in order.
        heard: of tool results.
        called: of arguments.
    """

    entries: tuple[Entry, ...] = ()
    spoken: list[tuple[int, str]] = field(default_factory=list)
    heard: list[tuple[int, str]] = field(default_factory=list)
    called: list[tuple[int, str]] = field(default_factory=list)

    def upto(self, seq: int) -> Log:
        """The same conversation when it ended with this message."""
        cut = [[(s, t) for s, t in tags if s <= seq] for tags in (self.spoken, self.heard, self.called)]
        return Log(tuple(e for e in self.entries if e.seq <= seq), *cut)


class Writer:
    """Draws one conversation, message by message."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.log = Log()
        self.seq = 0
        self.tags = 0
        self.recent: list[str] = []
        self.server: list[str] = []

    def pick(self, options: Sequence[T]) -> T:
        return self.draw(st.sampled_from(options))  # type: ignore[no-any-return]

    def chance(self, outcomes: int = 2) -> bool:
        return bool(self.draw(st.integers(0, outcomes - 1)) == 0)

    def times(self, low: int, high: int) -> range:
        return range(self.draw(st.integers(low, high)))

    def tag(self, kind: list[tuple[int, str]] | None = None) -> str:
        self.tags += 1
        tag = f"t{self.tags};"
        if kind is not None:
            kind.append((self.seq, tag))
        return tag

    def text(self, kind: list[tuple[int, str]] | None = None) -> str:
        return f"{self.tag(kind)} {self.pick(FILL)}"

    def maybe_blank(self, kind: list[tuple[int, str]] | None = None) -> str:
        return self.pick(BLANK) if self.chance(6) else self.text(kind)

    def call_id(self) -> str:
        self.recent.append(self.pick(IDS))
        return self.recent[-1]

    def answered_id(self) -> str:
        return self.pick(self.recent[-3:]) if self.recent and not self.chance(5) else self.pick(IDS)

    def item_id(self) -> str:
        """A provider's id of an item: mostly a new one."""
        self.tags += 1
        return self.pick(["rs_1", "msg_1"]) if self.chance(5) else f"it_{self.tags}"

    def add(self, message: Json, format: Format) -> None:
        self.log.entries += (entry(self.seq, raw_json(message, self.pick(LAYOUTS)), format),)


LAYOUTS: list[Json] = [
    {"separators": (",", ":")},
    {"ensure_ascii": False},
    {"indent": 1},
    {"separators": (" , ", " : "), "ensure_ascii": False},
]


def raw_json(message: object, layout: Json) -> bytes:
    """JSON in some layout, with numbers and escapes that a parser would not give back."""
    text = json.dumps(message, **layout)
    for name, spelled in NUMBERS.items():
        text = text.replace(f'"{name}"', spelled)
    return (" " + text + "\n" if "indent" in layout else text).encode()


def entry(seq: int, message: object, format: Format, revision: int | None = None) -> Entry:
    """A stored message."""
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    return Entry(seq, raw, format, 10, float(seq), None, 0, seq if revision is None else revision)
