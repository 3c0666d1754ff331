"""Figures for whoever watches the service: books, running figures and queue in one document. Never content."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from msgspec import Struct

from memsvc.core.figures import DayFigure, Noted, Queued
from memsvc.core.model import Key
from memsvc.core.money import Line, Spent
from memsvc.ports import Store
from memsvc.service.budgets import Purse
from memsvc.service.spend import day_name, days_of, figures_of, grouped

FRESH_S = 1.0
"""A document serves for so long: many who watch cost one look."""
MOST_RECENT = 50
MOST_JOBS = 50
MICROS = 1_000_000

Tenants = Literal["mine", "all"]
Json = dict[str, Any]


class _Held(Struct):
    made: asyncio.Task[Json]
    at: float | None = None


class Stats:
    """Makes the documents.

    Args:
        clock: unix seconds.
        version: of the service.
    """

    def __init__(self, store: Store, purse: Purse, *, clock: Callable[[], float], version: str) -> None:
        self._store = store
        self._purse = purse
        self._clock = clock
        self._version = version
        self._held: dict[tuple[str, str, Tenants], _Held] = {}

    async def document(self, tenant: str, *, period: str, tenants: Tenants) -> Json:
        """Figures of a period, at most a second old. Raises InvalidRequest."""
        days_of(period, self._clock())
        asked = (tenant, period, tenants)
        held = self._held.get(asked)
        if held is None or not self._fresh(held):
            held = self._begun(asked)
        return await asyncio.shield(held.made)  # who gives up takes nothing from the others that wait

    async def calls(self, key: Key, *, after: str | None, limit: int) -> Json:
        """A page of a session's lines in the books. Raises NotFound, InvalidRequest."""
        lines, cursor = await self._store.calls(key, after=after, limit=limit)
        return {"calls": [_call(line) for line in lines], "next": cursor}

    def _fresh(self, held: _Held) -> bool:
        if not held.made.done():
            return True
        failed = held.made.cancelled() or held.made.exception() is not None
        return not failed and held.at is not None and 0 <= self._clock() - held.at < FRESH_S

    def _begun(self, asked: tuple[str, str, Tenants]) -> _Held:
        # A year's document may take a megabyte: what nobody will get any more goes before the next is made.
        self._held = {one: held for one, held in self._held.items() if self._fresh(held)}
        held = self._held[asked] = _Held(asyncio.create_task(self._made(*asked)))

        def note(_done: object) -> None:
            held.at = self._clock()

        held.made.add_done_callback(note)
        return held

    async def _made(self, tenant: str, period: str, tenants: Tenants) -> Json:
        now, store = self._clock(), self._store
        since, until = days_of(period, now)
        whose = tenant if tenants == "mine" else None
        spent, counted, noted, queued, budgets, sessions = await asyncio.gather(
            self._spent(whose, since, until),
            store.figures(whose, since=since, until=until),
            store.noted(whose, limit=MOST_RECENT),
            store.queued(whose, now=now, limit=MOST_JOBS),
            self._purse.document(tenant),
            store.session_count(whose),
        )
        lines, owners = spent
        # A year of many models takes long to add up: not on the event loop, where everybody would wait.
        spend, cache = await asyncio.to_thread(_booked, lines, owners, counted)
        return {
            "at": now,
            "version": self._version,
            "from": day_name(since),
            "to": day_name(until - 1),
            "tenants": tenants,
            "spend": spend,
            "cache": cache,
            "compactions": {**_compactions(counted), "recent": [_recent(one, whose is not None) for one in noted]},
            "queue": _queue(queued, now, whose is not None),
            "savings": _savings(counted),
            "budgets": budgets,
            "sessions": {"count": sessions, "messages": None},
        }

    async def _spent(self, tenant: str | None, since: int, until: int) -> tuple[list[Spent], dict[str, list[Spent]]]:
        """Lines by day, and those of each tenant that has any."""
        if tenant is None:
            lines, owners = await self._store.spent_by_all(since=since, until=until)
            return lines, {name: [one] for name, one in owners.items()}
        lines = await self._store.spent(tenant, since=since, until=until)
        return lines, {tenant: lines} if lines else {}


def _call(line: Line) -> Json:
    used = line.usage
    return {
        "id": line.id,
        "at": line.at,
        "feature": line.feature,
        "provider": line.provider,
        "model": line.model,
        "tokens": {
            "input": used.input,
            "output": used.output,
            "cache_read": used.cache_read or 0,
            "cache_write": used.cache_write or 0,
        },
        "cost_usd": None if line.micros is None else line.micros / MICROS,
        "held": line.held,
        "revision": line.revision,
    }


def _booked(lines: Sequence[Spent], owners: dict[str, list[Spent]], counted: Sequence[DayFigure]) -> tuple[Json, Json]:
    return _spend(lines, owners), _cache(lines, counted)


