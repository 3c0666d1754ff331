"""Routing: scores that can be read, tiers that follow from them, and how well tasks are told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.route import LOOKED_AT, TABLE, TIERS, Asked, Table, Tier, chain, score, task_of

LABELLED = [
    ("qa", "What is the capital of Australia?"),
    ("qa", "When does the shop open on Sundays?"),
    ("qa", "这家店几点开门？"),
    ("translation", "Translate the following paragraph: The contract ends in May."),
    ("translation", "请把这句话翻译成英文：明天见。"),
    ("translation", "Kannst du das bitte ins Englische übersetzen: Wir sehen uns morgen."),
    ("summary", "Summarize the meeting notes below in five points."),
    ("summary", "Please give me a tl;dr of this thread."),
    ("summary", "请总结一下上面的会议记录。"),
    ("summary", "Fais un résumé de cet article."),
    ("code_review", "Please review my pull request, it changes the retry logic."),
    ("code_review", "Refactor this so that it does not block the event loop."),
    ("code_review", "Can you find the bug in this function? It returns None."),
    ("code_review", "帮我重构这段代码"),
    ("reasoning", "Prove that the square root of 2 is irrational."),
    ("reasoning", "Think step by step: three switches, one lamp, one look."),
    ("reasoning", "What was the root cause of the outage, given the three logs?"),
    ("reasoning", "证明这个数列收敛。"),
    ("architecture", "Design a multi-tenant billing service; what are the trade-offs of event sourcing?"),
    ("architecture", "How would you split this monolith into microservices?"),
    ("architecture", "我们的系统架构应该怎么设计？"),
    ("chat", "Thanks, that worked. I am going for a walk now."),
    ("chat", "Write a birthday card for my sister, she likes cats."),
    ("chat", "Book me the table for eight, the one by the window."),
]


def test_every_task_of_the_labelled_set_is_told() -> None:
    assert [task_of(text) for _, text in LABELLED] == [task for task, _ in LABELLED]


def test_a_score_is_the_sum_of_its_parts_and_says_so() -> None:
    found = score(Asked("Review my code:\n```python\ndef f():\n    pass\n```", 9_000, "code_review", tools=True))
    assert found.parts == (("code_review", 0.6), ("length", 0.1), ("code", 0.15), ("tools", 0.1))
    assert (found.value, found.tier, found.told) == (0.95, "pro", True)
    assert str(found) == "pro (code_review 0.6 + length 0.1 + code 0.15 + tools 0.1 = 0.95)"


@pytest.mark.parametrize(
    ("task", "tier"),
    [
        ("qa", "nano"),
        ("translation", "nano"),
        ("summary", "nano"),
        ("chat", "nano"),
        ("code_review", "standard"),
        ("reasoning", "pro"),
        ("architecture", "pro"),
    ],
)
def test_the_tier_of_a_task_alone(task: str, tier: Tier) -> None:
    assert score(Asked("hm", 10, task)).tier == tier


def test_a_task_that_is_not_known_is_looked_for_in_the_text() -> None:
    found = score(Asked("Prove it.", 10, "poetry"))
    assert (found.task, found.told) == ("reasoning", False)
    assert score(Asked("x", 1, table_task := "qa"), Table(tasks={"chat": 0.5})).parts == (("chat", 0.5),), table_task


@pytest.mark.parametrize(
    "text",
    [
        "```\nx\n```",
        "def main():\n    run()",
        "import os\nimport sys;",
        "Traceback (most recent call last):",
        "SELECT id FROM users WHERE 1",
        "--- a/x.py\n+++ b/x.py",
        "$ ls -la",
        "    at Object.run (index.js:3)",
        "<div>x</div>",
    ],
)
def test_code_is_seen(text: str) -> None:
    assert "code" in dict(score(Asked(text, 10)).parts)


@pytest.mark.parametrize("text", ["I import wine from Italy", "return to sender", "Class starts at nine.", "a < b > c"])
def test_prose_is_no_code(text: str) -> None:
    assert "code" not in dict(score(Asked(text, 10)).parts)


def test_only_the_ends_of_a_long_text_are_looked_at() -> None:
    assert "code" not in dict(score(Asked("a" * LOOKED_AT + "```" + "b" * LOOKED_AT, 10)).parts)
    assert "code" in dict(score(Asked("a" * 10**6 + "```", 10)).parts)


@given(st.text(max_size=300), st.integers(0, 10**7), st.booleans(), st.sampled_from([None, *TABLE.tasks, "other"]))
def test_every_request_has_a_tier(text: str, tokens: int, tools: bool, task: str | None) -> None:
    found = score(Asked(text, tokens, task, tools))
    assert found.tier in TIERS
    assert 0 < found.value <= 1
    assert found.value == min(1.0, round(sum(dict(found.parts).values()), 6))
    more = score(Asked(text, tokens + 10**5, task, True))
    assert TIERS.index(more.tier) >= TIERS.index(found.tier), "more to do never asks for less"


def test_the_chain_falls_to_cheaper_models_and_rises_only_where_it_may() -> None:
    models: dict[Tier, list[str]] = {"nano": ["n1", "n2"], "standard": ["s", "n1"], "pro": ["p"]}
    assert chain("standard", models, up=False) == ["s", "n1", "n2"]
    assert chain("standard", models) == ["s", "n1", "n2", "p"]
    assert chain("pro", models) == ["p", "s", "n1", "n2"]
    assert chain("nano", {"pro": ["p"]}) == ["p"]
    assert chain("nano", {"pro": ["p"]}, up=False) == []
