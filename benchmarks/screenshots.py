"""Pictures of the dashboard over a store, in sizes and colour schemes.

    python -m benchmarks.screenshots --store sqlite:///sample.db [--out FOLDER] [--views overview sessions session:NAME]
                                     [--sizes 1440x900 390x844] [--schemes light dark] [--whole]

Starts `memsvc serve` over the store and the Chromium of this machine; prints the path of each picture, and what the
page complained about. Exit code 1 for a view that was not drawn, or for a complaint. `--url` takes a running server.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks import chromium
from benchmarks.serving import memsvc_server

READY = "body[data-ready=true]"
"""Is there once the page has drawn its view. Not a function to wait for: the page forbids code made of text."""
_PATIENCE_MS = 30_000


def main(argv: Sequence[str] | None = None) -> int:
    """Take them; the exit code."""
    args = arguments(argv)
    path = chromium.found()
    if path is None:
        print(chromium.MISSING, file=sys.stderr)
        return 2
    folder = args.out or Path(tempfile.mkdtemp(prefix="memsvc-screenshots-"))
    folder.mkdir(parents=True, exist_ok=True)
    if args.url:
        return asyncio.run(taken(args.url, path, folder, args))
    # Nobody compacts meanwhile: the same store gives the same pictures.
    with memsvc_server(env={"MEMSVC_WORKERS_CONCURRENCY": "0"}, store=args.store) as server:
        return asyncio.run(taken(server.url, path, folder, args))


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--store", metavar="URL", help="a store, such as benchmarks.sample_store fills; only read")
    where.add_argument("--url", help="a running server")
    add("--out", type=Path, help="where the pictures go (a new folder of the system's for such things)")
    add("--views", nargs="+", default=["overview", "sessions"], help="overview, sessions, session:NAME or a fragment")
    add("--sizes", nargs="+", default=["1440x900", "390x844"], help="of the window, in CSS pixels")
    add("--schemes", nargs="+", choices=["light", "dark"], default=["light", "dark"])
    add("--whole", action="store_true", help="the whole page, not what the window shows")
    return parser.parse_args(argv)


def address(view: str) -> str:
    """The page's address of a view, from its root."""
    if view.startswith("session:"):
        return f"/#/session/{quote(view.removeprefix('session:'), safe='')}"
    return {"overview": "/#/", "sessions": "/#/sessions"}.get(view, f"/#/{view.lstrip('#/')}")


async def taken(url: str, path: str, folder: Path, args: argparse.Namespace) -> int:
    """Every view in every size and scheme; the exit code."""
    from playwright.async_api import async_playwright

    wrong = 0
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**chromium.options(path))
        for view in args.views:
            for size in args.sizes:
                for scheme in args.schemes:
                    name = re.sub(r"[^\w.-]+", "_", view)[:60]
                    file = folder / f"{name}-{size}-{scheme}.png"
                    wrong += await _picture(browser, url + address(view), file, (size, scheme, args.whole))
        await browser.close()
    return 1 if wrong else 0


async def _picture(browser: Any, url: str, file: Path, look: tuple[str, str, bool]) -> int:
    """One picture; how many complaints there were."""
    from playwright.async_api import TimeoutError as Late

    size, scheme, whole = look
    width, height = (int(part) for part in size.split("x"))
    said: list[str] = []
    window = {"width": width, "height": height}
    context = await browser.new_context(viewport=window, color_scheme=scheme, locale="en-US", reduced_motion="reduce")
    context.on("console", lambda m: said.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
    context.on("weberror", lambda error: said.append(f"exception: {error.error}"))
    page = await context.new_page()
    await page.goto(url)
    try:
        await page.wait_for_selector(READY, timeout=_PATIENCE_MS)
    except Late:
        said.append("the view was not drawn in time")
    await page.screenshot(path=file, full_page=whole)
    await context.close()
    print(file)
    for line in said:
        print(f"  {line}", file=sys.stderr)
    return len(said)


if __name__ == "__main__":
    raise SystemExit(main())
