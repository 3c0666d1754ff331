"""What the service needs of a store: small protocols, one job each.

Every store implements `Store`; one contract suite runs over all of them. Methods raise
`NotFound` for an unknown session, `Conflict` for a lost compare-and-set, `Unavailable`
when the engine is away, and nothing else on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from memsvc.core.access import ApiKey
from memsvc.core.budgets import Budget, Counted, Reached, Spending
from memsvc.core.model import Appended, Backlog, Batch, Entry, Job, Key, Known, Part, Session, Summary, Window
from memsvc.core.money import Line, Sent, Spent
from memsvc.ports.figures import Figures, Overview


class Log(Protocol):
    """The append-only log and what hangs on it. Compaction moves a pointer, it deletes nothing."""

    async def head(self, key: Key) -> Session | None:
        """The header, or None if there is no such session. Cheap: one row."""
        ...

    async def put(self, key: Key, change: Callable[[Session | None], Session], *, at: float) -> Session:
        """Create or change the header: `change` gets the stored one (None = new) inside the
        write transaction and returns what to store (pure; may raise). `uid`, and everything
        `append` counts, is the store's to fill in for a new session. Equal = nothing written."""
        ...

    async def append(self, key: Key, batch: Batch) -> Appended:
        """Store all drafts or none, creating the session if new; durable before it returns.

        Drafts whose id is stored already are skipped. A repeated idempotency key with the
        same digest answers as the first time, with `duplicate`; with another digest: Conflict.
        When the context passes `soft_tokens` the compaction job is queued in the same transaction.
        Bumps `revision` and `log_revision` by one if anything was stored."""
        ...

    async def load(self, key: Key, known: Known | None = None) -> Window:
        """Header, current summary and live tail in one consistent reading."""
        ...

    async def entries(self, key: Key, *, after: int, upto: int | None = None, limit: int) -> list[Entry]:
        """The log as written in seq order, superseded ones included: seq > after (and <= upto)."""
        ...

    async def summaries(self, key: Key, *, after: int = 0, limit: int = 100) -> list[Summary]:
        """Committed summaries with epoch > after, oldest first."""
        ...

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
        """Make `summary` the current one: compare-and-set on (epoch, cut), Conflict if lost.
        `expect_uid` given: Conflict also for a session that was deleted and created again.
        Sets cut = to_seq, epoch + 1 (must equal summary.epoch), revision + 1,
        prefix_reason `compacted`, prefix_revision = bound_revision = the new revision; no anchor.
        `factor` None = `core.policy.next_factor` of the epoch that ends."""
        ...

    async def truncate(self, key: Key, *, after_seq: int, at: float, if_log_revision: int | None = None) -> Session:
        """Supersede every live message with seq > after_seq; Conflict, and no change, unless the log is
        at `if_log_revision` (None = at any). The newest summary with
        to_seq <= after_seq becomes current (or none); epoch + 1, revision + 1,
        log_revision + 1, prefix_reason `edited`, prefix_revision = new revision;
        bound_revision too, but only if the current summary changed. Nothing to cut: no change.
        Else `core.policy.renewed` says what becomes of factor, anchor and soft mark."""
        ...

    async def revert(self, key: Key, to_epoch: int, *, at: float) -> Session:
        """Make the summary of `to_epoch` the current one again (0 = none): one that the present summary builds
        on, else Conflict (`epoch_not_in_force`). Its successors stay stored. epoch + 1, revision + 1, prefix_reason
        `compacted`, prefix_revision = bound_revision = new revision; `renewed` as for `truncate`, and a job is
        asked for where the tail is too much at once. The current one: no change."""
        ...

    async def redact(self, key: Key, seq: int, *, at: float) -> Session:
        """Erase one message for good; NotFound if there never was one. It keeps seq, id and time, its bytes become
        TOMBSTONE, its tokens 0; it counts as superseded, and its pin goes. Every summary with to_seq >= seq is
        deleted; else as `truncate`, and `bound_revision` is the new revision also where a live message follows one
        that was live. Idempotency records that answered with this seq answer any body. Again: no change."""
        ...

    async def pin(self, key: Key, seq: int, pinned: bool) -> None:
        """Pin or unpin a live message; NotFound if it is not one. Idempotent."""
        ...

    async def pins(self, key: Key) -> list[Entry]:
        """The pinned live messages, in seq order."""
        ...

    async def delete(self, key: Key, *, before: float | None = None) -> bool:
        """Remove the session and everything derived from it. False if there was none; with `before` also,
        and no change, if its `updated_at` is not below it."""
        ...

    async def sessions(
        self, tenant: str, *, prefix: str = "", user: str | None = None, after: str | None = None, limit: int = 100
    ) -> tuple[list[Session], str | None]:
        """A tenant's sessions, newest activity first, and the cursor for the next page (None at the end).
        InvalidRequest for a cursor that was not given."""
        ...


