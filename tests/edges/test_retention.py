"""Retention as an explicit act, over HTTP and from the command line."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from memsvc.cli import main
from memsvc.core.model import Key
from memsvc.service import Memory
from memsvc.wire.requests import read_moment
from tests.edges.api import Api
from tests.edges.conftest import NOW
from tests.service.world import user, world

S = "/v1/sessions"
HELLO = {"messages": [{"role": "user", "content": "hello"}]}


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


async def test_what_was_left_alone_goes(api: Api, memory: Memory) -> None:
    for n in range(250):
        await api.ok("PUT", f"{S}/s{n}", {})
    await api.ok("POST", f"{S}/s1/messages", HELLO)
    assert await api.ok("DELETE", f"{S}?inactive_since={NOW:.0f}") == {"deleted": 0}
    assert await api.ok("GET", f"{S}/s1/context?format=openai")
    memory._clock = lambda: NOW + 10
    await api.ok("POST", f"{S}/s2/messages", HELLO)
    assert await api.ok("DELETE", f"{S}?inactive_since={quote(iso(NOW + 5))}") == {"deleted": 249}
    left = await api.ok("GET", S)
    assert [s["session"] for s in left["sessions"]] == ["s2"]
    (await api.call("GET", f"{S}/s1/context?format=openai")).problem(404)
    assert await api.ok("DELETE", f"{S}?inactive_since={NOW + 5:.3f}") == {"deleted": 0}


@pytest.mark.parametrize("query", ["", "?inactive_since=", "?inactive_since=yesterday", "?inactive_since=-5"])
async def test_without_a_time_nothing_goes(api: Api, query: str) -> None:
    await api.ok("PUT", f"{S}/s", {})
    (await api.call("DELETE", S + query)).problem(400, "inactive_since")
    for odd in ("9" * 12, "0001-01-01", "1e9", "inf", "nan"):
        (await api.call("DELETE", f"{S}?inactive_since={odd}")).problem(400, "inactive_since")
    assert await api.ok("GET", f"{S}/s")


async def test_not_in_the_future(api: Api) -> None:
    await api.ok("PUT", f"{S}/s", {})
    (await api.call("DELETE", f"{S}?inactive_since={NOW + 1:.0f}")).problem(400, "inactive_since")
    assert await api.ok("GET", f"{S}/s")


def test_ways_to_write_a_time() -> None:
    same = ["1777640400", "1777640400.0", "2026-05-01T13:00:00Z", "2026-05-01T15:00:00+02:00"]
    same += ["2026-05-01T15:00:00 02:00", "2026-05-01T13:00", "2026-05-01 13:00"]
    assert {read_moment(text) for text in same} == {1777640400.0}
    assert read_moment("2026-05-01") == 1777593600.0


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = f"{tmp_path}/a.db"

    async def make() -> None:
        async with world(path) as w:
            for n in range(3):
                await w.append(user("x"), key=Key("acme", f"s{n}"))
                w.clock.pass_(1000)

    asyncio.run(make())
    command = ["purge", "--store", f"sqlite:///{path}", "--tenant", "acme", "--inactive-since", "1700001500"]
    assert main([*command, "--dry-run"]) == 0
    assert main(command) == 0
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 sessions would be deleted",
        "2 sessions deleted",
        "0 sessions deleted",
    ]
    assert main([*command[:-1], "soon"]) == 2
    assert main([*command[:-1], "9999-01-01"]) == 1
    assert "future" in capsys.readouterr().err
