"""Accessibility rules, checked in the browser by axe-core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
GRAVE = ("serious", "critical")
_RUN = """async (within) => {
  const found = await axe.run(within ?? document, {resultTypes: ["violations"]});
  return found.violations.map((v) => ({
    id: v.id, impact: v.impact, help: v.help,
    nodes: v.nodes.map((n) => ({where: n.target.join(" "), why: n.failureSummary ?? ""})),
  }));
}"""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that is broken: by which elements (CSS selectors), in which scheme, and why by axe's words."""

    rule: str
    impact: str
    scheme: Scheme
    help: str
    where: tuple[str, ...]
    why: str


async def violations(
    page: Page, *, impacts: tuple[str, ...] = GRAVE, schemes: tuple[Scheme, ...] = SCHEMES, within: str | None = None
) -> list[Violation]:
    """Rules of these impacts that the page as it is now breaks, in each colour scheme; `within`: a CSS selector.
    The page is left in the last scheme."""
    broken: list[Violation] = []
    for scheme in schemes:
        await page.emulate_media(color_scheme=scheme)
        if not await page.evaluate("typeof axe === 'object'"):
            await page.evaluate(AXE_SCRIPT)  # by the debugger, which no content security policy holds up
        found: list[dict[str, Any]] = await page.evaluate(_RUN, within)
        broken += [_violation(v, scheme) for v in found if v["impact"] in impacts]
    return broken


def _violation(found: dict[str, Any], scheme: Scheme) -> Violation:
    nodes = found["nodes"]
    where = tuple(node["where"] for node in nodes)
    return Violation(found["id"], found["impact"], scheme, found["help"], where, nodes[0]["why"] if nodes else "")
