"""Who may ask: keys and their tenants, and without keys only this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from memsvc.service import Memory
from memsvc.wire import CALLS
from tests.edges.api import Api, serving

S = "/v1/sessions/s"
HI = {"role": "user", "content": "hi"}
KEYS = {"key-of-ann-0123456": "ann", "key-of-bob-0123456": "bob"}
PUBLIC = ["/healthz", "/readyz", "/openapi.json"]


@pytest.fixture
async def keyed(memory: Memory) -> AsyncIterator[Api]:
    """A server that asks for keys."""
    async with serving(memory, keys=KEYS) as api:
        yield api


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer key-of-ann-0123456"},
        {"authorization": "bearer  key-of-ann-0123456"},
        {"x-api-key": "key-of-ann-0123456"},
        {"Authorization": "Basic abc", "x-api-key": "key-of-ann-0123456"},
        {"x-api-key": "key-of-ann-0123456", "Host": "memory.example", "Origin": "https://page.example"},
    ],
)
async def test_a_known_key_opens_its_tenant(keyed: Api, headers: dict[str, str]) -> None:
    await keyed.ok("PUT", S, {}, headers=headers)
    assert (await keyed.ok("GET", S, headers={"x-api-key": "key-of-ann-0123456"}))["session"] == "s"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer key-of-ann-012345"},
        {"Authorization": "Basic key-of-ann-0123456"},
        {"Authorization": "key-of-ann-0123456"},
        {"x-api-key": ""},
        {"x-api-key": "KEY-OF-ANN-0123456"},
        {"x-api-key": "schlüssel"},
    ],
)
@pytest.mark.parametrize("call", [c for c in CALLS if c.scope != "public"], ids=lambda c: c.name)
async def test_without_a_known_key_nothing_is_answered(keyed: Api, call: Any, headers: dict[str, str]) -> None:
    path = call.path.format(sid="s", seq="1", user="u")
    answer = await keyed.call(call.method, path, {"messages": [HI]} if call.body else None, headers=headers)
    assert "x-api-key" in answer.problem(401, code="unauthorized")["detail"] or headers
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "key-of" not in answer.body.decode()


async def test_tenants_cannot_see_each_other(keyed: Api) -> None:
    ann, bob = ({"x-api-key": key} for key in KEYS)
    await keyed.ok("POST", f"{S}/messages", {"messages": [HI]}, headers=ann)
    (await keyed.call("GET", S, headers=bob)).problem(404)
    (await keyed.call("GET", f"{S}/history", headers=bob)).problem(404)
    (await keyed.call("DELETE", S, headers=bob)).problem(404)
    assert (await keyed.ok("GET", "/v1/sessions", headers=bob))["sessions"] == []
    assert len((await keyed.ok("GET", "/v1/sessions", headers=ann))["sessions"]) == 1


async def test_an_empty_set_of_keys_lets_nobody_in(memory: Memory) -> None:
    async with serving(memory, keys={}) as api:
        (await api.call("GET", S)).problem(401)


@pytest.mark.parametrize("path", PUBLIC)
async def test_public_calls_need_no_key(keyed: Api, path: str) -> None:
    assert (await keyed.call("GET", path)).status == 200
    assert (await keyed.call("GET", path, headers={"Host": "10.0.0.1"})).status == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.8.9.10", "[::1]", "[::1]:80"])
async def test_without_keys_local_names_are_answered(api: Api, host: str) -> None:
    await api.ok("PUT", S, {}, headers={"Host": host, "Origin": "http://localhost:3000"})


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"Host": "evil.example"}, "Host"),
        ({"Host": "127.0.0.1.evil.example"}, "Host"),
        ({"Host": "localhost.evil.example:8080"}, "Host"),
        ({"Host": "10.0.0.1"}, "Host"),
        ({"Host": ""}, "Host"),
        ({"Host": "[::2]"}, "Host"),
        ({"Origin": "https://evil.example"}, "Origin"),
        ({"Origin": "null"}, "Origin"),
        ({"Sec-Fetch-Site": "cross-site"}, "Origin"),
        ({"Sec-Fetch-Site": "same-site"}, "Origin"),
        ({"Origin": "http://127.0.0.1.evil.example"}, "Origin"),
        ({"Origin": "file://localhost"}, "Origin"),
    ],
)
async def test_without_keys_web_pages_are_refused(api: Api, headers: dict[str, str], field: str) -> None:
    await api.ok("PUT", S, {})  # a good host first: none is remembered for a bad one
    problem = (await api.call("PUT", S, {"user": "u"}, headers=headers)).problem(403, field, "forbidden")
    assert "configure keys" in problem["detail"]
    assert (await api.ok("GET", S))["user"] is None


async def test_all_sessions_of_one_person_go_and_nobody_elses(keyed: Api) -> None:
    ann, bob = ({"x-api-key": key} for key in KEYS)
    for headers in (ann, bob):
        for name, user in (("a", "jo/é"), ("b", "jo/é"), ("c", "other"), ("d", None)):
            await keyed.ok("PUT", f"/v1/sessions/{name}", {"user": user} if user else {}, headers=headers)
            await keyed.ok("POST", f"/v1/sessions/{name}/messages", {"messages": [HI]}, headers=headers)
    for _ in range(2):  # the second finds nothing, which is no error
        assert (await keyed.call("DELETE", "/v1/users/jo%2F%C3%A9", headers=ann)).status == 204
    left = {}
    for who, headers in (("ann", ann), ("bob", bob)):
        left[who] = [s["session"] for s in (await keyed.ok("GET", "/v1/sessions", headers=headers))["sessions"]]
    assert {who: sorted(names) for who, names in left.items()} == {"ann": ["c", "d"], "bob": ["a", "b", "c", "d"]}
    (await keyed.call("GET", "/v1/sessions/a/history", headers=ann)).problem(404)
    (await keyed.call("DELETE", "/v1/users/%FF", headers=ann)).problem(400)
    (await keyed.call("DELETE", "/v1/users/" + "x" * 201, headers=ann)).problem(400)
