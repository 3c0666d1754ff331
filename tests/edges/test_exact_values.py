"""Whatever was said can be found again: any exact value of a conversation that was compacted many times."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memsvc.core.model import Entry
from memsvc.core.original import shown
from memsvc.core.search import Scan, parse
from memsvc.errors import InvalidRequest
from memsvc.integrations.recall import Recall
from tests.edges.api import Api

S = "/v1/sessions/v"
Json = dict[str, Any]
VALUES = [
    "9f1c2b7e-4a55-4d0e-9c1e-0a7f5d3b8e21",
    "/srv/app/Billing Service/konf.d/90-späte.yaml",
    r"C:\Users\Jörg\new\report.xlsx",
    r"\\nas01\share\übersicht.txt",
    "https://example.com/a?b=c&d=%20e#f-17",
    "数据库迁移到新加坡机房",
    "サーバー再起動の手順",
    "서버를 다시 시작",
    "🦊",
    "👩‍👩‍👧‍👦 Familie",
    "12.75 kg",
    "€ 1,234.50",
    "１２３－４５６",
    "O(n²) ≤ 3½ µs",
    "parseHTTPResponse_v2<T>::next()",
    "if (a[i] != b->c) { return -1; }",
    "123456789012345678901234567890",
    "café Zentral",
    "cafe\u0301 crème",
    "Straße 5",
    "naïve\u00a0Bayes",
    "E_CONN/42",
    "0x7ffdeadbeef0",
    "2026-02-30T25:61:00Z",
    "key=-----BEGIN+abc/def==",
    "मेरा पासवर्ड",
    "כתובת הבית",
]


def carriers(value: str, n: int) -> Iterator[list[Json]]:
    """Messages that hold a value, in every place where a conversation can have one."""
    yield [{"role": "user", "content": f"please note {value} for later"}]
    yield [{"role": "assistant", "content": [{"type": "text", "text": f"noted:\n{value}\nas asked"}]}]
    call = {"type": "tool_use", "id": f"u{n}", "name": "look", "input": {"q": {"deep": [1, value]}, "more": "x"}}
    inside = {"rows": [{"name": "first", "value": value, "next": None}]}
    output = json.dumps(inside, ensure_ascii=n % 2 == 0)
    answer = {"type": "tool_result", "tool_use_id": f"u{n}", "content": output}
    yield [{"role": "assistant", "content": [call]}, {"role": "user", "content": [answer]}]
    wide = {f"k{i}": i for i in range(400)} | {"last": value}
    call = {"type": "tool_use", "id": f"w{n}", "name": "wide", "input": wide}
    answer = {"type": "tool_result", "tool_use_id": f"w{n}", "content": [{"type": "text", "text": f"ok {value}"}]}
    yield [{"role": "assistant", "content": [call]}, {"role": "user", "content": [answer]}]
    source = {"type": "text", "media_type": "text/plain", "data": f"In the attachment: {value}."}
    yield [{"role": "user", "content": [{"type": "document", "source": source}, {"type": "text", "text": "see it"}]}]


def filler(n: int) -> list[Json]:
    return [
        {"role": "user", "content": f"and what about topic {n}? " + f"word{n} " * 60},
        {"role": "assistant", "content": f"topic {n} is fine. " + f"reply{n} " * 60},
    ]


async def test_every_value_is_found_by_words_and_by_number(api: Api) -> None:
    tiny = {"mode": "manual", "keep_tokens": 50, "summary_tokens": 150}
    await api.ok("PUT", S, {"format": "anthropic", "policy": tiny})
    held: dict[int, str] = {}
    for n, value in enumerate(VALUES):
        for messages in carriers(value, n):
            reply = await api.ok("POST", f"{S}/messages", {"messages": [*messages, *filler(n)], "format": "anthropic"})
            held |= dict.fromkeys(reply["seqs"][: len(messages)], value)
        if n % 5 == 4:
            done = await api.ok("POST", f"{S}/compact", {"force": True, "wait_ms": 30_000})
            assert done["changed"]
    await api.ok("POST", f"{S}/messages", {"messages": filler(99) * 3})
    assert (await api.ok("POST", f"{S}/compact", {"force": True, "wait_ms": 30_000}))["changed"]
    assert (await api.ok("GET", S))["cut"] > max(held)

    async def get(path: str) -> Any:
        return await api.ok("GET", path)

    recall = Recall(get, "v")
    for value in VALUES:
        seqs = {seq for seq, held_value in held.items() if held_value == value}
        by_words = await recall({"query": f'"{value}"'})
        numbers = {int(line[1 : line.index(" ")]) for line in by_words.splitlines() if line.startswith("[")}
        assert seqs <= numbers, value
        assert {
            int(line[1 : line.index(" ")]) for line in (await recall({"query": value})).splitlines() if line[:1] == "["
        }
    for seq, value in held.items():
        answer = await recall({"seq": seq})
        assert written(value, answer), (seq, value)


def written(value: str, text: str) -> bool:
    """Whether a value stands in a text, word for word or as JSON in a string writes it."""
    once = [json.dumps(value, ensure_ascii=ascii)[1:-1] for ascii in (True, False)]
    twice = [json.dumps(one, ensure_ascii=False)[1:-1] for one in once]
    return any(way in text for way in (value, *once, *twice))


def fits(raw: Json, value: str) -> bool:
    entry = Entry(1, json.dumps(raw).encode(), "anthropic", 1, 0.0, None, 0, 1)
    scan = Scan(parse(f'"{value}"'))
    scan.look([entry])
    assert written(value, shown(entry)) == written(value, json.dumps(raw, ensure_ascii=False))
    return bool(scan.matches)


_TEXT = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters='"'), min_size=1, max_size=40)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(_TEXT)
def test_any_value_in_any_place_is_found(value: str) -> None:
    try:
        parse(f'"{value}"')
    except InvalidRequest:
        return
    for messages in carriers(value, 0):
        assert any(fits(message, value) for message in messages)


@pytest.mark.parametrize("value", VALUES)
def test_these_values_in_any_place(value: str) -> None:
    for n in (0, 1):
        for messages in carriers(value, n):
            assert all(fits(message, value) for message in messages)
