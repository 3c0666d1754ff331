"""The example of docs/summaries.md is what the service gives."""

from __future__ import annotations

import json
import re
from pathlib import Path

from msgspec.structs import replace

from memsvc.core import accept
from memsvc.core.asking import SummaryRequest
from memsvc.core.extract import read
from memsvc.llm import LocalSummarizer
from memsvc.service.chain import Chain, Wanted
from tests.core.conversations import entry
from tests.service.world import the_counter

PAGE = Path(__file__).resolve().parents[2] / "docs" / "summaries.md"
SPOKEN = 1_772_706_600.0  # 5 March 2026


async def made(talk: list[object], budget: int) -> str:
    counter = the_counter()
    log = tuple(replace(entry(i, m), at=SPOKEN + 90 * i) for i, m in enumerate(talk, 1))
    reading = read(log)
    parts = accept.gather(log, reading=reading)
    told = accept.told(parts, budget, counter.count)
    room = accept.body_budget(parts, budget, counter.count)
    request = SummaryRequest(log, (), None, None, room, reading=reading, told=told)
    chain = Chain([LocalSummarizer(counter.count)], counter)
    return (await chain.write(Wanted(request, parts, budget, replaced=10 * budget))).block


async def test_the_example() -> None:
    page = PAGE.read_text(encoding="utf-8")
    (talk,) = re.findall(r"^```json\n(.*?)^```", page, re.M | re.S)
    (block,) = re.findall(r"^```text\n(.*?)\n```", page, re.M | re.S)
    (size,) = re.findall(r"in (\d+) tokens:", page)
    assert await made(json.loads(talk), int(size)) == block
