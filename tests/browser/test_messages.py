"""Messages of every kind, size and number, as the history and the context show them."""

from __future__ import annotations

import base64
import re

from playwright.async_api import Page, Request, expect

from tests.browser.filling import Json, Store
from tests.browser.looking import beside, look_again, message, open_session
from tests.browser.watching import Watch
from tests.processes.running import Running

IMAGE = base64.b64encode(b"\x89PNG" + bytes(300)).decode()
ANTHROPIC: list[Json] = [
    {"role": "user", "content": [
        {"type": "text", "text": "What is in it?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}},
    ]},
    {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "A small picture.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "c2VjcmV0"},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "all of it"}},
    ]},
    {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, "content": [
            {"type": "text", "text": "It is dark."},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}},
        ]},
    ]},
    {"role": "assistant", "content": [{"type": "hologram", "beam": {"colour": "green"}}]},
]  # fmt: skip
OPENAI: list[Json] = [
    {"role": "user", "content": "Weather?"},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}},
        {"id": "call_2", "type": "function", "function": {"name": "clock", "arguments": "no JSON"}},
    ]},
    {"role": "tool", "tool_call_id": "call_1", "content": "Rain"},
    {"role": "tool", "tool_call_id": "call_2", "content": "Noon"},
    {"role": "assistant", "content": None, "refusal": "I will not say."},
]  # fmt: skip
RESPONSES: list[Json] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Ask the tool."}]},
    {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Bonn"}'},
    {"type": "function_call_output", "call_id": "call_1", "output": "Rain"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "rain"}},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Take a coat."}]},
]
SAID = {
    "anthropic": (ANTHROPIC, {
        1: ["user", "What is in it?", r"\[image, \d+ characters as JSON\]"],
        2: ["thinking", "A small picture.", r"\[encrypted\]", "calls look", '"at": "all of it"'],
        3: ["result error", "It is dark.", r"\[image, "],
        4: ["hologram", '"colour": "green"'],
    }),
    "openai": (OPENAI, {
        2: ["calls weather", '"city": "Bonn"', "calls clock", "no JSON"],
        3: ["tool", "result", "Rain"],
        5: ["I will not say."],
    }),
    "responses": (RESPONSES, {
        2: ["assistant", "thinking", "Ask the tool."],
        3: ["assistant", "calls weather", '"city": "Bonn"'],
        4: ["tool", "result", "Rain"],
        5: ["web_search_call", '"query": "rain"'],
        6: ["assistant", "Take a coat."],
    }),
}  # fmt: skip


async def test_every_kind_in_every_format(page: Page, server: Running, store: Store) -> None:
    for format, (messages, said) in SAID.items():
        name = f"kinds/{format}"
        await store.append(name, messages, format=format)
        await open_session(page, server.url, name)
        await expect(page.get_by_role("combobox", name="Format")).to_have_value(format)
        for seq, patterns in said.items():
            await expect(message(page, seq)).to_contain_text(re.compile(r"[\s\S]*".join(patterns)))
        assert await page.locator("article img, article script").count() == 0

    # The same conversation, as another provider would get it.
    await page.get_by_role("combobox", name="Format").select_option("anthropic")
    await expect(beside(page)).to_contain_text("cache mark C")
    await expect(beside(page)).to_contain_text(re.compile(r"calls weather[\s\S]*result[\s\S]*Rain[\s\S]*Take a coat\."))


async def test_long_and_taken_away(page: Page, server: Running, store: Store, watch: Watch) -> None:
    name = "sizes/long"
    await store.put(
        name, policy={"mode": "manual", "max_tokens": 300_000}, tools=[{"name": "find", "input_schema": {}}]
    )
    await store.append(name, [{"role": "user", "content": "0123456789" * 100_000}])
    await store.append(name, [{"role": "assistant", "content": "Secret."}, {"role": "user", "content": "Bye."}])
    await store.call("DELETE", "/messages/2", session=name)
    await open_session(page, server.url, name)
    block = message(page, 1).locator(".said")
    assert len(await block.inner_text()) == 1500
    more = message(page, 1).get_by_role("button", name=re.compile("Show 100,000 more"))
    await more.click()
    assert len(await block.inner_text()) == 101_500
    await expect(message(page, 2)).to_have_attribute("data-stand", "redacted")
    await expect(message(page, 2)).not_to_contain_text("Secret.")
    await expect(message(page, 2).get_by_role("button")).to_have_count(0)
    await expect(beside(page).locator(".names")).to_have_text("find")

    watch.allow("status 422", "status of 422")
    await store.put(name, policy={"mode": "manual", "max_tokens": 50})
    await look_again(page)
    await expect(beside(page)).to_contain_text("max_tokens of the session is 50")
    await expect(message(page, 3)).to_contain_text("Bye.")


async def test_ten_thousand_messages(page: Page, server: Running, store: Store) -> None:
    name = "sizes/many"
    await store.put(name, policy={"mode": "manual"})
    for first in range(0, 10_000, 2_500):
        chunk = [
            {"role": "user" if n % 2 else "assistant", "content": f"Word {n}"} for n in range(first + 1, first + 2_501)
        ]
        await store.append(name, chunk)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/history?" in request.url else None)
    await open_session(page, server.url, name)
    await expect(message(page, 1)).to_contain_text("Word 1")
    opened = len(asked)
    assert opened <= 4
    assert await page.get_by_role("region", name="History").get_by_role("article").count() <= 150
    assert await page.locator("*").count() <= 5_000
    parts = beside(page).locator("section.part")
    await expect(parts).to_have_count(200)
    await beside(page).get_by_role("button", name="Show 160 of 9,800 messages between").click()
    await expect(parts).to_have_count(360)
    await expect(parts.nth(40)).to_contain_text("Word 41")
    await expect(parts.last).to_contain_text("Word 10000")

    await page.goto(f"{server.url}/#/session/sizes%2Fmany?seq=10000")
    await expect(message(page, 10_000)).to_be_in_viewport()
    await expect(message(page, 10_000)).to_be_focused()
    await page.get_by_role("region", name="History").evaluate("box => box.scrollTo(0, 0)")
    await expect(message(page, 1)).to_be_in_viewport()
    assert len(asked) - opened <= 10
    assert await page.get_by_role("region", name="History").get_by_role("article").count() <= 250
