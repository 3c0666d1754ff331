"""Rendering for the laws: from a log to a context document, and taking such a document apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from memsvc.core.model import FORMATS, Entry, Format, Key, Session, Settings, Summary, System
from memsvc.core.render import decode_entry
from memsvc.core.render.context import Style, View, style
from memsvc.testing import violations
from tests.laws.writer import Json

SYSTEMS = [
    None,
    System(b'"You are \\u0041."'),
    System(b'" "'),
    System(b'"Be brief."', "developer"),
    System(b'[{"type":"text","text":"One.","cache_control":{"type":"ephemeral"}}, {"text":"Two.","type":"text"}]'),
    System(b'[{"type":"text","text":"Only."}, {"type":"text","text":" "}]'),
    System(b"[]"),
    System(b'[{"type":"input_text","text":"In.","prompt_cache_breakpoint":{"mode":"explicit"}}]', "developer"),
]
TOOLS = [
    None,
    b'[{"name":"run","description":"Runs.","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}]',
    b'[{"type":"function","function":{"name":"run","description":null,"parameters":{}}}]',
    b'[{"type":"web_search_20260209","name":"web_search"}, {"type":"custom","custom":{"name":"free"}}]',
    b'[{"type":"function","name":"run","parameters":null,"strict":false}, {"type":"web_search"}]',
]
MODELS = [None, "gpt-4o", "gpt-5.6-sol", "claude-opus-5-5"]

styles = st.builds(
    style,
    st.sampled_from(FORMATS),
    marks=st.booleans(),
    model=st.sampled_from(MODELS),
    ttl=st.sampled_from(["5m", "1h"]),
    placement=st.sampled_from(["user", "user", "system_block"]),
)
settings_strategy = st.builds(Settings, system=st.sampled_from(SYSTEMS), tools=st.sampled_from(TOOLS))


def session(entries: Sequence[Entry], settings: Settings | None = None, *, cut: int = 0, bound: int = 0) -> Session:
    """The header of a session with this log."""
    last = entries[-1] if entries else None
    return Session(
        Key("t", "s"),
        1,
        0.0,
        0.0,
        settings=settings or Settings(),
        revision=last.revision if last else 0,
        log_revision=last.revision if last else 0,
        epoch=1 if cut else 0,
        cut=cut,
        last_seq=last.seq if last else 0,
        messages=len(entries),
        bound_revision=bound,
    )


def summary(cut: int, text: str = "<conversation_summary>\nSo far.\n</conversation_summary>") -> Summary:
    """A summary of everything up to `cut`."""
    return Summary(1, 1, cut, text, 20, "local", "threshold", 0.0)


def view(
    entries: Sequence[Entry], chosen: Style, settings: Settings | None = None, *, cut: int = 0, bound: int = 0
) -> View:
    """A view of a log, made at once."""
    header = session(entries, settings, cut=cut, bound=bound)
    made = View(header, summary(cut) if cut else None, chosen, decode_entry)
    made.extend(header, [e for e in entries if e.seq > cut])
    return made


def parts(body: bytes) -> dict[str, bytes]:
    """The members of a context document as raw JSON."""
    return {k: bytes(v) for k, v in msgspec.json.decode(body, type=dict[str, msgspec.Raw]).items()}


def items(raw: bytes) -> list[bytes]:
    """The items of a raw JSON list."""
    return [bytes(v) for v in msgspec.json.decode(raw, type=list[msgspec.Raw])]


def messages(body: bytes) -> list[bytes]:
    """The messages of a context document as raw JSON."""
    return items(parts(body)["messages"])


def unmarked(raw: bytes, chosen: Style) -> bytes:
    """Bytes without the renderer's own marks."""
    for mark in (chosen.mark, chosen.breakpoint):
        raw = raw.replace(b"," + mark, b"") if mark else raw
    return raw


def stable(body: bytes, chosen: Style) -> list[bytes]:
    """The messages of the stable prefix, marks aside."""
    count = json.loads(parts(body)["stable_prefix"])["messages"]
    return [unmarked(m, chosen) for m in messages(body)[:count]]


def leaves(value: object) -> list[str]:
    """All strings of a JSON value, in order; arguments that are JSON text count as one."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    return []


def faults(body: Json, target: Format) -> list[str]:
    """The provider's rules that a context breaks."""
    return violations(body, target)


def instructs(message: Json) -> bool:
    """Whether a message of a context is an instruction, that no model would answer by itself."""
    return message.get("role") in ("system", "developer")


def marks(body: Json) -> list[Json]:
    """The blocks with cache marks in a context."""
    found: list[Json] = []
    tops: list[Any] = [body.get("tools") or [], body.get("system") or []]
    tops += [m["content"] for m in body["messages"]]
    for blocks in tops:
        found += [b for b in blocks if isinstance(b, dict) and "cache_control" in b]
    return found
