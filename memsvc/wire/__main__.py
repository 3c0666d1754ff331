"""`python -m memsvc.wire` prints docs/endpoints.md."""

import sys

from memsvc.wire.reference import markdown

sys.stdout.write(markdown())
