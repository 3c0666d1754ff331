"""The footprint benchmark's own arithmetic."""

from __future__ import annotations

import json
import os

from benchmarks import footprint


def test_resident_memory_is_what_the_kernel_says() -> None:
    before = footprint.rss_mib(os.getpid())
    held = b"x" * (64 << 20)
    assert 60 < footprint.rss_mib(os.getpid()) - before < 70, len(held)


def test_an_append_has_the_messages_and_sizes_asked_for() -> None:
    messages = json.loads(footprint._append(20, 200))["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant"] * 10
    assert {len(m["content"]) for m in messages} <= set(range(190, 201))


def test_the_table_has_a_row_for_each_store_that_was_measured() -> None:
    start = {"rounds": 3, "median_s": 0.5, "cpu_s": 0.4}
    memory = {"messages": 20, "sqlite": {"idle_mib": 100.0, "per_10000_mib": 30.0}}
    text = footprint.table({"start": start, "memory": memory})
    assert "sqlite" in text
    assert "valkey" not in text
