"""Odd but legal input: accepted, and given back as it came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.edges.api import Api

S = "/v1/sessions/s"
HI = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    "message",
    [
        rb'{"role": "user", "content": "nul \u0000 inside"}',
        rb'{"role": "user", "content": "\ud83e\udde0 \u00e9 \/ \u2028"}',
        b'{ "role" : "user" ,\n\t"content" : "spaced" }',
        b'{"role": "user", "content": "twice", "content": "the last one counts"}',
        b'{"content": "other order", "role": "user", "n": 123456789012345678901234567890, "f": 1.10e+05}',
        b'{"role": "user", "content": [{"type": "text", "text": "x", "deep": ' + b"[" * 150 + b"]" * 150 + b"}]}",
        b'{"role": "user", "content": ""}',
        b'{"role": "assistant", "content": "an assistant first"}',
        b'{"role": "user", "content": "<|endoftext|>"}',
    ],
    ids=range(9),
)
@pytest.mark.parametrize("target", ["openai", "anthropic"])
async def test_history_gives_the_bytes_back(api: Api, target: str, message: bytes) -> None:
    raw = b'{"messages":[' + message + b',{"role":"user","content":"go on"}],"format":"openai"}'
    await api.ok("POST", f"{S}/messages", raw=raw)
    assert b'"message":' + message + b"}" in (await api.call("GET", f"{S}/history")).body
    assert (await api.call("GET", f"{S}/context?format={target}")).status == 200


async def test_roles_out_of_order(api: Api) -> None:
    roles = ["assistant", "user", "user", "assistant", "assistant", "system", "user", "assistant"]
    messages = [{"role": role, "content": f"{i}"} for i, role in enumerate(roles)]
    await api.ok("POST", f"{S}/messages", {"messages": messages, "format": "openai"})
    assert [m["message"] for m in await api.messages()] == messages
    for target in ("openai", "anthropic"):
        assert (await api.ok("GET", f"{S}/context?format={target}"))["messages"]


async def test_text_that_leaves_nothing_to_send(api: Api) -> None:
    await api.ok("POST", f"{S}/messages", {"messages": [{"role": "user", "content": " "}]})
    answer = await api.call("GET", f"{S}/context?format=anthropic")
    assert "append" in answer.problem(422, code="empty_context")["detail"]


async def test_a_threshold_below_the_system_prompt_is_raised(api: Api) -> None:
    policy = {"threshold_tokens": 500, "keep_tokens": 100, "summary_tokens": 100}
    put = await api.ok("PUT", S, {"system": "word " * 1_000, "policy": policy})
    assert put["policy"]["threshold_tokens"] == 500
    assert put["policy"]["effective"]["threshold_tokens"] > put["tokens"]["system"]


async def test_an_empty_body_means_an_empty_object(api: Api) -> None:
    assert (await api.ok("PUT", S))["session"] == "s"
    await api.ok("POST", f"{S}/compact")


async def test_absent_null_and_same(api: Api) -> None:
    first = await api.ok("PUT", S, {"user": "u", "model": "gpt-4o", "metadata": {"a": [1]}})
    assert await api.ok("PUT", S, {"user": "u"}) == first
    reset = await api.ok("PUT", S, {"user": None, "metadata": None})
    assert (reset["user"], reset["model"], reset["metadata"]) == (None, "gpt-4o", {})


async def test_repeats(api: Api) -> None:
    """A key answers as the first time; another body under it is refused; known ids are skipped."""
    key = {"Idempotency-Key": "k" * 255}
    body = {"messages": [HI, HI], "ids": ["a", "b"]}
    first = await api.ok("POST", f"{S}/messages", body, headers=key)
    again = await api.ok("POST", f"{S}/messages", body, headers=key)
    assert again == {**first, "duplicate": True}
    other = await api.call("POST", f"{S}/messages", {"messages": [HI]}, headers=key)
    other.problem(409, code="idempotency_key_reused")
    both = await api.ok("POST", f"{S}/messages", {"messages": [HI, HI], "ids": ["b", "c"]})
    assert both["seqs"] == [2, 3]
    assert [m["id"] for m in await api.messages()] == ["a", "b", "c"]


@pytest.mark.parametrize("value", ["1", '"1"', " 1 "])
async def test_if_match_lets_through(api: Api, value: str) -> None:
    await api.ok("POST", f"{S}/messages", {"messages": [HI]})
    await api.ok("POST", f"{S}/messages", {"messages": [HI]}, headers={"If-Match": value})


async def test_pages(api: Api) -> None:
    messages = [{"role": "user", "content": str(i)} for i in range(7)]
    await api.ok("POST", f"{S}/messages", {"messages": messages, "at": [float(i) for i in range(7)]})
    found: list[Any] = []
    after: int | None = 0
    while after is not None:
        page = await api.ok("GET", f"{S}/history?limit=3&after={after}")
        found += page["messages"]
        after = page["next"]
    assert [m["message"] for m in found] == messages
    assert [m["at"] for m in found] == list(range(7))
    for i in range(5):
        await api.ok("PUT", f"/v1/sessions/p{i}", {"user": "odd" if i % 2 else None})
    page = await api.ok("GET", "/v1/sessions?prefix=p&limit=2")
    names = [s["session"] for s in page["sessions"]]
    while page["next"]:
        page = await api.ok("GET", f"/v1/sessions?prefix=p&limit=2&after={page['next']}")
        names += [s["session"] for s in page["sessions"]]
    assert sorted(names) == ["p0", "p1", "p2", "p3", "p4"]
    odd = await api.ok("GET", "/v1/sessions?user=odd")
    assert {s["session"] for s in odd["sessions"]} == {"p1", "p3"}


async def test_large_numbers_of_small_messages(api: Api) -> None:
    body = {"messages": [{"role": "user", "content": "x"}] * 4_000}
    assert len(json.dumps(body)) < 200_000
    assert (await api.ok("POST", f"{S}/messages", body))["last_seq"] == 4_000
