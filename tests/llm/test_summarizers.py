"""Good summarizers and bad ones, through the vendors' own SDKs over HTTP: what ends up in the committed block.

Of a good one every point stays, whatever its habits. Of a bad one nothing invented, replaced or ordered by
somebody else gets in: its answer is repaired, or somebody else writes. The user's rules are in the block always.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from memsvc.core.accept import body_of
from memsvc.llm import LocalSummarizer
from memsvc.observe import SummarizerFailed
from memsvc.testing.provider import Answer, Ask
from memsvc.testing.provider.notes import BAD, HABITS
from memsvc.testing.provider.replies import headings_asked_for, summary
from tests.llm.talks import BUDGETS, RULES, talk
from tests.llm.test_sessions_after import POLICY, Place, place
from tests.service.world import KEY, build, the_counter

VENDORS = ["anthropic", "openai"]
GOOD = sorted({*HABITS, "ok", "thinking_first", "think_tags"})
ROOMY = replace(POLICY, threshold_tokens=3_000, keep_tokens=300, summary_tokens=1_600, max_tokens=60_000)
INVENTED = re.compile(r"ZX-90417|quux|83,617|2031|c0ffee|press office|rounded up|need no approval|dpl_83K1|4,871|90417")
OLD_FAULTS = ("injected", "chat", "chat_plain", "placeholder", "empty", "refusal")
REFUSED = {
    "invents_ids": "summary_unsupported",
    "other_language": "summary_language",
    "first_half": "summary_thin",
    "half_empty": "summary_thin",
    "lacks_headings": "summary_unstructured",
}
"""Faults of the whole: the local summarizer writes. What else is bad is taken out, or refused where it is much."""


def in_turn(languages: Sequence[str], behaviours: Sequence[str]) -> list[tuple[str, str, str]]:
    """All pairs, each with one vendor: both have every language and every behaviour, for what an answer says is
    judged in one place, behind both clients."""
    return [
        (language, behaviour, VENDORS[(m + n) % 2])
        for m, language in enumerate(languages)
        for n, behaviour in enumerate(behaviours)
    ]


async def written(p: Place, language: str, *, turns: int = 30) -> dict[str, Any]:
    """The summary of a conversation, with who failed at it."""
    w = build(
        p.store,
        policy=ROOMY,
        summarizers=[p.summarizer, LocalSummarizer(the_counter().count)],
        clock=p.w.clock,
        sink=p.events.append,
    )
    await w.append(*talk(language, turns))
    await w.work()
    (summary,) = await w.summaries()
    return {**summary, "failed": [e.error for e in p.events if isinstance(e, SummarizerFailed)]}


@pytest.mark.parametrize(("language", "behaviour", "vendor"), in_turn(sorted(RULES), GOOD))
async def test_a_good_summary_is_committed_with_each_of_its_points(vendor: str, language: str, behaviour: str) -> None:
    async with place(vendor) as p:
        p.provider.script([behaviour])
        found = await written(p, language)
        assert found["failed"] == []
        assert found["model"] != "local"
        assert p.calls == 1, "nothing was sent back"
        body = body_of(found["text"])
        assert body.count("### ") == 7
        assert len(re.findall(r"^\s*[-*•] ", body, re.M)) >= 8
        assert all(rule in found["text"] for rule in RULES[language])


@pytest.mark.parametrize(("language", "behaviour", "vendor"), in_turn(["en", "zh"], sorted({*BAD, *OLD_FAULTS})))
async def test_nothing_of_a_bad_one_is_committed(vendor: str, language: str, behaviour: str) -> None:
    async with place(vendor) as p:
        p.provider.script([behaviour])
        found = await written(p, language)
        text = found["text"]
        assert not INVENTED.search(text)
        assert all(rule in text for rule in RULES[language]), "whoever wrote it"
        if language == "en":
            assert (
                not re.search(rf"budget is \$?{BUDGETS[0]}", body_of(text)) or f"budget is now ${BUDGETS[1]}" in text
            ), "the newest value"
        if behaviour in REFUSED:
            assert found["failed"] == [REFUSED[behaviour]]
            assert found["model"] == "local"
            assert p.calls == 2, "it had its chance"
        assert text.count("</conversation_summary>") == 1
        assert "<system>" not in text


@pytest.mark.parametrize("behaviour", [*sorted(REFUSED), "chat", "placeholder"])
async def test_it_may_repair_what_was_refused(behaviour: str) -> None:
    async with place("anthropic") as p:
        p.provider.script([behaviour, "ok"])
        found = await written(p, "en")
        assert (found["failed"], found["attempts"]) == ([], 2)
        assert found["model"] != "local"
        again = p.provider.calls[-1].body["messages"][0]["content"]
        again = again if isinstance(again, str) else again[0]["text"]
        why = again.rpartition("Your last answer could not be used: ")[2]
        assert len(why) < 600
        assert "They talked" not in why


async def test_what_is_refused_is_told_with_its_reason_and_no_more() -> None:
    async with place("openai") as p:
        p.provider.script(["invents_ids"])
        await written(p, "en")
        error = (await p.w.memory.get(KEY))["compaction"]["last_error"]
        assert "not in the record" in error
        assert len(error) < 300


async def test_of_a_few_inventions_the_rest_stays() -> None:
    def one(ask: Ask) -> Answer:
        asked = headings_asked_for(ask)
        assert asked is not None
        text = summary(ask, asked, the_counter().count)
        return Answer(text.replace("### State", "### State\n- [2 assistant] ticket ZX-90417 was opened"))

    async with place("anthropic") as p:
        p.provider.behave(one)
        found = await written(p, "en")
        assert (found["failed"], found["attempts"]) == ([], 1)
        assert found["model"] != "local"
        assert "ZX-90417" not in found["text"]


async def test_pins_are_in_it_whatever_is_written() -> None:
    for behaviour in ("drops_constraints", "half_empty", "ok"):
        async with place("anthropic") as p:
            p.provider.script([behaviour])
            await p.w.append(
                {"role": "user", "content": "The door code is 7714."}, {"role": "assistant", "content": "Noted."}
            )
            await p.w.memory.pin(KEY, 1)
            assert "[1 user] The door code is 7714." in (await written(p, "en"))["text"]


async def test_every_fifth_epoch_is_written_from_the_originals() -> None:
    async with place("anthropic") as p:
        shown: list[Counter[str]] = []

        def watch(ask: Ask) -> str:
            shown.append(Counter(re.findall(r"<notes_so_far>\n|<message seq=\"1\"", ask.user)))
            return "ok"

        p.provider.behave(watch)
        chain = [p.summarizer, LocalSummarizer(the_counter().count)]
        w = build(p.store, policy=ROOMY, summarizers=chain, clock=p.w.clock)
        for epoch in range(1, 7):
            await w.append(*talk("en", 30))
            p.w.clock.pass_(4_000)
            await w.work()
            assert (await w.memory.get(KEY))["epoch"] == epoch
        anchored = [bool(c["<notes_so_far>\n"]) for c in shown]
        assert anchored == [False, True, True, True, False, True], anchored
        assert ['<message seq="1"' in c for c in shown] == [True, False, False, False, True, False]


async def test_a_summary_that_has_drifted_is_written_from_the_originals() -> None:
    async with place("anthropic") as p:
        shown: list[bool] = []

        def watch(ask: Ask) -> str:
            shown.append("<notes_so_far>\n" in ask.user)
            return "ok"

        p.provider.behave(watch)
        chain = [p.summarizer, LocalSummarizer(the_counter().count)]
        w = build(p.store, policy=ROOMY, summarizers=chain, clock=p.w.clock)
        await w.append(*talk("en", 30))
        await w.work()
        window = await p.store.load(KEY)
        assert window.summary is not None
        wrong = re.sub(r"(\d{5}) rows", r"9\1 rows", window.summary.text)
        assert wrong != window.summary.text
        cut = window.session.cut
        await p.store.commit(
            KEY,
            replace(window.summary, epoch=2, from_seq=cut + 1, to_seq=cut + 2, text=wrong),
            expect_uid=window.session.uid,
            expect_epoch=1,
            expect_cut=cut,
            soft_tokens=ROOMY.threshold_tokens,
            factor=None,
            renderer=1,
        )
        await w.append(*talk("en", 30))
        p.w.clock.pass_(4_000)
        await w.work()
        assert shown == [False, False]
