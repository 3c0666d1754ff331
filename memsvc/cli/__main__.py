"""`python -m memsvc.cli` prints docs/cli.md."""

import sys

from memsvc.cli.reference import markdown

sys.stdout.write(markdown())
