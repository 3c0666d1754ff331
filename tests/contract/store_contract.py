"""The contract of `ports.Store`: one suite for every engine.

A store's test module subclasses `StoreContract` and gives a `store` fixture: an open, empty store.
"""

from __future__ import annotations

from tests.contract.append_contract import AppendContract
from tests.contract.moves_contract import CommitContract, DeleteContract, PinContract, TruncateContract
from tests.contract.queue_contract import QueueContract
from tests.contract.read_contract import CounterContract, HeaderContract, ListContract, LoadContract


class Log(AppendContract, CommitContract, TruncateContract, PinContract, DeleteContract):
    """What writes."""


class StoreContract(Log, QueueContract, HeaderContract, LoadContract, ListContract, CounterContract):
    """Everything that `ports.py` promises."""
