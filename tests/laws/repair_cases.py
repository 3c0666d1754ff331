"""Every repair by example: a log, and what is sent of it without cache marks."""

from __future__ import annotations

import json
from typing import Any

from memsvc.core.model import Format
from tests.laws.writer import Json

HI: Json = {"role": "user", "content": "hi"}
BYE: Json = {"role": "assistant", "content": "bye"}
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}


def use(name: str, **more: Any) -> Json:
    return {"type": "tool_use", "id": name, "name": "run", "input": {}} | more


def result(name: str, **more: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": name} | more


def text(said: str, **more: Any) -> Json:
    return {"type": "text", "text": said} | more


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def call(name: str, arguments: str = "{}", **more: Any) -> Json:
    return {"id": name, "type": "function", "function": {"name": "run", "arguments": arguments}} | more


def calling(*calls: Json, **more: Any) -> Json:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)} | more


def tool(name: str, content: Any = "x", **more: Any) -> Json:
    return {"role": "tool", "tool_call_id": name, "content": content} | more


NO_RESULT = "[no result was recorded for this call]"
MISSING = result("b", content=NO_RESULT, is_error=True)
LEAD = user(text("[The conversation begins with the assistant.]"))
OMITTED = text("[web_search_tool_result omitted, seq 2]")
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
THOUGHT = {"type": "thinking", "thinking": "", "signature": "s"}
WITHIN = {"caller": {"type": "code_execution", "tool_id": "srvtoolu_1"}}
EMPTY_ERROR = "[the tool failed and said nothing]"
HASHED = "call_3b9cb982863605cf633972a5"

Case = tuple[Format, list[Json], list[Json]]
A: Format = "anthropic"
O: Format = "openai"  # noqa: E741

