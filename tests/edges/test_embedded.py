"""The service in a program's own process: settings, life and death, tenants, what its log says."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

import memsvc
from memsvc.client import Client
from memsvc.config import ConfigError, embedded_config
from memsvc.embedded import InProcess
from memsvc.errors import MemsvcError, NotFound, Unavailable
from memsvc.service import Memory
from tests.edges.api import MAX_BODY
from tests.edges.clients import threads

SAID = {"role": "user", "content": "hi"}


async def test_a_file_outlives_its_client(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/memory.db"
    small = {"threshold_tokens": 2_000, "keep_tokens": 500, "summary_tokens": 600}
    talk = [
        {"role": "user", "content": f"Note {n}: parcel {n} weighs {n} kg. " + "And so on. " * 20} for n in range(40)
    ]
    async with memsvc.open(url, **small) as client, memsvc.open(url, tenant="other") as other:
        s = client.session("s")
        await s.append(talk)
        context = await s.context("anthropic", wait_ms=20_000)
        assert context.epoch == 1, "the worker runs in here"
        assert (await s.get()).policy["effective"]["threshold_tokens"] == 2_000
        with pytest.raises(NotFound):
            await other.session("s").get()
        await other.session("s").append(SAID)
    client = memsvc.open(url)
    assert (await client.session("s").get()).messages == 40  # the first call opens it
    await client.close()
    assert capfd.readouterr() == ("", ""), "a library does not write where the program may"
    assert not threads()


def test_short_for_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "memsvc.toml").write_text("nonsense", encoding="utf-8")
    monkeypatch.setenv("MEMSVC_THRESHOLD_TOKENS", "nonsense")
    with memsvc.open_blocking("sqlite://") as client:
        assert client.session("s").append(SAID).seqs == [1]
        assert client.session("s").get().policy["effective"]["threshold_tokens"] == 32_000
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize(
    ("url", "settings", "says"),
    [
        ("sqlite://", {"treshold_tokens": 5}, "did you mean threshold_tokens"),
        ("sqlite://", {"threshold_tokens": 5}, "must be larger than keep_tokens"),
        ("sqlite://", {"threshold_tokens": "many"}, "given as 'many' in the call, must be"),
        ("sqlite://", {"port": 80, "api_keys": {}}, "api_keys, port: without a server this says nothing"),
        ("sqlite://", {"tenant": ""}, "tenant must be"),
        ("mysql://user:secret@x", {}, "store"),
        ("sqlite://", {"summarizers": ("anthropic",)}, "there is no key for it"),
    ],
)
def test_wrong_settings_are_refused_at_once(
    url: str, settings: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    for way in (memsvc.open, memsvc.open_blocking):
        with pytest.raises(ConfigError, match=says) as refused:
            way(url, **settings)
        assert "secret" not in str(refused.value)


def test_a_vendors_own_variables_count() -> None:
    env = {"ANTHROPIC_API_KEY": "sk-ant-1", "MEMSVC_MODE": "manual"}
    config = embedded_config({"store": "sqlite://:memory:", "summarizers": ("anthropic",)}, env)
    assert config.anthropic_api_key is not None
    assert config.anthropic_api_key.get_secret_value() == "sk-ant-1"
    assert config.mode == "economic"
    assert embedded_config({}, env).anthropic_api_key is None


async def test_a_store_that_cannot_be_opened_leaves_nothing_open(tmp_path: Path) -> None:
    before = threads()
    client = memsvc.open(f"sqlite:///{tmp_path}/nowhere/memory.db")
    with pytest.raises(Unavailable):
        await client.open()
    with pytest.raises(Unavailable):
        await client.session("s").get()
    await client.close()
    assert threads() == before


async def test_a_call_that_is_given_up_is_finished(memory: Memory) -> None:
    async with Client(within(memory)) as client:
        task = asyncio.ensure_future(client.session("s").append(SAID))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with Client(within(memory)) as client:
        assert (await client.session("s").get()).messages == 1


async def test_a_fault_inside_is_told_in_the_programs_log(memory: Memory, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def get(self, key: object) -> object:
            raise ZeroDivisionError("with something private")

    from memsvc.observe import plain_sink

    transport = InProcess(Broken(), tenant="default", max_body_bytes=1, sink=plain_sink())  # type: ignore[arg-type]
    async with Client(transport) as client:
        with caplog.at_level(logging.ERROR, logger="memsvc"), pytest.raises(MemsvcError) as failed:
            await client.session("s").get()
    assert failed.value.code == "internal"
    (record,) = caplog.records
    assert "ZeroDivisionError" in record.getMessage()
    assert str(failed.value.extra["request_id"]) in record.getMessage()
    assert "private" not in record.getMessage()


def within(memory: Memory) -> InProcess:
    return InProcess(memory, tenant="default", max_body_bytes=MAX_BODY, sink=lambda event: None)
