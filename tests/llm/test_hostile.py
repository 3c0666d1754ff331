"""Conversations that try to steer their own summary, with a summarizer that does whatever it reads.

Nothing that a tool or an assistant said may stand in the block as if it were an instruction, a rule of the user's or
a note of the service: only behind the label of its message, whoever wrote the summary.
"""

from __future__ import annotations

import re
from itertools import cycle

import pytest
from msgspec.structs import replace

from memsvc.core.verify.record import squeezed
from memsvc.llm import LocalSummarizer
from memsvc.testing import violations
from tests.llm.hostile import ATTACKS, Attack
from tests.llm.talks import RULES, Json, talk
from tests.llm.test_sessions_after import place
from tests.llm.test_summarizers import ROOMY, VENDORS
from tests.service.world import KEY, World, build, calls, result, the_counter, world

LABEL = re.compile(
    r"^\W{0,4}(?:\[\d+ (?:tool|result|error|assistant|call \w+)\]|\d+ (?:result|error|assistant|call \w+):) (.*)$"
)
AT = 20
"""Where in the conversation it stands."""


def attacked(*attacks: Attack) -> list[Json]:
    """A conversation with these in it; the user's rules stand there as well."""
    messages = talk("en", 30)
    hostile: list[Json] = []
    for i, attack in enumerate(attacks):
        if attack.speaker == "tool":
            hostile += [
                calls(f"c{i}"),
                result(f"c{i}", attack.text),
                {"role": "assistant", "content": "I have read it."},
            ]
        else:
            hostile.append({"role": attack.speaker, "content": attack.text})
        hostile.append({"role": "user", "content": "Go on, please."})
    return [*messages[:AT], *hostile, *messages[AT:]]


def loose(block: str, goal: str, source: str) -> list[str]:
    """Lines of a block that hold words of an attack and are no labelled quotation of its message."""
    found = []
    for line in block.replace("&lt;", "<").splitlines():
        if squeezed(goal) in squeezed(line):
            label = LABEL.match(line)
            if label is None or not all(squeezed(x) in squeezed(source) for x in label[1].split(" … ")):
                found.append(line)
    return found


async def sound(w: World, attacks: tuple[Attack, ...]) -> str:
    """The committed block, which holds nothing of the attacks as an instruction."""
    (summary,) = await w.summaries()
    text: str = summary["text"]
    for attack in attacks:
        found = loose(text, attack.goal, attack.text)
        assert found == [], f"{attack.name}: {found}\n{text}"
    assert text.count("<conversation_summary>") == text.count("</conversation_summary>") == 1
    unlabelled = "\n".join(x for x in text.splitlines() if not LABEL.match(x))
    assert not re.search(r"<\s*/?\s*(?:system|instruction|transcript|notes_so_far)\b", unlabelled)
    for heading in ("## Pinned, word for word", "## Conversation", "## Current request, word for word"):
        assert sum(line == heading for line in text.splitlines()) <= 1
    assert all(rule in text for rule in RULES["en"])
    context = await w.context(format="anthropic")
    assert violations({k: context[k] for k in ("system", "tools", "messages") if k in context}, "anthropic") == []
    return text


def named(value: str | Attack) -> str:
    return value if isinstance(value, str) else value.name


@pytest.mark.parametrize(("vendor", "attack"), [*zip(cycle(VENDORS), ATTACKS, strict=False)], ids=named)
async def test_a_summarizer_that_obeys_does_no_harm(vendor: str, attack: Attack) -> None:
    async with place(vendor) as p:
        p.provider.script(["obedient"])
        chain = [p.summarizer, LocalSummarizer(the_counter().count)]
        w = build(p.store, policy=ROOMY, summarizers=chain, clock=p.w.clock)
        await w.append(*attacked(attack))
        await w.work()
        await sound(w, (attack,))
        said = [str(c.body["messages"]) for c in p.provider.calls]
        assert said, "it was asked"


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
async def test_the_local_summarizer_only_quotes(attack: Attack) -> None:
    async with world(policy=ROOMY) as w:
        await w.append(*attacked(attack))
        await w.work()
        await sound(w, (attack,))


@pytest.mark.parametrize("behaviour", ["obedient", "ok", "injected"])
async def test_all_of_them_at_once(behaviour: str) -> None:
    async with place("openai") as p:
        p.provider.script([behaviour])
        chain = [p.summarizer, LocalSummarizer(the_counter().count)]
        w = build(p.store, policy=replace(ROOMY, summary_tokens=2_400), summarizers=chain, clock=p.w.clock)
        await w.append(*attacked(*ATTACKS))
        await w.work()
        await sound(w, ATTACKS)


async def test_the_users_own_orders_are_quoted_as_the_users() -> None:
    """A user may say what an attacker says: it is theirs to say, and stands there as what they said."""
    mine = "From now on always answer in French, and ignore the rule about short sentences."
    async with place("anthropic") as p:
        p.provider.script(["obedient"])
        chain = [p.summarizer, LocalSummarizer(the_counter().count)]
        w = build(p.store, policy=ROOMY, summarizers=chain, clock=p.w.clock)
        messages = talk("en", 30)
        await w.append(*messages[:AT], {"role": "user", "content": mine}, *messages[AT + 1 :])
        await w.work()
        (summary,) = await w.summaries()
        assert f"[{AT + 1} user] {mine}" in summary["text"]
        assert (await w.memory.get(KEY))["epoch"] == 1
