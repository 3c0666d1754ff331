"""memsvc and what one would use in its place, measured in one run; `python -m benchmarks.peers`."""
