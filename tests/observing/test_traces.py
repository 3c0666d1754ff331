"""Traces: a real server, a real provider, a real collector; nothing of a conversation in them."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from memsvc.cli.observing import Observing
from memsvc.config import Config, ConfigError
from memsvc.testing.provider import Provider
from tests.observing.collector import Collector, collecting
from tests.processes.running import SMALL, STOP, memsvc

ROOT = Path(__file__).parents[2]
MODEL = "claude-sonnet-5-5"
CALLERS = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = {"traceparent": f"00-{CALLERS[0]}-{CALLERS[1]}-01"}


@pytest.fixture
def told() -> Iterator[dict[str, str]]:
    """Variables for processes that a test starts; none of them outlives it."""
    before = dict(os.environ)
    told: dict[str, str] = {}
    yield told
    os.environ.clear()
    os.environ.update(before)


def speak(collector: Collector) -> None:
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
    os.environ["OTEL_BSP_SCHEDULE_DELAY"] = "50"
    os.environ["OTEL_RESOURCE_ATTRIBUTES"] = "deployment.environment.name=test"


async def _post(url: str, path: str, body: Any, **headers: str) -> int:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session, session.post(url + path, json=body, headers=sent) as response:
        await response.read()
        return response.status


async def test_a_call_is_followed_from_its_caller_to_the_provider(told: Any, tmp_path: Path) -> None:
    async with collecting() as collector, Provider() as provider:
        speak(collector)
        urls = {"gateway_anthropic_url": provider.anthropic_url, "gateway_anthropic_provider": "anthropic"}
        store = f"sqlite:///{tmp_path}/traced.db"
        writer = {
            "summarizers": f"anthropic:{MODEL}",
            "anthropic_api_key": "k" * 20,
            "anthropic_base_url": provider.anthropic_url,
        }
        async with memsvc("serve", "--port", "0", "--store", store, poll_s=0.1, **SMALL, **urls, **writer) as server:
            said = "secret words; " * 60
            turns = [{"role": "user", "content": f"{n} {said}"} for n in range(6)]
            messages = [m for turn in turns for m in (turn, {"role": "assistant", "content": "secret answer"})]
            assert (
                await _post(server.url, "/v1/sessions/s/messages?context=anthropic", {"messages": messages}, **PARENT)
                == 200
            )
            await collector.until("append", "context", "compaction", f"chat {MODEL}")
            of_summary = collector.one(f"chat {MODEL}")
            asked = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "secret question"}]}
            keyed = {"x_memsvc_session": "g", "x_api_key": "a-key", "anthropic_version": "2026-10-21"}
            assert await _post(server.url, "/v1/messages", asked, **keyed, **PARENT) == 200
            provider.script(["server_error"])
            assert await _post(server.url, "/v1/messages", asked, **{**keyed, "x_memsvc_session": "f"}) >= 500
            server.signal(STOP)
            assert await server.ended() == 0
    assert collector.resource["service.name"] == "memsvc"
    assert collector.resource["deployment.environment.name"] == "test"
    outer = next(s for s in collector.spans if s.kind == "server" and s.name == "append")
    inner, context = (
        next(s for s in collector.spans if s.kind == "internal" and s.name == name) for name in ("append", "context")
    )
    assert (outer.trace, outer.parent) == CALLERS
    assert (inner.trace, inner.parent) == (context.trace, context.parent) == (outer.trace, outer.id)
    assert outer.attributes["http.response.status_code"] == 200
    assert (outer.attributes["memsvc.tenant"], outer.attributes["gen_ai.conversation.id"]) == ("default", "s")
    compaction = next(s for s in collector.spans if s.name == "compaction")
    assert compaction.attributes["memsvc.outcome"] == "committed"
    assert of_summary.parent == compaction.id
    assert of_summary.attributes["memsvc.feature"] == "summary"
    _followed(collector)
    assert b"secret" not in collector.raw
    assert not any(span.told for span in collector.spans)


def _followed(collector: Collector) -> None:
    """A call through the gateway that went well, and one that the provider failed."""
    calls = [s for s in collector.spans if s.name == f"chat {MODEL}" and "memsvc.feature" not in s.attributes]
    (good,) = (s for s in calls if s.attributes["gen_ai.conversation.id"] == "g")
    (bad,) = (s for s in calls if s.attributes["gen_ai.conversation.id"] == "f")
    assert (good.kind, good.trace, good.failed) == ("client", CALLERS[0], False)
    door = next(s for s in collector.spans if s.id == good.parent)
    assert (door.name, door.kind, door.parent) == ("/v1/messages", "server", CALLERS[1])
    wanted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.stream": False,
        "gen_ai.conversation.compacted": False,
        "gen_ai.response.finish_reasons": ["end_turn"],
        "server.address": "127.0.0.1",
    }
    assert wanted.items() <= good.attributes.items()
    assert good.attributes["gen_ai.usage.input_tokens"] > 0
    assert good.attributes["gen_ai.usage.output_tokens"] > 0
    assert good.attributes["gen_ai.response.id"].startswith("msg_")
    assert (bad.failed, bad.attributes["error.type"]) == (True, "500")
    assert next(s for s in collector.spans if s.id == bad.parent).failed


STOPS = """
import time
from memsvc.tracing import open_tracing

tracing = open_tracing()
for _ in range(600):  # more than one batch
    with tracing.spans.span("step"):
        pass
began = time.monotonic()
tracing.close(0.2)
print(time.monotonic() - began)
"""


async def test_a_collector_that_never_answers_holds_no_stop_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # nobody accepts, so nobody answers
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        call = (sys.executable, "-c", STOPS)
        done = await asyncio.create_subprocess_exec(*call, env={**os.environ, **told}, stdout=PIPE, cwd=ROOT)
        began = time.monotonic()
        out, _ = await done.communicate()
    assert 0.15 < float(out) < 5.0
    assert time.monotonic() - began < 15.0, "nor the end of the process: a batch alone would take ten seconds"


async def test_a_folder_for_metrics_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    told = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "none")}
    call = (sys.executable, "-m", "memsvc", "serve", "--port", "0", "--store", "sqlite://:memory:")
    done = await asyncio.create_subprocess_exec(*call, env=told, stderr=PIPE, cwd=ROOT)
    _, said = await done.communicate()
    assert done.returncode == 2
    assert b"PROMETHEUS_MULTIPROC_DIR names a folder where metrics cannot be kept" in said
    assert b"Traceback" not in said


async def test_variables_that_contradict_each_other_are_wrong_settings(told: Any) -> None:
    os.environ["OTEL_BSP_MAX_QUEUE_SIZE"] = "10"  # a batch has 512
    with pytest.raises(ConfigError, match=r"OTEL_\* variables"):
        Observing(Config(traces="on", metrics="off"))


async def test_a_protocol_that_is_not_spoken_is_a_wrong_setting(told: Any) -> None:
    os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc"
    with pytest.raises(ConfigError, match="http/protobuf alone"):
        Observing(Config(traces="on", metrics="off"))


@pytest.mark.parametrize(
    ("env", "setting", "on"),
    [
        ({}, "auto", False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "auto", True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9"}, "auto", True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "auto", True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "auto", False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "auto", False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "off", False),
        ({}, "on", True),
    ],
)
async def test_when_traces_are_on(env: dict[str, str], setting: Any, on: bool) -> None:
    observing = Observing(Config(traces=setting, metrics="off"), env)
    assert (observing._tracing is not None) == on
    await observing.close()
