"""Law 11: the same log gives the same bytes, in any process."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.model import FORMATS, Entry, Format, Settings
from memsvc.core.render.context import Style, style
from tests.laws.contexts import SYSTEMS, TOOLS, settings_strategy, styles, view
from tests.laws.strategies import logs
from tests.laws.writer import Json, Log, entry

CHILD = """
import base64, json, sys
from tests.laws.test_law11_deterministic import digest
print(digest([(s, f, base64.b64decode(r)) for s, f, r in json.load(sys.stdin)]))
"""


def digest(log: list[tuple[int, Format, bytes]]) -> str:
    """A hash of one log's contexts in every style."""
    entries = [entry(s, raw, f) for s, f, raw in log]
    hasher = hashlib.sha256()
    for target in FORMATS:
        for marks in (True, False):
            chosen = style(target, marks=marks, model="gpt-6-sol", ttl="1h", placement="user")
            hasher.update(view(entries, chosen, Settings(system=SYSTEMS[4], tools=TOOLS[1])).body())
    return hasher.hexdigest()


@given(logs(), styles, settings_strategy, st.integers(0, 4))
def test_the_same_log_gives_the_same_bytes(log: Log, chosen: Style, settings: Settings, bound: int) -> None:
    copies = [Entry(e.seq, bytes(bytearray(e.raw)), e.format, 10, e.at, None, 0, e.revision) for e in log.entries]
    again = view(copies, chosen, settings, bound=bound).body()
    assert view(log.entries, chosen, settings, bound=bound).body() == again


@given(logs(), st.integers(1, 10))
def test_the_context_depends_on_messages_not_on_when_and_how_they_came(log: Log, epoch: int) -> None:
    moved = [Entry(e.seq, e.raw, e.format, 10, e.at + 99, f"id{e.seq}", epoch, e.revision) for e in log.entries]
    chosen = style("anthropic", marks=True, model=None, ttl="5m", placement="user")
    assert view(moved, chosen).body() == view(log.entries, chosen).body()


def test_processes_with_other_hash_seeds_agree() -> None:
    calls = [{"type": "tool_use", "id": i, "name": "run", "input": {"z": 1, "a": 2}} for i in ("a", "a", "no id!")]
    results = [{"type": "tool_result", "tool_use_id": i, "content": "x", "is_error": None} for i in ("no id!", "b")]
    nothing: Json = {"refusal": None, "audio": None, "function_call": None, "annotations": [], "id": "x", "model": "m"}
    messages: list[tuple[Format, Json]] = [
        ("openai", {"role": "assistant", "content": "hi", "tool_calls": [], **nothing}),
        ("anthropic", {"role": "assistant", "content": [{"type": "text", "text": "x", "id": "1"}, *calls]}),
        ("anthropic", {"role": "user", "content": [{"type": "text", "text": "t", "citations": []}, *results]}),
        ("openai", {"role": "user", "content": "next", "name": "ann"}),
        ("responses", {"type": "reasoning", "id": "rs", "summary": [], "status": None, "encrypted_content": None}),
        ("responses", {"type": "function_call", "call_id": "a", "id": "fc", "name": "f", "arguments": "", **nothing}),
        ("responses", {"type": "shell_call", "call_id": "b", "action": {"commands": ["ls"]}}),
    ]
    log = [(i + 1, f, json.dumps(m).encode()) for i, (f, m) in enumerate(messages)]
    sent = json.dumps([(s, f, base64.b64encode(r).decode()) for s, f, r in log])
    found = {digest(log)}
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", CHILD], input=sent, capture_output=True, text=True, env=environment, check=True
        )
        found.add(done.stdout.strip())
    assert len(found) == 1
