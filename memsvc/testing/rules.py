"""The providers' request rules, checked from outside: would this body be accepted, does its prefix hold?

Written from the providers' documentation alone and sharing no code with the renderer, so that
it can find the renderer's mistakes. Pure functions over decoded JSON. Each rule stands in
`anthropic_rules`, `openai_rules` or `responses_rules`; block types that none knows are left alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, Literal

from memsvc.testing.anthropic_rules import anthropic_violations
from memsvc.testing.openai_rules import openai_violations
from memsvc.testing.responses_rules import responses_violations

_MARKS = ("cache_control", "prompt_cache_breakpoint")
_Piece = tuple[str, str]


def violations(
    body: Mapping[str, Any], format: Literal["anthropic", "openai", "responses"], model: str | None = None
) -> list[str]:
    """Every rule of the provider that a request with this `system`, `messages` (or `input`) and `tools` breaks.

    Each entry names the place, such as `messages[3].content[0].text: is blank`. Empty = would be
    accepted. `model` matters where a rule depends on it (system messages in mid-conversation);
    None = assume the strictest model. Raises ValueError for any other format.
    """
    if format not in ("anthropic", "openai", "responses"):
        raise ValueError(f"no rules for format {format!r}")
    try:
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        return [f"body: is not JSON: {error}"]
    if format == "anthropic":
        return list(anthropic_violations(body, model))
    return list(openai_violations(body) if format == "openai" else responses_violations(body))


def prefix_breaks(previous: Mapping[str, Any], current: Mapping[str, Any]) -> str | None:
    """The first place where `previous` is not a prefix of `current`, or None if the cache would hold.

    Tools and system must be the same, and so must every block of the earlier messages, in place,
    key order included; only the very last earlier message may have grown at its end. With
    `previous["stable_prefix"]["messages"]` only that many leading messages are held to it. Cache
    marks do not count, and a string content equals one text block of the same text.
    """
    fixed = _differs(_fixed(previous), _fixed(current), open_end=False)
    if fixed is not None:
        return fixed
    earlier, later = _messages(previous), _messages(current)
    stable = previous.get("stable_prefix")
    count = len(earlier) if not isinstance(stable, Mapping) else int(stable.get("messages", len(earlier)))
    if count > len(earlier):
        return f"stable_prefix.messages: claims {count} of {len(earlier)} messages"
    for i, message in enumerate(earlier[:count]):
        if i >= len(later):
            return f"messages[{i}]: is gone"
        pieces = _pieces(message, f"messages[{i}]")
        found = _differs(pieces, _pieces(later[i], f"messages[{i}]"), open_end=i == len(earlier) - 1)
        if found is not None:
            return found
    return None


def _fixed(body: Mapping[str, Any]) -> list[_Piece]:
    tools = body.get("tools") or []
    return [(f"tools[{i}]", _dump(t)) for i, t in enumerate(tools)] + _content(body.get("system"), "system")


def _messages(body: Mapping[str, Any]) -> list[Any]:
    messages = body.get("input", body.get("messages"))
    return messages if isinstance(messages, list) else []


def _pieces(message: Any, place: str) -> list[_Piece]:
    if not isinstance(message, Mapping):
        return [(place, _dump(message))]
    rest = {k: v for k, v in message.items() if k != "content"}
    return [(place, _dump(rest)), *_content(message.get("content"), f"{place}.content")]


def _content(content: Any, place: str) -> list[_Piece]:
    if content is None:
        return []
    blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
    return [(f"{place}[{i}]", _dump(b)) for i, b in enumerate(blocks)]


def _dump(value: Any) -> str:
    """The value as the cache sees it: key order kept, marks taken off."""
    if isinstance(value, Mapping):
        value = {k: v for k, v in value.items() if k not in _MARKS}
    return json.dumps(value, ensure_ascii=False)


def _differs(earlier: list[_Piece], later: list[_Piece], *, open_end: bool) -> str | None:
    for a, b in zip_longest(earlier, later):
        if a is None:
            return None if open_end else f"{b[0]}: was not there before"
        if b is None:
            return f"{a[0]}: is gone"
        if a[1] != b[1]:
            at = next((i for i, (x, y) in enumerate(zip(a[1], b[1], strict=False)) if x != y), None)
            return f"{a[0]}: differs at character {min(len(a[1]), len(b[1])) if at is None else at}"
    return None
