"""The chain of summarizers: repairs, what is kept when they fail, and what is told of faults."""

from __future__ import annotations

from msgspec.structs import replace

from memsvc.core import accept
from memsvc.core.asking import HEADINGS, Reply, SummaryRequest, refusals
from memsvc.errors import SummarizerError
from memsvc.llm import LocalSummarizer
from memsvc.observe import Event, SummarizerFailed
from memsvc.service.chain import Chain, Wanted
from memsvc.service.routing import Writers
from tests.core.conversations import entry
from tests.service.world import KEY, SMALL, Failing, chat, the_counter, words, world

LONG = "\n".join(
    f"### {name}\n- {words(40, 't1u')} {'all of this again ' * 40}" for name in HEADINGS if "Constraints" not in name
)
LONG = LONG.replace("### Decisions", "### Constraints and preferences\n- None\n### Decisions")


class Wordy:
    """A model whose first answer is too long; the second is `second`, or a failure."""

    name = "test:wordy"

    def __init__(self, second: Reply | None) -> None:
        self.second, self.requests = second, list[SummaryRequest]()

    async def summarize(self, request: SummaryRequest) -> Reply:
        self.requests.append(request)
        if len(self.requests) == 1:
            return Reply(LONG, "wordy-1", cost_usd=0.01, written=True, resume="where it was")
        if self.second is None:
            raise SummarizerError("test:wordy: no answer", code="summary_timeout", cost_usd=0.02)
        return self.second


async def test_an_answer_that_is_too_long_is_better_than_none() -> None:
    for second in (None, Reply("[summary goes here]", "wordy-1", cost_usd=0.02, written=True)):
        wordy = Wordy(second)
        async with world(summarizers=[wordy, LocalSummarizer(the_counter().count)]) as w:
            await w.append(*chat(12))
            await w.work()
            (summary,) = await w.summaries()
            assert (summary["model"], summary["attempts"], summary["cost_usd"]) == ("wordy-1", 2, 0.03)
            assert "wordy" in (await w.memory.get(KEY))["compaction"]["last_error"]


async def test_the_second_time_it_gets_back_what_it_left() -> None:
    wordy = Wordy(None)
    async with world(summarizers=[wordy, LocalSummarizer(the_counter().count)]) as w:
        await w.append(*chat(12))
        await w.work()
        assert [r.resume for r in wordy.requests] == [None, "where it was"]
        assert wordy.requests[1].refused is not None


async def test_what_was_refused_is_kept_with_the_summary() -> None:
    good = Reply("\n".join(f"### {name}\n- short" for name in HEADINGS), "wordy-1", written=True)
    for second, kept in (
        (good, ["test:wordy: it had "]),
        (None, ["test:wordy: it had ", "test:wordy: no answer"]),
        (Reply("TBD", "wordy-1", written=True), ["test:wordy: it had ", "test:wordy: wordy-1 returned a placeholder"]),
    ):
        async with world(summarizers=[Wordy(second), LocalSummarizer(the_counter().count)]) as w:
            await w.append(*chat(12))
            await w.work()
            (found,) = await w.store.summaries(KEY)
            assert len(found.refused) == len(kept)
            assert all(said.startswith(start) for said, start in zip(found.refused, kept, strict=True))


async def test_a_compaction_that_comes_to_nothing_says_whose_answers_were_refused() -> None:
    away = [Failing("summary_server") for _ in range(12)]
    async with world(summarizers=away) as w:
        await w.append(*chat(12))
        await w.work()
        state = (await w.memory.get(KEY))["compaction"]
        assert (state["state"], state["last_reason"]) == ("backoff", "summary_server")
        assert state["last_error"] == "; ".join(["away: the provider is away"] * 8)
    async with world(summarizers=[Failing(), Failing("no_gain")]) as w:
        await w.append(*chat(12))
        status, said = await w.compact(force=True)
        assert (status, said["reason"], said["error"]) == (200, "no_gain", "away: the provider is away")
        assert (await w.memory.get(KEY))["compaction"]["last_error"] == "away: the provider is away"


