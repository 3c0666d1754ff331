"""A million messages for the three decoders: sound ones with damage, and noise. Nothing may break, hang, or be rendered
into what a provider refuses.

`python -m benchmarks.fuzz [--inputs 1000000] [--seed 1] [--jobs 2]`; ends with 1 if anything was found.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.report import RESULTS, stamp, table, write
from memsvc.core.model import FORMATS, Entry, Format, Key, Session
from memsvc.core.render import convert, decode, decode_entry
from memsvc.core.render.context import View, style
from memsvc.errors import InvalidRequest
from memsvc.testing import violations

SLOW_S = 1.0
"""An input of a few hundred bytes that takes so much processor time hangs."""
EVERY = 20
"""One in so many accepted messages is rendered with its neighbours in all formats. What is damaged must not break
that; it may be refused by a provider, for members and kinds of blocks that nobody knows are passed on untouched.
Logs of undamaged messages are held to the providers' rules."""
LOG = 6

_SEEDS: dict[Format, list[dict[str, Any]]] = {
    "anthropic": [
        {"role": "user", "content": "hi"},
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "done"}]},
        {
            "role": "user",
            "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}],
        },
    ],
    "openai": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "refusal": "no"},
        {
            "role": "assistant",
            "content": "a",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "developer", "content": [{"type": "text", "text": "be brief"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}]},
    ],
    "responses": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "ok", "annotations": []}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
        {"type": "item_reference", "id": "rs_1"},
    ],
}
_ODD: list[Any] = [
    *(None, True, 0, -1, 1e308, 2**70, "", " ", "\x00", "\ud800", "a" * 200, [], {}, [[]], [None], {"": None}),
    *("user", "assistant", "tool", "tool_use", "text", "c1", "t1", "function_call", '{"a":', "<x>", "\u202e"),
]


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; gives the exit status."""
    parser = argparse.ArgumentParser(prog="fuzz.py", description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=None, help=f"folder for fuzz.md (default: {RESULTS.name})")
    args = parser.parse_args(argv)
    made, began = stamp(), time.monotonic()
    share = -(-args.inputs // args.jobs)
    with ProcessPoolExecutor(args.jobs) as pool:
        parts = list(pool.map(work, [args.seed * 1_000 + n for n in range(args.jobs)], [share] * args.jobs))
    counts: Counter[str] = sum((Counter(count) for count, _ in parts), Counter())
    found = [one for _, ones in parts for one in ones]
    rows: list[list[Any]] = [
        [name, counts[name]] for name in ("inputs", "accepted", "refused", "rendered", "rendered, undamaged")
    ]
    rows += [["crashes, hangs, invalid contexts", len(found)], ["seconds", round(time.monotonic() - began)]]
    page = table(["figure", "number"], rows)
    print(page, *found[:20], sep="\n")
    figures = {"stamp": made, "seed": args.seed, "figures": dict(map(tuple, rows)), "found": found[:100]}
    write("fuzz", figures, page, args.out or RESULTS)
    return 1 if found else 0


def work(seed: int, number: int) -> tuple[dict[str, int], list[str]]:
    """Try `number` inputs; gives counts, and what was found."""
    rng = Random(seed)
    counts: Counter[str] = Counter()
    found: list[str] = []
    log: list[Entry] = []
    damage = 0
    for format, raw, sound in inputs(rng, number):
        counts["inputs"] += 1
        began = time.process_time()
        try:
            decode(raw, format)
        except InvalidRequest:
            counts["refused"] += 1
        except Exception as bug:
            found.append(f"{format} {type(bug).__name__}: {raw!r}")
        else:
            counts["accepted"] += 1
            damage += not sound
            log.append(Entry(len(log) + 1, raw, format, 10, 0.0, None, 0, len(log) + 1))
        if time.process_time() - began > SLOW_S:
            found.append(f"{format} hangs: {raw!r}")
        if len(log) == LOG:
            if rng.randrange(EVERY // LOG) == 0:
                counts["rendered"] += 1
                counts["rendered, undamaged"] += not damage
                found += rendered(log, strange=damage > 0)
            log, damage = [], 0
    return dict(counts), found


def inputs(rng: Random, number: int) -> Iterator[tuple[Format, bytes, bool]]:
    """Formats, messages in them, and whether they are undamaged: runs of them are."""
    calm = 0
    for _ in range(number):
        calm = LOG * 3 if calm == 0 and rng.random() < 0.01 else max(0, calm - 1)
        format = rng.choice(FORMATS)
        other = not calm and rng.random() < 0.1
        message = json.loads(json.dumps(rng.choice(_SEEDS[rng.choice(FORMATS) if other else format])))
        for _ in range(0 if calm else rng.choice((0, 1, 1, 2, 3))):
            message = damaged(rng, message)
        raw = json.dumps(message, ensure_ascii=rng.random() < 0.8).encode("utf-8", "surrogatepass")
        yield format, raw if calm or rng.random() < 0.7 else cut(rng, raw), calm > 0


def damaged(rng: Random, value: Any) -> Any:
    """The same with something in it, at any depth, exchanged, left out, doubled or renamed."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        name = rng.choice(list(value))
        change: Callable[[], Any] = rng.choice(
            (
                lambda: {**value, name: damaged(rng, value[name])},
                lambda: {**value, name: rng.choice(_ODD)},
                lambda: {k: v for k, v in value.items() if k != name},
                lambda: {**value, str(rng.choice(_ODD)): value[name]},
            )
        )
        return change()
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        kept = [*value[:at], *([damaged(rng, value[at])] * rng.choice((0, 1, 1, 2))), *value[at + 1 :]]
        return kept
    return rng.choice(_ODD)


def cut(rng: Random, raw: bytes) -> bytes:
    """Bytes with a few of them cut out, doubled or exchanged."""
    out = bytearray(raw)
    for _ in range(rng.choice((1, 2, 8))):
        if not out:
            break
        at, end = rng.randrange(len(out)), rng.randrange(len(out))
        match rng.randrange(4):
            case 0:
                out[at] = rng.randrange(256)
            case 1:
                del out[min(at, end) : max(at, end)]
            case 2:
                out[at:at] = out[min(at, end) : max(at, end)][:50]
            case _:
                out[at:at] = rng.choice((b"\\u0000", b"[" * 60, b'{"a":', b"\xff", b"\\ud83d", b"1e999", b"-0"))
    return bytes(out)


def rendered(log: Sequence[Entry], *, strange: bool) -> list[str]:
    """What is wrong with the contexts of a log, in all formats."""
    wrong = []
    session = Session(Key("t", "s"), 1, 0.0, 0.0, revision=len(log), log_revision=len(log), last_seq=len(log))
    for target in FORMATS:
        try:
            for entry in log:
                convert(entry, target)
            view = View(session, None, style(target, marks=True, model=None, ttl="5m", placement="user"), decode_entry)
            view.extend(session, log)
            broken = [] if view.empty() or strange else violations(json.loads(view.body()), target)
        except Exception as bug:
            broken = [type(bug).__name__]
        wrong += [f"{target} {broken[0]}: {[e.raw for e in log]!r}"] if broken else []
    return wrong


if __name__ == "__main__":
    sys.exit(main())
