"""The examples run as they stand, and the page shows them as they are."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

import memsvc
from memsvc.testing.provider import Provider

for _name in ("agents", "langchain", "pydantic_ai"):
    pytest.importorskip(_name, reason="needs the frameworks of requirements-dev.in")

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PAGE = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
ALL = "import runpy, sys\nfor path in sys.argv[1:]: runpy.run_path(path, run_name='__main__')"
"""One process for all: most of what each takes is its imports."""


async def test_examples_run(provider: Provider, tmp_path: Path) -> None:
    settings = {
        "OPENAI_BASE_URL": provider.openai_url,
        "OPENAI_API_KEY": "any",
        "OPENAI_AGENTS_DISABLE_TRACING": "1",
        "LANGSMITH_TRACING": "false",
        "PYTHONPATH": str(ROOT),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ALL, *map(str, EXAMPLES)),
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "MEMSVC_URL"} | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    assert out.decode().count('You wrote "And by train?"') == len(EXAMPLES)
    async with memsvc.open(f"sqlite:///{tmp_path}/memory.db") as client:
        sessions = (await client.list_sessions()).sessions
        assert len(sessions) == len(EXAMPLES)
        for session in sessions:
            assert session.messages == 4, session.session


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_page_shows_them(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.partition('"""\n\n')[2].strip() in PAGE
    body = re.search(r"^async def main\(\).*?(?=^\S|\Z)", source.split("\n\n\n", 1)[1], re.M | re.S)
    assert body is not None
    assert len(body[0].strip().splitlines()) <= 11
