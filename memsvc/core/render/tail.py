"""The verbatim part of a context, built message by message and never rebuilt.

This is the one home of pairing: which result answers which call, what a missing, late,
repeated or strange result becomes. Everything settled here is final: a later message
changes nothing but the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, field

from memsvc.core.model import Entry
from memsvc.core.render import ids
from memsvc.core.render.blocks import Call, Decoded, Result, Thinking
from memsvc.core.render.out import Answer, Encoder, Out
from memsvc.core.render.runs import Item, joins
from memsvc.core.render.server_tools import Chain, Reader, Reading

Decode = Callable[[Entry], Decoded]


class _OpenCall(Struct):
    """A call that may still get its result."""

    call: Call
    final: str
    answered: bool = False


class _Group(Struct):
    """An assistant message with calls, or a run of items; and what came since.

    Attributes:
        head, dead_head: the message, and how it is sent if its server tools stay unanswered.
        run: the items, where there are such instead of a message.
        growing: the run may get further items.
        rest, rest_seq: the message whose other blocks stand behind the results.
        after: messages that follow the results.
    """

    head: list[Out]
    dead_head: list[Out]
    calls: list[_OpenCall]
    seq: int
    tokens: int
    run: list[Item] = field(default_factory=list)
    growing: bool = False
    answers: list[Answer] = field(default_factory=list)
    rest: Decoded | None = None
    rest_seq: int = 0
    after: list[Out] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every call has its result: nothing that comes later can change it."""
        return all(c.answered for c in self.calls)

    def waiting(self, result: Result) -> _OpenCall | None:
        """The call that a result answers."""
        return next((c for c in self.calls if not c.answered and result.answers(c.call)), None)


