"""What this process has seen of sessions, so that settings are not sent with every answer.

Nothing here is trusted: scripts compare what they are told with what is stored, and answer with what differs.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from memsvc.core.model import Key, Session, Settings
from memsvc.stores.redis.codec import Header, header_of, settings_of

MAX_SESSIONS = 20_000
MAX_BYTES = 16 * 1024 * 1024
LEAST_BYTES = 500
"""What settings take at least, as objects."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of a session when a script is called.

    Attributes:
        stamp: fingerprint of `settings`; empty when they are not here.
        user: token of its user.
        there: whether the session was there.
    """

    stamp: str = ""
    user: str = "-"
    settings: Settings | None = None
    there: bool = False


_NOTHING = Held()


class Seen:
    """Settings by fingerprint, and for each session the fingerprint and the user's token."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[Key, tuple[str, str]] = OrderedDict()
        self._settings: OrderedDict[str, tuple[Settings, int]] = OrderedDict()
        self._bytes = 0

    def held(self, key: Key) -> Held:
        """What is known of a session."""
        found = self._sessions.get(key)
        if found is None:
            return _NOTHING
        stamp, user = found
        settings = self._settings.get(stamp)
        return Held(stamp, user, settings[0], True) if settings is not None else Held("", user, None, True)

    def settings(self, stamp: str) -> Settings | None:
        """Settings by their fingerprint, None if they are not here."""
        found = self._settings.get(stamp)
        return found[0] if found is not None else None

    def session(self, key: Key, held: Held, raw: bytes, settings: bytes | None) -> Session:
        """A session as it came: its header, and its settings unless they were held."""
        return self.header(key, held, raw, settings)[0]

    def header(self, key: Key, held: Held, raw: bytes, settings: bytes | None) -> tuple[Session, Header]:
        """The same, with the header as it is stored."""
        header = header_of(raw)
        stamp = header["stamp"]
        if settings is not None:
            known, size = settings_of(settings), len(settings) + LEAST_BYTES
        else:
            assert held.settings is not None
            known, size = held.settings, 0
        self.put(key, stamp, header["user"], known, size)
        return header.session(known), header

    def put(self, key: Key, stamp: str, user: str, settings: Settings, size: int) -> None:
        """Keep the settings of a session; `size` 0 = they are here already, or were let go."""
        self._sessions[key] = stamp, user
        self._sessions.move_to_end(key)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        if stamp in self._settings:
            self._settings.move_to_end(stamp)
            return
        if size:
            self._settings[stamp] = settings, size
            self._bytes += size
        while self._bytes > MAX_BYTES and len(self._settings) > 1:
            _, (_, gone) = self._settings.popitem(last=False)
            self._bytes -= gone

    def user_is(self, key: Key, user: str) -> None:
        """Keep what a script has told of a session's user."""
        self._sessions[key] = self._sessions.get(key, ("", ""))[0], user

    def forget(self, key: Key) -> None:
        """Let go of a session that is gone."""
        self._sessions.pop(key, None)
