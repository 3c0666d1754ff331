"""What a message is made of, whatever format it was written in.

Six kinds of block cover every provider; a type nobody knows yet is `Opaque` and goes back
verbatim to the format that it came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from memsvc.core.model import Format
from memsvc.core.patterns import regex
from memsvc.core.render.splice import parse
from memsvc.errors import InvalidRequest

FRAMING_TOKENS = 4
"""Per message: 3 for the frame and 1 for the role (OpenAI cookbook on counting chat tokens)."""
CALL_TOKENS = 4
"""Per tool call or result: the frame around name and arguments."""
IMAGE_TOKENS = 1_600
"""Upper figure of both vendors for one image at standard detail."""
PAGE_TOKENS, PAGE_BYTES = 2_000, 50_000
"""A document page, and the base64 bytes that stand for one."""
MAX_PAGES = 100
MAX_SHOWN = 40
"""Characters of a caller's value that an error message repeats."""

_PLAIN = ("function", "custom")
_LONG_RUN = regex(r"[A-Za-z0-9+/=_-]{512,}")


class Text(Struct, frozen=True):
    """Plain text. `raw` is its JSON block, or None when the content was one string."""

    text: str
    raw: bytes | None = None


class Call(Struct, frozen=True):
    """A tool call.

    Attributes:
        arguments: JSON text in the caller's own spelling (free text for custom tools and
            broken calls).
        kind: `function`; `custom` (its input is free text, not JSON); or what a Responses item
            calls it: `shell`, `computer`, `mcp_approval`, ...
        within: id of the server tool call that made this one from its code (anthropic), or None.
    """

    id: str
    name: str
    arguments: str
    raw: bytes
    kind: str = "function"
    within: str | None = None


class Result(Struct, frozen=True):
    """The answer to a call. `raw` is the block (anthropic) or the whole message (the others);
    `kind` says to what kind of call."""

    call_id: str
    content: tuple[Block, ...]
    is_error: bool
    raw: bytes
    kind: str = "function"

    def answers(self, call: Call) -> bool:
        """Whether it may stand under this call."""
        if self.call_id != call.id:
            return False
        return self.kind == call.kind or (self.kind in _PLAIN and call.kind in (*_PLAIN, "local_shell"))


class Thinking(Struct, frozen=True):
    """A reasoning block. `signed` = it carries the proof (or the redacted data) without which
    the provider refuses it."""

    text: str
    raw: bytes
    signed: bool = True


class Media(Struct, frozen=True):
    """An image, document, audio clip or file: base64 `data`, or a `url`, or only `raw`."""

    kind: Literal["image", "document", "audio", "file"]
    raw: bytes
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    text: str = ""


class Opaque(Struct, frozen=True):
    """A block of a type this version does not look into.

    Attributes:
        call: its id, if it is a server tool call (run by the provider), else None.
        answers: id of the server tool call whose result it is, else None.
        shown: the part of it that a model would read; None = all of `raw`.
    """

    type: str
    raw: bytes
    call: str | None = None
    answers: str | None = None
    shown: str | None = None


Block = Text | Call | Result | Thinking | Media | Opaque


class Decoded(Struct, frozen=True):
    """A message taken apart.

    Attributes:
        role: who speaks; tool results are `user` in every format.
        native_role: the role as written (`tool`, `developer`, ...), or the type of a Responses
            item that has none.
        name: the speaker's name (openai), or None.
        item_id: the provider's id of a Responses item, or None.
    """

    role: Literal["user", "assistant", "system"]
    blocks: tuple[Block, ...]
    raw: bytes
    format: Format
    native_role: str
    name: str | None = None
    item_id: str | None = None

    @property
    def calls(self) -> tuple[Call, ...]:
        """The tool calls in it, in order."""
        return tuple(b for b in self.blocks if isinstance(b, Call))

    @property
    def results(self) -> tuple[Result, ...]:
        """The tool results in it, in order."""
        return tuple(b for b in self.blocks if isinstance(b, Result))


def bad(where: str, what: str) -> InvalidRequest:
    """The error for content at path `where`."""
    return InvalidRequest(f"{where}: {what}", field=where)


def blank(text: str) -> bool:
    """Whether a provider would refuse this as empty text."""
    return not text or text.isspace()


def texts(blocks: tuple[Block, ...]) -> Iterator[str]:
    """Every text a model would read, for counting and searching; never base64."""
    for b in blocks:
        match b:
            case Text():
                yield b.text
            case Call():
                yield b.name
                yield b.arguments
            case Result():
                yield from texts(b.content)
            case Thinking() | Media():
                yield b.text
            case Opaque():
                yield _LONG_RUN.sub("", b.raw.decode(errors="replace") if b.shown is None else b.shown)


def fixed_tokens(blocks: tuple[Block, ...]) -> int:
    """Tokens of what has no text: frames around calls, images, pages."""
    total = 0
    for b in blocks:
        if isinstance(b, Call):
            total += CALL_TOKENS
        elif isinstance(b, Result):
            total += CALL_TOKENS + fixed_tokens(b.content)
        elif isinstance(b, Media) and b.kind == "image":
            total += IMAGE_TOKENS
        elif isinstance(b, Media) and not b.text:
            pages = 1 + len(b.data or "") // PAGE_BYTES
            total += PAGE_TOKENS * min(pages, MAX_PAGES)
    return total


def plain(blocks: tuple[Block, ...], seq: int) -> str:
    """Blocks as one text, for places that can carry nothing else."""
    lines = []
    for b in blocks:
        if isinstance(b, Text):
            lines.append(b.text)
        elif isinstance(b, Result):
            lines.append(plain(b.content, seq))
        elif not isinstance(b, Thinking):
            lines.append(omitted(b, seq))
    return "\n".join(x for x in lines if not blank(x))


def omitted(block: Block, seq: int) -> str:
    """The fixed text for a block that the target format cannot carry (a repair)."""
    return f"[{kind_of(block)} omitted, seq {seq}]"


def kind_of(block: Block) -> str:
    """The type name of a block as its own format calls it."""
    if isinstance(block, Media):
        return block.kind
    if isinstance(block, Opaque):
        return block.type
    return {Call: "tool call", Result: "tool result", Thinking: "thinking"}.get(type(block), "text")


def load(raw: bytes, where: str) -> dict[str, object]:
    """A message's JSON as values, for looking only: what is sent on is spliced from `raw`.
    Raises InvalidRequest unless it is a JSON object of sane depth."""
    value = parse(raw, where)
    if not isinstance(value, dict):
        raise bad(where, "must be an object")
    return value


def shown(value: object) -> str:
    """A value as an error message may repeat it: short, and only what is short by nature."""
    if isinstance(value, str):
        return repr(value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + "...")
    return {dict: "an object", list: "a list", type(None): "null"}.get(type(value), repr(value))
