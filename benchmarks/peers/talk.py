"""A conversation made up for the measurement: the same each time, each message marked, with facts to look for."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
MARK = re.compile(r"\[#\d{6}\]")
FACT_EVERY = 5
"""Every so many messages one states a fact."""
_WORDS = """
    order invoice refund shipment delay account customer region replica latency deploy rollback ticket schedule
    report budget warehouse carrier label address payment card limit retry queue session please should because
    however before after during without again usually important different current previous several second slow
    remote stable the of to and in is that for it as with was on be at by this have from or an they not are but
"""
_PLACES = """
    Kestrel Heron Plover Dunlin Avocet Curlew Merlin Osprey Linnet Siskin Wigeon Garganey
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something said once, and the word that shows that it is still known."""

    text: str
    value: str


def mark(number: int) -> str:
    """What stands at the head of a message, to find it again."""
    return f"[#{number:06d}]"


def marks(text: str) -> set[str]:
    """The marks in a text."""
    return set(MARK.findall(text))


def fact(number: int) -> Fact | None:
    """The fact that a message states, if it states one."""
    if number % FACT_EVERY != 2:
        return None
    dice = random.Random(number * 7919)
    value = f"{dice.choice('BCDFGHKLMNPRSTVWXZ')}{dice.randrange(10_000, 99_999)}"
    return Fact(f"The gate code of depot {dice.choice(_PLACES.split())}-{number} is {value}.", value)


def message(number: int, words: int = 75) -> Json:
    """The message of that number: the user and the assistant in turn, about a third more tokens than words."""
    dice = random.Random(number)
    said, left, known = [], words, _WORDS.split()
    while left > 0:
        many = min(left, dice.randrange(8, 18))
        said.append(" ".join(dice.choice(known) for _ in range(many)).capitalize() + ".")
        left -= many
    if (stated := fact(number)) is not None:
        said.insert(len(said) // 2, stated.text)
    return {"role": ("user", "assistant")[number % 2], "content": f"{mark(number)} {' '.join(said)}"}


def messages(numbers: Iterable[int], words: int = 75) -> list[Json]:
    """Several of them."""
    return [message(number, words) for number in numbers]


def text_of(prompt: Iterable[Json]) -> str:
    """All that a model would read of a prompt."""
    return "\n".join(_said(m.get("content")) for m in prompt)


def _said(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(p.get("text", "")) for p in content)
    return content if isinstance(content, str) else ""
