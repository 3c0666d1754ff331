"""Uses of the client that mypy must accept, and misuses that it must refuse. Never run: `make lint` reads it."""

from __future__ import annotations

from typing import assert_type

import memsvc
from memsvc.client import AppendReply, BlockingClient, Client, Context
from memsvc.wire.replies import HistoryItem, HistoryPage, SessionReply


async def turns(client: Client) -> None:
    """With `await`."""
    s = client.session("x")
    reply = await s.append({"role": "user", "content": "hi"}, ids=["a"], context="openai")
    assert_type(reply, AppendReply)
    assert_type(reply.context, Context | None)
    assert_type(await s.context("anthropic"), Context)
    async for row in s.walk():
        assert_type(row, HistoryItem)
    async for one in client.walk_sessions():
        assert_type(one, SessionReply)
    await s.append([], idz=["a"])  # type: ignore[call-arg]
    await s.context("fax")  # type: ignore[arg-type]
    await s.usage(id="x", provider="y", model="z")  # type: ignore[call-arg]
    await s.put(policy={"mode": "manual"}, user=None)


def blocking_turns(client: BlockingClient) -> None:
    """Without."""
    s = client.session("x")
    assert_type(s.append([{"role": "user", "content": "hi"}], at=[1.0]).seqs, list[int])
    assert_type(s.history(), HistoryPage)
    for row in s.walk(format="openai"):
        assert_type(row.seq, int)
    s.compact(forse=True)  # type: ignore[call-arg]


assert_type(memsvc.open("sqlite://", threshold_tokens=16_000), Client)
assert_type(memsvc.open_blocking("sqlite://"), BlockingClient)
