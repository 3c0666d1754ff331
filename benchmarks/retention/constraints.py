"""Standing constraints in long sessions: the 15 of conpact (COMPINT), said once in the middle of histories of ours.

Constraints, their wording and where they are put are conpact's. Whether one is kept is judged without a model: one
line of the context has 80 % of its stems.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from benchmarks.retention import metrics
from benchmarks.retention.cases import Case, Values
from benchmarks.retention.driving import KEEP_SHARE, History
from benchmarks.retention.messages import Json, joined, size, sizes

PACKAGE = "conpact"
LEAST_LENGTH = 0.8
"""Of the length asked for, what a history must have."""


def cases(haystack: list[Json], length: int, share: float) -> list[Case]:
    """A history of at most `length` tokens with each constraint in turn, the middle user message saying it."""
    generate: Any = importlib.import_module("conpact.generate")
    source: Json = {"source": "own", "haystack_id": "own", "messages": haystack, "message_tokens": sizes(haystack)}
    source |= {"token_length": size(haystack), "system_prompt": "", "source_conversation_count": 1}
    found = generate.build_instances([source], length=length, position="middle")
    made = []
    for one in found:
        messages = [{"role": m["role"], "content": m["content"]} for m in one.messages]
        made.append(Case(History(messages), int(size(messages) * share), _judge(one.sc_text)))
    return made


def shortened(messages: list[Json], length: int, share: float) -> list[Json] | None:
    """A history cut to at most `length` tokens, and back to a message that may stay verbatim: no service can leave out
    what was said last. None if that leaves too little."""
    tokens = sizes(messages)
    end = sum(total <= length for total in accumulate(tokens))
    while end and tokens[end - 1] > length * share * KEEP_SHARE:
        end -= 1
    return messages[:end] if sum(tokens[:end]) >= LEAST_LENGTH * length else None


def _judge(rule: str) -> Any:
    def measured(context: Sequence[Json]) -> Values:
        verbatim = rule.lower()[1:60] in joined(context).lower()
        return {"kept": [float(metrics.stated(rule, context))], "verbatim": [float(verbatim)]}

    return measured
