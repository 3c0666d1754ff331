"""The program that times the local summarizer does what it says; how fast is no test's business."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.speed_summarizer import conversation, measure, measure_compacting


def test_it_compacts_a_conversation_twice() -> None:
    found = measure(3_000, rounds=1)
    assert 2_000 < found["tokens"] < 5_000
    assert min(found["first_s"], found["later_s"]) > 0


def test_it_takes_a_set_of_conversations(tmp_path: Path) -> None:
    line = {"messages": [{"role": "system", "content": "x"}, *conversation(3_000)]}
    (tmp_path / "talk.jsonl").write_text(json.dumps(line))
    assert measure(10_000, data=tmp_path / "talk.jsonl", rounds=1)["messages"] == len(line["messages"]) - 1


def test_the_conversation_is_the_same_each_time() -> None:
    assert list(conversation(500)) == list(conversation(500))


def test_fetches_are_counted_beside_compactions() -> None:
    found = measure_compacting(2, 2_000, rounds=1, idle_s=0.1)
    assert min(found["idle_p99_ms"], found["busy_p99_ms"], found["seconds"]) > 0
