"""The store for many machines: Redis or Valkey, alone, behind sentinels, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memsvc.core.access import ApiKey
from memsvc.core.budgets import Budget, Counted, Reached, Spending
from memsvc.core.figures import DayFigure, Figure, Noted, Queued
from memsvc.core.model import Appended, Backlog, Batch, Entry, Job, Key, Known, Part, Session, Summary, Window
from memsvc.core.money import Line, Sent, Spent
from memsvc.stores.redis.access import AccessKeys
from memsvc.stores.redis.append import append
from memsvc.stores.redis.budgets import Budgets
from memsvc.stores.redis.census import Census
from memsvc.stores.redis.checks import Persistence, check_servers
from memsvc.stores.redis.copies import Staging
from memsvc.stores.redis.figures import Figures
from memsvc.stores.redis.headers import Headers
from memsvc.stores.redis.jobs import Jobs
from memsvc.stores.redis.keys import Keys
from memsvc.stores.redis.ledger import Books
from memsvc.stores.redis.listing import Listing
from memsvc.stores.redis.moves import Moves
from memsvc.stores.redis.reading import Reading, bounded
from memsvc.stores.redis.rollup import Rollup
from memsvc.stores.redis.sealed import SealedKeys
from memsvc.stores.redis.seen import Seen
from memsvc.stores.redis.server import Server, Waiting
from memsvc.stores.redis.topology import topology
from memsvc.stores.redis.urls import parse


class RedisStore:
    """Implements `ports.Store`.

    Args:
        url: as `urls.parse` takes it; ValueError for a wrong one.
        persistence: what to do about servers that keep nothing on disk: `warn`, `require`, or `off`.
        waiting: replicas that must have each write before it is acknowledged.
        warn: gets a sentence about what was found amiss when the store was opened.
    """

    def __init__(
        self,
        url: str,
        *,
        persistence: Persistence = "warn",
        waiting: Waiting | None = None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        address = parse(url)
        self._persistence: Persistence = persistence
        self._warn = warn
        self._keys = Keys(address.prefix)
        self._server = Server(topology(address), self._keys, waiting or Waiting())
        self._seen = Seen()
        self._headers = Headers(self._server, self._keys, self._seen)
        self._reading = Reading(self._server, self._keys, self._seen)
        self._moves = Moves(self._server, self._keys, self._seen, self._headers)
        self._listing = Listing(self._server, self._keys, self._seen, self._headers)
        self._census = Census(self._server, self._keys, self._headers)
        self._staging = Staging(self._server, self._keys, self._seen)
        self._jobs = Jobs(self._server, self._keys)
        self._books = Books(self._server, self._keys)
        self._budgets = Budgets(self._server, self._keys)
        self._rollup = Rollup(self._server, self._keys)
        self._figures = Figures(self._server, self._keys)
        self._access = AccessKeys(self._server, self._keys)
        self._sealed = SealedKeys(self._server, self._keys)

    async def open(self) -> None:
        """Connect, check the servers' settings and the schema. Raises Unavailable."""
        await self._server.open()
        try:
            await check_servers(self._server, self._keys, self._persistence, self._warn)
        except BaseException:
            await self._server.close()
            raise

    async def close(self) -> None:
        """Let go. Idempotent; from then on every call is Unavailable."""
        await self._server.close()

    async def ping(self) -> None:
        """Raise Unavailable if a read or a write would fail now on any server."""
        for shard in self._server.servers():
            await self._server.commands(shard, ("SET", f"{self._keys.base(shard)}touch", ""))

    # --- log -------------------------------------------------------------------

    async def head(self, key: Key) -> Session | None:
        """The header, or None."""
        return await self._headers.head(key)

    async def put(self, key: Key, change: Callable[[Session | None], Session], *, at: float) -> Session:
        """Create or change the header."""
        return await self._headers.put(key, change, at=at)

    async def append(self, key: Key, batch: Batch) -> Appended:
        """Store a batch, all or none."""
        await self._headers.wait_turn(key)
        return await append(self._server, self._keys, self._seen, key, batch)

    async def load(self, key: Key, known: Known | None = None) -> Window:
        """Header, current summary and live tail in one consistent reading."""
        return await self._reading.load(key, known)

    async def entries(self, key: Key, *, after: int, upto: int | None = None, limit: int) -> list[Entry]:
        """The log as written, superseded messages included."""
        return await self._reading.entries(key, after=after, upto=upto, limit=limit)

    async def summaries(self, key: Key, *, after: int = 0, limit: int = 100) -> list[Summary]:
        """Committed summaries with epoch > after, oldest first."""
        return await self._reading.summaries(key, after=after, limit=limit)

    async def commit(
        self,
        key: Key,
        summary: Summary,
        *,
        expect_epoch: int,
        expect_cut: int,
        soft_tokens: int | None,
        factor: float | None,
        renderer: int,
        expect_uid: int | None = None,
    ) -> Session:
        """Make `summary` current, by compare-and-set on (epoch, cut)."""
        expect, frozen = (expect_uid, expect_epoch, expect_cut), (soft_tokens, factor, renderer)
        return await self._moves.commit(key, summary, expect, frozen)

    async def truncate(self, key: Key, *, after_seq: int, at: float, if_log_revision: int | None = None) -> Session:
        """Supersede every live message with seq > after_seq."""
        return await self._moves.truncate(key, after_seq, at, if_log_revision)

    async def revert(self, key: Key, to_epoch: int, *, at: float) -> Session:
        """`Log.revert`."""
        return await self._moves.revert(key, to_epoch, at)

    async def redact(self, key: Key, seq: int, *, at: float) -> Session:
        """Erase one message for good, with every summary that covers it."""
        return await self._moves.redact(key, seq, at)

    async def pin(self, key: Key, seq: int, pinned: bool) -> None:
        """Pin or unpin a live message."""
        await self._moves.pin(key, seq, pinned)

    async def pins(self, key: Key) -> list[Entry]:
        """The pinned live messages, in seq order."""
        return await self._reading.pins(key)

    async def delete(self, key: Key, *, before: float | None = None) -> bool:
        """Remove the session and all that hangs on it, unless it was active since `before`."""
        return await self._moves.delete(key, before)

    async def sessions(
        self,
        tenant: str,
        *,
        prefix: str = "",
        user: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> tuple[list[Session], str | None]:
        """A tenant's sessions, newest activity first, and the next page's cursor."""
        return await self._listing.page(tenant, prefix, user, after, bounded(limit))

    # --- copies ----------------------------------------------------------------

    async def stage(self, key: Key, token: str, part: Part) -> None:
        """Add a part to a session that nobody sees yet."""
        await self._staging.stage(key, token, part)

    async def publish(
        self, key: Key, token: str, session: Session, chain: Sequence[int], *, over: bool = False
    ) -> Session:
        """Show what was staged."""
        return await self._staging.publish(key, token, session, chain, over)

    async def discard(self, key: Key, token: str) -> None:
        """Give an attempt up."""
        await self._staging.discard(key, token)

    # --- census ----------------------------------------------------------------

    async def every(
        self, *, tenant: str | None = None, after: str | None = None, limit: int = 100
    ) -> tuple[list[Session], str | None]:
        """All sessions, page by page."""
        return await self._census.every(tenant, after, bounded(limit))

    async def idle(
        self, tenant: str, *, before: float, after: str | None = None, limit: int = 100
    ) -> tuple[list[Session], str | None]:
        """Sessions that were not active since `before`, page by page."""
        return await self._census.idle(tenant, before, after, bounded(limit))

    async def lines(
        self, *, tenant: str | None = None, after: str | None = None, limit: int = 100
    ) -> tuple[list[Line], str | None]:
        """All lines of the books, page by page."""
        return await self._census.lines(tenant, after, bounded(limit))

    # --- queue -----------------------------------------------------------------

    async def enqueue(self, key: Key, *, due_at: float) -> None:
        """Ask for a compaction; an earlier request stands."""
        await self._jobs.enqueue(key, due_at)

    async def claim(self, *, now: float, lease_s: float) -> Job | None:
        """Take one due job, or None."""
        return await self._jobs.claim(now, lease_s)

    async def take(self, key: Key, *, now: float, lease_s: float) -> Job | None:
        """Take the job of one session, due or not; None while another holds it."""
        return await self._jobs.take(key, now, lease_s)

    async def finish(
        self,
        job: Job,
        *,
        state: str = "idle",
        reason: str | None = None,
        error: str | None = None,
        retry_at: float | None = None,
        note: str | None = None,
    ) -> bool:
        """End or reschedule a claimed job; False if its lease was lost."""
        ended = {"state": state, "reason": reason, "error": error, "retry_at": retry_at, "note": note}
        return await self._jobs.finish(job, ended)

    async def extend(self, job: Job, *, now: float, lease_s: float) -> bool:
        """Let a claimed job become due later; False if its lease was lost."""
        return await self._jobs.extend(job, now, lease_s)

    async def next_due(self) -> float | None:
        """When the earliest job is due; None = none."""
        return await self._jobs.next_due()

    async def backlog(self, *, now: float) -> Backlog:
        """How much waits."""
        return await self._jobs.backlog(now)

    # --- ledger ----------------------------------------------------------------

    async def hold(self, line: Line, *, most_micros: int | None, since: float) -> bool:
        """Book the worst case of a call; False if it would pass `most_micros`, NotFound for a session that is gone."""
        return await self._books.hold(line, most_micros, since)

    async def settle(self, line: Line, *, held: str | None = None) -> bool:
        """Put what a call came to in the place of its worst case, held under another id perhaps."""
        return await self._books.settle(line, held)

    async def release(self, key: Key, id: str) -> bool:
        """Take the line of a held call that was not billed off the books."""
        return await self._books.release(key, id)

    async def book(self, line: Line) -> bool:
        """Book a reported call; False if its id is booked already."""
        return await self._books.book(line)

    async def spent(self, tenant: str, *, since: int, until: int) -> list[Spent]:
        """What a tenant's lines come to, by day, feature and model."""
        return (await self._rollup.spent([tenant], since, until))[0]

    async def calls(self, key: Key, *, after: str | None, limit: int) -> tuple[list[Line], str | None]:
        """A session's lines, oldest first."""
        return await self._books.calls(key, after, bounded(limit))

    async def sent(self, key: Key, revision: int) -> Sent | None:
        """The size of the context that a fetch at `revision` got, None if nothing is known of it."""
        return await self._reading.sent(key, revision)

    # --- figures ---------------------------------------------------------------

    async def record(self, tenant: str, at: float, figures: Sequence[Figure], note: Noted | None = None) -> None:
        """Add to the figures of a day, and remember a compaction."""
        await self._figures.record(tenant, at, figures, note)

    async def figures(self, tenant: str | None, *, since: int, until: int) -> list[DayFigure]:
        """A tenant's figures, or those of all together."""
        return await self._figures.figures(tenant, since, until)

    async def noted(self, tenant: str | None, *, limit: int) -> list[Noted]:
        """Compactions of a tenant, or everybody's, newest first."""
        return await self._figures.noted(tenant, bounded(limit))

    async def spent_by_all(self, *, since: int, until: int) -> tuple[list[Spent], dict[str, Spent]]:
        """What all lines come to, and those of each tenant."""
        return await self._rollup.spent(await self._figures.tenants(), since, until)

    async def queued(self, tenant: str | None, *, now: float, limit: int) -> Queued:
        """The queue, or a tenant's part of it."""
        return await self._jobs.queued(tenant, now, limit)

    async def session_count(self, tenant: str | None) -> int:
        """How many sessions there are."""
        return await self._figures.session_count(tenant)

    # --- keys ------------------------------------------------------------------

    async def add_key(self, key: ApiKey) -> bool:
        """Keep a new key; False if its id is taken."""
        return await self._access.add(key)

    async def key(self, id: str) -> ApiKey | None:
        """The key with this id, or None."""
        return await self._access.one(id)

    async def keys(self, tenant: str | None = None) -> list[ApiKey]:
        """A tenant's keys, or everybody's, oldest first."""
        return await self._access.many(tenant)

    async def change_key(self, seen: ApiKey, new: ApiKey) -> bool:
        """Put `new` in the place of `seen`; False if that is not what is stored."""
        return await self._access.change(seen, new)

    async def budgets(self, tenant: str) -> list[Budget]:
        """A tenant's own budgets."""
        return await self._budgets.listed(tenant)

    async def put_budgets(self, tenant: str, budgets: Sequence[Budget]) -> None:
        """Let these take the place of those that are there."""
        await self._budgets.put(tenant, budgets)

    async def count(self, spending: Spending, limits: Sequence[Budget] = (), *, anyway: bool = False) -> Counted:
        """Count, unless a limit would be passed, or anyway."""
        return await self._budgets.count(spending, limits, anyway)

    async def counted(self, tenant: str, at: float, budgets: Sequence[Budget]) -> list[Reached]:
        """How far budgets are used up."""
        return await self._budgets.counted(tenant, at, budgets)

    async def put_sealed(self, tenant: str, provider: str, sealed: bytes) -> None:
        """Keep an encrypted key."""
        await self._sealed.put(tenant, provider, sealed)

    async def sealed(self, tenant: str, provider: str) -> bytes | None:
        """An encrypted key, or None."""
        return await self._sealed.one(tenant, provider)

    async def remove_sealed(self, tenant: str, provider: str) -> bool:
        """Forget one; False if there is none."""
        return await self._sealed.remove(tenant, provider)

    async def sealed_names(self, tenant: str | None = None) -> list[tuple[str, str]]:
        """(tenant, provider) of all of them, in order."""
        return await self._sealed.names(tenant)
