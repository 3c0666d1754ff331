"""What is new in a list of messages that a client sends, seen against the log: pure alignment.

Most clients send the whole conversation with each request, some a window of it, some only what is new. Which of the
three a list is, and whether it goes on, was edited or asks for another answer, follows from comparing it with the live
log. Where that leaves a doubt, the reading is taken that supersedes less.

Fingerprints (`core.alike`) are compared part by part, so that where one message ends and the next begins need not
agree; messages that say nothing to compare (b"") are passed over on both sides.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from typing import Literal

from msgspec import Struct

from memsvc.core.alike import ASSISTANT, CALL, RESULT, SIZE, USER, has_answer, speakers

Mode = Literal["auto", "full", "new"]
"""`full`: a list is the whole conversation. `new`: it is what is new. `auto`: whatever fits."""
Kind = Literal["new", "resent", "window", "edited", "regenerated", "nothing"]


class Live(Struct, frozen=True):
    """The live messages of a session, in order.

    Attributes:
        seqs, prints: seq and fingerprint of each; b"" where one was redacted.
        erased: places of those that were redacted: a client may still send them.
        superseded: (seq, fingerprint) of the messages that edits cut off, in order.
        broke_off: the newest one is a reply that did not come to its end.
    """

    seqs: Sequence[int] = ()
    prints: Sequence[bytes] = ()
    erased: Sequence[int] = ()
    superseded: Sequence[tuple[int, bytes]] = ()
    broke_off: bool = False


class Plan(Struct, frozen=True):
    """What to do with a list.

    Attributes:
        kept: so many of its messages are in the log (or say nothing); those after them are to be appended.
        truncate: supersede what is live after this seq (0 = all); None = nothing.
        matched: parts of the list, from its first on, that the log has where the list continues.
        apart: it is another conversation that has begun: nothing of the log is proven to be given up for it.
    """

    kind: Kind
    kept: int
    truncate: int | None = None
    matched: int = 0
    apart: bool = False


def plan(
    live: Live, incoming: Sequence[bytes], mode: Mode = "auto", *, resends: bool = False, busy: bool = False
) -> Plan:
    """Align `incoming` (fingerprints) with a session's live messages.

    `resends`: who writes to this session is known to send the whole conversation. It settles what a list means that
    begins like the log but has no answer in it, and, where the session is `busy` with a call, what one means that has
    nothing of it: that client would not go on before it has its answer."""
    number = len(live.prints)
    if mode != "new" and number and not live.broke_off and _goes_on(live, incoming, number):
        overlap = sum(map(len, live.prints)) // SIZE
        return Plan("nothing" if number == len(incoming) else "resent", number, None, overlap)
    log, sent = _Run(live.prints), _Run(_forgiven(live, incoming))
    if live.broke_off and mode != "full" and (again := _once_more(live, log, sent)):
        return again
    if mode == "new":
        return _only_new(log, sent)
    front = _edge(log, sent, 0, _common(log.text, sent.text))
    if front == log.end or not sent.end:
        return _onward(log, sent, log.end - front, "resent" if front else "new")
    if mode == "full":
        return _cut(live, log, sent, 0, front)
    if front and resends:
        return _cut(live, log, sent, 0, front)
    return _best(live, log, sent, front, resends and busy)


def _goes_on(live: Live, incoming: Sequence[bytes], number: int) -> bool:
    """Whether a list has the whole log, message by message, and nothing in it that says nothing: as most have."""
    return not live.erased and incoming[:number] == live.prints and b"" not in incoming


def superseded_again(live: Live, incoming: Sequence[bytes], found: Plan, beyond: int = 0) -> bool:
    """Whether a list that parts from the live log holds answers that were superseded: its client went on from them,
    knowing nothing of what took their place. `beyond`: parts of the list that are live elsewhere."""
    text, at = b"".join(_forgiven(live, incoming)), found.matched * SIZE
    begin = max(at, beyond * SIZE)
    for seq, print_ in live.superseded:
        if seq > (found.truncate or 0) and print_ and text.startswith(print_, at):
            at += len(print_)
    return has_answer(text[begin:at])


def answered_only(live: Live, seq: int) -> bool:
    """Whether nothing but what an assistant said is live after a message."""
    after = live.prints[bisect_right(live.seqs, seq) :]
    return not speakers(b"".join(after)).strip(ASSISTANT + CALL)


class _Run:
    """Fingerprints in a row.

    Attributes:
        text: all of them; `ends`: where each ends in it.
    """

    def __init__(self, prints: Sequence[bytes]) -> None:
        self.prints = prints
        self.text = b"".join(prints)
        self.ends = list(accumulate(map(len, prints)))
        self.end = len(self.text)

    @cached_property
    def edges(self) -> frozenset[int]:
        """Where a message ends or the first begins."""
        return frozenset((0, *self.ends))

    @cached_property
    def units(self) -> list[bytes]:
        """The parts."""
        return [self.text[i : i + SIZE] for i in range(0, self.end, SIZE)]

    def upto(self, offset: int) -> int:
        """How many messages it takes to come up to an edge; those that say nothing and follow are not among them."""
        return bisect_left(self.ends, offset) + 1 if offset else 0

    def silent_from(self, place: int) -> int:
        """How many messages that say nothing stand there in a row."""
        number = 0
        while place + number < len(self.prints) and not self.prints[place + number]:
            number += 1
        return number


def _common(a: bytes, b: bytes) -> int:
    """Length of the common beginning, in whole parts."""
    low, high = 0, min(len(a), len(b)) // SIZE  # parts known to agree, and the most that may
    if a[: high * SIZE] == b[: high * SIZE]:
        return high * SIZE
    while high - low > 1:
        middle = (low + high) // 2
        if a[low * SIZE : middle * SIZE] == b[low * SIZE : middle * SIZE]:
            low = middle
        else:
            high = middle
    return low * SIZE


def _edge(log: _Run, sent: _Run, start: int, length: int) -> int:
    """The longest beginning of the list, at most `length`, after which a message ends in both; `start` is where the
    log agrees with it."""
    place = bisect_right(sent.ends, length)
    while place and start + sent.ends[place - 1] not in log.edges:
        place -= 1
    return sent.ends[place - 1] if place else 0


def _only_new(log: _Run, sent: _Run) -> Plan:
    start = log.end - sent.end
    again = start in log.edges and log.text.endswith(sent.text) and not has_answer(sent.text[-SIZE:])
    if again:
        return _onward(log, sent, start, "new")
    return Plan("new" if sent.prints else "nothing", 0)


def _once_more(live: Live, log: _Run, sent: _Run) -> Plan | None:
    """What is new was sent already, and its answer broke off: the same attempt again takes the answer's place."""
    place = len(log.prints)
    while place and not speakers(log.prints[place - 1]).strip(ASSISTANT + CALL):
        place -= 1
    asked = log.ends[place - 1] if place else 0
    same = bool(sent.end) and log.text.endswith(sent.text, 0, asked) and asked - sent.end in log.edges
    if not same or has_answer(sent.text):
        return None
    return Plan("regenerated", len(sent.prints), live.seqs[place - 1], sent.end // SIZE)


def _onward(log: _Run, sent: _Run, start: int, kind: Kind) -> Plan:
    """The list has the log from `start` on, and then what is new."""
    overlap = log.end - start
    kept = sent.upto(overlap)
    kept += min(sent.silent_from(kept), len(log.prints) - log.upto(log.end))
    return Plan("nothing" if kept == len(sent.prints) else kind, kept, None, overlap // SIZE)


def _cut(live: Live, log: _Run, sent: _Run, start: int, edge: int) -> Plan:
    """The list has the log from `start` on, parts from it after `edge` bytes, and what the log has then goes."""
    last = log.upto(start + edge)
    rest = speakers(log.text[start + edge :])
    again = edge == sent.end and not rest.strip(ASSISTANT + CALL + RESULT)
    truncate = live.seqs[last - 1] if last else 0
    return Plan("regenerated" if again else "edited", sent.upto(edge), truncate, edge // SIZE)


def _best(live: Live, log: _Run, sent: _Run, front: int, busy: bool) -> Plan:
    """Without knowing what kind of client it is: the reading that more of the list speaks for."""
    asks = not has_answer(sent.text)
    runs = _runs(log, sent)
    ending = max((edge for start, edge in runs if start + edge == log.end), default=0)
    if ending and ending >= front:
        return _onward(log, sent, log.end - ending, "window")
    if asks and not front and (busy or _waits(log, sent)):
        return Plan("edited", 0, 0, 0, apart=True)
    if asks and (not front or USER in speakers(log.text[front:])):
        return Plan("new", 0)  # it has nothing of what the log has, or no more than how it begins
    proven = [(edge, start) for start, edge in runs if edge > front and _is_talk(sent.text[:edge])]
    edge, start = max(proven, default=(front, 0))  # of several the newest: less goes
    return _cut(live, log, sent, start, edge)


def _waits(log: _Run, sent: _Run) -> bool:
    """Whether the log ends with a call, and the list has no result: nobody goes on with it like that."""
    return log.text[-SIZE:][:1] == CALL and RESULT not in speakers(sent.text)


def _is_talk(text: bytes) -> bool:
    """Whether there is more than a word that may have been said twice: an answer, and what it answers."""
    return has_answer(text) and bool(speakers(text).strip(ASSISTANT + CALL))


def _runs(log: _Run, sent: _Run) -> list[tuple[int, int]]:
    """Where in the log the list may begin: (start, how far they agree), both at edges, in bytes. Linear."""
    found = []
    lengths = _prefix_lengths([*sent.units, b"", *log.units])[len(sent.units) + 1 :]
    for i, length in enumerate(lengths):
        if length and i * SIZE in log.edges and (edge := _edge(log, sent, i * SIZE, length * SIZE)):
            found.append((i * SIZE, edge))
    return found


def _prefix_lengths(units: list[bytes]) -> list[int]:
    """For each place how many units from there on are those of the beginning (the Z function); 0 for the first."""
    lengths = [0] * len(units)
    left = right = 0
    for i in range(1, len(units)):
        length = min(right - i, lengths[i - left]) if i < right else 0
        while i + length < len(units) and units[length] == units[i + length]:
            length += 1
        if i + length > right:
            left, right = i, i + length
        lengths[i] = length
    return lengths


def _forgiven(live: Live, incoming: Sequence[bytes]) -> Sequence[bytes]:
    """The list without what was redacted: a message that stands where the log has an erased one, between messages
    that both have, says nothing to compare."""
    if not live.erased:
        return incoming
    erased, left = set(live.erased), list(incoming)
    at, skippable = 0, 0
    for place, print_ in enumerate(live.prints):
        if place in erased:
            skippable += 1
            continue
        if not print_:
            continue
        while at < len(left) and not left[at]:
            at += 1
        ahead = next((n for n in range(skippable + 1) if left[at + n : at + n + 1] == [print_]), None)
        if ahead is None:
            return left
        left[at : at + ahead] = [b""] * ahead
        at, skippable = at + ahead + 1, 0
    ahead = max(0, min(skippable, len(left) - at - 1))  # the last one may be new
    left[at : at + ahead] = [b""] * ahead
    return left
