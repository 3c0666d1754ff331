"""The settings as their documentation shows them. `python -m memsvc.config` prints docs/settings.md."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from memsvc.config.observing import Observing
from memsvc.config.schema import CONFIG_FILE, CONFIG_VARIABLE, MODELS, PREFIX, SUMMARIZERS, Config


class Row(NamedTuple):
    """A setting as the documentation shows it. `allowed` is a phrase, `default` '' = unset."""

    name: str
    variable: str
    allowed: str
    default: str
    description: str


def allowed(name: str) -> str:
    """What a setting may be, as a phrase: `a whole number from 0 to 65535`."""
    info = Config.model_fields[name]
    kinds = [k for k in (get_args(info.annotation) or (info.annotation,)) if k is not type(None)]
    if name == "api_keys":
        return 'a JSON object like {"a-long-random-key": "tenant"}, in the file a table'
    if name == "output_caps":
        return 'a JSON object like {"chat": 1000}, in the file a table'
    if name in MODELS:
        return f"a comma-separated list (in the file a list) of {SUMMARIZERS}"
    if name == "budget_levels":
        return "a comma-separated list (in the file a list) of per cents"
    if name == "encryption_key":
        return "a secret: 32 bytes as base64"
    if name.endswith(("_api_key", "_secret", "_token")):
        return "a secret"
    if name.endswith(("_url",)):
        return "an http:// or https:// address"
    if get_origin(info.annotation) is Literal:
        *most, last = map(str, kinds)
        return f"{', '.join(most)} or {last}"
    if kinds[0] is str:
        return "a store URL" if name == "store" else "a text that is not empty"
    noun = "a whole number" if kinds[0] is int else "a number"
    return noun + _bounds(info)


def _bounds(info: FieldInfo) -> str:
    limits = {kind: getattr(m, kind) for m in info.metadata for kind in ("ge", "gt", "le") if hasattr(m, kind)}
    low, above, high = (limits.get(kind) for kind in ("ge", "gt", "le"))
    if low is not None:
        return f" from {low} to {high}" if high is not None else f" of at least {low}"
    return f" above {above}" + (f" and at most {high}" if high is not None else "")


def describe() -> list[Row]:
    """Every setting, in the order of the documentation."""
    rows = []
    of_operators = list(Observing.model_fields)
    for name in [name for name in Config.model_fields if name not in of_operators] + of_operators:
        info = Config.model_fields[name]
        default = info.get_default(call_default_factory=True)
        shown = "" if default in (None, {}, ()) else str(default)
        rows.append(Row(name, PREFIX + name.upper(), allowed(name), shown, info.description or ""))
    return rows


def markdown() -> str:
    """docs/settings.md as it should be."""
    lines = [
        "# Settings",
        "",
        f"A variable wins over the TOML file (`{CONFIG_FILE}` in the current folder, or the path in",
        f"`{CONFIG_VARIABLE}`), which wins over the default; `memsvc serve --host --port --store` win over all.",
        "In the file the names are those of the first column. An empty variable counts as not set.",
        "A name or value that is not known stops the start with a sentence that says which and why.",
        "",
        "| setting | variable | allowed | default | meaning |",
        "|---|---|---|---|---|",
    ]
    for row in describe():
        default = f"`{row.default}`" if row.default else "(none)"
        lines.append(f"| `{row.name}` | `{row.variable}` | {row.allowed} | {default} | {row.description} |")
    return "\n".join(lines) + "\n"
