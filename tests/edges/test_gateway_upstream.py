"""The gateway before providers that do what the stand-in does not, and what of a request reaches them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.edges.through import MODEL, Json, through
from tests.edges.upstreams import Handler, answering, message

ASKED: Json = {"model": MODEL, "max_tokens": 60_000, "messages": [{"role": "user", "content": "x"}]}
OURS = "service-key-of-acme-0001"


def echo(seen: list[web.Request], headers: Mapping[str, str] | None = None, **more: Any) -> Handler:
    """A provider that keeps what it was asked."""

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response(message(**more), headers=headers)

    return handler


# --- headers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"authorization": f"Bearer {OURS}"}, 401),
        ({"authorization": f"Bearer {OURS}", "x-memsvc-key": ""}, 401),
        ({"authorization": f"Bearer {OURS}", "x-memsvc-key": OURS}, 401),
        ({"authorization": "Bearer theirs", "x-api-key": OURS, "x-memsvc-key": OURS}, 200),
        ({"authorization": f"Basic {OURS}", "x-api-key": "theirs", "x-memsvc-key": OURS}, 200),
    ],
)
async def test_the_key_for_this_service_goes_no_further(sent: dict[str, str], status: int) -> None:
    seen: list[web.Request] = []
    async with (
        answering(echo(seen)) as url,
        through(upstream=url, vault_key=os.urandom(32), keys={OURS: "acme"}) as t,
    ):
        sent["anthropic-version"] = "2026-10-21"
        answer = await t.api.call("POST", "/v1/messages", ASKED, headers=sent)
        assert answer.status == status
        assert len(seen) == (status == 200)
        assert OURS not in str([request.headers for request in seen])


async def test_what_is_of_one_connection_or_one_place_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login operator password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen: list[web.Request] = []
    told = {"Strict-Transport-Security": "max-age=9", "Alt-Svc": "h3", "Access-Control-Allow-Origin": "*"}
    async with answering(echo(seen, {**told, "request-id": "r1"})) as url, through(upstream=url) as t:
        sent = {"x-api-key": "k", "anthropic-version": "2023-06-01", "x-hop": "1", "connection": "keep-alive, x-hop"}
        answer = await t.api.call("POST", "/v1/messages?beta=true", ASKED, headers=sent)
        assert answer.headers["request-id"] == "r1"
        assert not told.keys() & answer.headers.keys()
    (request,) = seen
    assert request.headers["x-api-key"] == "k"
    assert "Authorization" not in request.headers, "~/.netrc is for other programs"
    assert "x-hop" not in request.headers
    assert request.query_string == "beta=true"


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[web.Request] = []
    async with answering(echo(seen)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.removeprefix("http://"))
        monkeypatch.setenv("no_proxy", "")
        async with through(upstream="http://provider.example") as t:
            assert (await t.post("/v1/messages", ASKED)).status == 200
    assert seen[0].headers["Host"] == "provider.example"
