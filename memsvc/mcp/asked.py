"""What a tool takes: models that are also the schema that an agent reads, as the bodies of the API are.

Numbers may be written as `5`, `5.0` or `"5"`: models write all three.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from memsvc.core.model import Format
from memsvc.core.search import parse
from memsvc.errors import InvalidRequest
from memsvc.integrations.recall import PARAMETERS
from memsvc.wire.requests import MAX_NUMBER, Body, Name, plain

MOST_MESSAGES = 20
"""Messages that one call adds."""
MOST_CHARS = 50_000
"""Of a message that is added."""
LEAST_BYTES, MOST_BYTES = 2_000, 100_000
"""What an agent may ask of a context in words."""

_RECALL: Any = PARAMETERS["properties"]
_FORMATS = ["text", "anthropic", "openai", "responses"]


def _number(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    return value


def _with_words(text: str) -> str:
    try:
        if parse(text).terms:
            return text
    except InvalidRequest:
        pass
    raise PydanticCustomError("no_words", "has no word to look for")


Seq = Annotated[int, Field(ge=1, le=MAX_NUMBER), BeforeValidator(_number)]
Epoch = Annotated[int, Field(ge=0, le=MAX_NUMBER), BeforeValidator(_number)]
Few = Annotated[int, Field(ge=1, le=20), BeforeValidator(_number)]
Many = Annotated[int, Field(ge=1, le=100), BeforeValidator(_number)]
Bytes = Annotated[int, Field(ge=LEAST_BYTES, le=MOST_BYTES), BeforeValidator(_number)]
Words = Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(plain), AfterValidator(_with_words)]
Start = Annotated[str, Field(max_length=200), AfterValidator(plain)]
Cursor = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(plain)]


class Recalled(Body):
    """Which messages to show. What is no number and no list of them is answered in words."""

    seq: Annotated[Any, WithJsonSchema(_RECALL["seq"])] = None
    seqs: Annotated[Any, WithJsonSchema(_RECALL["seqs"])] = None
    query: Annotated[Any, WithJsonSchema(_RECALL["query"])] = None


class Searched(Body):
    """What to look for."""

    query: Words = Field(description='Words to look for; "phrases" in quotation marks word for word. No operators.')
    limit: Few = Field(8, description="Most results, 1 to 20.")


class Listed(Body):
    """Which sessions to list."""

    prefix: Start = Field("", description="Only sessions whose name begins with this.")
    user: Name | None = Field(None, description="Only sessions of this user.")
    after: Cursor | None = Field(None, description="The `next` of the page before.")
    limit: Many = Field(20, description="Most sessions, 1 to 100.")


class Nothing(Body):
    """A session alone says it all."""


class Fetched(Body):
    """How the context should look."""

    format: Annotated[Literal["text"] | Format, WithJsonSchema({"type": "string", "enum": _FORMATS})] = Field(
        "text",
        description="`text` to read it; `anthropic`, `openai` or `responses` for the request of that API, to hand on.",
    )
    max_bytes: Bytes = Field(24_000, description="With `text`: the most, 2000 to 100000. The newest messages stay.")
    max_tokens: Seq | None = Field(None, description="With the others: a smaller limit; it fits, or is refused.")


class Paged(Body):
    """Which summaries."""

    after: Epoch = Field(0, description="The epoch after which to begin.")
    limit: Few = Field(5, description="Most summaries, 1 to 20.")


class Said(Body):
    """One message."""

    role: Literal["user", "assistant"] = Field(description="Who said it: `user` or `assistant`.")
    content: str = Field(
        min_length=1, max_length=MOST_CHARS, description=f"What was said, 1 to {MOST_CHARS} characters, word for word."
    )


class Remembered(Body):
    """What to add."""

    messages: list[Said] = Field(
        min_length=1, max_length=MOST_MESSAGES, description=f"1 to {MOST_MESSAGES} messages, in order."
    )
    once: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]+$")] | None = Field(
        None,
        description="A key of this call, ASCII without spaces: with it, the same call made twice adds once.",
    )


class Pinned(Body):
    """Which message to keep."""

    seq: Seq = Field(description="Number of the message.")
    pinned: bool = Field(True, description="False: no longer.")


def of_a_session(model: type[Body]) -> type[Body]:
    """The same with a `session`, which comes first."""
    fields: dict[str, Any] = {
        "session": (Name, Field(description="Name of the conversation, 1 to 200 characters.")),
        **{name: (field.annotation, field) for name, field in model.model_fields.items()},
    }
    return create_model(model.__name__, __base__=Body, __doc__=model.__doc__, **fields)
