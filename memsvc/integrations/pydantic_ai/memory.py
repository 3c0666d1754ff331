"""The capability: what the model gets is the context, what the run keeps is everything."""

from __future__ import annotations

import contextlib
import copy
from collections import OrderedDict
from typing import Any, Self

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import ModelRequestContext

from memsvc.errors import Unavailable
from memsvc.integrations.handles import Asked, Source, handle_of
from memsvc.integrations.mirror import Front, Mirror, Sent
from memsvc.integrations.pydantic_ai.messages import stored, system_of, to_send
from memsvc.integrations.pydantic_ai.wire import tool, usage_of

_SESSIONS = 256
"""Sessions that a capability remembers the names of messages of; others are read again."""


class MemsvcMemory(AbstractCapability[Any]):
    """Sends the context instead of the message history, for the call only: `result.all_messages()` has everything.

    Give a run the whole history, as ever, or what is new alone: then the session supplies the past.

    Args:
        source: a client, or a session's handle.
        session_id: None with a client = the run's `conversation_id`.
    """

    def __init__(self, source: Source, session_id: str | None = None) -> None:
        self._source, self._session_id = source, session_id
        self._mirrors: OrderedDict[str, Mirror] = OrderedDict()
        self._sent: Sent | None = None

    async def for_run(self, ctx: RunContext[Any]) -> Self:
        """One for a run: what was sent last is the run's own."""
        mine = copy.copy(self)
        mine._sent = None
        return mine

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Append what is new, and put the context in the place of the messages."""
        given, asked = list(request_context.messages), request_context.model_request_parameters
        instructions = [part.content for part in asked.instruction_parts or ()]
        system = "\n\n".join([*system_of(given), *instructions]) or None
        units = stored(given)
        front = Front(system, [tool(t) for t in (*asked.function_tools, *asked.output_tools)])
        self._sent = await self._mirror(ctx).send([u.unit for u in units], front)
        request_context.messages = to_send(self._sent, units, given)
        return request_context

    async def after_model_request(
        self, ctx: RunContext[Any], *, request_context: ModelRequestContext, response: ModelResponse
    ) -> ModelResponse:
        """Append the reply, and report what it used."""
        mirror = self._mirror(ctx)
        with contextlib.suppress(Unavailable):  # the reply counts: what is missing is appended with the next call
            await mirror.add([u.unit for u in stored([response])])
            if self._sent is not None and (call := usage_of(response)) is not None:
                await mirror.report(self._sent, call)
        return response

    def _mirror(self, ctx: RunContext[Any]) -> Mirror:
        name = self._session_id
        if name is None:
            name = ctx.conversation_id if hasattr(self._source, "session") else self._source.id
        if name is None:
            raise ValueError("the run has no `conversation_id`: give MemsvcMemory a session_id")
        if name not in self._mirrors:
            self._mirrors[name] = Mirror(Asked(handle_of(self._source, name)), "openai")
            if len(self._mirrors) > _SESSIONS:
                self._mirrors.popitem(last=False)
        self._mirrors.move_to_end(name)
        return self._mirrors[name]
