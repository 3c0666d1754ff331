"""Lines: clients that know nothing of the service send what they hold, and it is stored once, each in its own line."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memsvc.core.alike import SIZE, fingerprint
from memsvc.core.model import Format, Key
from memsvc.core.resend import Mode
from memsvc.errors import InvalidRequest, MemsvcError, NotFound
from memsvc.ports import Store
from memsvc.service.lines import Lines, Taken
from memsvc.service.requests import UsageRequest
from tests.faults.test_crash_at_every_await import Dies, Faulty
from tests.service.world import KEY, World, build, said, the_counter, user, world

Json = dict[str, Any]


def raw(messages: Sequence[Json]) -> list[bytes]:
    return [json.dumps(m).encode() for m in messages]


class Client:
    """A program with a conversation of its own, that sends all of it each time."""

    def __init__(self, w: World, lines: Lines, key: Key = KEY, format: Format = "openai") -> None:
        self.w, self.lines, self.key, self.format = w, lines, key, format
        self.said: list[Json] = []

    async def take(self, *more: Json, mode: Mode = "auto") -> Taken:
        self.said += more
        return await self.lines.take(self.key, self.format, raw(self.said), mode=mode)

    async def ask(self, text: str, answer: str, mode: Mode = "auto") -> Taken:
        taken = await self.take(user(text), mode=mode)
        with self.lines.flying(taken.key):
            await self.lines.reply(taken, self.format, raw([said(answer)]))
        self.said.append(said(answer))
        return taken


async def live(w: World, key: Key = KEY) -> list[Json]:
    return [row["message"] for row in await w.history(key) if not row["superseded"]]


async def all_of(w: World, key: Key = KEY) -> list[Json]:
    return [row["message"] for row in await w.history(key)]


def branch(number: int) -> Key:
    return Key(KEY.tenant, f"{KEY.session}~{number}")


async def test_a_conversation_is_stored_once() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        client = Client(w, lines)
        kinds = [(await client.ask(f"q{i}", f"a{i}")).kind for i in range(8)]
        assert kinds == ["new", *["resent"] * 7]
        assert await all_of(w) == client.said
        again = await client.take()
        assert (again.kind, again.appended, again.truncated, again.last_seq) == ("nothing", 0, 0, 16)
        assert again.session is not None
        assert again.log_revision == again.session.log_revision == 16


async def test_what_a_request_is_told() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        first = await lines.take(KEY, "openai", raw([user("a"), said("b"), user("c")]))
        assert (first.key, first.kind, first.kept, first.appended, first.truncated) == (KEY, "new", 0, 3, 0)
        assert (first.last_seq, first.log_revision, first.session, first.branched) == (3, 1, None, False)
        edited = await lines.take(KEY, "openai", raw([user("a"), said("b"), user("d"), user("e")]))
        assert (edited.kind, edited.kept, edited.appended, edited.truncated) == ("edited", 2, 2, 1)
        assert (edited.last_seq, edited.log_revision) == (5, 3)
        assert edited.session is not None
        assert edited.session.messages == 3


@pytest.mark.parametrize("another_process", [False, True])
async def test_edits_and_other_answers(another_process: bool) -> None:
    async with world() as w:
        client = Client(w, Lines(w.memory, w.store))
        for i in range(3):
            await client.ask(f"q{i}", f"a{i}")
        if another_process:
            client.lines = Lines(w.memory, w.store)
        del client.said[-1:]
        assert (await client.take()).kind == "regenerated"
        client.lines = Lines(w.memory, w.store) if another_process else client.lines
        taken = await client.take()
        assert taken.kind == "nothing"
        await client.lines.reply(taken, "openai", raw([said("other")]))
        client.said.append(said("other"))
        client.said[2:] = []
        assert (await client.ask("edited", "so")).truncated == 4
        assert await live(w) == client.said == [user("q0"), said("a0"), user("edited"), said("so")]
        assert [m["content"] for m in await all_of(w)] == [
            "q0",
            "a0",
            "q1",
            "a1",
            "q2",
            "a2",
            "other",
            "edited",
            "so",
        ]


async def test_two_clients_on_one_name() -> None:
    """The second one begins like the first; from where they part each has a line of its own, found again by all."""
    async with world() as w:
        lines = Lines(w.memory, w.store)
        one, two = Client(w, lines), Client(w, lines)
        await one.ask("hi", "hello")
        await one.ask("q1", "a1")
        two.said = list(one.said[:2])
        assert (await two.ask("q2", "a2")).kind == "edited"
        assert await live(w) == two.said
        taken = await one.ask("q3", "a3")
        assert (taken.key, taken.branched) == (branch(2), True)
        for i in range(4):
            assert (await two.ask(f"t{i}", f"u{i}")).key == KEY
            if i == 1:
                lines = one.lines = two.lines = Lines(w.memory, w.store)
            found = await one.ask(f"v{i}", f"w{i}")
            assert (found.key, found.branched, found.truncated) == (branch(2), False, 0)
        assert await live(w) == two.said
        assert await live(w, branch(2)) == one.said
        assert await lines.branches(KEY) == [branch(2)]
        del one.said[-3:]
        assert (await one.ask("edited", "so")).key == branch(2)
        three = Client(w, lines)
        three.said = [*two.said[:2], user("x"), said("y")]
        assert (await three.ask("z", "z")).key == KEY  # it holds nothing that anybody was seen to hold: an edit
        assert (await two.ask("and?", "and!")).key == branch(3)
        assert await live(w) == three.said
        assert await live(w, branch(3)) == two.said
        assert await live(w, branch(2)) == one.said


async def test_a_chat_that_begins_alike_while_another_goes_on() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        one, two = Client(w, lines), Client(w, lines)
        await one.ask("hi", "hello")
        await one.ask("q1", "a1")
        await two.ask("hi", "good day")
        await two.ask("q2", "a2")
        await one.ask("q3", "a3")
        await two.ask("q4", "a4")
        assert await live(w) == two.said
        assert await live(w, branch(2)) == one.said


async def test_another_conversation_under_the_same_name() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        one, two = Client(w, lines), Client(w, lines)
        await one.ask("q", "a")
        two.said = [user("x"), said("y")]
        await two.ask("z", "z")
        assert await live(w) == two.said
        assert (await one.ask("q2", "a2")).key == branch(2)
        assert await live(w, branch(2)) == one.said


async def test_nothing_is_cut_off_from_a_call_in_flight() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        one = Client(w, lines)
        await one.ask("q0", "a0")
        taken = await one.take(user("q1"))
        with lines.flying(taken.key):
            assert (await one.take()).kind == "nothing"  # the same request again, by an impatient SDK
            two = Client(w, lines)
            two.said = one.said[:2]
            other = await two.take(user("edited"))
            assert (other.key, other.branched, other.kind) == (branch(2), True, "edited")
            assert (await two.take()).key == branch(2)
            await lines.reply(other, "openai", raw([said("e")]))
            await lines.reply(taken, "openai", raw([said("a1")]))
        assert await live(w) == [*one.said, said("a1")]
        assert await live(w, branch(2)) == [*two.said, said("e")]
        assert not lines._flying
        one.said = [*one.said[:2]]
        assert (await one.take(user("q2"))).key == KEY  # nobody waits any more: an edit


async def test_a_second_attempt_is_answered_too() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        client = Client(w, lines)
        await client.ask("q0", "a0")
        first = await client.take(user("q1"))
        second = await client.take()
        await lines.reply(first, "openai", raw([said("one")]))
        late = await lines.reply(second, "openai", raw([said("two")]))
        assert (late.kind, late.truncated) == ("regenerated", 1)
        assert (await lines.reply(second, "openai", raw([said("two")]))).kind == "nothing"
        client.said.append(said("two"))
        await client.ask("q2", "a2")
        assert await live(w) == client.said
        assert [m["content"] for m in await all_of(w)] == ["q0", "a0", "q1", "one", "two", "q2", "a2"]


async def test_a_late_answer_does_not_take_the_place_of_the_one_that_the_client_has() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        client = Client(w, lines)
        await client.ask("q0", "a0")
        slow = await client.take(user("q1"))
        hung_up = await client.take()
        await client.take()
        taken = await client.take()
        await lines.reply(taken, "openai", raw([said("a1")]))
        client.said.append(said("a1"))
        rest = await lines.reply(hung_up, "openai", raw([{**said("a"), "stop_reason": "incomplete"}]))
        assert (rest.kind, rest.key, rest.appended) == ("nothing", KEY, 0)
        late = await lines.reply(slow, "openai", raw([said("late")]))
        assert (late.key, late.branched) == (branch(2), True)
        assert (await client.ask("q2", "a2")).key == KEY
        assert await all_of(w) == client.said
        assert await live(w, branch(2)) == [user("q0"), said("a0"), user("q1"), said("late")]


@pytest.mark.parametrize("another_process", [False, True])
async def test_a_window_goes_on_in_the_line_that_has_more_of_it(another_process: bool) -> None:
    """The end of the main line is in it, but so is what only a branch has."""
    async with world() as w:
        lines = Lines(w.memory, w.store)
        one, two = Client(w, lines), Client(w, lines)
        for i in range(3):
            await one.ask(f"q{i}", f"a{i}")
        two.said = list(one.said)
        taken = await one.take(user("q3"))
        with lines.flying(taken.key):
            assert (await two.ask("other", "so")).key == branch(2)
        await w.memory.truncate(KEY, 6)
        lines = Lines(w.memory, w.store) if another_process else lines
        window = [*two.said[-4:], user("and")]
        assert (await lines.take(KEY, "openai", raw(window))).key == branch(2)
        assert await live(w, branch(2)) == [*two.said, user("and")]
        assert await live(w) == one.said[:6]


async def test_the_same_answer_twice_is_stored_once() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        taken = await lines.take(KEY, "openai", raw([user("q")]))
        answer = raw([{**said("a"), "refusal": None}])
        assert (await lines.reply(taken, "openai", answer)).appended == 1
        assert (await lines.reply(taken, "openai", raw([said("a")]))).kind == "nothing"
        assert len(await all_of(w)) == 2


@pytest.mark.parametrize("mode", ["auto", "new"])
async def test_an_answer_to_what_was_cut_off_meanwhile(mode: Mode) -> None:
    """Another process knew nothing of the call in flight."""
    async with world() as w:
        here, there = Lines(w.memory, w.store), Lines(w.memory, w.store)
        one = Client(w, here)
        await one.ask("q0", "a0")
        sent = [*one.said, user("q1")] if mode == "auto" else [user("q1")]
        taken = await here.take(KEY, "openai", raw(sent), mode=mode)
        with here.flying(taken.key):
            two = Client(w, there)
            two.said = list(one.said)
            await two.ask("q2", "a2")
            stored = await here.reply(taken, "openai", raw([said("a1")]))
        assert (stored.key, stored.branched) == (branch(2), True)
        assert await live(w, branch(2)) == [*one.said, user("q1"), said("a1")]
        assert await live(w) == two.said
        one.said += [user("q1"), said("a1")]
        assert (await one.ask("q3", "a3")).key == branch(2)


async def test_an_answer_that_the_line_went_on_without() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        client = Client(w, lines)
        taken = await client.take(user("q0"))
        await client.ask("q1", "a1")  # given up by the client, which asks again
        late = await lines.reply(taken, "openai", raw([said("a0")]))
        assert (late.key, late.branched) == (branch(2), True)
        assert await live(w) == client.said
        assert await live(w, branch(2)) == [user("q0"), said("a0")]
        await w.memory.delete(KEY)
        with pytest.raises(NotFound):
            await lines.reply(taken, "openai", raw([said("a0")]))


async def test_requests_that_race() -> None:
    async with world() as w:
        several = [Lines(w.memory, w.store) for _ in range(3)]
        client = Client(w, several[0])
        await client.ask("q0", "a0")
        same = raw([*client.said, user("q1")])
        took = await asyncio.gather(*(several[i % 3].take(KEY, "openai", same) for i in range(9)))
        assert sum(t.appended for t in took) == 1
        assert {t.key for t in took} == {KEY}
        assert await live(w) == [*client.said, user("q1")]
        new = [raw([user(f"n{i}")]) for i in range(9)]
        await asyncio.gather(*(several[i % 3].take(KEY, "openai", m, mode="new") for i, m in enumerate(new)))
        assert len(await live(w)) == 12
        forks = [raw([*client.said, user("q1"), said("mine"), user(f"m{i}")]) for i in range(6)]
        took = await asyncio.gather(*(several[i % 3].take(KEY, "openai", m) for i, m in enumerate(forks)))
        everything = [m for key in (KEY, *await several[0].branches(KEY)) for m in await all_of(w, key)]
        assert all(user(f"m{i}") in everything for i in range(6))


async def test_an_append_that_comes_in_between() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        client = Client(w, lines)
        await client.ask("q0", "a0")
        await client.ask("q1", "a1")
        real = w.memory.truncate
        sneaked: list[int] = []

        async def truncate(key: Key, after_seq: int, *, if_log_revision: int | None = None, quiet: bool) -> Json:
            if not sneaked:
                sneaked.append(1)
                await w.append(user("in between"))
            return await real(key, after_seq, if_log_revision=if_log_revision, quiet=quiet)

        lines._memory = _Between(w, truncate)  # type: ignore[assignment]
        taken = await lines.take(KEY, "openai", raw([*client.said[:2], user("edited")]))
        assert (taken.kind, taken.truncated) == ("edited", 3)
        assert await live(w) == [*client.said[:2], user("edited")]


class _Between:
    """A memory where somebody else writes before a truncation."""

    def __init__(self, w: World, truncate: Any) -> None:
        self._memory, self.truncate = w.memory, truncate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._memory, name)


async def test_a_list_that_is_not_valid_changes_nothing() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        await Client(w, lines).ask("q0", "a0")
        with pytest.raises(InvalidRequest) as caught:
            await lines.take(KEY, "openai", raw([user("q0"), user("x"), {"role": "nobody", "content": "y"}]))
        assert caught.value.extra["field"] == "messages[2].role"
        assert await live(w) == [user("q0"), said("a0")]


async def test_other_questions_of_the_same_program() -> None:
    """While a tool runs, or before it has an answer, a program asks something else under the same name."""
    async with world() as w:
        lines = Lines(w.memory, w.store)
        main, helper = Client(w, lines), Client(w, lines)
        taken = await main.take(user("do it"))
        call: Json = {**said("see"), "tool_calls": [FUNCTION]}
        await lines.reply(taken, "openai", raw([call]))
        main.said.append(call)
        for i in range(2):
            assert (await helper.ask(f"part {i}", f"done {i}")).key == branch(2)
        main.said.append({"role": "tool", "tool_call_id": "c1", "content": "1"})
        assert (await main.ask("and?", "all")).key == KEY
        for i in range(8):
            taken = await main.take(user(f"q{i}"))
            assert (taken.key, taken.truncated) == (KEY, 0)
            with lines.flying(KEY):
                title = await Client(w, lines).ask(f"a title for {i}", "t")
                assert (title.key, title.kind, title.branched) == (branch(3 + i), "edited", True)
                await lines.reply(taken, "openai", raw([said(f"a{i}")]))
            main.said.append(said(f"a{i}"))
            if i == 4:
                main.lines = helper.lines = lines = Lines(w.memory, w.store)
                assert (await main.take()).kind == "nothing"
        assert (await helper.ask("more", "so")).key == branch(2)
        assert await live(w) == main.said
        assert await live(w, branch(2)) == helper.said
        found = await lines.branches(KEY)
        assert (found[0], len(found)) == (branch(2), 9)  # a conversation before single questions


async def test_a_title_that_is_wanted_in_between() -> None:
    """It cannot be told from what is new, and goes with the next request of who had it in his way."""
    async with world() as w:
        lines = Lines(w.memory, w.store)
        main = Client(w, lines)
        await main.ask("q0", "a0")
        assert (await Client(w, lines).ask("a title", "t")).kind == "new"
        assert (await main.ask("q1", "a1")).truncated == 2
        assert await live(w) == main.said
        assert await lines.branches(KEY) == []


async def test_a_program_that_resent_and_now_sends_what_is_new() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        client = Client(w, lines)
        await client.ask("hi", "hello")
        await client.ask("q1", "a1")
        for text in ("q2", "hi"):
            client.said += [user(text), said("so")]
            taken = await lines.take(KEY, "openai", raw([user(text)]))
            assert taken.kind == "new"
            await lines.reply(taken, "openai", raw([said("so")]))
        assert await live(w) == client.said


async def test_what_is_kept_in_memory_is_never_taken_for_the_log() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        client = Client(w, lines)
        await client.ask("q0", "a0")
        await w.memory.delete(KEY)
        other = Client(w, Lines(w.memory, w.store))
        await other.ask("x0", "y0")  # as long, and as many revisions
        client.said = [user("x0"), said("y0")]
        assert (await client.ask("x1", "y1")).kind == "resent"
        line = await lines._known.get(KEY)
        line.prints[-1], line.tokens = b"a" * SIZE, (line.tokens or 0) + 1  # as if the engine had forgotten a write
        assert (await client.ask("x2", "y2")).truncated == 0
        assert await live(w) == client.said


async def test_the_same_bytes_in_another_format() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        sent = raw([user("q"), said("a"), {"role": "user", "content": [{"type": "input_text", "text": "hi"}]}])
        await lines.take(KEY, "responses", sent)
        assert (await lines.take(KEY, "responses", sent)).kind == "nothing"
        assert (await lines.take(KEY, "openai", sent)).kind == "edited"  # a part that Chat Completions does not know


async def test_sessions_with_names_like_branches_are_left_alone() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        one, two = Client(w, lines), Client(w, lines)
        await w.append(user("q0"), said("a0"), user("mine"), key=branch(2))
        await w.put(key=branch(4), metadata={"memsvc_branch": {"of": "s"}})
        await one.ask("q0", "a0")
        await w.put(metadata={"mine": 1})
        await one.ask("q1", "a1")
        two.said = one.said[:2]
        await two.ask("q2", "a2")
        taken = await one.ask("q3", "a3")
        assert (taken.key, taken.branched) == (branch(3), True)
        document = await w.memory.get(branch(3))
        assert document["metadata"]["mine"] == 1
        assert document["metadata"]["memsvc_branch"]["of"] == "s"
        await w.memory.fork(branch(3), "s~5", None)
        assert await lines.branches(KEY) == [branch(3)]
        before = await all_of(w, branch(2))
        await w.memory.delete(KEY)
        await w.append(user("q0"), said("a0"), user("new"))
        w.clock.pass_(1)
        await w.memory.delete(KEY)
        await w.append(user("q0"), said("a0"), user("new"))
        assert await lines.branches(KEY) == []
        assert (await one.ask("q4", "a4")).key == KEY
        assert await all_of(w, branch(2)) == before


async def test_a_long_name() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        key, near = Key("default", "n" * 199 + "1"), Key("default", "n" * 199 + "2")
        one, two, other = Client(w, lines, key), Client(w, lines, key), Client(w, lines, near)
        await one.ask("q0", "a0")
        await one.ask("q1", "a1")
        two.said = one.said[:2]
        other.said = list(one.said)
        await two.ask("q2", "a2")
        taken = await one.ask("q3", "a3")
        assert taken.branched
        assert len(taken.key.session) < 200
        assert (await one.ask("q4", "a4")).key == taken.key
        await other.ask("q5", "a5")
        assert await lines.branches(near) == []


REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}


def call_item(call_id: str) -> Json:
    return {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": "run", "arguments": '{"n":1}'}


def output(call_id: str, text: str) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


async def test_items_of_the_responses_api() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        taken = await lines.take(KEY, "responses", raw([user("q")]))
        await lines.reply(taken, "responses", raw([REASONING, call_item("c1"), call_item("c2")]))
        bare = [{k: v for k, v in call_item(c).items() if k != "id"} for c in ("c1", "c2")]
        held = [user("q"), *bare, output("c1", "1"), output("c2", "2")]
        taken = await lines.take(KEY, "responses", raw(held))
        assert (taken.kind, taken.appended, taken.truncated) == ("resent", 2, 0)
        answer = {"type": "message", "role": "assistant", "id": "m", "content": [{"type": "output_text", "text": "ok"}]}
        await lines.reply(taken, "responses", raw([{**REASONING, "id": "rs_2"}, answer]))
        held = [user("q"), REASONING, *held[1:], said("ok"), user("q2")]
        taken = await lines.take(KEY, "responses", raw(held))
        assert (taken.kind, taken.appended) == ("resent", 1)
        assert len(await all_of(w)) == 9
        retried = await lines.take(KEY, "responses", raw(held[:-2]))
        assert (retried.kind, retried.truncated) == ("edited", 3)  # the reasoning before the answer goes with it


async def test_formats_may_change_on_the_way() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        uses = [{"type": "tool_use", "id": c, "name": "run", "input": {"n": 1}} for c in ("c1", "c2")]
        results = [{"type": "tool_result", "tool_use_id": c, "content": c} for c in ("c1", "c2")]
        await lines.take(
            KEY,
            "anthropic",
            raw([user("q"), {"role": "assistant", "content": [{"type": "text", "text": "see"}, *uses]}]),
        )
        await lines.take(KEY, "anthropic", raw([{"role": "user", "content": results}]))
        calls = [
            {"id": c, "type": "function", "function": {"name": "run", "arguments": '{"n": 1}'}} for c in ("c1", "c2")
        ]
        chat = [user("q"), {**said("see"), "tool_calls": calls}]
        chat += [{"role": "tool", "tool_call_id": c, "content": c} for c in ("c1", "c2")]
        taken = await lines.take(KEY, "openai", raw(chat))
        assert (taken.kind, taken.kept) == ("nothing", 4)
        await lines.reply(taken, "openai", raw([said("done")]))
        items = [user("q"), said("see"), call_item("c1"), call_item("c2"), output("c1", "c1"), output("c2", "c2")]
        taken = await lines.take(KEY, "responses", raw([*items, said("done"), user("q2")]))
        assert (taken.kind, taken.appended, taken.truncated) == ("resent", 1, 0)
        assert len(await all_of(w)) == 5


async def test_only_what_is_new() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        expected: list[Json] = []
        for i in range(4):
            taken = await lines.take(KEY, "openai", raw([user("again")]), mode="new")
            assert (await lines.take(KEY, "openai", raw([user("again")]), mode="new")).kind == "nothing"
            await lines.reply(taken, "openai", raw([said(f"a{i}")]))
            expected += [user("again"), said(f"a{i}")]
        assert await all_of(w) == expected


async def test_what_was_redacted_does_not_come_back() -> None:
    async with world() as w:
        for lines in (Lines(w.memory, w.store), None):
            lines = lines or Lines(w.memory, w.store)
            client = Client(w, lines)
            client.said = [user("q0"), said("a0"), user("secret"), said("a1")]
            await client.take()
            if lines:
                seqs = [r["seq"] for r in await w.history() if r["message"] == user("secret")]
                for seq in seqs:
                    await w.memory.redact(KEY, seq)
            taken = await client.ask("q2", "a2")
            assert taken.truncated == 0 or taken.kind == "edited"
            assert user("secret") not in await all_of(w)


async def test_the_system_prompt_said_again_on_the_way() -> None:
    """The store leaves a leading system message out that is the session's prompt; it must not be missed each time."""
    async with world() as w:
        lines = Lines(w.memory, w.store)
        await w.put(system="Be brief.")
        client = Client(w, lines)
        await client.ask("q0", "a0")
        client.said.append({"role": "system", "content": "Be brief."})
        for i in range(3):
            assert (await client.ask(f"q{i + 1}", "so")).truncated == 0
        assert [m["content"] for m in await all_of(w)] == ["q0", "a0", "q1", "so", "q2", "so", "q3", "so"]


