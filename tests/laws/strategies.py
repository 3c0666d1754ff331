"""Conversations for the laws: every shape that occurs, and every one that a careless caller can send.

`logs` are hostile: call ids from a small pool, so that they clash, are answered late, twice, in
another order or not at all; blank texts, empty lists, nulls, marks, unknown blocks, odd JSON.
`sound_logs` are what a careful caller sends in one format: nothing in them needs a repair.

Each text that must survive begins with a tag of its own (`t12;`), so a law can look for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from memsvc.core.model import Format
from tests.laws import anthropic_shapes, openai_shapes, responses_shapes
from tests.laws.writer import Json, Log, Writer

Maker = Callable[[Writer], Json]
_A, _O, _R = anthropic_shapes, openai_shapes, responses_shapes
HOMES: list[Format] = ["anthropic", "openai", "responses"]
MAKERS: dict[Format, list[Maker]] = {
    "anthropic": [_A.user, _A.user, _A.user, _A.assistant, _A.assistant, _A.assistant, _A.system],
    "openai": [_O.user, _O.user, _O.assistant, _O.assistant, _O.assistant, _O.tool, _O.tool, _O.tool, _O.system],
    "responses": [_R.user, _R.user, _R.message, _R.message, _R.reasoning, _R.reasoning, _R.call, _R.call, _R.call]
    + [_R.output, _R.output, _R.output, _R.tool_call, _R.tool_output, _R.opaque, _R.system, _R.of_caller],
}
"""The usual messages more often."""


@st.composite
def logs(draw: Callable[[st.SearchStrategy[Any]], Any], *, max_size: int = 10) -> Log:
    """Hostile conversations, mostly of one format. At least one user message says something."""
    w = Writer(draw)
    home: Format = w.pick(HOMES)
    mixed = w.chance(4)
    count = draw(st.integers(1, max_size))
    spoken_at = draw(st.integers(1, count))
    for seq in range(1, count + 1):
        w.seq = seq
        format: Format = w.pick(HOMES) if mixed else home
        if seq == spoken_at:
            w.add({"role": "user", "content": w.text(w.log.spoken)}, format)
        else:
            w.add(w.pick(MAKERS[format])(w), format)
    return w.log