def test_what_is_kept_of_refusals_is_bounded_and_on_one_line() -> None:
    kept = refusals(["a\n\x1b[31mb" + "c" * 500, *map(str, range(20))])
    assert len(kept) == 8
    assert kept[0].startswith("a [31mbccc")
    assert len(kept[0]) == 200
    assert refusals([]) == ()


async def test_a_fault_is_told_with_its_place_and_without_its_text() -> None:
    class Broken(Failing):
        async def summarize(self, request: SummaryRequest) -> Reply:
            raise RuntimeError("secret words of a conversation")

    events: list[Event] = []
    async with world(summarizers=[Broken(), LocalSummarizer(the_counter().count)], sink=events.append) as w:
        await w.append(*chat(12))
        await w.work()
    (event,) = (e for e in events if isinstance(e, SummarizerFailed))
    assert event.error == "summary_internal"
    assert any("test_chain.py" in place and "summarize" in place for place in event.where)
    assert "secret" not in repr(event)


ROOMY = replace(SMALL, threshold_tokens=1_200, summary_tokens=500, max_tokens=20_000)


class Noting:
    """A model that quotes what it is shown; it takes no more than `most` messages at once."""

    name = "test:noting"

    def __init__(self, most: int = 10_000) -> None:
        self.most, self.requests = most, list[SummaryRequest]()

    async def summarize(self, request: SummaryRequest) -> Reply:
        self.requests.append(request)
        if len(request.entries) > self.most:
            raise SummarizerError("test:noting: too many", code="summary_too_many_parts")
        last = request.entries[-1]
        said_last = last.raw.decode().partition('"content":')[2].strip(' "}')[:160].rpartition(" ")[0]
        body = "\n".join(f"### {name}\n- None" for name in HEADINGS)
        return Reply(body.replace("None", f"[{last.seq} x] {said_last}", 1), "noting-1", written=True)


async def test_where_the_originals_are_too_many_the_notes_are_brought_up_to_date() -> None:
    for most, anchored in ((10_000, 0), (40, 1)):
        noting = Noting(most)
        local = LocalSummarizer(the_counter().count)
        async with world(summarizers=Writers([noting, local], rebuild_epochs=2), policy=ROOMY) as w:
            for _ in range(2):
                await w.append(*chat(20))
                await w.work()
            assert [s["model"] for s in await w.summaries()] == ["noting-1"] * 2, (await w.memory.get(KEY))[
                "compaction"
            ]
            assert (await w.memory.get(KEY))["compaction"]["last_error"] is None
        told = [(r.refused, r.previous is not None, len(r.entries)) for r in noting.requests]
        assert [t[0] for t in told] == [None] * len(told), told
        rebuilt = noting.requests[1]
        assert (rebuilt.previous, rebuilt.earlier, rebuilt.entries[0].seq) == (None, (), 1)
        assert [r.previous is not None for r in noting.requests[2:]] == [True] * anchored


async def test_nothing_is_written_from_the_originals_where_only_the_local_one_writes() -> None:
    class Watched(LocalSummarizer):
        asked: list[SummaryRequest]

        async def summarize(self, request: SummaryRequest) -> Reply:
            self.asked.append(request)
            return await super().summarize(request)

    local = Watched(the_counter().count)
    local.asked = []
    async with world(summarizers=Writers([local], rebuild_epochs=1)) as w:
        for _ in range(2):
            await w.append(*chat(12))
            await w.work()
    assert [bool(r.earlier) for r in local.asked] == [False, True]


async def test_messages_without_a_word_have_a_summary_where_there_must_be_one() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    log = tuple(entry(i, {"role": "user", "content": [image] if i % 2 else "?!"}) for i in range(1, 9))
    counter = the_counter()
    parts = accept.gather(log)
    wanted = Wanted(SummaryRequest(log, (), None, None, 200), parts, 300, replaced=3_000, must=True)
    empty = LocalSummarizer(lambda text: 10**6)  # nothing fits: the same as nothing to quote
    written = await Chain([empty], counter).write(wanted)
    assert written.block.startswith("<conversation_summary>")
    assert written.model == "local"
