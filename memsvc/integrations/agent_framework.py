"""History for the Microsoft Agent Framework: what the model gets is the compacted context, what is kept is everything.

```python
agent = Agent(client=OpenAIChatClient(), context_providers=[MemsvcHistory(client)])
```
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent_framework import Content, HistoryProvider, Message

from memsvc.integrations import kept
from memsvc.integrations.handles import Asked, Source, handle_of
from memsvc.integrations.parts import Call, Image, Other, Part, Result, Said, Text, Thought, Wire

_KIND = "agent_framework"
_RUNS = 256
"""Runs under way of which it is known what they were given."""


class MemsvcHistory(HistoryProvider):
    """A `HistoryProvider`: a run gets a summary of the older messages, as one user message, then the newer ones.

    The system prompt of the memsvc session is left out, because the agent has its own instructions.

    Args:
        source: a client, or a session's handle.
        session_id: None with a client = the `session_id` of the run's `AgentSession`.
        format: what messages are stored in. Take `anthropic` for Claude, so that the service knows which thinking a
            compaction has unbound; `openai` for all others.
        options: of `HistoryProvider`: what to load and to store.
    """

    def __init__(
        self,
        source: Source,
        session_id: str | None = None,
        *,
        format: Wire = "openai",
        source_id: str = "memsvc",
        **options: Any,
    ) -> None:
        super().__init__(source_id, **options)
        self._source, self._session_id, self._format = source, session_id, format
        self._given: OrderedDict[str, kept.Context] = OrderedDict()

    async def get_messages(
        self, session_id: str | None, *, state: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[Message]:
        """The context, oldest first."""
        ask = self._ask(session_id)
        context = self._given[ask.id] = await kept.read(ask, self._format)
        if len(self._given) > _RUNS:
            self._given.popitem(last=False)
        return [message_of(said) for said in context.said]

    async def save_messages(
        self,
        session_id: str | None,
        messages: Sequence[Message],
        *,
        state: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Append messages: all or none. Those with which the session ends already are not stored again."""
        ask = self._ask(session_id)
        context = self._given.pop(ask.id, kept.Context([], None))
        said = [one for message in messages for one in said_of(message)]
        await kept.add(ask, said[_overlap(context.said, said) :], self._format, context.epoch)

    def _ask(self, session_id: str | None) -> Asked:
        theirs = session_id if hasattr(self._source, "session") else None
        return Asked(handle_of(self._source, self._session_id or theirs))


def said_of(message: Message) -> list[Said]:
    """What a message says; nothing for one that says nothing."""
    parts: list[Part] = []
    for content in message.contents:
        last = parts[-1] if parts else None
        if content.type == "text_reasoning" and content.text is None and isinstance(last, Thought):
            parts[-1] = replace(last, signature=content.protected_data)  # it comes after its thinking
        elif content.type != "usage":
            parts.append(_part(content))
    role = "tool" if any(isinstance(part, Result) for part in parts) else message.role
    return [Said(role, parts, message.author_name, message.message_id)] if parts else []


def message_of(said: Said) -> Message:
    """The message that says it. One that calls tools has no author: within its run it was sent without, and the
    provider's cache knows it so."""
    author = None if any(isinstance(part, Call) for part in said.parts) else said.name
    return Message(said.role, [_content(part) for part in said.parts], author_name=author, message_id=said.id)


def _part(content: Any) -> Any:
    match content.type:
        case "text":
            return Text(content.text)
        case "function_call" if not (content.informational_only or content.hosted):
            return Call(content.call_id, content.name, content.arguments or "")
        case "function_result":
            items = content.items if content.items is not None else [Content.from_text(str(content.result or ""))]
            return Result(content.call_id, tuple(map(_part, items)), content.exception is not None)
        case "uri" | "data" if content.has_top_level_media_type("image"):
            return Image(content.uri)
        case "text_reasoning" if content.text is not None:
            return Thought(content.text, content.protected_data)
        case _:
            return Other({"type": _KIND, "content": content.to_dict()})


def _content(part: Part) -> Content:
    match part:
        case Text():
            return Content.from_text(part.text)
        case Call():
            return Content.from_function_call(part.id, part.name, arguments=part.arguments)
        case Result():
            items = [_content(p) for p in part.parts]
            failed = "FunctionInvocationError" if part.failed else None  # what the framework itself writes down
            return Content.from_function_result(part.id, result=items, exception=failed)
        case Image():
            return Content.from_uri(part.url, media_type=None if part.url.startswith("data:") else "image/*")
        case Thought():
            return Content.from_text_reasoning(text=part.text, protected_data=part.signature)
        case Other(block={"type": "agent_framework", "content": content}):
            return Content.from_dict(content)
        case _:
            return Content.from_text(str(part.block))


def _overlap(given: list[Said], said: list[Said]) -> int:
    """How many of the first of `said` are the last of `given`: workflows hand on what was said before. A single
    message of the user's may well be said twice."""
    for n in range(min(len(given), len(said)), 0, -1):
        same = all(_words(a) == _words(b) for a, b in zip(given[-n:], said[:n], strict=True))
        if same and (n > 1 or said[0].role != "user"):
            return n
    return 0


def _words(said: Said) -> tuple[str, list[Part]]:
    return said.role, list(said.parts)
