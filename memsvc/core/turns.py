"""Groups: messages that must not be parted. The one place that says where a cut may fall.

A group is an assistant message (or a run of items that are one reply) with tool calls, and
everything up to the last result that answers one of them; any other message or run is a group
of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from memsvc.core.model import Entry
from memsvc.core.render.blocks import Call, Decoded, Opaque, Text, blank
from memsvc.core.render.runs import joins, thinks


class Group(Struct, frozen=True):
    """Neighbouring messages that stay together.

    Attributes:
        tokens: their raw tokens.
        size: their bytes as written.
        open: a result may still come, so the group cannot be covered yet.
        user: seq of the newest message in which the user says something; 0 = none.
    """

    first_seq: int
    last_seq: int
    tokens: int
    size: int
    open: bool
    user: int


class _Span(Struct):
    """A group while it is being found: indices into the entries.

    Attributes:
        unfinished: it ends with reasoning, so what that led to is still to come.
    """

    start: int
    end: int
    waiting: list[Call]
    server: set[str]
    unfinished: bool = False

    @property
    def open(self) -> bool:
        """Whether a result may still come, from the caller or from the provider's own tools, or
        the rest of a reply."""
        return bool(self.waiting or self.server or self.unfinished)


def groups(entries: Sequence[Entry], decode: Callable[[Entry], Decoded]) -> list[Group]:
    """The entries parted into groups, in order; together they are exactly the entries."""
    messages = [decode(e) for e in entries]
    spans = _spans(messages)
    out: list[Group] = []
    i = 0
    for span in [*spans, None]:
        upto = span.start if span is not None else len(entries)
        out += [_group(entries, messages, k, k, False) for k in range(i, upto)]
        if span is None:
            break
        out.append(_group(entries, messages, span.start, span.end, span.open))
        i = span.end + 1
    return out


def _spans(messages: Sequence[Decoded]) -> list[_Span]:
    """Spans of messages around tool calls, and of runs. Only the last one may still be waiting."""
    spans: list[_Span] = []
    current: _Span | None = None
    for start, end in _units(messages):
        part = messages[start : end + 1]
        if part[0].role == "assistant":
            calls = [c for m in part for c in m.calls]
            started, ended = _server_tools(part)
            if current is not None and current.server & ended:
                # A turn that the provider paused goes on: the result of its own tool is here.
                current.server = (current.server - ended) | started
                current.waiting, current.end = calls, end
                continue
            if current is not None:
                current.waiting, current.server = [], set()  # closed: what is missing now stays missing
            alone = not (calls or started) and start == end and not thinks(part[0])
            current = None if alone else _Span(start, end, calls, started)
            if current is not None:
                spans.append(current)
        elif current is not None:
            for result in part[0].results:
                found = next((c for c in current.waiting if result.answers(c)), None)
                if found is not None:
                    current.waiting.remove(found)
                    current.end = end
    _leave_open(spans, messages)
    return spans


def _leave_open(spans: Sequence[_Span], messages: Sequence[Decoded]) -> None:
    """Stretch the last group to the end while something may still come that belongs to it."""
    if not spans:
        return
    last, end = spans[-1], len(messages) - 1
    last.unfinished = last.end == end and thinks(messages[end])
    if last.open:
        last.end = end  # all that came since may have to follow its results


def _units(messages: Sequence[Decoded]) -> list[tuple[int, int]]:
    """First and last index of every message, or of the run that it belongs to."""
    units: list[tuple[int, int]] = []
    for i, msg in enumerate(messages):
        if i and joins(messages[i - 1], msg):
            units[-1] = (units[-1][0], i)
        else:
            units.append((i, i))
    return units


def _server_tools(part: Sequence[Decoded]) -> tuple[set[str], set[str]]:
    """Ids of the provider's own tool calls left open in a reply, and of those answered in it."""
    blocks = [b for m in part for b in m.blocks if isinstance(b, Opaque)]
    calls = {b.call for b in blocks if b.call is not None}
    answers = {b.answers for b in blocks if b.answers is not None}
    return calls - answers, answers


def _group(entries: Sequence[Entry], messages: Sequence[Decoded], a: int, b: int, still_open: bool) -> Group:
    part = entries[a : b + 1]
    user = next((entries[k].seq for k in range(b, a - 1, -1) if speaks(messages[k])), 0)
    return Group(
        part[0].seq, part[-1].seq, sum(e.tokens for e in part), sum(len(e.raw) for e in part), still_open, user
    )


def speaks(msg: Decoded) -> bool:
    """Whether the user says something in it (more than tool results and blank text)."""
    if msg.native_role != "user":
        return False
    return any(not blank(b.text) if isinstance(b, Text) else b not in msg.results for b in msg.blocks)
