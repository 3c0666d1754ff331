"""How long the dashboard takes over a store: to its first paint, to a view that is drawn, and each of its requests.

    python -m benchmarks.dashboard --store sqlite:///sample.db [--session NAME] [--rounds N] [--out FOLDER]

Starts `memsvc serve` over the store and the Chromium of this machine. Each round is a new profile: nothing is kept from
the one before. `benchmarks.sample_store --many 100000` makes a large store.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import chromium, report
from benchmarks.screenshots import READY, address
from benchmarks.serving import memsvc_server

HEAD = (
    "view",
    "rounds",
    "first paint p50 ms",
    "max",
    "drawn p50 ms",
    "max",
    "requests",
    "slowest p50 ms",
    "max",
    "which",
)
_PATIENCE_MS = 60_000
_TIMES = """
() => ({
  paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
  now: performance.now(),
  asked: performance.getEntriesByType("resource")
    .map((e) => [new URL(e.name).pathname, e.responseEnd - e.requestStart]),
})
"""


@dataclass(slots=True)
class Looks:
    """What was measured of one view; milliseconds."""

    paints: list[float] = field(default_factory=list)
    drawn: list[float] = field(default_factory=list)
    slowest: list[tuple[float, str]] = field(default_factory=list)
    requests: int = 0

    def row(self, view: str) -> list[Any]:
        """As the table has it."""
        figures: list[Any] = [view, len(self.drawn)]
        for values in (self.paints, self.drawn):
            figures += [report.percentile(values, 0.5), max(values, default=None)]
        late = sorted(self.slowest)
        return [*figures, self.requests, report.percentile([ms for ms, _ in late], 0.5), late[-1][0], late[-1][1]]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the files; the exit code."""
    args = arguments(argv)
    path = chromium.found()
    if path is None:
        print(chromium.MISSING, file=sys.stderr)
        return 2
    views = ["overview", "?period=90d", "sessions", *(f"session:{name}" for name in args.session)]
    with memsvc_server(env={"MEMSVC_WORKERS_CONCURRENCY": "0"}, store=args.store) as server:
        found = asyncio.run(measured(server.url, path, views, args.rounds))
    rows = [found[view].row(view) for view in views]
    text = report.table(HEAD, [[round(v) if isinstance(v, float) else v for v in row] for row in rows])
    print(text)
    figures = {"stamp": report.stamp(["playwright"]), "rows": [dict(zip(HEAD, row, strict=True)) for row in rows]}
    report.write("dashboard", figures, text, args.out)
    return 0


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--store", metavar="URL", required=True, help="a store, such as benchmarks.sample_store fills; only read")
    add("--session", nargs="*", default=[], metavar="NAME", help="sessions to look at too")
    add("--rounds", type=int, default=5)
    add("--out", type=Path, default=report.RESULTS)
    return parser.parse_args(argv)


async def measured(url: str, path: str, views: Sequence[str], rounds: int) -> dict[str, Looks]:
    """Every view, so many times, by turns."""
    from playwright.async_api import async_playwright

    found = {view: Looks() for view in views}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**chromium.options(path))
        await _look(browser, url + "/#/", Looks())  # the browser's own first page is no page's doing
        for _ in range(rounds):
            for view, looks in found.items():
                await _look(browser, url + address(view), looks)
        await browser.close()
    return found


async def _look(browser: Any, url: str, looks: Looks) -> None:
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_selector(READY, timeout=_PATIENCE_MS)
    times = await page.evaluate(_TIMES)
    looks.drawn.append(times["now"])
    if times["paint"] is not None:
        looks.paints.append(times["paint"])
    looks.requests = len(times["asked"])
    looks.slowest.append(max((ms, which) for which, ms in times["asked"]))
    await context.close()


if __name__ == "__main__":
    raise SystemExit(main())