async def test_a_client_alternates_with_the_service_s_own_api() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        client = Client(w, lines)
        await client.ask("q0", "a0")
        await w.append(user("by hand"), said("noted"))
        client.said += [user("by hand"), said("noted")]
        assert (await client.ask("q1", "a1")).appended == 1
        await w.memory.truncate(KEY, 4)
        client.said = client.said[:4]
        assert (await client.ask("q2", "a2")).truncated == 0
        assert await live(w) == client.said
        await w.memory.delete(KEY)
        assert (await client.ask("q3", "a3")).session is None
        assert await all_of(w) == client.said


ACTS = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["ask", "ask", "ask", "edit", "again", "retry", "unanswered", "restart", "compact"]),
    st.integers(0, 99),
)


class Played:
    """Several programs on one session name; each holds a conversation, all of it sent each time."""

    def __init__(self, w: World) -> None:
        self.w = w
        self.lines = Lines(w.memory, w.store)
        self.clients = [Client(w, self.lines) for _ in range(3)]
        self.number = 0
        self.ever: list[Json] = []

    def word(self, who: str) -> str:
        self.number += 1
        return f"{who}{self.number}"

    async def act(self, client: Client, what: str, at: int) -> None:
        asked = [i for i, m in enumerate(client.said) if m["role"] == "user"]
        if what == "restart":
            self.lines = Lines(self.w.memory, self.w.store)
        elif what == "compact":
            await self.w.compact(force=True, keep_tokens=1)
        elif what in ("edit", "again") and asked:
            place = asked[at % len(asked)] if what == "edit" else asked[-1]
            client.said = client.said[: place + (what == "again")]
            await self.call(client, [] if what == "again" else [user(self.word("q"))])
        else:
            await self.call(client, [user(self.word("q"))], times=1 + (what == "retry"), answered=what != "unanswered")

    async def call(self, client: Client, new: list[Json], times: int = 1, answered: bool = True) -> None:
        client.lines = self.lines
        client.said += new
        told: Mode = "auto" if any(m["role"] == "assistant" for m in client.said) else "full"
        for _ in range(times):
            taken = await client.take(mode=told)
        assert taken.kind == "nothing" or times == 1
        if answered:
            client.said.append(said(self.word("a")))
            await self.lines.reply(taken, "openai", raw(client.said[-1:]))
        assert await live(self.w, taken.key) == client.said
        self.ever += client.said[-2:]


