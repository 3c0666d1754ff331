"""What a reply came to, and who reads it."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from msgspec import Struct

from memsvc.core.stream.values import Json

Api = Literal["messages", "chat", "responses"]


class Heard(Struct, frozen=True):
    """What a reply came to.

    Attributes:
        id: the provider's own of the reply.
        model: the one that answered.
        messages: JSON texts to append to the log and to send back as input of the same API: one assistant
            message, or the output items of Responses; empty if nothing can be sent back.
        usage: the vendor's object, as its SDK would merge it.
        stop: `stop_reason`, `finish_reason` or `status`, `incomplete:<reason>` where Responses gives one.
        complete: the end of the reply came, and no error; False for what broke off or cannot be read.
        error: what the reply, or an event in it, says went wrong: its `error` member, else the event itself.
        unseen: it broke off, and the model thought what it does not show: what came does not tell what was written.
    """

    id: str | None = None
    model: str | None = None
    messages: tuple[bytes, ...] = ()
    usage: dict[str, Any] | None = None
    stop: str | None = None
    complete: bool = False
    error: dict[str, Any] | None = None
    unseen: bool = False


class Reader(Protocol):
    """Takes in the events of one API's stream, or its whole reply.

    Attributes:
        deaf: an event before could not be read, so what would go on from it is not content any more.
    """

    deaf: bool

    def hear(self, event: Json, raw: bytes) -> None:
        """Take in an event; `raw` is its JSON text."""
        ...

    def finish(self) -> None:
        """`[DONE]` came."""
        ...

    def take(self, reply: Json, raw: bytes) -> None:
        """Take in a reply that was not streamed."""
        ...

    def heard(self) -> Heard:
        """What has come so far."""
        ...
