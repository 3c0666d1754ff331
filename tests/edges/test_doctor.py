"""`memsvc doctor`: every finding is provoked, nothing is changed, nothing secret is said, nothing hangs."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import re
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import apsw
import pytest

from memsvc.cli import main
from memsvc.config import Config
from memsvc.doctor import machine, models, online
from memsvc.doctor import settings as of_settings
from memsvc.doctor import store as of_store
from memsvc.doctor.findings import KINDS, Finding
from memsvc.doctor.models import Named
from memsvc.doctor.run import Tools, examine, in_thread
from memsvc.ports.inspect import Facts
from memsvc.stores import inspect_store, open_store
from memsvc.stores.sqlite import SQLiteStore
from memsvc.testing.provider import Provider
from tests.contract.making import say
from tests.contract.servers import Process, running
from tests.contract.test_inspect import ACCESS
from tests.service.world import the_counter

OLD = Path(__file__).parents[1] / "contract" / "old"
SCHEMA = len(list((files("memsvc.stores.sqlite") / "schema").glob("*.sql")))
SECRET = "sk-very-secret-very-secret"


class Doctor:
    """Runs the command in a folder of its own, with settings in the environment."""

    def __init__(self, folder: Path, output: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.file = folder / "memsvc.db"
        self._output = output
        self._patch = patch

    def set(self, **settings: Any) -> None:
        """Settings of the next runs."""
        for name, value in settings.items():
            self._patch.setenv(f"MEMSVC_{name.upper()}", str(value))

    def run(self, *words: str) -> dict[str, str]:
        """What it finds: texts by code."""
        status = main(["doctor", "--json", *words])
        out, err = self._output.readouterr()
        told = json.loads(out)
        assert SECRET not in out + err
        assert status == told["status"] == any(one["level"] == "ERROR" for one in told["findings"])
        return {one["code"]: one["text"] for one in told["findings"]}

    def fill(self, work: Callable[[SQLiteStore], Any] | None = None) -> None:
        """Make the store, with one session."""

        async def make() -> None:
            store = SQLiteStore(str(self.file))
            await store.open()
            await say(store, 2)
            if work is not None:
                await work(store)
            await store.close()

        asyncio.run(make())


@pytest.fixture
def doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Doctor:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return Doctor(tmp_path, capsys, monkeypatch)


def met(found: Iterator[Finding] | list[Finding]) -> set[str]:
    """The codes of findings."""
    return {one.code for one in found}


def test_all_is_well_and_nothing_is_made(doctor: Doctor) -> None:
    found = doctor.run()
    assert {"settings_ok", "store_new", "keys_off", "models_local", "prices_ok", "counter_ok", "clock_ok"} <= set(found)
    assert {"machine_ok", "versions_ok"} <= set(found)
    assert list(doctor.folder.iterdir()) == []
    doctor.fill()
    before = doctor.file.read_bytes()
    found = doctor.run("--deep")
    assert {"store_ok", "queue_ok", "file_whole"} <= set(found)
    assert doctor.file.read_bytes() == before
    assert [p.name for p in doctor.folder.iterdir()] == ["memsvc.db"]


def test_in_the_terminal(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    doctor.set(host="0.0.0.0")
    assert "keys_missing" in doctor.run()
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "ERROR    keys_missing: host is 0.0.0.0\n         other machines could reach" in shown
    assert "         -> memsvc keys create" in shown
    assert shown.splitlines()[-1].endswith("1 ERROR")
    assert main(["doctor", "--quiet"]) == 1
    assert not any(line.startswith("OK") for line in capsys.readouterr().out.splitlines())
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--what"])
    assert ended.value.code == 2


def test_settings(doctor: Doctor) -> None:
    doctor.set(mode="shadow", workers_concurrency=0, threshold_tokens=12_000, max_tokens=11_000)
    found = doctor.run()
    assert {"mode_shadow", "no_workers", "keeps_nearly_all", "max_below_threshold"} <= set(found)
    doctor.set(mode="manual")
    assert "mode_manual" in doctor.run()
    doctor.set(threshhold_tokens=5, api_keys=f'{{"{SECRET}": 5}}')
    found = doctor.run()
    assert "settings_wrong" in found
    assert "store_ok" not in found


def test_a_file_of_settings_that_everybody_may_read(doctor: Doctor) -> None:
    file = doctor.folder / "memsvc.toml"
    file.write_text(f'[api_keys]\n"{SECRET}" = "acme"\n')
    file.chmod(0o644)
    assert "api_keys" in doctor.run()["settings_readable"]
    file.write_text(f'metrics_token = "{SECRET}"\nalert_webhook_url = "https://hooks.example/{SECRET}"\n')
    file.chmod(0o644)
    assert {"metrics_token", "alert_webhook_url"} <= set(re.split(r"[ ,]+", doctor.run()["settings_readable"]))
    file.write_text(f'[api_keys]\n"{SECRET}" = "acme"\n')
    file.chmod(0o600)
    found = doctor.run()
    assert "settings_readable" not in found
    assert "keys_on" in found


def test_keys_that_end(doctor: Doctor) -> None:
    now = time.time()

    async def keys(store: SQLiteStore) -> None:
        for n, until in enumerate((now + 86_400, now - 86_400)):
            await store.add_key(replace(ACCESS, id=f"{n:012}", expires_at=until))
        await store.put_sealed("acme", "anthropic", b"x")

    doctor.fill(keys)
    found = doctor.run()
    assert "in 1.0 days" in found["key_expires"]
    assert "1 days ago" in found["key_expired"]
    assert "keys_on" in found
    assert "sealed_unreadable" in found
    doctor.set(encryption_key=base64.b64encode(b"k" * 32).decode())
    assert "sealed_unreadable" not in doctor.run()
    with apsw.Connection(str(doctor.file)) as db:
        db.execute("UPDATE keys SET revoked_at = 1")
    db.close()
    assert "keys_ended" in doctor.run()


def test_libraries_that_are_missing(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    doctor.set(summarizers="anthropic,openai:gpt-unheard-of", anthropic_api_key=SECRET, openai_api_key=SECRET)
    found = doctor.run()
    assert found["model_ok"] == "anthropic:claude-haiku-5-5"
    assert "gpt-unheard-of" in found["price_unknown"]
    monkeypatch.setitem(__import__("sys").modules, "anthropic", None)
    monkeypatch.setitem(__import__("sys").modules, "cryptography", None)
    assert "anthropic" in doctor.run()["sdk_missing"]
    facts = Facts("sqlite", SCHEMA, SCHEMA, sealed=(("acme", "anthropic"),))
    config = Config(encryption_key=base64.b64encode(b"k" * 32).decode())  # type: ignore[arg-type]
    assert "sealed_no_library" in met(of_settings.judge_access(config, facts, 1.0))


def test_prices(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    (doctor.folder / "p.toml").write_text("[[price]]\nprovider = 'x'\n")
    doctor.set(prices_file="p.toml", summarizers="anthropic", anthropic_api_key=SECRET)
    assert "needs model" in doctor.run()["prices_wrong"]
    (doctor.folder / "p.toml").write_text("[[price]]\nprovider = 'x'\nmodel = 'm'\ninput = 1\noutput = 2\n")
    assert "p.toml" in doctor.run()["prices_ok"]
    assert "prices_old" in met(models.judge_prices(None, time.time() + models.OLD_S + 86_400))
    assert "model_deprecated" in met(models.judge_models([Named("anthropic", "m", None, None, True, True)]))


def test_an_sqlite_file_that_is_not_as_it_should_be(doctor: Doctor) -> None:
    doctor.fill()
    doctor.file.chmod(0o644)
    for folder in (doctor.folder, *doctor.folder.parents):
        if not folder.stat().st_mode & 1 and folder.owner() == doctor.folder.owner():
            folder.chmod(folder.stat().st_mode | 0o011)
    found = doctor.run()
    assert "644" in found["file_readable"]
    assert "file_not_wal" not in found  # nobody has it open: it is read as it lies
    doctor.file.chmod(0o600)
    db = apsw.Connection(str(doctor.file))
    db.execute("PRAGMA journal_mode=DELETE")
    with db:
        db.execute("INSERT INTO jobs (uid, due_at, attempts) SELECT uid, 5, 2 FROM sessions")
        db.execute("UPDATE sessions SET last_error = 'the provider is away'")
    db.close()
    found = doctor.run()
    assert "file_not_wal" in found
    assert "1 due" in found["queue_stuck"]
    assert found["compactions_fail"] == "acme/chat: the provider is away"
    with open(f"{doctor.file}-wal", "wb") as log:
        log.truncate(of_store.LOG_BYTES + 1)
    assert "log_large" in met(of_store.judge_file(doctor.file, None))
    os.unlink(f"{doctor.file}-wal")
    with open(doctor.file, "r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xff" * (doctor.file.stat().st_size - 2 * 4096))
    assert {"file_damaged", "store_away"} & set(doctor.run("--deep"))
    doctor.file.write_text("no database " * 500)
    found = doctor.run()
    assert "no SQLite database" in found["store_away"]
    assert "keys_off" not in found  # whether there are keys is not known


def test_a_file_that_is_damaged_in_its_midst(doctor: Doctor) -> None:
    async def more(store: SQLiteStore) -> None:
        for _ in range(40):
            await say(store, 20)

    doctor.fill(more)
    db = apsw.Connection(str(doctor.file))
    db.execute("PRAGMA journal_mode=DELETE")
    (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'").fetchone()
    db.close()
    with open(doctor.file, "r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    assert "file_damaged" in doctor.run("--deep")
    assert "store_ok" in doctor.run(), "a short look does not read it all"


def test_layouts_of_other_releases(doctor: Doctor) -> None:
    old = gzip.decompress((OLD / "sqlite-08.store.gz").read_bytes())
    doctor.file.write_bytes(old)
    assert doctor.run()["schema_old"] == f"layout 8, to be {SCHEMA}"
    assert doctor.file.read_bytes() == old
    with apsw.Connection(str(doctor.file)) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    assert "layout 99" in doctor.run()["schema_newer"]
    assert "schema_unknown" in met(of_store.judge_schema(Facts("redis", 0, 3, (1, 2))))


def test_a_file_that_may_not_be_written(doctor: Doctor) -> None:
    doctor.set(store=f"sqlite:///{doctor.folder}/no/such/folder.db")
    assert "file_read_only" in doctor.run()
    doctor.set(store="sqlite://:memory:")
    assert "store_memory" in doctor.run()


def test_disks(tmp_path: Path) -> None:
    mounts = (
        "22 1 0:20 / / rw - ext4 /dev/sda1 rw\n"
        "41 22 0:44 / /mnt/with\\040space rw,relatime shared:1 - nfs4 server:/export rw,vers=4.2\n"
    )
    assert of_store.kind_of_disk(Path("/mnt/with space/x"), mounts) in of_store.NETWORK
    assert of_store.kind_of_disk(Path("/mnt"), mounts) == "ext4"
    assert of_store.kind_of_disk(tmp_path, of_store.MOUNTS.read_text()) not in ("", *of_store.NETWORK)
    assert met([of_store.room(n) for n in (1, 500 * 1024**2, 5 * 1024**3)]) == {"disk_full", "disk_low", "disk_ok"}


def test_a_file_on_a_network_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"41 22 0:44 / {tmp_path} rw - nfs4 server:/export rw\n")
    monkeypatch.setattr(of_store, "MOUNTS", mounts)
    assert "file_network" in met(of_store.judge_file(tmp_path / "m.db", None))


def test_a_budget_that_is_used_up(doctor: Doctor) -> None:
    async def spend(store: SQLiteStore) -> None:
        from memsvc.core.budgets import Spending

        await store.count(Spending("default", "summary", 2_000_000, time.time()))

    doctor.fill(spend)
    doctor.set(budget_month_usd=1.5)
    assert "2.00 of 1.50 dollars" in doctor.run()["budget_used"]


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server as nobody should run it."""
    with running(tmp_path_factory.mktemp("loose"), "--appendonly", "no", "--maxmemory", "1100kb") as server:
        yield server


