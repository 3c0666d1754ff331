"""The system prompt of a session, where an adapter's messages began with it.

A leading system message becomes the session's system prompt. An adapter that is asked for what was added must give it
back; one that an operator has set must not be given as if it had been added, because agents have their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memsvc.errors import CannotFit, NotFound
from memsvc.integrations.handles import Asked

ADDED = "memsvc_system_was_added"
"""Member of the session's metadata that says so."""
INSTRUCTING = ("system", "developer")


async def head_of(ask: Asked) -> Any:
    """The session's document; None = there is no session."""
    try:
        return await ask("get")
    except NotFound:
        return None


async def context_of(ask: Asked, format: str) -> Any:
    """The context; None = there is no session, or nothing in it."""
    try:
        return await ask("context", format)
    except NotFound:
        return None
    except CannotFit as error:
        if error.code == "empty_context":
            return None
        raise


async def note(ask: Asked, first: Mapping[str, Any]) -> None:
    """To be told of the first message before it is appended."""
    if first.get("role") in INSTRUCTING:
        head = await head_of(ask)
        if head is None or not head.messages:
            await ask("put", metadata={**(head.metadata if head is not None else {}), ADDED: True})


async def parted(ask: Asked, context: Any) -> tuple[list[Any], list[Any]]:
    """A context's messages, for the caller to change: (what stands before the newer ones, these). A system prompt
    that was not added as a message is left out."""
    messages = [message.copy() for message in context.messages]
    system = bool(context.tokens.system)
    begin = system + (context.covers is not None)
    if system:
        head = await head_of(ask)
        if head is None or not head.metadata.get(ADDED):
            return messages[1:begin], messages[begin:]
    return messages[:begin], messages[begin:]


async def clear(ask: Asked) -> None:
    """Delete everything that was said, for good. Model, policy, user and metadata of the session stay."""
    head = await head_of(ask)
    if head is None:
        return
    await ask("delete")
    policy = {name: value for name, value in head.policy.items() if name != "effective" and value is not None}
    metadata = {name: value for name, value in head.metadata.items() if name != ADDED}
    kept = {"model": head.model, "user": head.user, "policy": policy, "metadata": metadata}
    if any(kept.values()):
        await ask("put", **{name: value for name, value in kept.items() if value})
