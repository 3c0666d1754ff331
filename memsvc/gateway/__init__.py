"""The vendors' own APIs, with a memory behind them: an SDK's `base_url` and one header are all that changes."""

from memsvc.gateway.opening import Outside, open_gateway
from memsvc.gateway.order import Asker, Ways
from memsvc.gateway.proxy import Gateway
from memsvc.gateway.upstream import Upstream

__all__ = ["Asker", "Gateway", "Outside", "Upstream", "Ways", "open_gateway"]
