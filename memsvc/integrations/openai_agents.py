"""Sessions of the OpenAI Agents SDK: what the model gets is the compacted context, what is kept is everything.

```python
session = MemsvcSession(client, "chat-1")
result = await Runner.run(agent, "A week in Porto?", session=session)
```
"""

from __future__ import annotations

import json
from typing import Any

from agents.items import TResponseInputItem
from agents.memory import OpenAIResponsesCompactionArgs, SessionSettings
from agents.memory.session_settings import coerce_session_settings

from memsvc.core.render.out import PLACEHOLDER
from memsvc.integrations import front
from memsvc.integrations.handles import Asked, Source, handle_of

Item = TResponseInputItem
_PAGE = 1_000
_SILENT = frozenset({"status", "created_by", "annotations", "parsed", "parsed_arguments"})


class MemsvcSession:
    """A `Session` of the SDK, which also offers `run_compaction`.

    `get_items` gives the context: a summary of the older items, as one user item, then the newer ones. The SDK adds
    only what is new, so the summary is never stored as an item. The system prompt of the memsvc session is left
    out, because the agent has its own instructions.

    Args:
        source: a client with `session_id`, or a session's handle; blocking ones work from any event loop, so take
            them for `Runner.run_sync`.
        session_settings: its `limit` holds where a call names none.
    """

    def __init__(
        self,
        source: Source,
        session_id: str | None = None,
        *,
        session_settings: SessionSettings | dict[str, Any] | None = None,
    ) -> None:
        self._ask = Asked(handle_of(source, session_id))
        self.session_id = self._ask.id
        self.session_settings: SessionSettings | None = coerce_session_settings(session_settings or {})

    async def get_items(self, limit: int | None = None) -> list[Item]:
        """The context as items; with `limit` its newest so many, oldest first. Each is as it was added, unless the
        provider would not take it so."""
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        context = await front.context_of(self._ask, "responses") if limit != 0 else None
        if context is None:
            return []
        before, after = await front.parted(self._ask, context)
        added = [row.message for row in await self._rows(context.covers.to if context.covers is not None else 0)]
        if limit is None or limit < 0:
            return before + _as_added(after, added)
        return (before + added)[-limit:]

    async def add_items(self, items: list[Item]) -> None:
        """Append items: all or none."""
        if items:
            await front.note(self._ask, items[0])
            await self._ask("append", items, format="responses")

    async def pop_item(self) -> Item | None:
        """Take the newest item off and give it back; None = there is none. It stays in the log as superseded."""
        head = await front.head_of(self._ask)
        after = last = head.last_seq if head is not None else 0
        found: list[Any] = []
        while after > 0 and not found:  # most often the very last row is live
            after = max(0, last - 1 - 4 * (last - after))
            found = await self._rows(after)
        if not found:
            return None
        await self._ask("truncate", found[-1].seq - 1)
        item: Item = found[-1].message
        return item

    async def clear_session(self) -> None:
        """Delete everything that was said, for good. Model, policy, user and metadata of the session stay."""
        await front.clear(self._ask)

    async def run_compaction(self, args: OpenAIResponsesCompactionArgs | None = None) -> None:
        """Compact now if `force` is set. Otherwise nothing: the service compacts by itself when it is due."""
        if args and args.get("force") and await front.head_of(self._ask) is not None:
            await self._ask("compact", force=True)

    async def _rows(self, after: int) -> list[Any]:
        """The live rows of the log past `after`."""
        rows: list[Any] = []
        following: int | None = after
        while following is not None:
            page = await self._ask("history", following, _PAGE, format="responses")
            rows += [row for row in page.messages if not row.superseded]
            following = page.next
        return rows


def _as_added(items: list[Item], added: list[Item]) -> list[Item]:
    """`items`, those in `added` with what a context leaves out because it says nothing to the model: the SDK has sent
    it within the run, and a prompt cache should see it again."""
    places: dict[str, list[Item]] = {}
    for one in added:
        places.setdefault(_said(one), []).append(one)
    while items and items[-1].get("output") == PLACEHOLDER and _said(items[-1]) not in places:
        items = items[:-1]  # the call still waits, for an approval perhaps: the SDK knows what to do with it
    return [found.pop(0) if (found := places.get(_said(item))) else item for item in items]


def _said(item: Item) -> str:
    members = {name: value for name, value in item.items() if name not in _SILENT and value is not None}
    if isinstance(parts := members.get("content"), list):
        members["content"] = [{k: v for k, v in p.items() if k not in _SILENT and v is not None} for p in parts]
    return json.dumps(members, sort_keys=True)
