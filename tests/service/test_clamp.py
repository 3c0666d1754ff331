"""Tool outputs that are shown cut: contexts get smaller, the log keeps every byte, no cache is broken."""

from __future__ import annotations

from msgspec.structs import replace

from memsvc.core.asking import Reply, SummaryRequest
from tests.service.world import (
    KEY,
    SMALL,
    Json,
    Saying,
    build,
    calls,
    chat,
    result,
    texts_of,
    user,
    words,
    world,
)

LONG = words(6_000, "out")
POLICY = replace(SMALL, threshold_tokens=100_000, max_tokens=150_000)


def step(n: int) -> list[Json]:
    return [calls(f"c{n}"), result(f"c{n}", f"{n} {LONG}")]


async def test_the_context_shows_less_and_the_log_has_all() -> None:
    async with world(policy=replace(POLICY, tool_output_tokens=500)) as w:
        plain = await w.append(user("run it"), *step(1), format="openai")
        context = await w.context()
        shown = context["messages"][-1]["content"]
        assert len(shown) < 2_200
        assert "bytes of this output omitted, seq 3]" in shown
        assert (await w.history())[2]["message"]["content"] == f"1 {LONG}"
        assert context["tokens"]["context"] < 1_500
        assert plain["tokens"] < 1_500, "it is counted as it is shown"
        other = await w.context(format="anthropic")
        assert "omitted, seq 3]" in texts_of(other)
        assert LONG not in texts_of(other)


async def test_a_limit_that_is_set_later_changes_nothing_that_was_shown() -> None:
    async with world(policy=POLICY) as w:
        await w.append(user("run it"), *step(1))
        before = await w.context()
        await w.put(policy={"tool_output_tokens": 500})
        assert texts_of(await w.context()) == texts_of(before)
        await w.append(*step(2), format="openai")
        after = await w.context()
        assert after["messages"][:3] == before["messages"]
        assert len(after["messages"][-1]["content"]) < 2_200
        await w.put(policy={"tool_output_tokens": None})
        await w.append(*step(3))
        last = await w.context()
        assert last["messages"][:5] == after["messages"]
        assert last["messages"][-1]["content"] == f"3 {LONG}"
        assert last["stable_prefix"]["messages"] == 7


async def test_another_process_shows_the_same_and_a_fork_too() -> None:
    async with world(policy=replace(POLICY, tool_output_tokens=500)) as w:
        await w.append(user("run it"), *step(1), user("and now?"))
        here = await w.context()
        there = build(w.store, policy=POLICY, clock=w.clock)
        assert await there.context() == here
        await w.memory.fork(KEY, "copy", None)
        copied = await w.context(replace(KEY, session="copy"))
        assert copied["messages"] == here["messages"]


class Seeing(Saying):
    """A summarizer that keeps what it was shown."""

    async def summarize(self, request: SummaryRequest) -> Reply:
        self.shown = request.entries
        return await super().summarize(request)


async def test_a_summary_is_made_of_what_was_said() -> None:
    writer = Seeing("[1 user] asked to look it up, and the answer was found at once in the output.")
    async with world(policy=replace(POLICY, tool_output_tokens=100, keep_tokens=50), summarizers=[writer]) as w:
        await w.append(user("look it up"), calls("c"), result("c", LONG), *chat(6))
        assert LONG not in texts_of(await w.context())
        await w.compact(force=True)
        assert LONG in writer.shown[2].raw.decode()
