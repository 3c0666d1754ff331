"""`memsvc show`: a session's story in the terminal."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from memsvc.cli import main
from tests.service.world import chat, world


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    path = f"{tmp_path}/m.db"

    async def fill() -> None:
        async with world(path) as w:
            for n in range(2):
                await w.append(*chat(12, tag=f"r{n}t"))
                await w.work()

    asyncio.run(fill())
    return f"sqlite:///{path}"


def test_it_shows_epochs_summary_sources_and_tail(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "s", "--store", store]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("s: 48 messages, epoch 2, mode economic")
    rows = [line for line in shown.splitlines() if " threshold " in line]
    assert [row.startswith("*") for row in rows] == [False, True]
    assert "<conversation_summary>" in shown
    assert "\nnamed    " in shown
    assert "unnamed  " in shown
    assert "r1t11a;" in shown.splitlines()[-1]
    assert main(["show", "s", "--store", store, "--epoch", "1"]) == 0
    assert "summary of epoch 1, for messages 1 to " in capsys.readouterr().out


def test_as_json_and_for_what_is_not_there(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "s", "--store", store, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [s["epoch"] for s in found["summaries"]] == [1, 2]
    assert all(isinstance(s["sources"], list) for s in found["summaries"])
    assert main(["show", "nobody", "--store", store]) == 1
    assert "no session 'nobody'" in capsys.readouterr().err
    assert main(["show", "s", "--store", f"{store}x"]) == 1
