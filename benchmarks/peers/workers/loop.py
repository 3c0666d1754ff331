"""Runs in a peer's own environment, with nothing of this project beside it: reads a job a line, answers a line.

A worker module has a class with `__init__(name, limit, place)`, `load(messages)`, `send(message)` and `shown()`; it
gives it to `serve`. `send` stores a message and gives what a model would be sent, or None where that was no turn.
Where there are, `store(message)` does the first part alone, and `together(messages)` is how several are sent at once.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True)
class Limit:
    """When to compact and to what, in tokens."""

    threshold: int
    keep: int
    summary: int


@dataclass(frozen=True)
class Place:
    """Where the stand-in provider is, which model it is asked for, and a folder for files."""

    url: str
    model: str
    folder: str

    def asked(self, text: str) -> str:
        """What the model says; for frameworks that let the user bring the function that calls it. Raises HTTPError."""
        body = json.dumps({"model": self.model, "messages": [{"role": "user", "content": text}]}).encode()
        headers = {"content-type": "application/json", "authorization": "Bearer any"}
        request = urllib.request.Request(f"{self.url}/chat/completions", body, headers)
        with urllib.request.urlopen(request, timeout=60) as reply:
            return str(json.load(reply)["choices"][0]["message"]["content"])


class Memory(Protocol):
    """What a worker measures."""

    def load(self, messages: Sequence[Json]) -> None:
        """Bring in what was said before."""

    def send(self, message: Json) -> list[Json] | None:
        """Store a message, give what a model would be sent."""

    def shown(self) -> list[Json]:
        """What a model would be sent."""


def serve(kinds: dict[str, Callable[[str, Limit, Place], Memory]]) -> None:
    """Answer until the input ends. What a framework prints goes to the standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    kind, place = kinds[sys.argv[1]], Place(*sys.argv[2:5])
    talks: dict[str, Memory] = {}
    for line in sys.stdin:
        job = json.loads(line)
        try:
            if job["do"] == "open":
                talks[job["name"]] = kind(job["name"], Limit(*job["limit"]), place)
                answer: Json = {}
            else:
                answer = _done(talks[job["name"]], job)
        except Exception as failed:
            traceback.print_exc()
            answer = {"refused": f"{type(failed).__name__}: {failed}"[:300]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _done(talk: Memory, job: Json) -> Json:
    match job["do"]:
        case "load":
            talk.load(job["messages"])
            return {}
        case "store":
            getattr(talk, "store", talk.send)(job["messages"][0])
            return {}
        case "turns":
            return _turns(talk, job["messages"], job["within_s"])
        case "together":
            return {"taken": _together(talk, job["messages"], job["gap_s"])}
        case _:
            return {"prompt": talk.shown()}


def _turns(talk: Memory, messages: Sequence[Json], within_s: float) -> Json:
    spent: list[float] = []
    prompt: list[Json] = []
    began, cpu = time.perf_counter(), time.process_time()
    for message in messages:
        started = time.perf_counter()
        sent = talk.send(message)
        ended = time.perf_counter()
        if sent is not None:
            prompt = sent
            spent.append((ended - started) * 1000)
        if ended - began > within_s and spent:
            break
    return {"ms": spent, "cpu_ms": (time.process_time() - cpu) * 1000, "prompt": prompt}


def _together(talk: Memory, messages: Sequence[Json], gap_s: float) -> list[bool]:
    own = getattr(talk, "together", None)
    if own is not None:
        return list(own(messages))

    def one(number: int) -> bool:
        time.sleep(gap_s if number else 0.0)
        try:
            talk.send(messages[number])
        except Exception:
            traceback.print_exc()
            return False
        return True

    with ThreadPoolExecutor(len(messages)) as pool:
        return list(pool.map(one, range(len(messages))))
