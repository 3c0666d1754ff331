"""The local summarizer: seconds that a compaction of a long conversation takes, and what fetches feel of many.

    python -m benchmarks.speed_summarizer [--data FOLDER]           # a compaction, in this process
    python -m benchmarks.speed_summarizer --compacting              # fetches meanwhile, against a running server

The conversation is written here, the same each time; `--data` takes one of a set (benchmarks/README.md) instead.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import corpus, report
from benchmarks.rawhttp import Link
from benchmarks.serving import memsvc_server, memsvc_worker
from memsvc.embedded import open_blocking

Json = dict[str, Any]
TOKENS, ROUNDS, GROWTH = 100_000, 5, 0.1
"""Tokens of the conversation, compactions of which the quickest counts, and what is said before the second epoch."""
COMPACTIONS, EACH_TOKENS, FETCHED_CHARS, PAUSE_S, PATIENCE_S = 50, 50_000, 16_000, 0.002, 600.0
_APPEND = 500
_PEOPLE = ["Anna", "Boris", "Chen", "Dora", "Emil", "Farah", "Goran", "Hana", "Ines", "Jonas"]
_THINGS = [
    "the garden fence",
    "our budget",
    "the release",
    "a bicycle",
    "the old kitchen",
    "the report",
    "my thesis",
    "the choir",
]
_DID = ["bought", "moved", "painted", "cancelled", "finished", "postponed", "lost", "found", "repaired", "sold"]
_WHEN = [
    "yesterday",
    "last week",
    "on 3 May",
    "two months ago",
    "this morning",
    "in 2019",
    "next Friday",
    "every Sunday",
]
_WHY = ["because it was too expensive", "so we have to plan again", "and I really enjoyed it", "but nobody noticed"]
_ASKS = ["What do you think about it?", "Did you hear from {who}?", "How much was it?", "Is that the same as before?"]
_RULES = [
    "Please always answer in short sentences.",
    "From now on call it {what}.",
    "Never mention {who} to the board.",
]


def conversation(tokens: int = TOKENS) -> Iterator[Json]:
    """Messages of a chat of at least so many tokens, user and assistant in turn: facts, numbers, dates, a rule now and
    then. The same each time."""
    dice = random.Random(7)
    said = number = 0
    while said < tokens * 4.4:  # characters
        lines = [_sentence(dice) for _ in range(dice.randrange(1, 6))]
        if number % 60 == 0:
            lines.append(dice.choice(_RULES).format(who=dice.choice(_PEOPLE), what=dice.choice(_THINGS)))
        text = " ".join(lines)
        yield {"role": "assistant" if number % 2 else "user", "content": text}
        said, number = said + len(text), number + 1


def _sentence(dice: random.Random) -> str:
    who, what = dice.choice(_PEOPLE), dice.choice(_THINGS)
    if dice.random() < 0.15:
        return dice.choice(_ASKS).format(who=who)
    amount = f" for {dice.randrange(5, 900)} euros" if dice.random() < 0.3 else ""
    code = f" (ticket {dice.choice('ABC')}{dice.randrange(1000, 9999)}-x)" if dice.random() < 0.1 else ""
    return f"{who} {dice.choice(_DID)} {what}{amount}{code} {dice.choice(_WHEN)}, {dice.choice(_WHY)}."


def recorded(folder: Path) -> Iterator[Json]:
    """The messages of a set's conversations, one after the other; none of a system."""
    for one in corpus.load(folder):
        for message in map(json.loads, one.messages):
            if message["role"] != "system":
                yield message


def measure(
    tokens: int = TOKENS, *, data: Path | None = None, summary_tokens: int | None = None, rounds: int = ROUNDS
) -> Json:
    """One compaction as the service does it, of about so many tokens, in this process over a store in memory: reading,
    planning, selecting, committing.

    Returns seconds, the least of the rounds: `first_s` and `first_cpu_s` of a first epoch, `later_s` and
    `later_cpu_s` of the next one, a tenth of the conversation later, with what it had to read; `tokens`, `messages`.
    """
    said = _upto(recorded(data) if data is not None else conversation(tokens), tokens)
    cut = len(said) - max(1, int(len(said) * GROWTH))
    first, later = [], []
    with open_blocking("sqlite://", mode="manual", keep_tokens=1_000, workers_concurrency=0) as client:
        for number in range(rounds + 1):  # the first of them compiles patterns
            session = client.session(f"s{number}")
            session.put(policy={"summary_tokens": summary_tokens or 2_000, "max_tokens": 10 * tokens})
            for part, spent in ((said[:cut], first), (said[cut:], later)):
                for start in range(0, len(part), _APPEND):
                    session.append(part[start : start + _APPEND], format="openai")
                wall, cpu = time.perf_counter(), time.process_time()
                done = session.compact(force=True, wait_ms=60_000)
                spent.append((time.perf_counter() - wall, time.process_time() - cpu))
                if not done.changed:
                    raise RuntimeError(f"nothing was compacted: {done}")
            size = session.get().tokens.full
            session.delete()
    found: Json = {"tokens": size, "messages": len(said)}
    for name, spent in (("first", first), ("later", later)):
        found |= {f"{name}_s": round(min(s for s, _ in spent[1:]), 3)}
        found |= {f"{name}_cpu_s": round(min(c for _, c in spent[1:]), 3)}
    return found


