"""What adapters with messages of their own share: parts and wire formats, and sessions that keep them."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic import AsyncAnthropic

from memsvc.client import BlockingClient, Client
from memsvc.integrations import kept
from memsvc.integrations.handles import Asked, finished
from memsvc.integrations.parts import Call, Image, Other, Part, Result, Said, Text, Thought, Wire, from_wire, to_wire
from memsvc.testing.provider import Provider
from tests.integrations.kit import SUMMARY, log

PICTURE = "data:image/png;base64,iVBORw0KGgo="
FILE = Other({"type": "some_framework", "block": {"a": [1]}})


@pytest.mark.parametrize("format", ["anthropic", "openai"])
@pytest.mark.parametrize(
    ("role", "parts"),
    [
        ("user", [Text("hello")]),
        ("user", [Text("a"), Image("https://a.test/i.png"), Image(PICTURE), FILE, Text("b")]),
        ("system", [Text("Be kind.")]),
        ("assistant", [Thought("Hm.", "sealed"), Text("Both.")]),
        ("tool", [Result("c1", (Text("1"), Image(PICTURE)))]),
        ("tool", [Result("c1", ())]),
        ("assistant", []),
    ],
)
def test_there_and_back(format: Wire, role: str, parts: list[Part]) -> None:
    said = Said(role, parts, id="m1")
    (wire,) = to_wire(said, format)
    assert from_wire(wire, format) == [said]


def test_calls_there_and_back() -> None:
    written, read = Call("c1", "f", '{"a":1}'), Call("c1", "f", {"a": 1})
    (wire,) = to_wire(Said("assistant", [written, Call("c2", "f", "{")], "Ann"), "openai")
    assert from_wire(wire, "openai") == [Said("assistant", [written, Call("c2", "f", "{")], "Ann")]
    (wire,) = to_wire(Said("assistant", [Thought("Hm."), written, Call("c2", "f", "{")]), "anthropic")
    assert from_wire(wire, "anthropic") == [Said("assistant", [Thought("Hm."), read, Call("c2", "f", {"_raw": "{"})])]
    (wire,) = to_wire(Said("assistant", [Thought("Hm."), Text("So."), read]), "openai")
    assert wire["reasoning_content"] == "Hm."
    assert from_wire(wire, "openai") == [Said("assistant", [Thought("Hm."), Text("So."), Call("c1", "f", '{"a": 1}')])]


def test_results_beside_other_things() -> None:
    parts = [Text("and?"), Result("c1", (Text("no"),), failed=True), Result("c2", (Text("2"),))]
    (wire,) = to_wire(Said("user", parts), "anthropic")
    assert [block["type"] for block in wire["content"]] == ["tool_result", "tool_result", "text"]
    assert from_wire(wire, "anthropic") == [Said("tool", parts[1:]), Said("user", parts[:1])]
    assert [wire["role"] for wire in to_wire(Said("tool", parts), "openai")] == ["tool"] * 3


def user(text: str) -> Said:
    return Said("user", [Text(text)])


async def test_thinking_that_led_to_nothing_known_is_left_out(client: Client, provider: Provider) -> None:
    """A run was asked for before a compaction and added after it: its thinking is bound to what is gone."""
    session = client.session("kept-thinking")
    await session.put(policy={"mode": "manual"})
    ask = Asked(session)
    for i in range(6):
        await kept.add(ask, [user(f"Parcel {i}. " * 9), Said("assistant", [Text(f"Noted {i}. " * 9)])], "anthropic")
    await kept.add(ask, [user("Please use the tool.")], "anthropic")
    before = await kept.read(ask, "anthropic")
    async with AsyncAnthropic(api_key="any", base_url=provider.anthropic_url) as vendor:
        tools: Any = [{"name": "look_up", "input_schema": {"type": "object", "properties": {}}}]

        async def reply(said: list[Said]) -> list[Said]:
            wires: Any = [wire for one in said for wire in to_wire(one, "anthropic")]
            about: Any = {"model": "claude-opus-5-5", "max_tokens": 2_000, "tools": tools}
            answer = await vendor.messages.create(messages=wires, **about)
            content = [block.model_dump(exclude_none=True) for block in answer.content]
            return from_wire({"role": "assistant", "content": content}, "anthropic")

        (called,) = await reply(before.said)
        call = called.parts[-1]
        assert isinstance(called.parts[0], Thought)
        assert isinstance(call, Call)
        run = [called, Said("tool", [Result(call.id, (Text("1"),))])]
        run += await reply([*before.said, *run])
        await session.compact(force=True, keep_tokens=1)
        await kept.add(ask, run, "anthropic", before.epoch)
        after = await kept.read(ask, "anthropic")
        assert not [part for one in after.said for part in one.parts if isinstance(part, Thought)]
        await kept.add(ask, [user("And now?")], "anthropic", after.epoch)
        context = await kept.read(ask, "anthropic")
        assert context.said[: len(after.said)] == after.said
        await reply(context.said)
    assert {call.status for call in provider.calls} == {200}
    rows = await log(session)
    assert len([row for row in rows if "'thinking'" in str(row.message)]) == sum(
        isinstance(part, Thought) for one in run for part in one.parts
    ), "the log has it"


async def test_the_system_prompt_is_given_where_it_was_added(client: Client) -> None:
    system = Said("system", [Text("Be kind.")])
    formats: list[Wire] = ["anthropic", "openai"]
    for format in formats:
        own, added = Asked(client.session(f"kept-own-{format}")), Asked(client.session(f"kept-added-{format}"))
        assert await kept.read(own, format) == kept.Context([], None)
        await own("put", system="The operator's own words.")
        assert (await kept.read(own, format)).said == []
        await kept.add(own, [user("hello")], format)
        assert (await kept.read(own, format)).said == [user("hello")]
        await kept.add(added, [system, user("hello")], format)
        assert (await kept.read(added, format)).said == [system, user("hello")]
        assert await kept.history(added, format) == [system, user("hello")]
        await kept.put_in_place(added, [Said("system", [Text("Be brief.")]), user("hello"), user("two")], format)
        assert await kept.history(added, format) == [Said("system", [Text("Be brief.")]), user("hello"), user("two")]
        assert len((await client.session(f"kept-added-{format}").history()).messages) == 2


def test_a_context_may_be_put_back(blocking: BlockingClient) -> None:
    ask = Asked(blocking.session("kept-back"), here=True)
    told = [user(f"Parcel {i} weighs {i} kg. " * 9) for i in range(20)]
    finished(kept.put_in_place(ask, told, "openai"))
    finished(ask("put", policy={"mode": "manual"}))
    finished(ask("compact", force=True, keep_tokens=20))
    context = finished(kept.read(ask, "openai"))
    assert SUMMARY in str(context.said[0])
    finished(kept.put_in_place(ask, [*context.said, user("more")], "openai"))
    finished(kept.put_in_place(ask, [*context.said, user("more")], "openai"))
    assert finished(kept.history(ask, "openai")) == [*told, user("more")]


async def test_nothing_is_made_up_for_a_call_that_waits(client: Client) -> None:
    formats: list[Wire] = ["anthropic", "openai"]
    for format in formats:
        ask = Asked(client.session(f"kept-waits-{format}"))
        arguments: Any = {} if format == "anthropic" else "{}"
        calls = Said("assistant", [Call("c1", "f", arguments), Call("c2", "f", arguments)])
        result = Said("tool", [Result("c1", (Text("1"),))])
        await kept.add(ask, [user("hello"), calls], format)
        assert (await kept.read(ask, format)).said == [user("hello"), calls]
        await kept.add(ask, [result], format)
        assert (await kept.read(ask, format)).said == [user("hello"), calls, result]
        await kept.add(ask, [user("And now?")], format)
        assert "c2" in str((await kept.read(ask, format)).said[2:]), "nobody will answer it any more"
