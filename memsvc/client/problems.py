"""From an answer that is no success to an error of `memsvc.errors`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from memsvc import errors
from memsvc.client.transport import Answer
from memsvc.errors import MemsvcError, SummarizerError, Unavailable

_KINDS = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, MemsvcError)]
_BY_STATUS: Mapping[int, type[MemsvcError]] = {k.status: k for k in _KINDS} | {
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
_OWN = ("type", "title", "status", "code", "detail", "retryable")


def error_of(answer: Answer) -> MemsvcError:
    """The error that an answer tells: `detail`, `code` and `extra` as in the service; `extra["request_id"]` too."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        return unknown_answer()
    document = _document(answer.body)
    code = str(document.get("code", ""))
    kind = _BY_STATUS.get(answer.status, MemsvcError)
    if kind is Unavailable and code.startswith("summar"):
        kind = SummarizerError
    detail = document.get("detail") or f"The service answered with status {answer.status} and did not say why."
    error = kind(str(detail), code=code or None)
    error.extra = {name: value for name, value in document.items() if name not in _OWN}
    error.status = answer.status
    error.retryable = bool(document.get("retryable", error.retryable))
    return error


def unknown_answer() -> MemsvcError:
    """For what no memsvc of this version says."""
    return MemsvcError(
        "The answer is none that this client knows: look whether the address is that of a memsvc, and of which"
        " version.",
        code="unknown_answer",
    )


def _document(body: bytes) -> dict[str, Any]:
    """The problem document; {} for what is none, such as a proxy's page."""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
