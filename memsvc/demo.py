"""`memsvc demo`: a sample conversation, history against context, in a store that ends with it."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import orjson

from memsvc.app import App
from memsvc.config import Config
from memsvc.core.model import DEFAULT_TENANT, Key
from memsvc.service import Memory
from memsvc.service.requests import AppendRequest, ContextRequest, PutRequest

KEY = Key(DEFAULT_TENANT, "demo")
POLICY = {"threshold_tokens": 3_000, "keep_tokens": 900, "summary_tokens": 700}
HEADER = f"{'messages':>8} {'history':>8} {'context':>8} {'ratio':>6} {'epoch':>5}  prefix"


async def run_demo() -> int:
    """Play the sample turn by turn and print a line per model call; gives the exit status."""
    sample = json.loads(files(__package__).joinpath("data", "demo.json").read_text(encoding="utf-8"))
    app = App(Config(store="sqlite://:memory:"))
    await app.open(work=False)
    try:
        print(f"{sample['title']}\nthreshold {POLICY['threshold_tokens']:,} tokens, ", end="")
        print(f"{POLICY['keep_tokens']:,} kept verbatim, summary by the local summarizer\n\n{HEADER}")
        fields = {"system": orjson.dumps(sample["system"]), "policy": orjson.dumps(POLICY), "format": b'"openai"'}
        if sample.get("tools"):
            fields["tools"] = orjson.dumps(sample["tools"])
        await app.memory.put(KEY, PutRequest(fields))
        calls = await _play(app.memory, sample["messages"], app.worker.run_due)
        await _closing(app.memory, calls)
    finally:
        await app.close()
    return 0


async def _play(memory: Memory, messages: list[dict[str, Any]], compact: Any) -> list[dict[str, Any]]:
    """One context per model call, as a backend would fetch it."""
    calls: list[dict[str, Any]] = []
    for number, message in enumerate(messages, start=1):
        if message["role"] == "assistant" and messages[number - 2]["role"] != "assistant" and number > 1:
            fetched = orjson.loads((await memory.context(KEY, ContextRequest("anthropic"))).body)
            _line(number - 1, fetched, calls[-1] if calls else None)
            calls.append(fetched)
        await memory.append(KEY, AppendRequest((orjson.dumps(message),), format="openai"))
        await compact()
    return calls


def _line(messages: int, now: dict[str, Any], before: dict[str, Any] | None) -> None:
    tokens = now["tokens"]
    if before is None:
        prefix = "first call: written to the cache"
    elif now["epoch"] != before["epoch"]:
        prefix = f"compacted up to message {now['covers']['to']}: system prompt still cached, rest written anew"
    else:
        prefix = f"{before['stable_prefix']['tokens']:,} tokens read from the cache"
    figures = f"{messages:>8} {tokens['full']:>8,} {tokens['context']:>8,} {tokens['ratio']:>6.2f}"
    print(f"{figures} {now['epoch']:>5}  {prefix}")


async def _closing(memory: Memory, calls: list[dict[str, Any]]) -> None:
    last = calls[-1]
    full, sent = (sum(c["tokens"][name] for c in calls) for name in ("full", "context"))
    print(f"\nover {len(calls)} calls: {full:,} tokens of history, {sent:,} sent ({sent / full:.0%})")
    print("\nthe last context (◆ = where the provider's cache is marked):")
    print(f"  system prompt, {last['tokens']['system']:,} tokens ◆")
    for message in last["messages"]:
        for block in message["content"]:
            mark = " ◆" if "cache_control" in block else ""
            print(f"  {message['role']:<9} {_shown(block)}{mark}")
    history = json.loads(await memory.history(KEY, after=0, limit=1000, format=None))["messages"]
    print(f"\nthe log still holds all {len(history)} messages word for word")


def _shown(block: dict[str, Any]) -> str:
    text = block.get("text") or json.dumps(block.get("input") or block.get("content"), ensure_ascii=False)
    if "<conversation_summary" in text:
        return f"summary of the older messages, {len(text):,} characters"
    line = " ".join(text.split())
    label = "" if block["type"] == "text" else f"[{block['type']}] "
    return label + (line if len(line) <= 76 else f"{line[:75]}…")
