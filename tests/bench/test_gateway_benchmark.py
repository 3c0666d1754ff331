"""The gateway benchmark's provider and its many clients: what is whole, what is lost, what keeps pace."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks import gateway, scripted, streamers


@asynccontextmanager
async def provider(events: int, pause_s: float) -> AsyncIterator[int]:
    """Its port."""
    pace, loop = scripted.Pace(events, pause_s), asyncio.get_running_loop()
    server = await loop.create_server(lambda: scripted.Link(pace), "127.0.0.1", 0)
    if pause_s:
        pace.start(loop)
    async with server:
        yield server.sockets[0].getsockname()[1]


def asked(port: int, events: int) -> argparse.Namespace:
    return argparse.Namespace(port=port, streams=3, events=events, starts_per_s=1000.0, window_s=0.05, pids=[])


async def test_streams_that_come_whole_are_counted_and_timed() -> None:
    async with provider(20, 0.01) as port:
        found = await streamers.Crowd(asked(port, 20)).listen()
    assert (found["whole"], found["lost"], found["open"]) == (3, 0, 3)
    assert found["events_per_s"] > 0
    assert 0 < found["under_way_p50_ms"] <= found["under_way_p99_ms"]


async def test_streams_with_an_event_too_few_are_lost() -> None:
    async with provider(19, 0.0) as port:
        found = await streamers.Crowd(asked(port, 20)).listen()
    assert (found["whole"], found["lost"]) == (0, 3)


async def test_streams_that_break_off_are_lost() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + scripted.text_event())
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        found = await streamers.Crowd(asked(server.sockets[0].getsockname()[1], 1)).listen()
    assert (found["whole"], found["lost"]) == (0, 3)


@pytest.mark.parametrize(
    ("keeps", "generator", "expected"),
    [((True, True), True, (20, "steps")), ((True, False), True, (10, "gateway")), ((False,), False, (0, "generator"))],
)
def test_the_most_streams_are_those_kept_pace_with(
    monkeypatch: pytest.MonkeyPatch, keeps: tuple[bool, ...], generator: bool, expected: tuple[int, str]
) -> None:
    def step(plan: gateway.Plan, number: int) -> gateway.Json:
        kept = keeps[number // 10 - 1]
        return {"streams": number, "keeps_pace": kept, "generator_keeps_pace": generator}

    monkeypatch.setattr(gateway, "_step", step)
    found = gateway.streams(gateway.Plan(streams=(10, 20)))
    assert (found["kept"], found["limited_by"]) == expected