def _upto(messages: Iterator[Json], tokens: int) -> list[Json]:
    said, size = [], 0.0
    for message in messages:
        text = json.dumps(message, ensure_ascii=False)
        size += len(text) / 4.4 if text.isascii() else len(text.encode()) / 4
        said.append(message)
        if size >= tokens:
            break
    return said


def measure_compacting(
    compactions: int = COMPACTIONS,
    tokens: int = EACH_TOKENS,
    *,
    rounds: int = 2,
    idle_s: float = 6.0,
    apart: bool = False,
) -> Json:
    """What a caller that fetches 16 KB every few milliseconds feels of compactions by the local summarizer that become
    due at once, against the same while none runs, by turns, on a server of its own. `apart`: they are made by a
    `memsvc worker` beside the server, else by the server.

    Returns milliseconds, medians of the rounds: `idle_p50_ms`, `idle_p99_ms`, `busy_p50_ms`, `busy_p99_ms`; `ratio` of
    the 99th percentiles; `seconds` that all compactions of a round took.
    """
    idle: list[list[float]] = []
    busy: list[list[float]] = []
    said = list(conversation(tokens))
    with ExitStack() as stack:
        store = f"sqlite:///{Path(stack.enter_context(tempfile.TemporaryDirectory())) / 'memsvc.db'}"
        concurrency = {"MEMSVC_WORKERS_CONCURRENCY": "0"} if apart else {}
        server = stack.enter_context(memsvc_server(env=concurrency, store=store))
        if apart:
            stack.enter_context(memsvc_worker(store))
        link = Link(server.port)
        path = _session(link, "fetched", [{"role": "user", "content": "word " * (FETCHED_CHARS // 5)}])
        _fetches(server.port, path, time.perf_counter() + 1.0)
        seconds = []
        for number in range(rounds):
            idle.append(_fetches(server.port, path, time.perf_counter() + idle_s))
            paths = [_session(link, f"s{number}-{n}", said) for n in range(compactions)]
            done, started = threading.Event(), time.perf_counter()
            thread = threading.Thread(target=_compacted, args=(server.port, paths, _due(tokens), done))
            thread.start()
            busy.append(_fetches(server.port, path, done))
            thread.join()
            seconds.append(time.perf_counter() - started)
        link.close()
    found: Json = {"compactions": compactions, "tokens": tokens, "seconds": round(statistics.median(seconds), 2)}
    for name, times in (("idle", idle), ("busy", busy)):
        for share in (0.5, 0.99):
            middle = statistics.median(report.percentile(ms, share) or 0.0 for ms in times)
            found[f"{name}_p{int(share * 100)}_ms"] = round(middle, 3)
    return found | {"ratio": report.ratio(found["busy_p99_ms"], found["idle_p99_ms"])}


def _due(tokens: int) -> bytes:
    """The policy under which a conversation of that size is compacted: to 4 % of summary and 2 % of messages."""
    keep, summary = tokens // 50, tokens // 25
    policy = {"keep_tokens": keep, "summary_tokens": summary, "threshold_tokens": 2 * keep + 2 * summary}
    return json.dumps({"policy": {"mode": "threshold", "max_tokens": 1_000_000, **policy}}).encode()


def _session(link: Link, name: str, said: Sequence[Json]) -> str:
    path = f"/v1/sessions/{name}"
    link.ok("PUT", path, b'{"policy": {"mode": "manual", "max_tokens": 1000000}}')
    for start in range(0, len(said), _APPEND):
        body = {"format": "openai", "messages": said[start : start + _APPEND]}
        link.ok("POST", f"{path}/messages", json.dumps(body).encode())
    return path


def _fetches(port: int, path: str, until: float | threading.Event) -> list[float]:
    """Milliseconds of each fetch, until a time or an event."""
    link, spent = Link(port), []
    while not until.is_set() if isinstance(until, threading.Event) else time.perf_counter() < until:
        started = time.perf_counter()
        link.ok("GET", f"{path}/context?format=openai")
        spent.append((time.perf_counter() - started) * 1000)
        time.sleep(PAUSE_S)
    link.close()
    return spent


def _compacted(port: int, paths: Sequence[str], policy: bytes, done: threading.Event) -> None:
    link, end = Link(port), time.monotonic() + PATIENCE_S
    try:
        for path in paths:
            link.ok("PUT", path, policy)
        for path in paths:
            while json.loads(link.ok("GET", path))["epoch"] == 0:
                if time.monotonic() > end:
                    raise RuntimeError("a compaction did not end")
                time.sleep(0.05)
    finally:
        done.set()
        link.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="a folder with a set of conversations, or a .jsonl file")
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--summary-tokens", type=int)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--compacting", action="store_true", help="fetches while many compactions run")
    args = parser.parse_args(argv)
    if args.compacting:
        print(json.dumps(measure_compacting(rounds=args.rounds), indent=1))
    else:
        found = measure(args.tokens, data=args.data, summary_tokens=args.summary_tokens, rounds=args.rounds)
        print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
