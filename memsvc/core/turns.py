"""Groups: messages that must not be parted. The one place that says where a cut may fall.

A group is an assistant message with tool calls and everything up to the last result that
answers one of them; any other message is a group of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memsvc.core.model import Entry
from memsvc.core.render.blocks import Decoded, Opaque, Text, blank


@dataclass(frozen=True, slots=True)
class Group:
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


@dataclass(slots=True)
class _Span:
    """A group while it is being found: indices into the entries."""

    start: int
    end: int
    waiting: list[str]
    server: set[str]

    @property
    def open(self) -> bool:
        """Whether a result may still come, from the caller or from the provider's own tools."""
        return bool(self.waiting or self.server)


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
    """Spans of messages around tool calls. Only the last one may still be waiting."""
    spans: list[_Span] = []
    current: _Span | None = None
    for i, msg in enumerate(messages):
        if msg.role == "assistant":
            started, ended = _server_tools(msg)
            if current is not None and current.server & ended:
                # A turn that the provider paused goes on: the result of its own tool is here.
                current.server = (current.server - ended) | started
                current.waiting, current.end = [c.id for c in msg.calls], i
                continue
            if current is not None:
                current.waiting, current.server = [], set()  # closed: what is missing now stays missing
            current = _Span(i, i, [c.id for c in msg.calls], started) if msg.calls or started else None
            if current is not None:
                spans.append(current)
        elif current is not None:
            for result in msg.results:
                if result.call_id in current.waiting:
                    current.waiting.remove(result.call_id)
                    current.end = i
    if current is not None and current.open:
        current.end = len(messages) - 1  # all that came since may have to follow its results
    return spans


def _server_tools(msg: Decoded) -> tuple[set[str], set[str]]:
    """Ids of the provider's own tool calls left open in a message, and of those answered in it."""
    calls = {b.call for b in msg.blocks if isinstance(b, Opaque) and b.call is not None}
    answers = {b.answers for b in msg.blocks if isinstance(b, Opaque) and b.answers is not None}
    return calls - answers, answers


def _group(entries: Sequence[Entry], messages: Sequence[Decoded], a: int, b: int, still_open: bool) -> Group:
    part = entries[a : b + 1]
    user = next((entries[k].seq for k in range(b, a - 1, -1) if speaks(messages[k])), 0)
    return Group(
        part[0].seq, part[-1].seq, sum(e.tokens for e in part), sum(len(e.raw) for e in part), still_open, user
    )


def speaks(msg: Decoded) -> bool:
    """Whether the user says something in it (more than tool results and blank text)."""
    if msg.role != "user" or msg.native_role in ("tool", "function"):
        return False
    return any(not blank(b.text) if isinstance(b, Text) else b not in msg.results for b in msg.blocks)
