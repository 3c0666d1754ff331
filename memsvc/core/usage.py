"""Reading a provider's usage report: token counts in any of the shapes that the vendors send.

Anthropic's `input_tokens` is what the cache did not serve or take, OpenAI's counts include it;
local servers leave out what they do not know. What a report does not say is unknown, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from memsvc.core.money import Usage
from memsvc.errors import InvalidRequest

Vendor = Literal["anthropic", "openai"]
Object = Mapping[str, object]

MAX_TOKENS = 100_000_000
"""No call has more, whatever tools the provider runs in it: a figure above is a fault, and would use up any budget."""
MAX_ITERATIONS = 1_000
_ANTHROPIC = ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation", "iterations")
"""Members that only Anthropic's shape has."""
_OTHERS = (
    ("prompt_tokens", "completion_tokens", "prompt_tokens_details"),
    ("input_tokens", "output_tokens", "input_tokens_details"),
)
"""Chat Completions and Responses: input with its cached part, output, where the parts stand."""


class Report(Struct, frozen=True):
    """What a usage report says.

    Attributes:
        usage: all that was billed.
        size: the provider's count of the request, to measure a context with; None where the report
            sums up several requests.
        vendor: whose shape it is; None = both write it so.
    """

    usage: Usage
    size: int | None
    vendor: Vendor | None


def read(report: Object, provider: str | None = None, *, where: str = "usage") -> Report:
    """A report as it came from the provider. Its members tell the shape; `provider` breaks a tie.

    Raises InvalidRequest that names the member by its path below `where`."""
    vendor = _vendor(report, provider)
    if vendor == "anthropic":
        return _anthropic(report, where)
    for names in _OTHERS:
        if names[0] in report:
            return _other(report, names, where, vendor)
    if report.get("timings") is not None:
        return _timed(_object(report, "timings", where) or {}, f"{where}.timings")
    if "predicted_n" in report:
        return _timed(report, where)
    raise InvalidRequest(
        f"`{where}` has no token counts; send the usage object of the provider's reply as it came "
        "(it has `input_tokens` or `prompt_tokens`).",
        field=where,
    )


def read_or_none(report: object, provider: str | None = None) -> Usage | None:
    """The usage of a call of our own; None where the reply has none that makes sense."""
    if not isinstance(report, Mapping):
        return None
    try:
        return read(report, provider).usage
    except InvalidRequest:
        return None


def _vendor(report: Object, provider: str | None) -> Vendor | None:
    """Whose shape a report has; None where it could be either's."""
    named = (provider or "").lower()
    anthropic = "anthropic" in named or "bedrock" in named
    theirs = any(name in report for name in _ANTHROPIC)
    if "prompt_tokens" in report or report.get("input_tokens_details") is not None:
        return "anthropic" if theirs and anthropic and "input_tokens" in report else "openai"
    return "anthropic" if theirs else None


def _anthropic(report: Object, where: str) -> Report:
    """Top-level counts leave out what a compaction in the call took: the iterations have all of it."""
    rounds = report.get("iterations")
    if rounds is not None and not isinstance(rounds, list):
        raise _refused(f"{where}.iterations", "must be a list")
    if not rounds:
        one = _round(report, where)
        return Report(one, one.input, "anthropic")
    if len(rounds) > MAX_ITERATIONS:
        raise _refused(f"{where}.iterations", f"has {len(rounds)} items; at most {MAX_ITERATIONS} are taken")
    found, kinds = [], []
    for i, each in enumerate(rounds):
        place = f"{where}.iterations[{i}]"
        if not isinstance(each, Mapping):
            raise _refused(place, "must be an object")
        found.append(_round(each, place))
        kinds.append(each.get("type", "message"))
    total = Usage(
        _within(sum(u.input for u in found), f"{where}.iterations"),
        _within(sum(u.output for u in found), f"{where}.iterations"),
        _sum([u.cache_read for u in found]),
        _sum([u.cache_write for u in found]),
        _sum([u.cache_write_long for u in found]),
    )
    return Report(total, total.input if kinds == ["message"] else None, "anthropic")


def _round(report: Object, where: str) -> Usage:
    fresh, output = _must(report, "input_tokens", where), _must(report, "output_tokens", where)
    read = _count(report, "cache_read_input_tokens", where)
    written = _count(report, "cache_creation_input_tokens", where)
    place = f"{where}.cache_creation"
    by_life = _object(report, "cache_creation", where) or {}
    short, long = (_count(by_life, f"ephemeral_{life}_input_tokens", place) for life in ("5m", "1h"))
    if written is None:
        written = _sum([short, long])
    elif (short or 0) + (long or 0) > written:
        raise _refused(place, f"has more tokens than cache_creation_input_tokens ({written})")
    return Usage(_within(fresh + (read or 0) + (written or 0), where), output, read, written, long)


def _other(report: Object, names: tuple[str, str, str], where: str, vendor: Vendor | None) -> Report:
    whole, made, parts = names
    size, output = _must(report, whole, where), _must(report, made, where)
    place = f"{where}.{parts}"
    details = _object(report, parts, where) or {}
    read, written = _count(details, "cached_tokens", place), _count(details, "cache_write_tokens", place)
    by_life = _object(details, "cache_write_tokens_details", place) or {}
    long = _count(by_life, "ttl_12h_tokens", f"{place}.cache_write_tokens_details")
    if read is None:  # llama.cpp says it elsewhere
        read = _count(_object(report, "timings", where) or {}, "cache_n", f"{where}.timings")
    if (read or 0) + (written or 0) > size:
        raise _refused(place, f"has more tokens than {whole} ({size})")
    if (long or 0) > (written or 0):
        raise _refused(f"{place}.cache_write_tokens_details", f"has more tokens than cache_write_tokens ({written})")
    return Report(Usage(size, output, read, written, long), size, vendor)


def _timed(timings: Object, where: str) -> Report:
    """llama.cpp's own figures: `prompt_n` is what its cache did not have."""
    fresh, output = _must(timings, "prompt_n", where), _must(timings, "predicted_n", where)
    read = _count(timings, "cache_n", where)
    size = _within(fresh + (read or 0), where)
    return Report(Usage(size, output, read), size, "openai")


def _must(of: Object, name: str, where: str) -> int:
    found = _count(of, name, where)
    if found is None:
        raise _refused(f"{where}.{name}", "is missing")
    return found


def _count(of: Object, name: str, where: str) -> int | None:
    """A number of tokens; None where it is absent or null."""
    value = of.get(name)
    if value is None:
        return None
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise _refused(f"{where}.{name}", "must be a whole number")
    assert isinstance(value, (int, float))
    return _within(int(value), f"{where}.{name}")


def _object(of: Object, name: str, where: str) -> Object | None:
    value = of.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise _refused(f"{where}.{name}", "must be an object")
    return value


def _within(number: int, where: str) -> int:
    if not 0 <= number <= MAX_TOKENS:
        raise _refused(where, f"must be a number of tokens, from 0 to {MAX_TOKENS:,}")
    return number


def _sum(parts: list[int | None]) -> int | None:
    """The sum of what is known, None where nothing is."""
    known = [p for p in parts if p is not None]
    return sum(known) if known else None


def _refused(field: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"`{field}` {what}; send the usage object as the provider's reply has it.", field=field)
