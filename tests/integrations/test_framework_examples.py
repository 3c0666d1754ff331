"""The examples of frameworks that are not among what the tests need run as they stand, and the page shows them."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import memsvc
from memsvc.client import Client
from memsvc.testing.provider import Provider

ROOT = Path(__file__).parents[2]
ALL = sorted((ROOT / "examples" / "frameworks").glob("*.py"))
NAMES = ("agent_framework_agent", "google_adk_agent", "llama_index_agent", "strands_agent")
EXAMPLES = [path for path in ALL if path.stem in NAMES]
PAGE = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")


@pytest.mark.skipif(
    find_spec("agent_framework") is None, reason="needs the frameworks of requirements-frameworks.in: make frameworks"
)
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_it_runs(path: Path, provider: Provider, client: Client, address: str, tmp_path: Path) -> None:
    settings = {
        "OPENAI_BASE_URL": provider.openai_url,
        "OPENAI_API_BASE": provider.openai_url,
        "OPENAI_API_KEY": "any",
        "ANTHROPIC_BASE_URL": provider.anthropic_url,
        "ANTHROPIC_API_KEY": "any",
        "PYTHONPATH": str(ROOT),
    }
    if path == EXAMPLES[0]:  # the others in a process of their own
        settings["MEMSVC_URL"] = address
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(path)),
        cwd=tmp_path,
        env=os.environ | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    assert 'You wrote "And by train?"' in out.decode()
    name = re.findall(r'"(chat-[a-z]+)"', path.read_text(encoding="utf-8"))[-1]
    name = {"chat-adk": "guide/debug_user_id/chat-adk"}.get(name, name)
    async with memsvc.open(f"sqlite:///{tmp_path}/memory.db") as own:
        session = (client if path == EXAMPLES[0] else own).session(name)
        assert (await session.get()).messages == 4


def test_every_example_is_run_here_or_with_the_others() -> None:
    others = (Path(__file__).parent / "test_examples.py").read_text(encoding="utf-8")
    assert {path.stem for path in ALL} == {*NAMES, *(path.stem for path in ALL if f'"{path.stem}"' in others)}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_page_shows_it(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.partition('"""\n\n')[2].strip() in PAGE
    body = re.search(r"^async def main\(\).*?(?=^\S|\Z)", source.split("\n\n\n", 1)[1], re.M | re.S)
    assert body is not None
    assert len(body[0].strip().splitlines()) <= 11
