"""What calls cost, by the list that ships with genai-prices."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.app import prices_of
from memsvc.config import Config, ConfigError
from memsvc.core.economy import Rates
from memsvc.core.money import Usage
from memsvc.prices import GenaiPrices, ListedPrices, read_prices

PRICES = GenaiPrices()
AT = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
MIXED = Usage(52_000, 500, cache_read=50_000, cache_write=1_000)
"""50,000 read from the cache, 1,000 written to it, 1,000 neither."""


@pytest.mark.parametrize(
    ("provider", "model", "usage", "micros"),
    [
        ("anthropic", "claude-opus-5-5", MIXED, 29_000),
        ("anthropic", "claude-sonnet-5-5", MIXED, 14_500),
        ("anthropic", "claude-haiku-5-5", MIXED, 975),
        ("anthropic", "claude-haiku-4-5", MIXED, 9_750),
        ("openai", "gpt-6.1-sol", Usage(52_000, 500, 50_000), 14_000),
        ("openai", "gpt-6.1-sol", Usage(52_000, 500, 50_000, 2_000), 15_000),
        ("openai", "gpt-6.1-terra", Usage(52_000, 500, 50_000), 7_000),
        ("openai", "gpt-6-luna", Usage(52_000, 500, 50_000), 950),
        ("openai", "gpt-5.4-mini", MIXED, 7_500),
        ("openai", "gpt-4o-mini", MIXED, 4_350),
        ("anthropic", "claude-opus-5-5", Usage(10_000, 0, 0, 10_000), 50_000),
        ("anthropic", "claude-opus-5-5", Usage(10_000, 0, 0, 10_000, 10_000), 80_000),
        ("anthropic", "claude-opus-5-5", Usage(10_000, 0, 0, 10_000, 4_000), 62_000),
        ("anthropic", "claude-haiku-5-5", Usage(100_000, 1_000), 10_500),
        ("anthropic", "claude-haiku-5-5", Usage(101_000, 1_000), 53_000),  # dearer above 100,000
    ],
)
def test_figures(provider: str, model: str, usage: Usage, micros: int) -> None:
    assert PRICES.micros(provider, model, usage, at=AT) == micros


def test_a_price_of_its_day() -> None:
    used = Usage(100_000, 0)
    before, after = (datetime(2026, 8, day, tzinfo=UTC).timestamp() for day in (20, 21))
    found = [PRICES.micros("openai", "gpt-5.6-sol", used, at=at) for at in (before, after)]
    assert found == [500_000, 400_000]


def test_names_as_gateways_write_them() -> None:
    plain = PRICES.micros("anthropic", "claude-haiku-4-5", MIXED, at=AT)
    for provider, model in (("Anthropic", "CLAUDE-HAIKU-4-5"), ("anthropic", "anthropic/claude-haiku-4-5")):
        assert PRICES.micros(provider, model, MIXED, at=AT) == plain


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-6.2-sol"),  # sold, but not in the list yet
        ("openai", "llama-3.3-70b"),
        ("vllm", "claude-haiku-4-5"),
        ("anthropic", "unknown"),
        ("anthropic", ""),
        ("", ""),
        ("x" * 10_000, "\x00"),
    ],
)
def test_an_unknown_price_is_none(provider: str, model: str) -> None:
    assert PRICES.micros(provider, model, MIXED, at=AT) is None


def test_rounded_up_to_whole_micros() -> None:
    assert PRICES.micros("anthropic", "claude-haiku-5-5", Usage(1, 0), at=AT) == 1
    assert PRICES.micros("anthropic", "claude-haiku-5-5", Usage(11, 0), at=AT) == 2
    assert PRICES.micros("anthropic", "claude-haiku-5-5", Usage(0, 0), at=AT) == 0


def test_counts_that_make_no_sense_have_no_price() -> None:
    assert PRICES.micros("anthropic", "claude-haiku-4-5", Usage(10, 0, cache_read=20), at=AT) is None
    assert PRICES.micros("anthropic", "claude-haiku-4-5", Usage(-1, 0), at=AT) is None
    assert PRICES.micros("anthropic", "claude-haiku-4-5", Usage(1, 0), at=1e300) is None


@given(st.integers(0, 2**53), st.integers(0, 2**53), st.integers(0, 2**53), st.floats(0, 2**37))
def test_never_an_error(whole: int, read: int, output: int, at: float) -> None:
    usage = Usage(whole, output, min(read, whole))
    found = PRICES.micros("anthropic", "claude-opus-5-5", usage, at=at)
    assert found is not None
    assert found >= (1 if whole or output else 0)


def test_names_that_callers_make_up_are_not_kept_for_ever() -> None:
    for n in range(3_000):
        assert PRICES.micros("anthropic", f"made-up-{n}", MIXED, at=AT) is None
    assert PRICES._find.cache_info().currsize <= 1_024


def test_nothing_is_loaded_before_it_is_needed() -> None:
    program = (
        "import sys; from memsvc.prices import GenaiPrices; p = GenaiPrices(); "
        "assert 'genai_prices' not in sys.modules; p.load(); assert 'genai_prices' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# --- a file of one's own ---------------------------------------------------------------

FILE = """
[[price]]
provider = "openai"
model = "our-*"
input = 2
output = 10
cache_read = 0.5
cache_write = 4
cache_write_long = 8

