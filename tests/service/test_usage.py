"""Usage reports: the books, and a session that learns how its provider counts."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from memsvc.core.model import Key, Session
from memsvc.core.money import OWN, Line, Usage
from memsvc.errors import CannotFit, Conflict, InvalidRequest, NotFound, Unavailable
from memsvc.service.requests import ContextRequest, UsageRequest
from tests.service.world import KEY, SMALL, Json, World, build, chat, request, said, user, words, world

SAID = {"input_tokens": 100, "cache_read_input_tokens": 900, "output_tokens": 10}
CHAT = {"prompt_tokens": 1_000, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 900}}


class PerToken:
    """A micro for every token of the models it knows; keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, float]] = []

    def micros(self, provider: str, model: str, usage: Any, *, at: float) -> int | None:
        self.asked.append((provider, model, at))
        return usage.input + usage.output if model.startswith(("claude", "gpt")) else None


def report(usage: Json | None = None, **more: Any) -> UsageRequest:
    given = {"id": "r1", "provider": "anthropic", "model": "claude-opus-5-5", **more}
    return UsageRequest(SAID if usage is None else usage, **given)


def counted(tokens: int, revision: int, **more: Any) -> UsageRequest:
    """A report of a call whose request was `tokens` long."""
    return report({"input_tokens": tokens, "output_tokens": 1}, revision=revision, **more)


async def header(w: World, key: Key = KEY) -> Session:
    found = await w.store.head(key)
    assert found is not None
    return found


async def threshold_of(w: World) -> int:
    """The threshold that applies: the policy's, or what leaves room for a summary and twice the kept part."""
    found = (await w.memory.get(KEY))["policy"]["effective"]["threshold_tokens"]
    assert isinstance(found, int)
    return found


async def size(w: World) -> int:
    """The smallest limit that the context is expected to fit."""
    with pytest.raises(CannotFit) as refused:
        await w.context(max_tokens=1)
    found = refused.value.extra["minimum"]
    assert isinstance(found, int)
    return found


# --- the books -------------------------------------------------------------------


@pytest.mark.parametrize("usage", [SAID, CHAT])
async def test_a_call_is_booked_once(usage: Json) -> None:
    async with world(prices=PerToken()) as w:
        await w.append(user("hi"))
        first = await w.memory.usage(KEY, report(usage))
        assert first == {"booked": True, "cost_usd": 0.00101, "factor": None}
        again = await w.memory.usage(KEY, report(usage, feature="other"))
        assert again == {"booked": False, "cost_usd": 0.00101, "factor": None}
        assert (await w.memory.usage(KEY, report(usage, id="r2")))["booked"]


async def test_an_unknown_price_is_not_zero() -> None:
    async with world(prices=PerToken()) as w:
        await w.append(user("hi"))
        assert (await w.memory.usage(KEY, report(model="unheard-of")))["cost_usd"] is None
    async with world() as w:
        await w.append(user("hi"))
        assert (await w.memory.usage(KEY, report())) == {"booked": True, "cost_usd": None, "factor": None}


async def test_tenants_and_sessions_that_are_not_there() -> None:
    other = Key("other", KEY.session)
    async with world() as w:
        await w.append(user("hi"))
        with pytest.raises(NotFound):
            await w.memory.usage(other, report())
        await w.append(user("hi"), key=other)
        assert (await w.memory.usage(KEY, report()))["booked"]
        assert (await w.memory.usage(other, report()))["booked"]


async def test_the_price_is_that_of_the_calls_own_time() -> None:
    prices = PerToken()
    async with world(prices=prices) as w:
        await w.append(user("hi"))
        await w.memory.usage(KEY, report())
        await w.memory.usage(KEY, report(id="r2", at=5.0))
        assert [at for _, _, at in prices.asked] == [w.clock.now, 5.0]


async def test_a_report_that_makes_no_sense_books_nothing() -> None:
    async with world() as w:
        await w.append(user("hi"))
        with pytest.raises(InvalidRequest, match="output_tokens"):
            await w.memory.usage(KEY, report({"input_tokens": 5}))
        with pytest.raises(InvalidRequest, match="id"):
            await w.memory.usage(KEY, report(id=None))
        assert (await w.memory.usage(KEY, report()))["booked"]


# --- with an append --------------------------------------------------------------


