"""Conversations to measure with, and sessions that hold them."""

from __future__ import annotations

import http.client
import json
import random
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.rawhttp import Link

Json = dict[str, Any]
FETCH = "/context?format=anthropic"
_WORDS = (
    "order,invoice,refund,shipment,delay,account,customer,region,replica,latency,deploy,rollback,ticket,"
    "schedule,report,budget,warehouse,carrier,label,address,payment,card,limit,retry,queue,session,token"
)


def messages(numbers: range, size: int = 1000) -> bytes:
    """An append of messages of about `size` bytes each, user and assistant in turn."""
    return encoded({"format": "anthropic", "messages": [message(n, size) for n in numbers]})


def message(number: int, size: int) -> Json:
    """The one of that number: the same each time."""
    dice, words = random.Random(number), _WORDS.split(",")
    text = f"Note {number}:"
    while len(text) < size:
        text += f" {dice.choice(words)}" if dice.random() < 0.9 else f" {dice.randrange(10_000)}."
    return {"role": "assistant" if number % 2 else "user", "content": text[:size]}


def encoded(value: Any) -> bytes:
    """As JSON."""
    return json.dumps(value).encode()


def manual(link: Link, session: str) -> str:
    """A new session in which nothing is compacted unasked; its path."""
    path = f"/v1/sessions/{session}"
    link.ok("PUT", path, encoded({"policy": {"mode": "manual"}}))
    return path


def fill(port: int, session: str, size: int, count: int = 16) -> str:
    """A session of `count` messages whose context is about `size` bytes; its path."""
    link = Link(port)
    path = manual(link, session)
    each = max(40, size // count - 90)  # the reply's envelope and each message's own framing
    link.ok("POST", f"{path}/messages", messages(range(count), each))
    link.close()
    return path


def compacted(link: Link, path: str, kept: int) -> int:
    """Compact the session to a summary and about the last `kept` messages; bytes of its context then."""
    link.ok("POST", f"{path}/compact", encoded({"force": True, "keep_tokens": kept * 200, "wait_ms": 60_000}))
    deadline = time.monotonic() + 120
    while json.loads(link.ok("GET", path))["compaction"]["state"] in ("queued", "running"):
        if time.monotonic() > deadline:
            raise RuntimeError("the forced compaction did not end")
        time.sleep(0.02)
    return len(link.ok("GET", path + FETCH))


def reply(port: int, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body that a GET is answered with."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        link.request("GET", path, headers=dict(headers or {}))
        answer = link.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        link.close()


@contextmanager
def one_message() -> Iterator[Path]:
    """A file that holds an append of one message of 1 KB."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(messages(range(1)))
        file.flush()
        yield Path(file.name)
