"""What is known of a model by its name: its window, and which rules of the vendor apply to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Vendor = Literal["anthropic", "openai", "local"]

CLAUDE_TOKENS_PER_RAW = 1.35
"""Tokens of a Claude model for one o200k token."""
LOCAL_WINDOW = 32_768
"""Window of a model of neither vendor, as a local server would serve it."""

KNOWN: Mapping[Literal["anthropic", "openai"], tuple[str, ...]] = {
    "anthropic": (
        "claude-fable-5-2",
        "claude-mythos-5-2",
        "claude-fable-5-1",
        "claude-opus-5-5",
        "claude-opus-5",
        "claude-opus-4-8",
        "claude-sonnet-5-5",
        "claude-sonnet-5",
        "claude-sonnet-4-6",
        "claude-haiku-5-5",
        "claude-haiku-4-5",
    ),
    "openai": ("gpt-6-astra", "gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-luna", "gpt-5.5", "gpt-5.4-mini", "gpt-4.1"),
}
"""Names that the lists of models give."""

_BOUND = frozenset(
    {("fable", 5, 1), ("fable", 5, 2), ("mythos", 5, 2), ("opus", 5, 5), ("sonnet", 5, 5), ("haiku", 5, 5)}
)
_BOUND_EVERYWHERE = frozenset({("fable", 5, 2), ("mythos", 5, 2)})
_NEVER_FORCED = frozenset(
    {("fable", 5, 1), ("fable", 5, 2), ("mythos", 5, 1), ("mythos", 5, 2), ("opus", 5, 5), ("sonnet", 5, 5)}
)
_GPT_WINDOWS = (  # (from this version on, tokens), newest first
    ((5, 6), 1_050_000),
    ((5, 5), 1_000_000),
    ((5, 4), 1_050_000),
    ((5, 0), 400_000),
    ((4, 1), 1_000_000),
)


@dataclass(frozen=True, slots=True)
class Model:
    """A model, read from its name.

    Attributes:
        line: `opus`, `haiku`, `gpt`, `o`, ... ; "" for a local model.
        version: (major, minor); (0, 0) for a local model.
        window: tokens of prompt that it takes.
        tokens_per_raw: its tokens for one o200k token.
    """

    name: str
    vendor: Vendor
    line: str
    version: tuple[int, int]
    window: int
    tokens_per_raw: float

    @property
    def max_output(self) -> int:
        """The most tokens that one reply may have."""
        return 64_000 if self.vendor == "anthropic" and self.version <= (4, 5) else 128_000

    @property
    def _exact(self) -> tuple[str, int, int]:
        return (self.line, *self.version)

    @property
    def bound(self) -> bool:
        """Its thinking is bound to all that came before it."""
        return self._exact in _BOUND

    @property
    def bound_everywhere(self) -> bool:
        """The binding is enforced for accounts of any age."""
        return self._exact in _BOUND_EVERYWHERE

    @property
    def thinks(self) -> bool:
        """It thinks unless told not to."""
        return self.vendor == "anthropic" and self.version >= (5, 0)

    @property
    def must_think(self) -> bool:
        """It refuses to be told not to think."""
        return self.line in ("fable", "mythos") or self._exact == ("opus", 5, 5)

    @property
    def adaptive_only(self) -> bool:
        """It refuses a thinking budget."""
        return self.vendor == "anthropic" and self.version >= (4, 7)

    @property
    def hides_thinking(self) -> bool:
        """The text of its thinking is left out of replies unless asked for."""
        return self.adaptive_only

    @property
    def takes_forced_tools(self) -> bool:
        """A tool choice of `any` or `tool` is accepted."""
        return self._exact not in _NEVER_FORCED

    @property
    def takes_prefill(self) -> bool:
        """The last message may be the assistant's."""
        return self.version <= (4, 5)

    @property
    def least_prefix(self) -> int:
        """The smallest prefix that is cached, in tokens."""
        if self.vendor != "anthropic":
            return 1_024
        if self.line in ("fable", "mythos") or (self.line == "opus" and self.version >= (5, 0)):
            return 512
        if self.line in ("sonnet", "haiku") and self.version >= (5, 5):
            return 512
        if self.line == "opus" and self.version == (4, 7):
            return 2_048
        return 4_096 if self.line in ("opus", "haiku") and self.version <= (4, 6) else 1_024

    @property
    def reasons(self) -> bool:
        """A reasoning model of OpenAI: no sampling parameters, no `max_tokens`."""
        return self.vendor == "openai" and (self.line == "o" or (self.version >= (5, 0) and "chat" not in self.name))

    @property
    def caches_at_breakpoints(self) -> bool:
        """GPT-5.6 and later: the cache matches at breakpoints alone."""
        return self.vendor == "openai" and self.version >= (5, 6)


def model_of(name: str, windows: Mapping[str, int], tokens_per_raw: Mapping[str, float]) -> Model:
    """Read a name; `windows` and `tokens_per_raw` overrule what is known of it."""
    vendor, line, version = _read(name)
    window = windows.get(name) or _window(vendor, name, line, version)
    ratio = tokens_per_raw.get(name, CLAUDE_TOKENS_PER_RAW if vendor == "anthropic" else 1.0)
    return Model(name, vendor, line, version, window, ratio)


def _read(name: str) -> tuple[Vendor, str, tuple[int, int]]:
    bare = name.rpartition("/")[2]
    if bare.startswith("claude-"):
        line = re.search(r"fable|mythos|opus|sonnet|haiku", bare)
        numbers = [int(n) for n in re.findall(r"(?<=-)\d{1,2}(?=-|\Z)", bare)][:2] + [0, 0]
        return "anthropic", line.group() if line else "claude", (numbers[0], numbers[1])
    if found := re.match(r"gpt-(\d+)(?:\.(\d+))?", bare):
        return "openai", "gpt", (int(found[1]), int(found[2] or 0))
    if found := re.match(r"o(\d)(?:-|\Z)", bare):
        return "openai", "o", (int(found[1]), 0)
    return "local", "", (0, 0)


def _window(vendor: Vendor, name: str, line: str, version: tuple[int, int]) -> int:
    if vendor == "anthropic":
        return 200_000 if version <= (4, 5) else 1_000_000
    if vendor == "local":
        return LOCAL_WINDOW
    if line == "o":
        return 200_000
    if version == (5, 4) and name.endswith(("mini", "nano")):
        return 400_000
    return next((window for since, window in _GPT_WINDOWS if version >= since), 128_000)
