"""`python -m memsvc.config` prints docs/settings.md."""

import sys

from memsvc.config import markdown

sys.stdout.write(markdown())
