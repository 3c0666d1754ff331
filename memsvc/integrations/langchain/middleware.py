"""An agent's memory: the model gets the compacted context, the state keeps everything."""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import BaseMessage, SystemMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.config import get_config

from memsvc.core.model import Format
from memsvc.errors import Unavailable
from memsvc.integrations.handles import Asked, Source, finished, handle_of
from memsvc.integrations.langchain.messages import from_wire, to_wire, usage_of
from memsvc.integrations.mirror import Front, Mirror, Sent, Unit

_SESSIONS = 256
"""Sessions that a middleware remembers the names of messages of; others are read again."""


class MemsvcMiddleware(AgentMiddleware[Any, Any, Any]):
    """Sends the compacted context instead of the state's messages; the state itself stays as it is.

    Messages need ids that stay the same: a checkpointer sees to that, or give them yourself.

    Args:
        source: a client, or a session's handle. `invoke` needs a blocking one, `ainvoke` takes both.
        session_id: None with a client = the run's `thread_id`.
    """

    def __init__(self, source: Source, session_id: str | None = None) -> None:
        super().__init__()
        self._source, self._session_id = source, session_id
        self._mirrors: OrderedDict[tuple[str, Format, bool], Mirror] = OrderedDict()

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """The model's call with the context; its reply is appended."""
        mirror = self._mirror(request, here=True)
        sent, changed = finished(self._before(mirror, request))
        response = handler(changed)
        finished(self._after(mirror, sent, response))
        return response

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """The same."""
        mirror = self._mirror(request, here=False)
        sent, changed = await self._before(mirror, request)
        response = await handler(changed)
        await self._after(mirror, sent, response)
        return response

    def _mirror(self, request: ModelRequest[Any], *, here: bool) -> Mirror:
        name = self._session_id or (None if hasattr(self._source, "session") else self._source.id) or _thread()
        format: Format = "anthropic" if request.model._llm_type.startswith("anthropic") else "openai"
        key = (name, format, here)
        if key not in self._mirrors:
            self._mirrors[key] = Mirror(Asked(handle_of(self._source, name), here=here), format)
            if len(self._mirrors) > _SESSIONS:
                self._mirrors.popitem(last=False)
        self._mirrors.move_to_end(key)
        return self._mirrors[key]

    async def _before(self, mirror: Mirror, request: ModelRequest[Any]) -> tuple[Sent, ModelRequest[Any]]:
        given = request.messages
        said = next((i for i, m in enumerate(given) if not isinstance(m, SystemMessage)), len(given))
        system = [*([request.system_message] if request.system_message else []), *given[:said]]
        tools = [t if isinstance(t, dict) else convert_to_openai_tool(t) for t in request.tools]
        units, owner = _units(given[said:], mirror.format)
        front = Front("\n\n".join(m.text for m in system) or None, tools)
        sent = await mirror.send(units, front)
        messages = [*given[:said], *_messages(sent, units, given[said:], owner, mirror.format)]
        return sent, request.override(messages=messages)

    async def _after(self, mirror: Mirror, sent: Sent, response: ModelResponse[Any]) -> None:
        for message in response.result:
            message.id = message.id or str(uuid.uuid4())
        with contextlib.suppress(Unavailable):  # the reply counts: what is missing is appended with the next call
            await mirror.add(_units(response.result, mirror.format)[0])
            for call in filter(None, map(usage_of, response.result)):
                await mirror.report(sent, call)


def _thread() -> str:
    """The name for a run: its thread. An agent that a tool or a node of another runs has a conversation of its own."""
    about = get_config().get("configurable", {})
    thread: str | None = about.get("thread_id")
    if thread is None:
        raise ValueError("the run has no `thread_id`: give one in its config, or a session_id to MemsvcMiddleware")
    within = about.get("checkpoint_ns", "").rpartition("|")[0]
    return f"{thread}/{hashlib.sha256(within.encode()).hexdigest()[:20]}" if within else thread


def _units(messages: Sequence[BaseMessage], format: Format) -> tuple[list[Unit], list[int]]:
    """(what is stored of messages, which of them each is of)."""
    units, owner = [], []
    for i, message in enumerate(messages):
        for part, wire in enumerate(to_wire(message, format)):
            name = message.id or hashlib.sha256(json.dumps([i, wire]).encode()).hexdigest()
            units.append(Unit(f"{name}/{part}" if part else name, wire))
            owner.append(i)
    return units, owner


def _messages(
    sent: Sent, units: Sequence[Unit], given: Sequence[BaseMessage], owner: Sequence[int], format: Format
) -> list[Any]:
    """What is sent as messages: the state's own where all that is stored of one is sent."""
    of = Counter(owner)
    there = Counter(owner[m] for m in sent.messages if isinstance(m, int))
    found: list[Any] = []
    done: set[int] = set()
    for m in sent.messages:
        if not isinstance(m, int):
            found += from_wire(m, format)
        elif there[owner[m]] < of[owner[m]]:
            found += from_wire(units[m].wire, format)
        elif owner[m] not in done:
            done.add(owner[m])
            found.append(given[owner[m]])
    return found
