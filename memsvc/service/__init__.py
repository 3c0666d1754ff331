"""The shell around the core: awaits things in order and decides nothing itself."""

from memsvc.service.memory import Memory

__all__ = ["Memory"]
