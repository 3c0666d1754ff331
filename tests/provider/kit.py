"""What the tests of the stand-in provider share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

START = 1_800_000_000.0
NOTES = (
    "Write the notes of the transcript. At most 400 tokens.\n### Intent\n### State\n### Next steps\n"
    "- Your answer is the notes and nothing else."
)
TRANSCRIPT = "\n".join(
    f'<message seq="{n}" from="{who}">\nStep {n}: {what} in /srv/app/v{n}.py took {n * 7} ms.\n</message>'
    for n, who, what in [(i, ("user", "assistant")[i % 2], ("the build", "the query")[i % 2]) for i in range(1, 40)]
)
ASKED = f"<transcript>\n{TRANSCRIPT}\n</transcript>\n\n<instruction>\n{NOTES}\n</instruction>"
HEADINGS = ["### Intent", "### State", "### Next steps"]


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def words(count: int) -> str:
    """A text of exactly `count` tokens for the counter of these tests, which counts spaces."""
    return "word " * count


def count(text: str) -> int:
    """Tokens for most tests: one for each space, at least one."""
    return max(1, text.count(" "))


def user(*content: Any) -> Any:
    """A user message."""
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


def assistant(*content: Any) -> Any:
    """An assistant message."""
    return {"role": "assistant", "content": content[0] if isinstance(content[0], str) else list(content)}


def text(value: str, mark: str | None = None) -> dict[str, Any]:
    """A block of text; `mark` is the ttl of its cache mark."""
    block: dict[str, Any] = {"type": "text", "text": value}
    return block | ({"cache_control": {"type": "ephemeral", "ttl": mark}} if mark else {})


def call(ident: str, name: str = "look") -> dict[str, Any]:
    """A tool_use block."""
    return {"type": "tool_use", "id": ident, "name": name, "input": {}}


def result(ident: str) -> dict[str, Any]:
    """A tool_result block."""
    return {"type": "tool_result", "tool_use_id": ident, "content": "found"}


TOOL: Any = {
    "name": "look",
    "description": "Look something up.",
    "input_schema": {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]},
}
FUNCTION: Any = {"type": "function", "function": {"name": "look", "parameters": TOOL["input_schema"]}}
FLAT_FUNCTION: Any = {"type": "function", "name": "look", "parameters": TOOL["input_schema"], "strict": False}


def back(reply: Any) -> Any:
    """An Anthropic reply as the message that goes into the next request."""
    return {"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in reply.content]}


def without_thinking(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The messages, their thinking blocks taken out."""
    for message in messages:
        content = message["content"]
        if isinstance(content, list):
            content = [b for b in content if b.get("type") != "thinking"]
        yield {**message, "content": content}
