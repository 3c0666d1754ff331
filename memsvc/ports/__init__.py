"""What the service needs from the outside: small protocols, one job each."""

from memsvc.ports.figures import Figures, Overview
from memsvc.ports.outside import (
    NO_SPANS,
    Attribute,
    Counter,
    Deferring,
    Prices,
    Span,
    Spans,
    Summarizer,
    call_used,
    calling,
)
from memsvc.ports.store import (
    Budgets,
    Census,
    Copies,
    Holds,
    Keys,
    Ledger,
    Log,
    Queue,
    SealedKeys,
    Store,
)

__all__ = [
    "NO_SPANS",
    "Attribute",
    "Budgets",
    "Census",
    "Copies",
    "Counter",
    "Deferring",
    "Figures",
    "Holds",
    "Keys",
    "Ledger",
    "Log",
    "Overview",
    "Prices",
    "Queue",
    "SealedKeys",
    "Span",
    "Spans",
    "Store",
    "Summarizer",
    "call_used",
    "calling",
]
