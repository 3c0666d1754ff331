"""`python -m memsvc.doctor` prints docs/doctor.md."""

import sys

from memsvc.doctor.findings import markdown

sys.stdout.write(markdown())