@pytest.mark.parametrize(
    ("put", "usage", "named"),
    [
        ({"model": "claude-opus-5-5"}, SAID, ("anthropic", "claude-opus-5-5")),
        ({"model": "anthropic/claude-opus-5-5"}, CHAT, ("anthropic", "anthropic/claude-opus-5-5")),
        ({"model": "gpt-6.1-sol"}, CHAT, ("openai", "gpt-6.1-sol")),
        ({"model": "llama"}, CHAT, ("openai", "llama")),
        ({"model": "llama"}, SAID, ("anthropic", "llama")),
        ({"format": "anthropic"}, {"input_tokens": 5, "output_tokens": 5}, ("anthropic", "unknown")),
        ({"format": "openai"}, {"input_tokens": 5, "output_tokens": 5}, ("openai", "unknown")),
        ({}, {"input_tokens": 5, "output_tokens": 5}, ("unknown", "unknown")),
    ],
)
async def test_a_bare_report_is_of_the_sessions_model(put: Json, usage: Json, named: tuple[str, str]) -> None:
    prices = PerToken()
    async with world(prices=prices) as w:
        await w.put(**put)
        reply = await w.append(user("hi"), said("ho"), usage=UsageRequest(usage))
        assert reply["usage"]["booked"]
        assert [asked[:2] for asked in prices.asked] == [named]


async def test_an_append_that_comes_again_books_nothing_twice() -> None:
    async with world(prices=PerToken()) as w:
        for more in ({"ids": ("a", "b")}, {"idempotency_key": "k"}):
            first = await w.append(user("hi"), said("ho"), usage=UsageRequest(SAID), **more)
            again = await w.append(user("hi"), said("ho"), usage=UsageRequest(SAID), **more)
            assert (first["usage"]["booked"], again["usage"]["booked"]) == (True, False)
            assert again["duplicate"]


async def test_who_sends_the_whole_history_each_time_has_each_call_booked() -> None:
    messages = [message for turn in range(3) for message in (user(f"q{turn}"), said(f"a{turn}"))]
    async with world() as w:
        for end in (2, 4, 6):
            ids = tuple(f"m{n}" for n in range(end))
            reply = await w.append(*messages[:end], ids=ids, usage=UsageRequest(SAID))
            assert reply["usage"]["booked"]


async def test_an_append_without_usage_says_nothing_of_it() -> None:
    async with world() as w:
        assert "usage" not in await w.append(user("hi"))


async def test_a_bad_report_stores_no_message() -> None:
    async with world() as w:
        with pytest.raises(InvalidRequest):
            await w.append(user("hi"), usage=UsageRequest({"input_tokens": -5, "output_tokens": 1}))
        assert await w.store.head(KEY) is None


async def test_another_report_under_the_same_idempotency_key() -> None:
    async with world() as w:
        await w.append(user("hi"), idempotency_key="k", usage=UsageRequest(SAID))
        for other in (UsageRequest(CHAT), None):
            with pytest.raises(Conflict):
                await w.append(user("hi"), idempotency_key="k", usage=other)


async def test_a_whole_report_with_an_append_is_the_same_as_one_alone() -> None:
    async with world(prices=PerToken()) as w:
        sent = await w.append(user(words(200)))
        raw = (await w.context())["tokens"]["context"]
        reply = await w.append(said("ho"), usage=counted(2 * raw, sent["revision"]))
        assert reply["usage"] == {"booked": True, "cost_usd": (2 * raw + 1) / 1e6, "factor": 2.0}
        alone = await w.memory.usage(KEY, counted(2 * raw, sent["revision"]))
        assert (alone["booked"], alone["factor"]) == (False, 2.0)


