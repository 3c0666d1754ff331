"""Law 1: every live message is in the tail or covered by the current summary, whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from memsvc.core.model import TOMBSTONE
from memsvc.errors import CannotFit, NotFound
from memsvc.service.requests import AppendRequest
from tests.service.audit import check
from tests.service.world import KEY, Json, World, calls, chat, result, said, the_counter, user, words, world


@dataclass
class Play:
    """A conversation as it is made, and what was written of it."""

    w: World
    written: list[bytes] = field(default_factory=list)
    tags: int = 0

    def tag(self) -> str:
        self.tags += 1
        return f"t{self.tags}; "

    async def append(self, messages: list[Json], format: str, spaced: bool) -> None:
        raws = [json.dumps(m, indent=1 if spaced else None, ensure_ascii=spaced).encode() for m in messages]
        reply = await self.w.memory.append(KEY, AppendRequest(tuple(raws), format=format))  # type: ignore[arg-type]
        assert reply["seqs"] == list(range(len(self.written) + 1, len(self.written) + len(raws) + 1))
        self.written += raws


def openai_group(p: Play, shape: list[str], n: int) -> list[Json]:
    """A group of odd shape: results in any order, missing, repeated, with text between."""
    ids = ["a", "b", "a_1"][: 1 + n % 3]
    out = [calls(*ids, text=p.tag())]
    for step in shape:
        if step == "result":
            out.append(result(ids[len(out) % len(ids)], p.tag() + words(n)))
        elif step == "strange":
            out.append(result("nobody", p.tag()))
        elif step == "user":
            out.append(user(p.tag() + words(n)))
        else:
            out.append({"role": "system", "content": p.tag()})
    return out


def anthropic_group(p: Play, shape: list[str], n: int) -> list[Json]:
    """The same in the other format: results and text share messages."""
    ids = ["a", "b", "c"][: 1 + n % 3]
    use = [{"type": "tool_use", "id": i, "name": "run", "input": {"n": n}} for i in ids]
    out: list[Json] = [{"role": "assistant", "content": [{"type": "text", "text": p.tag()}, *use]}]
    blocks: list[Json] = []
    for i, step in enumerate(shape):
        if step in ("result", "strange"):
            name = ids[i % len(ids)] if step == "result" else "nobody"
            blocks.append({"type": "tool_result", "tool_use_id": name, "content": p.tag() + words(n)})
        elif step == "user":
            blocks.append({"type": "text", "text": p.tag() + words(n)})
        elif blocks:
            out.append({"role": "user", "content": blocks})
            blocks = []
    if blocks:
        out.append({"role": "user", "content": blocks})
    return out


def responses_group(p: Play, shape: list[str], n: int) -> list[Json]:
    """The same as items, some of it in replies that are several."""
    ids = ["a", "b", "c"][: 1 + n % 3]
    out: list[Json] = [{"type": "reasoning", "id": f"rs_{p.tags}", "summary": []}] * (n % 2)
    out.append({"role": "assistant", "content": p.tag()})
    out += [{"type": "function_call", "call_id": i, "name": "run", "arguments": json.dumps({"n": n})} for i in ids]
    for i, step in enumerate(shape):
        if step in ("result", "strange"):
            name = ids[i % len(ids)] if step == "result" else "nobody"
            out.append({"type": "function_call_output", "call_id": name, "output": p.tag() + words(n)})
        elif step == "user":
            out.append(user(p.tag() + words(n)))
        else:
            out += [{"type": "web_search_call", "status": "completed"}, said(p.tag())]
    return out


GROUPS = {"openai": openai_group, "anthropic": anthropic_group, "responses": responses_group}
SHAPE = st.lists(st.sampled_from(["result", "result", "result", "strange", "user", "cut"]), max_size=6)
STEP = st.one_of(
    st.tuples(st.just("chat"), st.integers(1, 4), st.integers(1, 120)),
    st.tuples(st.just("openai"), SHAPE, st.integers(1, 150)),
    st.tuples(st.just("anthropic"), SHAPE, st.integers(1, 150)),
    st.tuples(st.just("responses"), SHAPE, st.integers(1, 150)),
    st.tuples(st.just("work"), st.none(), st.none()),
    st.tuples(st.just("force"), st.integers(1, 200), st.none()),
    st.tuples(st.just("fetch"), st.none(), st.none()),
    st.tuples(st.just("truncate"), st.floats(0, 1), st.none()),
    st.tuples(st.just("race"), st.integers(1, 3), st.floats(0, 1)),
    st.tuples(st.just("redact"), st.floats(0, 1), st.none()),
    st.tuples(st.just("pin"), st.floats(0, 1), st.none()),
)


async def act(p: Play, kind: str, a: Any, b: Any) -> None:
    """One step of a conversation's life."""
    last = len(p.written)
    if kind == "chat":
        turns = [m for _ in range(a) for m in (user(p.tag() + words(b)), said(p.tag() + words(b)))]
        await p.append(turns, "openai" if b % 2 else "anthropic", b % 3 == 0)
    elif kind in GROUPS:
        await p.append(GROUPS[kind](p, a, b), kind, b % 2 == 0)
    elif kind == "work":
        await p.w.work()
    elif kind == "force" and last:
        await p.w.compact(force=True, keep_tokens=a)
    elif kind == "fetch" and last:
        await p.w.context()
    elif kind == "truncate" and last:
        await p.w.memory.truncate(KEY, round(a * last))
    elif kind == "redact" and last:
        seq = 1 + round(a * (last - 1))
        p.written[seq - 1] = TOMBSTONE
        await p.w.memory.redact(KEY, seq)
    elif kind == "pin" and last:
        await p.w.memory.pin(KEY, 1 + round(a * (last - 1)))
    elif kind == "race" and last:
        more = [user(p.tag()) for _ in range(a)]
        await asyncio.gather(
            p.append(more, "openai", False),
            p.w.work(),
            p.w.compact(force=True, keep_tokens=1),
            p.w.memory.truncate(KEY, round(b * last)),
            return_exceptions=False,
        )


