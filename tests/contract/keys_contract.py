"""The contract of `ports.Keys`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from memsvc.core.access import ALL, ApiKey, digest_of, key_of
from memsvc.core.model import Key
from memsvc.ports import Store
from tests.contract.making import KEY, log, say


def api_key(id: str = "0123456789ab", *, tenant: str = KEY.tenant, at: float = 10.0, **fields: Any) -> ApiKey:
    """A key as it is stored; fields are those of ApiKey."""
    made = key_of(id, bytes(32))
    return ApiKey(
        id, tenant, **{"name": "n", "scopes": ALL, **fields}, digest=digest_of(made), ending="0000", created_at=at
    )


class KeysContract:
    """What every store does with API keys."""

    async def test_a_key_comes_back_as_it_was_given(self, store: Store) -> None:
        for number, scopes in enumerate((ALL, ("read",), ("write", "admin"), ())):
            key = api_key(f"k{number}", name="é 名 \x00", scopes=scopes, expires_at=1.7e9 + 0.1, revoked_at=None)
            assert await store.add_key(key)
            assert await store.key(key.id) == key
        plain = api_key("plain")
        assert await store.add_key(plain)
        assert await store.key("plain") == plain

    async def test_what_is_not_there(self, store: Store) -> None:
        assert await store.key("0123456789ab") is None
        assert await store.key("") is None
        assert await store.keys() == []
        assert not await store.change_key(api_key(), api_key(revoked_at=1.0))
        assert await store.keys() == []

    async def test_an_id_is_given_once(self, store: Store) -> None:
        first = api_key()
        assert await store.add_key(first)
        assert not await store.add_key(api_key(tenant="other"))
        assert not await store.add_key(first)
        assert await store.keys() == [first]
        assert await store.change_key(first, ended := replace(first, revoked_at=11.0))
        assert not await store.add_key(first), "a revoked key's id stays taken"
        assert await store.key(first.id) == ended

    async def test_of_many_that_take_one_id_one_gets_it(self, store: Store) -> None:
        asked = (store.add_key(api_key(tenant=f"t{n}")) for n in range(10))
        assert sum(await asyncio.gather(*asked)) == 1

    async def test_keys_are_listed_by_tenant_oldest_first(self, store: Store) -> None:
        given = [("c", "acme", 3.0), ("a", "acme", 2.0), ("b", "acme", 2.0), ("d", "other", 1.0), ("e", "", 9.0)]
        for id, tenant, at in given:
            assert await store.add_key(api_key(id, tenant=tenant, at=at))
        for tenant, ids in ((None, "dabce"), ("acme", "abc"), ("other", "d"), ("", "e"), ("nobody", ""), ("ACME", "")):
            assert "".join(key.id for key in await store.keys(tenant)) == ids

    async def test_a_change_is_made_to_what_was_seen(self, store: Store) -> None:
        first = api_key()
        await store.add_key(first)
        await store.add_key(api_key("other"))
        later, sooner = replace(first, expires_at=30.0), replace(first, expires_at=20.0)
        assert await store.change_key(first, later)
        assert not await store.change_key(first, sooner), "it is not as it was seen"
        assert await store.key(first.id) == later
        assert await store.change_key(later, sooner)
        assert await store.change_key(sooner, revoked := replace(sooner, revoked_at=15.0))
        assert not await store.change_key(sooner, first)
        assert await store.keys() == [revoked, api_key("other")]

    async def test_of_many_that_change_a_key_one_does(self, store: Store) -> None:
        first = api_key()
        await store.add_key(first)
        asked = (store.change_key(first, replace(first, revoked_at=20.0 + n)) for n in range(10))
        assert sum(await asyncio.gather(*asked)) == 1

    async def test_keys_and_sessions_have_nothing_to_do_with_each_other(self, store: Store) -> None:
        odd = Key(KEY.tenant, "keys")
        await store.add_key(api_key())
        for key in (KEY, odd):
            await say(store, 2, key=key)
            await store.delete(key)
        await say(store, 1)
        assert await store.keys(KEY.tenant) == [api_key()]
        assert len(await log(store)) == 1

    @pytest.mark.parametrize("value", ["x" * 200, "o'; --", "\U0001f511", "%_*"])
    async def test_any_tenant_and_name(self, store: Store, value: str) -> None:
        key = api_key(tenant=value, name=value)
        assert await store.add_key(key)
        assert await store.keys(value) == [key]


class SealedKeysContract:
    """What every store does with encrypted keys for providers."""

    async def test_sealed_keys_come_back_byte_for_byte(self, store: Store) -> None:
        assert await store.sealed("acme", "openai") is None
        for sealed in (bytes(range(256)), b"", b"new"):  # each in the place of the last
            await store.put_sealed("acme", "openai", sealed)
            assert await store.sealed("acme", "openai") == sealed

    async def test_sealed_keys_are_of_one_tenant_and_provider(self, store: Store) -> None:
        pairs = [("a", "bc"), ("ab", "c"), ("a", "b:c"), ("a:b", "c"), ("A", "bc"), ("\u540d\x00", "\x00")]
        for n, (tenant, provider) in enumerate(pairs):
            await store.put_sealed(tenant, provider, b"%d" % n)
        for n, (tenant, provider) in enumerate(pairs):
            assert await store.sealed(tenant, provider) == b"%d" % n
        assert await store.sealed_names() == sorted(pairs)
        assert await store.sealed_names("a") == [("a", "b:c"), ("a", "bc")]
        assert await store.sealed_names("nobody") == []

    async def test_a_sealed_key_that_was_removed_is_gone(self, store: Store) -> None:
        for tenant in ("a", "b"):
            await store.put_sealed(tenant, "openai", b"x")
        assert await store.remove_sealed("a", "openai")
        assert not await store.remove_sealed("a", "openai")
        assert await store.sealed("a", "openai") is None
        assert await store.sealed_names() == [("b", "openai")]
