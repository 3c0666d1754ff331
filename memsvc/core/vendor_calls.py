"""Requests in the vendors' own shapes: what of one belongs to the conversation, and the same request with another
conversation in it. Every byte that is not replaced stays as it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson
from msgspec import Struct

from memsvc.core.model import Format
from memsvc.core.render.splice import array, edit, items, members, obj, string
from memsvc.errors import InvalidRequest

Api = Literal["messages", "chat", "responses"]
FORMATS: Mapping[Api, Format] = {"messages": "anthropic", "chat": "openai", "responses": "responses"}
LISTS: Mapping[Api, str] = {"messages": "messages", "chat": "messages", "responses": "input"}
"""Where the conversation stands in a body."""
LIMITS: Mapping[Api, tuple[str, ...]] = {
    "messages": ("max_tokens",),
    "chat": ("max_completion_tokens", "max_tokens"),
    "responses": ("max_output_tokens",),
}
"""What limits a reply, the name to use first."""
STATEFUL = ("previous_response_id", "conversation")
"""Members by which the Responses API continues what the vendor keeps; the service keeps the conversation itself."""
MOST_CHOICES = 128
"""Replies that one call may ask for."""
AUTO = "auto"
"""Name of the model that the service is to choose."""
_MARK = b'"cache_control"'
MARKS = frozenset({"cache_control", "prompt_cache_breakpoint"})
_SYSTEM_ROLES = ("system", "developer")


class VendorCall(Struct, frozen=True):
    """A model call as a vendor's client sends it.

    Attributes:
        parts: every member of the body as it came, in order.
        listed: the conversation, each item as it came; messages: the same without what stands in front of it.
        system: JSON text of the system prompt, a string or a list of text blocks; None = there is none.
        system_role: of that prompt, in OpenAI's formats.
        instructions: the system prompt came as `instructions`, and as nothing else.
        tools: JSON text of the tool list; None = there is none, or an empty one.
        output_tokens: the most that the reply may have; None = the request does not say.
        follows: id of the reply that the vendor is to continue (Responses API).
        unmarked: so many of the first items are known to have no cache marks.
    """

    api: Api
    parts: Mapping[str, bytes]
    model: str
    stream: bool
    listed: tuple[bytes, ...]
    messages: tuple[bytes, ...]
    system: bytes | None
    system_role: Literal["system", "developer"]
    instructions: bool
    tools: bytes | None
    output_tokens: int | None
    follows: str | None
    unmarked: int = 0

    @property
    def format(self) -> Format:
        """The format that its messages have."""
        return FORMATS[self.api]

    @property
    def wants_usage(self) -> bool:
        """Whether a stream is to end with its usage without being told to."""
        if self.api != "chat" or not self.stream:
            return True
        options = orjson.loads(self.parts.get("stream_options", b"null"))
        return isinstance(options, dict) and options.get("include_usage") is True

    @property
    def choices(self) -> int:
        """How many replies it asks for, each of which may be as long as the limit says."""
        number = _value(self.parts, "n") if self.api == "chat" else None
        return number if isinstance(number, int) and 1 <= number <= MOST_CHOICES else 1

    @property
    def long_marks(self) -> bool:
        """Whether the caller marks its prompt for the longer of the cache's lifetimes."""
        return self.api == "messages" and any(
            b'"ttl":"1h"' in part or b'"ttl": "1h"' in part
            for name, part in self.parts.items()
            if name == "cache_control" or self._is_marked(name, part)  # most parts are long and have none
        )

    def unmarked_until(self, until: int) -> int:
        """How many of the first `until` items have no cache marks: all of them, or those that are known already."""
        return self.unmarked if any(_MARK in raw for raw in self.listed[self.unmarked : until]) else until

    def _is_marked(self, name: str, part: bytes) -> bool:
        if self.unmarked and name == LISTS[self.api]:
            return any(_MARK in raw for raw in self.listed[self.unmarked :])
        return _MARK in part


