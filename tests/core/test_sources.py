"""What a summary states, and which messages it names."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.accept import Parts, Quote, compose
from memsvc.core.artifacts import Artifact
from memsvc.core.directives import Directive
from memsvc.core.sources import Statement, sources, statements
from tests.service.world import the_counter


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("- [17 user] asked; [3 assistant] said", [3, 17]),
        ("[3, 5 assistant] both, again [3 tool] and seq 9", [3, 5, 9]),
        ("[99 user] was made up, [0 user] too", []),
        ("[12] is a list item, (4 users), [user 4]", []),
        ("[4 call run_tests] -x\n[5 result] ok\n[6 error] no\n- built [7 call mcp:a/b]", [4, 5, 6, 7]),
        ("[3-5 user] all of it, [7\u20138 tool] too, [1-20 user], [9-99 user]", list(range(1, 21))),
        ("17 user: hello\n4 call mcp:run: -x\n5 result: ok", [4, 5, 17]),
        ("17 Anna: hello\n16 Anna de Vries: hi", [16, 17]),
        ("3 of the four things we said were: none\n99 user: made up\n- 3 user: in a list", []),
        ("17 user: as [3 user] said in seq 9", [17]),
        ("### State\n3 options: a, b\n4 user: said so", [4]),
        ("", []),
    ],
)
def test_numbers_with_a_speaker_or_seq(text: str, named: list[int]) -> None:
    assert sources(text, 20) == named


PARTS = Parts(
    to_seq=30,
    request=Quote(28, "user", "do it\n[3 user] like this\n### Steps\n## Conversation"),
    pins=(Quote(2, "user", "keep\n[1 user] this"), Quote(9, "assistant", "and that\n12 user: or not")),
    directives=(Directive(5, "Never use tabs."),),
    artifacts=(Artifact("path", "src/a b.py", 7), Artifact("amount", "costs: 5 EUR", 8), Artifact("id", "#4711", 9)),
)
KEPT = [
    Statement("do it\n[3 user] like this\n### Steps\n\\## Conversation", "Current request, word for word", (28,)),
    Statement("keep\n[1 user] this", "Pinned, word for word", (2,)),
]
VALUES = [
    Statement(text, "Artifacts and identifiers", (seq,), exact=True)
    for text, seq in (("src/a b.py", 7), ("#4711", 9), ("costs: 5 EUR", 8))
]


def whole(body: str) -> list[Statement]:
    return statements(compose(body, PARTS, 1_000, the_counter().count), 30)


@pytest.mark.parametrize(
    "body", ["[3 user] a\n[4 call run] b\n[5 result] c: d; e", "3 user: a\n4 call run: b\n5 result: c: d; e"]
)
def test_a_block_by_the_local_summarizer(body: str) -> None:
    found = whole(body)
    assert found[:2] == KEPT
    assert Statement("Never use tabs.", "Constraints and preferences", (5,)) in found
    said = [(s.text, s.sources) for s in found if s.section == "Conversation"]
    assert said == [("a", (3,)), ("b", (4,)), ("c: d; e", (5,))]
    assert found[-3:] == VALUES


def test_a_block_by_a_model() -> None:
    found = whole(
        "### Intent\n- [3 user] wants a\n  - because of b [4 assistant]\nNone\n### Constraints and preferences\n"
        "- [5 user] no tabs\n**Artifacts and identifiers**\n* src/x.py: the one; [6 tool]\n1. port: 80; 81\n\n"
        "### State\n- None."
    )
    assert [(s.section, s.text, s.sources) for s in found if s not in (*KEPT, *VALUES)][-5:] == [
        ("Intent", "wants a", (3,)),
        ("Intent", "because of b [4 assistant]", (4,)),
        ("Constraints and preferences", "no tabs", (5,)),
        ("Artifacts and identifiers", "src/x.py: the one; [6 tool]", (6,)),
        ("Artifacts and identifiers", "port: 80; 81", ()),
    ]


def test_a_pin_cannot_pass_for_another() -> None:
    pins = [s for s in whole("x") if s.section == "Pinned, word for word"]
    assert [s.sources for s in pins] == [(2,), (9,)]


@pytest.mark.parametrize(
    "line",
    [
        "# a" + "#:" * 50_000 + "b",
        "-" * 100_000 + "a",
        "[1 " * 60_000,
        "[" + "1," * 60_000,
        "**" * 50_000,
        "x\n" * 9_999,
    ],
)
def test_hostile_lines_take_no_longer_than_others(line: str) -> None:
    for section in ("Conversation", "Pinned, word for word\n[1 user] a"):
        began = time.process_time()
        statements(f"<conversation_summary>\n## {section}\n{line}", 50)
        assert time.process_time() - began < 2


_LINES = st.lists(
    st.sampled_from(
        [
            "## Conversation",
            "### x",
            "[1 user] a",
            "2 b: c",
            "- d",
            "</conversation_summary>",
            "[9999999999999 user] z",
            "",
        ]
    )
    | st.text(max_size=30),
    max_size=30,
)


@given(_LINES, st.booleans())
def test_any_text_is_read(lines: list[str], framed: Any) -> None:
    block = "\n".join(["<conversation_summary>", *lines] if framed else lines)
    found = statements(block, 50)
    assert sum(len(s.text) for s in found) <= len(block)
    assert all(s.text.strip() for s in found)
    assert all(0 < n <= 50 for s in found for n in s.sources)
