"""Which models bind their thinking to its prefix."""

from __future__ import annotations

import pytest

from memsvc.core.render.thinking import binds

BOUND = [
    "claude-fable-5-1",
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-haiku-5-5-20261007",
    "anthropic/claude-opus-5-5",
    "us.anthropic.claude-sonnet-5-5-v1:0",
    "claude-opus-6",
    "claude-novel-7",
    "some-other-model",
    "",
    None,
]
UNBOUND = [
    "claude-fable-5",
    "claude-mythos-5-1",
    "claude-opus-5",
    "claude-opus-5-20260301",
    "claude-opus-4-8",
    "claude-opus-4-5-20251101",
    "claude-sonnet-5",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
    "claude-haiku-4-5@20251001",
    "claude-3-7-sonnet-20250219",
    "claude-2.1",
]


@pytest.mark.parametrize("model", BOUND)
def test_newer_and_unknown_models_bind(model: str | None) -> None:
    assert binds(model)


@pytest.mark.parametrize("model", UNBOUND)
def test_older_models_do_not(model: str) -> None:
    assert not binds(model)
