"""Fingerprints of resent histories: what is remembered of the last request never changes what they are."""

from __future__ import annotations

import json
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from memsvc.core.alike import fingerprint
from memsvc.ports import Log
from memsvc.service import known
from memsvc.service.known import MOVES, Known
from tests.service.world import KEY

TURNS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(1, 12), st.integers(0, 99)),
        st.tuples(st.just("edit"), st.integers(0, 40), st.integers(0, 99)),
        st.tuples(st.just("cut"), st.integers(0, 40), st.just(0)),
        st.tuples(st.just("forget"), st.integers(0, 3), st.just(0)),
    ),
    max_size=8,
)


def _raw(text: int, *, marked: bool) -> bytes:
    block: dict[str, Any] = {"type": "text", "text": f"word {text}"}
    mark = {"cache_control": {"type": "ephemeral"}} if marked else {}
    return json.dumps({"role": "user", "content": [{**block, **mark}]}).encode()


@settings(max_examples=60, deadline=None)
@given(TURNS)
async def test_a_history_has_the_fingerprints_of_its_messages_whatever_came_before(turns: list[Any]) -> None:
    lines = Known(cast(Log, None))
    said: list[int] = []
    for kind, number, text in turns:
        if kind == "say":
            said += [text + i for i in range(number)]
        elif kind == "edit" and said:
            said[number % len(said)] = text
        elif kind == "cut":
            del said[number:]
        elif kind == "forget":
            del said[:number]
        raws = [_raw(one, marked=i == len(said) - 1) for i, one in enumerate(said)]  # the mark moves along
        found = await lines.fingerprints(KEY, "anthropic", raws)
        assert found == [fingerprint("anthropic", raw) for raw in raws]


async def test_a_history_that_goes_on_is_not_taken_apart_again(monkeypatch: Any) -> None:
    taken_apart: list[bytes] = []

    def counted(format: Any, raw: bytes) -> bytes:
        taken_apart.append(raw)
        return fingerprint(format, raw)

    monkeypatch.setattr(known, "fingerprint", counted)
    lines = Known(cast(Log, None))
    raws = [_raw(i, marked=False) for i in range(50)]
    await lines.fingerprints(KEY, "anthropic", raws)
    taken_apart.clear()
    await lines.fingerprints(KEY, "anthropic", [*raws, _raw(50, marked=False)])
    assert taken_apart == [_raw(50, marked=False)]
    marked = [*raws[:-1], _raw(49, marked=True)]
    taken_apart.clear()
    await lines.fingerprints(KEY, "anthropic", marked)
    assert taken_apart == marked[-1:]
    assert MOVES >= 4, "as many as there are cache marks"
