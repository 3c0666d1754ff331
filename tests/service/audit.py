"""What must hold of a session at any time, looked at from outside."""

from __future__ import annotations

import json
import re

import orjson

from memsvc.core.flatten import said
from memsvc.core.model import Key
from memsvc.core.render import decode_entry
from memsvc.core.turns import speaks
from memsvc.service.requests import ContextRequest
from tests.service.world import KEY, Json, World, texts_of

TAG = re.compile(r"\b[a-z]+[0-9]+;")
"""Texts of messages begin with a tag, so that a look for it tells whether they are there."""


async def check_log(world: World, written: list[bytes], key: Key = KEY) -> list[Json]:
    """History gives back what was written, byte for byte, numbered from 1; its rows."""
    rows = await world.history(key)
    assert [r["seq"] for r in rows] == list(range(1, len(rows) + 1))
    body = await world.memory.history(key, after=0, limit=len(rows) + 1, format=None)
    assert b",".join(b'"message":' + raw for raw in written).count(b'"message":') == len(rows)
    for raw in written:
        assert raw in body
    entries = await world.store.entries(key, after=0, limit=len(rows) + 1)
    assert [e.raw for e in entries] == written
    return rows


async def check_coverage(world: World, key: Key = KEY) -> None:
    """Every live message stands in the tail, or at or below the cut of the current summary (law 1)."""
    session = await world.memory.get(key)
    cut = session["cut"] or 0
    rows = await world.history(key)
    live = [r for r in rows if not r["superseded"]]
    window = await world.store.load(key)
    assert [e.seq for e in window.entries] == [r["seq"] for r in live if r["seq"] > cut]
    assert [r["seq"] for r in live if r["compacted"]] == [r["seq"] for r in live if r["seq"] <= cut]
    assert session["messages"] == len(live)
    assert session["tokens"]["tail"] == sum(r["tokens"] for r in live if r["seq"] > cut)
    await check_chain(world, key)


async def check_chain(world: World, key: Key = KEY) -> None:
    """The summaries behind the current one are contiguous from the first message."""
    session = await world.memory.get(key)
    summaries = await world.summaries(key)
    epochs = [s["epoch"] for s in summaries]
    assert epochs == sorted(set(epochs))
    assert all(e <= session["epoch"] for e in epochs)
    current = [s for s in summaries if s["current"]]
    assert len(current) == (1 if session["cut"] else 0)
    if not current:
        return
    assert current[0]["to"] == session["cut"]
    assert current[0]["tokens"] == session["tokens"]["summary"]
    step = current[0]
    while step["from"] > 1:
        earlier = [s for s in summaries if s["epoch"] < step["epoch"] and s["to"] == step["from"] - 1]
        assert earlier, f"nothing ends before {step['from']}"
        step = earlier[-1]
    assert step["from"] == 1


async def check_context(world: World, key: Key = KEY, format: str | None = None) -> Json:
    """The context says what the header says, and every text of the tail stands in it."""
    rendered = await world.memory.context(key, ContextRequest(format))  # type: ignore[arg-type]
    context: Json = json.loads(rendered.body)
    session = await world.memory.get(key)
    for name in ("epoch", "revision", "log_revision", "tokens"):
        assert context[name] == session[name], name
    cut = session["cut"]
    assert context["covers"] == ({"from": 1, "to": cut} if cut else None)
    window = await world.store.load(key)
    shown = texts_of(context)
    if window.summary is not None:
        assert orjson.dumps(window.summary.text).decode()[1:-1] in rendered.body.decode()
    for entry in window.entries:
        for tag in TAG.findall(entry.raw.decode()):
            assert tag in shown, f"seq {entry.seq} ({tag}) is not in the context"
    await check_request(world, key, shown)
    return context


async def check_request(world: World, key: Key, shown: str) -> None:
    """What the user asked last stands in the context: verbatim, or quoted from its beginning."""
    entries = await world.store.entries(key, after=0, limit=100_000)
    if any(e.superseded for e in entries):
        return  # after an edit the summary may be from a time when more was there
    spoken = [e for e in entries if speaks(decode_entry(e))]
    tags = TAG.findall(said(spoken[-1]).text) if spoken else []
    assert not tags or tags[0] in shown, f"the request of seq {spoken[-1].seq} is not in the context"


async def check(world: World, written: list[bytes], key: Key = KEY) -> None:
    """All of it."""
    await check_log(world, written, key)
    await check_coverage(world, key)
    live = [r["message"] for r in await world.history(key) if not r["superseded"]]
    if any(m.get("type") != "reasoning" for m in live):  # an edit may leave nothing else: there is nothing to send
        await check_context(world, key, "openai")
        await check_context(world, key, "anthropic")
        await check_context(world, key, "responses")
        await check_coverage(world, key)  # a fetch may have compacted
