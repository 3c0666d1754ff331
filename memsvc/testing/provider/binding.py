"""Thinking blocks: how they are signed, and what is checked when they come back.

A signature says which model wrote the block, what stood before it and which thinking block
preceded it. On models with bound thinking all of that must still be so; on others only the
block's own text must be unchanged. Blocks of another model are dropped or ignored, not refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memsvc.testing.provider.models import Model
from memsvc.testing.provider.tokens import MARKS, blocks, dump

CONTROLS = "thinking-binding-controls-2026-08-01"
"""The beta that allows `thinking.block_binding`."""
_SECRET = b"not a secret: signatures need only be hard to make by accident"
_THINKING = ("thinking", "redacted_thinking")
_READABLE_BY_ALL = ("haiku", 5, 5)


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of the thinking in a request.

    Attributes:
        body: the request as the model sees it: dropped blocks are gone.
        problem: why it is refused, or None.
        transformations: what the reply lists under `input_transformations`.
    """

    body: Mapping[str, Any]
    problem: str | None
    transformations: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """A thinking block of a request, and what stands before it."""

    i: int
    j: int
    block: Mapping[str, Any]
    prefix: tuple[str, str, str]

    @property
    def path(self) -> str:
        return f"messages.{self.i}.content.{self.j}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens to a bound block whose prefix has changed: `error`, `drop` or `allow`; `named` = the
    request carries the beta that would let it choose."""

    mismatch: str
    named: bool


def mint(body: Mapping[str, Any], model: Model, text: str) -> dict[str, str]:
    """A signed thinking block for the reply to `body`."""
    found, prefix = _walk(body)
    before = next((s["i"] for f in reversed(found) if (s := _open(f.block)) is not None), None)
    seal: dict[str, Any] = {"m": model.name, "p": prefix, "b": before, "t": digest(text)}
    seal["i"] = digest(dump(seal))
    return {"type": "thinking", "thinking": text, "signature": _close(seal)}


def check(body: Mapping[str, Any], model: Model, policy: Policy) -> Checked:
    """Hold every thinking block of a request to its signature."""
    found, _ = _walk(body)
    latest = max((i for i, m in enumerate(body["messages"]) if m.get("role") == "assistant"), default=-1)
    dropped: set[tuple[int, int]] = set()
    listed: list[dict[str, str]] = []
    previous: str | None = None
    for one in found:
        if one.block["type"] == "redacted_thinking":
            continue  # this server never makes one; whose it is cannot be told
        seal = _open(one.block)
        if (refused := _not_as_written(one, seal, latest)) is not None:
            return Checked(body, refused)
        assert seal is not None, "checked above"
        if not model.bound:
            continue
        reason, what = _mismatch(seal, one, model, previous)
        if reason == "prefix_binding_mismatch" and policy.mismatch == "error":
            return Checked(body, _bound_elsewhere(one, what, policy.named))
        if reason == "prefix_binding_mismatch" and policy.mismatch == "allow":
            listed.append({"type": "thinking_mismatch_allowed", "path": one.path, "reason": reason})
        elif reason is not None:
            dropped.add((one.i, one.j))
            listed.append({"type": "thinking_dropped", "path": one.path, "reason": reason})
            continue
        previous = seal["i"]
    return Checked(_without(body, dropped), None, tuple(listed))


def _not_as_written(one: _Found, seal: dict[str, Any] | None, latest: int) -> str | None:
    if seal is not None and seal["t"] == digest(str(one.block.get("thinking"))):
        return None
    if seal is not None and one.i == latest:
        return (
            f"{one.path}: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified."
            " These blocks must remain as they were in the original response."
        )
    return f"{one.path}: Invalid `signature` in `thinking` block"


def _mismatch(seal: dict[str, Any], one: _Found, model: Model, previous: str | None) -> tuple[str | None, str]:
    if seal["m"] != model.name and not _for_all(seal["m"]):
        return "model_binding_mismatch", ""
    for name, then, now in zip(("`tools`", "`system` prompt", "messages"), seal["p"], one.prefix, strict=True):
        if then != now:
            verb = "differs" if name == "`system` prompt" else "differ"
            return "prefix_binding_mismatch", f"The {name} {verb} from the ones this block was created with."
    if previous is not None and previous != seal["b"]:
        return "prefix_binding_mismatch", (
            "The `thinking` block that preceded this one when it was created is missing from this request."
        )
    return None, ""


def _for_all(name: str) -> bool:
    return name.startswith("claude-{}-{}-{}".format(*_READABLE_BY_ALL))


def _bound_elsewhere(one: _Found, what: str, named: bool) -> str:
    parts = [
        f"{one.path}: Invalid `signature` in `thinking` block. The block is bound to a different conversation."
        ' Remove the block, or set `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
    ]
    if not named:
        parts.append(f"That setting requires the `{CONTROLS}` value in the `anthropic-beta` header.")
    return " ".join([*parts, what])


def _without(body: Mapping[str, Any], dropped: set[tuple[int, int]]) -> Mapping[str, Any]:
    if not dropped:
        return body
    messages = []
    for i, message in enumerate(body["messages"]):
        kept = [b for j, b in enumerate(blocks(message.get("content"))) if (i, j) not in dropped]
        messages.append({**message, "content": kept})
    return {**body, "messages": messages}


def _walk(body: Mapping[str, Any]) -> tuple[list[_Found], tuple[str, str, str]]:
    """Every thinking block with the hashes of what stands before it; and those of what stands before a reply.

    Consecutive messages of one role are one turn. Thinking is no part of a prefix: blocks are
    chained to each other instead.
    """
    tools = digest(dump([_bare(t) for t in body.get("tools") or []]))
    system = digest(dump([_bare(b) for b in blocks(body.get("system"))]))
    state = hashlib.sha256()
    turn, role = state.hexdigest()[:16], None
    found: list[_Found] = []
    for i, message in enumerate(body["messages"]):
        if message.get("role") != role:
            role, turn = message.get("role"), state.hexdigest()[:16]
            state.update(str(role).encode())
        for j, block in enumerate(blocks(message.get("content"))):
            if isinstance(block, Mapping) and block.get("type") in _THINKING:
                found.append(_Found(i, j, block, (tools, system, turn)))
            else:
                state.update(dump(_bare(block)).encode())
    return found, (tools, system, turn if role == "assistant" else state.hexdigest()[:16])


def _bare(block: Any) -> Any:
    if not isinstance(block, Mapping):
        return block
    bare = {k: v for k, v in block.items() if k not in MARKS}
    if block.get("type") == "tool_result":
        bare["content"] = [_bare(b) for b in blocks(block.get("content"))]
    return bare


def digest(text: str) -> str:
    """Sixteen hex digits that stand for a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _close(seal: dict[str, Any]) -> str:
    packed = json.dumps(seal).encode()
    return base64.b64encode(hmac.digest(_SECRET, packed, "sha256")[:12] + packed).decode()


def _open(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a signature says, or None if this server did not write it."""
    try:
        raw = base64.b64decode(str(block.get("signature")), validate=True)
    except ValueError:
        return None
    if not hmac.compare_digest(hmac.digest(_SECRET, raw[12:], "sha256")[:12], raw[:12]):
        return None
    seal: dict[str, Any] = json.loads(raw[12:])
    return seal
