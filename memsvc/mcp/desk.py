"""Answers calls of tools: checks what was asked, does it, and says what is wrong so that a model can act on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from memsvc.client import Client
from memsvc.errors import MemsvcError, RateLimited, Unavailable
from memsvc.mcp.acts import Answer
from memsvc.mcp.tools import Tool, offered
from memsvc.wire.checks import shown, validate

MOST_ANSWER = 400_000
"""Bytes of an answer; no host hands more to a model."""


class Desk:
    """The tools over a client.

    Args:
        client: of a service, or of a store in this process.
        session: the only session that can be reached; None = all of the client's tenant.
        read_only: offer no tool that changes anything.
    """

    def __init__(self, client: Client, *, session: str | None = None, read_only: bool = False) -> None:
        self._client = client
        self._session = session
        self.tools: Mapping[str, Tool] = offered(bound=session is not None, read_only=read_only)

    async def answer(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        """What a tool answers; what is wrong with the call, or with the service, is an answer too."""
        tool = self.tools.get(name)
        if tool is None:
            return Answer(f"There is no tool {shown(name)} here; there are: {', '.join(self.tools)}.", failed=True)
        try:
            return _sendable(await self._act(tool, arguments))
        except MemsvcError as wrong:
            return Answer(_words(wrong), failed=True)

    async def _act(self, tool: Tool, arguments: Mapping[str, Any]) -> Answer:
        given: Any = validate(tool.asked, dict(arguments), noun="argument")
        if not tool.of_one:
            return await tool.act(self._client, given)
        session = self._session if self._session is not None else given.session
        return await tool.act(self._client.session(session), given)


def _words(wrong: MemsvcError) -> str:
    later = " Try again later." if isinstance(wrong, (Unavailable, RateLimited)) else ""
    return f"{wrong.title}: {wrong.detail}{later}"


def _sendable(answer: Answer) -> Answer:
    """An answer that can be written as UTF-8 and is not too long."""
    raw = json.dumps([answer.text, answer.structured], ensure_ascii=False).encode(errors="replace")
    if len(raw) > 2 * MOST_ANSWER:  # both say the same
        return Answer(
            f"Too large: the answer has {len(raw) // 2} bytes and {MOST_ANSWER} are sent at most; ask for less with"
            " `limit`, `max_tokens` or the format `text`.",
            failed=True,
        )
    text, structured = json.loads(raw)
    return Answer(text, structured, answer.failed)
