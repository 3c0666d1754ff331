"""What an agent goes on to use: paths, ids, identifiers and numbers in the arguments of its next calls that occurred
before a compaction and are not said again after it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from benchmarks.retention.messages import Json, joined, text_of

AHEAD = 120
"""Messages after the compaction that are looked at."""
LEAST = 5
"""A compaction with fewer references is left out."""
_LONGEST_CALL, _SHORTEST = 1500, 4
_ENDINGS = "ts|tsx|js|py|ex|exs|md|json|ya?ml|toml|sh|css|html|rs|go|sql|txt"
_VALUE = re.compile(
    "|".join(
        (
            r"(?:[\w@~.-]+/)+[\w.@-]+",  # a path
            rf"[\w-]+\.(?:{_ENDINGS})\b",  # a file
            r"[A-Za-z]+_[A-Za-z0-9_]+",  # names of three fashions
            r"[a-z]+[A-Z][A-Za-z0-9]+",
            r"[A-Z][a-z0-9]+[A-Z][A-Za-z0-9]+",
            r"\b[A-Z0-9]{6}\b",  # a booking
            r"#?[A-Z]?\d{3,}[\d-]*",  # a number
            r"[\w.+-]+@[\w.-]+",  # an address
        )
    )
)


def values(text: str) -> list[str]:
    """The concrete values in a text, each once."""
    found = (v.strip(".-") for v in _VALUE.findall(text))
    return list(dict.fromkeys(v for v in found if len(v) >= _SHORTEST))


def needed(history: Sequence[Json], after: Sequence[Json]) -> list[str]:
    """The references of the messages after a compaction."""
    before, since = joined(history), ""
    found: dict[str, None] = {}
    for message in after[:AHEAD]:
        for call in message.get("tool_calls") or []:
            for value in values(_arguments(call)):
                if value in before and value not in since:
                    found[value] = None
        since += "\n" + text_of(message)
    return list(found)


def held(wanted: Sequence[str], messages: Sequence[Json]) -> dict[str, list[float]]:
    """The share of references that a context has, to the letter, and at least by the last part of their path."""
    text = joined(messages)
    exact = sum(v in text for v in wanted)
    named = sum(v.rpartition("/")[2] in text for v in wanted)
    return {"exact": [exact / len(wanted)], "by name": [named / len(wanted)]}


def _arguments(call: Json) -> str:
    raw = str(call["function"]["arguments"])
    with suppress(ValueError):
        raw = "\n".join(map(str, _leaves(json.loads(raw))))
    return raw[:_LONGEST_CALL]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (dict, list)):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _leaves(member)
    else:
        yield value
