"""`make package-test`: the wheel, installed as a user would, away from the source tree, must serve.

python tests/release/installed.py WHEEL [--python PYTHON]

A new environment gets requirements.txt with its hashes and the wheel without dependencies. Everything runs from an
empty folder, by the installed `memsvc`, over HTTP. Standard library only: it runs on the Python that is tried.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = "anthropic,openai,redis,encryption,mcp"
POLICY = {"threshold_tokens": 600, "keep_tokens": 150, "summary_tokens": 120, "max_tokens": 100_000}
PATIENCE_S = 60.0


class Installed:
    """An environment with the wheel, and an empty folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.work.mkdir()
        self.bin = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        known = {k: v for k, v in os.environ.items() if not k.startswith(("MEMSVC_", "PYTHON"))}
        self.env = {**known, "PYTHONSAFEPATH": "1"}

    def run(self, program: str, *args: str, feed: str | None = None) -> str:
        """What a program of the environment prints; it must succeed."""
        command = [str(self.bin / program), *args]
        done = subprocess.run(command, cwd=self.work, env=self.env, input=feed, capture_output=True, text=True)
        assert done.returncode == 0, f"{program} {args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """`memsvc serve` on a free port and one SQLite file; gives its address. It must end with status 0."""
        command = [str(self.bin / "memsvc"), "serve", "--port", "0", "--store", "sqlite:///wheel.db"]
        with (self.work / "serve.log").open("ab") as log:
            pipe = subprocess.PIPE
            process = subprocess.Popen(command, cwd=self.work, env=self.env, stdout=pipe, stderr=log, text=True)
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert "serves on http://" in line, line + (self.work / "serve.log").read_text(encoding="utf-8")
            yield line.split("serves on ")[1].split(",")[0]
        finally:
            process.terminate()
            status = process.wait(timeout=PATIENCE_S)
            process.stdout.close()
        assert status == 0, f"serve ended with {status}"


def call(method: str, url: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """(status, headers with names in lower case, body) of a request."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    request = urllib.request.Request(url, data=data, method=method, headers=sent)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as told:
        with told:
            return told.code, {k.lower(): v for k, v in told.headers.items()}, told.read()


def install(folder: Path, wheel: Path, python: str) -> Installed:
    """A new environment from the locked requirements and the wheel."""
    subprocess.run([python, "-m", "venv", str(folder / "env")], check=True)
    installed = Installed(folder)
    pip = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "install")
    installed.run("python", *pip, "--require-hashes", "-r", str(ROOT / "requirements.txt"))
    installed.run("python", *pip, "--no-deps", "--no-index", str(wheel))
    # Every extra that the service itself can use is satisfied by what is locked: nothing more is looked for.
    installed.run("python", *pip, "--no-index", "--dry-run", f"{wheel}[{EXTRAS}]")
    installed.run("python", "-m", "pip", "check")
    return installed


def comes_from_the_wheel(installed: Installed, wheel: Path) -> None:
    """The package that runs is the installed one, complete, and no source tree is on its path."""
    code = "import memsvc, pathlib, sys; print(pathlib.Path(memsvc.__file__).parent); print(sys.path)"
    package, path = installed.run("python", "-c", code).splitlines()
    assert Path(package).is_relative_to(installed.bin.parent), package
    assert str(ROOT) not in path, path
    names = [n for n in zipfile.ZipFile(wheel).namelist() if n.startswith("memsvc/")]
    missing = [n for n in names if not (Path(package).parent / n).is_file()]
    assert names
    assert not missing, missing
    assert "Typing :: Typed" in installed.run("python", "-m", "pip", "show", "--verbose", "memsvc")


def said(history: bytes) -> list[dict[str, Any]]:
    """What was written: a compaction that ends after a page was fetched changes where its messages stand, not these."""
    return [{k: v for k, v in row.items() if k != "compacted"} for row in json.loads(history)["messages"]]


