"""memsvc: conversation memory that loses nothing, keeps the prompt cache and compacts when due.

`memsvc.open(url)` is a client of a store in this process, `memsvc.client.Client(address)` one of a service.

Reading order for a newcomer, about 20 minutes: `core/model.py` (the nouns), `ports/` (what
the service needs), `service/memory.py` (what it does), `core/policy.py` (when it compacts),
`core/render/tail.py` (why the cache keeps hitting).
"""

import importlib as _importlib
import typing as _typing

if _typing.TYPE_CHECKING:
    from memsvc.embedded import open, open_blocking

__version__ = "0.1.0"

__all__ = ["__version__", "open", "open_blocking"]


def __getattr__(name: str) -> _typing.Any:
    # With the first use: `import memsvc` alone loads nothing of the service.
    if name in ("open", "open_blocking"):
        return getattr(_importlib.import_module("memsvc.embedded"), name)
    raise AttributeError(f"module 'memsvc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
