"""The chain of summarizers: repairs, what is kept when they fail, and what is told of faults."""

from __future__ import annotations

from memsvc.core.asking import HEADINGS, Reply, SummaryRequest
from memsvc.errors import SummarizerError
from memsvc.llm import LocalSummarizer
from memsvc.observe import Event, SummarizerFailed
from tests.service.world import KEY, Failing, chat, the_counter, words, world

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
