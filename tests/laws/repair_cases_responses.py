"""Every repair of the `responses` format by example: a log of items, and what is sent of it."""

from __future__ import annotations

from typing import Any

from memsvc.core.model import Format
from tests.laws.repair_cases import BYE, HASHED, HI, NO_RESULT, PNG, THOUGHT, A, O, assistant, result, text, use, user
from tests.laws.writer import Json

R: Format = "responses"
IMAGE = {"type": "input_image", "image_url": "https://a.b/c"}


def call(name: str, arguments: str = "{}", **more: Any) -> Json:
    return {"type": "function_call", "call_id": name, "name": "run", "arguments": arguments} | more


def free(name: str, **more: Any) -> Json:
    return {"type": "custom_tool_call", "call_id": name, "name": "run", "input": "x"} | more


def output(name: str, said: Any = "x", **more: Any) -> Json:
    return {"type": "function_call_output", "call_id": name, "output": said} | more


def thought(name: str = "rs_1", **more: Any) -> Json:
    return {"type": "reasoning", "id": name, "summary": [], "encrypted_content": "gAAA="} | more


def said(words: str = "a", **more: Any) -> Json:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": words}]} | more


def asked(*parts: Json, **more: Any) -> Json:
    return {"type": "message", "role": "user", "content": list(parts)} | more


def part(words: str, **more: Any) -> Json:
    return {"type": "input_text", "text": words} | more


def note(words: str, role: str = "user") -> Json:
    """A message as the renderer writes it."""
    return {"type": "message", "role": role, "content": words}


CASES: dict[str, list[tuple[list[Json], list[Json]]]] = {
    "id-used": [
        (
            [HI, call("a"), call("a"), output("a", "1"), output("a", "2")],
            [HI, call("a"), call("a_3"), output("a", "1"), output("a_3", "2")],
        ),
        (
            [HI, {"type": "mcp_approval_request", "id": "a", "name": "f"}, HI, call("a"), output("a")],
            [HI, {"type": "mcp_approval_request", "id": "a", "name": "f"}, HI, call("a_4"), output("a_4")],
        ),
    ],
    "id-illegal": [
        ([HI, call("no id!"), output("no id!")], [HI, call("no id!"), output("no id!")]),
        (
            [HI, call("x" * 65), output("x" * 65)],
            [HI, call("call_9537c5fdf120482f7d58d25e"), output("call_9537c5fdf120482f7d58d25e")],
        ),
    ],
    "result-missing": [
        (
            [HI, call("a"), call("b"), output("b"), HI],
            [HI, call("a"), call("b"), output("b"), output("a", NO_RESULT), HI],
        ),
        ([HI, free("a")], [HI, free("a"), {"type": "custom_tool_call_output", "call_id": "a", "output": NO_RESULT}]),
        (
            [HI, {"type": "shell_call", "call_id": "a", "action": {}}, HI, BYE],
            [
                HI,
                {"type": "shell_call", "call_id": "a", "action": {}},
                {
                    "type": "shell_call_output",
                    "call_id": "a",
                    "output": [{"stdout": "", "stderr": NO_RESULT, "outcome": {"type": "exit", "exit_code": 1}}],
                },
                HI,
                BYE,
            ],
        ),
        (
            [HI, {"type": "apply_patch_call", "call_id": "a"}, {"type": "local_shell_call", "call_id": "b"}],
            [
                HI,
                {"type": "apply_patch_call", "call_id": "a"},
                {"type": "local_shell_call", "call_id": "b"},
                {"type": "apply_patch_call_output", "call_id": "a", "status": "failed", "output": NO_RESULT},
                {"type": "local_shell_call_output", "id": "b", "output": NO_RESULT},
            ],
        ),
        ([HI, {"type": "new_call", "call_id": "a"}, HI], [HI, {"type": "new_call", "call_id": "a"}, HI]),
    ],
    "result-late": [
        (
            [HI, call("b"), HI, said(), output("b", [part("late"), IMAGE])],
            [
                HI,
                call("b"),
                output("b", NO_RESULT),
                HI,
                said(),
                note("[result of tool call b, seq 5]\nlate\n[image omitted, seq 5]"),
            ],
        ),
        (
            [HI, {"type": "shell_call", "call_id": "a"}, output("a")],
            [
                HI,
                {"type": "shell_call", "call_id": "a"},
                {
                    "type": "shell_call_output",
                    "call_id": "a",
                    "output": [{"stdout": "", "stderr": NO_RESULT, "outcome": {"type": "exit", "exit_code": 1}}],
                },
                note("[result of tool call a, seq 3]\nx"),
            ],
        ),
    ],
    "results-first": [([HI, call("a"), HI, output("a")], [HI, call("a"), output("a"), HI])],
    "result-without-content": [
        (
            [HI, call("a"), call("b"), output("a", None), output("b", [part(" ")])],
            [HI, call("a"), call("b"), output("a", ""), output("b", "")],
        ),
    ],
    "output-type": [
        (
            [HI, free("a"), output("a")],
            [HI, free("a"), {"type": "custom_tool_call_output", "call_id": "a", "output": "x"}],
        ),
    ],
    "arguments-not-an-object": [([HI, call("a", "["), output("a")], [HI, call("a", '{"_raw":"["}'), output("a")])],
    "arguments-blank": [
        (
            [HI, call("a", " "), free("b", input=None), output("a"), output("b")],
            [HI, call("a"), free("b", input=""), output("a"), output("b", type="custom_tool_call_output")],
        ),
    ],
    "blank": [
        ([HI, said(" "), asked(), asked(part("\t"), part("x")), BYE | {"content": ""}], [HI, asked(part("x"))]),
    ],
    "lead": [([BYE, HI], [BYE, HI])],
    "system-later": [([HI, asked(part("x"), role="developer")], [HI, asked(part("x"), role="developer")])],
    "output-only": [
        (
            [
                asked(part("a", annotations=[], logprobs=[]), id="msg_0", status="completed"),
                thought(status="completed"),
                said(id="msg_1", status="completed", created_by="x"),
            ],
            [asked(part("a")), thought(), said(id="msg_1")],
        ),
    ],
    "marks": [
        (
            [
                asked(part("a", prompt_cache_breakpoint={"mode": "explicit"}), IMAGE | {"cache_control": {}}),
                call("a", cache_control={}),
                output("a", [part("x", cache_control={})]),
            ],
            [asked(part("a"), IMAGE), call("a"), output("a", [part("x")])],
        ),
    ],
    "null": [
        (
            [HI, thought(encrypted_content=None, content=None), call("a", caller=None), output("a", id=None)],
            [HI, {"type": "reasoning", "id": "rs_1", "summary": []}, call("a"), output("a")],
        ),
    ],
    "part-type": [
        (
            [
                asked(
                    text("a"),
                    {"type": "output_text", "text": "b", "annotations": []},
                    {"type": "refusal", "refusal": "c"},
                ),
                said() | {"content": [part("d"), {"type": "refusal", "refusal": "e"}]},
            ],
            [
                asked(part("a"), part("b"), part("c")),
                said() | {"content": [{"type": "output_text", "text": "d"}, {"type": "refusal", "refusal": "e"}]},
            ],
        ),
    ],
    "compaction-trigger": [([HI, {"type": "compaction_trigger"}, BYE], [HI, BYE])],
    "reasoning-last": [
        ([HI, thought(), HI, said(id="m"), thought("rs_2")], [HI, HI, said(id="m")]),
        ([HI, thought(), thought("rs_2"), said()], [HI, thought(), thought("rs_2"), said()]),
        ([HI, thought(), said(" "), call("a", id="fc_1"), output("a")], [HI, call("a"), output("a")]),
    ],
    "item-id-used": [
        (
            [HI, thought(), said(id="m"), thought(), said(id="m"), HI],
            [HI, thought(), said(id="m"), said(), HI],
        ),
        (
            [
                HI,
                call("a", id="fc"),
                output("a", id="fo"),
                call("b", id="fc"),
                output("b", id="fo"),
                {"type": "web_search_call", "id": "fc"},
                {"type": "item_reference", "id": "fo"},
            ],
            [
                HI,
                call("a", id="fc"),
                output("a", id="fo"),
                call("b"),
                output("b"),
                note("[web_search_call omitted, seq 6]", "assistant"),
                note("[item_reference omitted, seq 7]", "assistant"),
            ],
        ),
    ],
    "item-id-alone": [
        (
            [said(id="m"), call("a", id="fc"), output("a"), said("b", id="m2")],
            [said(), call("a"), output("a"), said("b", id="m2")],
        ),
    ],
    "cannot-carry": [
        (
            [HI, said() | {"content": [IMAGE]}, call("a"), output("a", [{"type": "input_audio", "input_audio": {}}])],
            [
                HI,
                said("[image omitted, seq 2]"),
                call("a"),
                output("a", [part("[audio omitted, seq 4]")]),
            ],
        ),
    ],
}
"""In their own format."""

