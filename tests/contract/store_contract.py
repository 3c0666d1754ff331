"""The contract of `ports.Store`: one suite for every engine.

A store's test module subclasses `StoreContract` and gives a `store` fixture: an open, empty store.
"""

from __future__ import annotations

from tests.contract.append_contract import AppendContract
from tests.contract.budgets_contract import BudgetsContract
from tests.contract.census_contract import CensusContract
from tests.contract.copies_contract import CopiesContract
from tests.contract.figures_contract import FiguresContract, OverviewContract
from tests.contract.keys_contract import KeysContract, SealedKeysContract
from tests.contract.ledger_contract import LedgerContract, SentContract
from tests.contract.moves_contract import (
    CommitContract,
    DeleteContract,
    PinContract,
    RevertContract,
    ShadowContract,
    TruncateContract,
)
from tests.contract.payload_contract import PayloadContract
from tests.contract.queue_contract import QueueContract
from tests.contract.read_contract import CounterContract, HeaderContract, ListContract, LoadContract
from tests.contract.redact_contract import RedactContract


class Log(
    AppendContract,
    CommitContract,
    TruncateContract,
    RevertContract,
    ShadowContract,
    RedactContract,
    PinContract,
    DeleteContract,
):
    """What writes."""


class Reads(HeaderContract, LoadContract, ListContract, CounterContract):
    """What reads."""


class Whole(PayloadContract, CopiesContract, CensusContract):
    """What takes a session, or a store, as one."""


class Access(KeysContract, SealedKeysContract, BudgetsContract):
    """Who may ask, and for how much."""


class Figures(FiguresContract, OverviewContract):
    """What is told of the whole."""


class StoreContract(Log, Whole, Access, QueueContract, LedgerContract, SentContract, Reads, Figures):
    """Everything that `ports.store` promises."""
