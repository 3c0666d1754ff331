"""Lines: which conversation a request's messages go on with, and what of them is new.

A client that knows nothing of this service sends the messages that it holds; the log tells which of them are there
already (`core.resend`). An edit and a question for another answer become a truncation. But where that would cut off
what another client still goes on with, or a call that is in flight, the request gets a branch of its own
(`service.branches`), which is found again by what later requests hold.

Nothing in memory is needed to be right: each write says which log revision it was decided on, and is decided anew
when that has moved.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from weakref import WeakValueDictionary

from msgspec import Struct, structs

from memsvc.core.alike import UNKNOWN, fingerprint, has_answer, speakers
from memsvc.core.model import Format, Key, Session
from memsvc.core.render import decode
from memsvc.core.resend import Kind, Live, Mode, Plan, answered_only, plan, superseded_again
from memsvc.errors import Conflict, NotFound
from memsvc.ports import Store
from memsvc.service.branches import FIRST, branch_key, branches, is_branch, marker
from memsvc.service.known import Known, Line, is_broken
from memsvc.service.memory import Memory
from memsvc.service.requests import AppendRequest, UsageRequest

TRIES = 12
"""Attempts while others write to the same session."""
MOST_BRANCHES = 30
"""Branches of a session that are looked at."""
MOST_FAMILIES = 10_000
"""Sessions whose branches are remembered."""

_MOVED = ("log_revision_mismatch", "session_exists", "lost_race")


class Asked(Struct, frozen=True):
    """A request, or an answer to one: its messages, their fingerprints, what the call has cost; `aside`: its system
    prompt is another one than the session's; `order`: requests that were taken here are counted."""

    key: Key
    format: Format
    messages: Sequence[bytes]
    prints: Sequence[bytes]
    mode: Mode = "auto"
    usage: UsageRequest | None = None
    aside: bool = False
    order: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a request's messages.

    Attributes:
        key: the session to go on with: the one that was named, or a branch of it.
        kind: how they stood to its log.
        kept: how many of them, from the first on, were there already.
        appended, truncated: messages stored and superseded.
        last_seq: of the newest live message, which is the request's last one; 0 = there is none.
        log_revision: of the session as it is now.
        session: its header before anything was written; None = it began with this request.
        branched: it is a branch that was made for this request.
        asked: the request.
    """

    key: Key
    kind: Kind
    kept: int
    appended: int
    truncated: int
    last_seq: int
    log_revision: int
    session: Session | None
    asked: Asked = field(repr=False)
    branched: bool = False


class _Choice(Struct, frozen=True):
    """The line that a request goes on with, and how; all lines that were looked at; the number of the next branch."""

    line: Line
    plan: Plan
    lines: Sequence[Line]
    number: int = 0


class _Family(Struct, frozen=True):
    """Branches of a session that were seen, and a number behind all of them."""

    known: tuple[Key, ...] = ()
    number: int = FIRST


class Lines:
    """Takes what clients send.

    Args:
        memory: where it is stored.
        store: that of the memory.
    """

    def __init__(self, memory: Memory, store: Store) -> None:
        self._memory = memory
        self._store = store
        self._known = Known(store)
        self._orders = count(1)
        self._flying: Counter[Key] = Counter()
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()
        self._families: OrderedDict[Key, _Family] = OrderedDict()

    async def take(
        self,
        key: Key,
        format: Format,
        messages: Sequence[bytes],
        begun: Sequence[bytes] = (),
        *,
        mode: Mode = "auto",
        aside: bool = False,
        head: Session | None = None,
    ) -> Taken:
        """Store what is new of `messages`, the client's list without a leading system message; durable when it
        returns. `begun`: fingerprints of the first of them, for whoever knows them. `aside`: they came with another
        system prompt than the session's, as an agent's side calls do. `head`: the session's header, for whoever has
        just read it. Raises InvalidRequest, and Conflict where others write to the session all the time."""
        prints = await self._known.fingerprints(key, format, messages, begun)
        asked = Asked(key, format, messages, prints, mode, aside=aside, order=next(self._orders))
        heads = [] if head is None or key in self._locks else [head]  # who has to wait looks again, and who failed
        return await self._alone(key, lambda: self._take(asked, heads.pop() if heads else None))

    async def reply(
        self, taken: Taken, format: Format, messages: Sequence[bytes], usage: UsageRequest | None = None
    ) -> Taken:
        """Store the answer to what was taken, behind it, and book what it cost. Where another answer to it was stored
        meanwhile, this one takes its place, unless that answers a later request: its client has it. Then, and where
        the line went on without it, this one goes to a branch; what is left of one that broke off is not stored then.
        Raises NotFound if the session is gone."""
        prints = [fingerprint(format, raw) for raw in messages]
        answer = Asked(taken.asked.key, format, messages, prints, usage=usage, order=taken.asked.order)
        return await self._alone(answer.key, lambda: self._reply(taken, answer))

    @contextlib.contextmanager
    def flying(self, key: Key) -> Iterator[None]:
        """While a call for this line is made: what it was made for is not cut off. Enter it right after `take`, with
        nothing awaited in between, and leave it when the answer is stored or given up."""
        self._flying[key] += 1
        try:
            yield
        finally:
            self._flying[key] -= 1
            if not self._flying[key]:
                del self._flying[key]

    async def branches(self, key: Key) -> list[Key]:
        """The branches of a session. Raises NotFound."""
        return [s.key for s in (await branches(self._store, await self._main(key)))[0]]

    # --- one attempt -----------------------------------------------------------

    async def _alone(self, key: Key, attempt: Callable[[], Awaitable[Taken]]) -> Taken:
        """One request of a session after another, and again where a writer elsewhere came in between."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            for _ in range(TRIES - 1):
                try:
                    return await attempt()
                except Conflict as error:
                    if error.code not in _MOVED:
                        raise
            return await attempt()

    async def _take(self, asked: Asked, head: Session | None) -> Taken:
        main = await self._known.get(asked.key, head)
        choice = await self._choose(main, asked)
        line, found = choice.line, choice.plan
        if found.truncate is None or main.session is None or not self._to_be_spared(choice, asked):
            return await self._write(line, found, asked)
        branch = await self._fork(main.session, line.key, found.truncate, choice.number)
        taken = await self._write(branch, self._plan(branch, asked), asked)
        return replace(taken, kind=found.kind, branched=True)

    async def _reply(self, taken: Taken, answer: Asked) -> Taken:
        line = await self._known.get(taken.key)
        if line.session is None:
            raise NotFound(f"no session {taken.key.session!r}")
        found: Plan | None = None
        if not taken.last_seq or taken.last_seq in line.seqs:
            found = _answer(line.live, taken.last_seq, answer.prints)
            late = found is not None and found.truncate is not None and line.answered > answer.order
            if late and is_broken(answer.messages[-1]):
                return await self._write(line, Plan("nothing", len(answer.messages)), answer)
            if found is not None and not late:
                stored = await self._write(line, found, answer)
                line.answered = answer.order if stored.appended else max(answer.order, line.answered)
                return stored
            after, kept = taken.last_seq, len(taken.asked.messages)
        else:
            after, kept = _before_superseded(line, taken)
        main = await self._main(taken.asked.key)
        _, number = await branches(self._store, main)
        branch = await self._fork(main, line.key, after, number)
        await self._write(branch, Plan("new", kept), taken.asked)
        return replace(await self._write(branch, Plan("new", 0), answer), branched=True)

    # --- which line ------------------------------------------------------------

    def _plan(self, line: Line, asked: Asked) -> Plan:
        flying = self._flying[line.key] > 0
        resends = line.resends or (flying and asked.aside)  # nobody changes the prompt while he waits for an answer
        busy = flying or asked.aside
        return plan(line.live, line.unsystem(asked.prints), asked.mode, resends=resends, busy=busy)

    async def _choose(self, main: Line, asked: Asked) -> _Choice:
        """The line that the messages agree with furthest; one that they have all of comes before all others."""
        found = self._plan(main, asked)
        _learn(main, found, asked)
        if main.session is None or _is_sure(found, asked):
            return _Choice(main, found, [main])
        family = self._families.get(main.key, _Family())
        choice = await self._best(main.session, family.known, asked)
        if _is_sure(choice.plan, asked):
            return choice
        # What has just begun is in no branch that was seen already; anything else may be in any.
        start = family.number if choice.plan.apart else FIRST
        found_now, number = await branches(self._store, main.session, start)
        keys = (*(s.key for s in found_now), *(family.known if choice.plan.apart else ()))
        family = self._remember(main.key, keys, number)
        return structs.replace(await self._best(main.session, family.known, asked), number=number)

    async def _best(self, main: Session, keys: Sequence[Key], asked: Asked) -> _Choice:
        lines = await asyncio.gather(*(self._known.get(key) for key in (main.key, *keys)))
        lines[1:] = [line for line in lines[1:] if line.session is not None and is_branch(line.session, main)]
        ranked = [(_rank(line, found := self._plan(line, asked), not i), i, found) for i, line in enumerate(lines)]
        _, i, found = max(ranked, key=lambda one: one[0])
        return _Choice(lines[i], found, lines)

    def _to_be_spared(self, choice: _Choice, asked: Asked) -> bool:
        """Whether others go on with what would be cut off: a call in flight, or the client whose messages had taken
        the place of those that this one goes on from."""
        if choice.plan.apart or self._flying[choice.line.key]:
            return True
        prints = choice.line.unsystem(asked.prints)
        known = choice.plan.matched
        return any(superseded_again(line.live, prints, self._plan(line, asked), known) for line in choice.lines)

    async def _fork(self, main: Session, source: Key, after: int, number: int) -> Line:
        key = branch_key(main.key, number)
        await self._memory.fork(source, key.session, after, dress=marker(main, key.session))
        family = self._families.get(main.key, _Family())
        self._remember(main.key, (key, *family.known), number + 1)
        return await self._known.get(key)

    def _remember(self, main: Key, known: Sequence[Key], number: int) -> _Family:
        family = self._families[main] = _Family(tuple(known[:MOST_BRANCHES]), number)
        self._families.move_to_end(main)
        while len(self._families) > MOST_FAMILIES:
            self._families.popitem(last=False)
        return family

    async def _main(self, key: Key) -> Session:
        head = await self._store.head(key)
        if head is None:
            raise NotFound(f"no session {key.session!r}")
        return head

    # --- writing ---------------------------------------------------------------

    async def _write(self, line: Line, found: Plan, asked: Asked) -> Taken:
        """Do what was planned, if the log is still what it was planned for; else Conflict."""
        for i, print_ in enumerate(asked.prints[found.kept :], found.kept):
            if UNKNOWN in speakers(print_):
                decode(asked.messages[i], asked.format, f"messages[{i}]")  # says what is wrong, before anything is cut
        session, truncated = line.session, 0
        if found.truncate is not None and session is not None:
            expected = line.log_revision
            cut = await self._memory.truncate(line.key, found.truncate, if_log_revision=expected, quiet=True)
            truncated = session.messages - cut["messages"]
            line.cut(found.truncate, cut["log_revision"])
        rest, appended = tuple(asked.messages[found.kept :]), 0
        if rest:
            request = AppendRequest(rest, format=asked.format, if_log_revision=line.log_revision, usage=asked.usage)
            made = await self._memory.append(line.key, request)
            appended = len(made["seqs"])  # less than were given where the first is the system prompt again
            line.appended(made["seqs"], asked.prints[len(asked.prints) - appended :], made, rest[-1])
        elif asked.usage is not None:
            await self._memory.usage(line.key, asked.usage)
        self._known.keep(line)
        last = line.seqs[-1] if line.seqs else 0
        return Taken(line.key, found.kind, found.kept, appended, truncated, last, line.log_revision, session, asked)


