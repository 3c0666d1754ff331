"""Tenants' keys for model providers: sealed in the store, bound to tenant and provider, opened by one key."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from memsvc.cli import main
from memsvc.config import Config, ConfigError, load_config
from memsvc.errors import InvalidRequest, NotFound, Unavailable
from memsvc.ports import Store
from memsvc.service.vault import Vault
from memsvc.stores import open_store

KEY, OTHER = bytes(range(32)), bytes(32)
BASE64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SECRET = "sk-ant-0123456789abcdef"


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = open_store("sqlite://:memory:")
    await opened.open()
    yield opened
    await opened.close()


async def test_a_key_comes_back_and_its_bytes_do_not_show_it(store: Store) -> None:
    vault = Vault(store, KEY)
    for secret in ("first", SECRET):
        await vault.put("acme", "anthropic", secret)
        assert await vault.read("acme", "anthropic") == secret
        sealed = await store.sealed("acme", "anthropic")
        assert sealed is not None
        assert secret.encode() not in sealed
    with pytest.raises(NotFound):
        await vault.read("acme", "openai")


async def test_the_same_key_twice_is_not_the_same_bytes(store: Store) -> None:
    vault, seen = Vault(store, KEY), set()
    for _ in range(20):
        await vault.put("acme", "openai", SECRET)
        seen.add(await store.sealed("acme", "openai"))
    assert len(seen) == 20


@pytest.mark.parametrize(
    ("to", "encryption_key"),
    [
        (("bolt", "anthropic"), KEY),
        (("acme", "openai"), KEY),
        (("acmea", "nthropic"), KEY),
        (("acme", "anthropic"), OTHER),
    ],
)
async def test_what_was_moved_or_sealed_otherwise_does_not_open(
    store: Store, to: tuple[str, str], encryption_key: bytes
) -> None:
    await Vault(store, KEY).put("acme", "anthropic", SECRET)
    sealed = await store.sealed("acme", "anthropic")
    assert sealed is not None
    await store.put_sealed(*to, sealed)
    with pytest.raises(Unavailable) as refused:
        await Vault(store, encryption_key).read(*to)
    assert refused.value.code == "provider_key_sealed"
    assert not refused.value.extra["retryable"]
    assert SECRET not in "".join(traceback.format_exception(refused.value))


async def test_what_was_changed_in_the_store_does_not_open(store: Store) -> None:
    vault = Vault(store, KEY)
    await vault.put("acme", "openai", SECRET)
    sealed = await store.sealed("acme", "openai")
    assert sealed is not None
    flipped = [sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :] for n in range(len(sealed))]
    for wrong in (*flipped, b"", sealed[:1], sealed[:13], sealed[:-1], sealed + b"\0"):
        await store.put_sealed("acme", "openai", wrong)
        with pytest.raises(Unavailable):
            await vault.read("acme", "openai")


@pytest.mark.parametrize(
    ("tenant", "provider", "secret"),
    [("", "p", "s"), ("t", "", "s"), ("t", "p" * 51, "s"), ("t", "p", ""), ("t", "p", "a b"), ("t", "p", "schlüssel")],
)
async def test_what_cannot_be_kept(store: Store, tenant: str, provider: str, secret: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await Vault(store, KEY).put(tenant, provider, secret)
    assert len(secret) < 2 or secret not in refused.value.detail
    assert await store.sealed_names() == []


def test_the_encryption_key_is_32_bytes_and_never_shown(tmp_path: Path) -> None:
    config = load_config(env={"MEMSVC_ENCRYPTION_KEY": BASE64}, cwd=tmp_path)
    assert config.encryption_bytes() == KEY
    assert BASE64 not in repr(config) + str(config.model_dump())
    assert Config().encryption_bytes() is None
    for wrong in (BASE64[:-4], BASE64 + "AAAA", "!" * 44, BASE64[:-1]):
        with pytest.raises(ConfigError) as refused:
            load_config(env={"MEMSVC_ENCRYPTION_KEY": wrong}, cwd=tmp_path)
        assert wrong not in "".join(traceback.format_exception(refused.value))


def test_the_command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.chdir(tmp_path)

    def run(*words: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return (main(["provider-keys", *words, "--store", "sqlite:///p.db"]), *capsys.readouterr())

    acme = ("--tenant", "acme", "--provider", "openai")
    status, _, told = run("set", *acme, typed=f"{SECRET}\n")
    assert status == 2
    assert "openssl rand" in told
    assert not (tmp_path / "p.db").exists()
    monkeypatch.setenv("MEMSVC_ENCRYPTION_KEY", BASE64)
    shown = [run("set", *acme, typed=f"{SECRET}\n"), run("list"), run("list", "--tenant", "bolt")]
    assert [s[:2] for s in shown] == [(0, ""), (0, "acme\topenai\n"), (0, "")]
    assert run("set", *acme, typed="")[0] == 1, "nothing came"
    assert all(SECRET.encode() not in path.read_bytes() for path in tmp_path.iterdir())
    assert [run("remove", *acme)[0], run("remove", *acme)[0]] == [0, 1]
    assert SECRET not in str(shown) + caplog.text
