"""Errors in the vendors' own shapes, so that their SDKs raise what their users catch; and what vendors' errors say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import orjson

from memsvc.core.vendor_calls import Api
from memsvc.errors import CannotFit, MemsvcError

Repair = Literal["context_overflow", "thinking"]

_ANTHROPIC: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
}
_OPENAI: Mapping[int, str] = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
_OVERFLOW = re.compile(
    r"prompt is too long|context_length_exceeded|maximum context length|exceeds? the (?:available )?context"
    r"|model_context_window_exceeded|exceed_context_size|input is too long|context window",
    re.IGNORECASE,
)
_THINKING = re.compile(
    r"\bthinking\b.{0,200}(?:signature|cannot be modified|bound to a different|must be)|signature.{0,80}\bthinking\b"
    r"|of type 'reasoning' was provided without|invalid_encrypted_content|encrypted content.{0,80}could not be",
    re.IGNORECASE | re.DOTALL,
)


def body_of(error: MemsvcError, api: Api, request_id: str) -> bytes:
    """The JSON of an error of ours as the vendor of `api` writes its own; `code` is ours in both."""
    detail, code = error.detail, error.code
    if isinstance(error, CannotFit):  # as programs know it that look for it
        detail = f"prompt is too long: {detail}"
        code = code if api == "messages" else "context_length_exceeded"
    more: dict[str, Any] = {k: v for k, v in error.extra.items() if k in ("field", "minimum", "retry_after", "period")}
    if api == "messages":
        kind = _ANTHROPIC.get(error.status, "api_error")
        told = {"type": kind, "message": f"memsvc: {detail}", "code": code, **more}
        return _printed({"type": "error", "error": told, "request_id": request_id})
    kind = _OPENAI.get(error.status, "server_error" if error.status >= 500 else "invalid_request_error")
    param = more.pop("field", None)
    told = {"message": f"memsvc: {detail}", "type": kind, "param": param, "code": code, **more}
    return _printed({"error": told})


def status_of(error: MemsvcError) -> int:
    """The status that the vendors give to such an error."""
    return 400 if isinstance(error, CannotFit) else error.status


def repair_for(status: int, body: bytes) -> Repair | None:
    """What could be repaired of a request that a provider has refused with this; None = nothing of it."""
    if status not in (400, 413, 422) or len(body) > 100_000:
        return None
    text = body.decode("utf-8", "replace")
    if _OVERFLOW.search(text):
        return "context_overflow"
    return "thinking" if _THINKING.search(text) else None


def _printed(document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:  # somebody quoted half a surrogate pair
        return orjson.dumps(_clean(document))


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items()}
    return value.encode("ascii", "backslashreplace").decode() if isinstance(value, str) else value
