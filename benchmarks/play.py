"""Plays one conversation against a server, turn by turn, and checks everything it gets back."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from benchmarks import checks
from benchmarks.client import Client, Refused
from benchmarks.corpus import FORMATS, Json, Script, Step

_CROSS_EVERY = 8
_NOTES = 12
_PATIENCE = 2
_BUSY = ("queued", "running")


@dataclass(slots=True)
class Tally:
    """Sums over the conversations of one set, format and policy. Tokens are summed over calls.

    Attributes:
        fixed: system + tools tokens, so that ratios can be given without them.
        reused: tokens of each context that the call before it had made cacheable.
        written: compactions whose summary a model wrote.
        stuck: calls over the threshold though the two calls before them were as well, with no
            compaction in between.
        slow: compactions that were not committed within the time the model was given.
        faults: number of faults by kind.
        notes: the first few faults, for the terminal.
    """

    conversations: int = 0
    messages: int = 0
    calls: int = 0
    full: int = 0
    context: int = 0
    fixed: int = 0
    reused: int = 0
    largest: int = 0
    compactions: int = 0
    written: int = 0
    stuck: int = 0
    slow: int = 0
    append_ms: list[float] = field(default_factory=list)
    fetch_ms: list[float] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*checks.KINDS, "refused"), 0))
    notes: list[str] = field(default_factory=list)

    def fault(self, kind: str, note: str) -> None:
        """Count one fault."""
        self.faults[kind] += 1
        self.note(f"{kind}: {note}")

    def note(self, note: str) -> None:
        """Keep a remark for the terminal, if there is room."""
        if len(self.notes) < _NOTES:
            self.notes.append(note)


class Player:
    """One conversation on its way through the service.

    `settle_s` is how long the model is taken to think at most: while a compaction is due,
    the next append waits that long for it, as a real model call would give it time.
    """

    def __init__(self, client: Client, script: Script, tally: Tally, session: str, settle_s: float) -> None:
        self._client = client
        self._script = script
        self._tally = tally
        self._session = session
        self._settle_s = settle_s
        self._limits: Json = {}
        self._previous: Json | None = None
        self._over_in_a_row = 0
        self._sent: list[bytes] = []
        self._seqs: list[int] = []

    async def play(self, policy: Json) -> None:
        """Play it to the end; a refusal ends it early and is counted."""
        try:
            await self._open(policy)
            for number, step in enumerate(self._script.steps):
                await self._append(step, self._script.leading if number == 0 else ())
                if step.call:
                    await self._call(self._script.last_user[number])
            await self._close()
        except Refused as refusal:
            self._fault("refused", str(refusal))
        self._tally.conversations += 1

    async def _open(self, policy: Json) -> None:
        script = self._script
        body: Json = {"format": script.format, "policy": policy}
        if script.put_system is not None:
            body["system"] = script.put_system
        if script.tools:
            body["tools"] = list(script.tools)
        document = await self._client.put(self._session, body)
        self._limits = {**document["policy"], **document["policy"]["effective"]}

    async def _append(self, step: Step, leading: tuple[bytes, ...]) -> None:
        reply = await self._client.append(self._session, [*leading, *step.messages], self._script.format)
        self._tally.append_ms.append(reply.ms)
        self._tally.messages += len(step.messages)
        self._sent += step.messages
        self._seqs += reply.body["seqs"]
        if len(self._seqs) != len(self._sent):
            self._fault("mismatch", f"{len(self._sent)} messages sent, {len(self._seqs)} seqs given")

    async def _call(self, last_user: str | None) -> None:
        tally = self._tally
        reply = await self._client.context(self._session, self._script.format)
        context, previous = reply.body, self._previous
        tally.fetch_ms.append(reply.ms)
        tally.calls += 1
        self._add_tokens(context, previous)
        for kind, note in checks.context_faults(context, previous, self._script.format, self._limits):
            self._fault(kind, note)
        for kind, note in checks.last_user_faults(context, last_user):
            self._fault(kind, note)
        if previous is None or context["epoch"] != previous["epoch"]:
            self._check_kept(context)
        if tally.calls % _CROSS_EVERY == 0:
            await self._check_other_formats()
        await self._watch_threshold(context, previous)
        self._previous = context
        await self._settle(context)

    def _add_tokens(self, context: Json, previous: Json | None) -> None:
        tally, tokens = self._tally, context["tokens"]
        tally.full += tokens["full"]
        tally.context += tokens["context"]
        tally.fixed += tokens["system"] + tokens["tools"]
        tally.largest = max(tally.largest, tokens["context"])
        if previous is None:
            return
        if previous["epoch"] == context["epoch"]:
            tally.reused += previous["stable_prefix"]["tokens"]
        else:
            tally.reused += tokens["system"] + tokens["tools"]

    async def _watch_threshold(self, context: Json, previous: Json | None) -> None:
        """Past the threshold a compaction is promised; a giant last group may put it off for a call."""
        tokens, limits = context["tokens"], self._limits
        least = tokens["system"] + tokens["tools"] + limits["summary_tokens"] + 2 * limits["keep_tokens"]
        if tokens["context"] <= max(limits["threshold_tokens"], least):
            self._over_in_a_row = 0
            return
        same = previous is not None and previous["epoch"] == context["epoch"]
        self._over_in_a_row = self._over_in_a_row + 1 if same else 1
        if self._over_in_a_row <= _PATIENCE:
            return
        self._tally.stuck += 1
        if self._over_in_a_row == _PATIENCE + 1:
            found = (await self._client.session(self._session))["compaction"]
            why = f"{found['state']}, {found['last_reason']}"
            self._tally.note(f"stuck: {self._where()}: {tokens['context']} tokens, {why}")

    async def _settle(self, context: Json) -> None:
        """Give a due compaction the time that a model call takes."""
        if self._settle_s <= 0 or context["tokens"]["context"] * 2 < self._limits["threshold_tokens"]:
            return
        deadline = time.monotonic() + self._settle_s
        while (await self._client.session(self._session))["compaction"]["state"] in _BUSY:
            if time.monotonic() > deadline:
                self._tally.slow += 1
                return
            await asyncio.sleep(0.01)

    async def _close(self) -> None:
        """The checks that look at the whole log."""
        format = self._script.format
        if self._previous is not None:
            await self._settle(self._previous)
        session = await self._client.session(self._session)
        summaries = await self._client.summaries(self._session)
        entries = await self._client.history(self._session, format)
        for kind, note in checks.history_faults(entries, self._sent, self._seqs):
            self._fault(kind, note)
        if self._sent:
            context = (await self._client.context(self._session, format)).body
            self._check_kept(context)
            await self._check_other_formats()
            if context["epoch"] == session["epoch"]:
                for kind, note in checks.summary_faults(summaries, session, context, self._limits):
                    self._fault(kind, note)
        self._tally.compactions += len(summaries)
        self._tally.written += sum(1 for s in summaries if s["model"] != "local")

    def _check_kept(self, context: Json) -> None:
        for kind, note in checks.kept_faults(context, self._sent, self._seqs):
            self._fault(kind, note)

    async def _check_other_formats(self) -> None:
        """A session written in one format must be valid in the others as well."""
        for other in FORMATS:
            if other != self._script.format:
                context = (await self._client.context(self._session, other)).body
                for note in checks.request_faults(context, other):
                    self._fault("invalid", f"as {other}: {note}")

    def _fault(self, kind: str, note: str) -> None:
        self._tally.fault(kind, f"{self._where()}: {note}")

    def _where(self) -> str:
        return f"{self._script.format} {self._script.id}, call {self._tally.calls}"
