"""Messages with large payloads: parted when they are written, whole again when they are read."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from memsvc.stores.payloads import Cut, pack, whole

_PUT = "INSERT INTO payloads (uid, hash, data) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_GET = "SELECT data FROM payloads WHERE uid = ? AND hash = ?"
_CUTS = "SELECT cuts FROM messages WHERE pos > ? AND pos <= ? AND cuts IS NOT NULL"
_DROP = "DELETE FROM payloads WHERE uid = ? AND hash = ?"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Cut]).decode


def teach(connection: apsw.Connection) -> None:
    """Let a connection read messages as they were written: see `codec.ENTRY_COLUMNS`."""

    def joined(*row: Any) -> Any:
        uid, frame, cuts = row
        return whole(frame, _decode(cuts), lambda name: _payload(connection, uid, name))

    connection.create_scalar_function("whole_message", joined, 3)


def columns(db: apsw.Connection, uid: int, raw: bytes) -> tuple[bytes, bytes | None, int | None]:
    """The values of raw, cuts and size for a message; its payloads are stored."""
    packed = pack(raw)
    if not packed.cuts:
        return raw, None, None
    db.executemany(_PUT, [(uid, name, data) for name, data in packed.payloads.items()])
    return packed.frame, _encode(packed.cuts), len(raw)


def forget(db: apsw.Connection, uid: int, span: tuple[int, int], cuts: bytes) -> None:
    """Remove the payloads of a message that is gone, unless another one of the session in `span` has them."""
    kept = {name for (other,) in db.execute(_CUTS, span) for _, name in _decode(bytes(other))}
    gone = {name for _, name in _decode(cuts)} - kept
    db.executemany(_DROP, [(uid, name) for name in gone])


def _payload(db: apsw.Connection, uid: int, name: bytes) -> bytes:
    found: bytes = db.execute(_GET, (uid, name)).get
    return found