@settings(max_examples=25)
@given(st.lists(ACTS, max_size=12), st.integers(0, 2))
def test_programs_that_share_a_name(acts: list[tuple[int, str, int]], alike: int) -> None:
    async def play() -> None:
        async with world() as w:
            played = Played(w)
            await played.call(played.clients[0], [user("hi")])
            for client in played.clients[1 : 1 + alike]:
                client.said = list(played.clients[0].said)
            for who, what, at in acts:
                await played.act(played.clients[who], what, at)
            stored = [m for key in (KEY, *await played.lines.branches(KEY)) for m in await all_of(w, key)]
            assert all(m in stored for m in played.ever)

    the_counter()
    asyncio.run(play())


@pytest.mark.parametrize("fault", ["dies after", "cancelled during"])
async def test_whatever_breaks_the_client_tries_again(fault: str) -> None:
    """Each time one store call later, until all calls were had: an edit, an answer, a branch, and more of each."""
    for at in range(1, 200):
        async with world() as w:
            played = [Client(w, Lines(w.memory, w.store)) for _ in range(2)]
            await played[0].ask("q0", "a0")
            await played[0].ask("q1", "a1")
            played[1].said = played[0].said[:2]
            faulty = Faulty(w.store, at, fault)
            shaky = build(cast(Store, faulty), clock=w.clock)
            asks = [(1, "edited"), (0, "branched"), (0, "more")]
            lines = Lines(shaky.memory, cast(Store, faulty))
            for who, text in asks:
                client = played[who]
                client.said.append(user(f"{text}{who}"))
                for _ in range(2):
                    try:
                        taken = await lines.take(KEY, "openai", raw(client.said))
                        await lines.reply(taken, "openai", raw([said(f"to {text}{who}")]))
                        break
                    except (MemsvcError, Dies, asyncio.CancelledError):
                        lines = Lines(w.memory, w.store)  # another process
                client.said.append(said(f"to {text}{who}"))
            lines = Lines(w.memory, w.store)
            for client in played:
                taken = await lines.take(KEY, "openai", raw(client.said))
                assert (taken.appended, taken.truncated) == (0, 0), at
                assert await live(w, taken.key) == client.said
        if faulty.calls < at:
            return
    raise AssertionError("it never ends")