class Copies(Protocol):
    """Sessions put together out of sight, part by part, and shown in one step: for forks and imports.

    An attempt is named by a token. What one leaves that dies is seen by nobody, goes with the next attempt
    for that key or with a delete of it, and by itself after an hour."""

    async def stage(self, key: Key, token: str, part: Part) -> None:
        """Add a part. One with a new token and `after` 0 begins, and ends any other attempt for that key.
        A part that was added already changes nothing; Conflict (`lost_race`) for one that does not follow,
        or of an attempt that was ended."""
        ...

    async def publish(
        self, key: Key, token: str, session: Session, chain: Sequence[int], *, over: bool = False
    ) -> Session:
        """Make what was staged the session `key`, with the header `session`; uid, last_seq, cut, summary_epoch
        and what is counted from the log are the store's to fill in, state and due time too. `chain`: epochs
        of the summaries in force, oldest first. Conflict (`session_exists`) if there is a session of that
        name; `over`: it and what hangs on it goes in the same step, its lines in the books stay its name's."""
        ...

    async def discard(self, key: Key, token: str) -> None:
        """Give an attempt up, if it still is one."""
        ...


class Census(Protocol):
    """All that a store holds, for moving it elsewhere."""

    async def every(
        self, *, tenant: str | None = None, after: str | None = None, limit: int = 100
    ) -> tuple[list[Session], str | None]:
        """Sessions of a tenant (None = of all), each once, in an order that activity does not change, and the cursor of
        the next page: who reads to the end has seen all that were there when it began."""
        ...

    async def idle(
        self, tenant: str, *, before: float, after: str | None = None, limit: int = 100
    ) -> tuple[list[Session], str | None]:
        """Sessions of a tenant with `updated_at` below `before`, and the cursor of the next page."""
        ...

    async def lines(
        self, *, tenant: str | None = None, after: str | None = None, limit: int = 100
    ) -> tuple[list[Line], str | None]:
        """Lines of the books in the same way; `key.session` is "" where the session is gone."""
        ...


class Queue(Protocol):
    """Due compactions: at most one per session; a claim pushes the due time into the future."""

    async def enqueue(self, key: Key, *, due_at: float) -> None:
        """Ask for a compaction; an earlier request stands."""
        ...

    async def claim(self, *, now: float, lease_s: float) -> Job | None:
        """Take one due job; it becomes due again by itself at `now + lease_s`.
        Sets the session's state to `running`."""
        ...

    async def take(self, key: Key, *, now: float, lease_s: float) -> Job | None:
        """Claim the job of this session, due or not, asked for or not; None while another holds it.
        Raises NotFound."""
        ...

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
        """End a claimed job (or reschedule it). False and no change if the lease was lost. `note`: what the next
        claim is to know; the job then waits without having failed, so that an earlier request counts. It stays
        with a job that is rescheduled without one."""
        ...

    async def extend(self, job: Job, *, now: float, lease_s: float) -> bool:
        """Let a claimed job become due again at `now + lease_s`; False if its lease was lost. What proves the
        claim stays as it is: an answer that gets lost takes nothing from its holder.
        Called while a summarizer is at work, so that nobody else pays for the same summary."""
        ...

    async def next_due(self) -> float | None:
        """Time of the earliest job, or None."""
        ...

    async def backlog(self, *, now: float) -> Backlog:
        """How much waits. Cheap: nothing is read of what waits."""
        ...


