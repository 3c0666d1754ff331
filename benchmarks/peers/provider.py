"""The stand-in provider as a process of its own that can be told to be slow or to fail, and that tells what it was
shown: `python -m benchmarks.peers.provider --port N --control N`.

Asked by memsvc for a summary it writes one as `memsvc.testing.provider` does. To everything else that is sent to the
summaries' model it answers with an extract of what it was shown: no model writes it, the same is done for every peer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.peers.subject import SUMMARY_MODELS
from benchmarks.peers.talk import MARK, marks, message
from benchmarks.retention.baselines import coverage, extractive
from benchmarks.retention.messages import count
from memsvc.testing.provider.outcome import Answer, Ask, Fault
from memsvc.testing.provider.replies import headings_asked_for, plain
from memsvc.testing.provider.server import Provider

WINDOW = 1 << 30
CHAT_MODELS = ("gpt-4.1", "claude-sonnet-4-6")
_LONGEST, _SENTENCE = 400, re.compile(r"(?<=[.!?])\s+")
_EXTRACT = extractive(coverage, 0.0)


@dataclass(slots=True)
class Desk:
    """How it behaves, and what it has seen.

    Attributes:
        delay_s: before each summary.
        failing: every call is answered with 500.
        summary: tokens of an extract.
        last: the body of the newest call that was not for a summary.
        answers: what is said after the message of a mark, where it is not the made-up conversation's.
    """

    delay_s: float = 0.0
    failing: bool = False
    summary: int = 600
    log: list[dict[str, Any]] = field(default_factory=list)
    last: Any = None
    answers: dict[str, str] = field(default_factory=dict)

    async def choose(self, ask: Ask) -> Answer | Fault | None:
        """What to answer."""
        if ask.model.name not in SUMMARY_MODELS:
            self.last = ask.body
            return Fault("server", "Internal server error") if self.failing else Answer(self.answer(ask))
        text = "\n".join([ask.system, *(said for _, said in ask.turns)])
        entry = {"began": time.time(), "ended": None, "ok": False, "input": count(text), "output": 0}
        self.log.append(entry | {"marks": sorted(marks(text))})
        entry = self.log[-1]
        await asyncio.sleep(self.delay_s)
        entry["ended"] = time.time()
        if self.failing:
            return Fault("server", "Internal server error")
        entry["ok"] = True
        answer = plain(ask, count) if headings_asked_for(ask) is not None else Answer(extract(text, self.summary))
        entry["output"] = count(answer.text)
        return answer

    def answer(self, ask: Ask) -> str:
        """What the conversation that is played goes on with."""
        said = MARK.search(ask.user)
        if said is None:
            return "Noted."
        return self.answers.get(said[0]) or str(message(int(said[0][2:-1]) + 1)["content"])


def extract(text: str, most: int) -> str:
    """The sentences of a text that its rare words speak for, within that many tokens."""
    said = [s[:_LONGEST] for line in text.splitlines() for s in _SENTENCE.split(line) if s.strip()]
    found = _EXTRACT([{"role": "user", "content": s} for s in said], most)
    return "\n".join(str(m["content"]) for m in found) or "Nothing was said."


def control(desk: Desk) -> web.Application:
    """The pages by which the benchmark talks to it."""

    async def put(request: web.Request) -> web.Response:
        for name, value in (await request.json()).items():
            setattr(desk, name, value)
        return web.json_response({})

    async def look(request: web.Request) -> web.Response:
        return web.json_response({"log": desk.log, "last": desk.last})

    app = web.Application(client_max_size=WINDOW)
    app.router.add_put("/", put)
    app.router.add_get("/", look)
    return app


async def serve(port: int, control_port: int) -> None:
    """Until stopped."""
    desk = Desk()
    names = (*SUMMARY_MODELS, *CHAT_MODELS)
    provider = Provider(windows=dict.fromkeys(names, WINDOW), count=lambda text: len(text) // 4, keep_calls=1)
    provider.behave(desk.choose)
    await provider.start(port)
    runner = web.AppRunner(control(desk), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", control_port).start()
    async with provider:
        await asyncio.Event().wait()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control", type=int, required=True)
    args = parser.parse_args()
    sys.stdout.write(json.dumps({"port": args.port}) + "\n")
    asyncio.run(serve(args.port, args.control))


if __name__ == "__main__":
    main()