def read(
    api: Api, parts: Mapping[str, bytes], listed: Sequence[bytes] | None = None, *, unmarked: int = 0
) -> VendorCall:
    """Take a body apart; `parts` are the members of a JSON object, `listed` the items of its conversation where it is
    cut up already, `unmarked` so many of them that are known to have no cache marks. Raises InvalidRequest for what the
    vendor, too, would refuse before it looks at a message."""
    model = _value(parts, "model")
    if not isinstance(model, str) or not 1 <= len(model) <= 200 or not model.isprintable():
        raise InvalidRequest("`model` must be the name of a model, or `auto`.", field="model")
    listed = _conversation(api, parts) if listed is None else listed
    front, messages = _parted(api, listed)
    system, role = _front(front)
    own = parts.get("instructions" if api == "responses" else "system") if api != "chat" else None
    if own == b"null":
        own = None
    told = system is not None
    if own is not None:
        system = own if system is None else array([*_blocks(own), *_blocks(system)])
    if api == "chat" and not isinstance(_value(parts, "stream_options"), dict | None):
        raise InvalidRequest("`stream_options` must be an object.", field="stream_options")
    tools = parts.get("tools")
    follows = next((v for name in STATEFUL if (v := _value(parts, name)) is not None), None)
    return VendorCall(
        api=api,
        parts=parts,
        model=model,
        stream=_value(parts, "stream") is True,
        listed=tuple(listed),
        messages=tuple(messages),
        system=system,
        system_role=role,
        instructions=api == "responses" and own is not None and not told,
        tools=None if tools is None or tools == b"null" or not items_or_refuse(tools, "tools") else tools,
        output_tokens=_limit(api, parts),
        follows=str(follows) if follows is not None else None,
        unmarked=unmarked,
    )


def rewritten(call: VendorCall, new: Mapping[str, bytes | None]) -> bytes:
    """The body with some members exchanged in place, or added at the end; None takes one away."""
    pairs = [(name, new.get(name, raw)) for name, raw in call.parts.items()]
    pairs += [(name, raw) for name, raw in new.items() if name not in call.parts]
    return obj((name, raw) for name, raw in pairs if raw is not None)


def conversation(call: VendorCall, context: Mapping[str, bytes], *, explicit: bool) -> dict[str, bytes | None]:
    """The members that put a fetched context into a body. `context`: members of the context's document.

    Tools are sent where the request has some: whoever leaves them out wants no call. With `explicit` the model
    finds its cache by marks alone, which `instructions` cannot carry."""
    tools = context.get("tools") if call.tools is not None else None
    if call.api == "messages":
        return {"system": context.get("system"), "messages": context["messages"], "tools": tools}
    listed = context["messages"]
    if call.api == "chat":
        return {"messages": listed, "tools": tools}
    new: dict[str, bytes | None] = {name: None for name in STATEFUL}
    if call.instructions and not explicit:
        listed = array(items(listed)[1:])  # the system prompt, which goes where it came from
    else:
        new["instructions"] = None
    return {**new, "input": listed, "tools": tools}


def capped(call: VendorCall, most: int | None, *, older: bool) -> tuple[dict[str, bytes | None], int | None]:
    """The members that keep a reply below `most` tokens (None = any size), and the limit that then holds. `older`:
    the server knows the first name of Chat Completions alone."""
    limit = call.output_tokens
    if most is None or (limit is not None and limit <= most):
        return {}, limit
    named = [name for name in LIMITS[call.api] if _value(call.parts, name) is not None]
    name = named[0] if named else LIMITS[call.api][-1 if older else 0]
    return {name: b"%d" % most}, most


def same_tools(one: bytes | None, other: bytes | None) -> bool:
    """Whether two tool lists offer the same, in whatever order and with whatever cache marks."""
    if one == other:
        return True
    if one is None or other is None:
        return False
    return _sorted(one) == _sorted(other)


def same_system(one: bytes | None, other: bytes | None) -> bool:
    """Whether two system prompts say the same: a string is a list of one block, marks say nothing."""
    if one == other:
        return True
    if one is None or other is None:
        return False
    first, second = ([(b.get("type"), b.get("text")) for b in _values(raw)] for raw in (one, other))
    return first == second


