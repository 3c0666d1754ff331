"""What is tried again, what never is, and that nothing is stored twice; time passes only when somebody sleeps."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest

from memsvc.client import Answer, Client, NoAnswer, Retry
from memsvc.errors import (
    BudgetExceeded,
    MemsvcError,
    NotFound,
    RateLimited,
    SummarizerError,
    Unavailable,
)
from memsvc.service import Memory
from memsvc.wire import CALLS
from tests.edges.api import Api, serving
from tests.edges.clients import Losing, Scripted, Time

SAID = {"role": "user", "content": "hi"}
APPENDED = Answer(
    200,
    {},
    json.dumps(
        {"session": "s", "seqs": [1], "first_seq": 1, "last_seq": 1, "log_revision": 1}
        | {"revision": 1, "epoch": 0, "tokens": 1, "duplicate": False}
    ).encode(),
)
LOST = NoAnswer("lost", sent=True)
UNREACHED = NoAnswer("refused", sent=False)


def refusal(status: int, code: str = "", after: int | None = None, **more: Any) -> Answer:
    """A problem document."""
    document = {"type": "", "title": "", "status": status, "code": code, "detail": "No.", "retryable": False, **more}
    return Answer(status, {} if after is None else {"Retry-After": str(after)}, json.dumps(document).encode())


@pytest.mark.parametrize("trouble", [LOST, UNREACHED, refusal(503), refusal(502), refusal(504), refusal(429, after=3)])
async def test_an_append_is_tried_again_with_the_same_key(trouble: Any) -> None:
    time = Time()
    transport = Scripted([trouble, trouble, APPENDED])
    await time.client(transport).session("s").append(SAID)
    keys = [request.headers["Idempotency-Key"] for request in transport.seen]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert time.slept == ([3.0, 3.0] if isinstance(trouble, Answer) and trouble.status == 429 else [0.1, 0.2])
    await time.client(transport).session("s").append(SAID)
    assert transport.seen[-1].headers["Idempotency-Key"] != keys[0]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 422, 500])
async def test_other_refusals_are_final(status: int) -> None:
    time = Time()
    transport = Scripted([refusal(status, "c", retryable=True, minimum=5)])
    with pytest.raises(MemsvcError) as refused:
        await time.client(transport).session("s").append(SAID)
    assert (len(transport.seen), time.slept) == (1, [])
    error = refused.value
    assert (error.status, error.code, error.detail, error.retryable) == (status, "c", "No.", True)
    assert error.extra == {"minimum": 5}


@pytest.mark.parametrize("name", ["truncate", "fork", "compact"])
async def test_what_may_have_been_done_is_not_done_twice(name: str) -> None:
    async def call(client: Client) -> None:
        s = client.session("s")
        if name == "truncate":
            await s.truncate(1)
        elif name == "fork":
            await s.fork("t")
        else:
            await s.compact(force=True)

    for trouble in (LOST, refusal(503)):
        transport = Scripted([trouble])
        with pytest.raises(Unavailable):
            await call(Time().client(transport))
        assert len(transport.seen) == 1
    for trouble in (UNREACHED, refusal(429)):  # nothing was done: that may be tried again
        transport = Scripted([trouble, refusal(404)])
        with pytest.raises(NotFound):
            await call(Time().client(transport))
        assert len(transport.seen) == 2


async def test_a_delete_whose_answer_was_lost_is_done() -> None:
    await Time().client(Scripted([LOST, refusal(404)])).session("s").delete()
    with pytest.raises(NotFound):
        await Time().client(Scripted([UNREACHED, refusal(404)])).session("s").delete()


async def test_the_deadline_ends_it() -> None:
    time = Time()
    retry = Retry(deadline_s=10.0, attempts=1000, first_s=1.0, most_s=3.0)
    transport = Scripted([LOST])
    with pytest.raises(Unavailable) as gone:
        await time.client(transport, retry).session("s").get()
    assert time.slept == [1.0, 2.0, 3.0, 3.0]
    assert gone.value.code == "unreachable"
    assert transport.timeouts == [10.0, 9.0, 7.0, 4.0, 1.0]


async def test_attempts_end_it() -> None:
    transport = Scripted([UNREACHED])
    with pytest.raises(Unavailable):
        await Time().client(transport, Retry(attempts=3)).session("s").get()
    assert len(transport.seen) == 3


async def test_a_wait_that_the_service_asks_for_has_a_limit() -> None:
    time = Time()
    retry = Retry(deadline_s=100.0, retry_after_s=40.0)
    with pytest.raises(RateLimited):
        await time.client(Scripted([refusal(429, after=3600)]), retry).session("s").get()
    assert time.slept == [40.0, 40.0]


async def test_what_the_service_is_asked_to_wait_comes_on_top() -> None:
    transport = Scripted([refusal(404)])
    client = Time().client(transport, Retry(deadline_s=1000.0))
    for wait_ms in (None, 20_000):
        with pytest.raises(NotFound):
            await client.session("s").compact(**({} if wait_ms is None else {"wait_ms": wait_ms}))
    with pytest.raises(NotFound):
        await client.session("s").context(wait_ms=5_000)
    assert transport.timeouts == [40.0, 50.0, 35.0]


def test_pauses_double_and_differ() -> None:
    retry = Retry(first_s=1.0, most_s=8.0)
    assert [retry.pause_s(n, None, 1.0) for n in range(1, 6)] == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert [retry.pause_s(n, None, 0.0) for n in (1, 5, 5000)] == [0.5, 4.0, 4.0]
    assert retry.pause_s(1, 0.0, 1.0) == 1.0


async def test_errors_of_every_kind_come_back() -> None:
    async def raised(answer: Answer) -> MemsvcError:
        with pytest.raises(MemsvcError) as error:
            await Time().client(Scripted([answer]), Retry(attempts=1)).session("s").get()
        return error.value

    assert type(await raised(refusal(402))) is BudgetExceeded
    assert type(await raised(refusal(503, "summary_refused"))) is SummarizerError
    assert type(await raised(refusal(503, "store_busy"))) is Unavailable
    page = await raised(Answer(502, {}, b"<html>"))
    assert type(page) is Unavailable
    assert "502" in page.detail
    for strange in (Answer(301, {}, b""), Answer(200, {}, b"<html>"), Answer(200, {}, b"[]"), Answer(204, {}, b"")):
        assert (await raised(strange)).code == "unknown_answer"
    with pytest.raises(MemsvcError, match="none that this client knows"):
        await Time().client(Scripted([Answer(200, {}, b"{}")])).session("s").context()
    with pytest.raises(MemsvcError, match="none that this client knows"):
        await Time().client(Scripted([Answer(200, {}, b"{}")])).session("s").history()


# The same against a real server, whose answers get lost after it has done its work.


async def test_a_lost_answer_stores_nothing_twice(api: Api) -> None:
    async with Losing(api.port) as losing, Time().client(losing.url) as client:
        s = client.session("s")
        losing.lose = 3
        reply = await s.append(SAID, context="openai")
        assert (losing.lost, reply.seqs, reply.duplicate) == (3, [1], True)
        assert reply.context is not None
        assert len(reply.context.messages) == 1
        losing.lose = 1
        assert (await s.append(SAID, if_log_revision=1)).seqs == [2]
        assert len(await api.messages()) == 2


@pytest.mark.parametrize("torn", [False, True])
async def test_many_lost_answers_store_nothing_twice(api: Api, torn: bool) -> None:
    texts = [str(n) for n in range(40)]
    async with Losing(api.port) as losing, Time().client(losing.url) as client:
        s = client.session("s")
        losing.lose, losing.torn = 25, torn
        replies = await asyncio.gather(*(s.append({"role": "user", "content": text}) for text in texts))
        assert losing.lost == 25
        assert sorted(reply.seqs[0] for reply in replies) == list(range(1, 41))
        stored = {row.seq: row.message["content"] async for row in s.walk()}
        assert [stored[reply.seqs[0]] for reply in replies] == texts


async def test_every_call_that_may_survives_a_lost_answer(api: Api) -> None:
    async with Losing(api.port) as losing, Time().client(losing.url) as client:
        s = client.session("s")

        async def lost(answer: Any) -> Any:
            losing.lose = 1
            return await answer

        await lost(s.put(user="ann"))
        await lost(s.append([SAID, {"role": "assistant", "content": "x"}, SAID]))
        used = {"usage": {"input_tokens": 1, "output_tokens": 1}, "provider": "anthropic", "model": "claude-opus-5-5"}
        assert not (await lost(s.usage(id="m", **used))).booked  # the first try did
        assert (await client.spend()).total.calls == 1
        await lost(s.pin(1))
        await lost(s.unpin(1))
        await lost(s.redact(1))
        assert (await lost(s.get())).messages == 2
        assert (await lost(s.context())).messages
        assert not (await lost(s.compact())).changed
        await lost(s.delete())
        await lost(client.delete_user("ann"))
        assert losing.lost >= 11
        assert (await client.list_sessions()).sessions == []


async def test_an_edit_whose_answer_was_lost_is_not_repeated(api: Api) -> None:
    async with Losing(api.port) as losing, Time().client(losing.url) as client:
        s = client.session("s")
        await s.append([SAID, SAID])
        for edit in (s.truncate(1), s.fork("t")):
            losing.lose = 1
            with pytest.raises(Unavailable, match="lost") as lost:
                await edit
            assert lost.value.__cause__ is not None
        assert (await s.get()).messages == 1
        assert (await client.session("t").get()).messages == 1


async def test_nobody_at_home() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        time = Time()
        async with time.client(f"http://127.0.0.1:{taken.getsockname()[1]}", Retry(attempts=3)) as client:
            with pytest.raises(Unavailable, match="No connection"):
                await client.session("s").fork("t")  # nothing was sent, so even this may be tried again
        assert time.slept == [0.1, 0.2]


async def test_a_service_that_comes_back(memory: Memory) -> None:
    async with serving(memory) as api, Time().client(api.url) as client:
        await client.session("s").append(SAID)
    time = Time()
    async with serving(memory) as api, time.client(api.url) as client:
        assert (await client.session("s").get()).messages == 1


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://x", "http://", "http://x?y=1"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="needs an address"):
        Client(url)


async def test_keys_and_a_path_before(memory: Memory) -> None:
    async with serving(memory, keys={"a-key-of-sixteen-characters": "acme"}) as api:
        async with Client(api.url + "/", api_key="a-key-of-sixteen-characters") as client:
            await client.session("s").append(SAID)
            assert (await client.list_sessions()).sessions
        async with Client(api.url) as stranger:
            with pytest.raises(MemsvcError) as closed:
                await stranger.list_sessions()
        assert closed.value.status == 401
        async with Client(api.url + "/nowhere") as astray:
            with pytest.raises(NotFound) as lost:
                await astray.healthz()
        assert lost.value.code == "no_such_path"


def test_the_table_says_what_may_be_repeated() -> None:
    """A new POST must be thought about."""
    posts = {call.name for call in CALLS if call.method == "POST"}
    assert posts == {"append", "usage", "count", "compact", "truncate", "fork"}
