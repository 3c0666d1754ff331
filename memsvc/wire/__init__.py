"""The endpoint table and what hangs on it: what goes over the wire, said once.

Read `table.py` first, whose rows are made of `call.py`; `requests.py` and `replies.py` are the models it names, beside
them `money.py`, `stats.py` and `summaries.py`; `checks.py` turns what does not fit into an error, `openapi.py` prints
it all as a document.
"""

from __future__ import annotations

from memsvc.wire.call import Call, Scope
from memsvc.wire.checks import (
    check_append,
    check_append_query,
    check_idempotency_key,
    check_name,
    check_usage,
    path_of,
    shown,
    validate,
)
from memsvc.wire.table import CALLS

__all__ = [
    "CALLS",
    "Call",
    "Scope",
    "check_append",
    "check_append_query",
    "check_idempotency_key",
    "check_name",
    "check_usage",
    "path_of",
    "shown",
    "validate",
]
