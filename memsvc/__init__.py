"""memsvc: conversation memory that loses nothing, keeps the prompt cache and compacts when due.

Reading order for a newcomer, about 20 minutes: `core/model.py` (the nouns), `ports/` (what
the service needs), `service/memory.py` (what it does), `core/policy.py` (when it compacts),
`core/render/tail.py` (why the cache keeps hitting).
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