[[price]]
provider = "anthropic"
model = "claude-haiku-5-5"
input = 1
output = 2
"""


def test_a_file_outranks_the_list() -> None:
    prices = ListedPrices(read_prices(FILE), GenaiPrices())
    used = Usage(1_000, 10, cache_read=300, cache_write=200, cache_write_long=50)
    assert prices.micros("openai", "our-7b", used, at=0.0) == 500 * 2 + 300 * 0.5 + 150 * 4 + 50 * 8 + 10 * 10
    assert prices.micros("openai", "our-7b", Usage(1_000, 10), at=0.0) == 2_100
    assert prices.micros("anthropic", "claude-haiku-5-5", Usage(10, 10, cache_read=5), at=0.0) == 30
    assert prices.micros("anthropic", "our-7b", Usage(1, 1), at=0.0) is None
    same = ("openai", "gpt-6-luna", Usage(1_000, 10))
    assert prices.micros(*same, at=1.79e9) == GenaiPrices().micros(*same, at=1.79e9)
    assert prices.rates("openai", "our-7b", at=0.0) == Rates(2, 4, 0.5, 10)
    assert prices.rates("openai", "our-7b", at=0.0, long=True) == Rates(2, 8, 0.5, 10)
    assert prices.rates("openai", "gpt-6-luna", at=1.79e9) == GenaiPrices().rates("openai", "gpt-6-luna", at=1.79e9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("price = 1", "[[price]] tables"),
        ("x = 1", "[[price]] tables"),
        ("[[price]]\nmodel = 'm'\ninput = 1\noutput = 1", "number 1 needs provider"),
        ("[[price]]\nprovider = 'p'\nmodel = 'm'\ninput = 1", "number 1 needs output"),
        ("[[price]]\nprovider = 'p'\nmodel = 'm'\ninput = -1\noutput = 1", "input must be a number"),
        ("[[price]]\nprovider = 'p'\nmodel = 'm'\ninput = true\noutput = 1", "input must be a number"),
        ("[[price]]\nprovider = 'p'\nmodel = 'm'\ninput = nan\noutput = 1", "input must be a number"),
        ("[[price]]\nprovider = 'p'\nmodel = 'm'\nin = 1\noutput = 1", "has 'in'; known are"),
        ("[[price]", "line 1"),
    ],
)
def test_a_file_that_is_wrong_says_where(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        read_prices(text)
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(ConfigError, match="MEMSVC_PRICES_FILE"):
        prices_of(Config(prices_file=f"{tmp_path}/prices.toml"))
