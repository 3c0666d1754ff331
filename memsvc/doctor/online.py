"""What only others can tell: whether a provider knows key and model, its clock, whether the webhook is there."""

from __future__ import annotations

import email.utils
from collections.abc import Iterator
from urllib.parse import quote

from memsvc.doctor.findings import Finding
from memsvc.doctor.models import Named

CALL_S = 8.0
CLOCK_S = 5.0
VENDORS = {"anthropic": "https://api.anthropic.com", "openai": "https://api.openai.com/v1"}
_VERSION = "2023-06-01"


async def ask_provider(model: Named, now: float) -> list[Finding]:
    """Ask a model's server about the model: a call that nobody bills."""
    import aiohttp

    base = (model.base_url or VENDORS[model.vendor]).rstrip("/")
    path = "/v1/models/" if model.vendor == "anthropic" else "/models/"
    if model.vendor == "anthropic":
        headers = {"anthropic-version": _VERSION, **({"x-api-key": model.key} if model.key else {})}
    else:
        headers = {"authorization": f"Bearer {model.key}"} if model.key else {}
    timeout = aiohttp.ClientTimeout(total=CALL_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.get(base + path + quote(model.name, safe=""), headers=headers, allow_redirects=False) as answer,
        ):
            return list(_judged(model, answer.status, answer.headers.get("date"), now))
    except (aiohttp.ClientError, TimeoutError, ValueError) as failed:  # its words may hold the address
        return [Finding("provider_away", f"{model.shown}: {type(failed).__name__}")]


def _judged(model: Named, status: int, date: str | None, now: float) -> Iterator[Finding]:
    codes = {401: "provider_refuses", 403: "provider_refuses", 404: "provider_no_model"}
    code = "provider_ok" if status == 200 else codes.get(status, "provider_away")
    yield Finding(code, f"{model.shown}: answer {status}")
    if date is not None:
        try:
            ahead = email.utils.parsedate_to_datetime(date).timestamp() - now
        except ValueError:
            return
        if abs(ahead) > CLOCK_S:
            yield Finding("provider_clock", f"{model.vendor}'s is {ahead:+.0f} s from ours")


async def ask_webhook(url: str) -> list[Finding]:
    """Whether anybody answers there; any answer will do, since nothing is posted."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=CALL_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.head(url, allow_redirects=False) as answer,
        ):
            return [Finding("webhook_ok", f"answer {answer.status}")]
    except (aiohttp.ClientError, TimeoutError, ValueError) as failed:
        return [Finding("webhook_away", type(failed).__name__)]
