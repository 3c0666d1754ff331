"""Usage reports in every shape that the vendors and local servers send, and in none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.money import Usage
from memsvc.core.usage import MAX_TOKENS, Report, read, read_or_none
from memsvc.errors import InvalidRequest

COUNTS = st.integers(0, 10**6)
MAYBE = st.none() | COUNTS


def anthropic(fresh: int, output: int, **more: Any) -> dict[str, Any]:
    return {"input_tokens": fresh, "output_tokens": output, **more}


SHAPES: list[tuple[str, dict[str, Any], Usage, str | None]] = [
    (
        "messages",
        {
            "input_tokens": 3,
            "cache_read_input_tokens": 500,
            "cache_creation_input_tokens": 70,
            "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 20},
            "output_tokens": 12,
            "output_tokens_details": {"thinking_tokens": 5},
            "server_tool_use": None,
            "service_tier": "standard",
        },
        Usage(573, 12, 500, 70, 20),
        "anthropic",
    ),
    ("no breakdown", anthropic(3, 12, cache_creation_input_tokens=7), Usage(10, 12, None, 7), "anthropic"),
    (
        "the breakdown alone",
        anthropic(3, 12, cache_creation={"ephemeral_1h_input_tokens": 7}),
        Usage(10, 12, None, 7, 7),
        "anthropic",
    ),
    ("nulls", anthropic(3, 12, cache_read_input_tokens=None, cache_creation=None), Usage(3, 12), "anthropic"),
    ("either's", anthropic(3, 12), Usage(3, 12), None),
    (
        "chat",
        {
            "prompt_tokens": 100,
            "completion_tokens": 9,
            "total_tokens": 109,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 4},
        },
        Usage(100, 9, 60, 30),
        "openai",
    ),
    ("vllm", {"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": None}, Usage(100, 9), "openai"),
    ("ollama", {"prompt_tokens": 100, "completion_tokens": 9}, Usage(100, 9), "openai"),
    (
        "gateways that add the other vendor's members",
        {"prompt_tokens": 100, "completion_tokens": 9, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 0},
        Usage(100, 9),
        "openai",
    ),
    (
        "responses",
        {
            "input_tokens": 100,
            "output_tokens": 9,
            "input_tokens_details": {
                "cached_tokens": 60,
                "cache_write_tokens": 30,
                "cache_write_tokens_details": {"ttl_30m_tokens": 20, "ttl_12h_tokens": 10},
            },
            "output_tokens_details": {"reasoning_tokens": 0},
        },
        Usage(100, 9, 60, 30, 10),
        "openai",
    ),
    (
        "nothing known of writes",
        {"input_tokens": 5, "output_tokens": 1, "input_tokens_details": {"cached_tokens": 0}},
        Usage(5, 1, 0),
        "openai",
    ),
    (
        "timings alone",
        {"cache_n": 90, "prompt_n": 10, "predicted_n": 9, "predicted_ms": 1.5},
        Usage(100, 9, 90),
        "openai",
    ),
    (
        "llama.cpp",
        {"prompt_tokens": 100, "completion_tokens": 9, "timings": {"cache_n": 90, "prompt_n": 10, "predicted_n": 9}},
        Usage(100, 9, 90),
        "openai",
    ),
    ("timings within", {"timings": {"prompt_n": 10, "predicted_n": 9}}, Usage(10, 9), "openai"),
    ("whole floats", {"prompt_tokens": 100.0, "completion_tokens": 9.0}, Usage(100, 9), "openai"),
    ("the most", anthropic(MAX_TOKENS, 0), Usage(MAX_TOKENS, 0), None),
]


@pytest.mark.parametrize(("report", "usage", "vendor"), [s[1:] for s in SHAPES], ids=[s[0] for s in SHAPES])
def test_shapes(report: dict[str, Any], usage: Usage, vendor: str | None) -> None:
    assert read(report) == Report(usage, usage.input, vendor)  # type: ignore[arg-type]
    assert read_or_none(report) == usage


def test_iterations_hold_what_the_top_level_leaves_out() -> None:
    report = anthropic(
        10,
        5,
        cache_read_input_tokens=90,
        iterations=[
            {"type": "compaction", **anthropic(100, 40, cache_read_input_tokens=900)},
            {"type": "message", **anthropic(10, 5, cache_read_input_tokens=90, cache_creation_input_tokens=8)},
        ],
    )
    found = read(report)
    assert found.usage == Usage(1_108, 45, 990, 8)
    assert found.size is None  # of no single request


def test_one_iteration_is_one_request() -> None:
    single = anthropic(1, 1, iterations=[{"type": "message", **anthropic(10, 5)}])
    assert read(single) == Report(Usage(10, 5), 10, "anthropic")
    assert read(anthropic(1, 1, iterations=[{"type": "compaction", **anthropic(10, 5)}])).size is None
    for nothing in (None, []):
        assert read(anthropic(10, 5, iterations=nothing)) == Report(Usage(10, 5), 10, "anthropic")


def test_the_provider_breaks_a_tie() -> None:
    both = anthropic(10, 5, cache_read_input_tokens=90, input_tokens_details={"cached_tokens": 4})
    for provider in ("anthropic", "Anthropic", "aws-bedrock"):
        assert read(both, provider).usage == Usage(100, 5, 90)
    for provider in ("openai", "vllm", None):
        assert read(both, provider).usage == Usage(10, 5, 4)
    twice = {**anthropic(10, 5, cache_read_input_tokens=90), "prompt_tokens": 100, "completion_tokens": 5}
    assert read(twice, "anthropic").usage == Usage(100, 5, 90)
    assert read(twice, "openai").usage == Usage(100, 5)


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "usage"),
    ({"tokens": 5}, "usage"),
    ({"input_tokens": 5}, "usage.output_tokens"),
    ({"output_tokens": 5}, "usage"),
    ({"input_tokens": None, "output_tokens": 5}, "usage.input_tokens"),
    ({"prompt_tokens": 5}, "usage.completion_tokens"),
    ({"prompt_tokens": 5, "completion_tokens": None}, "usage.completion_tokens"),
    (anthropic(-1, 5), "usage.input_tokens"),
    (anthropic(5, -1), "usage.output_tokens"),
    (anthropic(True, 5), "usage.input_tokens"),
    (anthropic("5", 5), "usage.input_tokens"),  # type: ignore[arg-type]
    (anthropic(5, 0.5), "usage.output_tokens"),  # type: ignore[arg-type]
    (anthropic(5, float("inf")), "usage.output_tokens"),  # type: ignore[arg-type]
    (anthropic(5, float("nan")), "usage.output_tokens"),  # type: ignore[arg-type]
    (anthropic(5, []), "usage.output_tokens"),  # type: ignore[arg-type]
    (anthropic(MAX_TOKENS + 1, 5), "usage.input_tokens"),
    (anthropic(5, 1e300), "usage.output_tokens"),  # type: ignore[arg-type]
    (anthropic(5, 5, cache_read_input_tokens=-1), "usage.cache_read_input_tokens"),
    (anthropic(5, 5, cache_creation_input_tokens="x"), "usage.cache_creation_input_tokens"),
    (anthropic(5, 5, cache_creation=7), "usage.cache_creation"),
    (
        anthropic(5, 5, cache_creation={"ephemeral_1h_input_tokens": -7}),
        "usage.cache_creation.ephemeral_1h_input_tokens",
    ),
    (
        anthropic(5, 5, cache_creation_input_tokens=10, cache_creation={"ephemeral_1h_input_tokens": 11}),
        "usage.cache_creation",
    ),
    (anthropic(MAX_TOKENS, 5, cache_read_input_tokens=1), "usage"),
    (anthropic(5, 5, iterations={}), "usage.iterations"),
    (anthropic(5, 5, iterations=[7]), "usage.iterations[0]"),
    (anthropic(5, 5, iterations=[anthropic(5, 5), {"input_tokens": 5}]), "usage.iterations[1].output_tokens"),
    (anthropic(5, 5, iterations=[anthropic(1, 1)] * 1_001), "usage.iterations"),
    (anthropic(5, 5, iterations=[anthropic(MAX_TOKENS, 1)] * 2), "usage.iterations"),
    ({"prompt_tokens": 5, "completion_tokens": 5, "prompt_tokens_details": []}, "usage.prompt_tokens_details"),
    (
        {"prompt_tokens": 5, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}},
        "usage.prompt_tokens_details",
    ),
    (
        {
            "prompt_tokens": 5,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 3},
        },
        "usage.prompt_tokens_details",
    ),
    (
        {"prompt_tokens": 5, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": False}},
        "usage.prompt_tokens_details.cached_tokens",
    ),
    (
        {
            "input_tokens": 5,
            "output_tokens": 5,
            "input_tokens_details": {"cache_write_tokens": 3, "cache_write_tokens_details": {"ttl_12h_tokens": 4}},
        },
        "usage.input_tokens_details.cache_write_tokens_details",
    ),
    ({"prompt_n": 5, "predicted_n": "x"}, "usage.predicted_n"),
    ({"timings": {"predicted_n": 5}}, "usage.timings.prompt_n"),
    ({"timings": 5}, "usage.timings"),
]


@pytest.mark.parametrize(("report", "field"), BAD, ids=range(len(BAD)))
def test_what_makes_no_sense_is_refused_by_name(report: dict[str, Any], field: str) -> None:
    for where in ("usage", "usage.usage"):
        with pytest.raises(InvalidRequest) as refused:
            read(report, where=where)
        assert refused.value.extra["field"] == where + field[len("usage") :]
        assert f"`{where}" in refused.value.detail
    assert read_or_none(report) is None


@pytest.mark.parametrize("reply", [None, 5, "usage", [], [("input_tokens", 5)], object()])
def test_a_reply_without_a_report_has_no_usage(reply: object) -> None:
    assert read_or_none(reply) is None


@given(COUNTS, MAYBE, MAYBE, MAYBE, COUNTS)
def test_anthropic_counts_what_the_cache_left_and_the_size_is_the_sum(
    fresh: int, read_: int | None, short: int | None, long: int | None, output: int
) -> None:
    lives = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long}
    written = None if short is None and long is None else (short or 0) + (long or 0)
    report = anthropic(
        fresh, output, cache_read_input_tokens=read_, cache_creation_input_tokens=written, cache_creation=lives
    )
    size = fresh + (read_ or 0) + (written or 0)
    assert read(report) == Report(Usage(size, output, read_, written, long), size, "anthropic")


@given(COUNTS, MAYBE, MAYBE, COUNTS, st.sampled_from(["prompt", "input"]))
def test_openai_counts_all_of_it(fresh: int, read_: int | None, written: int | None, output: int, name: str) -> None:
    size = fresh + (read_ or 0) + (written or 0)
    made = "completion_tokens" if name == "prompt" else "output_tokens"
    details = {"cached_tokens": read_, "cache_write_tokens": written}
    report = {f"{name}_tokens": size, made: output, f"{name}_tokens_details": details}
    assert read(report) == Report(Usage(size, output, read_, written), size, "openai")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**60) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted({name for _, report, _, _ in SHAPES for name in (*report, "ephemeral_1h_input_tokens", "cached_tokens")})
OBJECTS = st.dictionaries(st.sampled_from(NAMES), JSON | st.dictionaries(st.sampled_from(NAMES), COUNTS), max_size=8)


@given(OBJECTS, st.none() | st.sampled_from(["anthropic", "openai", ""]))
def test_any_object_is_read_soundly_or_refused(report: dict[str, Any], provider: str | None) -> None:
    try:
        found = read(report, provider)
    except InvalidRequest:
        assert read_or_none(report, provider) is None
        return
    used = found.usage
    assert 0 <= (used.cache_read or 0) + (used.cache_write or 0) <= used.input <= MAX_TOKENS
    assert 0 <= (used.cache_write_long or 0) <= (used.cache_write or 0)
    assert 0 <= used.output <= MAX_TOKENS
    assert found.size in (None, used.input)
