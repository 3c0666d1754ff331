"""A session's calls as adapters make them: awaited, whichever client the handle is of."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from memsvc.client import BlockingClient, BlockingSession, Client, Session

Source = Client | BlockingClient | Session | BlockingSession
"""What an adapter is given: a client with a session's name, or the handle of a session."""
T = TypeVar("T")


def handle_of(source: Source, session_id: str | None = None) -> Session | BlockingSession:
    """The handle: of `session_id` where `source` is a client. Raises TypeError for a client without a name."""
    if isinstance(source, Session | BlockingSession):
        if session_id not in (None, source.id):
            raise TypeError(f"the handle is of session {source.id!r}, not of {session_id!r}")
        return source
    if session_id is None:
        raise TypeError("a client needs the name of a session beside it")
    return source.session(session_id)


class Asked:
    """Calls methods of a handle by name. A blocking one is called in a thread, so that the event loop goes on.

    Args:
        here: call it in this thread instead: then no coroutine of the adapter ever waits, see `finished`.
    """

    def __init__(self, handle: Session | BlockingSession, *, here: bool = False) -> None:
        self.id: str = handle.id
        self._handle = handle
        self._blocking = isinstance(handle, BlockingSession)
        self._here = here
        if here and not self._blocking:
            raise TypeError("without `await` the adapter needs a handle of a BlockingClient; or use the async call")

    async def __call__(self, name: str, *given: Any, **options: Any) -> Any:
        """What the method gives. Raises what it raises."""
        method = getattr(self._handle, name)
        if not self._blocking:
            return await method(*given, **options)
        if self._here:
            return method(*given, **options)
        return await asyncio.to_thread(method, *given, **options)


def finished(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits: its calls are made with `here`."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("the coroutine waited for something")
