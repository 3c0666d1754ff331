"""Every snippet of docs/client.md runs, in order, the vendor's SDK in it against a stand-in for the vendor."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from memsvc.client import Client, Session
from memsvc.testing.provider import Provider
from tests.edges.api import Api

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"


async def test_snippets_run(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    async with Provider() as provider:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.anthropic_url)
        for block in blocks:
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            done = eval(compile(block.replace(ADDRESS, api.url), "client.md", "exec", flags=flags), names)
            if inspect.isawaitable(done):
                await done
        await names["model"].close()  # type: ignore[attr-defined]
        (call,) = [c for c in provider.calls if c.method == "POST"]
    assert call.model == "claude-opus-5-5"
    rows = await api.messages("chat-1")
    assert [row["message"]["role"] for row in rows] == ["user", "assistant"]
    shown = capsys.readouterr().out
    assert "3 user\n" in shown
    assert "not_found" in shown
    assert "tokens would do" in shown
    assert "ready" in shown


@pytest.mark.parametrize("kind", [Client, Session])
def test_every_method_is_on_the_page(kind: type) -> None:
    names = {name for name in vars(kind) if not name.startswith("_")} - {"open", "close"}
    assert not {name for name in names if f"`{name}(" not in PAGE}