CASES: dict[str, list[Case]] = {
    "id-used": [
        (
            A,
            [HI, assistant(use("a"), use("a")), user(result("a", content="1"), result("a", content="2"))],
            [HI, assistant(use("a"), use("a_2")), user(result("a", content="1"), result("a_2", content="2"))],
        ),
        (
            O,
            [HI, calling(call("a")), tool("a"), calling(call("a")), tool("a"), calling(call("a_4")), tool("a_4")],
            [
                HI,
                calling(call("a")),
                tool("a"),
                calling(call("a_4")),
                tool("a_4"),
                calling(call("a_4_6")),
                tool("a_4_6"),
            ],
        ),
        (
            O,
            [HI, calling(call("a"), call("a_4")), tool("a"), calling(call("a")), tool("a")],
            [
                HI,
                calling(call("a"), call("a_4")),
                tool("a"),
                tool("a_4", NO_RESULT),
                calling(call("a_4_2")),
                tool("a_4_2"),
            ],
        ),
    ],
    "id-illegal": [
        (A, [HI, assistant(use("no id!")), user(result("no id!"))], [HI, assistant(use(HASHED)), user(result(HASHED))]),
        (
            O,
            [HI, calling(call("")), tool("")],
            [HI, calling(call("call_e3b0c44298fc1c149afbf4c8")), tool("call_e3b0c44298fc1c149afbf4c8")],
        ),
    ],
    "result-missing": [
        (
            A,
            [HI, assistant(use("a"), use("b")), user(result("a")), BYE],
            [HI, assistant(use("a"), use("b")), user(result("a"), MISSING), BYE],
        ),
        (
            O,
            [HI, calling(call("a"), call("b")), tool("b")],
            [HI, calling(call("a"), call("b")), tool("b"), tool("a", NO_RESULT)],
        ),
        (A, [HI, assistant(use("b")), HI], [HI, assistant(use("b")), user(MISSING), HI]),
    ],
    "result-late": [
        (
            A,
            [HI, assistant(use("b")), BYE, user(result("b", content="late"), text("so?"))],
            [
                HI,
                assistant(use("b")),
                user(MISSING),
                BYE,
                user(text("[result of tool call b, seq 4]\nlate")),
                user(text("so?")),
            ],
        ),
        (
            A,
            [HI, assistant(use("a")), user(result("a"), result("a", content="2"))],
            [HI, assistant(use("a")), user(result("a")), user(text("[result of tool call a, seq 3]\n2"))],
        ),
        (O, [HI, tool("x", "?")], [HI, {"role": "user", "content": "[result of tool call x, seq 2]\n?"}]),
    ],
    "results-first": [
        (
            A,
            [
                HI,
                assistant(use("a"), use("b")),
                user(text("one"), result("b"), text("two")),
                HI,
                user(text("three"), result("a")),
            ],
            [
                HI,
                assistant(use("a"), use("b")),
                user(result("b"), result("a"), text("one"), text("two")),
                HI,
                user(text("three")),
            ],
        ),
        (
            O,
            [HI, calling(call("a"), call("b")), tool("b"), {"role": "system", "content": "s"}, HI, tool("a")],
            [HI, calling(call("a"), call("b")), tool("b"), tool("a"), {"role": "system", "content": "s"}, HI],
        ),
    ],
    "result-without-content": [
        (
            A,
            [
                HI,
                assistant(use("a"), use("b"), use("c")),
                user(result("a", content=None), result("b", content=[]), result("c", content=[text(" ")])),
            ],
            [HI, assistant(use("a"), use("b"), use("c")), user(result("a"), result("b"), result("c"))],
        ),
        (
            O,
            [HI, calling(call("a"), call("b")), tool("a", None), tool("b", [])],
            [HI, calling(call("a"), call("b")), tool("a", ""), tool("b", "")],
        ),
    ],
    "error-without-content": [
        (
            A,
            [
                HI,
                assistant(use("a"), use("b")),
                user(result("a", is_error=True), result("b", is_error=True, content=[text("")])),
            ],
            [
                HI,
                assistant(use("a"), use("b")),
                user(result("a", is_error=True, content=EMPTY_ERROR), result("b", is_error=True, content=EMPTY_ERROR)),
            ],
        ),
    ],
    "arguments-not-an-object": [
        (
            A,
            [HI, assistant(use("a", input=[1]))],
            [HI, assistant(use("a", input={"_raw": "[1]"})), user(MISSING | {"tool_use_id": "a"})],
        ),
        (O, [HI, calling(call("a", "{")), tool("a")], [HI, calling(call("a", '{"_raw":"{"}')), tool("a")]),
        (
            O,
            [HI, calling(call("a", '{"a":' * 197 + "1" + "}" * 197)), tool("a")],
            [
                HI,
                calling(call("a", json.dumps({"_raw": '{"a":' * 197 + "1" + "}" * 197}, separators=(",", ":")))),
                tool("a"),
            ],
        ),
        (
            O,
            [HI, calling(call("a", "\u00a0{}")), tool("a")],
            [HI, calling(call("a", '{"_raw":"\u00a0{}"}')), tool("a")],
        ),
    ],
    "arguments-blank": [
        (A, [HI, assistant(use("a", input=None)), user(result("a"))], [HI, assistant(use("a")), user(result("a"))]),
        (
            O,
            [HI, calling(call("a", " "), call("b", "null")), tool("a"), tool("b")],
            [HI, calling(call("a"), call("b")), tool("a"), tool("b")],
        ),
    ],
    "call-without-type": [
        (
            O,
            [HI, calling({"id": "a", "function": {"name": "run", "arguments": "{}"}}), tool("a")],
            [HI, calling(call("a")), tool("a")],
        ),
    ],
    "function-call": [
        (
            O,
            [
                HI,
                {"role": "assistant", "content": None, "function_call": {"name": "run", "arguments": "{}"}},
                {"role": "function", "name": "run", "content": "x"},
            ],
            [HI, calling(call("function_run")), tool("function_run")],
        ),
    ],
    "blank": [
        (
            A,
            [
                HI,
                {"role": "assistant", "content": " \n"},
                user(),
                user(text("\u3000"), text("x")),
                {"role": "system", "content": ""},
            ],
            [HI, user(text("x"))],
        ),
        (
            O,
            [
                HI,
                {"role": "assistant", "content": ""},
                {"role": "user", "content": [text(""), text("x")]},
                {"role": "user", "content": "\t"},
            ],
            [HI, {"role": "user", "content": [text("x")]}],
        ),
    ],
    "lead": [
        (A, [BYE, HI], [LEAD, BYE, HI]),
        (O, [BYE, HI], [BYE, HI]),
        (A, [assistant(use("b"))], [LEAD, assistant(use("b")), user(MISSING)]),
        (A, [assistant(SEARCH)], [LEAD, assistant(SEARCH)]),
    ],
    "system-later": [
        (
            A,
            [HI, {"role": "system", "content": "new rule"}],
            [HI, user(text("<system_message>\nnew rule\n</system_message>"))],
        ),
        (O, [HI, {"role": "developer", "content": "new rule"}], [HI, {"role": "developer", "content": "new rule"}]),
    ],
    "refusal": [
        (
            O,
            [HI, {"role": "assistant", "content": None, "refusal": "No."}, HI],
            [HI, {"role": "assistant", "content": "No."}, HI],
        ),
        (
            O,
            [HI, {"role": "assistant", "content": "I", "refusal": "No."}, HI],
            [HI, {"role": "assistant", "content": "I", "refusal": "No."}, HI],
        ),
    ],
    "output-only": [
        (
            A,
            [
                user(text("a", id="1", annotations=[], citations=[{"type": "x"}])),
                assistant(text("b", citations=[{"type": "x"}]))
                | {"id": "m", "model": "m", "usage": {}, "stop_reason": None},
            ],
            [user(text("a")), assistant(text("b", citations=[{"type": "x"}]))],
        ),
        (O, [HI | {"usage": {}, "content": [text("a", annotations=[{}])]}], [user(text("a"))]),
    ],
    "marks": [
        (
            A,
            [
                user(
                    text("a", cache_control={"type": "ephemeral"}),
                    {"type": "new", "content": [{"x": text("b", cache_control={})}]},
                ),
                assistant(use("a", input={"cache_control": 1}, cache_control={})),
                user(result("a", content=[{"type": "image", "source": PNG, "cache_control": {}}])),
            ],
            [
                user(text("a"), {"type": "new", "content": [{"x": text("b")}]}),
                assistant(use("a", input={"cache_control": 1})),
                user(result("a", content=[{"type": "image", "source": PNG}])),
            ],
        ),
        (O, [user(text("a", cache_control={}, prompt_cache_breakpoint={"mode": "explicit"}))], [user(text("a"))]),
        (
            A,
            [HI, assistant(SEARCH | {"input": {"cache_control": 1}}, FOUND | {"content": [{"cache_control": {}}]})],
            [HI, assistant(SEARCH | {"input": {"cache_control": 1}}, FOUND | {"content": [{}]})],
        ),
    ],
    "null": [
        (
            O,
            [
                HI | {"name": None, "tool_call_id": "x"},
                {"role": "assistant", "content": "a", "tool_calls": [], "refusal": None, "audio": None},
                HI,
            ],
            [HI, {"role": "assistant", "content": "a"}, HI],
        ),
        (
            A,
            [HI, assistant(use("a")), user(result("a", content="x", is_error=None))],
            [HI, assistant(use("a")), user(result("a", content="x"))],
        ),
    ],
    "image-url": [
        (
            O,
            [user({"type": "image_url", "image_url": "https://a.b/c"})],
            [user({"type": "image_url", "image_url": {"url": "https://a.b/c"}})],
        ),
    ],
    "thinking-unsigned": [
        (
            A,
            [HI, assistant({"type": "thinking", "thinking": "x"}, {"type": "redacted_thinking"}, THOUGHT, text("a"))],
            [HI, assistant(THOUGHT, text("a"))],
        ),
    ],
    "thinking-last": [(A, [HI, assistant(text("a"), THOUGHT), assistant(THOUGHT), HI], [HI, assistant(text("a")), HI])],
    "server-tool-unpaired": [
        (A, [HI, assistant(FOUND, text("a"))], [HI, assistant(OMITTED, text("a"))]),
        (A, [HI, assistant(SEARCH), HI], [HI, assistant(text("[server_tool_use omitted, seq 2]")), HI]),
        (
            A,
            [HI, assistant(SEARCH, FOUND), assistant(SEARCH, FOUND), HI],
            [
                HI,
                assistant(SEARCH, FOUND),
                assistant(text("[server_tool_use omitted, seq 3]"), text("[web_search_tool_result omitted, seq 3]")),
                HI,
            ],
        ),
        (
            A,
            [HI, assistant(SEARCH, use("a", **WITHIN)), user(result("a"), text("stop"))],
            [HI, assistant(text("[server_tool_use omitted, seq 2]"), use("a")), user(result("a"), text("stop"))],
        ),
        (
            A,
            [HI, assistant(SEARCH), assistant(FOUND, FOUND)],
            [HI, assistant(SEARCH), assistant(FOUND, text("[web_search_tool_result omitted, seq 3]"))],
        ),
    ],
    "cannot-carry": [
        (
            O,
            [
                HI,
                calling(call("a")),
                tool("a", [text("x"), {"type": "image_url", "image_url": {"url": "https://a.b/c"}}]),
            ],
            [HI, calling(call("a")), tool("a", [text("x"), text("[image omitted, seq 3]")])],
        ),
        (
            A,
            [HI, assistant(text("x"), {"type": "image", "source": PNG}), HI],
            [HI, assistant(text("x"), text("[image omitted, seq 2]")), HI],
        ),
    ],
}

