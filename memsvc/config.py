"""Settings: one schema, from `MEMSVC_*` variables over a TOML file over defaults.

A wrong value stops the start with a sentence that says which, what was given, where, and what
is allowed. `python -m memsvc.config` prints docs/settings.md.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

PREFIX = "MEMSVC_"
CONFIG_FILE = "memsvc.toml"
MIN_KEY_LENGTH = 16
STORES = "sqlite:///relative.db, sqlite:////absolute.db or sqlite://:memory:"
_CONFIG_VARIABLE = "MEMSVC_CONFIG"
_NOT_OURS = re.compile(r"MEMSVC_(TEST_\w+|SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
"""Variables of the test suite, and those that Kubernetes adds beside a service named memsvc."""

Mode = Literal["threshold", "manual"]
Seconds = Annotated[float, Field(allow_inf_nan=False)]


class ConfigError(Exception):
    """The settings are wrong; the text has one sentence a line. It never holds a secret."""


class Config(BaseModel):
    """Everything an operator can set. Token figures are o200k counts."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field("127.0.0.1", min_length=1, description="Address to bind. Anything but loopback needs api_keys.")
    port: int = Field(8080, ge=0, le=65535, description="Port to bind; 0 = any free one.")
    store: str = Field("sqlite:///memsvc.db", description=f"Where conversations live: {STORES}.")
    mode: Mode = Field("threshold", description="When to compact: past the threshold, or only when asked.")
    threshold_tokens: int = Field(
        32_000, gt=0, description="A context larger than this is compacted in the background."
    )
    keep_tokens: int = Field(8_000, gt=0, description="The least that stays verbatim at a compaction.")
    summary_tokens: int = Field(
        2_000, gt=0, description="The most a summary block may take, tags and provenance included."
    )
    max_tokens: int | None = Field(
        None,
        gt=0,
        description="Hard mark: no context is ever larger. Unset = the model's window less 10 %, else 180,000.",
    )
    max_bytes: int = Field(24 * 1024 * 1024, gt=0, description="Hard mark in bytes of a context.")
    cache_ttl: Literal["5m", "1h"] = Field("5m", description="Lifetime asked for in Anthropic cache marks.")
    alpha: Seconds = Field(1.0, gt=0, description="Reserved for the economic mode.")
    guard: Seconds = Field(0.5, ge=0, description="Reserved for the economic mode.")
    placement: Literal["user", "system_block"] = Field(
        "user", description="Where the summary goes: a user message, or a second system block."
    )
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="Largest request body.")
    workers_concurrency: int = Field(2, ge=1, le=64, description="Compactions that run at once in this process.")
    lease_s: Seconds = Field(
        30.0, ge=1, description="Seconds after which another worker takes over a compaction that was not finished."
    )
    poll_s: Seconds = Field(1.0, gt=0, le=60, description="Longest pause in seconds between looks at the queue.")
    cache_bytes: int = Field(64 * 1024 * 1024, ge=0, description="Memory for rendered contexts.")
    token_counter: Literal["auto", "toktok", "tiktoken"] = Field(
        "auto", description="Library that counts; auto = toktok if it passes its check, else tiktoken."
    )
    api_keys: dict[SecretStr, str] = Field(
        default_factory=dict,
        description="API keys and the tenant of each. Unset = no key is asked for, and only loopback can be bound.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["json", "console"] = Field("json", description="How log lines look.")
    shutdown_s: Seconds = Field(
        10.0, ge=0, description="Seconds that requests and compactions under way get at a stop."
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object) -> object:
        if isinstance(value, bool):  # `port = true` would be 1
            raise ValueError
        return value

    @field_validator("store")
    @classmethod
    def _known_store(cls, url: str) -> str:
        scheme, separator, rest = url.partition("://")
        if not (separator and scheme == "sqlite" and (rest == ":memory:" or (rest.startswith("/") and len(rest) > 1))):
            raise ValueError(f"must be {STORES}")
        return url

    @field_validator("api_keys")
    @classmethod
    def _good_keys(cls, keys: dict[SecretStr, str]) -> dict[SecretStr, str]:
        for key, tenant in keys.items():
            if not tenant or not tenant.isprintable() or len(tenant) > 200:
                raise ValueError("has a tenant that is not 1 to 200 printable characters")
            secret = key.get_secret_value()
            if len(secret) < MIN_KEY_LENGTH:
                raise ValueError(f"has a key of tenant {tenant!r} that is shorter than {MIN_KEY_LENGTH} characters")
            if not (secret.isascii() and secret.isprintable()) or " " in secret:
                raise ValueError(f"has a key of tenant {tenant!r} that no header can carry: use visible ASCII")
        return keys

    def tenant_keys(self) -> dict[str, str]:
        """Keys in the clear, for the HTTP face alone; never log this."""
        return {key.get_secret_value(): tenant for key, tenant in self.api_keys.items()}


def load_config(
    overrides: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Config:
    """The settings in force. Raises ConfigError with one sentence per wrong value.

    Args:
        overrides: from the command line; they win over everything. None = not given.
        env: None = the process's environment. An empty variable counts as not set.
        cwd: where `memsvc.toml` is looked for; None = the current folder.
    """
    env = os.environ if env is None else env
    path, table = _file(env, cwd or Path())
    flags = {k: v for k, v in (overrides or {}).items() if v is not None}
    variables = _variables(env)
    origin = {k: str(path) for k in table} | {k: "the environment" for k in variables} | {k: f"--{k}" for k in flags}
    values: dict[str, Any] = {**table, **variables, **flags}
    problems = [_unknown(k, place) for k, place in origin.items() if k not in Config.model_fields]
    known = {k: v for k, v in values.items() if k in Config.model_fields}
    config: Config | None = None
    try:
        config = Config(**known)
    except ValidationError as wrong:
        found = {str(e["loc"][0]): e for e in reversed(wrong.errors(include_url=False))}
        problems += [_sentence(name, known[name], origin[name], found[name]) for name in known if name in found]
    if config is None or problems:  # raised out here: a chained error could quote a key
        raise ConfigError("\n".join(problems))
    if problems := list(_together(config)):
        raise ConfigError("\n".join(problems))
    return config


def _file(env: Mapping[str, str], cwd: Path) -> tuple[Path, dict[str, Any]]:
    named = env.get(_CONFIG_VARIABLE)
    path = cwd / (named or CONFIG_FILE)
    if not path.is_file():
        if named:
            raise ConfigError(f"{_CONFIG_VARIABLE} names {named}, and there is no such file.")
        return path, {}
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as wrong:
        raise ConfigError(f"{path} cannot be read as TOML: {wrong}.") from None


def _variables(env: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, value in env.items():
        upper = variable.upper()
        if not upper.startswith(PREFIX) or upper == _CONFIG_VARIABLE or _NOT_OURS.fullmatch(upper) or not value:
            continue
        if upper == "MEMSVC_PORT" and value.startswith("tcp://"):  # Kubernetes again
            continue
        found[upper.removeprefix(PREFIX).lower()] = value
    if "api_keys" in found:
        try:
            found["api_keys"] = json.loads(found["api_keys"])
        except ValueError:
            found["api_keys"] = None  # refused below, in the same words as any other wrong value
    return found


def _unknown(name: str, place: str) -> str:
    in_env = place == "the environment"
    close = difflib.get_close_matches(name.lower(), Config.model_fields, 1)
    shown, hint = (f"{PREFIX}{n.upper()}" if in_env else n for n in (name, close[0] if close else ""))
    return f"{shown} in {place} is no setting" + (f"; did you mean {hint}?" if close else "; docs/settings.md has all.")


def _sentence(name: str, given: object, place: str, error: ErrorDetails) -> str:
    own_words = str(error["ctx"]["error"]) if error["type"] == "value_error" else ""
    what = own_words or f"must be {allowed(name)}"
    if name == "mode" and given in ("economic", "shadow"):
        what += f"; {given} comes with a later version"
    shown = "given" if name == "api_keys" else f"given as {_shown(given)}"  # never a key
    return f"{name} ({PREFIX}{name.upper()}), {shown} in {place}, {what}."


def _shown(given: object) -> str:
    text = re.sub(r"//[^/@]*@", "//***@", str(given))  # a URL may carry a password
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _together(config: Config) -> Iterable[str]:
    least = config.keep_tokens + config.summary_tokens
    parts = f"keep_tokens + summary_tokens ({config.keep_tokens} + {config.summary_tokens})"
    if config.mode != "manual" and config.threshold_tokens <= least:
        yield (
            f"threshold_tokens (MEMSVC_THRESHOLD_TOKENS), {config.threshold_tokens}, must be larger than {parts}: "
            "raise it or lower the others."
        )
    if config.max_tokens is not None and config.max_tokens <= least:
        yield (
            f"max_tokens (MEMSVC_MAX_TOKENS), {config.max_tokens}, must be larger than {parts}: "
            "raise it, lower the others, or leave it unset."
        )
    if not config.api_keys and not _loopback(config.host):
        yield (
            f"host (MEMSVC_HOST), {config.host!r}, is reachable from other machines and no api_keys are set: set "
            'MEMSVC_API_KEYS to {"a-long-random-key": "tenant"}, or bind 127.0.0.1.'
        )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
    for name, info in Config.model_fields.items():
        default = info.get_default(call_default_factory=True)
        shown = "" if default in (None, {}) else str(default)
        rows.append(Row(name, PREFIX + name.upper(), allowed(name), shown, info.description or ""))
    return rows


def markdown() -> str:
    """docs/settings.md as it should be."""
    lines = [
        "# Settings",
        "",
        f"A variable wins over the TOML file (`{CONFIG_FILE}` in the current folder, or the path in",
        f"`{_CONFIG_VARIABLE}`), which wins over the default; `memsvc serve --host --port --store` win over all.",
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


if __name__ == "__main__":
    sys.stdout.write(markdown())
