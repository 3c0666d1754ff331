"""The client's calls, once over a socket and once in this process: one suite for both."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from memsvc.client import Client, Context, Transport
from memsvc.client.writing import written
from memsvc.core.model import Key
from memsvc.errors import CannotFit, Conflict, InvalidRequest, MemsvcError, NotFound, TooLarge
from memsvc.service import Memory
from memsvc.wire.replies import ContextReply
from tests.edges.api import MAX_BODY
from tests.edges.clients import KINDS, transport_to

SMALL = {"mode": "manual", "threshold_tokens": 900, "keep_tokens": 100, "summary_tokens": 300}


@pytest.fixture(params=KINDS)
async def transport(request: pytest.FixtureRequest, memory: Memory) -> AsyncIterator[Transport]:
    async with transport_to(memory, request.param) as made:
        yield made


@pytest.fixture
async def client(transport: Transport) -> AsyncIterator[Client]:
    async with Client(transport) as made:
        yield made


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def talk(turns: int) -> list[dict[str, Any]]:
    """Turns with something to remember in each."""
    said = []
    for n in range(turns):
        said.append(user(f"Parcel {4711 + n} weighs {n} kg and goes to Lane {n}. " + "And so on. " * 12))
        said.append({"role": "assistant", "content": f"Noted: parcel {4711 + n}."})
    return said


async def test_a_turn(client: Client) -> None:
    async with client.session("chat-1") as s:
        await s.put(system="Be brief.", tools=[{"name": "t", "input_schema": {"type": "object"}}], user="ann")
        reply = await s.append(user("hi"), context="anthropic")
        assert (reply.seqs, reply.duplicate, reply.log_revision) == ([1], False, 1)
        assert isinstance(reply.context, Context)
        fetched = await s.context("anthropic")
        assert fetched.request == reply.context.request
        assert set(fetched.request) == {"system", "messages", "tools"}
        await s.append([{"role": "assistant", "content": "Yes?"}, user("bye")], ids=["a", "b"])
        assert [row.message["content"] async for row in s.walk(limit=2)] == ["hi", "Yes?", "bye"]
        assert (await s.get()).user == "ann"


async def test_what_goes_to_the_vendor(client: Client) -> None:
    s = client.session("s")
    await s.append(user("hi"))
    assert (await s.context("anthropic", marks="none")).request == {"messages": [user("hi")]}
    assert (await s.context("openai", marks="none")).request == {"messages": [user("hi")]}
    responses = await s.context("responses", marks="none")
    assert set(responses.request) == {"input"}
    assert responses.request["input"] == responses.messages == responses.input
    responses.request["input"].clear()
    assert responses.messages


async def test_a_context_has_what_the_api_says(client: Client) -> None:
    s = client.session("s")
    await s.append(user("hi"))
    context = await s.context("anthropic")
    assert set(Context.__dataclass_fields__) == {*ContextReply.model_fields, "etag"}
    assert context.tokens.context == context.tokens.full > 0
    assert context.stable_prefix.messages == 1
    assert context.covers is context.prefix_change is None
    assert context.etag


async def test_an_unchanged_context_is_the_same_object(client: Client) -> None:
    s = client.session("s")
    await s.append(user("hi"))
    first = await s.context("openai")
    assert await s.context("openai") is first
    assert await s.context("openai", wait_ms=10) is first
    other = await s.context("anthropic")
    assert other is not first
    assert other.format == "anthropic"
    assert await client.session("s").context("openai") is not first
    await s.append(user("more"))
    second = await s.context("openai")
    assert second.revision > first.revision
    assert len(first.messages) == 1
    assert len(second.messages) == 2
    await s.delete()
    await s.append(user("hi"))
    assert await s.context("openai") is not second


@pytest.mark.parametrize("name", ["a/b", "ü 名前", "a%2Fb", "..", ".", "?&#", "a b+c", "~'\"<>", "x" * 200])
async def test_any_name_is_a_session(client: Client, name: str) -> None:
    s = client.session(name)
    assert (await s.append(user("hi"))).session == name
    assert (await s.get()).session == name
    assert (await client.list_sessions(prefix=name)).sessions[0].session == name
    await s.delete()
    with pytest.raises(NotFound):
        await s.get()


async def test_reading(client: Client) -> None:
    s = client.session("s")
    await s.append(talk(3))
    page = await s.history(after=1, limit=2)
    assert [row.seq for row in page.messages] == [2, 3]
    assert page.next == 3
    assert (await s.history(limit=1, format="anthropic")).messages[0].format == "anthropic"
    found = await s.search('"parcel 4712"', limit=1)
    assert found.results[0].seq in (3, 4)
    counted = await client.count(talk(1), model="claude-opus-5-5", system="x")
    assert counted.tokens == sum(counted.messages) + counted.system
    assert (await client.count(user("hi"))).tokens > 0


async def test_compacting_and_editing(client: Client) -> None:
    s = client.session("s")
    await s.put(policy=SMALL)
    await s.append(talk(12))
    assert (await s.pin(1)).pinned
    done = await s.compact(force=True)
    assert (done.changed, done.epoch) == (True, 1)
    (summary,) = (await s.summaries(statements=True)).summaries
    assert "Parcel 4711" in summary.text
    assert summary.statements
    assert (await s.context("openai")).covers is not None
    await s.unpin(1)
    assert (await s.redact(1)).epoch > 1
    assert (await s.history(limit=1)).messages[0].redacted
    fork = await s.fork("other", after_seq=4)
    assert (fork.session, fork.last_seq) == ("other", 4)
    assert (await s.truncate(10)).messages == 9


async def test_money(client: Client) -> None:
    s = client.session("s")
    used = {"input_tokens": 1000, "output_tokens": 10}
    report: dict[str, Any] = {"id": "m1", "provider": "anthropic", "model": "claude-opus-5-5", "usage": used}
    await s.append(user("hi"))
    assert (await s.usage(**report)).booked
    assert not (await s.usage(**report, feature="chat")).booked
    appended = await s.append({"role": "assistant", "content": "x"}, usage={**report, "id": "m2"})
    assert appended.usage is not None
    assert appended.usage.booked
    assert (await client.spend(by="model")).total.calls == 2
    await client.put_budgets([{"period": "day", "limit_usd": 5.0}])
    assert (await client.budgets()).budgets[0].limit_usd == 5.0


async def test_many_sessions(client: Client) -> None:
    for n in range(5):
        await client.session(f"a{n}").put(user="ann" if n < 3 else "bob")
    assert [x.session async for x in client.walk_sessions(prefix="a", limit=2)] == [f"a{n}" for n in range(4, -1, -1)]
    assert len((await client.list_sessions(user="ann")).sessions) == 3
    await client.delete_user("ann")
    assert len((await client.list_sessions()).sessions) == 2
    assert (await client.delete_inactive("2020-01-01T00:00:00+02:00")).deleted == 0
    assert ((await client.healthz()).status, (await client.readyz()).status) == ("ok", "ready")
    assert (await client.openapi())["openapi"].startswith("3.1")


async def test_settings_are_left_alone_or_taken_back(client: Client) -> None:
    s = client.session("s")
    await s.put(model="m", user="ann")
    assert (await s.put(user=None)).model == "m"
    assert (await s.put()).user is None


async def test_errors_are_those_of_the_service(client: Client) -> None:
    s = client.session("s")
    with pytest.raises(NotFound) as gone:
        await s.context()
    assert gone.value.code == "not_found"
    assert gone.value.status == 404
    assert gone.value.extra["request_id"]
    await s.append(user("hi"))
    with pytest.raises(CannotFit) as tight:
        await s.context("openai", max_tokens=1)
    assert tight.value.extra["minimum"] > 1
    with pytest.raises(Conflict):
        await s.append(user("x"), if_log_revision=7)
    with pytest.raises(TooLarge) as large:
        await s.append(user("x" * MAX_BODY))
    assert large.value.extra["maximum"] == MAX_BODY
    with pytest.raises(InvalidRequest) as wrong:
        await s.append([{"role": "nobody"}, user("x")])
    assert str(wrong.value.extra["field"]).startswith("messages[0]")
    with pytest.raises(CannotFit) as kept:
        await s.append(user("hi"), context="openai", max_tokens=1)
    assert kept.value.extra["appended"]["seqs"] == [2]


@pytest.mark.parametrize(
    "given",
    [
        {"idempotency_key": "a\nb"},
        {"idempotency_key": "ü"},
        {"messages": [user("\ud83d")]},
        {"messages": [user("x") | {"n": float("nan")}]},
        {"messages": [user("x") | {"n": object()}]},
        {"messages": []},
    ],
)
async def test_what_cannot_be_sent_is_refused(client: Client, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        await client.session("s").append(**{"messages": user("x"), **given})
    with pytest.raises(NotFound):
        await client.session("s").get()
    with pytest.raises(InvalidRequest):
        await client.session("\ud83d").get()


async def test_an_argument_that_is_none_is_a_type_error(client: Client) -> None:
    with pytest.raises(TypeError, match=r"append\(\) got an unexpected keyword argument 'if_none_match'"):
        await client.session("s").append(user("x"), if_none_match="x")  # type: ignore[call-arg]


async def test_an_append_twice_with_one_key_is_one(client: Client) -> None:
    s = client.session("s")
    first = await s.append(user("hi"), idempotency_key="k")
    again = await s.append(user("hi"), idempotency_key="k")
    assert (again.seqs, again.duplicate) == (first.seqs, True)
    with pytest.raises(Conflict):
        await s.append(user("other"), idempotency_key="k")


async def test_numbers_of_any_size_and_objects_of_the_sdks(client: Client) -> None:
    import anthropic.types
    import openai.types.chat

    s = client.session("s")
    long = 123456789012345678901234567890
    call = {"type": "tool_use", "id": "toolu_1", "name": "t", "input": {"n": long, "x": 1.0}}
    text = anthropic.types.TextBlock(type="text", text="Hm.")
    await s.append([user("hi"), {"role": "assistant", "content": [text, call]}])
    page = await s.history()
    assert page.messages[1].message == {"role": "assistant", "content": [{"type": "text", "text": "Hm."}, call]}
    kept = (await s.context("anthropic")).messages[1]["content"][1]["input"]["n"]
    assert kept == long
    other = client.session("o")
    said = openai.types.chat.ChatCompletionMessage(role="assistant", content="Yes.")
    await other.append([user("hi"), said])
    assert (await other.history()).messages[1].message == {"role": "assistant", "content": "Yes."}


async def test_many_tasks_share_a_client(client: Client) -> None:
    s = client.session("s")
    replies = await asyncio.gather(*(s.append(user(str(n))) for n in range(40)))
    assert sorted(reply.seqs[0] for reply in replies) == list(range(1, 41))
    assert sorted([int(row.message["content"]) async for row in s.walk(limit=7)]) == list(range(40))


async def test_the_first_call_opens_and_nothing_comes_after_the_end(transport: Transport) -> None:
    client = Client(transport)
    await client.session("s").append(user("hi"))
    await client.close()
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await client.session("s").get()


CALLS: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("append", {"sid": "s"}, {"messages": [user("hi")], "context": "anthropic"}),
    ("append", {"sid": "s"}, {"messages": [user("hi")], "max_tokens": 5}),
    ("append", {"sid": "s"}, {"messages": [user("hi")], "if_log_revision": -1}),
    ("append", {"sid": "s"}, {"messages": "hi"}),
    ("append", {"sid": "x" * 201}, {"messages": [user("hi")]}),
    ("append", {"sid": "s"}, {"messages": [user("x" * MAX_BODY)]}),
    ("append", {"sid": "s"}, {"messages": [user("x")], "idempotency_key": "k" * 256}),
    ("context", {"sid": "s"}, {"format": "openai", "marks": "none"}),
    ("context", {"sid": "s"}, {"format": "fax"}),
    ("context", {"sid": "s"}, {"format": "openai", "if_none_match": "*"}),
    ("context", {"sid": "\x00"}, {}),
    ("context", {"sid": "\udc80"}, {}),
    ("context", {"sid": ""}, {}),
    ("history", {"sid": "s"}, {"after": "x"}),
    ("history", {"sid": "s"}, {}),
    ("history", {"sid": "nobody"}, {}),
    ("search", {"sid": "s"}, {"q": "+ %"}),
    ("redact", {"sid": "s", "seq": "0"}, {}),
    ("pin", {"sid": "s", "seq": "7"}, {}),
    ("pins", {"sid": "s"}, {}),
    ("unpin", {"sid": "s", "seq": "1"}, {}),
    ("put", {"sid": "s"}, {"policy": {"mode": "never"}}),
    ("compact", {"sid": "s"}, {"to_epoch": 1, "force": True}),
    ("fork", {"sid": "s"}, {"to": "s"}),
    ("list_sessions", {}, {"user": "ü", "limit": 5}),
    ("delete_user", {"user": "a/b"}, {}),
    ("delete_inactive", {}, {"inactive_since": "soon"}),
    ("spend", {}, {"by": "week"}),
    ("openapi", {}, {}),
]


async def test_both_ways_give_the_same_bytes(memory: Memory) -> None:
    async def ask(kind: str) -> list[Any]:
        async with transport_to(memory, kind) as transport:
            await transport.open()
            answers = [await transport.send(_fixed(*call), 10.0) for call in CALLS]
            await transport.close()
        await memory.delete_user("default", "everybody")
        for session in (await memory.list_sessions("default", prefix="", user=None, after=None, limit=100))["sessions"]:
            await memory.delete(Key("default", session["session"]))
        return [(a.status, _without_id(a.body), _headers(a.headers)) for a in answers]

    over_http, inside = await ask("http"), await ask("in_process")
    for call, one, other in zip(CALLS, over_http, inside, strict=True):
        assert one == other, call


def _fixed(name: str, values: dict[str, str], given: dict[str, Any]) -> Any:
    given = {"idempotency_key": "k", **given} if name == "append" and given.get("if_log_revision") != -1 else given
    try:
        return written(name, values, given)
    except MemsvcError:  # the key that no header carries: the client says so itself
        return written(name, values, {**given, "idempotency_key": "l"})


def _without_id(body: bytes) -> Any:
    body = re.sub(rb'"(score|at|created_at|updated_at)":[0-9.e-]+', b"", body)
    return re.sub(rb'"request_id":"[^"]*"', b"", body)


def _headers(headers: Any) -> Any:
    kept = ("Content-Type", "Cache-Control", "Allow", "Retry-After", "Server")
    return {name: headers[name] for name in kept if name in headers} | {"tagged": "ETag" in headers}
