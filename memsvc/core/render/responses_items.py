"""The vocabulary of Responses API items: which call has which output, and who speaks.

A kind of call is named after its item type: `shell` for `shell_call`. A type that this version
does not know is paired by the same pattern, but nothing is ever put in place of its output.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Pair(Struct, frozen=True):
    """A type of call and the type of its output.

    Attributes:
        key, output_key: the members that hold the call's id.
    """

    call: str
    output: str
    key: str = "call_id"
    output_key: str = "call_id"


PAIRS: Mapping[str, Pair] = {
    "function": Pair("function_call", "function_call_output"),
    "custom": Pair("custom_tool_call", "custom_tool_call_output"),
    "local_shell": Pair("local_shell_call", "local_shell_call_output", output_key="id"),
    "shell": Pair("shell_call", "shell_call_output"),
    "apply_patch": Pair("apply_patch_call", "apply_patch_call_output"),
    "computer": Pair("computer_call", "computer_call_output"),
    "tool_search": Pair("tool_search_call", "tool_search_output"),
    "mcp_approval": Pair("mcp_approval_request", "mcp_approval_response", "id", "approval_request_id"),
}
_BY_CALL = {pair.call: kind for kind, pair in PAIRS.items()}
_BY_OUTPUT = {pair.output: kind for kind, pair in PAIRS.items()}
PLAIN = ("function", "custom")
"""Kinds whose output is text, or a list of content parts."""


def pair_of(kind: str) -> Pair:
    """The item types of a kind of call."""
    return PAIRS.get(kind) or Pair(f"{kind}_call", f"{kind}_call_output")


def kind_of_call(type_: str) -> str | None:
    """The kind of call that an item type stands for; None = it can be no call."""
    return _BY_CALL.get(type_) or _stem(type_, "_call")


def kind_of_output(type_: str) -> str | None:
    """The kind of call that an item of this type answers; None = it answers none."""
    return _BY_OUTPUT.get(type_) or _stem(type_, "_call_output")


def _stem(type_: str, end: str) -> str | None:
    stem = type_.removesuffix(end)
    return stem if stem and stem != type_ else None
