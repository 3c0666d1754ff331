"""Accounts for every message of a session from what its clients noted and what it turned out to be.

Pure functions; a fault is (kind, reason), reasons name places and numbers. What was acknowledged must
be there, once, in its place, byte for byte; what was not may be there or not, but never twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.corpus import Json
from benchmarks.soaking.notes import MARK, Book, Fetched, Kill, Said, Seen, Stored, Truth

Fault = tuple[str, str]
KINDS = {
    "lost": "acknowledged, and not in the history (or not in a context)",
    "duplicated": "a message that is there more than once",
    "reordered": "another seq than was answered, or a writer's messages in another order",
    "changed": "other bytes than were sent",
    "invented": "in the history, though nobody sent it, or though it was refused",
    "torn": "an append of several messages of which only some are there",
    "holes": "seqs or summary ranges that are not contiguous from 1, or overlap",
    "epochs": "epochs that do not rise, or do not agree with the session",
    "cuts": "a message that a truncation left alone is superseded, or the other way round",
    "pins": "a pinned message that its summary does not quote",
    "context": "a context with a hole, with a message twice or out of order, or behind an acknowledgement",
    "invalid": "a context that the provider would refuse, or over its limits",
    "prefix": "a stable prefix that changed within an epoch, or a revision that went back",
    "answers": "an answer that should never be given: 500, a wrong status, a broken body",
    "stuck": "a compaction that did not come to its end once all was quiet",
}
"""What can be wrong; every count must be 0."""
NEVER = float("inf")
PIN_S = 10.0
"""A summary made so long after a pin was acknowledged quotes it, however long it took to write."""


def account(book: Book, truth: Truth) -> Iterator[Fault]:
    """Everything that is wrong with one session."""
    yield from book.faults
    yield from _log(book, truth.log)
    yield from _messages(book, truth.log)
    yield from _cut_off(book, truth.log)
    yield from _ranges(book, truth)
    yield from _pinned(book, truth)
    lives = _lives(book, truth.log)
    for fetched in (*book.fetched, *truth.contexts):
        yield from _context(book, lives, fetched)


def mark_of(raw: bytes) -> str:
    """The name that a message carries; "" = none."""
    found = MARK.search(raw.decode())
    return found[1] if found else ""


def _log(book: Book, log: Sequence[Stored]) -> Iterator[Fault]:
    for expected, stored in enumerate(log, 1):
        if stored.seq != expected:
            yield "holes", f"history has seq {stored.seq} in place {expected}"
            break
    for mark, times in Counter(mark_of(m.raw) for m in log).items():
        if mark not in book.said:
            yield "invented", f"history has {mark or 'a message without a mark'} {times} times, nobody sent it"
        elif times > 1:
            yield "duplicated", f"{mark} is in the history {times} times"


def _messages(book: Book, log: Sequence[Stored]) -> Iterator[Fault]:
    found: dict[str, Stored] = {}
    for stored in log:
        found.setdefault(mark_of(stored.raw), stored)
    batches: dict[int, list[Said]] = {}
    for said in book.said.values():
        batches.setdefault(said.batch, []).append(said)
        there = found.get(said.mark)
        if there is None:
            if said.state == "acked":
                yield "lost", f"{said.mark} was acknowledged with seq {said.seq} and is not there"
            continue
        if said.state == "refused":
            yield "invented", f"{said.mark} was refused and is there with seq {there.seq}"
        if said.state == "acked" and there.seq != said.seq:
            yield "reordered", f"{said.mark} was acknowledged with seq {said.seq} and has {there.seq}"
        if there.raw != said.raw:
            yield "changed", f"{said.mark}, seq {there.seq}: other bytes"
    for batch in batches.values():
        if len({said.mark in found for said in batch}) > 1:
            yield "torn", f"of the append with {batch[0].mark} only some messages are there"
    yield from _order(book, found)


def _order(book: Book, found: dict[str, Stored]) -> Iterator[Fault]:
    """A writer sends the next message when the last was answered. One that was given up may come late."""
    last: dict[str, tuple[int, str]] = {}
    for said in sorted(book.said.values(), key=lambda s: s.number):
        there = found.get(said.mark)
        if there is None or said.state != "acked":
            continue
        before, mark = last.get(said.writer, (0, ""))
        if there.seq <= before:
            yield "reordered", f"{said.mark} (seq {there.seq}) stands before {mark} (seq {before})"
        last[said.writer] = there.seq, said.mark


# --- truncation ------------------------------------------------------------------


def _cut_off(book: Book, log: Sequence[Stored]) -> Iterator[Fault]:
    for stored in log:
        said = book.said.get(mark_of(stored.raw))
        if said is None:
            continue
        if stored.superseded and _first_cut(book, said, stored.seq) is None:
            yield "cuts", f"seq {stored.seq} is superseded and no truncation reached it"
        if not stored.superseded and _surely_cut(book, said, stored.seq) < NEVER:
            yield "cuts", f"seq {stored.seq} is live after a truncation below it"


def _first_cut(book: Book, said: Said, seq: int) -> float | None:
    """When the first truncation that may have reached a message was sent; None = none did. One that was
    not answered may take effect late."""
    times = [cut.begun for cut in book.cuts if cut.after_seq < seq and cut.done >= said.begun]
    return min(times, default=None)


def _surely_cut(book: Book, said: Said, seq: int) -> float:
    """When the first truncation was answered that was sent after the message was acknowledged."""
    if said.state != "acked":
        return NEVER
    return min((cut.done for cut in book.cuts if cut.after_seq < seq and said.done <= cut.begun), default=NEVER)


# --- summaries -------------------------------------------------------------------


def _ranges(book: Book, truth: Truth) -> Iterator[Fault]:
    """Each range begins where the one it stands on ends. A truncation takes an epoch of its own and may
    bring an earlier summary back, so that is where the next one goes on from."""
    chain: list[Json] = []
    epoch = gaps = 0
    for summary in truth.summaries:
        if summary["epoch"] <= epoch:
            yield "epochs", f"epoch {summary['epoch']} follows {epoch}"
        edited = summary["epoch"] > epoch + 1
        gaps += summary["epoch"] - epoch - 1
        while edited and chain and chain[-1]["to"] != summary["from"] - 1:
            chain.pop()
        end = chain[-1]["to"] if chain else 0
        if summary["from"] != end + 1 or summary["to"] < summary["from"]:
            yield "holes", f"the summary of epoch {summary['epoch']} is {summary['from']}..{summary['to']} after {end}"
        chain.append(summary)
        epoch = summary["epoch"]
    gaps += truth.session["epoch"] - epoch
    if gaps < 0 or gaps > len(book.cuts):
        yield "epochs", f"the session is at epoch {truth.session['epoch']}: {gaps} edits, {len(book.cuts)} were sent"
    yield from _current(truth, chain)


def _current(truth: Truth, chain: list[Json]) -> Iterator[Fault]:
    cut = truth.session["cut"] or 0
    current = [s for s in truth.summaries if s["current"]]
    if len(current) > 1 or (current[0]["to"] if current else 0) != cut:
        yield "holes", f"the session is cut at {cut}, current summaries end at {[s['to'] for s in current]}"
    if current and current[0] not in chain:
        yield "holes", f"the summary of epoch {current[0]['epoch']} is current, and a later one replaced it"
    if cut > len(truth.log):
        yield "holes", f"the session is cut at {cut}, its log ends at {len(truth.log)}"
    for fetched in truth.contexts:
        if fetched.covered != cut:
            yield "holes", f"the last context in {fetched.format} covers 1..{fetched.covered}, the cut is {cut}"


def _pinned(book: Book, truth: Truth) -> Iterator[Fault]:
    current = next((s for s in truth.summaries if s["current"]), None)
    if current is None:
        return
    for pin in book.pins.values():
        mark = mark_of(truth.log[pin.seq - 1].raw) if pin.seq <= len(truth.log) else ""
        late = current["at"] > pin.at + PIN_S
        if late and pin.seq <= current["to"] and f"[#{mark}]" not in current["text"]:
            yield "pins", f"seq {pin.seq} was pinned before the summary of epoch {current['epoch']} and is not in it"


# --- contexts --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Life:
    """A stored message: known to be there from `since`, perhaps cut off from `until` on, surely from `gone` on."""

    seq: int
    since: float
    until: float
    gone: float


def _lives(book: Book, log: Sequence[Stored]) -> dict[str, _Life]:
    lives = {}
    for stored in log:
        said = book.said.get(mark_of(stored.raw))
        if said is not None:
            first = _first_cut(book, said, stored.seq) if stored.superseded else None
            until = NEVER if first is None else first
            since = said.done if said.state == "acked" else NEVER
            lives[said.mark] = _Life(stored.seq, since, until, _surely_cut(book, said, stored.seq))
    return lives


def _context(book: Book, lives: dict[str, _Life], fetched: Fetched) -> Iterator[Fault]:
    """(1..covered, tail) must be all that was live, each message once."""
    where = f"a context in {fetched.format} that covers 1..{fetched.covered}"
    strangers = [mark for mark in fetched.tail if mark not in lives]
    if strangers:
        yield "lost", f"{where} shows {strangers[0]}, which the history has not"
    tail = [lives[mark] for mark in fetched.tail if mark in lives]
    seqs = [life.seq for life in tail]
    shown = set(seqs)
    if len(shown) < len(seqs):
        yield "context", f"{where} has a message twice"
    # What was given up may have taken effect behind what was said next, and a result stands with its call.
    known = [life.seq for life in tail if life.since < NEVER]
    if book.solo and any(b < a for a, b in pairwise(known)):
        yield "context", f"{where} is out of order: {known}"
    if any(seq <= fetched.covered for seq in seqs):
        yield "context", f"{where} has seq {min(seqs)} in its tail too"
    top = max(seqs, default=fetched.covered)
    for life in lives.values():
        live = life.until > fetched.done and life.seq > fetched.covered
        if live and life.since <= fetched.begun and life.seq > top:
            yield "context", f"{where} ends at seq {top}, {life.seq} was acknowledged before"
        elif live and life.seq < top and life.seq not in shown:
            yield "context", f"{where} has no seq {life.seq}"
    for life in tail:
        if life.gone <= fetched.begun:
            yield "context", f"{where} shows seq {life.seq}, which was cut off before"


# --- recovery --------------------------------------------------------------------


def recoveries(seen: Sequence[Seen], kills: Sequence[Kill], kinds: frozenset[str]) -> list[float]:
    """Seconds from a kill of one of these kinds until each compaction that was under way then was over:
    its session's epoch rose, or nothing was left to do."""
    sessions: dict[str, list[Seen]] = {}
    for one in seen:
        sessions.setdefault(one.session, []).append(one)
    found: list[float] = []
    for looks in sessions.values():
        until = 0.0
        for kill in sorted((k for k in kills if k.kind in kinds), key=lambda k: k.at):
            before = next((s for s in reversed(looks) if s.at <= kill.at), None)
            if before is None or before.state != "running" or kill.at < until:
                continue
            over = (s for s in looks if s.at > kill.at and (s.epoch > before.epoch or s.state == "idle"))
            after = next(over, None)
            if after is not None:
                found.append(after.at - kill.at)
                until = after.at
    return found
