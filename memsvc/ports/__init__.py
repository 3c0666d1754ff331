"""What the service needs from the outside: small protocols, one job each."""

from memsvc.ports.figures import Figures, Overview
from memsvc.ports.outside import Counter, Deferring, Prices, Summarizer
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
    "Store",
    "Summarizer",
]
