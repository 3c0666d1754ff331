"""Logging: one JSON object a line, and nothing of what callers sent. In processes of their own: it is global."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from memsvc.observe import Answered, Compacted, CompactionFailed, Event, access_log, quiet_logger, request_sink
from memsvc.server.watch import Watch
from tests.edges.api import serving

ROOT = Path(__file__).parents[2]
SCRIPT = """
import logging, sys
from memsvc.observe import Compacted, CompactionFailed, RequestFailed, WorkerFailed, configure_logging, log_sink
configure_logging(sys.argv[1], sys.argv[2])
sink = log_sink()
sink(Compacted("t", "s", 1, 1, 9, 500, 100, "threshold", "local"))
sink(CompactionFailed("t", "s", "no_gain", 2, retry_at=5.0))
sink(RequestFailed("r", "context", 500, "ValueError", 0.1, ("a.py:1 f",)))
sink(WorkerFailed("unavailable"))
try:
    raise ValueError("secret words")
except ValueError:
    logging.getLogger("other.library").exception("it %s", "failed")
"""


def lines(level: str, fmt: str) -> list[str]:
    """What the script logs."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, level, fmt], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "secret" not in done.stderr
    return done.stderr.splitlines()


def test_json_lines() -> None:
    logged = [json.loads(line) for line in lines("info", "json")]
    assert [line["event"] for line in logged] == [
        "compacted",
        "compaction_failed",
        "request_failed",
        "worker_failed",
        "it failed",
    ]
    assert [line["level"] for line in logged] == ["info", "warning", "error", "error", "error"]
    assert logged[0]["to_seq"] == 9
    assert logged[1]["retry_at"] == 5.0
    assert (logged[4]["error"], logged[4]["logger"]) == ("ValueError", "other.library")


def test_levels_and_readable_lines() -> None:
    logged = lines("error", "console")
    assert len(logged) == 3
    assert "request_failed" in logged[0]


def test_events_are_values() -> None:
    assert Compacted("t", "s", 1, 1, 9, 500, 100, "threshold", "local").seconds == 0.0
    with pytest.raises(AttributeError):
        CompactionFailed("t", "s", "no_gain", 2).attempts = 3  # type: ignore[misc]


async def test_a_request_that_is_no_http_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(Nobody()) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nx-api-key: secret\x00words\r\n\r\n")
        answer = await reader.read()
        writer.close()
    assert b" 400 " in answer
    records: list[Any] = [r for r in caplog.records if r.name == "memsvc.http"]
    assert records
    assert "secret" not in caplog.text
    assert all(r.exc_info is None for r in records)


def test_a_quiet_logger_is_made_once() -> None:
    assert quiet_logger("memsvc.test") is quiet_logger("memsvc.test")
    assert len(quiet_logger("memsvc.test").filters) == 1


OF_REQUESTS = """
import asyncio, sys
from memsvc.app import App
from memsvc.config import Config
from memsvc.observe import access_log, configure_logging, log_sink, request_sink
from memsvc.server.gate import Gate
from memsvc.server.watch import Watch
from tests.edges.api import serving

async def main(which):
    configure_logging("info", sys.argv[2])
    small = {"threshold_tokens": 600, "keep_tokens": 150, "summary_tokens": 120, "mode": "manual"}
    app = App(Config(store="sqlite://:memory:", **small))
    await app.open()
    watchers = access_log(which, request_sink("info", sys.argv[2]))
    async with serving(app.memory, watch=Watch(log_sink(), watchers), gateway=app.gateway) as api:
        said = [{"role": r, "content": "secret words " * 80} for r in ("user", "assistant") * 4]
        path = "/v1/sessions/a%2Fb/messages?context=anthropic"
        await api.call("POST", path, {"messages": said}, headers={"x-request-id": "mine-1"})
        await api.call("POST", "/v1/sessions/a%2Fb/compact", {"force": True}, headers={"x-request-id": "mine-2"})
        await api.call("GET", "/v1/sessions/nobody/context", headers={"x-request-id": "mine-3"})
        told = {"x-request-id": "mine-4", "x-memsvc-session": "gw"}
        await api.call("POST", "/v1/messages", {"secret": 1}, headers=told)
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        told = b"Host: localhost\\r\\nx-request-id: mine-5\\r\\nx-memsvc-session: a\\xffb\\r\\nConnection: close\\r\\n"
        writer.write(b"POST /v1/messages HTTP/1.1\\r\\n" + told + b"Content-Length: 2\\r\\n\\r\\n{}")
        await reader.read()
        writer.close()
    await app.close()

asyncio.run(main(sys.argv[1]))
"""


