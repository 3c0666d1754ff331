"""The examples run as they stand, and the page shows them as they are."""

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

MISSING = [name for name in ("agents", "langchain_openai", "pydantic_ai") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs what requirements-dev.in names: {MISSING}")

ROOT = Path(__file__).parents[2]
NAMES = ("langchain_agent", "openai_agents", "pydantic_ai_agent")
EXAMPLES = [ROOT / "examples" / "frameworks" / f"{name}.py" for name in NAMES]
PAGE = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
ALL = """
import os, runpy, sys
for path in sys.argv[1:]:
    if path == sys.argv[-1]:
        del os.environ["MEMSVC_URL"]
    runpy.run_path(path, run_name="__main__")
"""
"""One process for all, because most of what each takes is its imports; the last without a service."""


async def test_examples_run(provider: Provider, client: Client, address: str, tmp_path: Path) -> None:
    settings = {
        "OPENAI_BASE_URL": provider.openai_url,
        "OPENAI_API_KEY": "any",
        "OPENAI_AGENTS_DISABLE_TRACING": "1",
        "LANGSMITH_TRACING": "false",
        "MEMSVC_URL": address,
        "PYTHONPATH": str(ROOT),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ALL, *map(str, EXAMPLES)),
        cwd=tmp_path,
        env=os.environ | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    assert out.decode().count('You wrote "And by train?"') == len(EXAMPLES)
    async with memsvc.open(f"sqlite:///{tmp_path}/memory.db") as own:
        for name in ("chat-agents", "chat-langchain", "chat-pydantic"):
            session = (own if name == "chat-pydantic" else client).session(name)
            assert (await session.get()).messages == 4, name


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_page_shows_them(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.partition('"""\n\n')[2].strip() in PAGE
    body = re.search(r"^async def main\(\).*?(?=^\S|\Z)", source.split("\n\n\n", 1)[1], re.M | re.S)
    assert body is not None
    assert len(body[0].strip().splitlines()) <= 11
