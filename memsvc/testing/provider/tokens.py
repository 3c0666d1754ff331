"""How many tokens a request has, part by part. The same text always has the same tokens."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from memsvc.testing.provider.models import Model

MARKS = ("cache_control", "prompt_cache_breakpoint")
MEDIA_TOKENS = 1_500
"""What an image or a document is counted as, whatever its size."""
PER_MESSAGE = 3
_MEDIA = frozenset(
    {"image", "document", "image_url", "input_image", "file", "input_file", "input_audio", "container_upload"}
)
Part = Literal["tools", "system", "messages"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A block of a request, as a prompt cache sees it.

    Attributes:
        digest: of the role and the block, marks left out, key order kept.
        message: index of its message, -1 outside the messages.
        mark: the ttl of the cache mark that it bears, or None.
        ends_message: it is the last block of its message.
    """

    digest: bytes
    tokens: int
    part: Part
    message: int
    mark: str | None
    ends_message: bool = False


def o200k() -> Callable[[str], int]:
    """Counts o200k tokens; a quarter of the characters where no tokenizer is installed."""
    try:
        import toktok
    except ImportError:
        return lambda text: math.ceil(len(text) / 4)

    def count(text: str) -> int:
        return int(toktok.truncate(text.encode("utf-8", "replace").decode(), 1 << 40, encoding="o200k_base")[1])

    return count


class Counter:
    """Tokens of texts and requests. `count` gives the raw tokens of a text; None = o200k, loaded when first used."""

    def __init__(self, count: Callable[[str], int] | None = None) -> None:
        self._given = count
        self._raw = lru_cache(50_000)(self._count)

    def _count(self, text: str) -> int:
        if self._given is None:
            self._given = o200k()
        return self._given(text)

    def text(self, text: str, model: Model) -> int:
        """Tokens of one text for a model."""
        return math.ceil(self._raw(text) * model.tokens_per_raw) if text else 0

    def anthropic(self, body: Mapping[str, Any], model: Model) -> list[Segment]:
        """The blocks of a Messages request in cache order."""
        found = [self._segment(tool, model, "tools", "", -1) for tool in body.get("tools") or []]
        found += [self._segment(block, model, "system", "", -1) for block in blocks(body.get("system"))]
        for i, message in enumerate(body["messages"]):
            parts = blocks(message.get("content"))
            found += self._message(parts, model, str(message.get("role")), i)
        return found

    def chat(self, body: Mapping[str, Any], model: Model) -> list[Segment]:
        """The parts of a Chat Completions request in cache order."""
        found = [self._segment(tool, model, "tools", "", -1) for tool in body.get("tools") or []]
        for i, message in enumerate(body["messages"]):
            parts = [*blocks(message.get("content")), *(message.get("tool_calls") or [])]
            about = f"{message.get('role')} {message.get('name', '')} {message.get('tool_call_id', '')}"
            found += self._message(parts, model, about, i)
        return found

    def responses(self, body: Mapping[str, Any], model: Model) -> list[Segment]:
        """The parts of a Responses request in cache order."""
        found = [self._segment(tool, model, "tools", "", -1) for tool in body.get("tools") or []]
        found += [self._segment(block, model, "system", "", -1) for block in blocks(body.get("instructions"))]
        for i, item in enumerate(items(body)):
            if item.get("type", "message") == "message":
                found += self._message(blocks(item.get("content")), model, str(item.get("role")), i)
            else:
                found += self._message([item], model, "", i)
        return found

    def _message(self, parts: list[Any], model: Model, about: str, index: int) -> list[Segment]:
        found = [
            self._segment(part, model, "messages", about, index, PER_MESSAGE if j == 0 else 0)
            for j, part in enumerate(parts)
        ]
        if found:
            last = found[-1]
            found[-1] = Segment(last.digest, last.tokens, last.part, last.message, last.mark, ends_message=True)
        return found

    def _segment(self, block: Any, model: Model, part: Part, about: str, index: int, extra: int = 0) -> Segment:
        bare = {k: v for k, v in block.items() if k not in MARKS} if isinstance(block, Mapping) else block
        dumped = dump(bare)
        tokens = self._weigh(bare, dumped, model) + extra
        digest = hashlib.sha256(f"{part} {about} {dumped}".encode()).digest()
        return Segment(digest, tokens, part, index, _mark(block))

    def _weigh(self, block: Any, dumped: str, model: Model) -> int:
        kind = block.get("type") if isinstance(block, Mapping) else None
        if kind in ("text", "input_text", "output_text"):
            return self.text(str(block.get("text", "")), model)
        if kind in _MEDIA:
            return MEDIA_TOKENS
        if kind in ("thinking", "redacted_thinking", "reasoning"):
            return self.text(str(block.get("thinking") or ""), model) + 40  # the sealed part, roughly
        if kind == "tool_result":
            inner = [self._weigh(b, dump(b), model) for b in blocks(block.get("content"))]
            return 12 + sum(inner)
        return self.text(dumped, model)


def blocks(content: Any) -> list[Any]:
    """A content as a list of blocks: a string is one block of text, None is none."""
    if content is None:
        return []
    return list(content) if isinstance(content, list) else [{"type": "text", "text": content}]


def items(body: Mapping[str, Any]) -> list[Any]:
    """The input of a Responses request as a list of items."""
    given = body.get("input")
    return list(given) if isinstance(given, list) else [{"role": "user", "content": given}]


def dump(value: Any) -> str:
    """JSON with its key order kept: it matters to a cache."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def chain(segments: list[Segment], *, scope: str, salt: str = "") -> Iterator[tuple[bytes, int]]:
    """After each segment: the hash of everything up to it, and its tokens.

    `scope` goes before all (whose cache, which model); `salt` before the first message.
    """
    state, total, salted = hashlib.sha256(scope.encode()), 0, False
    for segment in segments:
        if segment.part == "messages" and not salted:
            state.update(salt.encode())
            salted = True
        state.update(segment.digest)
        total += segment.tokens
        yield state.copy().digest(), total


def _mark(block: Any) -> str | None:
    if not isinstance(block, Mapping):
        return None
    if isinstance(mark := block.get("cache_control"), Mapping):
        return str(mark.get("ttl") or "5m")
    if isinstance(mark := block.get("prompt_cache_breakpoint"), Mapping):
        return str(mark.get("ttl") or "30m")
    return None
