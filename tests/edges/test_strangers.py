"""Law 9 at the door: every route, asked with another tenant's key, gives nothing away.

What is another tenant's and what does not exist are answered alike: in status, headers and body, and after the
same questions to the store, so that the time an answer takes says nothing either.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from memsvc.app import default_policy
from memsvc.config import Config
from memsvc.core.access import ALL
from memsvc.llm import LocalSummarizer
from memsvc.ports import Counter, Prices, Store
from memsvc.server.gate import Gate
from memsvc.service import Memory
from memsvc.service.holders import Holders
from memsvc.service.keyring import Keyring
from memsvc.wire import CALLS, Call
from memsvc.wire.examples import BODIES
from tests.edges.api import Answer, Api, serving
from tests.edges.conftest import NOW

MARK = "zanzibar"
"""Stands in everything that the first tenant stores."""
OWNED, NOWHERE = f"{MARK}-session", "q" * len(f"{MARK}-session")
"""A session of the first tenant, and a name of that length that nobody has."""
KEYED = [call for call in CALLS if call.scope != "public"]
QUERIES = {
    "context": ["", "?format=openai", "?format=responses&marks=none", "?max_tokens=50", "?wait_ms=1"],
    "append": ["", "?context=anthropic"],
    "history": ["", "?after=1&limit=5", "?format=openai"],
    "summaries": ["", "?after=0"],
    "search": ["?q=hello", "?q=MARK&limit=3"],
    "delete_inactive": ["?inactive_since=1900000000", "?inactive_since=1"],
    "list_sessions": ["", f"?prefix={MARK}", f"?user={MARK}", "?limit=1"],
}
CREATING = ("append", "put")
"""Calls that make the session where there is none: for a stranger there is none."""


class Told:
    """A store that remembers what it was asked, but not by whom about what."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def ask(*args: Any, **more: Any) -> Any:
            self.asked.append(name)
            return found(*args, **more)

        return cast("Callable[..., Any]", ask)


class House:
    """A service with one tenant who has something, and strangers who have nothing."""

    def __init__(self, api: Api, told: Told, keyring: Keyring) -> None:
        self.api = api
        self.told = told
        self._keyring = keyring
        self.owner: dict[str, str] = {}

    async def stranger(self, tenant: str) -> dict[str, str]:
        """The headers of a tenant's key."""
        key, _ = await self._keyring.create(tenant, ALL)
        return {"Authorization": f"Bearer {key}", "x-request-id": "r", "If-None-Match": "*"}

    async def fill(self) -> None:
        """Store a conversation of the first tenant: compacted, pinned, priced, tagged."""
        self.owner = {k: v for k, v in (await self.stranger("owner")).items() if k == "Authorization"}
        path = f"/v1/sessions/{OWNED}"
        policy = {"threshold_tokens": 700, "keep_tokens": 200, "summary_tokens": 300}
        settings = {"system": f"You know {MARK}.", "user": MARK, "metadata": {"of": MARK}, "policy": policy}
        await self.api.ok("PUT", path, settings, headers=self.owner)
        for n in range(20):
            said = [{"role": r, "content": f"{MARK} {n} {r} " + "words " * 40} for r in ("user", "assistant")]
            more = {"ids": [f"{MARK}-{n}-u", f"{MARK}-{n}-a"]}
            await self.api.ok("POST", f"{path}/messages", {"messages": said, **more}, headers=self.owner)
        assert (await self.api.ok("POST", f"{path}/compact", {"force": True}, headers=self.owner))["changed"]
        await self.api.ok("PUT", f"{path}/pins/39", headers=self.owner)

    async def state(self) -> list[Any]:
        """All that the owner sees."""
        paths = ("", "/history?limit=1000", "/summaries", "/context?format=openai")
        seen = [await self.api.ok("GET", f"/v1/sessions/{OWNED}{p}", headers=self.owner) for p in paths]
        return [*seen, await self.api.ok("GET", "/v1/sessions", headers=self.owner)]

    async def ask(self, call: Call, session: str, query: str, headers: dict[str, str]) -> tuple[Answer, list[str]]:
        """What a stranger is answered, and what the store was asked for it."""
        path = call.path.format(sid=session, seq="39", user=MARK) + query
        self.told.asked.clear()
        answer = await self.api.call(call.method, path, BODIES.get(call.name), headers=headers)
        return answer, list(self.told.asked)


