"""The sample store: what it is filled with is there, whole, through the service as everybody uses it."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.corpus import load
from benchmarks.sample_store import arguments, fill, folders
from benchmarks.sampled import hostile
from memsvc.app import App
from memsvc.config import Config
from memsvc.core.model import Key

NOW = 1_795_000_000.0


def written(folder: Path, conversations: int) -> Path:
    """A data folder with one set."""
    (folder / "parcels").mkdir()
    lines = []
    for number in range(conversations):
        messages = [{"role": "system", "content": "You know every parcel."}]
        for turn in range(12):
            text = f"Parcel {number * 100 + turn} is at depot {turn}. " * 8
            messages += [{"role": "user", "content": f"Where? {text}"}, {"role": "assistant", "content": text}]
        lines.append(json.dumps({"id": f"c{number}", "messages": messages}))
    (folder / "parcels" / "conversations.jsonl").write_text("\n".join(lines))
    return folder


async def test_a_store_is_filled(tmp_path: Path) -> None:
    data = written(tmp_path, 3)
    url = f"sqlite:///{tmp_path / 'sample.db'}"
    counts = ["--sessions", "4", "--messages", "20", "--long", "20", "--many", "5", "--line", "4000"]
    args = arguments(["--data", str(data), "--into", url, *counts, "--now", str(NOW)])
    await fill(args, {path.name: load(path) for path in folders(data)})

    app = App(Config(store=url), log=lambda event: None)
    await app.open(work=False)
    try:
        listed = [
            session
            for tenant in ("default", "acme")
            for session in (await app.memory.list_sessions(tenant, prefix="", user=None, after=None, limit=100))[
                "sessions"
            ]
        ]
        names = {session["session"] for session in listed}
        assert len(names) == 4 + 1 + 5 + 1
        assert all(NOW - 40 * 86_400 < session["updated_at"] <= NOW + 3_600 for session in listed)

        attack = Key("default", hostile.SESSION)
        rows = json.loads(await app.memory.history(attack, after=0, limit=1_000, format=None))["messages"]
        assert [row["message"] for row in rows] == hostile.messages(4_000)
        summaries = (await app.memory.summaries(attack, after=0, limit=100))["summaries"]
        assert hostile.MARK in summaries[-1]["text"]
        assert (await app.memory.get(attack))["tokens"]["context"] < 10_000
        assert not [s for s in listed if s["compaction"]["state"] in ("running", "failed")]
    finally:
        await app.close()
