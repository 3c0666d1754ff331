"""`memsvc show`: a session's story in the terminal."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memsvc.cli import main
from memsvc.cli.terminal import clipped, columns, json_printable, printable, wrapped
from memsvc.core.model import Key, Summary
from memsvc.llm import LocalSummarizer
from tests.service.world import KEY, SMALL, Failing, calls, chat, the_counter, user, world

ROOT = Path(__file__).parents[2]
STRANGE = "Keep the key a1b2-c3d4 \x1b[31mred\x07 \x9b2J \u202eturned\n数据库迁移到新加坡机房"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    path = f"{tmp_path}/m.db"

    async def fill() -> None:
        chain = [Failing(), LocalSummarizer(the_counter().count)]
        async with world(path, summarizers=chain, policy=replace(SMALL, summary_tokens=300)) as w:
            await w.append(user(STRANGE), calls("c"))
            await w.memory.pin(KEY, 1)
            for n in range(2):
                await w.append(*chat(12, tag=f"r{n}t"))
                await w.work()

    asyncio.run(fill())
    return f"sqlite:///{path}"


def test_it_shows_epochs_statements_sources_and_tail(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "s", "--store", store]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("s: 50 messages, epoch 2, mode economic")
    rows = [line.split() for line in shown.splitlines() if " threshold " in line]
    assert [(row[0], row[1], row[-1]) for row in rows] == [(".", "1", "local"), ("*", "2", "local")]
    before, after = (int(rows[1][n].replace(",", "")) for n in (5, 6))
    assert before > after > 0
    assert shown.count("       refused away: the provider is away") == 2
    assert "summary of epoch 2, for messages 1 to " in shown
    assert "\n  Pinned, word for word\n    1        Keep the key a1b2-c3d4" in shown
    assert "\nleft out " in shown
    assert "\nerror    away: the provider is away" in shown
    cut = int(rows[1][4].split("-")[1])
    assert f"--- cut: up to {cut} in the summary, verbatim from here on ---" in shown
    assert f"messages {cut + 1} to 50, verbatim" in shown
    assert "r1t11a;" in shown.splitlines()[-1]
    assert max(map(columns, shown.splitlines())) <= 80
    assert main(["show", "s", "--store", store, "--epoch", "1"]) == 0
    assert "summary of epoch 1, for messages 1 to " in capsys.readouterr().out
    assert main(["show", "s", "--store", store, "--all"]) == 0
    assert capsys.readouterr().out.count("\nleft out ") == 2
    assert main(["show", "s", "--store", store, "--epoch", "7"]) == 1
    assert "no summary of epoch 7" in capsys.readouterr().err


def test_one_message_in_full(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "s", "--store", store, "--seq", "1"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("message 1: user, ")
    assert shown.endswith(f", behind the summary\n\n{STRANGE.translate({0x1B: '', 7: '', 0x9B: '', 0x202E: ''})}\n")
    assert main(["show", "s", "--store", store, "--seq", "1", "--json"]) == 0
    shown = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)
    assert json.loads(shown)["message"] == {"role": "user", "content": STRANGE}
    assert main(["show", "s", "--store", store, "--seq", "2"]) == 0
    assert '"arguments": "{\\"n\\":1}"' in capsys.readouterr().out
    for nowhere in ("0", "-1", "999"):
        assert main(["show", "s", "--store", store, f"--seq={nowhere}"]) == 1
        assert "no message with seq" in capsys.readouterr().err


def test_nothing_that_was_said_can_steer_the_terminal(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ((), ("--all",), ("--json",), ("--json", "--all"), ("--seq", "1")):
        assert main(["show", "s", "--store", store, *more]) == 0
        shown = capsys.readouterr().out
        assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cs") for c in shown)
        assert "\u202e" not in shown


@given(st.text(max_size=200), st.integers(8, 40))
def test_any_text_fits(text: str, width: int) -> None:
    clean = printable(text)
    assert all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") for c in clean)
    assert columns(clipped(clean, width)) <= width
    lines = list(wrapped(clean, width))
    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(clean.split())
    assert json.loads(json_printable(json.dumps(text, ensure_ascii=False))) == text


def test_as_json_and_for_what_is_not_there(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "s", "--store", store, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [s["epoch"] for s in found["summaries"]] == [1, 2]
    assert all(isinstance(s["sources"], list) for s in found["summaries"])
    assert main(["show", "nobody", "--store", store]) == 1
    assert "no session 'nobody'" in capsys.readouterr().err
    assert main(["show", "s", "--store", f"{store}x"]) == 1


def test_a_session_without_summaries_and_one_without_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = f"{tmp_path}/m.db"

    async def fill() -> None:
        async with world(path) as w:
            await w.put(system="Be brief.")
            await w.put(Key("default", "plain"), format="openai")
            await w.append(*chat(1), key=Key("default", "plain"))

    asyncio.run(fill())
    assert main(["show", "plain", "--store", f"sqlite:///{path}"]) == 0
    shown = capsys.readouterr().out
    assert "epoch  when" not in shown
    assert "verbatim, nothing was cut yet:" in shown
    assert main(["show", "s", "--store", f"sqlite:///{path}"]) == 0
    assert "  tail            0        nothing" in capsys.readouterr().out


def test_an_edit_is_part_of_the_story(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def edit() -> None:
        async with world(f"{tmp_path}/m.db", policy=replace(SMALL, summary_tokens=300)) as w:
            first, _ = await w.summaries()
            await w.memory.truncate(KEY, first["to"] + 2)
            await w.append(*chat(12, tag="anew"))
            await w.work()

    asyncio.run(edit())
    assert main(["show", "s", "--store", store]) == 0
    shown = capsys.readouterr().out
    told = shown.split("epoch  when")[1].split("summary of epoch")[0].splitlines()[1:]
    rows = {line[2:7].strip(): line for line in told if line[2:7].strip().isdigit()}
    assert [rows[n][0] for n in "1234"] == [".", "x", " ", "*"]
    assert rows["3"].endswith("an edit, or a summary that was erased with a message")


def test_where_cache_marks_are_and_what_was_paid_and_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = f"{tmp_path}/m.db"
    paid = Summary(
        1, 1, 4, "<conversation_summary>\nit was said\n</conversation_summary>", 20, "haiku", "economic", 2.0
    )
    paid = replace(paid, cost_usd=0.0123, predicted_saving_usd=0.5, replaced_tokens=400)

    async def fill() -> None:
        async with world(path) as w:
            await w.put(system="Be brief.", model="claude-haiku-5-5", tools=[{"name": "t", "input_schema": {}}])
            await w.append(*chat(4), format="anthropic")
            session = await w.store.head(KEY)
            assert session is not None
            await w.store.commit(
                KEY, paid, expect_epoch=0, expect_cut=0, soft_tokens=None, factor=None, renderer=session.renderer
            )

    asyncio.run(fill())
    assert main(["show", "s", "--store", f"sqlite:///{path}"]) == 0
    shown = capsys.readouterr().out
    assert "context, as anthropic gets it (5 messages):" in shown
    marked = {line.split()[0]: "  mark" in line for line in shown.splitlines() if line.startswith("  ")}
    assert {name: marked[name] for name in ("system", "summary", "tail")} == dict.fromkeys(
        ("system", "summary", "tail"), True
    )
    assert "since   revision 3: compacted" in shown
    assert "cost $0.0123, was to save $0.5000" in shown
    assert max(map(columns, shown.splitlines())) <= 80
    assert main(["show", "s", "--store", f"sqlite:///{path}", "--json"]) == 0
    front = json.loads(capsys.readouterr().out)["prefix"]
    assert front["marked"]["summary"] is True
    assert front["stable_prefix"]["messages"] == 5


def test_who_reads_may_have_had_enough(store: str) -> None:
    script = f"{sys.executable} -m memsvc show s --all --store {store} | head -n 1"
    done = subprocess.run(["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("s: 50 messages")
    assert done.stderr == ""
