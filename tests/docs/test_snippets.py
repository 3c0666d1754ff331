"""What the documents show is run: shell and Python against a real service, JSON and TOML by real readers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from memsvc.config import load_config
from memsvc.prices import read_prices
from tests.docs.blocks import OWN, PAGES, ROOT, SHELL, Block, blocks, runnable
from tests.docs.forked import CALLER

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
ADDRESS, HOST = "http://127.0.0.1:8080", "localhost:8080"
APART = {"docs/access.md", "docs/security.md"}
"""Pages that make keys: on a store of their own, since keys are on for good."""
EXPECTED = {
    "docs/quickstart.md": ["history: ", "; epoch ", "<conversation_summary>", '"seq":'],
    "docs/moving.md": ["sessions imported, 0 replaced"],
    "docs/backup.md": ["first-chat: ", "sessions imported"],
    "docs/trying.md": ["economic", "predicted_saving_usd"],
    "docs/access.md": ["billing bot", "anthropic"],
    "docs/troubleshooting.md": ["ready", '"state":"idle"'],
}
"""What a page's snippets print, among other things."""
CURL = """import sys, urllib.request
words, method, body, headers, url = sys.argv[1:], None, None, {}, ""
while words:
    word = words.pop(0)
    if word == "-X": method = words.pop(0)
    elif word == "-d": body = words.pop(0).encode()
    elif word == "-H": headers.update([words.pop(0).split(": ", 1)])
    elif not word.startswith("-"): url = word if "://" in word else "http://" + word
with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method)) as reply:
    print(reply.read().decode())
"""
"""For machines without curl: what the pages use of it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where snippets run: a folder with the running service's store in it, and the environment of a shell."""

    folder: Path
    url: str
    env: dict[str, str]

    def run(self, block: Block, folder: Path) -> str:
        """What a block prints. Fails where a command of it does."""
        text = block.text.replace(ADDRESS, self.url).replace(HOST, self.url.removeprefix("http://"))
        file = folder / f"block-{block.line}"
        file.write_text(text, encoding="utf-8")
        command = ["bash", "-euo", "pipefail", str(file)] if block.language in SHELL else ["python", str(file)]
        done = subprocess.run(command, cwd=folder, env=self.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{block.page}:{block.line}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


def _program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One service, one process that lends itself to commands, and the programs that the pages call."""
    folder = tmp_path_factory.mktemp("served")
    tools = tmp_path_factory.mktemp("tools")
    door = str(tools / "door")
    python = [sys.executable, "-m"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("MEMSVC_")}
    store = f"sqlite:///{folder}/memsvc.db"
    with contextlib.ExitStack() as stack:
        commands = [
            [*python, "memsvc", "serve", "--port", "0", "--store", store],
            [*python, "tests.docs.forked", door],
            [*python, "memsvc.testing.provider", "--port", "0"],
        ]
        opened = [subprocess.Popen(c, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) for c in commands]
        for process in opened:
            stack.enter_context(process)
            stack.callback(process.terminate)
        lines = [process.stdout.readline() for process in opened if process.stdout]
        url = lines[0].split(" serves on ")[1].split(",")[0]
        for what in ("memsvc", "python"):
            _program(tools / what, CALLER.format(python=sys.executable, path=door, what=what))
        # Targets are looked up and their commands printed, not run.
        _program(tools / "make", f'#!/bin/sh\nexec {shutil.which("make")} -n -C "{ROOT}" "$@"\n')
        curl = shutil.which("curl")
        _program(tools / "curl.py", CURL)
        real = f'exec {curl} --fail-with-body "$@"' if curl else f'exec {sys.executable} "{tools}/curl.py" "$@"'
        _program(tools / "curl", f"#!/bin/sh\n{real}\n")
        path = f"{tools}{os.pathsep}{env['PATH']}"
        vendor = lines[2].split("BASE_URL=")[1].split()[0]
        shell = {**env, "PATH": path, "OPENAI_BASE_URL": f"{vendor}/v1", "PYTHONPATH": str(ROOT)}
        _seed(url, folder)
        yield Place(folder, url, shell)


def _seed(url: str, folder: Path) -> None:
    """What pages take to be there: two sessions, a file of conversations, a vendor's key."""
    for session in ("first-chat", "agent-7"):
        body = json.dumps({"messages": [{"role": "user", "content": "Parcel 4715 has not arrived."}]}).encode()
        urllib.request.urlopen(f"{url}/v1/sessions/{session}/messages", body).close()
    (line,) = (block.text for block in blocks("docs/trying.md") if block.language == "json")
    (folder / "chats.jsonl").write_text(json.dumps(json.loads(line)) + "\n", encoding="utf-8")


def test_commands_and_programs_run(place: Place, tmp_path: Path) -> None:
    """In one test, so that there is one service however many processes share the suite."""
    shutil.copy(_copy(place.folder), place.folder / "old.db")
    (tmp_path / "key.txt").write_text("sk-ant-any\n", encoding="utf-8")
    wrong = []
    for page in (page for page in PAGES if runnable(page)):
        folder = tmp_path if page in APART else place.folder
        try:
            printed = "".join(place.run(block, folder) for block in runnable(page))
        except AssertionError as failed:
            wrong.append(str(failed))
            continue
        wrong += [
            f"{page} does not print {words!r}:\n{printed}" for words in EXPECTED.get(page, []) if words not in printed
        ]
    assert not wrong, "\n\n".join(wrong)


def _copy(folder: Path) -> Path:
    import apsw

    to = folder / "copy.db"
    with contextlib.closing(apsw.Connection(str(folder / "memsvc.db"))) as store:
        store.execute(f"VACUUM INTO '{to}'")
    return to


def test_expectations_are_of_pages_that_run() -> None:
    assert {*EXPECTED, *APART} <= {page for page in PAGES if runnable(page)}


@pytest.mark.parametrize("page", [page for page in PAGES if any(b.language == "json" for b in blocks(page))])
def test_json_is_json(page: str) -> None:
    for block in blocks(page):
        if block.language == "json":
            json.loads(block.text)


TOML = [block for page in PAGES for block in blocks(page) if block.language == "toml"]


@pytest.mark.parametrize("block", TOML, ids=lambda block: f"{block.page}:{block.line}")
def test_toml_is_taken(block: Block, tmp_path: Path) -> None:
    """A file of prices by the reader of prices, any other by that of settings."""
    found: dict[str, Any] = tomllib.loads(block.text)
    file = tmp_path / "memsvc.toml"
    file.write_text(block.text, encoding="utf-8")
    if set(found) == {"price"}:
        assert read_prices(block.text)
    else:
        config = load_config(env={"MEMSVC_CONFIG": str(file), "OPENAI_API_KEY": "any", "ANTHROPIC_API_KEY": "any"})
        assert all(getattr(config, name) is not None for name in found)


def test_pages_with_a_test_of_their_own_are_named_in_it() -> None:
    for page, test in OWN.items():
        assert Path(page).name in (ROOT / test).read_text(encoding="utf-8"), f"{test} does not read {page}"
