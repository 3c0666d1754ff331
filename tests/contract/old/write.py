"""Writes a small store with an older release of memsvc, and what is in it: how the files beside this one were made.

    git worktree add /tmp/old REVISION
    python tests/contract/old/write.py /tmp/old sqlite-08            # a file
    python tests/contract/old/write.py /tmp/old redis-1 redis://...  # an empty server

Everything goes through that release's own HTTP API and command line, by the standard library alone; what it does not
know yet is left out. `NAME.json.gz` says what was written, in the service's own answers, so that a later release can
be held to it.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SIZES = {"THRESHOLD_TOKENS": 500, "KEEP_TOKENS": 120, "SUMMARY_TOKENS": 240, "WORKERS_CONCURRENCY": 0}
PICTURE = base64.b64encode(bytes(range(256)) * 20).decode()
FORMATS = ("anthropic", "openai", "responses")


class Service:
    """An older release that serves."""

    def __init__(self, checkout: Path, store: str, folder: Path) -> None:
        named = {f"MEMSVC_{name}": str(value) for name, value in SIZES.items()}
        self.env = {**os.environ, **named, "PYTHONPATH": str(checkout), "MEMSVC_STORE": store}
        self.folder = folder
        command = [sys.executable, "-m", "memsvc", "serve", "--port", "0"]
        self.process = subprocess.Popen(command, env=self.env, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        found = re.search(r"http://[^\s,]+", self.process.stdout.readline())
        if found is None:  # the oldest release wants at least one
            self.env["MEMSVC_WORKERS_CONCURRENCY"] = "1"
            self.process = subprocess.Popen(command, env=self.env, cwd=folder, stdout=subprocess.PIPE, text=True)
            assert self.process.stdout
            found = re.search(r"http://[^\s,]+", self.process.stdout.readline())
        assert found
        self.url = found[0]

    def ask(self, method: str, path: str, body: Any = None, *, plain: bool = False) -> Any:
        """A call; None where the release does not know it. `plain`: its answer as text."""
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
                return text.decode() if plain else json.loads(text) if text else {}
        except urllib.error.HTTPError as refused:
            print("left out:", method, path, refused.read().decode()[:200], file=sys.stderr)
            return None

    def command(self, *words: str) -> bool:
        """A command of the release; False where it does not know it."""
        done = subprocess.run([sys.executable, "-m", "memsvc", *words], env=self.env, cwd=self.folder, check=False)
        return done.returncode == 0

    def stop(self) -> None:
        """Let it end as it likes."""
        self.process.terminate()
        self.process.wait()


def messages(format: str, turn: int) -> list[dict[str, Any]]:
    """A turn with a call of a tool; every other turn a directive."""
    said = f"turn {turn}: deploy build {turn}4{turn}2 of /srv/app{turn}.tar; é😀 " + "never skip the tests. " * (
        turn % 2
    )
    answer = f"build {turn} is out"
    found = f"exit {turn}\n" + "line of a log that is long enough to count; " * 6
    if format == "openai":
        call = {"id": f"c{turn}", "type": "function", "function": {"name": "run", "arguments": '{"n": 1}'}}
        return [
            {"role": "user", "content": said},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{turn}", "content": found},
            {"role": "assistant", "content": answer},
        ]
    if format == "responses":
        return [
            {"role": "user", "content": said},
            {"type": "function_call", "call_id": f"c{turn}", "name": "run", "arguments": '{"n": 1}'},
            {"type": "function_call_output", "call_id": f"c{turn}", "output": found},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": answer}],
            },
        ]
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    shown = [{"type": "image", "source": source}] * (turn in (1, 6))
    return [
        {"role": "user", "content": [{"type": "text", "text": said}, *shown]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": f"c{turn}", "name": "run", "input": {"n": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"c{turn}", "content": found}]},
        {"role": "assistant", "content": [{"type": "text", "text": answer}]},
    ]


def fill(service: Service) -> None:
    """Sessions of every format with several compactions, pins, a fork, an edit, books, budgets."""
    for format in FORMATS:
        path = f"/v1/sessions/{format}"
        service.ask("PUT", path, {"system": "You deploy.", "format": format, "user": "u1", "metadata": {"a": 1}})
        for turn in range(1, 10):
            if service.ask("POST", f"{path}/messages", {"messages": messages(format, turn), "format": format}) is None:
                break
            if turn in (3, 6, 9):
                service.ask("PUT", f"{path}/pins/{turn * 4}")
                service.ask("POST", f"{path}/compact", {"force": True, "wait_ms": 20_000})
        usage = {"input_tokens": 900, "output_tokens": 9}
        report = {"id": f"r-{format}", "provider": "anthropic", "model": "claude-haiku-4-5", "usage": usage}
        service.ask("POST", f"{path}/usage", report)
    service.ask("POST", "/v1/sessions/openai/fork", {"to": "forked", "after_seq": 30})
    service.ask("POST", "/v1/sessions/openai/truncate", {"after_seq": 34})
    service.ask("POST", "/v1/sessions/openai/messages", {"messages": messages("openai", 11), "format": "openai"})
    service.ask("DELETE", "/v1/sessions/anthropic/messages/2")
    service.ask("PUT", "/v1/budgets", {"budgets": [{"period": "day", "limit_usd": 5}]})
    for turn in range(1, 5):  # past the threshold, and its compaction still waits
        service.ask("POST", "/v1/sessions/waiting/messages", {"messages": messages("openai", turn), "format": "openai"})


def told(service: Service) -> dict[str, Any]:
    """What the release says is in its store."""
    listed = service.ask("GET", "/v1/sessions?limit=100")["sessions"]
    found: dict[str, Any] = {}
    for name in sorted(one["session"] for one in listed):
        path = f"/v1/sessions/{name}"
        format = name if name in FORMATS else "openai"
        found[name] = {
            "session": service.ask("GET", path),
            "history": service.ask("GET", f"{path}/history?limit=1000", plain=True),
            "summaries": service.ask("GET", f"{path}/summaries")["summaries"],
            "context": service.ask("GET", f"{path}/context?format={format}"),
        }
    return {"sessions": found, "spend": service.ask("GET", "/v1/spend"), "budgets": service.ask("GET", "/v1/budgets")}


def dumped(url: str, prefix: str = "memsvc") -> dict[str, Any]:
    """All keys of a namespace, by type and content, texts as base64."""
    from redis import Redis

    def text(value: bytes) -> str:
        return base64.b64encode(value).decode()

    def content(key: bytes, kind: str) -> Any:
        match kind:
            case "string":
                return text(server.get(key))
            case "hash":
                return [[text(k), text(v)] for k, v in sorted(server.hgetall(key).items())]
            case "zset":
                return [[text(member), score] for member, score in server.zrange(key, 0, -1, withscores=True)]
            case _:
                return [text(value) for value in server.lrange(key, 0, -1)]

    with Redis.from_url(url) as server:
        kinds = {key: server.type(key).decode() for key in sorted(server.keys(f"{prefix}:*"))}
        return {text(key): {"kind": kind, "content": content(key, kind)} for key, kind in kinds.items()}


def main(checkout: str, name: str, url: str = "") -> None:
    """Write the files of one release."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "store.db"
        service = Service(Path(checkout), url or f"sqlite:///{file}", Path(folder))
        fill(service)
        manifest = told(service)
        service.stop()
        manifest["keys"] = service.command("keys", "create", "--tenant", "acme", "--name", "old")
        store = json.dumps(dumped(url)).encode() if url else file.read_bytes()
    for suffix, data in (("json", json.dumps(manifest).encode()), ("store", store)):
        (HERE / f"{name}.{suffix}.gz").write_bytes(gzip.compress(data, 9, mtime=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
