"""`memsvc replay`: the requests that would have been sent, and what they come to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from memsvc.cli import main
from memsvc.replay.bill import blocks

TEXT = "time year people way day thing world life hand part child eye place work week case point"
WORDS = TEXT.split()


def text(n: int, size: int = 120) -> str:
    return f"turn {n}: " + " ".join(WORDS[(n * 7 + i * i) % len(WORDS)] for i in range(size))


def chat(turns: int, *, gap: float = 30.0, pause_at: int | None = None) -> dict[str, Any]:
    """A conversation of plain turns, with one long pause."""
    messages, at, now = [], [], 1_000.0
    for n in range(turns):
        now += 4_000.0 if n == pause_at else gap
        messages += [{"role": "user", "content": text(2 * n)}, {"role": "assistant", "content": text(2 * n + 1)}]
        at += [now, now + 5.0]
    return {"id": f"chat-{turns}", "messages": messages, "at": at, "system": text(99, 900)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "chats.jsonl"
    made.write_text("\n".join(json.dumps(c) for c in (chat(60, pause_at=20), chat(8))), encoding="utf-8")
    return made


SMALL = ("--keep-tokens", "600", "--summary-tokens", "400", "--threshold-tokens", "100000")


def run(*args: object) -> int:
    return main(["replay", *map(str, args)])


def requests(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_every_request_within_an_epoch_begins_with_the_one_before(file: Path, tmp_path: Path, provider: str) -> None:
    out = tmp_path / "out.jsonl"
    asked = ("--provider", provider, "--policy", "economic", "--requests", out)
    assert run(file, *SMALL, *asked, "--summarizer", "fixed:0.12,150,400") == 0
    lines = requests(out)
    calls = [line for line in lines if "body" in line]
    assert len(calls) == 68
    assert max(c["epoch"] for c in calls) >= 2
    assert sum("summarizer" in line for line in lines) == max(c["epoch"] for c in calls)
    for before, now in pairwise(calls):
        if (before["id"], before["epoch"]) == (now["id"], now["epoch"]):
            old, new = [*blocks(before["body"])], [*blocks(now["body"])]
            assert new[: len(old)] == old
    assert {c["epoch"] for c in calls if c["id"] == "chat-8"} == {0}, "too short to compact"


def test_the_first_request_after_a_long_pause_is_compacted_already(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert run(file, *SMALL, "--policy", "economic", "--requests", out) == 0
    calls = [line for line in requests(out) if "body" in line and line["id"] == "chat-60"]
    (jump,) = [n for n in range(1, 60) if calls[n]["t"] - calls[n - 1]["t"] > 3_000]
    assert calls[jump]["epoch"] == calls[jump - 1]["epoch"] + 1


def figures(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    found: Sequence[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return {row["policy"]: row for row in found}


def test_all_policies_side_by_side(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert run(file, *SMALL, "--summarizer", "fixed:0.12,150,400", "--json", "--html", page) == 0
    found = figures(capsys)
    assert set(found) == {"full", "window", "buffer", "threshold", "economic"}
    assert {row["calls"] for row in found.values()} == {68}
    assert found["full"]["to_full"] == 1.0
    assert found["economic"]["to_full"] < 0.8
    assert found["economic"]["total_usd"] < min(found[name]["total_usd"] for name in ("window", "buffer", "threshold"))
    assert found["economic"]["hit_ratio"] > found["window"]["hit_ratio"]
    assert found["full"]["compactions"] == found["threshold"]["compactions"] == 0
    shown = page.read_text(encoding="utf-8")
    assert shown.count("<polyline") == 5
    assert "<script" not in shown


def test_a_table_and_a_sentence_for_people(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file, *SMALL, "--policy", "economic") == 0
    shown = capsys.readouterr().out
    assert "2 conversations, claude-sonnet-5-5" in shown
    assert "less." in shown
    assert shown.index("\nfull ") < shown.index("\neconomic ")


def test_short_conversations_cost_the_same_and_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "short.json"
    file.write_text(json.dumps(chat(8)), encoding="utf-8")
    assert run(file, "--policy", "economic") == 0
    assert "too short to compact" in capsys.readouterr().out


def test_a_late_summary_is_used_later(tmp_path: Path) -> None:
    first = []
    file = tmp_path / "chat.json"
    file.write_text(json.dumps(chat(60)), encoding="utf-8")
    for seconds in ("0", "200"):
        out = tmp_path / f"{seconds}.jsonl"
        assert run(file, *SMALL, "--policy", "economic", "--requests", out, "--summarizer-latency", seconds) == 0
        first.append(next(line["t"] for line in requests(out) if line.get("epoch")))
    assert first[0] < first[1]


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("--model", "gpt-unheard-of"), "is not known"),
        (("--summarizer-model", "nobody"), "is not known"),
        (("--requests", "out.jsonl"), "needs one --policy"),
    ],
)
def test_what_cannot_be_done_is_said(
    file: Path, args: tuple[str, ...], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(file, *args) == 2
    assert what in capsys.readouterr().err


@pytest.mark.parametrize("args", [("--policy", "best"), ("--summarizer", "fixed:2,1,1"), ("--keep-tokens", "0")])
def test_wrong_usage(file: Path, args: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(file, *args)
    assert ended.value.code == 2


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "none.jsonl") == 1
    assert "none.jsonl" in capsys.readouterr().err


def test_long_outputs_of_tools_are_cut_in_memsvcs_own_policies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "look around"}]
    for n in range(6):
        call = {"id": f"c{n}", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{n}", "content": text(n, 2_000)},
        ]
    messages.append({"role": "assistant", "content": "done"})
    file = tmp_path / "agent.jsonl"
    file.write_text(json.dumps({"id": "agent", "messages": messages, "format": "openai"}))
    costs = []
    for more in ((), ("--tool-output-tokens", "200")):
        assert run(file, "--provider", "openai", "--policy", "full,economic", "--json", *more) == 0
        found = figures(capsys)
        costs.append((found["full"]["usd"], found["economic"]["usd"]))
    (full, plain), (full_again, cut) = costs
    assert full == full_again
    assert cut < plain * 0.5