def test_a_server_that_forgets(doctor: Doctor, loose: Process) -> None:
    doctor.set(store=loose.url)
    loose.tell("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    found = doctor.run()
    assert {"server_ok", "server_evicts", "server_forgets", "no_replicas", "store_new"} <= set(found)
    assert "server_nearly_full" in found
    doctor.set(redis_persistence="require", redis_wait_replicas=1)
    loose.tell("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
    assert {"server_evicts_some", "server_forgets_refused", "replicas_missing"} <= set(doctor.run())
    for user in ("SETUSER", f"narrow on >{SECRET} ~* +@read +ping +hello +client +info +time"):
        words = ("ACL", "SETUSER", *user.split()) if " " in user else ()
        if words:
            assert loose.tell(*words) == "+OK"
    doctor.set(store=loose.url.replace("//", f"//narrow:{SECRET}@"))
    assert "server_hides" in doctor.run()
    doctor.set(store=loose.url.replace("//", "//narrow:wrong@"))
    assert "user or password" in doctor.run()["store_away"]


def test_a_server_with_a_log(doctor: Doctor, valkey: Process, prefix: str) -> None:
    url = f"{valkey.url}?prefix={prefix}"

    async def make() -> None:
        store = open_store(url)
        await store.open()
        await say(store, 2)
        await store.close()

    asyncio.run(make())
    doctor.set(store=url)
    found = doctor.run()
    assert found["store_ok"] == "redis, layout 3, 1 session"
    assert "server_syncs_late" in found
    valkey.tell("SET", f"{prefix}:{{m0}}:schema", "9")
    assert "layout 9" in doctor.run()["schema_newer"]
    valkey.tell("SET", f"{prefix}:{{m0}}:schema", "1")
    assert "schema_old" in doctor.run()
    doctor.set(store="redis://a,b")
    assert "names one server" in doctor.run()["store_wrong"]


def test_what_servers_say_of_themselves() -> None:
    told = {"redis_version": "5.0.1", "loading": "1", "appendfsync": "no", "cluster_state": "fail"}
    told |= {"memsvc_trip_s": "0.02", "memsvc_skew_s": "-3.5", "memsvc_tls": "0", "memsvc_hosts": "10.0.0.7 localhost"}
    codes = met(of_store.judge_server(told, Config()))
    assert {"server_old", "server_loading", "server_syncs_seldom", "cluster_down", "server_slow"} <= codes
    assert {"server_clock", "server_not_private"} <= codes
    assert "server_not_private" not in met(of_store.judge_server({**told, "memsvc_tls": "1"}, Config()))


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as served:
        yield served


async def test_providers(provider: Provider) -> None:
    good = Named("anthropic", "claude-haiku-5-5", provider.anthropic_url, SECRET, True)
    assert met(await online.ask_provider(good, time.time())) == {"provider_ok"}
    there = replace(good, vendor="openai", name="gpt-6-luna", base_url=provider.openai_url)
    assert met(await online.ask_provider(there, time.time())) == {"provider_ok"}
    assert "provider_no_model" in met(await online.ask_provider(replace(good, name="nobody"), time.time()))
    assert "provider_refuses" in met(await online.ask_provider(replace(good, key=None), time.time()))
    assert "provider_clock" in met(await online.ask_provider(good, time.time() - 60))
    away = replace(good, base_url="http://127.0.0.1:1")
    assert "provider_away" in met(await online.ask_provider(away, time.time()))
    assert met(await online.ask_webhook(provider.anthropic_url)) == {"webhook_ok"}
    assert met(await online.ask_webhook("http://127.0.0.1:1/hook")) == {"webhook_away"}


def test_online_asks_those_that_are_named(doctor: Doctor) -> None:
    doctor.set(summarizers="openai:gpt-6-luna", openai_base_url="http://127.0.0.1:1/v1")
    doctor.set(alert_webhook_url="http://127.0.0.1:1/hook")
    assert not {"provider_away", "webhook_away"} & set(doctor.run())
    assert {"provider_away", "webhook_away"} <= set(doctor.run("--online"))


def test_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = [(1.8e9, 50.0), (1.8e9 + 9, 51.0)]
    assert met([machine.judge_clock(*clock)]) == {"clock_jumps"}
    assert met([machine.judge_clock((5.0, 1.0), (6.0, 2.0))]) == {"clock_wrong"}
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (900, hard))
    try:
        assert "files_few" in met(machine.judge_machine(None))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "memory_low" in met(machine.judge_machine(Config(cache_bytes=1 << 60)))
    assert machine.free_memory(tmp_path / "none") is None
    assert met(machine.judge_versions(["aiohttp>=99,<100"])) == {"version_off"}
    assert met(machine.judge_versions(["aiohttp[speedups]>=3; python_version > '3'", "nobody-has-this>=1"])) == {
        "versions_ok"
    }
    assert met(machine.judge_versions([])) == {"version_unknown"}
    assert machine.fits("3.14.5", ">=3.14,<4")
    assert not machine.fits("4.0.0rc1", ">=3.14,<4")

    class Wrong:
        def count(self, text: str) -> int:
            return 1

    assert met([machine.judge_counter(Wrong())]) == {"counter_wrong"}  # type: ignore[arg-type]
    assert met([machine.judge_counter(the_counter())]) == {"counter_ok"}


async def test_a_check_that_hangs_is_given_up() -> None:
    """A server that takes connections and says nothing, and a thread that never ends."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = Config(store=f"redis://127.0.0.1:{silent.getsockname()[1]}?timeout_s=600")
        stuck = asyncio.Event()

        def hang() -> Any:
            stuck.set()
            time.sleep(600)

        tools = Tools(lambda: inspect_store(config.store), hang, lambda: [], Path("none"), ["aiohttp>=3"])
        found = await examine(config, tools, ask=False, deep=False, patience_s=0.3)
    failed = [one.text for one in found if one.code == "check_failed"]
    assert [text.split(":")[0] for text in failed] == ["store", "vocabulary"]
    assert {"settings_ok", "clock_ok", "versions_ok"} <= met(found)


async def test_a_file_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """A pipe stands for a disk that is away: opening it waits for ever."""
    pipe = tmp_path / "m.db"
    os.mkfifo(pipe)
    config = Config(store=f"sqlite:///{pipe}")
    tools = Tools(lambda: inspect_store(config.store), the_counter, lambda: [], Path("none"), [])
    found = await examine(config, tools, ask=False, deep=False, patience_s=0.3)
    assert [one.text for one in found if one.code == "check_failed"] == ["store: no end within 0.3 s"]
    assert "machine_ok" in met(found)
    os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))  # lets the thread go


async def test_a_check_with_a_fault_takes_no_other_along() -> None:
    def fault() -> Any:
        raise RuntimeError("damaged")

    tools = Tools(lambda: 1 / 0, fault, lambda: [], Path("none"), [])  # type: ignore[arg-type,return-value]
    found = await examine(Config(), tools, ask=False, deep=False)
    assert {"check_failed", "counter_wrong", "machine_ok"} <= met(found)
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 / 0)


def test_every_finding_is_made_somewhere_and_provoked_above() -> None:
    package = Path(machine.__file__).parent
    made = "".join(p.read_text(encoding="utf-8") for p in package.glob("*.py") if p.name != "findings.py")
    made += (package.parent / "cli" / "doctor.py").read_text(encoding="utf-8")
    tests = Path(__file__).read_text(encoding="utf-8")
    assert [code for code in KINDS if f'"{code}"' not in made] == []
    assert [code for code in KINDS if f'"{code}"' not in tests] == []
