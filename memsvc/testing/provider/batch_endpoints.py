"""The endpoints of batches and files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from memsvc.testing.provider import anthropic_batches, openai_batches
from memsvc.testing.provider.batches import Batch, Item
from memsvc.testing.provider.calls import Call
from memsvc.testing.provider.endpoints import Handler, Refused, context_of, headers_of
from memsvc.testing.provider.engine import Context, Engine, Written
from memsvc.testing.provider.outcome import Api, Fault
from memsvc.testing.provider.tokens import dump
from memsvc.testing.provider.transport import json_reply
from memsvc.testing.provider.usages import honest


class BatchEndpoints:
    """Batches of both vendors. `url` gives the server's address; `batch_s` how long a batch takes."""

    def __init__(self, engine: Engine, url: Callable[[], str], batch_s: float) -> None:
        self._engine = engine
        self._url = url
        self._batch_s = batch_s
        self._batches: dict[str, Batch] = {}
        self._files = openai_batches.Files()

    def close(self) -> None:
        """Stop what is at work."""
        for batch in self._batches.values():
            batch.stop()

    def routes(self) -> list[tuple[str, str, Handler]]:
        """(method, path, handler) of each."""
        of_messages, of_files = "/v1/messages/batches", "/v1/files"
        return [
            ("POST", of_messages, self._create_messages),
            ("GET", of_messages, self._list),
            ("GET", of_messages + "/{id}", self._retrieve),
            ("DELETE", of_messages + "/{id}", self._delete),
            ("GET", of_messages + "/{id}/results", self._results),
            ("POST", of_messages + "/{id}/cancel", self._cancel),
            ("POST", of_files, self._upload),
            ("GET", of_files, self._list_files),
            ("GET", of_files + "/{id}", self._file),
            ("DELETE", of_files + "/{id}", self._delete_file),
            ("GET", of_files + "/{id}/content", self._content),
            ("POST", "/v1/batches", self._create_openai),
            ("GET", "/v1/batches", self._list),
            ("GET", "/v1/batches/{id}", self._retrieve),
            ("POST", "/v1/batches/{id}/cancel", self._cancel),
        ]

    async def _create_messages(self, request: web.Request, call: Call) -> web.StreamResponse:
        if (fault := anthropic_batches.refused(call.body)) is not None:
            raise Refused(fault)
        context = context_of(request, batch=True)
        given = {r["custom_id"]: r["params"] for r in call.body["requests"]}
        items = [Item(n, self._runs("messages", params, context, call)) for n, params in given.items()]
        batch = self._begin(f"msgbatch_{len(self._batches) + 1:06d}", items, {})
        shown = {**self._shown(batch, call), "processing_status": "in_progress", "ended_at": None, "results_url": None}
        counts = dict.fromkeys(shown["request_counts"], 0) | {"processing": len(items)}
        return json_reply({**shown, "request_counts": counts}, headers=headers_of(call))

    async def _create_openai(self, request: web.Request, call: Call) -> web.StreamResponse:
        if (fault := openai_batches.refused(call.body, self._files)) is not None:
            raise Refused(fault)
        names = ("input_file_id", "endpoint", "completion_window", "metadata")
        about = {n: call.body[n] for n in names if n in call.body}
        found, wrong = openai_batches.parse(self._files.kept[about["input_file_id"]].data, about["endpoint"])
        context, api = context_of(request, batch=True), openai_batches.ENDPOINTS[about["endpoint"]]
        items = [Item(x["custom_id"], self._runs(api, x["body"], context, call)) for x in found if not wrong]
        batch = self._begin(
            f"batch_{len(self._batches) + 1:06d}", items, {**about, **({"wrong": wrong} if wrong else {})}
        )
        about.setdefault("metadata", None)
        counts = {"total": len(items), "completed": 0, "failed": 0}
        made = {"object": "batch", "id": batch.id, **about, "created_at": int(batch.created), "request_counts": counts}
        return json_reply({**made, "status": "validating"}, headers=headers_of(call))

    def _runs(
        self, api: Api, body: Mapping[str, Any], context: Context, call: Call
    ) -> Callable[[], Awaitable[Written | Fault]]:
        async def run() -> Written | Fault:
            outcome = await self._engine.run(api, body, context, lambda name: None)
            if isinstance(outcome, Written):
                call.items.append(honest(outcome))
            return outcome

        return run

    def _begin(self, name: str, items: list[Item], about: Mapping[str, Any]) -> Batch:
        now = self._engine.clock()
        batch = self._batches[name] = Batch(name, now, now + self._batch_s, items, about)
        batch.begin()
        return batch

    def _batch(self, request: web.Request, call: Call) -> Batch:
        name = request.match_info["id"]
        batch = self._batches.get(name)
        if batch is None or (call.vendor == "anthropic") != name.startswith("msgbatch_"):
            raise Refused(Fault("not_found", f"No such batch: {name}"))
        return batch

    def _shown(self, batch: Batch, call: Call) -> dict[str, Any]:
        now = self._engine.clock()
        if call.vendor == "anthropic":
            return anthropic_batches.shown(batch, now, self._url())
        return openai_batches.shown(batch, now, self._files)

    async def _retrieve(self, request: web.Request, call: Call) -> web.StreamResponse:
        batch = self._batch(request, call)
        batch.canceled_seen = batch.canceled_at is not None
        return json_reply(self._shown(batch, call), headers=headers_of(call))

    async def _list(self, request: web.Request, call: Call) -> web.StreamResponse:
        ours = [b for b in self._batches.values() if (call.vendor == "anthropic") == b.id.startswith("msgbatch_")]
        shown = [self._shown(batch, call) for batch in reversed(ours)]
        ends = {"first_id": shown[0]["id"] if shown else None, "last_id": shown[-1]["id"] if shown else None}
        extra = {} if call.vendor == "anthropic" else {"object": "list"}
        return json_reply({"data": shown, "has_more": False, **ends, **extra}, headers=headers_of(call))

    async def _cancel(self, request: web.Request, call: Call) -> web.StreamResponse:
        batch = self._batch(request, call)
        batch.cancel(self._engine.clock())
        return json_reply(self._shown(batch, call), headers=headers_of(call))

    async def _delete(self, request: web.Request, call: Call) -> web.StreamResponse:
        batch = self._batch(request, call)
        if batch.state(self._engine.clock()) != "ended":
            raise Refused(Fault("invalid", f"Batch {batch.id} has not ended; cancel it first."))
        del self._batches[batch.id]
        return json_reply({"id": batch.id, "type": "message_batch_deleted"}, headers=headers_of(call))

    async def _results(self, request: web.Request, call: Call) -> web.StreamResponse:
        batch = self._batch(request, call)
        if batch.state(self._engine.clock()) != "ended":
            raise Refused(Fault("not_found", f"Results of {batch.id} are not available: it has not ended."))
        lines = anthropic_batches.lines(batch, lambda: call.request_id)
        text = "".join(dump(line) + "\n" for line in lines)
        return web.Response(text=text, headers=headers_of(call), content_type="application/x-jsonl")

    async def _upload(self, request: web.Request, call: Call) -> web.StreamResponse:
        form = await request.post()
        given, purpose = form.get("file"), form.get("purpose")
        if not isinstance(given, web.FileField) or not isinstance(purpose, str):
            missing = "file" if not isinstance(given, web.FileField) else "purpose"
            raise Refused(Fault("invalid", f"Missing required parameter: '{missing}'.", missing))
        file = self._files.add(given.filename, purpose, given.file.read(), int(self._engine.clock()))
        return json_reply(file.shown(), headers=headers_of(call))

    def _kept(self, request: web.Request) -> openai_batches.File:
        name = request.match_info["id"]
        if name not in self._files.kept:
            raise Refused(Fault("not_found", f"No such File object: {name}", "id"))
        return self._files.kept[name]

    async def _list_files(self, request: web.Request, call: Call) -> web.StreamResponse:
        shown = [f.shown() for f in reversed(self._files.kept.values())]
        return json_reply({"object": "list", "data": shown, "has_more": False}, headers=headers_of(call))

    async def _file(self, request: web.Request, call: Call) -> web.StreamResponse:
        return json_reply(self._kept(request).shown(), headers=headers_of(call))

    async def _content(self, request: web.Request, call: Call) -> web.StreamResponse:
        data = self._kept(request).data
        return web.Response(body=data, headers=headers_of(call), content_type="application/octet-stream")

    async def _delete_file(self, request: web.Request, call: Call) -> web.StreamResponse:
        file = self._files.kept.pop(self._kept(request).id)
        return json_reply({"id": file.id, "object": "file", "deleted": True}, headers=headers_of(call))
