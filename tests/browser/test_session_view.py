"""One conversation: its history beside its context, how one became the other, and what can be done to it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.filling import SMALL, Json, Store, turn
from tests.browser.looking import beside, look_again, message, open_session
from tests.browser.watching import Watch
from tests.processes.running import Running

CUT_OFF = {"name": "Cut off after this message?"}


async def three_epochs(store: Store, name: str) -> Json:
    """A session of Anthropic's format whose context was compacted three times; its document."""
    await store.put(name, system="You find parcels.", format="anthropic", model="claude-sonnet-5-5")
    await store.chat(name, 30)
    for first in (30, 50):
        await store.append(name, [m for number in range(first, first + 20) for m in turn(number)])
        await store.compact(name)
    await store.append(name, turn(70))
    found: Json = await store.call("GET", "", session=name)
    assert found["epoch"] == 3
    return found


async def test_history_beside_context(page: Page, server: Running, store: Store) -> None:
    name = "view/beside"
    doc = await three_epochs(store, name)
    await open_session(page, server.url, name)
    context: Json = await store.call("GET", "/context?format=anthropic", session=name)

    # The last message of the context is the last of the log; the one before the cut stands behind the summary.
    await expect(beside(page)).to_contain_text(f"Summary of messages 1 to {doc['cut']}")
    await expect(message(page, doc["cut"])).to_contain_text(re.compile("in the summary|left out of it"))
    await expect(message(page, doc["cut"] + 1)).to_have_attribute("data-stand", "verbatim")
    await expect(beside(page)).to_contain_text("Parcel 7070 left hub")

    # A boundary stands where the document has a mark, and A, B, D, C are in the order of the design.
    lines = (
        await beside(page)
        .locator(".part, .boundary")
        .evaluate_all("all => all.map(e => e.matches('.boundary') ? e.innerText : 'part')")
    )
    assert [re.sub("( up to here|:).*", "", line) for line in lines] == boundaries(context)
    assert "for 5m" in next(line for line in lines if "mark B" in line)

    # A statement names messages; its chip brings one into sight and marks it.
    chip = beside(page).locator(".chip").first
    seq = int((await chip.inner_text()).removeprefix("#"))
    await chip.focus()
    await page.keyboard.press("Enter")
    await expect(message(page, seq)).to_be_focused()
    await expect(message(page, seq)).to_be_in_viewport()
    await expect(message(page, seq)).to_have_class(re.compile("meant"))
    await expect(message(page, seq)).to_contain_text("in the summary")


def boundaries(context: Json) -> list[str]:
    """What the view has to show of a context: its parts, and where caches may end."""
    marks = [at for at, each in enumerate(context["messages"]) if "cache_control" in json.dumps(each)]
    found = ["part", "cache mark A"] if "cache_control" in json.dumps(context["system"]) else ["part"]
    for at in range(len(context["messages"])):
        found.append("part")
        if at in marks:
            letter = "B" if at == 0 else "C" if at == marks[-1] else "D"
            found.append(f"cache mark {letter}")
        if at + 1 == context["stable_prefix"]["messages"]:
            found.append("stable")
    return found