def _spend(lines: Sequence[Spent], owners: dict[str, list[Spent]]) -> Json:
    return {
        "total": figures_of(lines),
        "by_day": [
            {"day": day_name(day), "feature": feature, **figures_of(each)}
            for (day, feature), each in grouped(lines, ("day", "feature"))
        ],
        "by_day_model": [
            {"day": day_name(day), "provider": provider, "model": model, **figures_of(each)}
            for (day, (provider, model)), each in grouped(lines, ("day", "model"))
        ],
        "by_model": [
            {"provider": provider, "model": model, **figures_of(each)}
            for ((provider, model),), each in grouped(lines, ("model",))
        ],
        "by_feature": [{"feature": feature, **figures_of(each)} for (feature,), each in grouped(lines, ("feature",))],
        "by_tenant": [{"tenant": tenant, **figures_of(each)} for tenant, each in owners.items()],
    }


def _cache(lines: Sequence[Spent], counted: Sequence[DayFigure]) -> Json:
    days = [{"day": day_name(day), **_hits(each)} for (day,), each in grouped(lines, ("day",))]
    breaks = [
        {"cause": name, "count": count, "tokens": tokens, "cost_usd": micros / MICROS}
        for name, (count, tokens, micros) in _by_name(counted, "broken")
    ]
    return {"hit_ratio": _hits(lines)["hit_ratio"], "by_day": days, "breaks": breaks}


def _hits(lines: Sequence[Spent]) -> Json:
    """The books count all input, cached or not: what a cache had is a part of it."""
    whole, read, written = (
        sum(getattr(one.usage, part) or 0 for one in lines) for part in ("input", "cache_read", "cache_write")
    )
    ratio = min(1.0, read / whole) if whole else None
    return {
        "hit_ratio": ratio,
        "cache_read": read,
        "cache_write": written,
        "input": max(0, whole - read - written),
    }


def _compactions(counted: Sequence[DayFigure]) -> Json:
    done, failed = _by_name(counted, "compacted"), _by_name(counted, "failed")
    days: dict[int, Json] = {}
    for one in counted:
        if one.kind in ("compacted", "failed"):
            day = days.setdefault(one.day, {"day": day_name(one.day), "count": 0, "failed": 0})
            day["count" if one.kind == "compacted" else "failed"] += one.count
    return {
        "count": sum(count for _, (count, _, _) in done),
        "failed": sum(count for _, (count, _, _) in failed),
        "tokens_removed": sum(tokens for _, (_, tokens, _) in done),
        "cost_usd": sum(micros for _, (_, _, micros) in done) / MICROS,
        "by_day": list(days.values()),
        "by_reason": [{"reason": name, "count": count, "tokens_removed": tokens} for name, (count, tokens, _) in done],
        "failures": [{"error": name, "count": count} for name, (count, _, _) in failed],
        "summarizers": [
            {**_summarizer(name), "count": count} for name, (count, _, _) in _by_name(counted, "summarizer")
        ],
    }


def _summarizer(name: str) -> Json:
    summarizer, _, error = name.rpartition("/")
    return {"summarizer": summarizer, "error": error}


def _recent(one: Noted, named: bool) -> Json:
    return {
        "tenant": one.tenant,
        "session": one.session or None if named else None,
        "at": one.at,
        "outcome": "committed" if one.error is None else "failed",
        "epoch": one.epoch,
        "reason": one.reason,
        "model": one.model,
        "before_tokens": one.before_tokens,
        "after_tokens": one.after_tokens,
        "seconds": one.seconds,
        "attempts": one.attempts,
        "predicted_saving_usd": one.predicted_saving_usd,
        "error": one.error,
    }


def _queue(queued: Queued, now: float, named: bool) -> Json:
    oldest = queued.oldest_due_at
    return {
        "waiting": queued.waiting,
        "due": queued.due,
        "running": queued.running,
        "oldest_due_s": None if oldest is None else max(0.0, now - oldest),
        "jobs": [
            {
                "tenant": job.key.tenant,
                "session": job.key.session if named else None,
                "state": job.state,
                "due": job.due_at,
                "attempts": job.attempts,
                "error": job.error,
            }
            for job in queued.jobs
        ],
    }


def _savings(counted: Sequence[DayFigure]) -> Json:
    kinds = ("predicted", "settled_predicted", "settled_actual")
    days: dict[int, Json] = {}
    for one in counted:
        if one.kind in kinds:
            day = days.setdefault(one.day, {"day": day_name(one.day), **{f"{kind}_usd": 0.0 for kind in kinds}})
            day[f"{one.kind}_usd"] += one.micros / MICROS
    settled = sum(one.count for one in counted if one.kind == "settled_actual")
    totals = {f"{kind}_usd": sum(day[f"{kind}_usd"] for day in days.values()) for kind in kinds}
    return {**totals, "settled_count": settled, "by_day": list(days.values())}


def _by_name(counted: Iterable[DayFigure], kind: str) -> list[tuple[str, tuple[int, int, int]]]:
    sums: dict[str, tuple[int, int, int]] = {}
    for one in counted:
        if one.kind == kind:
            count, tokens, micros = sums.get(one.name, (0, 0, 0))
            sums[one.name] = (count + one.count, tokens + one.tokens, micros + one.micros)
    return sorted(sums.items(), key=lambda found: (-found[1][0], found[0]))
