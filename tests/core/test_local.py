"""The local summarizer behind the port."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from memsvc.core.asking import SummaryRequest
from memsvc.core.extract import extract
from memsvc.errors import SummarizerError
from memsvc.llm import LocalSummarizer
from memsvc.llm.local import INLINE_BYTES
from memsvc.ports import Summarizer
from tests.core.conversations import chat, count


async def test_it_answers_with_the_selection() -> None:
    request = SummaryRequest(chat("My seat is 14C.", "Noted: 14C."), (), None, None, 50)
    summarizer: Summarizer = LocalSummarizer(count)
    reply = await summarizer.summarize(request)
    assert (summarizer.name, reply.model, reply.stop, reply.cost_usd) == ("local", "local", "end", 0.0)
    assert reply.text == extract(request, count)


@pytest.mark.parametrize("large", [False, True])
async def test_large_input_leaves_the_event_loop(large: bool) -> None:
    threads = set()

    def watched(text: str) -> int:
        threads.add(threading.get_ident())
        return count(text)

    text = "Room 17 is booked. " * (INLINE_BYTES // 10 if large else 1)
    await LocalSummarizer(watched).summarize(SummaryRequest(chat(text), (), None, None, 50))
    assert (threads == {threading.get_ident()}) is not large


async def test_counting_in_one_trip_chooses_the_same() -> None:
    said = [f"In room {n} the bill was {n * 7} euros, and Anna paid it on day {n}. " * 3 for n in range(200)]
    request = SummaryRequest(chat(*said), (), None, None, 400)
    asked: list[int] = []
    trips: list[int] = []

    def one(text: str) -> int:
        asked.append(len(text))
        return count(text)

    def each(texts: Sequence[str]) -> list[int]:
        trips.append(len(texts))
        return list(map(count, texts))

    assert sum(len(e.raw) for e in request.entries) > INLINE_BYTES
    reply = await LocalSummarizer(one, each).summarize(request)
    assert reply.text == extract(request, count)
    assert len(trips) == 1
    assert len(asked) < 20, "whole bodies only"


async def test_nothing_to_say_is_an_error() -> None:
    with pytest.raises(SummarizerError) as caught:
        await LocalSummarizer(count).summarize(SummaryRequest(chat(" "), (), None, None, 50))
    assert caught.value.code == "summary_empty"