def serves(installed: Installed, wheel: Path) -> str:
    """Append until a compaction was crossed, fetch, fetch unchanged; gives the history, which outlives the process."""
    with installed.serving() as url:
        one = f"{url}/v1/sessions/s-1"
        assert call("GET", f"{url}/readyz")[0] == 200
        assert json.loads(call("GET", f"{url}/openapi.json")[2])["openapi"].startswith("3.1")
        assert call("PUT", one, {"system": "Be brief.", "policy": POLICY})[0] < 300
        append_past_a_compaction(one)
        status, headers, body = call("GET", f"{one}/context?format=anthropic")
        context = json.loads(body)
        assert status == 200
        assert context["epoch"] >= 1
        assert context["messages"][0]["role"] == "user"
        assert call("GET", f"{one}/context?format=anthropic", If_None_Match=headers["etag"])[0] == 304
        has_page = any(n.startswith("memsvc/dashboard/") for n in zipfile.ZipFile(wheel).namelist())
        status, headers, body = call("GET", f"{url}/")
        assert not has_page or (status == 200 and b"<html" in body.lower()), (status, body[:200])
        before = call("GET", f"{one}/history")[2]
    with installed.serving() as url:
        status, _, after = call("GET", f"{url}/v1/sessions/s-1/history")
        assert (status, said(after)) == (200, said(before)), (before, after)
    return before.decode()


def append_past_a_compaction(session: str) -> None:
    """Turns until the session has an epoch; AssertionError if none comes."""
    deadline = time.monotonic() + PATIENCE_S
    turn = 0
    while time.monotonic() < deadline:
        turn += 1
        said = f"Turn {turn}: order {4000 + turn} goes to depot {turn}, on ramp {turn * 3}. " * 6
        messages = [{"role": "user", "content": said}, {"role": "assistant", "content": f"Noted {turn}."}]
        assert call("POST", f"{session}/messages", {"messages": messages})[0] < 300
        if json.loads(call("GET", f"{session}/context?format=openai")[2])["epoch"]:
            return
        time.sleep(0.05)
    raise AssertionError("no compaction")


def commands_work(installed: Installed) -> None:
    """The rest of the command line, on what was stored."""
    store = ("--store", "sqlite:///wheel.db")
    assert installed.run("memsvc", "--version").startswith("memsvc ")
    assert "epoch" in installed.run("memsvc", "demo")
    exported = installed.run("memsvc", "export", *store)
    digests = installed.run("memsvc", "export", "--digest", *store)
    assert len(exported.splitlines()) > 3
    installed.run("memsvc", "import", "-", "--store", "sqlite:///copy.db", feed=exported)
    assert installed.run("memsvc", "export", "--digest", "--store", "sqlite:///copy.db") == digests
    assert "s-1" in installed.run("memsvc", "show", "s-1", *store)
    installed.run("memsvc", "spend", *store)
    key = installed.run("memsvc", "keys", "create", "--tenant", "acme", *store).strip()
    assert key.startswith("msk_")
    assert "acme" in installed.run("memsvc", "keys", "list", *store)
    installed.run("memsvc", "replay", str(transcript(installed.work)))
    assert "MEMSVC_STORE" in installed.run("python", "-m", "memsvc.config")


def transcript(folder: Path) -> Path:
    """A short conversation as `memsvc replay` reads it."""
    said = [{"role": role, "content": f"{role} says {n}"} for n in range(20) for role in ("user", "assistant")]
    path = folder / "transcript.jsonl"
    path.write_text(json.dumps({"id": "c-1", "messages": said}) + "\n", encoding="utf-8")
    return path


def main() -> int:
    """Install, try, say what was tried; gives the exit status."""
    parser = argparse.ArgumentParser(description="Install a wheel in a new environment and use it.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", default=sys.executable)
    asked = parser.parse_args()
    wheel = asked.wheel.resolve()
    with tempfile.TemporaryDirectory(prefix="memsvc-wheel-") as name:
        installed = install(Path(name), wheel, asked.python)
        comes_from_the_wheel(installed, wheel)
        history = serves(installed, wheel)
        commands_work(installed)
        print(f"{wheel.name} on {installed.run('python', '--version').strip()}: installed with {EXTRAS}; served,")
        print(f"compacted, kept {len(json.loads(history)['messages'])} messages over a restart; commands work")
    return 0


if __name__ == "__main__":
    sys.exit(main())
