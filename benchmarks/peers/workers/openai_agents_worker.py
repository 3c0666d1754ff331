"""OpenAI Agents SDK: a session in an SQLite file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from agents import SQLiteSession
from loop import Json, Limit, Place, serve


class Session:
    """All items are kept and all are given to the model; nothing is compacted."""

    def __init__(self, name: str, limit: Limit, place: Place) -> None:
        self._session = SQLiteSession(name, Path(place.folder) / "sessions.db")

    def load(self, messages: Sequence[Json]) -> None:
        asyncio.run(self._session.add_items(list(messages)))

    def store(self, message: Json) -> None:
        """Nothing is read."""
        asyncio.run(self._session.add_items([message]))

    def send(self, message: Json) -> list[Json] | None:
        return asyncio.run(self._sent(message))

    def shown(self) -> list[Json]:
        return asyncio.run(self._session.get_items())

    async def _sent(self, message: Json) -> list[Json]:
        await self._session.add_items([message])
        return await self._session.get_items()


if __name__ == "__main__":
    serve({"session": Session})
