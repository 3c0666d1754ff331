"""Which id a tool call has in a context."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container

Legal = Callable[[str], bool]


def legal_form(call_id: str, legal: Legal) -> str:
    """The id itself, or a hash of it where the target would refuse it (a repair)."""
    if legal(call_id):
        return call_id
    return f"call_{hashlib.sha256(call_id.encode()).hexdigest()[:24]}"


def fresh(call_id: str, seq: int, used: Container[str], legal: Legal) -> str:
    """The id a call of message `seq` gets: its legal form, or that of `<id>_<seq>` where an
    earlier call has it already (a repair)."""
    final, n = legal_form(call_id, legal), 1
    while final in used:
        final = legal_form(f"{call_id}_{seq}" if n == 1 else f"{call_id}_{seq}_{n}", legal)
        n += 1
    return final
