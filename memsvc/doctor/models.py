"""The models that write summaries, and the price list."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from memsvc.doctor.findings import Finding

OLD_S = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class Named:
    """A model that the settings name.

    Attributes:
        base_url: another server than the vendor's; None = the vendor's.
        key: for asking about it; never printed. None = none is set.
        priced: whether its price is known.
        deprecated: whether the price list says that its vendor gives it up.
    """

    vendor: str
    name: str
    base_url: str | None
    key: str | None
    priced: bool
    deprecated: bool = False

    @property
    def shown(self) -> str:
        """Its name as in the settings."""
        return f"{self.vendor}:{self.name}"


def judge_models(models: Sequence[Named]) -> Iterator[Finding]:
    """What can be said of them without asking anybody."""
    if not models:
        yield Finding("models_local", "summarizers and models_* name none")
    for model in models:
        installed = find_spec(model.vendor) is not None
        if not installed:
            yield Finding("sdk_missing", f"{model.shown} needs the package {model.vendor}")
        if not model.priced:
            yield Finding("price_unknown", model.shown)
        if model.deprecated:
            yield Finding("model_deprecated", model.shown)
        if installed and model.priced:
            yield Finding("model_ok", model.shown)


def judge_prices(own: str | None, now: float) -> Iterator[Finding]:
    """The age of the list, as far as it is known: of its installation. `own`: the file of one's own prices."""
    spec = find_spec("genai_prices")
    if spec is None or spec.origin is None:
        yield Finding("prices_wrong", "the package genai-prices is not installed")
        return
    age = now - Path(spec.origin).stat().st_mtime
    beside = f", below {own}" if own else ""
    said = f"genai-prices {metadata.version('genai-prices')}, installed {max(age, 0) / 86_400:.0f} days ago{beside}"
    yield Finding("prices_old" if age > OLD_S else "prices_ok", said)
    if own is not None:
        changed = time.strftime("%Y-%m-%d", time.gmtime(Path(own).stat().st_mtime))
        yield Finding("prices_ok", f"{own} is of {changed}")
