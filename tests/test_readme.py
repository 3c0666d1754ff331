"""Every snippet of the README runs, in order, against a real server process."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"


def snippets(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A `memsvc serve` of its own; gives its address."""
    command = [sys.executable, "-m", "memsvc", "serve", "--port", "0", "--store", f"sqlite:///{tmp_path}/readme.db"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield line.split(" serves on ")[1].split(",")[0]
        process.terminate()
        assert process.wait(20) == 0


def test_python_snippets_run(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    blocks = snippets("python")
    assert len(blocks) >= 4
    for block in blocks:
        exec(compile(block.replace(ADDRESS, server), "README.md", "exec"), names)
    assert "'ratio'" in capsys.readouterr().out
    context = names["context"]
    assert isinstance(context, dict)
    assert context["epoch"] >= 1
    assert "<conversation_summary>" in context["messages"][1]["content"]


def test_quickstart_is_short() -> None:
    code = [line for line in snippets("python")[0].splitlines() if line.strip()]
    assert len(code) <= 9  # eight, and the import


def test_shell_snippets_name_real_targets(server: str) -> None:
    curl = next(b for b in snippets("sh") if "curl" in b)
    words = shlex.split(curl.replace(ADDRESS, server).replace("\\\n", " "))
    url, body = next(w for w in words if w.startswith("http")), words[words.index("-d") + 1]
    # curl may be missing where tests run; what it would send is this.
    with urllib.request.urlopen(urllib.request.Request(url, body.encode(), method="POST")) as reply:
        assert json.load(reply)["context"]["messages"] == [{"role": "user", "content": "hello"}]
    targets = set(re.findall(r"`?make (\w+)`?", README))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert not {t for t in targets if not re.search(rf"^{t}:", makefile, re.M)}
