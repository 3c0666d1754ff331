"""The overview, as somebody sees it who watches the service."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, expect

from tests.browser.filling import Json, Store
from tests.browser.looking import figure, open_view, panel
from tests.processes.running import Running

USED = {"input_tokens": 100, "output_tokens": 50, "cache_read_input_tokens": 900}


async def fill(store: Store) -> Json:
    """Calls of two features and three models, a budget, compactions, a broken prefix; what the figures then are."""
    name = "overview/filled"
    await store.chat(name, 40, format="anthropic", model="claude-sonnet-5-5", system="Be brief.")
    await store.usage(name, "over-1", USED, feature="planning")
    await store.usage(name, "over-2", {"input_tokens": 20_000, "output_tokens": 900}, feature="checking")
    await store.usage(name, "over-3", USED, model="claude-haiku-4-5")
    await store.usage(name, "over-4", USED, model="nobody-knows-it")
    await store.put(name, system="Be verbose.")
    await store.call("PUT", "/v1/budgets", {"budgets": [{"period": "day", "limit_usd": 5}]})
    stats: Json = await store.call("GET", "/v1/stats?period=30d")
    return stats


def dollars(x: float) -> str:
    """As the dashboard writes dollars."""
    digits = 2 if x >= 0.1 else 3 if x >= 0.01 else 4
    return f"${x:.{digits}f}" if x else "$0"


async def test_figures_are_those_of_the_service(page: Page, server: Running, store: Store) -> None:
    stats = await fill(store)
    await open_view(page, server.url)
    await page.get_by_role("button", name="30 days").click()
    await expect(page.get_by_role("button", name="30 days")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_role("button", name="30 days")).to_be_focused()
    await expect(page.get_by_text(f"{stats['from']} to {stats['to']}")).to_be_visible()

    total, compactions, broken = stats["spend"]["total"], stats["compactions"], stats["cache"]["breaks"]
    await expect(figure(page, "Spent")).to_have_text(dollars(total["cost_usd"]))
    await expect(panel(page, "Spent")).to_contain_text(f"{total['calls']} calls, {total['unpriced_calls']} without")
    await expect(figure(page, "Cache hit ratio")).to_have_text(f"{stats['cache']['hit_ratio']:.1%}".replace("%", " %"))
    await expect(figure(page, "Compactions")).to_have_text(str(compactions["count"]))
    lost = sum(b["count"] for b in broken if b["cause"] != "compacted")
    assert lost
    await expect(figure(page, "Broken prefixes")).to_have_text(str(lost))
    assert await rows(page, "Prefix breaks by cause") == {b["cause"]: str(b["count"]) for b in broken}
    assert await rows(page, "Compactions by trigger") == {
        r["reason"]: str(r["count"]) for r in compactions["by_reason"]
    }
    for field, title in (("model", "Spend by model"), ("feature", "Spend by feature")):
        found = await rows(page, title, cell=-1)
        assert found == {r[field]: dollars(r["cost_usd"]) for r in stats["spend"][f"by_{field}"]}
    await expect(panel(page, "Budgets")).to_contain_text("All calls a day")
    await expect(panel(page, "Budgets").get_by_role("meter")).to_have_count(1)


async def rows(page: Page, caption: str, cell: int = 1) -> dict[str, str]:
    """A table's rows: first line of the first cell -> the text of another one."""
    found: dict[str, str] = {}
    for row in await page.get_by_role("table", name=caption, exact=True).locator("tbody tr").all():
        cells = await row.locator("th, td").all_inner_texts()
        found[cells[0].strip().split("\n")[0]] = cells[cell].strip()
    return found


async def test_spend_is_split_and_told_as_a_table(page: Page, server: Running, store: Store) -> None:
    await store.append("overview/split", [{"role": "user", "content": "Hello"}])
    for feature in ("asking", "telling"):
        await store.usage("overview/split", f"split-{feature}", USED, feature=feature)
    await open_view(page, server.url)
    spend = panel(page, "Spend by day")
    await expect(spend.locator(".legend")).to_contain_text("telling")
    await expect(spend.locator("canvas")).to_have_count(1)
    await spend.get_by_role("button", name="By model").focus()
    await page.keyboard.press("Enter")
    await expect(spend.get_by_role("button", name="By model")).to_be_focused()
    await expect(spend.locator(".legend")).to_contain_text("claude-sonnet-5-5")
    await expect(spend.locator(".legend")).not_to_contain_text("telling")

    await spend.get_by_text("As a table").click()
    table = spend.get_by_role("region", name="Spend by day")
    await expect(table.locator("tbody tr")).to_have_count(7)
    stats: Any = await store.call("GET", "/v1/stats")
    day = sum(r["cost_usd"] for r in stats["spend"]["by_day_model"] if r["model"] == "claude-sonnet-5-5")
    column = (await table.locator("thead th").all_inner_texts()).index("claude-sonnet-5-5")
    last = table.locator("tbody tr").last.locator("th, td")
    await expect(last.nth(column)).to_have_text(dollars(day))

    # What is new comes by itself, and takes nothing from whoever reads.
    await store.usage("overview/split", "split-new", USED, model="claude-haiku-4-5")
    await expect(panel(page, "Spend by model")).to_contain_text("claude-haiku-4-5")
    await expect(spend.locator("details")).to_have_attribute("open", "")
    await expect(table.locator("tbody tr")).to_have_count(7)
