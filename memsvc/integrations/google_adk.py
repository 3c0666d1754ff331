"""Summaries for Google's ADK: events that it compacts go into a session, and the summary is the session's.

```python
memory = MemsvcSummarizer(client)
when = EventsCompactionConfig(summarizer=memory, token_threshold=32_000, event_retention_size=10)
app = App(name="guide", root_agent=agent, plugins=[memory], events_compaction_config=when)
```
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any

from google.adk.agents.invocation_context import InvocationContext
from google.adk.apps.base_events_summarizer import BaseEventsSummarizer
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions, EventCompaction
from google.adk.plugins.base_plugin import BasePlugin
from google.genai import types

from memsvc.integrations.handles import Asked, Source, handle_of
from memsvc.integrations.parts import Call, Image, Json, Other, Part, Result, Said, Text, Thought, to_wire

_SUMMARY = "<conversation_summary>"
_SECRET = "adk_request_credential"
"""A call whose event holds credentials: for no log."""
_PAGE = 1_000
_EARLIER_S = 0.001
"""What a stored moment may have been rounded by."""


class MemsvcSummarizer(BasePlugin, BaseEventsSummarizer):
    """When to compact is ADK's to say, what the model gets instead is the session's summary of all events so far.

    Events are appended once, under their ids, when they are compacted for the first time. The newest of those that
    ADK offers may stay as they are: a summary stands for what was settled.

    Args:
        source: a client, or a session's handle.
        session_id: None with a client = one session for each of ADK's, named `app/user/session`. For that it must be
            among the app's plugins, because a summarizer is not told whose events it gets.
    """

    def __init__(self, source: Source, session_id: str | None = None, *, name: str = "memsvc") -> None:
        super().__init__(name=name)
        self._source, self._session_id = source, session_id
        self._running: ContextVar[str | None] = ContextVar(name, default=None)

    async def before_run_callback(self, *, invocation_context: InvocationContext) -> None:
        """Note whose run it is."""
        session = invocation_context.session
        self._running.set(f"{session.app_name}/{session.user_id}/{session.id}")

    async def maybe_summarize_events(self, *, events: list[Event]) -> Event | None:
        """An event with the session's summary in the place of those events; None = there is nothing to gain."""
        ask, told = self._ask(), [event for event in events if not _is_summary(event)]
        stored = [(f"{event.id}~{n}" if n else event.id, event, wire) for event in told for n, wire in _wires(event)]
        if not stored:
            return None
        await ask("put", policy={"mode": "manual"})
        names, sources, wires = zip(*stored, strict=True)
        await ask("append", wires, ids=names, at=[e.timestamp for e in sources], format="openai")
        await ask("compact", force=True, keep_tokens=1)
        context = await ask("context", "openai", marks="none")
        waiting = await ask("history", context.covers.to if context.covers is not None else 0, _PAGE)
        end = _end(told, {row.id.partition("~")[0] for row in waiting.messages})
        if end is None or waiting.next is not None:  # the summary is not written yet
            return None
        (first,) = (await ask("history", 0, 1)).messages
        summary = context.messages[bool(context.tokens.system)]["content"]
        return _compacted(min(first.at - _EARLIER_S, told[0].timestamp), end, summary)

    def _ask(self) -> Asked:
        theirs = self._running.get() if hasattr(self._source, "session") else None
        return Asked(handle_of(self._source, self._session_id or theirs))


def _end(events: Sequence[Event], waiting: set[str]) -> float | None:
    """The moment up to which the summary stands for all events; None = it does for none of them."""
    moments = [event.timestamp for event in events]
    left = min((e.timestamp for e in events if e.id in waiting), default=None)
    return max((m for m in moments if left is None or m < left), default=None)


def _compacted(start: float, end: float, summary: str) -> Event:
    content = types.Content(role="user", parts=[types.Part(text=summary)])
    compaction = EventCompaction(start_timestamp=start, end_timestamp=end, compacted_content=content)
    return Event(author="user", actions=EventActions(compaction=compaction), invocation_id=Event.new_id())


def _is_summary(event: Event) -> bool:
    """ADK gives the summary before among the events, as if a model had said it."""
    parts = event.content.parts if event.content and event.content.parts else []
    return bool(event.actions.compaction) or any((part.text or "").startswith(_SUMMARY) for part in parts[:1])


def _wires(event: Event) -> Iterator[tuple[int, Json]]:
    calls: list[Any] = [*event.get_function_calls(), *event.get_function_responses()]
    parts = event.content.parts if event.content and event.content.parts else []
    if parts and not any(call.name == _SECRET for call in calls):
        role = "user" if event.author == "user" else "tool" if event.get_function_responses() else "assistant"
        name = event.author if role == "assistant" else None
        yield from enumerate(to_wire(Said(role, list(map(_part, parts)), name), "openai"))


def _part(part: types.Part) -> Part:
    signature = base64.b64encode(part.thought_signature).decode() if part.thought_signature else None
    match part:
        case types.Part(text=str(text)) if part.thought:
            return Thought(text, signature)
        case types.Part(text=str(text)):
            return Text(text)
        case types.Part(function_call=types.FunctionCall() as call):
            return Call(call.id or "", call.name or "", _plain(call.args or {}))
        case types.Part(function_response=types.FunctionResponse() as response):
            text = json.dumps(_plain(response.response), ensure_ascii=False)
            return Result(response.id or "", (Text(text),))
        case types.Part(inline_data=types.Blob(mime_type=str(kind), data=bytes(data))) if kind.startswith("image/"):
            return Image(f"data:{kind};base64,{base64.b64encode(data).decode()}")
        case _:
            return Other({"type": "google_adk", "part": part.model_dump(mode="json", exclude_none=True)})


def _plain(value: Any) -> Any:
    """What a tool gave, as JSON: anything else as it is written."""
    return json.loads(json.dumps(value, default=str))