ACROSS: dict[str, list[tuple[Format, list[Json], list[Json]]]] = {
    "name": [
        (
            O,
            [HI | {"name": "ann"}, user(text("a"), text("b")) | {"name": "bob"}],
            [{"role": "user", "content": [text("ann: hi")]}, user(text("bob: a"), text("b"))],
        ),
    ],
    "cannot-carry": [
        (
            A,
            [
                user(
                    {"type": "image", "source": {"type": "file", "file_id": "f"}},
                    {"type": "image", "source": PNG},
                    {"type": "new"},
                ),
                assistant({"type": "image", "source": PNG}, use("a")),
                user(result("a", content=[text("x"), {"type": "image", "source": PNG}])),
            ],
            [
                user(
                    text("[image omitted, seq 1]"),
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                    text("[new omitted, seq 1]"),
                ),
                calling(call("a"), content="[image omitted, seq 2]"),
                tool("a", "x\n[image omitted, seq 3]"),
            ],
        ),
        (
            O,
            [
                user(
                    {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
                    {"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,AA=="}},
                )
            ],
            [user(text("[audio omitted, seq 1]"), text("[image omitted, seq 1]"))],
        ),
    ],
    "thinking-elsewhere": [
        (
            A,
            [HI, assistant(THOUGHT, text("a")), assistant(THOUGHT), HI],
            [HI, {"role": "assistant", "content": "a"}, HI],
        )
    ],
    "error-elsewhere": [
        (
            A,
            [HI, assistant(use("a")), user(result("a", content="x", is_error=True))],
            [HI, calling(call("a")), tool("a", "[error] x")],
        ),
    ],
}