def of_requests(which: str, fmt: str = "json") -> list[str]:
    done = subprocess.run([sys.executable, "-c", OF_REQUESTS, which, fmt], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "secret" not in done.stderr
    return done.stderr.splitlines()


def test_a_line_for_each_request_if_wanted_and_the_request_in_every_line() -> None:
    found = [json.loads(line) for line in of_requests("all")]
    answered = [line for line in found if line["event"] == "answered"]
    told = [(x["request_id"], x["call"], x["status"], x["tenant"], x["session"]) for x in answered]
    assert told == [
        ("mine-1", "append", 200, "default", "a/b"),
        ("mine-2", "compact", 200, "default", "a/b"),
        ("mine-3", "context", 404, "default", "nobody"),
        ("mine-4", "/v1/messages", 400, "default", "gw"),
        ("mine-5", "/v1/messages", 400, "default", "a?b"),  # its bytes are no text
    ]
    (compacted,) = (line for line in found if line["event"] == "compacted")
    assert compacted["request_id"] == "mine-2"  # although a task of its own made it
    assert set(compacted) > set(answered[0]) - {"call", "status"}
    assert [x["timestamp"] for x in found] == sorted(x["timestamp"] for x in found)


def test_errors_alone_and_readable_lines() -> None:
    lines = of_requests("errors", "console")
    assert [x.count("mine-3") + x.count("mine-4") + x.count("mine-5") for x in lines if "answered" in x] == [1, 1, 1]


class Nobody:
    """A service that is asked for nothing."""


class _Closed:
    """A log that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


async def test_a_log_that_nobody_reads_fails_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", _Closed())
    async with serving(Nobody(), watch=Watch(watchers=access_log("all", request_sink("info", "json")))) as api:
        assert (await api.call("GET", "/healthz")).status == 200


def test_a_level_above_info_wants_no_lines_of_requests(capsys: pytest.CaptureFixture[str]) -> None:
    request_sink("warning", "json")(Answered("r", "get", 500, 0.1, "t", "s"))
    assert capsys.readouterr().err == ""
    request_sink("info", "json")(Answered("r", "get", 500, 0.1, "t", "s"))
    assert json.loads(capsys.readouterr().err)["request_id"] == "r"


REAL_CALL = """
import asyncio
from memsvc.llm import AnthropicModel, OpenAIModel
from memsvc.llm.calls import Ask, CallFailed
from memsvc.observe import configure_logging
from memsvc.testing.provider import Provider

async def main():
    configure_logging("debug", "json")
    async with Provider() as provider:
        provider.script(["ok", "ok", "server_error", "not_json"])
        for _ in range(2):
            for model in (
                AnthropicModel("claude-haiku-5-5", api_key="secret-key", base_url=provider.anthropic_url),
                OpenAIModel("gpt-6-luna", api_key="secret-key", base_url=provider.openai_url),
            ):
                try:
                    await model.ask(Ask("secret system", "secret words", 500, 10.0))
                except CallFailed as failed:
                    assert "secret" not in str(failed)
                await model.close()
    print("done")

asyncio.run(main())
"""


def test_the_vendors_clients_log_nothing_of_a_conversation_even_at_debug() -> None:
    done = subprocess.run([sys.executable, "-c", REAL_CALL], capture_output=True, text=True, check=True)
    assert done.stdout == "done\n"
    assert "secret" not in done.stderr


EVERY = """
from typing import get_args
from memsvc.core.money import Usage
from memsvc.observe import Event, configure_logging, log_sink
configure_logging("debug", "json")
values = {"str": "x", "int": 1, "float": 0.5, "float | None": None, "str | None": None, "bool": False}
values |= {"tuple[str, ...]": (), "tuple[float, float] | None": None}
values |= {"Usage": Usage(1, 2)}
for kind in get_args(Event):
    log_sink()(kind(**{name: values[kind.__annotations__[name]] for name in kind.__struct_fields__}))
"""


def test_every_kind_of_event_is_a_line_of_the_log() -> None:
    done = subprocess.run([sys.executable, "-c", EVERY], capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["level"] in ("debug", "info", "warning", "error") for line in found] == [True] * len(get_args(Event))
    assert len({line["event"] for line in found}) == len(found)
    for line, kind in zip(found, get_args(Event), strict=True):
        assert set(kind.__struct_fields__) <= set(line), kind
