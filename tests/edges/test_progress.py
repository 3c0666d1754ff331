"""Bars of long commands: on a terminal, on standard error, and nowhere else."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memsvc.cli import main
from memsvc.stores.sqlite import SQLiteStore
from tests.contract.making import KEY, OTHER, say


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Standard error is a terminal in the block; then the list has what was shown on it."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    shown: list[str] = []
    with os.fdopen(inner, "w") as file, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", file)
        yield shown
        file.flush()
        os.set_blocking(outer, False)
        shown.append(os.read(outer, 100_000).decode() if file.isatty() else "")
    os.close(outer)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)

    async def make() -> None:
        store = SQLiteStore(f"{tmp_path}/m.db")
        await store.open()
        for key in (KEY, OTHER):
            await say(store, 3, key=key)
        await store.close()

    asyncio.run(make())
    return f"sqlite:///{tmp_path}/m.db"


def test_export_and_import(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with terminal(monkeypatch) as shown:
        assert main(["export", "--store", store]) == 0
    data, _ = capfdbinary.readouterr()
    assert all(json.loads(line) for line in data.splitlines()), "the bar is not among the lines"
    assert "2 sessions" in shown[0]
    file = tmp_path / "out.jsonl"
    file.write_bytes(data)
    with terminal(monkeypatch) as shown:
        assert main(["import", str(file), "--store", f"{store}2"]) == 0
    assert "100%" in shown[0]
    assert "2 sessions imported" in capfdbinary.readouterr().out.decode()


def test_piped_nothing_is_shown(
    store: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)  # not even loaded
    assert main(["export", "--store", store]) == 0
    data, told = capfdbinary.readouterr()
    assert told == b""
    (tmp_path / "out.jsonl").write_bytes(data)
    assert main(["import", f"{tmp_path}/out.jsonl", "--store", f"{store}2"]) == 0
    assert capfdbinary.readouterr().err == b""


def test_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    said = [{"role": role, "content": f"turn {n}"} for n in range(2) for role in ("user", "assistant")]
    lines = [json.dumps({"id": str(n), "messages": said}) for n in range(3)]
    (tmp_path / "chats.jsonl").write_text("\n".join(lines), encoding="utf-8")
    command = ["replay", f"{tmp_path}/chats.jsonl", "--policy", "full", "--json"]
    with terminal(monkeypatch) as shown:
        assert main(command) == 0
    assert "3/3" in shown[0]
    assert json.loads(capsys.readouterr().out)
    assert main(command) == 0
    assert capsys.readouterr().err == ""
