"""`python -m memsvc.testing.provider`, and the page about it."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from memsvc.testing.provider import BEHAVIOURS
from memsvc.testing.provider.__main__ import main

PAGE = Path(__file__).parents[2] / "docs" / "provider.md"


def test_it_serves_until_stopped() -> None:
    command = [sys.executable, "-m", "memsvc.testing.provider", "--port", "0", "--behaviour", "placeholder,empty"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]
            urls = [found[1] for x in lines if (found := re.search(r"BASE_URL=(\S+)", x))]
            assert urls[1] == f"{urls[0]}/v1"
            body = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "hi"}]}
            said = [
                httpx2.post(f"{urls[1]}/chat/completions", json=body, headers={"authorization": "Bearer any"}).json()
                for _ in range(2)
            ]
        finally:
            process.terminate()
    assert [x["choices"][0]["message"]["content"] for x in said] == ["[summary]", ""]


def test_a_wrong_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--behaviour", "nonsense"]) == 2
    assert "no behaviour 'nonsense'" in capsys.readouterr().err


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 1
    assert "cannot listen on" in capsys.readouterr().err


async def test_the_example_on_the_page_runs() -> None:
    [example] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    names: dict[str, Any] = {}
    exec(compile(example, str(PAGE), "exec"), names)
    await names["test_mine"]()


def test_every_behaviour_is_documented() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.M))
    assert rows == set(BEHAVIOURS)