class Tail:
    """Renders live messages after the cut for one format.

    Args:
        encode: writes single messages in the target format.
        decode: takes a stored message apart.
        bound_revision: thinking written at or before this revision is left out.
        leading: whether nothing comes before these messages (no summary): a leading
            assistant message then needs a user line before it.

    Attributes:
        outs: settled messages, final whatever is appended later.
        settled_tokens: raw tokens of the messages that are settled.
        spared_from: thinking of messages from this seq on stays, whatever its prefix; None = of none.
        stripped: whether any thinking was left out because its prefix changed.
        last_run: index in `outs` where the newest run of assistant messages begins, -1 = none.
    """

    def __init__(self, encode: Encoder, decode: Decode, *, bound_revision: int, leading: bool) -> None:
        self._encode = encode
        self._decode = decode
        self._bound = bound_revision
        self._leading = leading
        self._group: _Group | None = None
        self._chain: Chain | None = None
        self._used: set[str] = set()
        self._items: set[str] = set()  # ids of the provider's own that stand in the tail
        self._referring = False  # the newest run names items that are not in the log
        self._anchor_revision = bound_revision  # revision of the newest message that is no assistant's
        self.outs: list[Out] = []
        self.settled_tokens = 0
        self.spared_from: int | None = None
        self.last_seq = 0
        self.last_run = -1
        self.stripped = False

    def extend(self, entries: Iterable[Entry]) -> None:
        """Add messages in seq order."""
        for entry in entries:
            msg = self._decode(entry)
            repeated = msg.item_id in self._items
            if msg.role != "assistant":
                self._anchor_revision = entry.revision
                self._other(msg, entry, repeated)
            elif msg.format == "responses":
                self._item(msg, entry, repeated)
            else:
                self._close()
                self._assistant(msg, entry)
            if msg.item_id is not None:
                self._items.add(msg.item_id)
            self.last_seq = entry.seq

    def provisional(self) -> list[Out]:
        """What is not settled, as it must be sent now: with placeholders for missing results."""
        outs = list(self._chain.alive) if self._chain is not None else []
        if self._group is not None:
            outs += self._group_outs(self._group, self._group.head)
        return self._led(outs)

    # --- runs of items -------------------------------------------------------------

    def _item(self, msg: Decoded, entry: Entry, repeated: bool) -> None:
        """An item of the model: the newest run goes on, or a new one begins."""
        group = self._group
        if group is None or not group.growing or not joins(group.run[-1].msg, msg):
            self._close()
            self._give_up()
            group = self._group = _Group([], [], [], entry.seq, 0, growing=True)
            self._referring = False
        bare = group.run[0].bare if group.run else self.last_seq == 0  # a cut may have gone through the run
        calls = self._name_calls(msg, entry.seq)
        group.calls += calls
        group.run.append(Item(msg, entry.seq, tuple(c.final for c in calls), bare, repeated))
        group.tokens += entry.tokens
        self._referring = self._referring or (msg.native_role == "item_reference" and not repeated)

    # --- assistant messages ------------------------------------------------------

    def _assistant(self, msg: Decoded, entry: Entry) -> None:
        # Signed thinking is bound to its prefix. The request that made this message was rendered
        # after the message before it came in, so that message tells under which prefix.
        fresh = min(entry.revision, self._anchor_revision) > self._bound or self._bound == 0
        fresh = fresh or (self.spared_from is not None and entry.seq >= self.spared_from)
        self.stripped = self.stripped or (not fresh and any(isinstance(b, Thinking) for b in msg.blocks))
        reading = self._read(msg, entry.seq)
        self._used |= reading.ids
        calls = self._name_calls(msg, entry.seq)
        finals = [c.final for c in calls]
        self._referring = False
        alive = dead = self._encode.assistant(reading.alive, entry.seq, finals, fresh)
        self._follow(reading)
        if self._chain is not None:
            dead = self._encode.assistant(reading.dead, entry.seq, finals, fresh)
        if calls:
            self._group = _Group(alive, dead, calls, entry.seq, entry.tokens)
        else:
            self._emit(alive, dead, entry.tokens)

    def _read(self, msg: Decoded, seq: int) -> Reading:
        if self._encode.format != "anthropic":
            return Reading(msg, msg)  # no other format carries server tools
        legal = self._encode.legal_id
        if self._chain is not None:
            reading = Reader(seq, self._chain.waiting, self._used, legal).read(msg)
            if reading.continues:
                return reading
            self._give_up()
        return Reader(seq, (), self._used, legal).read(msg)

    def _follow(self, reading: Reading) -> None:
        """The chain after an assistant message: settled, longer, or begun."""
        left = self._chain.waiting - reading.answered if self._chain is not None else frozenset()
        if self._chain is not None and not left:
            chain, self._chain = self._chain, None
            self._settle(chain.alive, chain.tokens)
        if self._chain is not None:
            self._chain.waiting = left | reading.waiting
        elif reading.waiting:
            self._chain = Chain(reading.waiting)

    def _name_calls(self, msg: Decoded, seq: int) -> list[_OpenCall]:
        calls = []
        for call in msg.calls:
            final = ids.fresh(call.id, seq, self._used, self._encode.legal_id)
            self._used.add(final)
            calls.append(_OpenCall(call, final))
        return calls

    # --- all other messages ------------------------------------------------------

    def _other(self, msg: Decoded, entry: Entry, repeated: bool) -> None:
        if self._group is not None:
            self._group.growing = False
            if not self._group.calls:
                self._close()
        group = self._group
        late: list[Out] = []
        taken = False
        for result in msg.results:
            call = group.waiting(result) if group is not None else None
            if call is None or group is None:
                late += self._unasked(result, msg, entry, repeated)
                continue
            call.answered = taken = True
            kind = call.call.kind
            group.answers.append(Answer(call.final, result, entry.seq, entry.format, msg, kind, repeated))
        spoken = self._spoken(msg, entry.seq)
        if late or spoken is not None:
            self._give_up()
        if group is not None and taken and spoken is not None and not (group.rest or group.after or late):
            group.rest, group.rest_seq, spoken = msg, entry.seq, None  # stays in the message of its results
        self._place([*late, *_some(spoken)], entry.tokens)

    def _unasked(self, result: Result, msg: Decoded, entry: Entry, repeated: bool) -> list[Out]:
        """A result whose call is not waiting; it may be one that the log only refers to."""
        name = result.call_id
        referred = self._referring and self._encode.format == msg.format == "responses"
        if referred and name not in self._used and self._encode.legal_id(name):
            self._used.add(name)
            answer = Answer(name, result, entry.seq, entry.format, msg, result.kind, repeated)
            return self._encode.results([answer], None, 0)
        return _some(self._encode.late(result, entry.seq))

    def _spoken(self, msg: Decoded, seq: int) -> Out | None:
        """What a message says beside its results."""
        if msg.role == "system":
            return self._encode.system(msg, seq)
        return None if len(msg.results) == len(msg.blocks) else self._encode.user(msg, seq)

    def _place(self, outs: list[Out], tokens: int) -> None:
        group = self._group
        if group is None:
            self._emit(outs, outs, tokens)
            return
        group.after += outs
        group.tokens += tokens
        if group.complete:
            self._close()

    # --- settling ----------------------------------------------------------------

    def _close(self) -> None:
        """End the open group; what is missing now stays missing."""
        group, self._group = self._group, None
        if group is not None:
            alive = self._group_outs(group, group.head)
            same = self._chain is None
            self._emit(alive, alive if same else self._group_outs(group, group.dead_head), group.tokens)

    def _group_outs(self, group: _Group, head: list[Out]) -> list[Out]:
        if group.run:
            head = self._encode.run(group.run)
        if not group.calls:
            return head
        open_calls = [c for c in group.calls if not c.answered]
        missing = [Answer(c.final, None, group.seq, self._encode.format, kind=c.call.kind) for c in open_calls]
        results = self._encode.results([*group.answers, *missing], group.rest, group.rest_seq)
        return [*head, *results, *group.after]

    def _give_up(self) -> None:
        """The server tools that still wait will not be answered: settle the messages without them."""
        chain, self._chain = self._chain, None
        if chain is not None:
            if self._group is not None:
                self._group.head = self._group.dead_head
            self._settle(chain.dead, chain.tokens)

    def _emit(self, alive: list[Out], dead: list[Out], tokens: int) -> None:
        if self._chain is not None:
            self._chain.add(alive, dead, tokens)
        else:
            self._settle(alive, tokens)

    def _settle(self, outs: list[Out], tokens: int) -> None:
        for out in self._led(outs):
            if out.role == "assistant" and (not self.outs or self.outs[-1].role != "assistant"):
                self.last_run = len(self.outs)
            self.outs.append(out)
            self._leading = False
        self.settled_tokens += tokens

    def _led(self, outs: list[Out]) -> list[Out]:
        """The messages, with a user line first where the assistant would begin the context."""
        if not self._leading or not outs or outs[0].role != "assistant":
            return outs
        lead = self._encode.lead()
        return [lead, *outs] if lead is not None else outs


def _some(out: Out | None) -> list[Out]:
    return [out] if out is not None else []
