"""What others do with a history that grows, to compare with: they need no service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from memsvc.core.economy import INSTRUCTION_TOKENS
from memsvc.replay.bill import readable
from memsvc.replay.conversations import Conversation
from memsvc.replay.play import Event, Sent, Summed
from memsvc.replay.summaries import FILLER, Asked
from memsvc.replay.terms import Terms

SHARE, LEAST = 0.15, 150
"""Size of a buffer's summary where none is fixed: a share of what it stands for, and the least."""
FRAMING = 4


def full(conversation: Conversation, terms: Terms, count: Callable[[str], int]) -> Iterator[Event]:
    """Everything, every time, with the cache marks that keep it cached."""
    for n in conversation.calls():
        yield _sent(conversation, terms, 0, n)


def window(conversation: Conversation, terms: Terms, count: Callable[[str], int]) -> Iterator[Event]:
    """The newest messages of at least as many tokens as memsvc would keep and sum up, moved along at every call."""
    sizes = _sizes(conversation, count)
    for n in conversation.calls():
        yield _sent(conversation, terms, _start(conversation, sizes, n, terms.keep_tokens + terms.summary_tokens), n)


def buffer(conversation: Conversation, terms: Terms, count: Callable[[str], int]) -> Iterator[Event]:
    """A running summary of all that does not fit a buffer of twice the kept tokens, written after every exchange:
    ConversationSummaryBufferMemory of LangChain."""
    sizes = _sizes(conversation, count)
    cut, text = 0, ""
    share, least, most = terms.fixed or (SHARE, LEAST, terms.summary_tokens)
    for n in conversation.calls():
        start = _start(conversation, sizes, n, 2 * terms.keep_tokens)
        if start > cut and sum(sizes[cut:n]) > 2 * terms.keep_tokens:
            covered = sum(sizes[:start])
            size = int(min(most, max(min(least, covered), share * covered)))
            asked = Asked(sum(sizes[cut:start]) + count(text) + INSTRUCTION_TOKENS, size)
            cut, text = start, (FILLER * size).strip() + f" {n}"
            yield Summed(conversation.at[n - 1], asked)
        yield _sent(conversation, terms, cut, n, text)


def _sizes(conversation: Conversation, count: Callable[[str], int]) -> list[int]:
    return [count(readable(m)) + FRAMING for m in conversation.messages]


def _start(conversation: Conversation, sizes: list[int], end: int, tokens: int) -> int:
    """Where the newest messages of at least so many tokens begin, no result without its call."""
    start, held = end, 0
    while start > 0 and held < tokens:
        start -= 1
        held += sizes[start]
    while start > 0 and _is_result(conversation.messages[start]):
        start -= 1
    return start


def _is_result(message: dict[str, Any]) -> bool:
    if message.get("role") == "tool" or message.get("type") == "function_call_output":
        return True
    content = message.get("content")
    return isinstance(content, list) and any(b.get("type") == "tool_result" for b in content if isinstance(b, dict))


def _sent(conversation: Conversation, terms: Terms, cut: int, end: int, summary: str = "") -> Sent:
    messages: list[dict[str, Any]] = [*conversation.messages[cut:end]]
    if summary:
        messages.insert(0, {"role": "user", "content": summary})
    body: dict[str, Any] = {"model": terms.model}
    if conversation.tools is not None:
        body["tools"] = conversation.tools
    if conversation.system is not None:
        if terms.provider == "anthropic":
            body["system"] = _marked(conversation.system)
        else:
            messages.insert(0, {"role": "system", "content": conversation.system})
    if terms.provider == "anthropic":
        body["cache_control"] = {"type": "ephemeral"}
    return Sent(conversation.at[end - 1], cut, {**body, "messages": messages})


def _marked(system: Any) -> Any:
    blocks: list[dict[str, Any]] = (
        [{"type": "text", "text": system}] if isinstance(system, str) else [dict(b) for b in system]
    )
    if blocks:
        blocks[-1]["cache_control"] = {"type": "ephemeral"}
    return blocks


BASELINES = {"full": full, "window": window, "buffer": buffer}