async def test_through_the_epochs(page: Page, server: Running, store: Store) -> None:
    name = "view/epochs"
    doc = await three_epochs(store, name)
    summaries = (await store.call("GET", "/summaries", session=name))["summaries"]
    await open_session(page, server.url, name)
    slider = page.get_by_role("slider", name="Epochs")
    told = page.locator(".stepper").locator("..").get_by_text(re.compile("^Epoch "))
    await expect(told).to_contain_text(f"Epoch 3 (now): messages 1 to {doc['cut']} behind")
    await expect(page.get_by_role("button", name="Later epoch")).to_be_disabled()

    await slider.focus()
    await page.keyboard.press("ArrowLeft")
    await expect(told).to_contain_text(f"Epoch 2: messages 1 to {summaries[1]['to']}")
    await expect(slider).to_be_focused()
    await expect(slider).to_have_attribute("aria-valuetext", re.compile("^Epoch 2"))
    await expect(beside(page)).to_contain_text(f"Summary of messages 1 to {summaries[1]['to']}")
    await expect(page.get_by_role("heading", name="Context of epoch 2")).to_be_visible()
    await expect(message(page, doc["last_seq"])).to_contain_text("not written yet")
    await expect(message(page, doc["cut"])).to_have_attribute("data-stand", "verbatim")

    back = page.get_by_role("button", name="Earlier epoch")
    await back.focus()
    await page.keyboard.press("Enter")
    await expect(told).to_contain_text("Epoch 1:")
    await expect(back).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(told).to_have_text("Epoch 0: nothing compacted")
    await expect(slider).to_be_focused()  # the button has nothing left to do
    await expect(beside(page)).to_contain_text("No summary yet: the whole log was the context.")
    await beside(page).get_by_role("button", name="Show them in the history").click()
    await expect(message(page, 1)).to_be_in_viewport()
    await expect(message(page, 1)).to_have_attribute("data-stand", "verbatim")

    # Dragged to the end and back: the handle stays in the hand.
    box = await slider.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    await page.mouse.move(box["x"] + 8, y)
    await page.mouse.down()
    for step in (1 / 3, 2 / 3, 1.0):
        await page.mouse.move(box["x"] + step * box["width"], y)
    await expect(told).to_contain_text("Epoch 3 (now)")
    await page.mouse.move(box["x"] + box["width"] / 3, y)
    await page.mouse.up()
    await expect(told).to_contain_text("Epoch 1:")

    # With the mode manual the summary of an earlier epoch stays in force.
    await store.put(name, policy={**SMALL, "mode": "manual"})
    await page.get_by_role("button", name="Put this summary in force again").click()
    await expect(page.locator(".news")).to_have_text("The summary of epoch 1 is in force again, as epoch 4.")
    await expect(told).to_contain_text(f"Epoch 4 (now): messages 1 to {summaries[0]['to']} behind")
    await expect(beside(page)).to_contain_text("Question 69")
    behind = summaries[0]["to"]
    told_so = f"Of {doc['last_seq']} messages {behind} stand behind the summary, {doc['last_seq'] - behind} are word"
    await expect(page.get_by_role("img", name=told_so)).to_be_visible()
    await expect(message(page, 1)).to_have_attribute("data-stand", "covered")


