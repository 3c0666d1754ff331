"""The Chromium of this machine, and how it is started; nothing here ever downloads one."""

from __future__ import annotations

import os
import shutil
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = f"no Chromium: none of {', '.join(NAMES)} is on the PATH, and CHROMIUM names none (apt install chromium)"
FLAGS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # no page leaves this machine
)


def found() -> str | None:
    """Its path: what the variable CHROMIUM says, else the first that is on the PATH; None = there is none."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def options(path: str) -> dict[str, Any]:
    """What Playwright's `chromium.launch` takes to start the Chromium at `path`."""
    # Its sandbox does not start as root; anybody else keeps it.
    sandboxed = not hasattr(os, "geteuid") or os.geteuid() != 0
    return {"executable_path": path, "args": list(FLAGS), "chromium_sandbox": sandboxed, "headless": True}
