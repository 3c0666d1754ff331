"""What tests and benchmarks outside this package may lean on; nothing in the service imports it."""

from memsvc.testing.rules import prefix_breaks, violations

__all__ = ["prefix_breaks", "violations"]