async def test_what_can_be_done(page: Page, server: Running, store: Store, tmp_path: Path) -> None:
    name = "view/done?#/%2F"
    await store.put(name, policy={**SMALL, "mode": "manual"})
    await store.append(name, [m for number in range(30) for m in turn(number)])
    await open_session(page, server.url, name)
    news = page.locator(".news")

    pin = message(page, 2).get_by_role("button", name="Pin message 2")
    await pin.focus()
    await page.keyboard.press("Enter")
    await expect(message(page, 2).locator(".tag")).to_have_text("pinned")
    await expect(message(page, 2).get_by_role("button", name="Unpin message 2")).to_be_focused()
    assert [p["seq"] for p in (await store.call("GET", "/pins", session=name))["pins"]] == [2]

    await page.get_by_role("button", name="Compact now").click()
    await expect(news).to_have_text("Compacted: this is epoch 1.")
    await expect(beside(page).locator(".piece.summary")).to_contain_text("Parcel 7000 left hub 0")
    await expect(message(page, 2)).to_contain_text("in the summary")
    # The line ends where the context is now, not where it was when the last message came.
    doc = await store.call("GET", "", session=name)
    growth = page.locator("section.panel", has=page.get_by_role("heading", name="Tokens, message by message"))
    await growth.get_by_text("As a table").click()
    last = growth.locator("tbody tr").last.locator("th, td")
    tokens = doc["tokens"]
    await expect(last).to_have_text([str(doc["last_seq"]), f"{tokens['full']:,}", f"{tokens['context']:,}"])
    await message(page, 2).get_by_role("button", name="Unpin message 2").click()
    await expect(message(page, 2).locator(".tag", has_text="pinned")).to_have_count(0)
    await page.get_by_role("button", name="Compact now").click()
    await expect(news).to_contain_text("Nothing was compacted")

    await beside(page).locator(".chip").last.click()  # brings the end of what the summary stands for
    after = message(page, 58).get_by_role("button", name="Cut off after message 58")
    await after.click()
    dialog = page.get_by_role("dialog", **CUT_OFF)
    await expect(dialog).to_contain_text("Messages 59 to 60 leave the context.")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(after).to_be_focused()
    assert (await store.call("GET", "", session=name))["messages"] == 60
    await after.click()
    await dialog.get_by_role("button", name="Cut off").click()
    await expect(news).to_have_text("Messages after 58 are superseded.")
    await expect(message(page, 59)).to_have_attribute("data-stand", "superseded")
    await expect(message(page, 58)).to_have_attribute("data-stand", "verbatim")
    await expect(beside(page)).not_to_contain_text("Question 29")
    await expect(message(page, 59).get_by_role("button")).to_have_count(0)

    async with page.expect_download() as download:
        await page.get_by_role("button", name="Export").click()
    file = await download.value
    assert file.suggested_filename == "view_done_2F.json"
    await file.save_as(tmp_path / "saved.json")
    saved: Any = json.loads((tmp_path / "saved.json").read_text())
    history = await store.call("GET", "/history?limit=500", session=name)
    assert saved["messages"] == history["messages"]
    assert len(saved["messages"]) == 60
    assert [s["text"] for s in saved["summaries"]] == [
        s["text"] for s in (await store.call("GET", "/summaries", session=name))["summaries"]
    ]


async def test_it_goes_on_by_itself(page: Page, server: Running, store: Store, watch: Watch) -> None:
    name = "view/alive"
    await store.put(name, system="Only this.", format="anthropic", policy=SMALL)
    watch.allow("status 422", "status of 422")  # of no message there is no context
    await open_session(page, server.url, name)
    await expect(page.get_by_role("region", name="History", exact=True)).to_have_text("No message yet.")
    await expect(page.get_by_text("nothing is compacted", exact=True)).to_be_visible()

    await store.append(name, turn(0)[:1])
    await look_again(page)
    await expect(message(page, 1)).to_contain_text("Question 0")
    await expect(page.get_by_text("No message yet.")).to_have_count(0)
    await expect(beside(page)).to_contain_text("Question 0")
    await expect(beside(page)).to_contain_text("Only this.")
    await message(page, 1).get_by_role("button", name="Pin message 1").focus()
    await store.append(name, turn(0)[1:])
    await look_again(page)
    await expect(message(page, 2)).to_contain_text("Parcel 7000")
    await expect(message(page, 1).get_by_role("button", name="Pin message 1")).to_be_focused()

    compact = page.get_by_role("button", name="Compact now")
    await compact.focus()
    await store.append(name, [m for number in range(1, 30) for m in turn(number)])
    await store.compact(name)
    await look_again(page)
    await expect(beside(page)).to_contain_text("Summary of messages 1 to")
    await expect(message(page, 1)).to_have_attribute("data-stand", "covered")
    await expect(compact).to_be_focused()
    await store.call("DELETE", "/messages/1", session=name)
    await look_again(page)
    await expect(message(page, 1)).to_have_attribute("data-stand", "redacted")

    watch.allow("status 404", "status of 404")
    await store.call("DELETE", "", session=name)
    await look_again(page)
    await expect(page.locator("#live")).to_contain_text("Not up to date")
    await store.append(name, [{"role": "user", "content": "Another one by that name"}])
    await look_again(page)
    await expect(message(page, 1)).to_contain_text("Another one by that name")
    await expect(page.get_by_role("article")).to_have_count(1)
    await expect(page.locator("#live")).to_have_text("Live")
