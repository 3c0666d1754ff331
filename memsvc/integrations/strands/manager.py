"""The conversation manager: the agent's messages stay whole, the model gets the compacted context."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from strands import Agent
from strands.agent.conversation_manager import ConversationManager
from strands.hooks import AfterInvocationEvent, AgentInitializedEvent, HookRegistry
from strands.middleware import InvokeModelContext, InvokeModelStage
from strands.types.content import Message

from memsvc.integrations.handles import Asked, Source, handle_of
from memsvc.integrations.mirror import Front, Mirror, Unit
from memsvc.integrations.strands.messages import message_of, wire_of

_LEAST_TOKENS = 1


class MemsvcConversationManager(ConversationManager):
    """For one agent. Nothing is taken out of `agent.messages`; a new agent without messages goes on where the session
    ended. Where the provider says that a request is too long, the session is compacted at once.

    Args:
        source: a client with `session_id`, or a session's handle; blocking ones for `agent(...)`, any for
            `agent.invoke_async` and `agent.stream_async`.
    """

    def __init__(self, source: Source, session_id: str | None = None) -> None:
        super().__init__()
        self._ask = Asked(handle_of(source, session_id))
        self._mirror = Mirror(self._ask, "anthropic")
        self._overflows = 0

    def register_hooks(self, registry: HookRegistry, **kwargs: Any) -> None:
        """Take part in calls of the model, and in the end of each run."""
        super().register_hooks(registry, **kwargs)
        registry.add_callback(AgentInitializedEvent, self._begin)
        registry.add_callback(AfterInvocationEvent, self._end)

    def apply_management(self, agent: Agent, **kwargs: Any) -> None:
        """Nothing: the service compacts by itself when it is due."""

    def reduce_context(self, agent: Agent, e: Exception | None = None, **kwargs: Any) -> None:
        """Have the session compacted before the next call, the second time in a row as far as it goes. Raises `e` the
        third time."""
        if e is not None and self._overflows >= 2:
            raise e
        self._overflows += 1

    def _begin(self, event: AgentInitializedEvent) -> None:
        event.agent.add_middleware(InvokeModelStage.Input, self._send)
        event.agent.add_middleware(InvokeModelStage.Output, self._answered)

    async def _send(self, context: InvokeModelContext) -> InvokeModelContext:
        units, front = [_unit(message) for message in context.messages], _front(context)
        if self._overflows:
            await self._mirror.add(units)
            least = {"keep_tokens": _LEAST_TOKENS} if self._overflows > 1 else {}
            await self._ask("compact", force=True, **least)
        sent = await self._mirror.send(units, front)
        messages = [context.messages[m] if isinstance(m, int) else message_of(m) for m in sent.messages]
        return context.replace(messages=messages)

    def _answered(self, result: Any) -> Any:
        self._overflows = 0
        return result

    async def _end(self, event: AfterInvocationEvent) -> None:
        await self._mirror.add([_unit(message) for message in event.agent.messages])


def _unit(message: Message) -> Unit:
    wire = wire_of(message)
    name = message.get("tracking_id") or hashlib.sha256(json.dumps(wire).encode()).hexdigest()
    return Unit(name, wire)


def _front(context: InvokeModelContext) -> Front:
    system = context.system_prompt
    if isinstance(system, list):
        system = "\n".join(block["text"] for block in system if "text" in block) or None
    tools = [
        {"name": spec["name"], "description": spec["description"], "input_schema": spec["inputSchema"]["json"]}
        for spec in context.tool_specs
    ]
    return Front(system, tools)
