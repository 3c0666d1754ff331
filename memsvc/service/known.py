"""Fingerprints of sessions' messages, kept in memory and brought up to date from the store at every look.

The store's header is read each time, so any number of processes may write; what is kept saves reading and taking apart
again what was seen already.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct, field

from memsvc.core.alike import fingerprint
from memsvc.core.model import Entry, Format, Key, Session, System
from memsvc.core.render.splice import obj, string
from memsvc.core.resend import Live
from memsvc.errors import Conflict
from memsvc.ports import Log
from memsvc.service.copies import entries
from memsvc.service.inbox import off_loop

INCOMPLETE = "incomplete"
"""What stands as `stop_reason` in a stored reply that broke off (in the Responses format as `status`); no context
shows it."""
MOST_MESSAGES = 300_000
"""Messages whose fingerprints are kept, over all sessions: about 60 MB."""
MOVES = 8
"""So many of a request's newest messages may look different in the next one: clients move their cache marks along."""


class Front(Struct, frozen=True):
    """The messages that a request began with, all but its newest: their fingerprints, and a digest of what was sent."""

    prints: Sequence[bytes] = ()
    digest: bytes = b""


NO_FRONT = Front()


class Line(Struct):
    """A session's log as far as it is known here.

    Attributes:
        session: the header as it was read last; None = there is no such session.
        log_revision, last_seq: what the rest is up to date with.
        tokens: of the live messages; None = not known.
        live, superseded: seqs and fingerprints; redacted messages are among the live ones, as b"" (`erased`).
        broke_off: the newest live message is a reply that did not come to its end.
        resends: whoever writes to it was seen sending the whole conversation.
        answered: which of the requests that were taken here was answered last, by their order; 0 = none.
        sent: fingerprints of the messages of the last requests, by their digests; in format `sent_format`.
        front: what the last request began with.
    """

    key: Key
    session: Session | None = None
    log_revision: int = 0
    last_seq: int = 0
    tokens: int | None = None
    seqs: list[int] = field(default_factory=list)
    prints: list[bytes] = field(default_factory=list)
    erased: list[int] = field(default_factory=list)
    superseded: list[tuple[int, bytes]] = field(default_factory=list)
    broke_off: bool = False
    resends: bool = False
    answered: int = 0
    sent: dict[bytes, bytes] = field(default_factory=dict)
    sent_format: Format | None = None
    front: Front = NO_FRONT

    @property
    def live(self) -> Live:
        """For `core.resend`. The system prompt, where it is also a message, says nothing to compare."""
        return Live(self.seqs, self.unsystem(self.prints), self.erased, self.superseded, self.broke_off)

    @property
    def size(self) -> int:
        """Messages that it holds anything of."""
        return len(self.seqs) + len(self.superseded) + len(self.sent)

    def unsystem(self, prints: Sequence[bytes]) -> Sequence[bytes]:
        """Fingerprints without that of the session's system prompt: the store leaves such a message out."""
        system = self.session.settings.system if self.session is not None else None
        known = _system_print(system) if system is not None else b""
        return [b"" if p == known else p for p in prints] if known in prints else prints

    def add(self, found: Sequence[Entry], prints: Sequence[bytes]) -> None:
        """Messages that follow."""
        for entry, print_ in zip(found, prints, strict=True):
            if entry.redacted:
                self.erased.append(len(self.seqs))
            if entry.superseded and not entry.redacted:
                self.superseded.append((entry.seq, print_))
            else:
                self.seqs.append(entry.seq)
                self.prints.append(b"" if entry.redacted else print_)
                self.broke_off = is_broken(entry.raw)
                self.tokens = self.tokens and self.tokens + entry.tokens
            self.last_seq = entry.seq

    def cut(self, after_seq: int, log_revision: int) -> None:
        """What is live after a seq was superseded."""
        while self.seqs and self.seqs[-1] > after_seq:
            seq, print_ = self.seqs.pop(), self.prints.pop()
            if self.erased and self.erased[-1] == len(self.seqs):
                self.erased.pop()
            self.superseded.append((seq, print_))
        self.superseded.sort()
        self.broke_off = False
        self.log_revision, self.tokens = log_revision, None

    def appended(
        self, seqs: Sequence[int], prints: Sequence[bytes], made: Mapping[str, Any], newest: bytes = b""
    ) -> None:
        """Messages were appended, right behind what is known; `made` is the reply to that, `newest` the last one."""
        self.seqs += seqs
        self.prints += prints
        self.broke_off = is_broken(newest)
        self.last_seq = max(self.last_seq, *seqs) if seqs else self.last_seq
        self.log_revision = made["log_revision"]
        self.tokens = self.tokens and self.tokens + made["tokens"]

    def is_of(self, head: Session) -> bool:
        """Whether it is what the header says. An engine that forgot a write in a fail-over may have given the same
        revision to another one: then the tokens differ."""
        same = self.log_revision == head.log_revision and self.last_seq == head.last_seq
        return same and self.tokens in (None, head.live_tokens)


