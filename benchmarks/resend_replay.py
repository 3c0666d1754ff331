"""Plays conversations as clients that know nothing of the service: all that was said, with each request.

Each conversation is taken and answered through `memsvc.service.lines` over an SQLite store in memory, in all three
formats, compacted by the local summarizer on the way. What the client holds is never what was stored byte for byte: it
is rewritten as SDKs and programs do it. Checked in the end: every message was stored once, the live log is the
conversation, nothing was cut off, nobody got a branch.

    python -m benchmarks.resend_replay PATH... [--format F] [--limit N] [--window N] [--restart N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.corpus import FORMATS, Conversation, Format, Script, load, role_of, script, set_name
from benchmarks.report import percentile, table
from memsvc.core.limits import Policy
from memsvc.core.model import Key
from memsvc.llm import LocalSummarizer
from memsvc.ports import Counter
from memsvc.service import Memory
from memsvc.service.lines import Lines
from memsvc.stores.sqlite import SQLiteStore
from memsvc.tokens import build_counter
from memsvc.worker import Worker

Json = dict[str, Any]
TENANT = "default"
POLICY = Policy(
    mode="threshold",
    threshold_tokens=4_000,
    keep_tokens=1_000,
    summary_tokens=600,
    max_tokens=1_000_000,
    max_bytes=1 << 30,
    cache_ttl="5m",
    alpha=1.0,
    guard=0.5,
    placement="user",
)


@dataclass
class Played:
    """What came of a set in one format. `take_us`: microseconds of each `take`, its append included."""

    conversations: int = 0
    requests: int = 0
    sent: int = 0
    stored: int = 0
    take_us: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def held(raw: bytes, format: Format, number: int) -> bytes:
    """A message as a client sends it again: the same to a person, other bytes. `number` chooses what is done to it."""
    message = json.loads(raw)
    made = {k: message[k] for k in sorted(message)} if number % 2 else dict(message)
    content = made.get("content")
    if number % 3 == 0 and isinstance(content, str) and content.strip():
        kind = _part(made, format)
        made["content"] = [{"type": kind, "text": content}] if kind else content
    if role_of(made) == "assistant":
        made |= {"id": f"id_{number}", "status": "completed"} if format == "responses" else _dumped(made, format)
    return json.dumps(made, ensure_ascii=number % 5 > 0, indent=number % 4 or None).encode()


def _part(message: Json, format: Format) -> str | None:
    if format != "responses":
        return "text" if message["role"] in ("user", "assistant") else None
    return "output_text" if message.get("role") == "assistant" else "input_text"


def _dumped(message: Json, format: Format) -> Json:
    """What an SDK's dump of a reply has besides."""
    if format == "openai":
        return {"refusal": None, "annotations": [], "audio": None, "function_call": message.get("function_call")}
    return {"id": "msg", "type": "message", "model": "m", "stop_reason": "end_turn", "usage": {"input_tokens": 1}}


@asynccontextmanager
async def opened(counter: Counter) -> AsyncIterator[tuple[Memory, SQLiteStore, Worker]]:
    """A service over an empty store in memory."""
    store = SQLiteStore(":memory:")
    await store.open()
    memory = Memory(store, counter, [LocalSummarizer(counter.count)], defaults=POLICY, clock=time.time)
    try:
        yield memory, store, Worker(store, memory.compactor, clock=time.time, sink=lambda event: None)
    finally:
        await memory.drain()
        await store.close()


async def play(
    conversations: Sequence[Conversation], format: Format, counter: Counter, *, window: int = 0, restart: int = 0
) -> Played:
    """All conversations in one format. `window`: the client sends no more than so many messages; `restart`: another
    process takes over after so many requests; 0 = never."""
    played = Played()
    async with opened(counter) as (memory, store, worker):
        for conversation in conversations:
            spoken = script(conversation, format)
            key = Key(TENANT, f"{format}-{played.conversations}")
            lines = Lines(memory, store)
            for number, (said, answer) in enumerate(turns(spoken)):
                if restart and number % restart == restart - 1:
                    lines = Lines(memory, store)
                await _turn(lines, key, format, said[-window:] if window else said, answer, played)
                await worker.run_due()
            played.conversations += 1
            played.faults += [f"{conversation.id}: {f}" for f in await _faults(lines, store, key, spoken.messages)]
            played.stored += len(spoken.messages)
    return played


def turns(spoken: Script) -> Iterator[tuple[list[bytes], tuple[bytes, ...]]]:
    """What the client sends before each answer, all of it from the first message on, and the answer as it is stored;
    in the end what was said last, without one."""
    said: list[bytes] = []
    for step in spoken.steps:
        raws = [json.loads(raw) for raw in step.messages]
        if said and role_of(raws[0]) == "assistant":
            yield list(said), step.messages
            said += [held(raw, spoken.format, len(said) + i) for i, raw in enumerate(step.messages)]
        else:
            said += step.messages
    if said:
        yield said, ()


async def _turn(
    lines: Lines, key: Key, format: Format, said: Sequence[bytes], answer: Sequence[bytes], played: Played
) -> None:
    began = time.perf_counter()
    taken = await lines.take(key, format, said)
    played.take_us.append((time.perf_counter() - began) * 1e6)
    played.requests += 1
    played.sent += len(said)
    if taken.truncated or taken.key != key:
        played.faults.append(f"{key.session}: {taken.kind}, {taken.truncated} cut off, goes on as {taken.key.session}")
    if answer:
        with lines.flying(taken.key):
            await lines.reply(taken, format, answer)


async def _faults(lines: Lines, store: SQLiteStore, key: Key, expected: Sequence[bytes]) -> list[str]:
    found = await store.entries(key, after=0, limit=1_000_000)
    faults = []
    if [e.raw for e in found] != list(expected):
        faults.append(f"{len(found)} messages are stored where {len(expected)} were said, or others")
    if cut := sum(e.superseded for e in found):
        faults.append(f"{cut} messages are superseded")
    if branches := await lines.branches(key):
        faults.append(f"{len(branches)} branches")
    return faults


def row(name: str, format: Format, played: Played) -> list[Any]:
    """A line of the table."""
    times = [percentile(played.take_us, share) for share in (0.5, 0.95)]
    counts = [played.conversations, played.requests, played.sent, played.stored, len(played.faults)]
    return [name, format, *counts, *(round(t) if t is not None else None for t in times)]


HEAD = ["set", "format", "conversations", "requests", "sent", "stored", "faults", "take p50 us", "p95"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print a table and each fault; 1 if there is one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="+", type=Path, help="a folder with conversations.jsonl, or a .jsonl file")
    parser.add_argument("--format", choices=FORMATS, action="append", help="instead of all three")
    parser.add_argument("--limit", type=int, help="conversations of each set")
    parser.add_argument("--window", type=int, default=0, help="send the last N messages alone")
    parser.add_argument("--restart", type=int, default=7, help="another process after N requests; 0 = never")
    asked = parser.parse_args(arguments)
    counter, rows, faults = build_counter(), [], []
    for path in asked.paths:
        conversations = load(path, asked.limit)
        for format in asked.format or FORMATS:
            played = asyncio.run(play(conversations, format, counter, window=asked.window, restart=asked.restart))
            rows.append(row(set_name(path), format, played))
            faults += [f"{set_name(path)} {format} {fault}" for fault in played.faults]
    print(table(HEAD, rows))
    print("\n".join(faults[:40]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
