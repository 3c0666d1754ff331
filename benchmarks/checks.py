"""What must hold of every context, log and summary list; each fault is (kind, place and reason).

Pure functions over decoded replies. Kinds: `invalid` (a provider would refuse it), `break` (a
cached prefix changed without a new epoch), `budget` (over a limit), `lost` (something said is
neither in the tail nor covered), `mismatch` (history or bookkeeping is not what was sent).
Reasons name places and numbers, never text of a conversation.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.corpus import Format, Json, role_of
from memsvc.testing import prefix_breaks, violations

Fault = tuple[str, str]
KINDS = ("invalid", "break", "budget", "lost", "mismatch")
_QUOTED = 80
_NOT_SAID = frozenset({"role", "type", "id", "call_id", "tool_call_id", "tool_use_id", "signature", "cache_control"})
_SPACE_AND_MARKS = re.compile(r"[\W_]+")


def context_faults(context: Json, previous: Json | None, format: Format, limits: Json) -> Iterator[Fault]:
    """What is wrong with one fetched context, seen against the one fetched before it."""
    yield from (("invalid", v) for v in request_faults(context, format))
    messages = context.get("messages") or [{"role": None}]
    if role_of(messages[-1]) == "assistant":
        yield "invalid", "messages: ends with the assistant where a call is due"
    if previous is not None:
        yield from prefix_faults(previous, context)
    yield from token_faults(context)
    tokens = context["tokens"]
    if tokens["context"] > limits["max_tokens"]:
        yield "budget", f"tokens.context {tokens['context']} over max_tokens {limits['max_tokens']}"


def token_faults(context: Json) -> Iterator[Fault]:
    """Sums that do not add up."""
    tokens = context["tokens"]
    parts = sum(tokens[k] for k in ("system", "tools", "summary", "tail"))
    if parts != tokens["context"]:
        yield "mismatch", f"tokens.context {tokens['context']} is not the sum of its parts {parts}"
    if context["covers"] is None and tokens["context"] != tokens["full"]:
        yield "mismatch", f"nothing is covered, but tokens.full {tokens['full']} is not tokens.context"


def request_faults(context: Json, format: Format) -> list[str]:
    """What a provider would refuse, of a request made of this context."""
    names = ("tools", "input") if format == "responses" else ("system", "tools", "messages")
    return violations({k: context[k] for k in names if k in context}, format)


def prefix_faults(previous: Json, context: Json) -> Iterator[Fault]:
    """What changed of a context fetched earlier that its successor must repeat."""
    for count in ("epoch", "revision", "log_revision"):
        if context[count] < previous[count]:
            yield "break", f"{count} went back from {previous[count]} to {context[count]}"
    if context["epoch"] == previous["epoch"]:
        held: Json = previous
        before, now = previous["stable_prefix"], context["stable_prefix"]
        if before["messages"] == now["messages"] and before["sha256"] != now["sha256"]:
            yield "break", f"stable_prefix.sha256 changed for the same {now['messages']} messages"
    else:
        held = {**previous, "stable_prefix": {"messages": _leading_system(previous)}}
    place = prefix_breaks(held, context)
    if place is not None:
        yield "break", place


def _leading_system(context: Json) -> int:
    roles = [role_of(m) for m in context["messages"]]
    return next((i for i, role in enumerate(roles) if role not in ("system", "developer")), len(roles))


def last_user_faults(context: Json, said: str | None) -> Iterator[Fault]:
    """The last user message must be there: verbatim, or quoted at the head of the summary."""
    if said is None:
        return
    voices = [" ".join(leaves(m)) for m in context["messages"] if role_of(m) == "user"]
    if any(said in voice for voice in voices):
        return
    wanted = _bare(said)[:_QUOTED]
    if context["covers"] is None or not any(wanted in _bare(voice) for voice in voices):
        yield "lost", "the last user message is neither verbatim nor quoted"


def kept_faults(context: Json, sent: Sequence[bytes], seqs: Sequence[int]) -> Iterator[Fault]:
    """Every text said after the covered range must stand in the context, word for word."""
    covered = context["covers"]["to"] if context["covers"] else 0
    there = {leaf for m in context["messages"] for leaf in leaves(m)}
    joined = "\0".join(there)
    for seq, raw in zip(seqs, sent, strict=True):
        if seq <= covered:
            continue
        for leaf in leaves(json.loads(raw)):
            if leaf.strip() and leaf not in there and leaf not in joined:
                yield "lost", f"seq {seq}: a text of {len(leaf)} characters is not in the tail"


def leaves(value: Any) -> Iterator[str]:
    """Every text that was said: string leaves, without roles, types, ids and marks."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _NOT_SAID:
                yield from leaves(item)


def history_faults(entries: Sequence[tuple[int, bytes]], sent: Sequence[bytes], seqs: Sequence[int]) -> Iterator[Fault]:
    """History (seq, raw message) against what was sent: the same bytes in the same order."""
    if len(entries) != len(sent):
        yield "mismatch", f"history has {len(entries)} messages, {len(sent)} were sent"
    for (seq, raw), given, expected in zip(entries, sent, seqs, strict=False):
        if seq != expected:
            yield "mismatch", f"history has seq {seq} where the append answered {expected}"
        elif raw != given:
            same = json.loads(raw) == json.loads(given)
            yield "mismatch", f"seq {seq}: {'same JSON, other bytes' if same else 'another message'}"


def summary_faults(summaries: Sequence[Json], session: Json, context: Json, limits: Json) -> Iterator[Fault]:
    """Ranges are contiguous from the first message; the newest is current and is the one covered."""
    end = 0
    for s in summaries:
        if s["from"] != end + 1 or s["to"] < s["from"]:
            yield "mismatch", f"summary of epoch {s['epoch']} covers {s['from']}..{s['to']} after {end}"
        if s["current"] != (s is summaries[-1]):
            yield "mismatch", f"summary of epoch {s['epoch']}: current is {s['current']}"
        if s["tokens"] > limits["summary_tokens"]:
            yield (
                "budget",
                f"summary of epoch {s['epoch']}: {s['tokens']} over {limits['summary_tokens']} tokens",
            )
        if not str(s["text"]).strip():
            yield "lost", f"summary of epoch {s['epoch']} is blank"
        end = s["to"]
    covers = {"from": 1, "to": end} if summaries else None
    if context["covers"] != covers:
        yield "mismatch", f"context covers {context['covers']}, summaries cover {covers}"
    if (session["cut"] or 0) != end:
        yield "mismatch", f"session.cut is {session['cut']}, summaries end at {end}"
    if session["epoch"] != len(summaries):
        yield "mismatch", f"session.epoch is {session['epoch']} with {len(summaries)} summaries"


def _bare(text: str) -> str:
    return _SPACE_AND_MARKS.sub("", html.unescape(text)).casefold()
