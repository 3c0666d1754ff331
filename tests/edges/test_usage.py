"""Usage reports over HTTP: both vendors' shapes, booked once, prices known and unknown, and what they change."""

from __future__ import annotations

from typing import Any

import pytest

from memsvc.service import Memory
from tests.edges.api import Api, serving

S = "/v1/sessions/s"
HI = {"role": "user", "content": "hi"}
MESSAGES = {
    "input_tokens": 1_000,
    "cache_read_input_tokens": 50_000,
    "cache_creation_input_tokens": 1_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 1_000, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 500,
    "service_tier": "standard",
}
CHAT = {
    "prompt_tokens": 52_000,
    "completion_tokens": 500,
    "total_tokens": 52_500,
    "prompt_tokens_details": {"cached_tokens": 50_000, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
RESPONSES = {
    "input_tokens": 52_000,
    "output_tokens": 500,
    "input_tokens_details": {"cached_tokens": 50_000, "cache_write_tokens": 2_000},
}


def call(usage: dict[str, Any] = MESSAGES, **more: Any) -> dict[str, Any]:
    return {"id": "r1", "provider": "anthropic", "model": "claude-haiku-4-5", "usage": usage, **more}


def openai(usage: dict[str, Any], model: str = "gpt-6.1-sol") -> dict[str, Any]:
    return call(usage, provider="openai", model=model)


@pytest.mark.parametrize(
    ("body", "cost"),
    [
        (call(), 0.00975),
        (call(model="claude-opus-5-5"), 0.029),
        (openai(CHAT), 0.014),
        (openai(RESPONSES), 0.015),
        (openai({"prompt_tokens": 52_000, "completion_tokens": 500, "prompt_tokens_details": None}), 0.109),
        (openai(CHAT, "gpt-6.2-sol"), None),  # not in the price list
        (call(provider="vllm", model="qwen"), None),
    ],
)
async def test_a_call_is_booked_at_its_price(api: Api, body: Any, cost: float | None) -> None:
    await api.ok("POST", f"{S}/messages", {"messages": [HI]})
    assert await api.ok("POST", f"{S}/usage", body) == {"booked": True, "cost_usd": cost, "factor": None}


async def test_the_same_id_is_booked_once_whichever_way_it_comes(api: Api) -> None:
    for session in ("s", "t"):
        await api.ok("POST", f"/v1/sessions/{session}/messages", {"messages": [HI]})
    assert (await api.ok("POST", f"{S}/usage", call()))["booked"] is True
    assert (await api.ok("POST", f"{S}/usage", call()))["booked"] is False
    assert (await api.ok("POST", "/v1/sessions/t/usage", call()))["booked"] is False
    reply = await api.ok("POST", f"{S}/messages", {"messages": [HI], "usage": call()})
    assert reply["usage"] == {"booked": False, "cost_usd": 0.00975, "factor": None}
    await api.ok("DELETE", S)
    await api.ok("POST", f"{S}/messages", {"messages": [HI]})
    assert (await api.ok("POST", f"{S}/usage", call()))["booked"] is False


async def test_another_tenant_has_books_of_its_own(memory: Memory) -> None:
    async with serving(memory, keys={"k1": "one", "k2": "two"}) as api:
        for key in ("k1", "k2"):
            headers = {"x-api-key": key}
            (await api.call("POST", f"{S}/usage", call(), headers=headers)).problem(404)
            await api.ok("POST", f"{S}/messages", {"messages": [HI]}, headers=headers)
            assert (await api.ok("POST", f"{S}/usage", call(), headers=headers))["booked"] is True


async def test_the_providers_count_decides_what_fits(api: Api) -> None:
    text = "words and more words " * 100
    await api.ok("POST", f"{S}/messages", {"messages": [{"role": "user", "content": text}], "format": "openai"})
    context = await api.ok("GET", f"{S}/context")
    raw = context["tokens"]["context"]
    assert (await api.call("GET", f"{S}/context?max_tokens={raw}")).status == 200
    usage = {"prompt_tokens": raw * 3 // 2, "completion_tokens": 5}
    done = await api.ok("POST", f"{S}/usage", {**openai(usage), "revision": context["revision"]})
    assert done["factor"] == pytest.approx(1.5, abs=0.01)
    problem = (await api.call("GET", f"{S}/context?max_tokens={raw}")).problem(422, code="cannot_fit")
    assert problem["minimum"] == raw * 3 // 2
    assert (await api.ok("GET", S))["tokens"]["context"] == raw  # figures stay raw


async def test_a_report_may_come_with_an_append(api: Api) -> None:
    sent = await api.ok("POST", f"{S}/messages?context=openai", {"messages": [HI], "ids": ["m1"]})
    assert "usage" not in sent
    raw = sent["context"]["tokens"]["context"]
    whole = {**call({"input_tokens": 2 * raw, "output_tokens": 1}), "revision": sent["context"]["revision"]}
    answer = {"role": "assistant", "content": "ho"}
    body = {"messages": [answer], "ids": ["m2"], "usage": whole}
    first = await api.ok("POST", f"{S}/messages", body)
    assert first["usage"] == {"booked": True, "cost_usd": pytest.approx(2e-6 * raw + 5e-6), "factor": 2.0}
    again = await api.ok("POST", f"{S}/messages", body)
    assert (again["duplicate"], again["usage"]["booked"]) == (True, False)
    bare = {"messages": [answer], "ids": ["m3"], "usage": CHAT}
    both = [(await api.ok("POST", f"{S}/messages?context=openai", bare))["usage"] for _ in range(2)]
    assert [done["booked"] for done in both] == [True, False]
    assert both[0]["cost_usd"] is None  # nobody said which model it was


async def test_a_bare_report_is_priced_by_the_sessions_model(api: Api) -> None:
    await api.ok("PUT", S, {"model": "claude-haiku-4-5"})
    reply = await api.ok("POST", f"{S}/messages", {"messages": [HI], "usage": MESSAGES})
    assert reply["usage"]["cost_usd"] == 0.00975


@pytest.mark.parametrize("usage", [{"input_tokens": 5}, {"tokens": 5}, {"usage": {}}, call({"input_tokens": -1})])
async def test_bad_usage_stores_no_message(api: Api, usage: Any) -> None:
    (await api.call("POST", f"{S}/messages", {"messages": [HI], "usage": usage})).problem(400)
    (await api.call("GET", S)).problem(404)


async def test_the_services_own_names_for_its_calls_cannot_be_reported(api: Api) -> None:
    await api.ok("POST", f"{S}/messages", {"messages": [HI]})
    answer = await api.call("POST", f"{S}/usage", call(id="memsvc-1", feature="summary"))
    assert (answer.status, answer.json["field"]) == (400, "id")
    assert "memsvc-" in answer.json["detail"]
    assert (await api.ok("POST", f"{S}/usage", call(id="mine", feature="summary")))["booked"]