def without_thinking(call: VendorCall, listed: bytes) -> bytes:
    """Messages without what the model thought: the last resort where a provider refuses it."""
    if call.api == "responses":
        return array(raw for raw in items(listed) if b'"reasoning"' not in raw or _type(raw) != "reasoning")
    kept = (_unthought(raw) for raw in items(listed))
    return array(raw for raw in kept if raw is not None)


def _unthought(raw: bytes) -> bytes | None:
    if b"thinking" not in raw:
        return raw
    parts = members(raw)
    content = parts.get("content", b"null")
    if not content.startswith(b"["):
        return raw
    blocks = [block for block in items(content) if _type(block) not in ("thinking", "redacted_thinking")]
    return edit(raw, (), {"content": array(blocks)}) if blocks else None


def _conversation(api: Api, parts: Mapping[str, bytes]) -> list[bytes]:
    name = LISTS[api]
    raw = parts.get(name)
    if api == "responses" and raw in (None, b"null"):
        return []  # a stored prompt may say all there is to say
    if api == "responses" and raw is not None and raw.startswith(b'"'):
        return [obj([("role", b'"user"'), ("content", raw)])]
    if raw is None:
        raise InvalidRequest(f"`{name}` is missing; send the messages as the vendor's API takes them.", field=name)
    if not raw.startswith(b"["):
        raise InvalidRequest(f"`{name}` must be a list, as the vendor's API takes it.", field=name)
    return items(raw)  # what is no message is noticed when it is read as one


def items_or_refuse(raw: bytes, name: str) -> list[bytes]:
    """The objects of a list. Raises InvalidRequest for anything else."""
    found = items(raw) if raw.startswith(b"[") else None
    if found is None or not all(item.startswith(b"{") for item in found):
        raise InvalidRequest(f"`{name}` must be a list of objects, as the vendor's API takes it.", field=name)
    return found


def _parted(api: Api, listed: Sequence[bytes]) -> tuple[list[bytes], Sequence[bytes]]:
    """The system messages in front, and the rest."""
    if api == "messages":
        return [], listed
    front = []
    for raw in listed:
        if b'"system"' not in raw and b'"developer"' not in raw:
            break
        message = orjson.loads(raw)
        if not isinstance(message, dict):
            break
        plain = isinstance(message.get("content"), str | list) and message.get("type", "message") == "message"
        if message.get("role") not in _SYSTEM_ROLES or not plain:
            break
        front.append(raw)
    return front, listed[len(front) :]


def _front(front: Sequence[bytes]) -> tuple[bytes | None, Literal["system", "developer"]]:
    """The system prompt that these messages are, and its role."""
    if not front:
        return None, "system"
    role: Literal["system", "developer"] = "developer" if orjson.loads(front[0])["role"] == "developer" else "system"
    contents = [members(raw)["content"] for raw in front]
    return (contents[0] if len(contents) == 1 else array(b for c in contents for b in _blocks(c))), role


def _blocks(content: bytes) -> list[bytes]:
    if content.startswith(b'"'):
        return [obj([("type", b'"text"'), ("text", content)])]
    return items(content) if content.startswith(b"[") else [content]


def _limit(api: Api, parts: Mapping[str, bytes]) -> int | None:
    given = [v for name in LIMITS[api] if isinstance(v := _value(parts, name), int) and not isinstance(v, bool)]
    return max(0, min(given)) if given else None


def _value(parts: Mapping[str, bytes], name: str) -> Any:
    return orjson.loads(parts[name]) if name in parts else None


def _values(raw: bytes) -> list[Mapping[str, Any]]:
    value = orjson.loads(raw)
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    return [b if isinstance(b, dict) else {} for b in value] if isinstance(value, list) else []


def _sorted(raw: bytes) -> list[bytes]:
    bare = ({k: v for k, v in tool.items() if k not in MARKS} for tool in _values(raw))
    return sorted(orjson.dumps(tool, option=orjson.OPT_SORT_KEYS) for tool in bare)


def _type(raw: bytes) -> object:
    value = orjson.loads(raw)
    return value.get("type") if isinstance(value, dict) else None


def cache_key(tenant_and_session: bytes) -> bytes:
    """JSON text of the key under which a provider may find a session's cache again; `tenant_and_session`: a digest."""
    return string(f"memsvc-{tenant_and_session.hex()}")