ACROSS: dict[str, list[tuple[Format, Format, list[Json], list[Json]]]] = {
    "id-illegal": [
        (R, A, [HI, call("no id!"), output("no id!")], [HI, assistant(use(HASHED)), user(result(HASHED, content="x"))]),
    ],
    "name": [(O, R, [HI | {"name": "ann"}], [note("ann: hi")])],
    "cannot-carry": [
        (
            R,
            O,
            [HI, {"type": "web_search_call"}, said(), {"type": "compaction", "encrypted_content": "x"}],
            [HI, BYE | {"content": "[web_search_call omitted, seq 2]\na\n[compaction omitted, seq 4]"}],
        ),
        (
            A,
            R,
            [
                user(text("x"), {"type": "image", "source": PNG}, {"type": "new"}),
                assistant({"type": "image", "source": PNG}),
            ],
            [
                asked(
                    part("x"),
                    {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBORw=="},
                    part("[new omitted, seq 1]"),
                )
                | {"type": "message"},
                note("[image omitted, seq 2]", "assistant"),
            ],
        ),
    ],
    "thinking-elsewhere": [
        (A, R, [HI, assistant(THOUGHT, text("a")), HI], [note("hi"), note("a", "assistant"), note("hi")]),
        (R, A, [HI, thought(), said(), HI], [HI, assistant(text("a")), HI]),
        (R, O, [HI, thought(), HI], [HI, HI]),
    ],
    "error-elsewhere": [
        (
            A,
            R,
            [HI, assistant(use("a")), user(result("a", content="x", is_error=True))],
            [note("hi"), call("a"), output("a", "[error] x")],
        ),
    ],
    "system-later": [
        (R, A, [HI, asked(part("s"), role="developer")], [HI, user(text("<system_message>\ns\n</system_message>"))]),
    ],
}
"""(format, target, log, what is sent)."""
