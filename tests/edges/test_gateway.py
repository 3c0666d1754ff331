"""The gateway: the vendors' SDKs, unmodified, over HTTP, with the stand-in provider behind it."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import anthropic
import openai
import pytest

from memsvc.app import ways_of
from memsvc.config import Config
from memsvc.core.access import Access
from memsvc.core.model import DEFAULT_TENANT, Key
from memsvc.observe import CacheBroken
from memsvc.server.gate import Gate
from memsvc.service.holders import Holders
from memsvc.service.keyring import Keyring
from memsvc.service.vault import Vault
from memsvc.testing.provider import Answer
from memsvc.testing.provider.outcome import Fault
from tests.edges.through import GPT, MODEL, Json, Through, sent, text_of, through
from tests.service.world import SMALL, words, world

TOOL: Json = {"name": "run", "description": "Runs.", "input_schema": {"type": "object", "properties": {}}}
OTHER: Json = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}


async def ask(t: Through, messages: list[Json], session: str = "s", **more: Any) -> anthropic.types.Message:
    """One call by a client that sends what it likes."""
    reply = await t.anthropic(session).messages.create(model=MODEL, max_tokens=200, messages=messages, **more)
    assert isinstance(reply, anthropic.types.Message)
    return reply


def dump(reply: anthropic.types.Message) -> Json:
    """A reply as a client keeps it."""
    return {"role": "assistant", "content": [b.model_dump(mode="json") for b in reply.content]}


async def test_a_client_that_resends_everything_is_stored_once() -> None:
    async with through() as t:
        history: list[Json] = []
        for n in range(4):
            history.append({"role": "user", "content": f"turn {n}"})
            reply = await ask(t, history, system="Be brief.")
            history.append(dump(reply))
        said = await t.said()
        assert [text_of(m) for m in said] == [text_of(m) for m in history]
        session = await t.api.ok("GET", "/v1/sessions/s")
        assert session["messages"] == 8
        assert session["epoch"] == 0
        assert sent(t.provider)["system"][0]["text"] == "Be brief."


async def test_a_client_that_sends_only_what_is_new_has_a_memory() -> None:
    async with through() as t:
        for n in range(3):
            await ask(t, [{"role": "user", "content": f"turn {n}"}])
        assert [m["role"] for m in await t.said()] == ["user", "assistant"] * 3
        assert [text_of(m) for m in sent(t.provider)["messages"]][::2] == ["turn 0", "turn 1", "turn 2"]


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_both_of_openais_apis(api: str) -> None:
    async with through() as t:
        client = t.openai()
        for n in range(3):
            said: Any = [{"role": "user", "content": f"turn {n}"}]
            if api == "chat":
                answer = await client.chat.completions.create(model=GPT, messages=said)
                assert answer.choices[0].message.content
            else:
                reply = await client.responses.create(model=GPT, input=f"turn {n}", instructions="Be brief.")
                assert reply.output_text
        stored = await t.said()
        assert [m["role"] for m in stored] == ["user", "assistant"] * 3
        body = sent(t.provider)
        assert str(body["prompt_cache_key"]).startswith("memsvc-")
        assert len({c.body["prompt_cache_key"] for c in t.provider.calls}) == 1


async def test_compaction_crosses_a_conversation_and_the_provider_accepts_it() -> None:
    async with through(SMALL) as t:
        history: list[Json] = []
        epochs = set()
        for n in range(14):
            history.append({"role": "user", "content": f"turn {n}: {words(60, f'u{n}x')}"})
            reply = await t.anthropic().messages.with_raw_response.create(
                model=MODEL, max_tokens=200, messages=history, system="Be brief."
            )
            epochs.add(int(reply.headers["x-memsvc-epoch"]))
            history.append(dump(await reply.parse()))
            await t.world.work()
        assert len(epochs) >= 3
        assert int(reply.headers["x-memsvc-tokens-saved"]) > 500
        assert [text_of(m) for m in await t.said()] == [text_of(m) for m in history]
        assert all(call.status == 200 for call in t.provider.calls)
        assert len(sent(t.provider)["messages"]) < 14


async def test_streams_are_passed_on_and_stored() -> None:
    async with through() as t:
        async with t.anthropic().messages.stream(
            model=MODEL, max_tokens=200, messages=[{"role": "user", "content": "hello"}]
        ) as stream:
            whole = "".join([text async for text in stream.text_stream])
        assert whole
        assert [text_of(m) for m in await t.said()] == ["hello", whole]
        chunks = await t.openai("c").chat.completions.create(
            model=GPT, messages=[{"role": "user", "content": "hi"}], stream=True
        )
        got = [c async for c in chunks]
        assert all(c.usage is None and c.choices for c in got), "nobody asked for usage"
        said = "".join(c.choices[0].delta.content or "" for c in got)
        assert [text_of(m) for m in await t.said("c")] == ["hi", said]
        rows = await t.spent()
        assert sum(row["calls"] for row in rows) == 2
        assert sum(row["held_calls"] for row in rows) == 0
        assert all(row["cost_usd"] > 0 for row in rows)


async def test_tools_and_their_results_go_round() -> None:
    async with through() as t:
        history: list[Json] = [{"role": "user", "content": "use two tools"}]
        reply = await ask(t, history, tools=[TOOL])
        calls = [b for b in reply.content if b.type == "tool_use"]
        assert len(calls) == 2
        history.append(dump(reply))
        results = [{"type": "tool_result", "tool_use_id": c.id, "content": "done"} for c in calls]
        history.append({"role": "user", "content": results})
        await ask(t, history, tools=[TOOL])
        assert len(await t.said()) == 4
        assert all(call.status == 200 for call in t.provider.calls)


async def test_an_edit_and_a_regeneration_are_truncations() -> None:
    async with through() as t:
        one: list[Json] = [{"role": "user", "content": "one"}]
        first = await ask(t, one)
        two = [*one, dump(first), {"role": "user", "content": "two"}]
        await ask(t, two)
        await ask(t, two)  # generate again
        rows = await t.api.messages()
        assert [(r["seq"], r["superseded"]) for r in rows] == [
            (1, False),
            (2, False),
            (3, False),
            (4, True),
            (5, False),
        ]
        await ask(t, [*one, dump(first), {"role": "user", "content": "zwei"}])
        assert [text_of(m) for m in await t.said()][:3] == ["one", text_of(dump(first)), "zwei"]


async def test_two_clients_of_one_name_get_a_line_each() -> None:
    async with through() as t:
        start: list[Json] = [{"role": "user", "content": "start"}]
        begun = dump(await ask(t, start))
        a = [*start, begun, {"role": "user", "content": "left"}]
        b = [*start, begun, {"role": "user", "content": "right"}]
        a.append(dump(await ask(t, a)))
        b.append(dump(await ask(t, b)))
        a.append({"role": "user", "content": "left again"})
        raw = await t.anthropic().messages.with_raw_response.create(model=MODEL, max_tokens=200, messages=a)
        named = raw.headers["x-memsvc-session"]
        assert named == "s~2"
        a.append(dump(await raw.parse()))
        b.append({"role": "user", "content": "right again"})
        b.append(dump(await ask(t, b)))
        assert [text_of(m) for m in await t.said()] == [text_of(m) for m in b]
        assert [text_of(m) for m in await t.said("s~2")] == [text_of(m) for m in a]


async def test_a_branch_has_the_cache_of_its_session() -> None:
    async with through() as t:
        start: list[Json] = [{"role": "user", "content": "start"}]

        async def say(*messages: Json) -> list[Json]:
            answer = await t.post("/v1/chat/completions", {"model": GPT, "messages": list(messages)})
            return [*messages, answer.json["choices"][0]["message"]]

        begun = await say(*start)
        a = await say(*begun, {"role": "user", "content": "left"})
        await say(*begun, {"role": "user", "content": "right"})
        await say(*a, {"role": "user", "content": "left again"})
        assert len(await t.said("s~2")) == 6
        assert len({call.body["prompt_cache_key"] for call in t.provider.calls}) == 1


async def test_without_a_session_a_call_goes_through_and_is_booked() -> None:
    async with through() as t:
        body = {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}], "metadata": {}}
        answer = await t.post("/v1/messages", body, session=None)
        assert answer.status == 200
        assert sent(t.provider) == body
        assert "x-memsvc-epoch" not in answer.headers
        assert float(answer.headers["x-memsvc-cost-usd"]) > 0
        (row,) = await t.spent()
        assert (row["calls"], row["held_calls"], row["feature"]) == (1, 0, "chat")
        assert (await t.api.ok("GET", "/v1/sessions"))["sessions"] == []


async def test_a_call_is_booked_once_whichever_way_it_is_told() -> None:
    async with through() as t:
        reply = await ask(t, [{"role": "user", "content": "hello"}])
        report = {"id": reply.id, "provider": "anthropic", "model": MODEL, "usage": reply.usage.model_dump(mode="json")}
        assert (await t.api.ok("POST", "/v1/sessions/s/usage", report))["booked"] is False
        (row,) = await t.spent()
        assert row["calls"] == 1


@pytest.mark.parametrize(
    ("behaviour", "status"), [("rate_limited", 429), ("overloaded", 529), ("server_error", 500), ("no_model", 404)]
)
async def test_the_providers_errors_are_the_providers(behaviour: str, status: int) -> None:
    async with through() as t:
        t.provider.script([behaviour])
        with pytest.raises(anthropic.APIStatusError) as failed:
            await ask(t, [{"role": "user", "content": "hello"}])
        assert failed.value.status_code == status
        assert "memsvc" not in failed.value.message
        assert "x-memsvc-error" not in failed.value.response.headers
        assert await t.spent() == []
        t.provider.script(["ok"])
        await ask(t, [{"role": "user", "content": "hello"}])
        assert len(await t.said()) == 2, "the same again stores nothing twice"


async def test_an_invalid_message_of_a_client_that_sends_only_news_does_not_spoil_its_session() -> None:
    async with through() as t:
        await ask(t, [{"role": "user", "content": "one"}])
        t.provider.behave(lambda asked: Fault("invalid", "messages.2.content.0.image: Could not process image"))
        with pytest.raises(anthropic.BadRequestError, match="Could not process"):
            await ask(t, [{"role": "user", "content": "a broken picture"}])
        t.provider.behave(None)
        await ask(t, [{"role": "user", "content": "two"}])
        assert [text_of(m) for m in await t.said()][::2] == ["one", "two"]
        assert len(await t.api.messages()) == 5, "history keeps it"


async def test_what_cannot_fit_is_told_as_the_vendors_do_and_spoils_nothing() -> None:
    async with through(SMALL) as t:
        long = [{"role": "user", "content": words(9_000)}]
        with pytest.raises(anthropic.BadRequestError, match="prompt is too long") as failed:
            await ask(t, long)
        assert failed.value.response.headers["x-memsvc-error"] == "cannot_fit"
        with pytest.raises(openai.BadRequestError) as refused:
            await t.openai().chat.completions.create(model=GPT, messages=[{"role": "user", "content": words(9_000)}])
        assert refused.value.code == "context_length_exceeded"
        await ask(t, [{"role": "user", "content": "short"}])
        assert [text_of(m) for m in await t.said()][:1] == ["short"]


async def test_a_budget_speaks_the_vendors_language() -> None:
    async with through() as t:
        await t.api.ok("PUT", "/v1/budgets", {"budgets": [{"period": "day", "limit_usd": 0.0001}]})
        with pytest.raises(anthropic.APIStatusError) as failed:
            await ask(t, [{"role": "user", "content": "hello"}])
        assert failed.value.status_code == 402
        body = failed.value.body
        assert isinstance(body, dict)
        assert body["error"]["type"] == "billing_error"
        assert body["error"]["code"] == "budget_exceeded"
        with pytest.raises(openai.APIStatusError) as refused:
            await t.openai().chat.completions.create(model="gpt-6-astra", messages=[{"role": "user", "content": "hi"}])
        assert (refused.value.status_code, refused.value.code) == (402, "budget_exceeded")
        assert t.provider.calls == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"max_tokens": 9, "messages": []}, "model"),
        ({"model": "m", "max_tokens": 9}, "messages"),
        ({"model": "m", "messages": "hi"}, "messages"),
        ({"model": "m", "messages": [1]}, "messages"),
        ({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": {}}, "tools"),
        ({"model": 5, "messages": [{"role": "user", "content": "x"}]}, "model"),
    ],
)
async def test_a_wrong_request_is_refused_in_the_vendors_shape(body: Json, field: str) -> None:
    async with through() as t:
        answer = await t.post("/v1/messages", body)
        assert answer.status == 400
        assert answer.json["type"] == "error"
        assert answer.json["error"]["type"] == "invalid_request_error"
        assert answer.json["error"]["field"].startswith(field)
        answer = await t.post("/v1/chat/completions", body)
        assert answer.status == 400
        assert answer.json["error"]["param"].startswith(field)


async def test_overflow_is_repaired_once_and_visibly() -> None:
    async with through() as t:
        for n in range(6):
            await ask(t, [{"role": "user", "content": f"{n} {words(120, f'q{n}')}"}])
        t.provider.script(["overflow", "ok"])
        raw = await t.anthropic().messages.with_raw_response.create(
            model=MODEL, max_tokens=200, messages=[{"role": "user", "content": "and now?"}]
        )
        assert raw.headers["x-memsvc-repaired"] == "context_overflow"
        assert int(raw.headers["x-memsvc-epoch"]) == 1
        assert len(await t.said()) == 14
        t.provider.script(["overflow"])
        with pytest.raises(anthropic.BadRequestError, match="too long"):
            await ask(t, [{"role": "user", "content": "and now?"}])


async def test_refused_thinking_is_left_out() -> None:
    async with through() as t:
        t.provider.script(["thinking_first"])
        history: list[Json] = [{"role": "user", "content": "think"}]
        history.append(dump(await ask(t, history, system="One.")))
        assert any(b["type"] == "thinking" for b in (await t.said())[1]["content"])
        signed = [b for b in (await t.said())[1]["content"] if b["type"] == "thinking"]
        forged = {**signed[0], "signature": "A" * len(signed[0]["signature"])}
        other = [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [forged, {"type": "text", "text": "y"}]},
        ]
        raw = await t.anthropic("other").messages.with_raw_response.create(
            model=MODEL, max_tokens=2000, messages=[*other, {"role": "user", "content": "z"}]
        )
        assert raw.headers["x-memsvc-repaired"] == "thinking"
        assert "thinking" not in str(sent(t.provider)["messages"])


async def test_what_the_client_changes_is_told_with_its_price() -> None:
    async with through() as t:
        text = words(900)
        await ask(t, [{"role": "user", "content": text}], tools=[TOOL, OTHER], system="One.")
        raw = await t.anthropic().messages.with_raw_response.create(
            model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "a"}], tools=[OTHER, TOOL], system="One."
        )
        assert "x-memsvc-cache-break" not in raw.headers, "another order is the same tools"
        assert [tool["name"] for tool in sent(t.provider)["tools"]] == ["run", "look"]
        for change, cause in (
            ({"tools": [TOOL]}, "tools_changed"),
            ({"tools": [TOOL], "system": "Two."}, "system_changed"),
        ):
            raw = await t.anthropic().messages.with_raw_response.create(
                model=MODEL, max_tokens=9, messages=[{"role": "user", "content": cause}], **{"system": "One.", **change}
            )
            told = raw.headers["x-memsvc-cache-break"]
            assert told.startswith(f"{cause}; tokens="), told
            assert float(told.rpartition("usd=")[2]) > 0
        broken = [e for e in t.events if isinstance(e, CacheBroken)]
        assert [e.cause for e in broken] == ["tools_changed", "system_changed"]


async def test_auto_chooses_and_stays() -> None:
    async with through() as t:
        client = t.anthropic()

        async def model(text: str) -> str:
            reply = await client.messages.create(
                model="auto", max_tokens=100, messages=[{"role": "user", "content": text}]
            )
            return str(reply.model)

        assert await model("hello") == "claude-haiku-5-5"
        assert await model("Prove the theorem step by step: design a system architecture") == "claude-opus-5-5"
        assert await model("thanks") == "claude-opus-5-5", "its cache is warm"
        t.world.clock.pass_(4_000)
        assert await model("thanks a lot") == "claude-haiku-5-5"


async def test_output_is_capped_by_feature() -> None:
    async with through(caps={"chat": 77, "*": 500}) as t:
        body = {"model": MODEL, "max_tokens": 4000, "messages": [{"role": "user", "content": "x"}]}
        answer = await t.post("/v1/messages", body)
        assert sent(t.provider)["max_tokens"] == 77
        assert answer.headers["x-memsvc-output-cap"] == "77"
        await t.post("/v1/messages", body, x_memsvc_feature="extract")
        assert sent(t.provider)["max_tokens"] == 500
        answer = await t.post("/v1/messages", {**body, "max_tokens": 9})
        assert sent(t.provider)["max_tokens"] == 9
        assert "x-memsvc-output-cap" not in answer.headers
        await t.post("/v1/chat/completions", {"model": GPT, "messages": body["messages"]}, session=None)
        assert sent(t.provider)["max_completion_tokens"] == 77


async def test_keys_of_this_service_and_of_the_provider_stay_apart() -> None:
    sealing, ours = os.urandom(32), "service-key-of-acme-0001"
    async with through(vault_key=sealing, keys={ours: "acme"}) as t:
        body: Json = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
        with pytest.raises(anthropic.AuthenticationError):
            await t.anthropic().messages.create(**body)
        with pytest.raises(anthropic.AuthenticationError, match="no key"):
            await t.anthropic(None, authorization=f"Bearer {ours}").messages.create(**body)
        both = t.anthropic(x_memsvc_key=ours)
        await both.messages.create(**body)
        await Vault(t.world.store, sealing).put("acme", "anthropic", "stored-key")
        stored = t.anthropic(authorization=f"Bearer {ours}")
        await stored.messages.create(**body)
        assert len(t.provider.calls) == 2
        heads = [call.headers for call in t.provider.calls]
        assert ours not in str(heads)
        assert await t.world.store.head(Key("acme", "s")) is not None
        assert await t.world.store.head(Key(DEFAULT_TENANT, "s")) is None


async def test_a_key_that_may_not_read_may_not_ask_a_model_what_was_said() -> None:
    async with world() as w:
        holders = Holders(w.store, clock=w.clock, monotonic=lambda: 0.0)
        async with through(around=w, gate=Gate(None, holders)) as t:
            ring = Keyring(w.store, clock=w.clock)
            body = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
            kinds: list[tuple[list[Access], int]] = [(["write"], 403), (["read"], 403), (["read", "write"], 200)]
            for scopes, status in kinds:
                key, _ = await ring.create("acme", scopes)
                assert (await t.post("/v1/messages", body, x_memsvc_key=key)).status == status


async def test_a_loop_is_noticed() -> None:
    async with through() as t:
        answer = await t.post("/v1/messages", {"model": "m"}, via="1.1 memsvc")
        assert (answer.status, answer.json["error"]["code"]) == (400, "loop")


async def test_a_provider_that_is_away() -> None:
    async with through(upstream="http://127.0.0.1:9") as t:
        with pytest.raises(anthropic.InternalServerError) as failed:
            await ask(t, [{"role": "user", "content": "hello"}])
        assert failed.value.status_code == 503
        assert failed.value.response.headers["x-memsvc-error"] == "upstream_unreachable"
        assert await t.spent() == []


async def test_a_wrong_base_address_is_told_by_the_sdks() -> None:
    body: Any = {"messages": [{"role": "user", "content": "hello"}]}
    async with through() as t:
        with pytest.raises(openai.NotFoundError, match="OpenAI's SDK takes ends with /v1"):
            await t.openai().with_options(base_url=t.api.url).chat.completions.create(model=GPT, **body)
        wrong = t.anthropic().with_options(base_url=f"{t.api.url}/v1")
        with pytest.raises(anthropic.NotFoundError, match="has no /v1 at its end"):
            await wrong.messages.create(model=MODEL, max_tokens=9, **body)
        with pytest.raises(openai.NotFoundError, match="call the provider"):
            await t.openai().embeddings.create(model="text-embedding-3-small", input="hello")


async def test_absurd_usage_is_not_booked() -> None:
    async with through() as t:
        t.provider.script(["absurd_usage"])
        for n in range(4):  # negative, huge, no number, empty
            await ask(t, [{"role": "user", "content": f"turn {n}"}])
        assert sum(row["cost_usd"] for row in await t.spent()) < 0.1


def test_a_proxy_in_a_private_network_costs_what_the_vendor_takes_where_it_is_named() -> None:
    address = "http://10.0.0.5/anthropic"
    free = ways_of(Config(gateway_anthropic_url=address)).anthropic
    paid = ways_of(Config(gateway_anthropic_url=address, gateway_anthropic_provider="anthropic")).anthropic
    assert (free.provider, free.own) == ("local", True)
    assert (paid.provider, paid.own) == ("anthropic", False)


async def test_what_is_no_call_is_passed_on() -> None:
    async with through() as t:
        client = t.anthropic(None)
        counted = await client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "hello"}])
        assert counted.input_tokens > 0
        assert (await client.models.list()).data
        assert (await t.openai(None).models.list()).data
        assert (await t.openai(None).models.retrieve(GPT)).id == GPT


async def test_a_reply_that_answers_a_full_window_is_asked_for_again() -> None:
    async with through() as t:
        for n in range(4):
            await ask(t, [{"role": "user", "content": f"{n} {words(120, f'q{n}')}"}])
        once = iter([Answer("cut short", stop="window")])
        t.provider.behave(lambda asked: next(once, None))
        raw = await t.anthropic().messages.with_raw_response.create(
            model=MODEL, max_tokens=200, messages=[{"role": "user", "content": "and now?"}]
        )
        assert raw.headers["x-memsvc-repaired"] == "context_overflow"
        assert (await raw.parse()).stop_reason == "end_turn"
        assert len(await t.said()) == 10


async def test_what_is_deleted_or_erased_goes_from_the_branches_too() -> None:
    async with through() as t:
        start: list[Json] = [{"role": "user", "content": "a secret"}]
        begun = dump(await ask(t, start))
        a = [*start, begun, {"role": "user", "content": "left"}]
        b = [*start, begun, {"role": "user", "content": "right"}]
        a.append(dump(await ask(t, a)))
        await ask(t, b)
        await ask(t, [*a, {"role": "user", "content": "left again"}])
        assert "a secret" in str(await t.said("s~2"))
        await t.api.ok("DELETE", "/v1/sessions/s/messages/1")
        assert "a secret" not in [text_of(m) for s in ("s", "s~2") for m in await t.said(s)]
        assert "left again" in [text_of(m) for m in await t.said("s~2")]
        await t.api.ok("DELETE", "/v1/sessions/s")
        assert (await t.api.ok("GET", "/v1/sessions"))["sessions"] == []


async def test_a_turn_without_a_message_is_refused_and_a_prompt_of_the_vendors_goes_through() -> None:
    async with through() as t:
        await ask(t, [{"role": "user", "content": "hello"}])
        empty: Json = {"model": MODEL, "max_tokens": 9, "messages": []}
        system: Json = {"model": GPT, "messages": [{"role": "system", "content": "Be brief."}]}
        for session in ("s", "fresh"):
            for path, body in (("messages", empty), ("chat/completions", system), ("responses", {"model": GPT})):
                answer = await t.post(f"/v1/{path}", body, session)
                assert answer.status == 400, "nothing is answered twice"
        assert len(t.provider.calls) == 1
        assert [s["session"] for s in (await t.api.ok("GET", "/v1/sessions"))["sessions"]] == ["s"]
        await t.post("/v1/responses", {"model": GPT, "prompt": {"id": "pmpt_1"}}, session=None)
        assert sent(t.provider) == {"model": GPT, "prompt": {"id": "pmpt_1"}}


async def test_a_reply_that_went_to_a_branch_says_so() -> None:
    async with through() as t:
        t.provider.script(["slow"])
        body = {"model": MODEL, "max_tokens": 99, "messages": [{"role": "user", "content": "slow"}]}
        call = asyncio.create_task(t.post("/v1/messages", body))
        async with asyncio.timeout(10):
            while not t.provider.calls:  # noqa: ASYNC110 nothing tells when
                await asyncio.sleep(0.01)
        more = {"messages": [{"role": "user", "content": "meanwhile"}], "format": "anthropic"}
        await t.api.ok("POST", "/v1/sessions/s/messages", more)
        t.provider.release()
        answer = await call
        assert answer.headers["x-memsvc-session"] == "s~2"
        assert [m["role"] for m in await t.said("s~2")] == ["user", "assistant"]
        assert [text_of(m) for m in await t.said()] == ["slow", "meanwhile"]


async def test_an_agents_side_calls_are_no_turns_of_its_conversation() -> None:
    async with through() as t:
        history: list[Json] = []
        for n in range(2):
            history.append({"role": "user", "content": f"turn {n}"})
            history.append(dump(await ask(t, history, system="You are a coder.", tools=[TOOL])))
        side: list[Json] = [{"role": "user", "content": "Write a title for: turn 0"}]
        raw = await t.anthropic().messages.with_raw_response.create(
            model="claude-haiku-5-5", max_tokens=20, messages=side, system="You write titles."
        )
        assert raw.headers["x-memsvc-session"] == "s~2"
        assert [text_of(m) for m in sent(t.provider)["messages"]] == ["Write a title for: turn 0"]
        history.append({"role": "user", "content": "turn 2"})
        raw = await t.anthropic().messages.with_raw_response.create(
            model=MODEL, max_tokens=200, messages=history, system="You are a coder.", tools=[TOOL]
        )
        assert raw.headers["x-memsvc-session"] == "s"
        assert "x-memsvc-cache-break" not in raw.headers
        assert len(await t.said()) == 6


async def test_a_stop_is_not_booked_as_all_that_a_model_could_ever_write() -> None:
    async with through() as t:
        stream = await t.openai().chat.completions.create(
            model="gpt-6-astra", messages=[{"role": "user", "content": "tell me " * 400}], stream=True
        )
        async for _ in stream:
            break
        await stream.close()
        t.provider.release()
        for _ in range(500):
            rows = await t.spent()
            if rows and not any(row["held_calls"] for row in rows):
                break
            await asyncio.sleep(0.01)
        assert 0 < sum(row["cost_usd"] for row in rows) < 0.5
