"""One writer of a session: says, fetches, cuts, pins, reports, and writes down what it was told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import count
from random import Random

import orjson

from benchmarks.checks import leaves, prefix_faults, request_faults, token_faults
from benchmarks.corpus import FORMATS, Format, Json
from benchmarks.soaking.calls import Answer, Calls
from benchmarks.soaking.notes import MARK, Book, CutOff, Fetched, Pin, Said, Tally
from benchmarks.soaking.voice import Voice, spelled

MODES = ("key", "ids", "key and ids", "if-match", "if-match and key", "plain")
"""How an append is made safe to repeat; a plain one is sent once, whatever comes of it."""
NOTHING_WRITTEN = frozenset({400, 401, 403, 404, 405, 409, 413, 415, 429})
LOOK_BACK = 1_000
_BATCHES = count(1)


class Writer:
    """One writer. `run` goes on until `stop` and ends with nothing under way."""

    def __init__(self, book: Book, name: str, calls: Calls, rng: Random, tally: Tally, pace_s: float) -> None:
        self._book = book
        self._name = name
        self._calls = calls
        self._rng = rng
        self._tally = tally
        self._pace_s = pace_s
        self._numbers = count(1)
        self._voice = Voice(rng, book.format, tools=book.solo)
        self._units: Iterator[list[Json]] = self._voice.units()
        self._log_revision = 0
        self._last: dict[Format, tuple[Json, str | None]] = {}
        self._reports = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Do one thing after the other."""
        while not stop.is_set():
            await self._step(self._rng.random())
            await asyncio.sleep(self._rng.uniform(0, 2 * self._pace_s))

    async def _step(self, chance: float) -> None:
        top = self._book.top
        if chance < 0.62 or not top:
            await self.append()
        elif chance < 0.85:
            await self.fetch(self._rng.choice((self._book.format, self._book.format, *FORMATS)))
        elif chance < 0.89:
            await self.compact()
        elif chance < 0.92:
            await self.report()
        elif chance < 0.95:
            await self.pin(max(1, top - self._rng.randrange(12)))
        elif chance < 0.97 and self._book.pins:
            await self.unpin(self._rng.choice(sorted(self._book.pins)))
        elif self._book.solo:
            await self.cut(max(0, top - 1 - self._rng.randrange(6)))

    # --- appends -----------------------------------------------------------------

    async def append(self) -> None:
        """Say the next thing, in one of the ways to make it safe."""
        mode = self._rng.choice(MODES)
        unit, batch = next(self._units), next(_BATCHES)
        said = [self._named(message, batch) for message in unit]
        headers: dict[str, str] = {}
        members = {"messages": b"[%s]" % b",".join(s.raw for s in said), "format": orjson.dumps(self._book.format)}
        if "key" in mode:
            headers["Idempotency-Key"] = f"{self._book.session}.{batch}"
        if "ids" in mode:
            members["ids"] = orjson.dumps([s.mark for s in said])
        body = b"{%s}" % b",".join(b'"%s":%s' % (k.encode(), v) for k, v in members.items())
        rest = "/messages" + (f"?context={self._book.format}" if self._rng.random() < 0.1 else "")
        await self._say(said, rest, body, headers, mode)

    def _named(self, message: Json, batch: int) -> Said:
        number = next(self._numbers)
        mark = f"{self._book.session}.{self._name}.{number}"
        raw = spelled(self._rng, message, mark)
        said = Said(mark, self._name, number, batch, raw, time.monotonic())
        self._book.said[mark] = said
        return said

    async def _say(self, said: list[Said], rest: str, body: bytes, headers: dict[str, str], mode: str) -> None:
        refused_only = True
        while True:
            if "if-match" in mode:
                headers["If-Match"] = str(self._log_revision)
            answer = await self._calls.once("POST", self._book.session, rest, body, headers)
            if self._taken(said, answer):
                self._tally.appends[mode] += 1
                return
            refused_only = refused_only and answer.status in NOTHING_WRITTEN
            if answer.status == 409 and answer.code == "log_revision_mismatch" and "if-match" in mode:
                if not await self._found(said):
                    self._log_revision = await self._revision()
                    continue
                self._tally.appends[f"{mode}, found in the history"] += 1
                return
            if mode == "plain" or not answer.again:
                self._unanswered(said, answer, refused_only)
                return
            await self._calls.pause()

    def _taken(self, said: list[Said], answer: Answer) -> bool:
        """Write down the seqs of an append that was done; one whose context could not be given was."""
        body = answer.body
        told = body if answer.ok else body.get("appended")
        if not isinstance(told, dict):
            return False
        seqs = told.get("seqs")
        if not isinstance(seqs, list) or len(seqs) != len(said):
            self._fault("answers", f"an append of {len(said)} messages was answered with seqs {seqs}")
            return True
        now = time.monotonic()
        for one, seq in zip(said, seqs, strict=True):
            self._book.acknowledged(one, seq, now)
        if seqs != list(range(seqs[0], seqs[0] + len(seqs))):
            self._fault("torn", f"an append of several messages was answered with seqs {seqs}")
        self._log_revision = max(self._log_revision, told["log_revision"])
        return True

    def _unanswered(self, said: list[Said], answer: Answer, refused_only: bool) -> None:
        self._tally.appends["given up"] += 1
        self._expected(answer, {0, 503})
        if refused_only:
            for one in said:
                one.state = "refused"

    async def _found(self, said: list[Said]) -> bool:
        """Whether an append whose condition no longer holds was done by an earlier attempt of its own."""
        after = max(0, self._book.top - LOOK_BACK)
        rest = f"/history?after={after}&limit={LOOK_BACK}"
        place: dict[str, int] = {}
        while True:
            answer = await self._calls.until("GET", self._book.session, rest)
            if answer.status == 404:
                return False
            for entry in answer.body["messages"]:
                place |= {mark: entry["seq"] for mark in MARK.findall(str(entry["message"]))}
            if answer.body["next"] is None:
                break
            rest = f"/history?after={answer.body['next']}&limit={LOOK_BACK}"
        if not all(one.mark in place for one in said):
            return False
        for one in said:
            self._book.acknowledged(one, place[one.mark], time.monotonic())
        return True

    async def _revision(self) -> int:
        answer = await self._calls.until("GET", self._book.session)
        return int(answer.body["log_revision"]) if answer.ok else 0

    # --- contexts ----------------------------------------------------------------

    async def fetch(self, format: Format) -> None:
        """Fetch a context and judge it by what can be judged at once."""
        before, etag = self._last.get(format, (None, None))
        headers = {"If-None-Match": etag} if etag and self._rng.random() < 0.3 else {}
        begun = time.monotonic()
        answer = await self._calls.until("GET", self._book.session, f"/context?format={format}", headers=headers)
        if answer.status == 304 and before is not None:
            context = before
        elif answer.ok:
            context = answer.body
            self._book.faults += [("invalid", v) for v in request_faults(context, format)]
            self._book.faults += [("invalid", reason) for _, reason in token_faults(context)]
            if before is not None:
                self._book.faults += [("prefix", reason) for _, reason in prefix_faults(before, context)]
            self._last[format] = context, answer.etag
        else:
            self._expected(answer, {404, 422})
            return
        self._tally.done["contexts"] += 1
        self._book.fetched.append(boiled_down(context, format, begun))

    # --- everything else ---------------------------------------------------------

    async def compact(self) -> None:
        """Ask for a compaction, forced or not."""
        body = orjson.dumps({"force": self._rng.random() < 0.7, "wait_ms": self._rng.choice((0, 500, 3000))})
        answer = await self._calls.once("POST", self._book.session, "/compact", body)
        self._expected(answer, {0, 404, 429, 503})
        self._tally.done["compactions asked for"] += answer.ok

    async def cut(self, after_seq: int) -> None:
        """Cut the log off, again until it is answered, and begin a new turn."""
        cut = CutOff(after_seq, time.monotonic())
        self._book.cuts.append(cut)
        self._book.cut_to(after_seq)
        body = orjson.dumps({"after_seq": after_seq})
        while (answer := await self._calls.once("POST", self._book.session, "/truncate", body)).again:
            if answer.late:  # it may still come to pass, after the one that will be answered
                self._book.cuts.append(CutOff(after_seq, cut.begun))
            await self._calls.pause()
        if answer.ok:
            cut.done = time.monotonic()
            self._log_revision = max(self._log_revision, answer.body["log_revision"])
            self._tally.done["truncations"] += 1
        self._expected(answer, {404})
        self._units = self._voice.units()

    async def pin(self, seq: int) -> None:
        """Pin a message; refused if pins grow too large or somebody cut it off."""
        answer = await self._calls.until("PUT", self._book.session, f"/pins/{seq}")
        self._expected(answer, {404, 422})
        if answer.ok:
            self._tally.done["pins"] += 1
            if self._book.solo:  # elsewhere another writer may unpin it
                self._book.pins[seq] = Pin(seq, time.time())

    async def unpin(self, seq: int) -> None:
        """Take a pin off again."""
        self._book.pins.pop(seq, None)
        self._expected(await self._calls.until("DELETE", self._book.session, f"/pins/{seq}"), {404})

    async def report(self) -> None:
        """Report a call's usage until it is answered; it may be booked once."""
        held = next(iter(self._last.values()), None)
        if held is None:
            return
        self._reports += 1
        tokens = held[0]["tokens"]["context"]
        usage = {"input_tokens": int(tokens * self._rng.uniform(0.9, 1.4)) + 1, "output_tokens": 40}
        report = {"id": f"{self._book.session}.{self._name}.{self._reports}", "revision": held[0]["revision"]}
        report |= {"provider": "anthropic", "model": "claude-haiku-4-5", "usage": usage}
        first = await self._calls.until("POST", self._book.session, "/usage", orjson.dumps(report))
        again = await self._calls.until("POST", self._book.session, "/usage", orjson.dumps(report))
        self._expected(first, {404})
        if again.ok and again.body.get("booked"):
            self._fault("answers", f"the usage report {report['id']} was booked twice")
        self._tally.done["usage reports"] += first.ok

    def _expected(self, answer: Answer, statuses: set[int]) -> None:
        if not answer.ok and answer.status not in statuses:
            self._fault("answers", f"{answer.status} {answer.code}: {answer.body.get('detail', '')}")

    def _fault(self, kind: str, reason: str) -> None:
        self._book.faults.append((kind, reason))


def boiled_down(context: Json, format: Format, begun: float) -> Fetched:
    """What the oracle keeps of a context: how far its summary reaches, and the marks of its tail."""
    covered = context["covers"]["to"] if context["covers"] else 0
    tail = tuple(mark for message in context["messages"] for mark in _marks(message))
    return Fetched(format, begun, time.monotonic(), covered, tail)


def _marks(message: Json) -> list[str]:
    said = (leaf for leaf in leaves(message) if "<conversation_summary" not in leaf)
    marks = [mark for leaf in said for mark in MARK.findall(leaf)]
    if "tool_calls" in message:  # has no order of its own for what was said and what was called
        marks.sort(key=lambda mark: int(mark.rpartition(".")[2]))
    return marks
