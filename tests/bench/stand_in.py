"""A service small enough to be read at a glance, with switches that make it misbehave.

It stores text conversations, summarises everything but the last few messages once there are
enough, and does on request what the benchmark exists to notice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from benchmarks.corpus import to_anthropic, to_responses

Json = dict[str, Any]
POLICY: Json = {"threshold_tokens": 250, "keep_tokens": 10, "summary_tokens": 30, "max_tokens": 1000}


def tokens(value: Any) -> int:
    """A count that is only consistent, not right."""
    return len(json.dumps(value)) // 4 if value else 0


@dataclass
class Session:
    """One stored conversation."""

    document: Json
    raws: list[bytes] = field(default_factory=list)
    system: Json | None = None
    cuts: list[int] = field(default_factory=list)
    fetches: int = 0


class StandIn:
    """The service; `wrong` names the one thing it does wrong, if any."""

    def __init__(self, wrong: str = "", compact_at: int = 8) -> None:
        self.wrong = wrong
        self.compact_at = compact_at
        self.sessions: dict[str, Session] = {}
        self.deleted = 0

    def app(self) -> web.Application:
        """The routes that the benchmark uses."""
        app = web.Application()
        base = "/v1/sessions/{sid}"
        app.router.add_put(base, self.put)
        app.router.add_get(base, self.get)
        app.router.add_delete(base, self.delete)
        app.router.add_post(f"{base}/messages", self.append)
        app.router.add_get(f"{base}/context", self.context)
        app.router.add_get(f"{base}/history", self.history)
        app.router.add_get(f"{base}/summaries", self.summaries)
        return app

    def _session(self, request: web.Request) -> Session:
        return self.sessions[request.match_info["sid"]]

    async def put(self, request: web.Request) -> web.Response:
        if self.wrong == "refuses":
            return web.json_response({"code": "no"}, status=400)
        self.sessions[request.match_info["sid"]] = Session(await request.json())
        return await self.get(request)

    async def get(self, request: web.Request) -> web.Response:
        session = self._session(request)
        cut = session.cuts[-1] if session.cuts else None
        policy = {**POLICY, "effective": {**POLICY, "max_tokens": 5 if self.wrong == "budget" else 1000}}
        state = {"compaction": {"state": "idle", "last_reason": None}, "policy": policy}
        return web.json_response({"epoch": len(session.cuts), "cut": cut, **state})

    async def delete(self, request: web.Request) -> web.Response:
        self.deleted += 1
        return web.Response(status=204)

    async def append(self, request: web.Request) -> web.Response:
        session = self._session(request)
        given = [json.dumps(m).encode() for m in (await request.json())["messages"]]
        if given and json.loads(given[0])["role"] == "system":
            session.system = json.loads(given.pop(0))
        session.raws += given
        while len(session.raws) - (session.cuts[-1] if session.cuts else 0) > self.compact_at:
            session.cuts.append(len(session.raws) - 3)
        last = len(session.raws)
        return web.json_response({"seqs": list(range(last - len(given) + 1, last + 1))})

    async def context(self, request: web.Request) -> web.Response:
        session = self._session(request)
        session.fetches += 1
        cut = session.cuts[-1] if session.cuts else 0
        log = [json.loads(r) for r in session.raws]
        tail = log[cut + (self.wrong == "lost" and cut > 0) :]
        if self.wrong == "break" and tail and session.fetches % 2:
            tail[0] = {**tail[0], "content": f"{tail[0]['content']} "}
        summary = [{"role": "user", "content": f"<summary>{cut} earlier messages</summary>"}] if cut else []
        system = [session.system] if session.system else []
        messages = [*summary, *tail]
        if self.wrong == "invalid":
            messages = [*messages, {"role": "user", "content": []}]
        reply: Json = {"messages": [*system, *messages]}
        if request.query["format"] == "anthropic":
            reply = {"system": "s", "messages": to_anthropic(messages)}
        if request.query["format"] == "responses":
            items = to_responses([*system, *messages])
            reply = {"messages": items, "input": items}
        count = {"system": tokens(system), "tools": 0, "summary": tokens(summary), "tail": tokens(tail)}
        total = sum(count.values())
        full = total if not cut else count["system"] + tokens(log)
        stable = {"messages": max(0, len(reply["messages"]) - 1), "tokens": total // 2, "sha256": f"{cut}"}
        reply |= {"epoch": len(session.cuts), "revision": 1, "log_revision": 1, "stable_prefix": stable}
        reply |= {"covers": {"from": 1, "to": cut} if cut else None, "tokens": {**count, "context": total}}
        reply["tokens"]["full"] = full
        return web.json_response(reply)

    async def history(self, request: web.Request) -> web.Response:
        session = self._session(request)
        after = int(request.query["after"])
        page = [(i, r.decode()) for i, r in enumerate(session.raws, 1) if i > after][:2]
        if self.wrong == "mismatch":
            page = [(i, raw.replace(": ", ":")) for i, raw in page]
        entries = ",".join(f'{{"seq":{i},"message":{raw}}}' for i, raw in page)
        after_this = page[-1][0] if page and page[-1][0] < len(session.raws) else None
        text = f'{{"messages":[{entries}],"next":{json.dumps(after_this)}}}'
        return web.Response(text=text, content_type="application/json")

    async def summaries(self, request: web.Request) -> web.Response:
        cuts = self._session(request).cuts
        begins = [1, *(c + 1 + (self.wrong == "gap") for c in cuts)]
        rows = [
            {
                "epoch": i + 1,
                "from": begins[i],
                "to": cut,
                "text": "x",
                "tokens": 9,
                "model": "local",
                "current": i + 1 == len(cuts),
            }
            for i, cut in enumerate(cuts)
        ]
        return web.json_response({"summaries": rows, "next": None})