class AwayForBooks:
    """A store whose books are away."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def book(self, line: object) -> bool:
        raise Unavailable("the books are away", retry_after=1)


async def test_messages_that_are_stored_are_told_of_when_their_report_is_not_booked() -> None:
    async with world() as w:
        broken: Any = AwayForBooks(w.store)
        failing = build(broken)
        with pytest.raises(Unavailable) as failed:
            await failing.append(user("hi"), usage=UsageRequest(SAID), ids=("a",))
        stored: Any = failed.value.extra["appended"]
        assert stored["seqs"] == [1]
        again = await w.append(user("hi"), usage=UsageRequest(SAID), ids=("a",))
        assert (again["duplicate"], again["usage"]["booked"]) == (True, True)


# --- calibration -----------------------------------------------------------------


async def test_a_report_says_how_large_the_context_is() -> None:
    async with world() as w:
        sent = await w.append(user(words(200)))
        raw = (await w.context())["tokens"]["context"]
        assert await size(w) == raw
        assert (await w.memory.usage(KEY, counted(2 * raw, sent["revision"])))["factor"] == 2.0
        assert await size(w) == 2 * raw
        await w.append(said(words(50)))
        assert await size(w) == 2 * (await w.context())["tokens"]["context"]
        assert (await header(w)).factor == 1.0  # frozen until the next epoch


async def test_without_a_revision_nothing_is_learnt() -> None:
    async with world() as w:
        await w.append(user(words(200)))
        raw = (await w.context())["tokens"]["context"]
        assert (await w.memory.usage(KEY, report({"input_tokens": 2 * raw, "output_tokens": 1})))["factor"] is None
        assert await size(w) == raw


@pytest.mark.parametrize("ratio", [0.0, 0.25, 5.5, 1e5])
async def test_an_unbelievable_report_is_booked_and_teaches_nothing(ratio: float) -> None:
    async with world() as w:
        sent = await w.append(user(words(200)))
        raw = (await w.context())["tokens"]["context"]
        before = await header(w)
        done = await w.memory.usage(KEY, counted(int(ratio * raw), sent["revision"]))
        assert (done["booked"], done["factor"]) == (True, None)
        assert await header(w) == before


@pytest.mark.parametrize("revision", [0, 2, 99, 2**53])
async def test_revisions_that_no_fetch_saw(revision: int) -> None:
    async with world() as w:
        await w.append(user(words(200)))
        before = await header(w)
        assert (await w.memory.usage(KEY, counted(300, revision)))["booked"]
        assert await header(w) == before


async def test_reports_of_several_requests_at_once_teach_nothing() -> None:
    async with world() as w:
        sent = await w.append(user(words(200)))
        rounds = [{"type": kind, "input_tokens": 300, "output_tokens": 5} for kind in ("compaction", "message")]
        usage = {"input_tokens": 300, "output_tokens": 5, "iterations": rounds}
        assert (await w.memory.usage(KEY, report(usage, revision=sent["revision"])))["factor"] is None


async def test_an_older_report_changes_nothing() -> None:
    async with world() as w:
        first = await w.append(user(words(200)))
        second = await w.append(said(words(100)), user("go on"))
        raw = (await w.context())["tokens"]["context"]
        await w.memory.usage(KEY, counted(2 * raw, second["revision"]))
        before = await header(w)
        assert (await w.memory.usage(KEY, counted(100, first["revision"], id="r2")))["booked"]
        assert await header(w) == before


async def test_a_call_that_is_booked_already_teaches_nothing() -> None:
    async with world() as w:
        sent = await w.append(user(words(200)))
        raw = (await w.context())["tokens"]["context"]
        assert (await w.memory.usage(KEY, counted(2 * raw, sent["revision"])))["factor"] == 2.0
        before = await header(w)
        again = await w.memory.usage(KEY, counted(3 * raw, sent["revision"]))
        assert (again["booked"], again["factor"]) == (False, 2.0)
        assert await header(w) == before


async def test_a_report_that_corrects_another_downwards_counts_at_once() -> None:
    async with world() as w:
        sent = await w.append(*chat(1))
        raw = (await w.context())["tokens"]["context"]
        await w.memory.usage(KEY, counted(3 * raw, sent["revision"]))
        with pytest.raises(CannotFit):
            await w.context(max_tokens=2 * raw)
        await w.memory.usage(KEY, counted(raw, sent["revision"], id="again"))
        assert (await w.context(max_tokens=2 * raw))["tokens"]["context"] == raw


async def test_a_new_epoch_begins_with_what_was_measured_and_older_reports_teach_nothing() -> None:
    async with world() as w:
        sent = await w.append(*chat(10))
        raw = (await w.context())["tokens"]["context"]
        await w.memory.usage(KEY, counted(int(1.5 * raw), sent["revision"]))
        assert (await w.compact(force=True))[1]["changed"]
        after = await header(w)
        assert (after.factor, after.anchor_raw) == (int(1.5 * raw) / raw, 0)
        assert await size(w) == math.ceil(after.context_tokens * after.factor)
        late = await w.memory.usage(KEY, counted(3 * raw, sent["revision"], id="late"))
        assert late == {"booked": True, "cost_usd": None, "factor": after.factor}
        assert await header(w) == after


@pytest.mark.parametrize(
    ("put", "factor"),
    [
        ({"system": "Be brief."}, 1.5),
        ({"tools": [{"name": "run"}]}, 1.5),
        ({"model": "gpt-6"}, 1.5),
        ({"model": "claude-opus-5-5"}, 1.3),  # another tokenizer: nothing is known of it
        ({"metadata": {"a": 1}}, None),
        ({"policy": {"keep_tokens": 140}}, None),
    ],
)
async def test_what_changes_the_prefix_or_the_model(put: Json, factor: float | None) -> None:
    async with world() as w:
        await w.put(format="openai")
        sent = await w.append(*chat(4))
        raw = (await w.context())["tokens"]["context"]
        await w.memory.usage(KEY, counted(raw * 3 // 2, sent["revision"]))
        anchor = (await header(w)).anchor_tokens
        assert anchor == raw * 3 // 2
        await w.put(**put)
        after = await header(w)
        if factor is None:
            assert (after.factor, after.anchor_tokens) == (1.0, anchor)
            return
        assert after.factor == pytest.approx(factor, rel=0.02)
        assert after.anchor_raw == 0
        await w.memory.usage(KEY, counted(raw * 4, sent["revision"], id="late"))
        assert await header(w) == after


async def test_an_edit_begins_with_what_was_measured() -> None:
    async with world() as w:
        sent = await w.append(*chat(5))
        raw = (await w.context())["tokens"]["context"]
        await w.memory.usage(KEY, counted(2 * raw, sent["revision"]))
        await w.memory.truncate(KEY, 4)
        after = await header(w)
        assert (after.factor, after.anchor_raw) == (2.0, 0)
        assert await size(w) == 2 * after.context_tokens


async def test_a_report_that_shows_a_context_over_its_threshold_queues_the_compaction() -> None:
    async with world() as w:
        sent = await w.append(*chat(3), user("t9q; and then?"))
        raw = (await w.context())["tokens"]["context"]
        assert raw < SMALL.threshold_tokens < 1.63 * raw
        assert (await header(w)).state == "idle"
        await w.memory.usage(KEY, counted(int(1.63 * raw), sent["revision"]))
        assert (await header(w)).state == "queued"
        assert await w.work() == 1
        after = await header(w)
        assert (after.epoch, after.last_reason) == (1, "threshold")
        threshold = await threshold_of(w)
        assert 1.63 * after.context_tokens <= threshold
        assert after.soft_tokens == int(threshold / after.factor)


async def test_a_context_that_turns_out_too_large_is_not_given_again() -> None:
    async with world() as w:
        await w.put(policy={"mode": "manual"})
        sent = await w.append(*chat(8), user("t99q; and then?"))
        first = await w.memory.context(KEY, ContextRequest())
        raw = (await header(w)).context_tokens
        assert raw < SMALL.max_tokens < 1.63 * raw
        assert await w.memory.context(KEY, ContextRequest()) is first
        await w.memory.usage(KEY, counted(int(1.63 * raw), sent["revision"]))
        await w.context()
        after = await header(w)
        assert after.epoch == 1
        assert 1.63 * after.context_tokens <= SMALL.max_tokens


@pytest.mark.parametrize("working", [True, False])
async def test_limits_hold_in_tokens_of_a_provider_that_counts_more(working: bool) -> None:
    """A provider that counts 1.63 for one; the worker keeps up, or is away and only the hard mark is left."""

    def billed(raw: int) -> int:
        return math.ceil(1.63 * raw)

    async with world() as w:
        largest = 0
        for turn in range(40):
            asked = await w.append(user(f"t{turn}q; {words(60, f't{turn}u')}"))
            context = await w.context()
            largest = max(largest, billed(context["tokens"]["context"]))
            assert largest <= SMALL.max_tokens
            assert context["revision"] >= asked["revision"]
            call = counted(billed(context["tokens"]["context"]), context["revision"], id=f"r{turn}")
            assert (await w.memory.usage(KEY, call))["booked"]
            await w.append(said(f"t{turn}a; {words(60, f't{turn}v')}"))
            if working:
                await w.work()
                assert billed((await header(w)).context_tokens) <= await threshold_of(w) < 1.63 * SMALL.threshold_tokens
        assert (await header(w)).factor == pytest.approx(1.63, abs=0.01)
        assert largest > SMALL.threshold_tokens * (0.9 if working else 2)
        assert (await w.summaries())[-1]["reason"] == ("threshold" if working else "hard")


async def test_a_session_deleted_meanwhile_is_booked_all_the_same() -> None:
    async with world() as w:
        sent = await w.append(user(words(200)))
        both = asyncio.gather(w.memory.usage(KEY, counted(300, sent["revision"])), w.memory.delete(KEY))
        assert (await both)[0]["booked"]
        await w.append(user("hi"))
        assert not (await w.memory.usage(KEY, counted(300, 1)))["booked"]


async def hold(w: World, id: str, micros: int = 900) -> None:
    line = Line(OWN + id, KEY, w.clock(), "chat", "anthropic", "claude", Usage(10, 5), micros)
    assert await w.memory.purse.hold(line, most_micros=None, since=0.0)


async def test_a_report_that_settles_what_was_held_teaches_the_same_and_is_booked_once() -> None:
    learnt = []
    for held in (None, OWN + "h"):
        async with world() as w:
            sent = await w.append(user(words(200)))
            await hold(w, "h")
            call = counted(2 * (await header(w)).context_tokens, sent["revision"], id="msg_1")
            told = await w.memory.usage(KEY, dataclasses.replace(call, held=held))
            assert told["booked"]
            await w.memory.drain(5.0)  # what was held is settled at once, and learnt from a moment later
            learnt.append((told["cost_usd"], replace(await header(w), uid=0)))
            assert not (await w.memory.usage(KEY, call))["booked"], "reported as well"
            lines = (await w.store.lines(tenant=KEY.tenant))[0]
            assert sorted(line.id for line in lines) == (["msg_1"] if held else [OWN + "h", "msg_1"])
    assert learnt[0] == learnt[1]


async def test_what_was_reported_first_leaves_nothing_held() -> None:
    async with world() as w:
        sent = await w.append(user(words(200)))
        await hold(w, "h")
        call = counted(300, sent["revision"], id="msg_1")
        assert (await w.memory.usage(KEY, call))["booked"]
        before = await header(w)
        assert not (await w.memory.usage(KEY, dataclasses.replace(call, held=OWN + "h")))["booked"]
        assert await header(w) == before
        assert [line.id for line in (await w.store.lines(tenant=KEY.tenant))[0]] == ["msg_1"]


async def test_a_held_call_is_learnt_from_even_if_it_is_booked_already() -> None:
    async with world() as w:
        sent = await w.append(user(words(200)))
        raw = (await w.context())["tokens"]["context"]
        await hold(w, "h")
        assert (await w.memory.usage(KEY, counted(2 * raw, sent["revision"])))["booked"]
        again = await w.memory.usage(KEY, counted(3 * raw, sent["revision"], held=OWN + "h"))
        assert not again["booked"]
        await w.memory.drain(5.0)
        assert (await header(w)).anchor_tokens == 3 * raw


# --- law 11: reports are events of the log ----------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(1, 60)),
        st.tuples(st.just("report"), st.integers(0, 6), st.integers(20, 400)),
        st.tuples(st.just("compact"), st.integers(1, 80)),
        st.tuples(st.just("edit"), st.integers(1, 12)),
        st.tuples(st.just("system"), st.sampled_from(["a", "b"])),
    ),
    max_size=14,
)


async def play(steps: list[tuple[Any, ...]], seconds: float) -> tuple[Session, bytes]:
    """The header and the context after a list of events; `seconds` pass between two of them."""
    async with world(policy=replace(SMALL, mode="manual")) as w:
        await w.append(user("t0q; hello"))
        for number, (kind, *given) in enumerate(steps):
            w.clock.pass_(seconds)
            if kind == "say":
                await w.memory.append(KEY, request(said(words(given[0])), user(f"t{number}q; go on")))
            elif kind == "report":
                await w.memory.usage(KEY, counted(given[1], (await header(w)).revision - given[0], id=f"r{number}"))
            elif kind == "compact":
                await w.compact(force=True, keep_tokens=given[0])
            elif kind == "edit":
                await w.memory.truncate(KEY, given[0])
            else:
                await w.put(system=given[0])
        body = (await w.memory.context(KEY, ContextRequest("anthropic"))).body
        times = {"created_at": 0.0, "updated_at": 0.0, "due_at": None}
        return replace(await header(w), **times), body  # type: ignore[arg-type]


@given(STEPS)
@settings(max_examples=25)
def test_law11_the_same_events_give_the_same_header_and_context(steps: list[tuple[Any, ...]]) -> None:
    assert asyncio.run(play(steps, 1.0)) == asyncio.run(play(steps, 3_600.0))
