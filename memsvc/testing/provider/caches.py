"""The providers' prompt caches: what a request reads and writes, and when that is forgotten.

A lookup is made when the request comes in; what it writes can be read only once its reply has
begun. Lifetimes run from the start of the request that wrote an entry or last used it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from memsvc.testing.provider.models import Model
from memsvc.testing.provider.tokens import Segment, chain

SECONDS = {"5m": 300.0, "1h": 3_600.0, "30m": 1_800.0, "12h": 43_200.0, "24h": 86_400.0, "auto": 600.0}
LOOKBACK = 20
"""Blocks that Anthropic looks back from a mark, the marked one included."""
STEP = 128
"""Up to GPT-5.5 a hit is a multiple of this many tokens."""
MOST_WRITES = 4
_FIRST_EXPLICIT, _LAST_EXPLICIT, _ENDINGS = 2, 50, 20
_MOST_ENTRIES = 200_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What one request does to a cache.

    Attributes:
        total: tokens of the whole prompt.
        read: tokens read from the cache.
        written: tokens written, by ttl; none where writing costs nothing.
        entries: what to remember: hash and ttl.
        start: when the request came in, seconds.
    """

    total: int
    read: int = 0
    written: dict[str, int] = field(default_factory=dict)
    entries: tuple[tuple[bytes, str], ...] = ()
    start: float = 0.0

    @property
    def fresh(self) -> int:
        """Tokens neither read nor written."""
        return self.total - self.read - sum(self.written.values())


class PromptCache:
    """The caches of both vendors. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: dict[bytes, tuple[float, str]] = {}

    def forget(self) -> None:
        """Drop everything, as a provider may at any time."""
        self._entries.clear()

    def plan_anthropic(self, segments: list[Segment], model: Model, scope: str, salt: str) -> Plan:
        """Marks, lookback, minimum, ttl. `salt`: settings that part message caches."""
        now = self._clock()
        places = list(chain(segments, scope=f"anthropic {model.name} {scope}", salt=salt))
        total = places[-1][1] if places else 0
        marked = [i for i, s in enumerate(segments) if s.mark and places[i][1] >= model.least_prefix]
        hit = self._look_back(places, marked, now)
        read = places[hit][1] if hit >= 0 else 0
        beyond = [i for i in marked if i > hit]
        last = places[beyond[-1]][1] if beyond else read
        hours = [i for i in beyond if segments[i].mark == "1h"]
        last_hour = places[hours[-1]][1] if hours else read
        entries = [(places[i][0], segments[i].mark or "5m") for i in marked]
        if hit >= 0 and hit not in marked:
            entries.append((places[hit][0], self._entries[places[hit][0]][1]))
        return Plan(total, read, {"1h": last_hour - read, "5m": last - last_hour}, tuple(entries), now)

    def _look_back(self, places: Sequence[tuple[bytes, int]], marked: list[int], now: float) -> int:
        for mark in reversed(marked):
            for i in range(mark, max(-1, mark - LOOKBACK), -1):
                if self._alive(places[i][0], now):
                    return i
        return -1

    def plan_openai(self, segments: list[Segment], model: Model, scope: str, mode: str, ttl: str) -> Plan:
        """`mode` is `implicit` or `explicit` (breakpoint models only); `ttl` of what is written."""
        now = self._clock()
        places = list(chain(segments, scope=f"openai {model.name} {mode} {scope}"))
        total = places[-1][1] if places else 0
        if not model.caches_at_breakpoints:
            return self._longest(places, total, ttl, now)
        explicit = [i for i, s in enumerate(segments) if s.mark]
        endings = [i for i, s in enumerate(segments) if s.ends_message]
        implicit = endings[-1:] if mode == "implicit" else []
        writes = sorted({*explicit[-(MOST_WRITES - len(implicit)) :], *implicit})
        writes = [i for i in writes if places[i][1] >= model.least_prefix]
        if not writes:
            return Plan(total, start=now)
        looked = {*explicit[:_FIRST_EXPLICIT], *explicit[-_LAST_EXPLICIT:], *implicit, *endings[-_ENDINGS - 1 :]}
        hit = max((i for i in looked if self._alive(places[i][0], now)), default=-1)
        read = places[hit][1] if hit >= 0 else 0
        entries = [(places[i][0], ttl) for i in ({*writes, hit} if hit >= 0 else writes)]
        written = max(0, places[writes[-1]][1] - read)
        return Plan(total, read, {ttl: written}, tuple(entries), now)

    def _longest(self, places: Sequence[tuple[bytes, int]], total: int, ttl: str, now: float) -> Plan:
        """The longest prefix that an earlier request had, whole blocks, rounded down."""
        found = next((tokens for key, tokens in reversed(places) if self._alive(key, now)), 0)
        read = found // STEP * STEP if found >= 1_024 else 0
        entries = tuple((key, ttl) for key, _ in places) if total >= 1_024 else ()
        return Plan(total, read, {}, entries, now)

    def commit(self, plan: Plan) -> None:
        """The reply has begun: what the request wrote can be read from now on."""
        if len(self._entries) > _MOST_ENTRIES:
            now = self._clock()
            self._entries = {k: e for k, e in self._entries.items() if e[0] >= now}
        for key, ttl in plan.entries:
            entry = (plan.start + SECONDS[ttl], ttl)
            self._entries[key] = max(entry, self._entries.get(key, entry))

    def _alive(self, key: bytes, now: float) -> bool:
        return key in self._entries and self._entries[key][0] >= now
