"""Every snippet of the README runs, in order, against a real server process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import re
import shlex
import subprocess
import sys
import threading
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from memsvc.config import load_config
from memsvc.testing.provider import Provider

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"


def snippets(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


@pytest.fixture(scope="module")
def provider_url() -> Iterator[str]:
    """The stand-in for both vendors, in a thread of its own: the snippets wait for what they call."""
    told: queue.Queue[str] = queue.Queue()
    over = threading.Event()

    async def play() -> None:
        async with Provider() as provider:
            told.put(provider.url)
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(play(),))
    thread.start()
    try:
        yield told.get(timeout=30)
    finally:
        over.set()
        thread.join()


@pytest.fixture
def server(tmp_path: Path, provider_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A `memsvc serve` of its own, before that provider; gives its address."""
    for vendor in ("ANTHROPIC", "OPENAI"):
        monkeypatch.setenv(f"{vendor}_API_KEY", "any")
        monkeypatch.delenv(f"{vendor}_BASE_URL", raising=False)
    ways = {"ANTHROPIC": provider_url, "OPENAI": f"{provider_url}/v1"}
    env = {**os.environ, **{f"MEMSVC_GATEWAY_{vendor}_URL": url for vendor, url in ways.items()}}
    command = [sys.executable, "-m", "memsvc", "serve", "--port", "0", "--store", f"sqlite:///{tmp_path}/readme.db"]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield line.split(" serves on ")[1].split(",")[0]
        process.terminate()
        assert process.wait(20) == 0


def run(page: str, server: str) -> dict[str, Any]:
    """Run a page's Python snippets in order; gives the names they leave behind."""
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)
    assert blocks
    for block in blocks:
        exec(compile(block.replace(ADDRESS, server), page, "exec"), names)
    return names


def live(server: str, session: str) -> list[str]:
    """Who speaks in a session, in order."""
    with urllib.request.urlopen(f"{server}/v1/sessions/{session}/history") as reply:
        return [row["message"]["role"] for row in json.load(reply)["messages"] if not row["superseded"]]