@pytest.fixture
async def house(store: Store, counter: Counter, prices: Prices) -> AsyncIterator[House]:
    told = Told(store)
    summarizers = [LocalSummarizer(counter.count)]
    defaults = default_policy(Config())
    memory = Memory(cast("Store", told), counter, summarizers, defaults=defaults, clock=lambda: NOW, prices=prices)
    holders = Holders(cast("Store", told), clock=lambda: NOW, monotonic=lambda: 0.0)
    async with serving(memory, gate=Gate(None, holders)) as api:
        made = House(api, told, Keyring(store, clock=lambda: NOW))
        await made.fill()
        yield made
        await memory.drain()


def shown(answer: Answer, name: str) -> tuple[int, Any, list[tuple[str, str]]]:
    """Status, body and headers; the session's name, which the caller has sent, stands as `NOWHERE`."""
    headers = sorted((k, v) for k, v in answer.headers.items() if k != "Date")
    return answer.status, json.loads(answer.body.decode().replace(name, NOWHERE) or "null"), headers


def cases() -> list[Any]:
    return [pytest.param(c, q, id=f"{c.name}{q}") for c in KEYED for q in QUERIES.get(c.name, [""])]


@pytest.mark.parametrize(("call", "query"), cases())
async def test_what_is_another_tenants_is_answered_like_what_is_not_there(house: House, call: Call, query: str) -> None:
    before = await house.state()
    first, second = await house.stranger("first"), await house.stranger("second")
    for headers in (first, second):  # the look-up of the key itself is none of this
        await house.ask(next(c for c in KEYED if c.name == "get"), "warm", "", headers)
    mine, asked_mine = await house.ask(call, OWNED, query, first)
    none, asked_none = await house.ask(call, NOWHERE, query, second)
    assert shown(mine, OWNED) == shown(none, NOWHERE)
    waits = "wait_ms" in query  # how often it looks again is a matter of time
    assert set(asked_mine) == set(asked_none) if waits else asked_mine == asked_none
    if call.scope == "session" and call.name not in CREATING:
        mine.problem(404, code="not_found")
    assert MARK not in mine.body.decode().replace(OWNED, "")
    assert MARK not in str(mine.headers)
    assert await house.state() == before


async def test_what_a_stranger_makes_under_the_same_name_is_its_own(house: House) -> None:
    stranger = {k: v for k, v in (await house.stranger("first")).items() if k == "Authorization"}
    before, path = await house.state(), f"/v1/sessions/{OWNED}"
    for name in ("put", "append", "context", "usage", "pin", "compact", "truncate", "unpin", "delete_user", "delete"):
        call = next(c for c in KEYED if c.name == name)
        at = call.path.format(sid=OWNED, seq="1", user=MARK)
        answer = await house.api.call(call.method, at, BODIES.get(name), headers=stranger)
        assert answer.status < 300, (name, answer.body)
        assert MARK not in answer.body.decode().replace(OWNED, "")
        assert await house.state() == before, name
    assert (await house.api.call("GET", path, headers=stranger)).status == 404


async def test_a_cursor_of_another_tenant_shows_ones_own_sessions_alone(house: House) -> None:
    for n in range(3):
        await house.api.ok("PUT", f"/v1/sessions/{MARK}{n}", {}, headers=house.owner)
    page = await house.api.ok("GET", "/v1/sessions?limit=2", headers=house.owner)
    stranger = await house.stranger("first")
    answer = await house.api.ok("GET", f"/v1/sessions?after={page['next']}", headers=stranger)
    assert answer == {"sessions": [], "next": None}


def test_every_route_is_walked() -> None:
    assert {case.values[0].name for case in cases()} == {call.name for call in CALLS if call.scope != "public"}
    assert {name for call in CALLS for name in QUERIES if call.name == name} == set(QUERIES)