async def test_what_goes_reaches_the_branches() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        one, two = Client(w, lines), Client(w, lines)
        await one.ask("secret", "a0")
        await one.ask("q1", "a1")
        two.said = one.said[:2]
        await two.ask("q2", "a2")
        await one.ask("q3", "a3")
        await one.ask("q4", "a4")
        await w.memory.redact(KEY, 1)
        await w.memory.redact(KEY, 5)  # another message in the branch
        for key in (KEY, branch(2)):
            assert user("secret") not in await all_of(w, key)
        assert user("q3") in await live(w, branch(2))
        await w.append(user("other"), key=Key("default", "s~x"))
        await w.memory.delete(KEY)
        left, _ = await w.store.sessions("default")
        assert [s.key.session for s in left] == ["s~x"]
        with pytest.raises(NotFound):
            await w.memory.delete(KEY)


async def test_an_answer_is_booked_once() -> None:
    async with world() as w:
        lines = Lines(w.memory, w.store)
        taken = await lines.take(KEY, "openai", raw([user("q")]))
        usage = UsageRequest({"prompt_tokens": 7, "completion_tokens": 2}, id="chatcmpl-1", model="gpt-6-luna")
        for _ in range(2):
            await lines.reply(taken, "openai", raw([said("a")]), usage)
        books, _ = await w.store.lines()
        assert [line.id for line in books] == ["chatcmpl-1"]
        assert await all_of(w) == [user("q"), said("a")]


