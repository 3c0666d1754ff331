"""The contract of a look into a store: what it tells, and that nothing changes by it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from memsvc.core.access import ApiKey
from memsvc.core.budgets import Budget, Spending
from memsvc.core.model import Key
from memsvc.errors import Unavailable
from memsvc.ports import Store
from memsvc.stores import inspect_store, open_store
from tests.contract.making import KEY, OTHER, say
from tests.contract.servers import Nodes, Process, Watched
from tests.contract.test_upgrade import FILES, NEWEST, SERVERS, fill

KINDS = ("file", "valkey", "valkey_cluster", "valkey_watched")
ACCESS = ApiKey("0123456789ab", "acme", "one", ("read",), b"d" * 32, "wxyz", 1.0, 50.0)
DAY = Budget("day", None, 100)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path, prefix: str) -> str:
    if request.param == "file":
        return f"sqlite:///{tmp_path}/m.db"
    server: Process | Nodes | Watched = request.getfixturevalue(request.param)
    return f"{server.url}?prefix={prefix}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = open_store(url)
    await opened.open()
    yield opened
    await opened.close()


async def test_where_there_is_no_store_none_is_made(url: str, tmp_path: Path) -> None:
    for deep in (False, True):
        facts = await inspect_store(url).facts(now=5.0, deep=deep)
        assert (facts.schema, facts.sessions, facts.keys) == (None, None, ())
    assert list(tmp_path.glob("m.db*")) == []


async def test_it_tells_what_is_there_while_the_store_is_in_use(store: Store, url: str) -> None:
    for key in (KEY, OTHER, Key("acme", "third")):
        await say(store, 2, key=key)
    await store.enqueue(KEY, due_at=7.0)
    await store.enqueue(OTHER, due_at=3.0)
    job = await store.claim(now=4.0, lease_s=5.0)
    assert job is not None
    assert await store.finish(job, state="backoff", reason="away", error="the provider is away", retry_at=9.0)
    await store.add_key(ACCESS)
    await store.put_sealed("acme", "anthropic", b"sealed")
    await store.put_budgets("acme", [DAY])
    await store.count(Spending("acme", "summary", 120, 5.0))
    facts = await inspect_store(url).facts(now=10.0, budgets=[Budget("month", None, 7)])
    assert facts.schema == facts.newest
    assert (facts.sessions, facts.due, facts.oldest_due) == (3, 2, 7.0)
    assert facts.failing == ((OTHER, "the provider is away"),)
    assert facts.keys == (ACCESS,)
    assert facts.sealed == (("acme", "anthropic"),)
    reached = {(tenant, one.budget.period): one.used for tenant, one in facts.reached}
    assert reached == {("acme", "day"): 120, ("acme", "month"): 120, ("default", "month"): 0}
    early = await inspect_store(url).facts(now=5.0)
    assert (early.due, early.oldest_due) == (0, None)
    assert facts.told
    assert await store.claim(now=10.0, lease_s=5.0) is not None, "nothing was taken by looking"


@pytest.mark.parametrize("name", FILES)
async def test_a_file_of_an_older_release_is_read_and_left_as_it_is(name: str, tmp_path: Path) -> None:
    file = tmp_path / "m.db"
    data = gzip.decompress((Path(__file__).parent / "old" / f"{name}.store.gz").read_bytes())
    await asyncio.to_thread(file.write_bytes, data)
    facts = await inspect_store(f"sqlite:///{file}").facts(now=1e10, budgets=[DAY], deep=True)
    assert facts.schema == int(name.removeprefix("sqlite-"))
    assert facts.schema in facts.upgraded
    assert facts.newest == NEWEST
    assert facts.due or name == "sqlite-01"  # whose worker had to run
    assert (facts.sessions or 0) >= 3
    assert facts.told[0]["quick_check"] == "ok"
    assert file.read_bytes() == data
    assert [p.name for p in tmp_path.iterdir()] == ["m.db"]


@pytest.mark.parametrize("name", SERVERS)
async def test_a_server_of_an_older_release_is_read_and_left_as_it_is(name: str, valkey: Process, prefix: str) -> None:
    fill(valkey, name, prefix)
    before = valkey.tell("INFO", "commandstats")
    facts = await inspect_store(f"{valkey.url}?prefix={prefix}").facts(now=1e10, budgets=[DAY])
    after = valkey.tell("INFO", "commandstats")
    assert facts.schema == int(name.split("-")[1])
    assert facts.schema in facts.upgraded
    assert (facts.sessions, facts.due > 0, len(facts.keys)) == (5, True, 1)
    for word in ("cmdstat_set:", "cmdstat_evalsha:", "cmdstat_eval:"):
        told = [[line for line in text.splitlines() if line.startswith(word)] for text in (before, after)]
        assert told[0] == told[1], "nothing was written"


async def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all " * 100)
    for url in (f"sqlite:///{tmp_path}/text.db", "redis://127.0.0.1:1"):
        with pytest.raises(Unavailable):
            await inspect_store(url).facts(now=1.0)
    with pytest.raises(ValueError, match="one server"):
        inspect_store("redis://a,b")


async def test_what_a_killed_process_left_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/m.db")
    await store.open()
    await say(store, 3)
    left = {name: (tmp_path / name).read_bytes() for name in ("m.db", "m.db-wal")}  # as a kill would leave them
    await store.close()
    other = tmp_path / "left"
    other.mkdir()
    for name, data in left.items():
        (other / name).write_bytes(data)
    facts = await inspect_store(f"sqlite:///{other}/m.db").facts(now=1.0, deep=True)
    assert facts.sessions == 1, "what is in the log alone is seen too"
    assert {name: (other / name).read_bytes() for name in left} == left
