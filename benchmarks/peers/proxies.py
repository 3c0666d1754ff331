"""Proxies between a program and its provider: the caller keeps the conversation and sends all of it with each call."""

from __future__ import annotations

import http.client
import json
import shutil
import sys
import tempfile
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers import homes, ours
from benchmarks.peers.processes import Process, cpu_s
from benchmarks.peers.provider import CHAT_MODELS
from benchmarks.peers.stub import Stub
from benchmarks.peers.subject import SUMMARY_MODEL, SUMMARY_MODELS, Block, Limit, Refused, Subject, Talk, Terms, TooSlow
from benchmarks.peers.talk import Json
from benchmarks.serving import ROOT, free_port

STARTING_S = 90.0
KEPT_TURNS = 4
"""What awecompress keeps verbatim (its default)."""
NOTE = (
    "time is what it adds to a direct call with what it sends on; the caller keeps the conversation and sends all of it"
)


class _Caller:
    """A connection for calls of a model."""

    def __init__(self, port: int, patience_s: float, headers: Json) -> None:
        self._link = http.client.HTTPConnection("127.0.0.1", port, timeout=patience_s)
        self._headers = {"content-type": "application/json", "authorization": "Bearer any", **headers}
        self._patience_s = patience_s

    def call(self, body: bytes) -> float:
        """Milliseconds of a call. Raises Refused, TooSlow."""
        started = time.perf_counter()
        try:
            self._link.request("POST", "/v1/chat/completions", body, self._headers)
            reply = self._link.getresponse()
            said = reply.read()
        except TimeoutError:
            self._link.close()
            raise TooSlow(self._patience_s) from None
        except (OSError, http.client.HTTPException) as failed:
            self._link.close()
            raise Refused(type(failed).__name__) from None
        if reply.status >= 300:
            raise Refused(f"{reply.status} {_why(said)}")
        return (time.perf_counter() - started) * 1000

    def again(self) -> None:
        """Hang up and connect again."""
        self._link.close()
        self._link.connect()

    def close(self) -> None:
        """Hang up."""
        self._link.close()


