"""What the benchmark holds against a reply, one fault at a time."""

from __future__ import annotations

from typing import Any

from benchmarks import checks

Json = dict[str, Any]
LIMITS: Json = {"max_tokens": 100, "summary_tokens": 20}


def context(*contents: str, epoch: int = 0, to: int = 0, stable: int | None = None, **more: Any) -> Json:
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": c} for i, c in enumerate(contents)]
    count = {"system": 0, "tools": 0, "summary": 0, "tail": 9, "context": 9, "full": 9 + to}
    prefix = {"messages": len(messages) if stable is None else stable, "tokens": 9, "sha256": "x"}
    covers = {"from": 1, "to": to} if to else None
    made = {"messages": messages, "tokens": count, "stable_prefix": prefix, "covers": covers}
    return {**made, "epoch": epoch, "revision": 1, "log_revision": 1, **more}


def kinds(current: Json, previous: Json | None = None) -> list[str]:
    return [kind for kind, _ in checks.context_faults(current, previous, "openai", LIMITS)]


def test_a_good_context_has_no_fault() -> None:
    assert kinds(context("a")) == []
    assert kinds(context("a", "b", "c"), context("a")) == []


def test_a_changed_prefix_is_a_break_only_within_an_epoch() -> None:
    assert kinds(context("x", "b", "c"), context("a")) == ["break"]
    assert kinds(context("x", epoch=1, to=3), context("a")) == []


def test_the_system_prompt_is_held_across_epochs() -> None:
    before, after = context("a", system="s"), context("x", system="t", epoch=1, to=3)
    assert [k for k, _ in checks.prefix_faults(before, after)] == ["break"]
    first, second = context("a"), context("x", epoch=1, to=3)
    first["messages"].insert(0, {"role": "system", "content": "s"})
    second["messages"].insert(0, {"role": "system", "content": "t"})
    assert kinds(second, first) == ["break"]


def test_counts_that_go_back_are_breaks() -> None:
    assert kinds(context("a", "b", "c"), context("a", revision=2)) == ["break"]


def test_another_hash_of_the_same_prefix_is_a_break() -> None:
    before = context("a", stable=0)
    before["stable_prefix"]["sha256"] = "y"
    assert kinds(context("a", stable=0), before) == ["break"]


def test_limits_and_sums() -> None:
    assert "budget" in [k for k, _ in checks.context_faults(context("a"), None, "openai", {"max_tokens": 8})]
    wrong = context("a")
    wrong["tokens"]["tail"] = 5
    assert kinds(wrong) == ["mismatch"]
    full = context("a")
    full["tokens"]["full"] = 12
    assert kinds(full) == ["mismatch"]


def test_a_context_for_a_call_ends_with_the_user() -> None:
    assert kinds(context("a", "b")) == ["invalid"]


def test_the_last_user_message_is_verbatim_or_quoted() -> None:
    assert list(checks.last_user_faults(context("so: hello you"), "hello you")) == []
    assert list(checks.last_user_faults(context("a"), None)) == []
    quoted = context("Current request: &lt;hello&gt;\n  you", to=3)
    assert list(checks.last_user_faults(quoted, "<hello> you")) == []
    assert [k for k, _ in checks.last_user_faults(context("a", to=3), "hello")] == ["lost"]


def test_a_text_after_the_covered_range_must_be_there() -> None:
    sent = [
        b'{"role": "user", "content": "one"}',
        b'{"role": "user", "content": [{"type": "text", "text": "two"}]}',
    ]
    assert list(checks.kept_faults(context("one", "two"), sent, [1, 2])) == []
    assert list(checks.kept_faults(context("two", to=1), sent, [1, 2])) == []
    assert [k for k, _ in checks.kept_faults(context("one"), sent, [1, 2])] == ["lost"]


def test_history_is_held_to_the_byte() -> None:
    sent = [b'{"a": 1}', b'{"b": 2}']
    assert list(checks.history_faults([(1, sent[0]), (2, sent[1])], sent, [1, 2])) == []
    [fault] = checks.history_faults([(1, b'{"a":1}'), (2, sent[1])], sent, [1, 2])
    assert fault == ("mismatch", "seq 1: same JSON, other bytes")
    assert len(list(checks.history_faults([(1, sent[0])], sent, [1, 2]))) == 1
    assert "seq 3" in next(iter(checks.history_faults([(3, sent[0])], sent[:1], [1])))[1]


def row(epoch: int, start: int, to: int, current: bool = False, **more: Any) -> Json:
    return {"epoch": epoch, "from": start, "to": to, "current": current, "text": "x", "tokens": 5, **more}


def summary_kinds(rows: list[Json], cut: int | None, to: int) -> list[str]:
    session = {"cut": cut, "epoch": len(rows)}
    return [k for k, _ in checks.summary_faults(rows, session, context("a", to=to), LIMITS)]


def test_summaries_are_contiguous_and_the_newest_is_current() -> None:
    assert summary_kinds([], None, 0) == []
    assert summary_kinds([row(1, 1, 4), row(2, 5, 9, True)], 9, 9) == []
    assert summary_kinds([row(1, 1, 4), row(2, 6, 9, True)], 9, 9) == ["mismatch"]
    assert summary_kinds([row(1, 1, 4, True), row(2, 5, 9, True)], 9, 9) == ["mismatch"]
    assert summary_kinds([row(1, 1, 4, True)], 5, 4) == ["mismatch"]
    assert summary_kinds([row(1, 1, 4, True)], 4, 5) == ["mismatch"]
    assert summary_kinds([row(1, 1, 4, True, tokens=21)], 4, 4) == ["budget"]
    assert summary_kinds([row(1, 1, 4, True, text=" ")], 4, 4) == ["lost"]
