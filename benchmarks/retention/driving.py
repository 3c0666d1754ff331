"""Contexts made by the running service, and by baselines fed in the same way, over one or more compactions."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.retention.baselines import Compactor
from benchmarks.retention.messages import Json, groups, parted, size, text_of

KEEP_SHARE = 0.1
"""Of the budget, the most that stays verbatim; the rest may be summary."""
_LAST_TURN_SHARE = 0.25
_LOOK_BACK, _PAGE, _WAIT_MS, _PATIENCE_S = 400, 500, 60_000, 300.0
LEAST_OUTPUT = 100
"""The least `tool_output_tokens`."""
_APPEND = 5_000
"""Messages of one append."""


@dataclass(frozen=True, slots=True)
class History:
    """Messages to be compacted, without a system prompt, and when each was said (unix seconds; None = not told)."""

    messages: list[Json]
    at: list[float] | None = None

    def times(self, start: int, end: int) -> list[float] | None:
        """When the messages of a range were said."""
        return None if self.at is None else self.at[start:end]


@dataclass(frozen=True, slots=True)
class Made:
    """A context after the last compaction, its size and its budget, and what a compaction gave as a reason for
    changing nothing."""

    messages: list[Json]
    tokens: int
    budget: int
    refused: list[str] = field(default_factory=list)


class Subject(Protocol):
    """Something that holds a conversation within budgets."""

    def step(self, new: list[Json], at: list[float] | None, budget: int) -> str | None:
        """Take new messages, then compact to the budget; a reason if nothing was changed."""

    def context(self) -> list[Json]:
        """What a model would be given now."""

    def close(self) -> None:
        """Let go of everything."""


class Function:
    """A baseline: each compaction is of the last one's result and what came since."""

    def __init__(self, compact: Compactor) -> None:
        self._compact = compact
        self._held: list[Json] = []

    def step(self, new: list[Json], at: list[float] | None, budget: int) -> str | None:
        """Compact what is held with what is new."""
        self._held = self._compact(self._held + new, budget)
        return None

    def context(self) -> list[Json]:
        """The last result."""
        return self._held

    def close(self) -> None:
        """Nothing to let go of."""


class Server:
    """A connection to a running server."""

    def __init__(self, port: int) -> None:
        self._link = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        self._link.close()

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """One request. Raises RuntimeError with the code of a refusal."""
        raw = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        self._link.request(method, f"/v1/sessions/{path}", raw, {"content-type": "application/json"})
        reply = self._link.getresponse()
        text = reply.read()
        if reply.status >= 300:
            raise RuntimeError(f"{method} {path.partition('/')[2]}: {reply.status} {text[:300].decode()}")
        done: Json = json.loads(text) if text else {}
        return {**done, "status": reply.status}


class Session:
    """A session of the service in mode `manual`, compacted on request to a budget.

    Args:
        keep_share: the most of a budget that stays verbatim.
        longest_output: the policy's `tool_output_tokens`; None = tools' outputs are shown whole.
    """

    def __init__(self, server: Server, keep_share: float = KEEP_SHARE, longest_output: int | None = None) -> None:
        self._server = server
        self._share = keep_share
        self._name = f"fidelity-{uuid.uuid4().hex}"
        self._said: list[Json] = []
        self.compact_s = 0.0
        self._set({"mode": "manual", "tool_output_tokens": longest_output})

    def step(self, new: list[Json], at: list[float] | None, budget: int) -> str | None:
        """Append, set the policy that fits the budget, compact if what is there is over it."""
        for i in range(0, len(new), _APPEND):
            body: Json = {"messages": new[i : i + _APPEND], "format": "openai"}
            body |= {} if at is None else {"at": at[i : i + _APPEND]}
            self._server.call("POST", f"{self._name}/messages", body)
        self._said += new
        if self._server.call("GET", self._name)["tokens"]["context"] <= budget:
            return None
        keep, kept = self._kept(int(budget * self._share), int(budget * _LAST_TURN_SHARE))
        self._set({"keep_tokens": keep, "summary_tokens": max(1, budget - kept)})
        return self._compact()

    def context(self) -> list[Json]:
        """What a call would be made with, in Chat Completions."""
        found = self._server.call("GET", f"{self._name}/context?format=openai")["messages"]
        return list(found)

    def close(self) -> None:
        """Delete the session."""
        self._server.call("DELETE", self._name)

    def _set(self, policy: Json) -> None:
        self._server.call("PUT", self._name, {"format": "openai", "policy": policy})

    def _kept(self, room: int, last_turn: int) -> tuple[int, int]:
        """(`keep_tokens` that keeps as many whole groups as fit in `room`, what they take): at least the newest, and
        back to the last user message if that fits in `last_turn`, for else it would be quoted beside the summary."""
        start = max(0, len(self._said) - _LOOK_BACK)
        page = self._server.call("GET", f"{self._name}/history?after={start}&limit={_PAGE}")["messages"]
        tokens = [entry["tokens"] for entry in page]
        kept = first = 0
        asked = False
        for group in reversed(groups(self._said[start:])):
            more = sum(tokens[i] for i in group)
            if kept and kept + more > (room if asked else max(room, last_turn)):
                break
            asked = asked or self._said[start + group[0]]["role"] == "user"
            first, kept = more, kept + more
        return max(1, kept - first // 2), kept  # half a group of slack: no other cut is as near

    def _compact(self) -> str | None:
        before = self._server.call("GET", self._name)["epoch"]
        started = time.perf_counter()
        reply = self._server.call("POST", f"{self._name}/compact", {"force": True, "wait_ms": _WAIT_MS})
        while reply["status"] == 202:
            if time.perf_counter() - started > _PATIENCE_S:
                raise RuntimeError("a compaction takes too long")
            time.sleep(0.2)
            state = self._server.call("GET", self._name)
            if state["epoch"] > before:
                break
            if state["compaction"]["state"] in ("idle", "failed"):
                return str(state["compaction"]["last_error"])
        self.compact_s = time.perf_counter() - started
        return None if reply["status"] == 202 or reply["changed"] else str(reply["reason"])


def play(subject: Subject, history: History, budget: int, epochs: int) -> Made:
    """Feed a history in equal parts with a compaction after each, the last to `budget`, those before to the same
    share of what was said by then."""
    share = budget / max(1, size(history.messages))
    start, refused = 0, []
    try:
        for end in sorted(set(parted(history.messages, epochs))):
            allowed = budget if end == len(history.messages) else int(size(history.messages[:end]) * share)
            why = subject.step(history.messages[start:end], history.times(start, end), allowed)
            refused += [why] if why is not None else []
            start = end
        context = subject.context()
    finally:
        subject.close()
    return Made(context, size(context), budget, refused)


def rendered(messages: Sequence[Json]) -> str:
    """A context as one text, each message under its role."""
    return "\n".join(f"[{m['role']}] {text_of(m)}" for m in messages)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Makes sessions at one server."""

    server: Server
    keep_share: float = KEEP_SHARE

    def open(self, history: History | None = None, budget: int = 0) -> Session:
        """A new session; where the history has tools, an output longer than what may be kept is shown cut."""
        tools = history is not None and any(m["role"] == "tool" for m in history.messages)
        most = max(LEAST_OUTPUT, int(budget * self.keep_share))
        return Session(self.server, self.keep_share, most if tools else None)
