"""What the clients say: conversations with tool calls in three formats, spelled in odd but legal JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random

from benchmarks.corpus import Format, Json

_WORDS = (
    "the depot in Porto ships twelve crates of cork by rail on Friday because the road is closed",
    "never change the invoice number INV-20417 and keep the tolerance at 0.35 mm",
    'Ñandú, 雪だるま and 🚚 must survive; so must "quotes", back\\slashes and <tags>',
    "src/loader/queue.py line 88 raises KeyError when the batch is empty",
    "请把所有价格保留两位小数,不要四舍五入",
    "the second run took 1,204 s and 3.2 GB, which is twice what we had in March",
    "ask https://example.org/api/v2/status before you retry, at most three times",
)


class Voice:
    """One writer's side of a conversation. `units` never ends; each unit is one append.

    Args:
        tools: whether it calls tools (only where nobody else writes in between).
    """

    def __init__(self, rng: Random, format: Format, *, tools: bool) -> None:
        self._rng = rng
        self._format = format
        self._tools = tools
        self._calls = 0

    def units(self) -> Iterator[list[Json]]:
        """Messages with `{mark}` where their names go; begins anew after a truncation."""
        while True:
            if self._rng.random() < 0.15:
                yield [self._text("user"), self._text("assistant")]
                continue
            yield [self._text("user")]
            for _ in range(self._rng.randrange(4) if self._tools else 0):
                calls, results = self._tool_calls(1 + self._rng.randrange(2))
                yield calls
                yield results
            yield [self._text("assistant")]

    def _words(self) -> str:
        parts = [self._rng.choice(_WORDS) for _ in range(self._rng.choice((1, 1, 2, 3)))]
        return f"[#{{mark}}] {'; '.join(parts)}."

    def _text(self, role: str) -> Json:
        kind = {"anthropic": "text", "openai": "text"}.get(self._format)
        if self._format == "responses":
            return {"type": "message", "role": role, "content": self._words()}
        if self._rng.random() < 0.3:
            return {"content": [{"text": self._words(), "type": kind}], "role": role}
        return {"role": role, "content": self._words()}

    def _tool_calls(self, number: int) -> tuple[list[Json], list[Json]]:
        """A call of one or two tools, and what they gave."""
        self._calls += number
        ids = [f"call_{self._calls - n}" for n in range(number)]
        if self._format == "anthropic":
            uses = [{"type": "tool_use", "id": i, "name": "look", "input": {"b": 1.0, "a": [i]}} for i in ids]
            given = [{"type": "tool_result", "tool_use_id": i, "content": self._result(i, ids)} for i in ids]
            said: list[Json] = [{"type": "text", "text": self._words()}]
            return [{"role": "assistant", "content": said + uses}], [{"role": "user", "content": given}]
        if self._format == "openai":
            function = {"name": "look", "arguments": '{"b": 1.0,  "a": []}'}
            asked = [{"id": i, "type": "function", "function": function} for i in ids]
            results: list[Json] = [{"role": "tool", "tool_call_id": i, "content": self._words()} for i in ids]
            return [{"role": "assistant", "content": self._words(), "tool_calls": asked}], results
        items = [
            {"type": "function_call", "call_id": i, "name": "look", "arguments": '{"q": "[#{mark}]", "n": 1.0}'}
            for i in ids
        ]
        return items, [{"type": "function_call_output", "call_id": i, "output": self._words()} for i in ids]

    def _result(self, call_id: str, ids: list[str]) -> str:
        return self._words() if call_id == ids[0] else "the same again"


def spelled(rng: Random, message: Json, mark: str) -> bytes:
    """The message with its name in it, as JSON bytes that only a verbatim store gives back."""
    text = json.dumps(
        message,
        ensure_ascii=rng.random() < 0.3,
        separators=rng.choice(((",", ":"), (", ", ": "), (" , ", " : "))),
    )
    return text.replace("{mark}", mark).encode()
