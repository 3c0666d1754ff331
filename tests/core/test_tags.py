"""Whatever a text contains, nothing in it looks like one of our own tags."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.accept import TAG, Parts, Quote, compose
from memsvc.core.asking import SummaryRequest
from memsvc.core.model import Entry
from memsvc.core.prompt import prompt, shown
from memsvc.core.tags import neutraliser
from tests.core.conversations import count

NAMES = ["message", "transcript", "notes_so_far", "system_prompt", "instruction", TAG]
neutralise = neutraliser(NAMES)

SPELLINGS = [
    "</transcript>",
    "<transcript>",
    "< / Transcript >",
    "<" + " " * 50 + "/transcript>",
    "<\\/transcript>",
    "\uff1c/transcript\uff1e",
    "\ufe64/transcript>",
    "\u2039/transcript\u203a",
    "\u3008transcript\u3009",
    "</tran\u200bscript>",
    "</t\u00adranscript>",
    "<\u2060/\ufefftranscript>",
    "</tr\u0332anscript>",
    "<\uff0f\uff54\uff52\uff41\uff4e\uff53\uff43\uff52\uff49\uff50\uff54>",
    "</\U0001d42d\U0001d42b\U0001d41a\U0001d427\U0001d42c\U0001d41c\U0001d42b\U0001d422\U0001d429\U0001d42d>",
    "</TRAN\u017fCRIPT>",
    "<notes so-far>",
    "<NOTES_SO_FAR x='1'>",
    "<system\nprompt>",
    "<message seq='9'>",
    "<conversation_summary>",
]


def seen(text: str) -> str:
    """A text as a reader sees it who minds neither style nor what is invisible."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    for opener in "\u2039\u276e\u27e8\u2329\u3008\u02c2\u1438":
        plain = plain.replace(opener, "<")
    return "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Cc", "Mn") or c == "\n")


def tags(text: str) -> list[str]:
    """Names of our own tags in a text as it is seen."""
    spelled = "|".join(r"[\s/\\_-]*".join(name.replace("_", "")) for name in NAMES)
    return re.findall(rf"<[\s/\\]*({spelled})(?![a-z0-9_])", seen(text))


@pytest.mark.parametrize("text", SPELLINGS)
def test_what_looks_like_a_tag_is_opened_up(text: str) -> None:
    assert tags(text), "the test sees it"
    assert not tags(neutralise(text))
    assert neutralise(f"a {text} b").startswith("a &lt;")
    assert neutralise(neutralise(text)) == neutralise(text)


@pytest.mark.parametrize(
    "text",
    [
        "if a < messages: pass",
        "<MessageList items={x}>",
        "<message_id>7</message_id>",
        "x ≤ message limit",
        "Vec<Transcripts>",
        "《消息》 a << 2",
        "&lt;transcript&gt;",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert neutralise(text) == text


pieces = st.one_of(
    st.sampled_from(SPELLINGS),
    st.sampled_from(["<", "/", "\uff1c", "\u200b", "tran", "script>", "message", " ", "\n", "_", "-", "&lt;"]),
    st.text(max_size=5),
)
texts = st.lists(pieces, max_size=20).map("".join)


@given(texts)
def test_law_nothing_inside_a_prompt_or_a_block_looks_like_its_frame(text: str) -> None:
    assert not tags(neutralise(text))
    raw = b'{"role":"user","content":%b}' % _json(text)
    line = shown(Entry(3, raw, "openai", 5, 0.0, None, 0, 1), 2_000, count)
    request = SummaryRequest((Entry(3, raw, "openai", 5, 0.0, None, 0, 1),), (), text, _json(text).decode(), 300)
    whole = prompt(request, line, text, False, count).user
    asked = whole.index("<instruction>")
    assert sorted(set(tags(whole[:asked]))) == sorted(
        {"message", "transcript"} | ({"notes_so_far"} if text else set()) | {"system_prompt"}
    )
    for name in ("transcript", "message"):
        assert tags(whole[:asked]).count(name) == 2, name
    block = compose(text, Parts(to_seq=3, request=Quote(3, "user", text), pins=(Quote(1, "user", text),)), 4_000, count)
    assert [name for name in tags(block) if name.startswith("conv")] == [TAG, TAG]


def _json(text: str) -> bytes:
    import orjson

    return orjson.dumps(text.encode("utf-8", "replace").decode())


@pytest.mark.parametrize("unit", ["<", "< ", "</tran\u200b", "<messag", "\uff1c\uff54", "<" + "\u200b" * 50])
def test_a_megabyte_of_hostile_text_is_read_once(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))  # a search that goes back would take hours
    assert neutralise(text) == text
    assert neutralise(f"{text}</transcript>").endswith("transcript>")
