"""The files and batches of OpenAI."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from memsvc.testing.provider import openai_shape, responses_shape
from memsvc.testing.provider.batches import WINDOW_S, Batch, Result
from memsvc.testing.provider.engine import Written
from memsvc.testing.provider.outcome import STATUS, Api, Fault
from memsvc.testing.provider.tokens import dump

ENDPOINTS: Mapping[str, Api] = {"/v1/chat/completions": "chat", "/v1/responses": "responses"}
_EXPIRED = {
    "code": "batch_expired",
    "message": "This request could not be executed before the completion window expired.",
}
_CANCELLED = {"code": "batch_cancelled", "message": "This request was cancelled with its batch."}


@dataclass(frozen=True, slots=True)
class File:
    """An uploaded file, or one that a batch made."""

    id: str
    name: str
    purpose: str
    data: bytes
    created: int

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        about = {"id": self.id, "object": "file", "bytes": len(self.data), "created_at": self.created}
        return {**about, "filename": self.name, "purpose": self.purpose, "status": "processed"}


@dataclass(slots=True)
class Files:
    """The files by id."""

    kept: dict[str, File] = field(default_factory=dict)

    def add(self, name: str, purpose: str, data: bytes, created: int) -> File:
        """Keep a file under a new id."""
        file = File(f"file-{len(self.kept) + 1:06d}", name, purpose, data, created)
        self.kept[file.id] = file
        return file


def refused(body: Any, files: Files) -> Fault | None:
    """Why a batch is not even made."""
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(body, Mapping) or not isinstance(body.get(name), str):
            return Fault("invalid", f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    if body["endpoint"] not in ENDPOINTS:
        return Fault("invalid", f"Invalid value: '{body['endpoint']}'.", "endpoint", "invalid_value")
    if body["completion_window"] != "24h":
        return Fault("invalid", "Invalid value: only '24h' is supported.", "completion_window", "invalid_value")
    if body["input_file_id"] not in files.kept:
        return Fault("invalid", f"No such File object: {body['input_file_id']}", "input_file_id")
    return None


def parse(data: bytes, endpoint: str) -> tuple[list[Mapping[str, Any]], list[dict[str, Any]]]:
    """The lines of an input file, and what is wrong with it: then the batch fails as a whole."""
    found: dict[str, Mapping[str, Any]] = {}
    wrong: list[dict[str, Any]] = []
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except ValueError:
            item = None
        problem = _problem(item, endpoint, found)
        if problem is None:
            found[item["custom_id"]] = item
        else:
            wrong.append({"line": number, "code": problem[0], "message": problem[1], "param": None})
    if not found and not wrong:
        wrong.append({"line": None, "code": "empty_file", "message": "The input file is empty.", "param": None})
    return list(found.values()), wrong


def _problem(item: Any, endpoint: str, found: Mapping[str, Any]) -> tuple[str, str] | None:
    if not isinstance(item, dict):
        return "invalid_json_line", "This line is not parseable as valid JSON."
    for name, kind in (("custom_id", str), ("body", dict)):
        if not isinstance(item.get(name), kind):
            return "missing_required_parameter", f"Missing required parameter: '{name}'."
    if item["custom_id"] in found:
        return "duplicate_custom_id", f"The custom_id '{item['custom_id']}' for this request is a duplicate."
    if item.get("url") != endpoint:
        return "invalid_url", "The URL provided for this request does not match the batch endpoint."
    return None


def shown(batch: Batch, now: float, files: Files) -> dict[str, Any]:
    """A batch as the API shows it; its files are made when it is first seen to have ended."""
    made: dict[str, Any] = {"object": "batch", "id": batch.id, **batch.about, "created_at": int(batch.created)}
    made |= {"expires_at": int(batch.created + WINDOW_S), "errors": None, "output_file_id": None}
    made |= {"error_file_id": None, "request_counts": {"total": len(batch.items), "completed": 0, "failed": 0}}
    if wrong := batch.about.get("wrong"):
        made.pop("wrong")
        failed = {"object": "list", "data": wrong}
        return {**made, "status": "failed", "errors": failed, "failed_at": int(batch.created)}
    state = batch.state(now)
    if state != "ended":
        return {**made, "status": "cancelling" if state == "canceling" else "in_progress"}
    lines = list(_lines(batch))
    good = [line for line in lines if line["error"] is None and line["response"]["status_code"] == 200]
    bad = [line for line in lines if line not in good]
    made["request_counts"] = {"total": len(lines), "completed": len(good), "failed": len(bad)}
    made["usage"] = _usage(batch)
    for name, part in (("output", good), ("error", bad)):
        made[f"{name}_file_id"] = _file(batch, name, part, files)
    status = _status(batch)
    return {**made, "status": status, f"{status}_at": int(now)}


def _status(batch: Batch) -> str:
    if batch.canceled_at is not None:
        return "cancelled"
    kinds = Counter(result for _, result in batch.results() if isinstance(result, str))
    return "expired" if kinds["expired"] else "completed"


def _file(batch: Batch, name: str, lines: list[dict[str, Any]], files: Files) -> str | None:
    if not lines:
        return None
    ident = f"file-{batch.id}-{name}"
    data = b"".join(dump(line).encode() + b"\n" for line in lines)
    files.kept.setdefault(ident, File(ident, f"{batch.id}_{name}.jsonl", "batch_output", data, int(batch.created)))
    return ident


def _lines(batch: Batch) -> Iterator[dict[str, Any]]:
    for number, (custom_id, result) in enumerate(batch.results()):
        about = {"id": f"batch_req_{batch.id}_{number}", "custom_id": custom_id}
        if isinstance(result, str):
            yield {**about, "response": None, "error": _EXPIRED if result == "expired" else _CANCELLED}
            continue
        status, body = _reply(result, int(batch.created))
        response = {"status_code": status, "request_id": f"req_{batch.id}_{number}", "body": body}
        yield {**about, "response": response, "error": None}


def _reply(result: Result, created: int) -> tuple[int, dict[str, Any]]:
    if isinstance(result, Fault):
        return openai_status(result), openai_shape.error(result)
    assert isinstance(result, Written), "words are handled before"
    shape: Callable[[Written, int], dict[str, Any]] = (
        openai_shape.completion if result.ask.api == "chat" else responses_shape.response
    )
    return 200, shape(result, created)


def openai_status(fault: Fault) -> int:
    """OpenAI has no 529."""
    return 503 if fault.kind == "overloaded" else STATUS[fault.kind]


def _usage(batch: Batch) -> dict[str, Any]:
    read = total = thought = out = 0
    for _, result in batch.results():
        if isinstance(result, Written):
            total, read = total + result.plan.total, read + result.plan.read
            out, thought = out + result.output_tokens, thought + result.thinking_tokens
    return {
        "input_tokens": total,
        "input_tokens_details": {"cached_tokens": read},
        "output_tokens": out,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": total + out,
    }