def _rank(line: Line, found: Plan, main: bool) -> tuple[bool, int, bool, float]:
    """Greatest for the line to go on with."""
    at = line.session.updated_at if line.session is not None else 0.0
    return found.truncate is None and found.matched > 0, found.matched, main and not found.matched, at


def _is_sure(found: Plan, asked: Asked) -> bool:
    """Whether a line need not be compared with others: nothing is cut off, and no answer comes that it does not have
    although it has what stands before."""
    new = has_answer(b"".join(asked.prints[found.kept :])) if found.kept and asked.mode != "new" else False
    return found.truncate is None and not new


def _learn(line: Line, found: Plan, asked: Asked) -> None:
    """What a request tells of how its client goes about it."""
    if asked.mode != "auto" or not line.seqs:
        return
    if found.kind in ("resent", "nothing"):
        line.resends = line.resends or has_answer(b"".join(asked.prints))
    elif found.kind in ("new", "window"):
        line.resends = False


def _answer(live: Live, after: int, prints: Sequence[bytes]) -> Plan | None:
    """How an answer to what is live up to `after` is stored; None = the line went on without it."""
    later = b"".join(p for seq, p in zip(live.seqs, live.prints, strict=True) if seq > after)
    if not later:
        return Plan("new", 0)
    if later.startswith(b"".join(prints)):
        return Plan("nothing", len(prints))
    return Plan("regenerated", 0, after) if answered_only(live, after) else None


def _before_superseded(line: Line, taken: Taken) -> tuple[int, int]:
    """For a request whose messages are no longer live: the newest live message that comes before what its line then
    had, and how many messages of the request are there."""
    asked = taken.asked
    mode: Mode = "auto" if taken.kind in ("window", "new") else "full"
    found = plan(line.live, line.unsystem(asked.prints), mode)
    if found.truncate is not None:
        return found.truncate, found.kept
    earlier = [seq for seq in line.seqs if seq <= taken.last_seq - taken.appended]
    return earlier[-1] if earlier else 0, taken.kept
