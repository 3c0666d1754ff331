"""Law 9: tenants cannot see each other: a key is (tenant, session), in every method."""

from __future__ import annotations

import inspect

import pytest
from msgspec.structs import replace

from memsvc.core.model import Key
from memsvc.errors import NotFound
from memsvc.service import Memory
from memsvc.service.requests import CompactRequest, ContextRequest, UsageRequest
from tests.service.audit import check
from tests.service.world import SMALL, chat, request, texts_of, user, world

WIDE = replace(SMALL, summary_tokens=300, threshold_tokens=900, max_tokens=20_000)
A, B, NOBODY = Key("acme", "chat"), Key("bolt", "chat"), Key("nobody", "chat")
CALL = UsageRequest({"input_tokens": 900, "output_tokens": 9}, "r1", "anthropic", "claude-haiku-4-5", revision=1)
KEYED = {
    "put", "get", "append", "append_and_context", "context", "history", "summaries", "compact", "truncate", "pin",
    "unpin", "pins", "delete", "usage", "redact", "search",
    "fork",
}  # fmt: skip
"""Every method that takes a key is tried below; a new one must be added here and there."""


def test_every_method_that_takes_a_key_is_tried() -> None:
    found = {n for n, m in inspect.getmembers(Memory, inspect.isfunction) if "key" in inspect.signature(m).parameters}
    assert {n for n in found if not n.startswith("_")} == KEYED


async def test_sessions_of_the_same_name_are_apart() -> None:
    async with world(policy=WIDE) as w:
        for key, tag in ((A, "a"), (B, "b")):
            await w.put(key, system=f"system of {tag}", metadata={"of": tag}, user="u")
            await w.append(*chat(12, tag=tag), key=key, idempotency_key="k", ids=tuple(f"m{i}" for i in range(24)))
        assert (await w.append(*chat(12, tag="b"), key=B, idempotency_key="k", ids=tuple(f"m{i}" for i in range(24))))[
            "duplicate"
        ]
        for key, tag, other in ((A, "a", "b"), (B, "b", "a")):
            assert (await w.memory.search(key, q=f"{tag}3q", limit=9))["matches"] == 1
            assert (await w.memory.search(key, q=f"{other}3q", limit=9))["matches"] == 0
        await w.compact(A, force=True)
        await w.memory.pin(A, 24)
        assert (await w.memory.get(A))["epoch"] == 1
        assert (await w.memory.get(B))["epoch"] == 0
        assert await w.summaries(B) == []
        assert await w.store.pins(B) == []
        for key, own, other in ((A, "a", "b"), (B, "b", "a")):
            said = texts_of(await w.context(key))
            assert f"system of {own}" in said
            assert f"system of {other}" not in said
            assert f'"{other}11q;' not in said
            assert all(str(r["message"]["content"]).startswith(own) for r in await w.history(key))
            listed = await w.memory.list_sessions(key.tenant, prefix="", user="u", after=None, limit=10)
            assert [s["metadata"] for s in listed["sessions"]] == [{"of": own}]


async def test_what_one_does_leaves_the_other_as_it_was() -> None:
    async with world(policy=WIDE) as w:
        raws = list(request(*chat(12)).messages)
        for key in (A, B):
            await w.append(*chat(12), key=key)
        before = await w.memory.get(B)
        first = await w.memory.context(B, ContextRequest())
        await w.memory.redact(A, 3)
        assert (await w.memory.fork(A, "fork", None))["session"] == "fork"
        await w.memory.truncate(A, 10)
        await w.put(A, system="new", policy={"max_tokens": 700})
        await w.append(user("more"), key=A)
        await w.memory.usage(A, CALL)
        await w.memory.pin(A, 1)
        assert (await w.memory.pins(A))["pins"]
        await w.memory.unpin(A, 1)
        await w.memory.compact(A, CompactRequest(force=True))
        await w.memory.delete(A)
        assert await w.memory.get(B) == before
        assert await w.memory.context(B, ContextRequest()) == first
        assert (await w.memory.usage(B, CALL))["booked"]
        await check(w, raws, B)


async def test_a_tenant_without_the_session_finds_none() -> None:
    async with world() as w:
        await w.append(*chat(2), key=A)
        m = w.memory
        asked = (
            lambda: m.get(NOBODY),
            lambda: m.context(NOBODY, ContextRequest()),
            lambda: m.context(NOBODY, ContextRequest("openai")),
            lambda: m.history(NOBODY, after=0, limit=10, format=None),
            lambda: m.summaries(NOBODY, after=0, limit=10),
            lambda: m.compact(NOBODY, CompactRequest()),
            lambda: m.truncate(NOBODY, 1),
            lambda: m.redact(NOBODY, 1),
            lambda: m.fork(NOBODY, "other", None),
            lambda: m.usage(NOBODY, CALL),
            lambda: m.pin(NOBODY, 1),
            lambda: m.unpin(NOBODY, 1),
            lambda: m.pins(NOBODY),
            lambda: m.delete(NOBODY),
        )
        for ask in asked:
            with pytest.raises(NotFound):
                await ask()
        found = await m.list_sessions("nobody", prefix="", user=None, after=None, limit=10)
        assert found == {"sessions": [], "next": None}


async def test_names_cannot_be_made_to_meet() -> None:
    pairs = [Key("a", "b:c"), Key("a:b", "c"), Key("a", "b/c"), Key("a/b", "c"), Key("A", "b:c"), Key("a ", "b:c")]
    async with world() as w:
        for i, key in enumerate(pairs):
            await w.append(user(f"mine is {i}"), key=key)
        for i, key in enumerate(pairs):
            assert [r["message"]["content"] for r in await w.history(key)] == [f"mine is {i}"]


async def test_a_cursor_of_another_tenant_shows_only_ones_own() -> None:
    async with world() as w:
        for i in range(4):
            await w.append(user("x"), key=Key("acme", f"a{i}"))
            await w.append(user("x"), key=Key("bolt", f"b{i}"))
        page = await w.memory.list_sessions("acme", prefix="", user=None, after=None, limit=2)
        found = await w.memory.list_sessions("bolt", prefix="", user=None, after=page["next"], limit=10)
        assert all(s["session"].startswith("b") for s in found["sessions"])


async def test_what_one_lets_go_of_stays_with_the_other() -> None:
    async with world() as w:
        for key in (A, B):
            await w.append(user("x"), key=key)
        w.clock.pass_(100)
        assert await w.memory.delete_inactive("acme", w.clock() - 50) == {"deleted": 1}
        assert [r["message"]["content"] for r in await w.history(B)] == ["x"]
        assert await w.memory.delete_inactive("nobody", w.clock()) == {"deleted": 0}
