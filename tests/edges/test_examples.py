"""Every file of examples/ runs as it stands, against the stand-in for the vendors' APIs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from memsvc.app import App
from memsvc.config import Config
from memsvc.testing.provider import Provider
from tests.edges.api import Api, serving
from tests.processes.running import ROOT

SCRIPTS = {
    "anthropic_sdk": "> My order number is 4711.\nYou wrote",
    "openai_chat": "> My order number is 4711.\nYou wrote",
    "openai_responses": "> My order number is 4711.\nYou wrote",
    "streaming": '> Tell me about Porto.\nYou wrote "Tell me about Porto.". Noted as ',
    "tools": "get_weather({'city': ",
    "gateway": 'GPT: You wrote "What is my order number?"',
    "mcp_client": "[1 user] The release is on 12 May; the branch is release/4.2.\n",
}
"""What each prints, among other things."""
BACKENDS = ["fastapi_backend", "aiohttp_backend"]
PATIENCE_S = 90.0


@dataclass
class Ran:
    """How it went.

    Attributes:
        ended: exit status by script.
        chats: by backend: the answers to two questions, and the chat as it shows it.
        calls: requests that the vendors got, by the first question in them.
    """

    folder: Path
    ended: dict[str, int]
    chats: dict[str, tuple[list[str], list[Any]]]
    calls: list[dict[str, Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ran(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ran]:
    """All of them at once: scripts to their end, backends until they have been asked."""
    folder = tmp_path_factory.mktemp("examples")
    command = folder / "memsvc"  # as an installed package would have it
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m memsvc "$@"\n', encoding="utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    async with contextlib.AsyncExitStack() as stack:
        provider = await stack.enter_async_context(Provider())
        ways = {"gateway_anthropic_url": provider.url, "gateway_openai_url": provider.openai_url}
        api = await stack.enter_async_context(_service(Config(store="sqlite://:memory:", **ways)))
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MEMSVC_")},
            **{"ANTHROPIC_BASE_URL": provider.anthropic_url, "ANTHROPIC_API_KEY": "any"},
            **{"OPENAI_BASE_URL": provider.openai_url, "OPENAI_API_KEY": "any"},
            **{"MEMSVC_URL": api.url, "PORT": "0", "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
            **{"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        }
        arguments = ["-W", "error", "-m", "tests.edges.forked", str(ROOT / "examples")]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments, ",".join(SCRIPTS), ",".join(BACKENDS)),
            cwd=folder,
            env=env,
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                yield await _seen(process, folder, provider)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def _service(config: Config) -> AsyncIterator[Api]:
    app = App(config)
    await app.open()
    try:
        async with serving(app.memory, gateway=app.gateway) as api:
            yield api
    finally:
        await app.close()


async def _seen(process: asyncio.subprocess.Process, folder: Path, provider: Provider) -> Ran:
    assert process.stdout is not None
    assert process.stdin is not None
    lines: list[str] = []
    ended: dict[str, int] | None = None
    chats: dict[str, tuple[list[str], list[Any]]] = {}
    while ended is None or len(chats) < len(BACKENDS):
        line = (await process.stdout.readline()).decode()
        assert line, "".join(lines)
        lines.append(line)
        if line.startswith("ended "):
            ended = json.loads(line.removeprefix("ended "))
        elif found := re.search(r"(Uvicorn r|= R)unning on (http://[\d.:]+)", line):
            name = BACKENDS[0] if found[1].startswith("Uvicorn") else BACKENDS[1]
            chats[name] = await _chatted(name, found[2])
    process.stdin.close()
    rest = (await process.stdout.read()).decode()
    assert rest.splitlines()[-1] == "stopped [0, 0]", "".join(lines) + rest
    return Ran(folder, ended, chats, [call.body for call in provider.calls if isinstance(call.body, dict)])


async def _chatted(name: str, url: str) -> tuple[list[str], list[Any]]:
    """Two questions to a backend, and what it then shows."""
    answers = []
    async with aiohttp.ClientSession() as session:
        for text in ("My order number is 4711.", "Which order was mine?"):
            async with session.post(f"{url}/chats/c-1", json={"text": text}) as reply:
                assert reply.status == 200, await reply.text()
                answers.append((await reply.json())["text"])
        if "fastapi" in name:
            async with session.get(f"{url}/chats/none") as reply:
                assert reply.status == 404
        async with session.get(f"{url}/chats/c-1") as reply:
            return answers, await reply.json()


def test_all_examples_are_run() -> None:
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == {*SCRIPTS, *BACKENDS}


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_runs(ran: Ran, name: str) -> None:
    printed = (ran.folder / f"{name}.out").read_text(encoding="utf-8")
    assert ran.ended[name] == 0, printed
    assert SCRIPTS[name] in printed


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_chats_and_shows(ran: Ran, name: str) -> None:
    answers, shown = ran.chats[name]
    assert answers[1].startswith('You wrote "Which order was mine?"')
    assert [message["role"] for message in shown] == ["user", "assistant", "user", "assistant"]


def test_the_second_question_goes_with_the_first(ran: Ran) -> None:
    """What a backend is for: of two calls in a chat the second has all of the first, and the reply to it."""
    chats = [call for call in ran.calls if "Which order was mine?" in json.dumps(call)]
    assert len(chats) == 5
    assert all("My order number is 4711." in json.dumps(call) for call in chats)
    assert all("You wrote" in json.dumps(call) for call in chats)