class Holds(Protocol):
    """The books as far as whoever makes calls needs them."""

    async def hold(self, line: Line, *, most_micros: int | None, since: float) -> bool:
        """Book the worst case of a call before it is made. False, and nothing is booked, where the
        session's own lines (id begins with `money.OWN`) of that feature with `at >= since` would pass
        `most_micros` with it (None = no limit; `line.micros` None counts as 0), or where the id is
        booked already. NotFound where the key names a session (it is not empty) that is gone."""
        ...

    async def settle(self, line: Line, *, held: str | None = None) -> bool:
        """What a held call came to takes the place of its worst case; booked too where no such line is held.
        `held` is the id under which the worst case was booked, where the call got `line.id` only after: that
        line goes, in the same step where both lie together, else after the booking. False, and nothing is
        booked, where `line.id` is in the books already and not held."""
        ...

    async def release(self, key: Key, id: str) -> bool:
        """Take the line of a held call that was not billed off the books. False, and no change, if none is held."""
        ...


class Ledger(Holds, Protocol):
    """The books: one line a model call. They never show less than the bill."""

    async def book(self, line: Line) -> bool:
        """Book a reported call, once per tenant and id: False, and no change, if it is there."""
        ...

    async def spent(self, tenant: str, *, since: int, until: int) -> list[Spent]:
        """What the lines of a tenant come to, from day `since` on and before day `until` (days since 1970, UTC),
        in order of day, feature, provider, model. Figures above 2^53 are not exact."""
        ...

    async def sent(self, key: Key, revision: int) -> Sent | None:
        """The size of the context that a fetch at `revision` got; None if that was under another prefix, or never."""
        ...


class Budgets(Protocol):
    """What tenants may spend, and how far that is used up."""

    async def budgets(self, tenant: str) -> list[Budget]:
        """A tenant's own, in order of period and feature."""
        ...

    async def put_budgets(self, tenant: str, budgets: Sequence[Budget]) -> None:
        """Let these take the place of those that are there."""
        ...

    async def count(self, spending: Spending, limits: Sequence[Budget] = (), *, anyway: bool = False) -> Counted:
        """Count in the day and the month of the call, for its feature and for all, in one step with the question
        whether that passes one of the `limits`: then nothing is counted, unless `anyway`. Never below 0."""
        ...

    async def counted(self, tenant: str, at: float, budgets: Sequence[Budget]) -> list[Reached]:
        """How far budgets are used up in the period of `at`."""
        ...


class Keys(Protocol):
    """API keys of all tenants. None is ever taken out: one that was revoked still says that keys are on."""

    async def add_key(self, key: ApiKey) -> bool:
        """Keep a new key. False, and no change, if its id is taken."""
        ...

    async def key(self, id: str) -> ApiKey | None:
        """The key with this id, whatever its state, or None. Cheap: one row."""
        ...

    async def keys(self, tenant: str | None = None) -> list[ApiKey]:
        """A tenant's keys, or everybody's, whatever their state, oldest first."""
        ...

    async def change_key(self, seen: ApiKey, new: ApiKey) -> bool:
        """Put `new` in the place of `seen` (only `expires_at`, `revoked_at` differ); False if that is not stored."""
        ...


class SealedKeys(Protocol):
    """Tenants' keys for model providers, as bytes that only `service.vault` can read."""

    async def put_sealed(self, tenant: str, provider: str, sealed: bytes) -> None:
        """Keep them, in the place of those that are there."""
        ...

    async def sealed(self, tenant: str, provider: str) -> bytes | None:
        """Them, or None."""
        ...

    async def remove_sealed(self, tenant: str, provider: str) -> bool:
        """Forget them for good. False if there are none."""
        ...

    async def sealed_names(self, tenant: str | None = None) -> list[tuple[str, str]]:
        """(tenant, provider) of all that is kept, of one tenant or everybody, in order."""
        ...


class Store(Log, Copies, Census, Queue, Ledger, Budgets, Keys, SealedKeys, Figures, Overview, Protocol):
    """One engine that is all of them; `ping` raises Unavailable when it cannot serve."""

    async def open(self) -> None:
        """Connect, migrate; called once before anything else."""
        ...

    async def ping(self) -> None:
        """Raise Unavailable if reads or writes would fail now."""
        ...

    async def close(self) -> None:
        """Finish what was acknowledged and let go."""
        ...
