"""`make audit`, second part: are there known vulnerabilities in what an installation brings along?

python -m tests.release.audited

Asks pip-audit, and with it a database in the network. pip-audit ends well when that database knows none of the
packages, which is what it says where only a mirror is reached; here that is a failure, with its own words.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """0 = asked about every package and nothing is known, 1 = something is, 3 = not asked."""
    options = ["--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json"]
    command = [sys.executable, "-m", "pip_audit", *options, *sys.argv[1:], "-r", str(ROOT / "requirements.txt")]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except ValueError:
        print(f"NOT AUDITED: {done.stderr.strip()[-300:]}")
        return 3
    skipped = [d["name"] for d in found if "skip_reason" in d]
    known = [(d["name"], d["version"], v["id"]) for d in found for v in d.get("vulns", [])]
    for name, version, number in known:
        print(f"WRONG {name} {version}: {number}")
    if skipped or not found:
        print(f"NOT AUDITED: the database did not answer for {len(skipped)} of {len(found)} packages")
    if known:
        return 1
    if skipped or not found:
        return 3
    print(f"ok    {len(found)} packages, no known vulnerability")
    return 0


if __name__ == "__main__":
    sys.exit(main())
