"""`python -m memsvc.metrics` prints docs/metrics.md."""

import sys

from memsvc.metrics import page

sys.stdout.write(page())
