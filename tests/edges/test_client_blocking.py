"""The client without `await`: same answers, several threads, a clean end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import memsvc
from memsvc.client import Answer, BlockingClient, NoAnswer, Request
from memsvc.errors import NotFound, Unavailable
from memsvc.service import Memory
from tests.edges.api import serving
from tests.edges.clients import threads

SAID = {"role": "user", "content": "hi"}


@pytest.fixture(scope="module")
def client() -> Iterator[BlockingClient]:
    with memsvc.open_blocking("sqlite://") as client:
        yield client


def test_a_conversation(client: BlockingClient) -> None:
    with client.session("talk/1") as s:
        s.put(system="Be brief.", user="ann")
        reply = s.append(SAID, context="openai")
        assert reply.context is not None
        assert [m["role"] for m in reply.context.request["messages"]] == ["system", "user"]
        s.append([{"role": "assistant", "content": "Yes?"}, SAID])
        context = s.context("openai")
        assert s.context("openai") is context
        assert [row.seq for row in s.walk(limit=2)] == [1, 2, 3]
        assert [row.seq for row in s.history(after=2).messages] == [3]
        assert s.search("hi").matches == 2
        assert s.pin(1).pinned
        assert [pin.seq for pin in s.pins().pins] == [1]
        s.unpin(1)
        assert not s.compact().changed
        assert s.summaries().summaries == []
        used = {"input_tokens": 1, "output_tokens": 1}
        assert s.usage(id="m", provider="anthropic", model="claude-opus-5-5", usage=used).booked
        assert s.fork("talk/2").messages == 3
        assert s.truncate(2).messages == 2
        assert s.redact(1).messages == 1
        assert s.get().user == "ann"
        s.delete()
        with pytest.raises(NotFound):
            s.get()


def test_the_tenants_calls(client: BlockingClient) -> None:
    for n in range(3):
        client.session(f"many{n}").put(user="bob")
    assert len([one.session for one in client.walk_sessions(prefix="many", limit=2)]) == 3
    assert len(client.list_sessions(user="bob", limit=2).sessions) == 2
    client.delete_user("bob")
    assert client.delete_inactive(0).deleted == 0
    assert client.count(SAID).tokens > 0
    assert client.spend().total is not None
    assert client.put_budgets([{"period": "month", "limit_usd": 1.0}]) == client.budgets()
    assert (client.healthz().status, client.readyz().status) == ("ok", "ready")
    assert client.openapi()["info"]


def test_several_threads(client: BlockingClient) -> None:
    s = client.session("threads")
    with ThreadPoolExecutor(8) as pool:
        seqs = list(pool.map(lambda n: s.append({"role": "user", "content": str(n)}).seqs[0], range(64)))
    assert sorted(seqs) == list(range(1, 65))
    assert sorted(int(row.message["content"]) for row in s.walk()) == list(range(64))


async def test_inside_a_running_loop_and_over_http(memory: Memory) -> None:
    async with serving(memory) as api:

        def talk() -> None:
            with BlockingClient(api.url) as client:
                assert client.session("s").append(SAID).seqs == [1]

        await asyncio.to_thread(talk)
    with memsvc.open_blocking("sqlite://") as client:  # blocks the loop, and works
        assert client.session("s").append(SAID).seqs == [1]


class Stuck:
    """Never answers."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.given_up = False

    async def open(self) -> None: ...

    async def send(self, request: Request, timeout_s: float) -> Answer:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.given_up = True
            raise
        raise NoAnswer("never", sent=True)

    async def close(self) -> None: ...


def test_the_end() -> None:
    before = threads()
    stuck = Stuck()
    client = BlockingClient(stuck)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.session("s").get)
        assert stuck.asked.wait(10)
        client.close()
        with pytest.raises(RuntimeError, match="closed"):
            waiting.result(10)
    assert stuck.given_up
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.session("s").get()
    assert threads() == before
    BlockingClient("http://127.0.0.1:1").close()  # nothing was ever opened


def test_what_cannot_be_opened_ends_too() -> None:
    before = threads()
    with pytest.raises(Unavailable), memsvc.open_blocking("sqlite:////nowhere/at/all.db"):
        pass
    assert threads() == before