@settings(max_examples=60)
@given(st.lists(STEP, min_size=1, max_size=12))
def test_every_live_message_is_in_the_tail_or_in_the_summary(steps: list[tuple[str, Any, Any]]) -> None:
    async def play() -> None:
        async with world() as w:
            p = Play(w)
            for kind, a, b in steps:
                with contextlib.suppress(CannotFit, NotFound):  # said, and nothing lost: see below
                    await act(p, kind, a, b)
                if p.written:
                    await w.put(policy={"max_tokens": 1_000_000})  # the check fetches, and must not be refused
                    await check(w, p.written)
                    await w.put(policy={"max_tokens": None})

    the_counter()
    asyncio.run(play())


async def test_a_compaction_moves_a_pointer_and_deletes_nothing() -> None:
    async with world() as w:
        p = Play(w)
        await p.append(chat(12), "openai", False)
        before = await w.history()
        await w.work()
        after = await w.history()
        assert (await w.memory.get(KEY))["cut"]
        plain = [{k: v for k, v in r.items() if k != "compacted"} for r in after]
        assert plain == [{k: v for k, v in r.items() if k != "compacted"} for r in before]
        await check(w, p.written)


async def test_summaries_are_contiguous_over_many_epochs() -> None:
    async with world() as w:
        p = Play(w)
        for i in range(12):
            await p.append(chat(6, tag=f"r{i}x"), "openai", False)
            await w.work()
        found = await w.summaries()
        assert len(found) > 5
        assert found[0]["from"] == 1
        assert [s["from"] for s in found[1:]] == [s["to"] + 1 for s in found[:-1]]
        await check(w, p.written)


async def test_after_an_edit_into_the_summary_the_messages_are_verbatim_again() -> None:
    async with world() as w:
        p = Play(w)
        for i in range(4):
            await p.append(chat(6, tag=f"r{i}x"), "openai", False)
            await w.work()
        found = await w.summaries()
        edge = found[-1]["to"] - 1
        document = await w.memory.truncate(KEY, edge)
        assert document["cut"] == found[-2]["to"]
        assert document["epoch"] == found[-1]["epoch"] + 1
        await check(w, p.written)
        await p.append([user("t999; another way")], "openai", False)
        await check(w, p.written)
        assert (await w.history())[-1]["seq"] == len(p.written)
