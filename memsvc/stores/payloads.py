"""Large base64 payloads (images, documents) taken out of messages, so that a store keeps each once in a session.

A session's own, and not a tenant's or the store's: what one caller stores tells no other anything, all of a session
stays together, and it goes with the session.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

LEAST_CHARS = 4_096
"""Shorter runs stay where they are."""
HASH_BYTES = 20

# Only where a run begins: a search from each of its characters would take the square of its length.
_RUN = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{%d,}+={0,2}" % LEAST_CHARS)

Cut = tuple[int, bytes]
"""Where in a frame a payload was, and its hash."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A message without its payloads.

    Attributes:
        frame: what is left of it.
        cuts: in order; a payload may be named several times.
        payloads: by hash.
    """

    frame: bytes
    cuts: tuple[Cut, ...]
    payloads: dict[bytes, bytes]


def pack(raw: bytes) -> Packed:
    """A message as it is stored; most have no payload and are their own frame."""
    if len(raw) < LEAST_CHARS or (first := _RUN.search(raw)) is None:
        return Packed(raw, (), {})
    pieces, cuts, payloads = [], [], {}
    at = size = 0
    for found in _RUN.finditer(raw, first.start()):
        payload = found[0]
        name = blake2b(payload, digest_size=HASH_BYTES).digest()
        pieces.append(raw[at : found.start()])
        size += len(pieces[-1])
        cuts.append((size, name))
        payloads[name] = payload
        at = found.end()
    return Packed(b"".join([*pieces, raw[at:]]), tuple(cuts), payloads)


def whole(frame: bytes, cuts: Sequence[Cut], payload: Callable[[bytes], bytes]) -> bytes:
    """The message again, byte for byte."""
    pieces, at = [], 0
    for place, name in cuts:
        pieces += [frame[at:place], payload(bytes(name))]
        at = place
    return b"".join([*pieces, frame[at:]])
