"""Standing constraints in long sessions: the 15 of conpact (COMPINT), said once in the middle of histories of ours.

Constraints, their wording and where they are put are conpact's. Whether one is kept is judged without a model: one
line of the context has 80 % of its stems.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from benchmarks.retention import metrics
from benchmarks.retention.cases import Case, Values
from benchmarks.retention.driving import History
from benchmarks.retention.messages import Json, joined, size, sizes

PACKAGE = "conpact"
SAMPLE = 3
"""Only every third constraint is also played over several compactions."""


def cases(haystack: list[Json], length: int, share: float) -> list[Case]:
    """The history cut to `length` with each constraint in turn, the middle user message saying it."""
    generate: Any = importlib.import_module("conpact.generate")
    source: Json = {"source": "own", "haystack_id": "own", "messages": haystack, "message_tokens": sizes(haystack)}
    source |= {"token_length": size(haystack), "system_prompt": "", "source_conversation_count": 1}
    found = generate.build_instances([source], length=length, position="middle")
    made = []
    for number, one in enumerate(found):
        messages = [{"role": m["role"], "content": m["content"]} for m in one.messages]
        budget = int(size(messages) * share)
        made.append(Case(History(messages), budget, _judge(one.sc_text), often=number % SAMPLE == 0))
    return made


def _judge(rule: str) -> Any:
    def measured(context: Sequence[Json]) -> Values:
        verbatim = rule.lower()[1:60] in joined(context).lower()
        return {"kept": [float(metrics.stated(rule, context))], "verbatim": [float(verbatim)]}

    return measured