class Known:
    """Lines by session; those that were used longest ago go first."""

    def __init__(self, log: Log, most_messages: int = MOST_MESSAGES) -> None:
        self._log = log
        self._most = most_messages
        self._lines: OrderedDict[Key, Line] = OrderedDict()
        self._sizes: dict[Key, int] = {}
        self._messages = 0

    async def get(self, key: Key, head: Session | None = None) -> Line:
        """The line as it is now. `head`: its header, for whoever has just read it. Raises Conflict if it changes while
        it is read."""
        line = self._lines.get(key)
        if head is None or (line is not None and line.log_revision > head.log_revision):
            head = await self._log.head(key)
            line = self._lines.get(key)
        if line is not None and head is not None and line.session is not None and line.session.uid == head.uid:
            line.session = head
            if line.is_of(head) or await self._extend(line, head):
                return self.keep(line)
        fresh = Line(key, head)
        if line is not None:
            fresh.sent, fresh.sent_format, fresh.front = line.sent, line.sent_format, line.front
            fresh.resends, fresh.answered = line.resends, line.answered
        if head is not None and not await self._extend(fresh, head):
            self.forget(key)
            raise Conflict("the session is being edited; try again", code="lost_race")
        fresh.tokens = head.live_tokens if head is not None else None
        return self.keep(fresh)

    async def fingerprints(
        self, key: Key, format: Format, messages: Sequence[bytes], begun: Sequence[bytes] = ()
    ) -> list[bytes]:
        """Of a request's messages; those that came with the last one need not be taken apart again. `begun`: of the
        first of them, where somebody knows them."""
        line = self._lines.get(key) or Line(key)
        same = line.sent_format == format
        sent, front = (line.sent, line.front) if same else ({}, NO_FRONT)
        rest = messages[len(begun) :]
        size = sum(map(len, rest)) // 8  # most of it is only hashed
        if begun:
            line.sent, later = await off_loop(size, lambda: _known_before(format, rest, sent))
            line.front, prints = front, [*begun, *later]
        else:
            line.sent, line.front, prints = await off_loop(size, lambda: _printed(format, messages, sent, front))
        line.sent_format = format
        self.keep(line)
        return prints

    def keep(self, line: Line) -> Line:
        """Have it at hand for the next look."""
        key = line.key
        self._messages += line.size + 1 - self._sizes.get(key, 0)
        self._sizes[key] = line.size + 1
        self._lines[key] = line
        self._lines.move_to_end(key)
        while self._messages > self._most and len(self._lines) > 1:
            self.forget(next(iter(self._lines)))
        return line

    def forget(self, key: Key) -> None:
        """Read it anew at the next look."""
        if self._lines.pop(key, None) is not None:
            self._messages -= self._sizes.pop(key)

    async def _extend(self, line: Line, head: Session) -> bool:
        """Add what was appended since; False if something else happened to the log too."""
        after = line.last_seq
        found = [e async for e in entries(self._log, line.key, head.last_seq, after)]
        prints = await off_loop(sum(len(e.raw) for e in found), lambda: [fingerprint(e.format, e.raw) for e in found])
        if line.last_seq == after:  # else another one was here meanwhile
            line.add(found, prints)
            line.last_seq, line.log_revision = head.last_seq, head.log_revision
        return len(line.seqs) - len(line.erased) == head.messages and line.is_of(head)


def _printed(
    format: Format, messages: Sequence[bytes], sent: Mapping[bytes, bytes], front: Front
) -> tuple[dict[bytes, bytes], Front, list[bytes]]:
    """Fingerprints of messages, and what is kept for the next request. `sent`, `front`: of those before. Most lists
    begin as the last one did, which one hash over that proves; message by message takes several times as long."""
    known, hashed = len(front.prints), hashlib.sha256()
    if 0 < known <= len(messages):
        hashed.update(b",".join(messages[:known]))
    same = known > 0 and hashed.digest() == front.digest
    begun = list(front.prints) if same else []
    now, later = _known_before(format, messages[len(begun) :], sent)
    kept = {**sent, **now} if same and len(sent) < 2 * len(messages) else now
    prints = begun + later
    until = len(messages) - MOVES
    if until <= (known if same else 0):
        return kept, front if same else NO_FRONT, prints
    if not same:
        known, hashed = 0, hashlib.sha256()
    for raw in messages[known:until]:
        hashed.update(b"," + raw if known else raw)
        known += 1
    return kept, Front(prints[:until], hashed.digest()), prints


def _known_before(
    format: Format, messages: Sequence[bytes], sent: Mapping[bytes, bytes]
) -> tuple[dict[bytes, bytes], list[bytes]]:
    """Fingerprints of messages, by their digests and in order, made anew where `sent` has none."""
    digests = [hashlib.blake2b(raw, digest_size=16).digest() for raw in messages]
    found = [sent.get(d) for d in digests]
    prints = [fingerprint(format, raw) if p is None else p for p, raw in zip(found, messages, strict=True)]
    return dict(zip(digests, prints, strict=True)), prints


def is_broken(raw: bytes) -> bool:
    """Whether a message is a reply that the gateway heard break off."""
    if b'"incomplete"' not in raw:
        return False
    message = orjson.loads(raw)
    return INCOMPLETE in (message.get("stop_reason"), message.get("status"))


def _system_print(system: System) -> bytes:
    value = orjson.loads(system.content)
    texts = [value] if isinstance(value, str) else [b["text"] for b in value]
    return fingerprint("openai", obj([("role", b'"system"'), ("content", string("".join(texts)))]))
