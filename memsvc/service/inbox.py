"""From a request's messages to what the store takes: checked, counted, numbered by nobody yet."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import orjson
from msgspec import Struct

from memsvc.core import policy as rules
from memsvc.core.limits import clamp_of
from memsvc.core.model import Draft, Format, System
from memsvc.core.render import decode, guess, readable, tokens_beside_text
from memsvc.core.render.blocks import FRAMING_TOKENS, Decoded
from memsvc.core.render.clamp import clamped
from memsvc.core.render.splice import members
from memsvc.errors import InvalidRequest
from memsvc.ports import Counter
from memsvc.service.requests import AppendRequest, CountRequest

T = TypeVar("T")
OFF_LOOP_BYTES = 64_000
"""Requests above this are taken apart and counted in a thread: several ms of CPU."""


class Parsed(Struct, frozen=True):
    """Messages ready for the store.

    Attributes:
        system: a leading system message, which the session may adopt as its system prompt.
        system_draft: the same message as an ordinary one, for sessions past their beginning.
    """

    drafts: tuple[Draft, ...]
    system: System | None = None
    system_tokens: int = 0
    system_draft: Draft | None = None


class Inbox:
    """Checks and counts messages. Stateless but for its counter."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    async def parse(
        self, request: AppendRequest, format: Format, now: float, clamp: tuple[str | None, int] = (None, 0)
    ) -> Parsed:
        """All messages of a request. `clamp`: `Session.clamps` and the seq that the first of them may get: they are
        counted as a context will show them. Raises InvalidRequest naming the first bad place."""
        return await off_loop(sum(map(len, request.messages)), lambda: self._parse(request, format, now, clamp))

    async def tokens(self, raws: tuple[bytes, ...], format: Format) -> list[int]:
        """Raw tokens of each message."""

        def work() -> list[int]:
            return [self._count(decode(raw, format, f"messages[{i}]")) for i, raw in enumerate(raws)]

        return await off_loop(sum(map(len, raws)), work)

    async def count(self, request: CountRequest) -> dict[str, Any]:
        """The document of a count: raw tokens of everything, and what the provider may count."""
        format = request.format or guess(request.messages) or "openai"
        if request.system is not None:
            check_system(request.system, "system")
        messages = await self.tokens(request.messages, format)
        system = self.system_tokens(request.system)
        tools = self.json_tokens(request.tools)
        total = sum(messages) + system + tools
        factor = rules.factor_of(request.model, format)
        return {
            "tokens": total,
            "messages": messages,
            "system": system,
            "tools": tools,
            "estimate": rules.provider_tokens(total, factor),
        }

    def json_tokens(self, raw: bytes | None) -> int:
        """Raw tokens of a tool list or another JSON text; 0 for None."""
        return self._counter.count(raw.decode()) if raw is not None else 0

    def system_tokens(self, content: bytes | None) -> int:
        """Raw tokens of a system prompt given as JSON string or list of text blocks; 0 for None."""
        if content is None:
            return 0
        value = orjson.loads(content)
        texts = [value] if isinstance(value, str) else [str(b.get("text", "")) for b in value]
        return self._counter.count_many(texts) + FRAMING_TOKENS

    def _parse(self, request: AppendRequest, format: Format, now: float, clamp: tuple[str | None, int]) -> Parsed:
        drafts = []
        clamps, first = clamp
        system: Parsed | None = None
        for i, raw in enumerate(request.messages):
            msg = decode(raw, format, f"messages[{i}]")
            at = request.at[i] if request.at else now
            seq = first + i
            if (seen := clamped(raw, format, seq, clamp_of(clamps, seq))) is not raw:
                msg = decode(seen, format, f"messages[{i}]")
            draft = Draft(raw, format, self._count(msg), at, request.ids[i] if request.ids else None)
            if i == 0 and msg.role == "system":
                system = self._leading(msg, draft)
            else:
                drafts.append(draft)
        if system is None:
            return Parsed(tuple(drafts))
        return Parsed(tuple(drafts), system.system, system.system_tokens, system.system_draft)

    def _leading(self, msg: Decoded, draft: Draft) -> Parsed:
        content = msgspec.json.format(members(msg.raw)["content"], indent=-1)  # as a PUT stores it
        role = "developer" if msg.native_role == "developer" else "system"
        check_system(content, "messages[0].content")
        return Parsed((), System(content, role), self.system_tokens(content), draft)  # type: ignore[arg-type]

    def _count(self, msg: Decoded) -> int:
        return self._counter.count_many(readable(msg)) + tokens_beside_text(msg)


def check_system(content: bytes, where: str) -> None:
    """Raise InvalidRequest unless `content` is a string or a list of text blocks."""
    value = orjson.loads(content)
    if isinstance(value, str):
        return
    if not isinstance(value, list):
        raise InvalidRequest(f"{where} must be a string or a list of text blocks", field=where)
    for i, block in enumerate(value):
        said = isinstance(block, dict) and block.get("type") in ("text", "input_text")
        text = block.get("text") if said else None
        if not isinstance(text, str):
            place = f"{where}[{i}]"
            raise InvalidRequest(f'{place} must be {{"type": "text", "text": ...}}', field=place)


def digest(request: AppendRequest, format: Format | None) -> bytes:
    """Names a request's content, white space apart, for idempotency keys."""
    hasher = hashlib.sha256(repr((request.ids, request.at, format)).encode())
    for raw in request.messages:
        hasher.update(msgspec.json.format(raw, indent=-1) + b"\n")
    if request.usage is not None:
        hasher.update(repr(request.usage).encode())
    return hasher.digest()


async def off_loop(size: int, work: Callable[[], T]) -> T:
    """`work()` here, or in a thread when `size` bytes would hold up the event loop."""
    return work() if size < OFF_LOOP_BYTES else await asyncio.to_thread(work)
