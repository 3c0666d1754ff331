"""From a value that does not fit its model to one sentence: what, where, and what to do about it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from memsvc.errors import InvalidRequest, MemsvcError, TooLarge
from memsvc.wire.requests import AppendMessages, AppendQuery, ReportUsage, unprintable

Model = TypeVar("Model", bound=BaseModel)

_SENTENCES: Mapping[str, str] = {
    "missing": "is missing",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "too_short": "must not be empty",
    "too_long": "has {actual_length} items; at most {max_length} are taken at once",
    "too_many": "has too many members; at most {max_length} are taken",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long; at most {max_length} characters are taken",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "has an unknown value",  # the description lists those that are offered
}
_SHOWN_CHARS = 60


def validate(model: type[Model], value: object, *, noun: str = "member", under: str = "") -> Model:
    """`value` as a `model`. Raises InvalidRequest (or TooLarge) for the first thing wrong with it.
    `under` is the member of the body that `value` is, "" = all of it."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        # Not chained: pydantic's own text quotes the caller's content.
        raise _refusal(model, error, noun, under) from None


def path_of(location: Sequence[int | str]) -> str:
    """`("messages", 2, "content")` as `messages[2].content`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{shown(part)}" if path else shown(part)
    return path


def shown(text: str) -> str:
    """`text` safe to repeat in an error: short, printable, valid UTF-8."""
    short = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
    return "".join(char if not unprintable(char) else f"\\u{ord(char):04x}" for char in short)


def check_name(name: str, of: Literal["session", "user"]) -> str:
    """A name as decoded from the path. Raises InvalidRequest."""
    if not name:
        raise InvalidRequest(f"The {of}'s name is empty; use 1 to 200 characters.", field=of)
    if len(name) > 200:
        raise InvalidRequest(f"The {of}'s name has {len(name)} characters; use 1 to 200.", field=of)
    if unprintable(name):
        raise InvalidRequest(
            f"The {of}'s name has a control character or half a surrogate pair; "
            "use printable text, percent-encoded as UTF-8.",
            field=of,
        )
    return name


def check_idempotency_key(key: str | None) -> str | None:
    """A key, or None. Raises InvalidRequest."""
    if key is not None and not re.fullmatch(r"[\x20-\x7e]{1,255}", key):
        raise InvalidRequest(
            "`Idempotency-Key` must be 1 to 255 printable ASCII characters, such as a UUID.",
            field="Idempotency-Key",
        )
    return key


def check_append(body: AppendMessages) -> None:
    """What the model cannot say: `ids` and `at` go with `messages`. Raises InvalidRequest."""
    for field, values in (("ids", body.ids), ("at", body.at)):
        if values is not None and len(values) != len(body.messages):
            raise InvalidRequest(
                f"`{field}` has {len(values)} items for {len(body.messages)} messages; "
                "send one per message, or leave it out.",
                field=field,
            )
    seen: set[str] = set()
    for index, name in enumerate(body.ids or ()):
        if name in seen:
            raise InvalidRequest(
                f"`ids[{index}]` repeats an id of the same request; every message needs its own.", field="ids"
            )
        seen.add(name)


def check_usage(usage: Mapping[str, object] | None) -> ReportUsage | None:
    """The `usage` of an append where it is a whole report; None where it is the provider's bare object.
    Raises InvalidRequest."""
    if usage is None or "usage" not in usage:
        return None
    return validate(ReportUsage, usage, under="usage")


def check_append_query(query: AppendQuery) -> None:
    """`max_tokens` and `marks` say nothing without `context`. Raises InvalidRequest."""
    for field in ("max_tokens", "marks"):
        if query.context is None and getattr(query, field) is not None:
            raise InvalidRequest(
                f"`{field}` only has a meaning together with `context`; add that or leave it out.",
                field=field,
            )


def _refusal(model: type[BaseModel], error: ValidationError, noun: str, under: str) -> MemsvcError:
    details = error.errors(include_url=False, include_input=False)
    # An unknown name goes first: it explains the missing one that it was meant to be.
    first = next((d for d in details if d["type"] == "extra_forbidden"), details[0])
    location = first["loc"]
    above = (under,) if under else ()
    field = path_of((*above, *location)) or "body"
    if first["type"] == "extra_forbidden":
        return InvalidRequest(_unknown(model, location, noun, field), field=field)
    if first["type"] == "too_long" and first["ctx"].get("actual_length") is None:  # an object: nothing of it is a list
        first = {**first, "type": "too_many"}
    known = _SENTENCES.get(first["type"])
    what = known.format_map(first.get("ctx", {})) if known else first["msg"]
    sentence = f"`{field}` {what}. {_description(model, location)}".rstrip()
    kind = TooLarge if first["type"] in ("too_long", "too_many") else InvalidRequest
    return kind(sentence, field=field)


def _unknown(model: type[BaseModel], location: Sequence[int | str], noun: str, field: str) -> str:
    name = str(location[-1])
    known = list(_owner(model, location).model_fields)
    near = difflib.get_close_matches(name[:200], known, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else "."
    return f"Unknown {noun} `{field}`{hint} Known here: {', '.join(known) or 'none'}."


def _owner(model: type[BaseModel], location: Sequence[int | str]) -> type[BaseModel]:
    """The model that holds the last part of `location`."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        inner = next((t for t in _types(field.annotation) if _is_model(t)), None) if field else None
        model = inner or model
    return model


def _types(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *getattr(annotation, "__args__", ()))


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _description(model: type[BaseModel], location: Sequence[int | str]) -> str:
    names = [part for part in location if isinstance(part, str)]
    field = _owner(model, names).model_fields.get(names[-1]) if names else None
    return (field.description or "") if field else "Send one JSON object."
