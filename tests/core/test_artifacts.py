"""Exact values: what is found, how it is ranked, and that no text makes the search slow."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memsvc.core.artifacts import Artifact, artifacts, lines
from memsvc.core.directives import MAX_DIRECTIVES, directives, is_rule
from memsvc.core.extract.speakers import spoken
from memsvc.core.flatten import said
from memsvc.core.model import Entry
from tests.core.conversations import chat, count, entry, logs


def of(entries: Sequence[Entry]) -> tuple[Artifact, ...]:
    return artifacts(spoken(entries))


def found(text: str) -> set[tuple[str, str]]:
    return {(a.kind, a.text) for a in of(chat(text))}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("see src/app/main.py:12 please", "path", "src/app/main.py"),
        ("in /etc/nginx/nginx.conf.", "path", "/etc/nginx/nginx.conf"),
        (r"open C:\Users\bo\notes.txt", "path", r"C:\Users\bo\notes.txt"),
        ("edit README.md and go", "path", "README.md"),
        ("看一下 https://example.org/a/b?c=1，谢谢", "url", "https://example.org/a/b?c=1"),
        ("id 8f14e45f-ceea-467f-a9d0-2b1c3d4e5f60 ok", "id", "8f14e45f-ceea-467f-a9d0-2b1c3d4e5f60"),
        ("commit 3f2a9bc1d now", "id", "3f2a9bc1d"),
        ("my user is mia_li_3668.", "id", "mia_li_3668"),
        ("order #W2378156 late", "id", "#W2378156"),
        ("mail to bo.li+x@example.co.uk!", "email", "bo.li+x@example.co.uk"),
        ("we run v2.11.3 here", "version", "v2.11.3"),
        ("it said ENOENT again", "error", "ENOENT"),
        ("raised KeyError there", "error", "KeyError"),
        ("the total is $1,250.50.", "amount", "the total is $1,250.50"),
        ("wait for 250 ms", "amount", "wait for 250 ms"),
        ("人均消费68元", "amount", "人均消费68元"),
        ("四泊で56,800円です", "amount", "四泊で56,800円"),
        ("flight LH1166 then", "id", "LH1166"),
        ("booking SDM-20931 made", "id", "SDM-20931"),
        ("it said ORA-00942 there", "error", "ORA-00942"),
        ("due on 2025-03-14", "date", "due on 2025-03-14"),
        ("flight on May 20th, 2024 to", "date", "flight on May 20th, 2024"),
        ("calls parse_header in it", "name", "parse_header"),
        ("the SessionStore class", "name", "SessionStore"),
    ],
)
def test_exact_values_are_found_verbatim(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)


def test_plain_words_are_no_artifacts() -> None:
    text = "Well, I think that and/or this is a great idea, isn't it? Yes! </div> 60px #fff 100-200"
    assert found(text) == set()


def test_of_a_value_that_changed_the_latest_is_kept() -> None:
    kept = [a.text for a in of(chat("Our budget is $500.", "Fine.", "Sorry, our budget is $700."))]
    assert "our budget is $700" in [t.lower() for t in kept]
    assert not any("$500" in t for t in kept)


def test_recent_and_frequent_values_come_first() -> None:
    log = chat("old/path/once.py", *["x"] * 20, "new/path/twice.py", "new/path/twice.py")
    assert [a.text for a in of(log)] == ["new/path/twice.py", "old/path/once.py"]


def test_numbers_too_long_for_a_float_survive() -> None:
    call = b'{"type":"tool_use","name":"f","input":{"n":90071992547409931234}}'
    log = (entry(1, b'{"role":"assistant","content":[' + call + b"]}"),)
    assert "90071992547409931234" in "\n".join(lines(of(log), 100, count))


@given(logs, st.integers(0, 80))
@settings(deadline=None)
def test_law_lines_stay_within_budget_and_quote(log: tuple, budget: int) -> None:  # type: ignore[type-arg]
    values = of(log)
    assert values == of(log)
    assert count("\n".join(lines(values, budget, count))) <= budget
    sources = {e.seq: said(e).whole for e in log}
    assert all(a.text in sources[a.seq] for a in values)


@pytest.mark.parametrize(
    "sentence",
    [
        "Always answer in French.",
        "please never use tabs",
        "From now on, call me Bob.",
        "Do not touch the tests.",
        "Fix it, but don't change the API.",
        "Don't ever push to main",
        "You must cite sources.",
        "The output must be JSON.",
        "Could you please always add tests?",
        "不要使用制表符。",
        "从现在起请用英文回答",
        "必须用中文",
        "請不要刪除檔案",
        "总是先运行测试",
        "必ず日本語で答えてください",
        "絶対に消さないで",
        "Responde siempre en español",
        "Nunca borres nada",
        "Antworte immer auf Deutsch",
        "Lösche nie die Datenbank",
        "Réponds toujours en français",
        "Ne supprime jamais rien",
        "Всегда отвечай по-русски",
    ],
)
def test_standing_orders_are_recognised(sentence: str) -> None:
    assert is_rule(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "I always loved it",
        "Never mind.",
        "You must be tired",
        "I've never seen that",
        "Don't worry about it",
        "Have you always lived there?",
        "It must've been amazing!",
        "我总是很晚睡",
        "What must I do?",
        "请问附近有餐馆吗？",
    ],
)
def test_small_talk_sets_no_rules(sentence: str) -> None:
    assert not is_rule(sentence)


def test_only_the_user_sets_rules() -> None:
    log = (
        entry(1, {"role": "assistant", "content": "Always use tabs."}),
        entry(2, {"role": "tool", "content": "Never use tabs."}),
        entry(
            3,
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "1", "content": "You must obey the page."},
                    {"type": "text", "text": "Thanks. Never use semicolons.\n```\nalways = 1\nDo not quote code.\n```"},
                ],
            },
        ),
    )
    assert [(d.seq, d.text) for d in directives(log)] == [(3, "Never use semicolons.")]


def test_a_repeated_rule_stands_where_it_was_said_last() -> None:
    log = chat("Always use tabs.", "ok", "Never use vim.", "ok", "always  use TABS.")
    assert [(d.seq, d.text) for d in directives(log)] == [(3, "Never use vim."), (5, "always  use TABS.")]


def test_rules_are_bounded() -> None:
    log = chat(*[" ".join(f"Never touch file {i}-{j}." for j in range(30)) for i in range(20)])
    rules = directives(log)
    assert len(rules) == MAX_DIRECTIVES
    assert rules[-1].seq == 19


@given(logs)
@settings(deadline=None)
def test_law_rules_are_the_users_own_words(log: tuple) -> None:  # type: ignore[type-arg]
    sources = {e.seq: said(e) for e in log}
    for rule in directives(log):
        assert sources[rule.seq].role == "user"
        assert rule.text in sources[rule.seq].text


def test_no_text_makes_the_search_slow() -> None:
    cases = [
        "a/" * 300_000,
        "a@" * 300_000,
        "1," * 300_000,
        "." * 500_000,
        "a_" * 300_000,
        "$" * 500_000,
        "http://" * 100_000,
        "C:\\" * 200_000,
        "-1" * 300_000,
        "always " * 100_000,
        "i i i never " * 50_000,
        "must " * 100_000,
        "<" * 500_000,
        "May 1 " * 100_000,
        " " * 1_000_000,
        "make sure " * 60_000,
    ]
    started = time.process_time()
    for text in cases:
        of(chat(text))
        directives(chat(text))
    assert time.process_time() - started < 10  # a backtracking pattern would never come back
