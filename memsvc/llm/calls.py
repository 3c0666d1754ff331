"""One call of a model, whoever serves it: what is asked, what comes back, how it can fail."""

from __future__ import annotations

import re
from typing import Literal, Protocol

from msgspec import Struct

from memsvc.core.money import Usage

NO_KEY = "none"
"""What a server that asks for no key gets: the SDKs insist on one, and a vendor's must not leak."""
Stop = Literal["end", "length", "refusal", "other"]
Kind = Literal[
    "rate_limited",
    "overloaded",
    "server",
    "connection",
    "timeout",
    "overflow",
    "quota",
    "auth",
    "unknown",
    "request",
    "garbled",
]
"""How a call failed. The first five may pass by themselves; the rest need somebody, or another request."""

MODEL_CHARS = 100
"""A longer name of a model is none: it would go into every list of summaries, and into logs."""
_CODE = re.compile(r"[a-z0-9_.]{1,60}")
PASSING: frozenset[Kind] = frozenset({"rate_limited", "overloaded", "server", "connection", "timeout"})
FOR_GOOD: frozenset[Kind] = frozenset({"quota", "auth", "unknown"})
"""Trying again changes nothing until somebody has changed a key, a model's name or a limit."""
ABOUT_CONTENT: frozenset[Kind] = frozenset({"overflow", "request"})
"""The provider serves, but not this request: it says nothing about the next one, of another session say."""
UNSURE: frozenset[Kind] = frozenset({"connection", "timeout", "garbled"})
"""The provider may have done the work, and may bill it."""


class Ask(Struct, frozen=True):
    """What a model is asked.

    Attributes:
        max_tokens: the most it may generate, thinking included.
        timeout_s: how long this one call may take.
    """

    system: str
    user: str
    max_tokens: int
    timeout_s: float


class Answer(Struct, frozen=True):
    """What it said.

    Attributes:
        text: its text blocks, joined; thinking and tool calls are not text.
        usage: None = not reported, or not believable.
    """

    text: str
    stop: Stop
    model: str
    usage: Usage | None


class CallFailed(Exception):
    """A call gave no answer. The text is ours: a provider's own may quote the conversation.

    Attributes:
        retry_after_s: what the provider asked to wait, None = it did not say.
    """

    def __init__(self, kind: Kind, what: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(what)
        self.kind: Kind = kind
        self.what = what
        self.retry_after_s = retry_after_s


class Model(Protocol):
    """One model behind one vendor's SDK. Raises CallFailed, nothing else on purpose."""

    provider: str
    name: str
    base_url: str | None
    keyed: bool
    """Whether a key of the settings is sent."""
    tokens_per_raw: float
    """The most provider tokens that one o200k token of ordinary text becomes."""

    async def open(self) -> None:
        """Load the SDK and make the client; no network. Safe to call again."""
        ...

    async def ask(self, ask: Ask) -> Answer:
        """Call the model once; no retries."""
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...


def model_name(told: object, asked_for: str) -> str:
    """The model that a reply names; the one asked for where it names none, or something that is no name."""
    named = isinstance(told, str) and 0 < len(told) <= MODEL_CHARS and told.isprintable() and bool(told.strip())
    return str(told) if named else asked_for


def spoken(text: str) -> str:
    """A text without what a local model has thought aloud before it."""
    head, closed, rest = text.partition("</think>")
    return rest if closed and head.lstrip().startswith("<think>") else text


def status_failed(status: int, code: str | None, retry_after: str | None) -> CallFailed:
    """The failure for an HTTP status and the provider's own error code (None = none given)."""
    wait = _seconds(retry_after)
    if code in ("enforced_spend_limit_reached", "insufficient_quota", "billing_error") or status == 402:
        return CallFailed("quota", f"the account may not spend more ({status})")
    if code == "context_length_exceeded" or status == 413:
        return CallFailed("overflow", f"the request is larger than the model takes ({status})")
    match status:
        case 401 | 403:
            return CallFailed("auth", f"the API key is refused ({status})")
        case 429:
            return CallFailed("rate_limited", "too many requests (429)", retry_after_s=wait)
        case 529:
            return CallFailed("overloaded", "the provider is overloaded (529)", retry_after_s=wait)
        case 408 | 502 | 504:  # somebody on the way gave up waiting: the work may have been done
            return CallFailed("timeout", f"no answer came through ({status})", retry_after_s=wait)
        case 409:
            return CallFailed("server", "the provider asks to try again (409)", retry_after_s=wait)
        case _ if status >= 500:
            return CallFailed("server", f"the provider failed ({status})", retry_after_s=wait)
        case 404:
            return CallFailed("unknown", "the provider knows no such model or address (404)")
        case _:
            told = code if code and _CODE.fullmatch(code) else "no code"  # it may be free text
            return CallFailed("request", f"the provider refuses the request ({status}, {told})")


def _seconds(header: str | None) -> float | None:
    """A Retry-After in seconds; None for a date or nonsense, which is then treated as not given."""
    try:
        value = float(header) if header is not None else -1.0
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