PROMPT = {"role": "system", "content": "Be brief."}
FUNCTION = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
ANSWERED = {"type": "tool_result", "tool_use_id": "c1", "content": "1"}
POOL: list[tuple[Format, Json]] = [
    ("openai", user("yes")),
    ("openai", user("no")),
    ("openai", said("ok")),
    ("openai", {**said("see"), "tool_calls": [FUNCTION]}),
    ("openai", {"role": "tool", "tool_call_id": "c1", "content": "1"}),
    ("openai", PROMPT),
    ("openai", user("")),
    ("responses", REASONING),
    ("responses", call_item("c1")),
    ("anthropic", {"role": "user", "content": [ANSWERED, {"type": "text", "text": "no"}]}),
]
SENT = st.tuples(
    st.sampled_from(["openai", "responses", "anthropic"]),
    st.lists(st.integers(0, 99), max_size=6),
    st.sampled_from(["auto", "auto", "auto", "full", "new"]),
    st.booleans(),
)


@settings(max_examples=25)
@given(st.lists(st.lists(SENT, min_size=1, max_size=3), max_size=6), st.booleans())
def test_whatever_is_sent_is_stored(rounds: list[list[tuple[Format, list[int], Mode, bool]]], prompt: bool) -> None:
    async def play() -> None:
        async with world() as w:
            several = [Lines(w.memory, w.store) for _ in range(2)]
            if prompt:
                await w.put(system="Be brief.")
            needed: set[bytes] = set()
            for at_once in rounds:
                await asyncio.gather(*(send(several[i % 2], needed, *sent) for i, sent in enumerate(at_once)))
            stored = [e for key in await keys(w) for e in await w.store.entries(key, after=0, limit=1000)]
            found = parts_of([fingerprint(e.format, e.raw) for e in stored])
            assert needed - found <= prompts  # what is or becomes the session's own is no message

    async def send(lines: Lines, needed: set[bytes], format: Format, places: list[int], mode: Mode, fly: bool) -> None:
        fitting = [m for f, m in POOL if f == format or (f == "openai" and m["role"] in ("user", "assistant"))]
        messages = raw([fitting[i % len(fitting)] for i in places])
        needed |= parts_of([fingerprint(format, m) for m in messages])
        taken = await lines.take(KEY, format, messages, mode=mode)
        with lines.flying(taken.key) if fly else contextlib.nullcontext():
            await asyncio.sleep(0)
            answer = raw([said(f"answer {len(needed)}")])
            if taken.last_seq:
                await lines.reply(taken, "openai", answer)
                needed |= parts_of([fingerprint("openai", m) for m in answer])

    async def keys(w: World) -> list[Key]:
        return [s.key for s in (await w.store.sessions("default", limit=1000))[0]]

    the_counter()
    prompts = parts_of([fingerprint("openai", raw([PROMPT])[0])])
    asyncio.run(play())


def parts_of(prints: Sequence[bytes]) -> set[bytes]:
    return {p[i : i + SIZE] for p in prints for i in range(0, len(p), SIZE)}