def _why(reply: bytes) -> str:
    try:
        return str(json.loads(reply)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return reply[:200].decode(errors="replace")


class _Talk(Talk):
    """The caller's list of messages, and calls with all of it: one for each message of the user."""

    def __init__(self, name: str, held: list[Json], stub: Stub, caller: _Caller, cpu: Callable[[], float]) -> None:
        super().__init__(cpu)
        self._held, self._stub, self._caller, self._cpu = held, stub, caller, cpu
        self._direct = _Caller(stub.port, 60.0, {})
        self._system = {"role": "system", "content": f"You are a helpful assistant. This is conversation {name}."}
        self._prompt: list[Json] = []

    def load(self, messages: Sequence[Json]) -> None:
        self._held += messages

    def send(self, message: Json) -> list[Json]:
        return self.turns([message], 0.0).prompt

    def shown(self) -> list[Json]:
        return self._prompt

    def turns(self, messages: Sequence[Json], within_s: float) -> Block:
        began, spent, cpu = time.perf_counter(), [], 0.0
        for message in messages:
            self._held.append(message)
            if message["role"] != "user":
                continue
            body = json.dumps({"model": CHAT_MODELS[0], "messages": [self._system, *self._held]}).encode()
            before = self._cpu()
            through = self._caller.call(body)
            cpu += self._cpu() - before
            sent = self._stub.last()
            self._prompt = list(sent["messages"])
            spent.append(through - self._direct.call(json.dumps(sent).encode()))
            if time.perf_counter() - began > within_s:
                break
        return Block(spent, cpu * 1000, self._prompt if spent else [])

    def refresh(self) -> None:
        self._caller.again()
        self._direct.again()

    def close(self) -> None:
        self._caller.close()
        self._direct.close()


@dataclass
class Proxy(Subject):
    """One server for each limit, where that is a setting of the server.

    Attributes:
        stub: the provider behind it.
    """

    stub: Stub | None = None
    patience_s: float = 20.0
    _servers: dict[Limit, Process] = field(default_factory=dict)
    _lists: dict[str, list[Json]] = field(default_factory=dict)
    _folder: str = ""

    def start(self) -> None:
        self._folder = self._folder or tempfile.mkdtemp(prefix="memsvc-peers-")

    def stop(self) -> None:
        for server in self._servers.values():
            server.stop()
        self._servers.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = ""

    def restart(self) -> None:
        for server in self._servers.values():
            server.restart()

    def talk(self, name: str, limit: Limit, *, model: bool) -> Talk:
        assert self.stub is not None, "there is no other provider"
        server = self.server(limit)
        caller = _Caller(server.port, self.patience_s, {"x-memsvc-session": name})
        held = self._lists.setdefault(name, [])
        return _Talk(name, held, self.stub, caller, lambda: cpu_s(server.pid))

    def server(self, limit: Limit) -> Process:
        """The one for that limit, started if it is not yet."""
        if limit not in self._servers:
            server = self.made(limit, free_port(), Path(tempfile.mkdtemp(dir=self._folder)))
            server.start()
            self._servers[limit] = server
        return self._servers[limit]

    @abstractmethod
    def made(self, limit: Limit, port: int, folder: Path) -> Process:
        """How it is started."""


class Headroom(Proxy):
    """It has no limits: one server for all; it compresses what tools return, and prose only with a model that it
    would download."""

    def start(self) -> None:
        super().start()
        homes.python("headroom")
        self.versions = homes.versions("headroom", ("headroom-ai",))
        self.server(Limit(0, 0, 0))

    def server(self, limit: Limit) -> Process:
        return super().server(Limit(0, 0, 0))

    def made(self, limit: Limit, port: int, folder: Path) -> Process:
        assert self.stub is not None, "there is no other provider"
        python = homes.python("headroom")
        command = [str(python.parent / "headroom"), "proxy", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--no-rate-limit", "--no-cache", "--no-telemetry", "--no-subscription-tracking"]
        command += ["--openai-api-url", self.stub.url, "--anthropic-api-url", self.stub.url]
        env = {"HOME": str(folder), "HEADROOM_OFFLINE": "1", "HEADROOM_TELEMETRY": "off", "HEADROOM_BEACON": "off"}
        return Process(command, port, {**env, "TIKTOKEN_CACHE_DIR": str(homes.tokenizers())}, "/livez", STARTING_S)


class Awecompress(Proxy):
    """It summarizes whole turns in line, with the provider that it stands before; it says `max_tokens`, which newer
    models refuse."""

    def start(self) -> None:
        super().start()
        homes.python("awecompress")
        self.versions = homes.versions("awecompress", ("awecompress",))

    def made(self, limit: Limit, port: int, folder: Path) -> Process:
        assert self.stub is not None, "there is no other provider"
        settings = {"upstream": self.stub.url, "thresholdTokens": limit.threshold, "keepRecentTurns": KEPT_TURNS}
        settings |= {"minSpanTokens": max(1_000, limit.threshold // 8), "summaryModel": SUMMARY_MODELS[2]}
        settings |= {"summaryMaxTokens": max(256, limit.summary), "port": port}
        (folder / "config.json").write_text(json.dumps(settings))
        python = homes.python("awecompress")
        command = [str(python.parent / "awecompress"), "serve", "--config", str(folder / "config.json")]
        return Process(command, port, {"HOME": str(folder), "AWECOMPRESS_CONFIG_DIR": str(folder)}, "/", STARTING_S)


class _GatewayTalk(_Talk):
    """The same through memsvc, whose API tells what is under way."""

    def __init__(self, own: Talk, *rest: Any) -> None:
        super().__init__(*rest)
        self._own = own

    def load(self, messages: Sequence[Json]) -> None:
        super().load(messages)
        self._own.load(messages)

    def refresh(self) -> None:
        super().refresh()
        self._own.refresh()

    def settle(self) -> None:
        self._own.settle()

    def covered(self) -> set[str]:
        return self._own.covered()

    def forget(self) -> None:
        self._own.forget()

    def close(self) -> None:
        super().close()
        self._own.close()


class Gateway(Proxy):
    """memsvc before the provider; it keeps the conversation as well."""

    def talk(self, name: str, limit: Limit, *, model: bool) -> Talk:
        assert self.stub is not None, "there is no other provider"
        server = self.server(Limit(0, 0, 0))
        caller = _Caller(server.port, self.patience_s, {"x-memsvc-session": name})
        own = ours.ServiceTalk(server.port, name, ours.policy(limit), lambda: cpu_s(server.pid), self.patience_s)
        held = self._lists.setdefault(name, [])
        return _GatewayTalk(own, name, held, self.stub, caller, lambda: cpu_s(server.pid))

    def made(self, limit: Limit, port: int, folder: Path) -> Process:
        assert self.stub is not None, "there is no other provider"
        url = f"{self.stub.url}/v1"
        env = {"PYTHONPATH": str(ROOT), "MEMSVC_GATEWAY_OPENAI_URL": url, "MEMSVC_OPENAI_BASE_URL": url}
        env |= {"MEMSVC_GATEWAY_OPENAI_PROVIDER": "openai", "MEMSVC_OPENAI_API_KEY": "any"}
        env |= {"MEMSVC_SUMMARIZERS": f"openai:{SUMMARY_MODEL}"}
        command = [sys.executable, "-m", "memsvc", "serve", "--host", "127.0.0.1", "--port", str(port)]
        return Process([*command, "--store", f"sqlite:///{folder / 'memsvc.db'}"], port, env, "/readyz")


def gateway(stub: Stub, patience_s: float) -> Subject:
    """The service's own row."""
    terms = Terms(frozenset({"stall", "imported", "play"}), limit=ours.DEFAULTS)
    return Gateway("memsvc-gateway", "memsvc, gateway, SQLite", terms, note=NOTE, stub=stub, patience_s=patience_s)


def rows(stub: Stub, patience_s: float) -> list[Subject]:
    """The peers' rows."""
    unlimited, summarizes = Terms(frozenset({"imported", "play"})), Terms(frozenset({"stall", "imported", "play"}))
    alone = f"{NOTE}; without the model by which it compresses prose, which would have to be downloaded"
    rest: Json = {"stub": stub, "patience_s": patience_s}
    return [
        Headroom("headroom", "headroom proxy", unlimited, note=alone, **rest),
        Awecompress("awecompress", "awecompress proxy", summarizes, note=NOTE, **rest),
    ]