def test_python_snippets_run(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # one of them keeps a file
    names = run("README.md", server)
    assert names["reply"].content
    names["client"].close()
    assert live(server, "chat-1") == ["user", "assistant"]
    assert names["turn"].context.request["messages"]


def test_the_two_lines_are_all_that_an_sdks_quickstart_changes(
    provider_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)[0]
    changed = [line for line in code.splitlines() if "base_url" in line or "x-memsvc" in line]
    assert len(changed) == 2
    plain = "\n".join(line for line in code.splitlines() if line not in changed)
    names: dict[str, Any] = {}
    monkeypatch.setenv("ANTHROPIC_BASE_URL", provider_url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
    exec(compile(plain, "quickstart", "exec"), names)
    names["client"].close()
    assert names["reply"].content


def test_the_steps_over_http_run(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    context = run("docs/http.md", server)["context"]
    assert "'ratio'" in capsys.readouterr().out
    assert context["epoch"] >= 1
    assert "<conversation_summary>" in context["messages"][1]["content"]


def test_the_snippets_of_the_gateway_page_run(server: str) -> None:
    names = run("docs/gateway.md", server)
    names["client"].close()
    assert live(server, "chat-1") == ["user", "assistant"]
    assert live(server, "chat-2") == ["user", "assistant", "user", "assistant"]
    page = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("MEMSVC_")]
    assert len(lines) >= 4
    for line in lines:
        load_config(env=dict(word.split("=", 1) for word in shlex.split(line)))


def test_the_snippet_of_the_recall_page_runs(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "recall.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    said = {"messages": [{"role": "user", "content": "Where is parcel 4711?"}]}
    body = json.dumps(said).encode()
    urllib.request.urlopen(urllib.request.Request(f"{server}/v1/sessions/chat-1/messages", body)).close()
    exec(compile(block.replace(ADDRESS, server), "recall.md", "exec"), {})
    shown = capsys.readouterr().out
    assert "[1 user, " in shown
    assert "\nWhere is parcel 4711?\n" in shown


def settings() -> list[dict[str, str]]:
    """The environments of the lines that start the service with a model."""
    block = next(b for b in snippets("sh") if "MEMSVC_SUMMARIZERS" in b)
    lines = [line.removesuffix(" make run") for line in block.splitlines() if line.endswith(" make run")]
    return [dict(word.split("=", 1) for word in shlex.split(line)) for line in lines]


def test_there_are_three_settings_for_models() -> None:
    assert [s["MEMSVC_SUMMARIZERS"].partition(":")[0] for s in settings()] == ["anthropic", "openai", "openai"]


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_each_setting_gives_summaries_by_that_model(number: int, tmp_path: Path) -> None:
    """The real service as its own process, the vendor's SDK in it, a stand-in for the vendor."""
    given = settings()[number]
    vendor, _, model = given["MEMSVC_SUMMARIZERS"].partition(":")
    async with Provider(windows={"qwen3:8b": 32_000}) as provider:
        url = provider.anthropic_url if vendor == "anthropic" else provider.openai_url
        named = [k for k in given if k.endswith("_BASE_URL")] or [f"{vendor.upper()}_BASE_URL"]
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MEMSVC_", "ANTHROPIC_", "OPENAI_"))}
        env |= given | dict.fromkeys(named, url)
        async with serving(tmp_path, env) as (line, address):
            assert f"summaries: {vendor}" in line
            assert "then local" in line
            summaries = await asyncio.to_thread(compacted, address)
        assert summaries[0]["model"] == (model or {"anthropic": "claude-haiku-5-5", "openai": "gpt-6-luna"}[vendor])
        assert [c.model for c in provider.calls if c.method == "POST"] == [s["model"] for s in summaries]


def compacted(address: str) -> list[dict[str, Any]]:
    """Fill a session until it is compacted; its summaries."""

    def call(method: str, path: str, body: object = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(urllib.request.Request(address + path, data, method=method)) as reply:
            return json.load(reply)

    policy = {"threshold_tokens": 2_000, "keep_tokens": 500, "summary_tokens": 600}
    call("PUT", "/v1/sessions/s", {"policy": policy})
    said = [
        {"role": "user", "content": f"Note {n}: parcel {n} weighs {n} kg. " + "And so on. " * 20} for n in range(40)
    ]
    call("POST", "/v1/sessions/s/messages", {"messages": said})
    call("GET", "/v1/sessions/s/context?wait_ms=20000")
    found: list[dict[str, Any]] = call("GET", "/v1/sessions/s/summaries")["summaries"]
    assert found, call("GET", "/v1/sessions/s")["compaction"]
    return found


@contextlib.asynccontextmanager
async def serving(folder: Path, env: dict[str, str]) -> AsyncIterator[tuple[str, str]]:
    """A `memsvc serve` with these settings: its first line and its address."""
    command = [sys.executable, "-m", "memsvc", "serve", "--port", "0", "--store", f"sqlite:///{folder}/readme.db"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE, env=env)
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        yield line, line.split(" serves on ")[1].split(",")[0]
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0


def test_quickstart_is_short() -> None:
    code = [line for line in snippets("python")[0].splitlines() if line.strip()]
    assert len(code) <= 8


def test_shell_snippets_name_real_targets(server: str) -> None:
    curl = next(b for b in snippets("sh") if "curl" in b)
    words = shlex.split(curl.replace(ADDRESS, server).replace("\\\n", " "))
    url, body = next(w for w in words if w.startswith("http")), words[words.index("-d") + 1]
    # curl may be missing where tests run; what it would send is this.
    with urllib.request.urlopen(urllib.request.Request(url, body.encode(), method="POST")) as reply:
        assert json.load(reply)["context"]["messages"] == [{"role": "user", "content": "hello"}]
    targets = set(re.findall(r"`?make ([\w-]+)`?", README))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert not {t for t in targets if not re.search(rf"^{t}:", makefile, re.M)}
