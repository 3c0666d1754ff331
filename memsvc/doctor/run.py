"""All checks, each for at most so long, whatever it meets."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from memsvc.config import Config
from memsvc.core.budgets import Budget
from memsvc.doctor import machine, models, online, settings, store
from memsvc.doctor.findings import Finding
from memsvc.errors import Unavailable
from memsvc.ports import Counter
from memsvc.ports.inspect import Facts, Inspect

T = TypeVar("T")
CHECK_S = 10.0
"""The longest that one check takes; `deep` has no limit, since reading a file takes as long as it is."""
_Check = tuple[str, Callable[[], Awaitable[Iterable[Finding]]]]


@dataclass(frozen=True, slots=True)
class Tools:
    """What the checks look with.

    Attributes:
        inspect: a look into the store; raises ValueError for a URL that makes no sense.
        counter: loads the counter; raises RuntimeError.
        models: those that the settings name; raises ValueError where the prices cannot be read.
        file: the TOML file of the settings.
        wanted: this release's requirements.
        clock: unix seconds.
    """

    inspect: Callable[[], Inspect]
    counter: Callable[[], Counter]
    models: Callable[[], Sequence[models.Named]]
    file: Path
    wanted: Sequence[str]
    budgets: Sequence[Budget] = ()
    clock: Callable[[], float] = time.time


async def examine(config: Config, tools: Tools, *, ask: bool, deep: bool, patience_s: float = CHECK_S) -> list[Finding]:
    """Everything there is to say. `ask`: others may be asked over the network; `patience_s` for each check."""
    began = tools.clock(), time.monotonic()
    examined = _Examined(config, tools, ask, deep)
    found: list[Finding] = []
    for name, check in examined.checks():
        limit = None if deep and name == "store" and config.store.startswith("sqlite") else patience_s
        found += await _within(name, check, limit)
    return [*found, machine.judge_clock(began, (tools.clock(), time.monotonic()))]


async def examine_machine(tools: Tools) -> list[Finding]:
    """What can be said where the settings are wrong."""
    found = await _within("machine", lambda: in_thread(lambda: list(machine.judge_machine(None))), CHECK_S)
    return found + await _within(
        "versions", lambda: in_thread(lambda: list(machine.judge_versions(tools.wanted))), CHECK_S
    )


async def _within(name: str, check: Callable[[], Awaitable[Iterable[Finding]]], limit: float | None) -> list[Finding]:
    try:
        async with asyncio.timeout(limit):
            return list(await check())
    except TimeoutError:
        return [Finding("check_failed", f"{name}: no end within {limit:g} s")]
    except Exception as failed:  # one that fails must not take the others along; its words may hold a secret
        return [Finding("check_failed", f"{name}: {type(failed).__name__}")]


async def in_thread(work: Callable[[], T]) -> T:
    """The result of something that may block for ever: nobody waits for the thread at the end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, failed: BaseException | None) -> None:
        if done.done():
            return
        if failed is not None:
            done.set_exception(failed)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as failed:
            error = failed
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, result, error)

    threading.Thread(target=run, daemon=True).start()
    return await done


class _Examined:
    """One run of the checks; what the store has told is kept for those after it."""

    def __init__(self, config: Config, tools: Tools, ask: bool, deep: bool) -> None:
        self._config = config
        self._tools = tools
        self._ask = ask
        self._deep = deep
        self._facts: Facts | None = None
        self._models: Sequence[models.Named] = ()

    def checks(self) -> Iterable[_Check]:
        """All of them, in order."""
        yield "settings", lambda: in_thread(lambda: list(settings.judge_settings(self._config, self._tools.file)))
        yield "store", self._store
        if self._config.store.startswith("sqlite:///"):
            yield "file", lambda: in_thread(self._file)
        yield "access", self._access
        yield "models", lambda: in_thread(self._named)
        yield "prices", lambda: in_thread(self._prices)
        if self._ask:
            yield "online", self._online
        yield "vocabulary", lambda: in_thread(self._counter)
        yield "machine", lambda: in_thread(lambda: list(machine.judge_machine(self._config)))
        yield "versions", lambda: in_thread(lambda: list(machine.judge_versions(self._tools.wanted)))

    async def _store(self) -> list[Finding]:
        if self._config.store == "sqlite://:memory:":
            return [Finding("store_memory", "store is sqlite://:memory:")]
        now = self._tools.clock()
        try:
            look = self._tools.inspect()
            look_into = partial(look.facts, now=now, budgets=self._tools.budgets, deep=self._deep)
            facts = await in_thread(lambda: asyncio.run(look_into()))
        except ValueError as wrong:  # its words repeat nothing of the URL that may be secret
            return [Finding("store_wrong", str(wrong))]
        except Unavailable as away:
            return [Finding("store_away", f"{self._config.shown_store}: {away.detail}")]
        self._facts = facts
        found = [*store.judge_schema(facts), *store.judge_work(facts, now)]
        if facts.engine == "redis":
            found += [one for told in facts.told for one in store.judge_server(told, self._config)]
        return found

    def _file(self) -> list[Finding]:
        return list(store.judge_file(Path(self._config.store.removeprefix("sqlite:///")), self._facts))

    async def _access(self) -> list[Finding]:
        return list(settings.judge_access(self._config, self._facts, self._tools.clock()))

    def _named(self) -> list[Finding]:
        try:
            self._models = self._tools.models()
        except ValueError as wrong:
            return [Finding("prices_wrong", str(wrong))]
        return list(models.judge_models(self._models))

    def _prices(self) -> list[Finding]:
        return list(models.judge_prices(self._config.prices_file, self._tools.clock()))

    async def _online(self) -> list[Finding]:
        asked = [online.ask_provider(model, self._tools.clock()) for model in self._models]
        if self._config.alert_webhook_url is not None:
            asked.append(online.ask_webhook(self._config.alert_webhook_url))
        return [one for found in await asyncio.gather(*asked) for one in found]

    def _counter(self) -> list[Finding]:
        try:
            return [machine.judge_counter(self._tools.counter())]
        except RuntimeError as wrong:
            return [Finding("counter_wrong", str(wrong))]
