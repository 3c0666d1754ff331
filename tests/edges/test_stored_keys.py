"""Keys in the store: when they are asked for, what they open, and how soon one that ended opens nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any, cast

import pytest

from memsvc.core.access import ALL, Access, ApiKey, id_of, key_of
from memsvc.errors import Unavailable
from memsvc.ports import Keys, Store
from memsvc.server.gate import Gate
from memsvc.service import Memory
from memsvc.service.holders import AGE_S, MOST, Holders
from memsvc.service.keyring import Keyring
from memsvc.wire import CALLS, Call
from memsvc.wire.openapi import openapi_document
from tests.edges.api import Api, serving
from tests.edges.conftest import NOW

S = "/v1/sessions/s"
HI = {"role": "user", "content": "hi"}
GIVEN = "key-of-ann-0123456"
UNKNOWN = key_of("0" * 12, bytes(32))


@dataclass
class Door:
    """A server that looks into a store for keys, clocks that are moved by hand, and every look-up."""

    store: Store
    api: Api = field(init=False)
    now: float = NOW
    monotonic: float = 50.0
    looks: list[str] = field(default_factory=list)
    away: bool = False

    def __post_init__(self) -> None:
        self.keyring = Keyring(self.store, clock=lambda: self.now)

    async def key(self, id: str) -> ApiKey | None:
        """A look-up of one."""
        self._look(id)
        return await self.store.key(id)

    async def keys(self, tenant: str | None = None) -> list[ApiKey]:
        """A look at all."""
        self._look("*")
        return await self.store.keys(tenant)

    def _look(self, what: str) -> None:
        self.looks.append(what)
        if self.away:
            raise Unavailable("the store is away", retry_after=1)

    async def create(self, tenant: str = "ann", scopes: tuple[Access, ...] = ALL, **more: Any) -> str:
        """A new key."""
        return (await self.keyring.create(tenant, scopes, **more))[0]

    async def status(self, key: str | None = None, method: str = "GET", path: str = "/v1/sessions") -> int:
        """What a request with this key is answered."""
        return (await self.api.call(method, path, headers=bearer(key) if key else None)).status


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def door(store: Store, memory: Memory, given: dict[str, str] | None = None, **more: Any) -> AsyncIterator[Door]:
    made = Door(store)
    holders = Holders(made, clock=lambda: made.now, monotonic=lambda: made.monotonic)  # type: ignore[arg-type]
    async with serving(memory, gate=Gate(given, holders, **more)) as api:
        made.api = api
        yield made


@pytest.fixture
async def here(store: Store, memory: Memory) -> AsyncIterator[Door]:
    """Nothing in the settings: keys are on as soon as the store has one."""
    async with door(store, memory) as made:
        yield made


# --- when keys are on ----------------------------------------------------------


async def test_the_first_key_closes_a_service_that_runs(here: Door) -> None:
    await here.api.ok("POST", f"{S}/messages", {"messages": [HI]})
    key = await here.create("default")
    here.monotonic += AGE_S - 0.001
    assert await here.status() == 200, "nobody has looked yet"
    here.monotonic += 0.001
    assert await here.status() == 401
    assert (await here.api.ok("GET", S, headers=bearer(key)))["messages"] == 1, "what was there is tenant default's"


async def test_the_first_key_opens_its_own_tenant_from_its_first_use(here: Door) -> None:
    await here.api.ok("PUT", S, {})
    key = await here.create("ann")
    assert await here.status(key, path=S) == 404, "not the session of tenant `default`"
    assert await here.status() == 401, "who has seen a key knows that keys are on"


async def test_a_key_that_is_not_known_is_refused_also_while_keys_are_off(here: Door) -> None:
    assert await here.status() == 200
    assert await here.status(UNKNOWN) == 401
    assert await here.status("whatever else") == 200, "as ever, what is no key of the store says nothing"
    assert await here.status() == 200


async def test_while_keys_are_off_the_store_is_asked_once_in_a_while(here: Door) -> None:
    for _ in range(3):
        for _ in range(5):
            assert await here.status() == 200
        here.monotonic += AGE_S
    assert here.looks == ["*"] * 3


@pytest.mark.parametrize("end", ["revoke", "expire"])
async def test_when_the_last_key_ends_the_service_stays_closed(
    here: Door, store: Store, memory: Memory, end: str
) -> None:
    key = await here.create(lifetime_s=10)
    assert await here.status(key) == 200
    if end == "revoke":
        await here.keyring.revoke(str(id_of(key)))
    here.now += 10
    here.monotonic += AGE_S
    for one in (None, key):
        assert await here.status(one) == 401
    async with door(store, memory) as again:
        again.now = here.now
        assert await again.status() == 401, "also after a new start"


async def test_keys_of_the_settings_and_of_the_store_open_side_by_side(store: Store, memory: Memory) -> None:
    async with door(store, memory, {GIVEN: "ann"}) as both:
        key = await both.create("bob")
        await both.api.ok("PUT", S, {}, headers=bearer(GIVEN))
        assert await both.status(GIVEN, path=S) == 200
        assert await both.status(key, path=S) == 404
        assert await both.status(UNKNOWN) == await both.status() == await both.status("nothing") == 401
        both.looks.clear()
        both.monotonic += AGE_S
        for one in (GIVEN, None, "nothing"):
            await both.status(one)
        assert both.looks == [], "the store is asked for keys of its form alone"


async def test_where_other_machines_may_come_keys_are_on_without_any(store: Store, memory: Memory) -> None:
    async with door(store, memory, required=True) as far:
        assert await far.status() == 401
        assert far.looks == []
        assert await far.status(await far.create()) == 200


async def test_with_a_key_host_and_origin_are_anybodys(here: Door) -> None:
    key = await here.create()
    headers = {**bearer(key), "Host": "memory.example", "Origin": "https://page.example"}
    await here.api.ok("GET", "/v1/sessions", headers=headers)
    await here.api.ok("GET", "/v1/sessions", headers={"x-api-key": key})


# --- what ends a key, and how soon ----------------------------------------------


async def test_a_revoked_key_opens_nothing_after_five_seconds(here: Door) -> None:
    key = await here.create()
    assert await here.status(key) == 200
    await here.keyring.revoke(str(id_of(key)))
    here.monotonic += AGE_S - 0.001
    assert await here.status(key) == 200
    here.monotonic += 0.001
    assert await here.status(key) == 401
    assert AGE_S == 5.0, "the documents say so"


async def test_a_revocation_during_a_look_up_is_seen_no_later(store: Store) -> None:
    """What a look-up saw is as old as its beginning, however long it took."""
    now = 0.0
    begun, go = asyncio.Event(), asyncio.Event()

    class Slow:
        async def key(self, id: str) -> ApiKey | None:
            found = await store.key(id)
            begun.set()
            await go.wait()
            return found

    holders = Holders(Slow(), clock=lambda: NOW, monotonic=lambda: now)  # type: ignore[arg-type]
    key, made = await Keyring(store, clock=lambda: NOW).create("ann", ALL)
    look = asyncio.create_task(holders.one(made.id))
    await begun.wait()
    await Keyring(store, clock=lambda: NOW).revoke(made.id)
    now = AGE_S
    go.set()
    assert await look == made
    assert holders.known(made.id) is None
    assert await holders.one(made.id) != made
    assert id_of(key) == made.id


async def test_a_key_expires_by_the_clock_not_by_the_look_up(here: Door) -> None:
    key = await here.create(lifetime_s=2)
    assert await here.status(key) == 200
    here.now += 2
    assert await here.status(key) == 401
    assert len(here.looks) == 1


async def test_both_keys_open_while_one_takes_the_place_of_the_other(here: Door) -> None:
    old = await here.create("ann", ("read",))
    new, _, _ = await here.keyring.rotate(str(id_of(old)), grace_s=60)
    assert await here.status(old) == await here.status(new) == 200
    here.now += 60
    assert await here.status(old) == 401
    assert await here.status(new) == 200


async def test_a_key_is_looked_up_once_in_a_while_and_so_is_one_that_is_not_there(here: Door) -> None:
    key = await here.create()
    for one, status in ((key, 200), (UNKNOWN, 401), (key[:-1] + ("0" if key[-1] != "0" else "1"), 401)):
        here.looks.clear()
        here.monotonic += AGE_S
        for _ in range(3):
            assert await here.status(one) == status
        assert here.looks == [id_of(one)], "the same work whether or not there is such an id"


async def test_refusals_do_not_tell_what_is_wrong_with_a_key(here: Door) -> None:
    expired, revoked, good = await here.create(lifetime_s=1), await here.create(), await here.create()
    await here.keyring.revoke(str(id_of(revoked)))
    here.now += 1
    wrong = [expired, revoked, good[:-4] + "0000", UNKNOWN, "msk_", "nothing"]
    answers = [await here.api.call("GET", S, headers={**bearer(key), "x-request-id": "r"}) for key in wrong]
    assert {a.status for a in answers} == {401}
    assert len({a.body for a in answers}) == 1
    assert len({tuple(sorted((k, v) for k, v in a.headers.items() if k != "Date")) for a in answers}) == 1


async def test_look_ups_take_a_bounded_place(store: Store) -> None:
    holders = Holders(store, clock=lambda: NOW, monotonic=lambda: 0.0)
    for n in range(MOST + 50):
        await holders.one(f"{n:012x}")
    assert len(holders._found) == MOST
    assert holders.known(f"{MOST + 49:012x}") == (None, 0.0)
    assert holders.known(f"{0:012x}") is None


async def test_while_the_store_is_away_nobody_comes_in_by_a_key_that_may_have_ended(here: Door) -> None:
    key = await here.create()
    assert await here.status(key) == 200
    here.away = True
    assert await here.status(key) == 200
    here.monotonic += AGE_S
    answer = await here.api.call("GET", S, headers=bearer(key))
    assert answer.headers["Retry-After"] == "1"
    answer.problem(503, code="unavailable")
    here.away = False
    assert await here.status(key) == 200


# --- scopes ----------------------------------------------------------------------

KEYED = [call for call in CALLS if call.scope != "public"]


def path_of(call: Call) -> str:
    return call.path.format(sid="s", seq="1", user="u")


@pytest.mark.parametrize("scope", ALL)
@pytest.mark.parametrize("call", KEYED, ids=lambda c: c.name)
async def test_a_key_opens_the_calls_of_its_scopes(here: Door, call: Call, scope: Access) -> None:
    key = await here.create(scopes=(scope,))
    answer = await here.api.call(call.method, path_of(call), {} if call.body else None, headers=bearer(key))
    if scope == call.needs:
        assert answer.status not in (401, 403)
    else:
        assert answer.problem(403, code="scope_missing")["scope"] == call.needs
    if call.method == "GET":
        head = await here.api.call("HEAD", path_of(call), headers=bearer(key))
        assert head.status == answer.status


async def test_a_key_that_may_only_write_gets_no_content(here: Door) -> None:
    key, said = await here.create(scopes=("write",)), {"messages": [HI]}
    await here.api.ok("POST", f"{S}/messages", said, headers=bearer(key))
    for query in ("context=openai", "c%6Fntext=openai", "marks=none&context=anthropic", "context=", "context"):
        answer = await here.api.call("POST", f"{S}/messages?{query}", said, headers=bearer(key))
        assert answer.problem(403, code="scope_missing")["scope"] == "read"
    both = await here.create(scopes=("read", "write"))
    assert (await here.api.ok("POST", f"{S}/messages?context=openai", said, headers=bearer(both)))["last_seq"] == 2


def test_what_needs_which_scope() -> None:
    odd = {c.name: c.needs for c in KEYED if c.needs != ("read" if c.method == "GET" else "write")}
    assert odd == {"count": "read", "delete_user": "admin", "delete_inactive": "admin", "put_budgets": "admin"}


def test_the_contract_says_which_scope_a_call_needs() -> None:
    paths = openapi_document()["paths"]
    for call in KEYED:
        operation = paths[call.path][call.method.lower()]
        assert operation["security"] == [{"bearer": [call.needs]}, {"apiKey": [call.needs]}]
        assert f"`{call.needs}`" in operation["description"]
    assert "`context` also `read`" in paths["/v1/sessions/{sid}/messages"]["post"]["description"]


# --- secrets ---------------------------------------------------------------------


async def test_no_key_is_ever_logged_or_answered(
    here: Door, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    good = await here.create(scopes=("read",))
    answers = []
    for key, here.away in product((good, UNKNOWN, good[:-1]), (False, True)):
        here.monotonic += AGE_S
        for headers in (bearer(key), {"x-api-key": key}, {"Authorization": f"Basic {key}"}):
            answers += [await here.api.call(method, S, headers=headers) for method in ("GET", "DELETE", "PATCH")]
    told = caplog.text + "".join(capfd.readouterr()) + "".join(a.body.decode() + str(a.headers) for a in answers)
    for key in (good, UNKNOWN):
        assert key not in told
        assert key.rpartition("_")[2][:40] not in told


class Overtaken:
    """A store that is asked whether it has keys, and answers when a key has been made and used meanwhile."""

    def __init__(self, key: ApiKey) -> None:
        self._key = key
        self.holders: Holders | None = None

    async def keys(self, tenant: str | None = None) -> list[ApiKey]:
        assert self.holders is not None
        await self.holders.one(self._key.id)
        return []

    async def key(self, id: str) -> ApiKey | None:
        return self._key


async def test_keys_stay_on_when_an_older_look_comes_back_late() -> None:
    made = ApiKey("0" * 12, "acme", "", ("read",), b"", "", 0.0)
    store = Overtaken(made)
    store.holders = holders = Holders(cast("Keys", store), clock=lambda: 0.0, monotonic=lambda: 0.0)
    assert await holders.any()
    assert holders.any_known() is True
