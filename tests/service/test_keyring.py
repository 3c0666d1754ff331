"""API keys made, listed, rotated and revoked: what is stored can open nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from itertools import count

import pytest

from memsvc.core.access import ALL, Access, ApiKey, digest_of, fits, id_of, ordered
from memsvc.errors import Conflict, InvalidRequest, NotFound
from memsvc.ports import Store
from memsvc.service.keyring import Keyring
from memsvc.stores import open_store


@dataclass
class Ring:
    """A keyring with its store and a clock that is moved by hand."""

    store: Store
    keyring: Keyring
    now: float = 1_000.0


@asynccontextmanager
async def ring() -> AsyncIterator[Ring]:
    store = open_store("sqlite://:memory:")
    await store.open()
    try:
        made = Ring(store, Keyring(store, clock=lambda: made.now))
        yield made
    finally:
        await store.close()


def test_a_key_has_256_random_bits_and_its_id() -> None:
    assert id_of("msk_0123456789ab_" + "f" * 64) == "0123456789ab"
    for wrong in ("", "msk_", "msk_0123456789ab_" + "f" * 63, "msk_0123456789AB_" + "f" * 64, "x" * 81):
        assert id_of(wrong) is None
    assert id_of("msk_0123456789ab_" + "f" * 64 + "\n") is None


def test_the_digest_is_of_the_whole_key() -> None:
    key = "msk_0123456789ab_" + "f" * 64
    assert digest_of(key) == hashlib.sha256(key.encode()).digest()
    stored = ApiKey("0123456789ab", "t", "", ALL, digest_of(key), "ffff", 1.0)
    assert fits(stored, key, 2.0)
    assert not fits(stored, key[:-1] + "e", 2.0)
    assert not fits(stored, "msk_1123456789ab_" + "f" * 64, 2.0), "another id with the same secret"
    assert not fits(None, key, 2.0)
    assert digest_of("\udcff") != digest_of("\udcfe"), "whatever a header held"


def test_scopes_have_one_order() -> None:
    assert ordered(["admin", "read", "read", "nonsense"]) == ("read", "admin")


async def test_what_is_stored_does_not_hold_the_key() -> None:
    async with ring() as r:
        key, made = await r.keyring.create("acme", ("write", "read"), name="ci", lifetime_s=60)
        assert re.fullmatch(rf"msk_{made.id}_[0-9a-f]{{64}}", key)
        (stored,) = await r.keyring.all()
        assert stored == made
        assert (stored.tenant, stored.name, stored.scopes, stored.ending) == ("acme", "ci", ("read", "write"), key[-4:])
        assert (stored.created_at, stored.expires_at, stored.revoked_at) == (1_000.0, 1_060.0, None)
        secret = key.rpartition("_")[2]
        assert secret not in repr(astuple(stored))
        assert stored.digest.hex() not in repr(stored)
        assert fits(stored, key, 1_059.9)
        assert not fits(stored, key, 1_060.0)


async def test_no_two_keys_are_alike() -> None:
    async with ring() as r:
        keys = {(await r.keyring.create("acme", ALL))[0] for _ in range(50)}
        assert len(keys) == len({id_of(key) for key in keys}) == 50


async def test_an_id_that_is_taken_is_drawn_again() -> None:
    async with ring() as r:
        numbers = count()
        drawn = (bytes([n // 2]) for n in iter(lambda: next(numbers), -1))  # each id twice
        keyring = Keyring(r.store, clock=lambda: 1.0, random=lambda size: (next(drawn) * size)[:size])
        made = [await keyring.create("acme", ALL) for _ in range(3)]
        assert len({stored.id for _, stored in made}) == 3
        assert await keyring.all() == sorted((s for _, s in made), key=lambda s: s.id)


async def test_a_revoked_key_stays_revoked() -> None:
    async with ring() as r:
        key, made = await r.keyring.create("acme", ALL)
        ended = await r.keyring.revoke(made.id)
        assert (ended.revoked_at, ended.state(r.now)) == (1_000.0, "revoked")
        assert not fits(ended, key, r.now)
        r.now += 5
        assert await r.keyring.revoke(made.id) == ended
        assert await r.keyring.all() == [ended], "it is still listed"


async def test_a_new_key_takes_the_place_of_another() -> None:
    async with ring() as r:
        old_key, old = await r.keyring.create("acme", ("read",), name="ci", lifetime_s=100)
        r.now = 1_040.0
        key, new, ended = await r.keyring.rotate(old.id, grace_s=30)
        assert (new.tenant, new.name, new.scopes, new.expires_at) == ("acme", "ci", ("read",), 1_140.0)
        assert (ended.expires_at, ended.revoked_at) == (1_070.0, None)
        assert fits(ended, old_key, 1_069.0)
        assert not fits(ended, old_key, 1_070.0)
        assert fits(new, key, 1_069.0)
        _, newer, at_once = await r.keyring.rotate(new.id)
        assert at_once.state(r.now) == "revoked"
        assert newer.state(r.now) == "active"


async def test_grace_prolongs_nothing() -> None:
    async with ring() as r:
        _, old = await r.keyring.create("acme", ALL, lifetime_s=100)
        assert (await r.keyring.rotate(old.id, grace_s=10_000))[2].expires_at == 1_100.0


async def test_what_has_ended_is_not_rotated() -> None:
    async with ring() as r:
        _, revoked = await r.keyring.create("acme", ALL)
        _, expired = await r.keyring.create("acme", ALL, lifetime_s=1)
        await r.keyring.revoke(revoked.id)
        r.now += 1
        for key, state in ((revoked, "revoked"), (expired, "expired")):
            with pytest.raises(Conflict, match=state) as refused:
                await r.keyring.rotate(key.id)
            assert refused.value.code == "key_ended"
        assert len(await r.keyring.all()) == 2
        for act in (r.keyring.revoke, r.keyring.rotate):
            with pytest.raises(NotFound):
                await act("nothing")


@pytest.mark.parametrize(
    ("tenant", "name", "scopes"),
    [
        ("", "", ALL),
        ("t" * 201, "", ALL),
        ("a\nb", "", ALL),
        ("a", "n" * 101, ALL),
        ("a", "\x1b[2J", ALL),
        ("a", "", ()),
    ],
)
async def test_what_a_key_cannot_be(tenant: str, name: str, scopes: tuple[Access, ...]) -> None:
    async with ring() as r:
        with pytest.raises(InvalidRequest):
            await r.keyring.create(tenant, scopes, name=name)
        assert await r.keyring.all() == []
