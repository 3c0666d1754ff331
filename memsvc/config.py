"""Settings: one schema, from `MEMSVC_*` variables over a TOML file over defaults.

A wrong value stops the start with a sentence that says which, what was given, what is
allowed and where it came from. `python -m memsvc.config` prints docs/settings.md.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "MEMSVC_"
CONFIG_FILE = "memsvc.toml"
MIN_KEY_LENGTH = 16
_OUTSIDE = {"MEMSVC_CONFIG"}
_TESTING = "MEMSVC_TEST_"


class ConfigError(Exception):
    """The settings are wrong; the text names each wrong one on a line of its own."""


class Config(BaseSettings):
    """Everything an operator can set. Token figures are o200k counts."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field("127.0.0.1", description="Address to bind. Anything but loopback needs api_keys.")
    port: int = Field(8080, ge=0, le=65535, description="Port to bind; 0 = any free one.")
    store: str = Field(
        "sqlite:///memsvc.db",
        description="Where conversations live: sqlite:///relative.db, sqlite:////absolute.db or sqlite://:memory:.",
    )
    mode: Literal["threshold", "manual"] = Field(
        "threshold", description="When to compact: past the threshold, or only when asked."
    )
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
    alpha: float = Field(1.0, gt=0, description="Reserved for the economic mode.")
    guard: float = Field(0.5, ge=0, description="Reserved for the economic mode.")
    placement: Literal["user", "system_block"] = Field(
        "user", description="Where the summary goes: a user message, or a second system block."
    )
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="Largest request body.")
    workers_concurrency: int = Field(2, ge=1, le=64, description="Compactions that run at once in this process.")
    lease_s: float = Field(
        120.0, ge=1, description="Seconds after which another worker takes over a compaction that was not finished."
    )
    poll_s: float = Field(1.0, gt=0, le=60, description="Longest pause in seconds between looks at the queue.")
    cache_bytes: int = Field(64 * 1024 * 1024, ge=0, description="Memory for rendered contexts.")
    token_counter: Literal["auto", "toktok", "tiktoken"] = Field(
        "auto", description="Library that counts; auto = toktok if it passes its check, else tiktoken."
    )
    api_keys: dict[SecretStr, str] = Field(
        default_factory=dict,
        description="API keys and their tenants: a JSON object, in the file a table. Empty = none asked, loopback only.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["json", "console"] = Field("json", description="How log lines look.")
    shutdown_s: float = Field(10.0, ge=0, description="Seconds that requests and compactions under way get at a stop.")

    @field_validator("store")
    @classmethod
    def _known_store(cls, url: str) -> str:
        scheme, separator, rest = url.partition("://")
        if not (separator and scheme == "sqlite" and (rest == ":memory:" or (rest.startswith("/") and len(rest) > 1))):
            raise ValueError("must be sqlite:///relative.db, sqlite:////absolute.db or sqlite://:memory:")
        return url

    @field_validator("api_keys")
    @classmethod
    def _good_keys(cls, keys: dict[SecretStr, str]) -> dict[SecretStr, str]:
        for key, tenant in keys.items():
            if len(key.get_secret_value()) < MIN_KEY_LENGTH:
                raise ValueError(f"the key of tenant {tenant!r} is shorter than {MIN_KEY_LENGTH} characters")
            if not tenant or not tenant.isprintable() or len(tenant) > 200:
                raise ValueError("tenants must be 1 to 200 printable characters")
        return keys

    def tenant_keys(self) -> dict[str, str]:
        """Keys in the clear, for the HTTP face alone; never log this."""
        return {key.get_secret_value(): tenant for key, tenant in self.api_keys.items()}


def load_config(
    overrides: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Config:
    """The settings in force. Raises ConfigError with one line per wrong value.

    Args:
        overrides: from the command line; they win over everything.
        env: None = the process's environment.
        cwd: where `memsvc.toml` is looked for; None = the current folder.
    """
    env = os.environ if env is None else env
    path, table = _file(env, cwd or Path())
    variables = {
        k[len(PREFIX) :].lower(): v
        for k, v in env.items()
        if k.upper().startswith(PREFIX) and k not in _OUTSIDE and not k.startswith(_TESTING)
    }
    origin = {
        **{k: f"{k} in {path}" for k in table},
        **{k: PREFIX + k.upper() for k in variables},
        **{k: f"--{k}" for k in overrides or {}},
    }
    _known(origin)
    values: dict[str, Any] = {**table, **_parsed(variables), **(overrides or {})}
    try:
        config = _Pure(**values)
    except ValidationError as wrong:
        lines = [_sentence(e, origin) for e in wrong.errors(include_input=False)]
        raise ConfigError("\n".join(lines)) from None
    _check_together(config)
    return config


class _Pure(Config):
    """A Config that reads nothing by itself: `load_config` has collected the values."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def _file(env: Mapping[str, str], cwd: Path) -> tuple[Path, dict[str, Any]]:
    named = env.get("MEMSVC_CONFIG")
    path = Path(named) if named else cwd / CONFIG_FILE
    if not path.is_file():
        if named:
            raise ConfigError(f"MEMSVC_CONFIG names {named}, and there is no such file")
        return path, {}
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as wrong:
        raise ConfigError(f"{path} cannot be read: {wrong}") from None


def _known(origin: Mapping[str, str]) -> None:
    wrong = []
    for name, place in origin.items():
        if name in Config.model_fields:
            continue
        close = difflib.get_close_matches(name, Config.model_fields, 1)
        hint = f"; did you mean {close[0]} ({PREFIX}{close[0].upper()})?" if close else ""
        wrong.append(f"{place} is no setting{hint}")
    if wrong:
        raise ConfigError("\n".join(wrong))


def _parsed(variables: Mapping[str, str]) -> dict[str, Any]:
    import orjson

    values: dict[str, Any] = dict(variables)
    if "api_keys" in values:
        try:
            values["api_keys"] = orjson.loads(values["api_keys"])
        except orjson.JSONDecodeError:
            text = f'{PREFIX}API_KEYS must be a JSON object like {{"a-long-key": "tenant"}}'
            raise ConfigError(text) from None
    if values.get("max_tokens") == "":
        values["max_tokens"] = None
    return values


def _sentence(error: Any, origin: Mapping[str, str]) -> str:
    name = str(error["loc"][0])
    what = error["msg"].removeprefix("Value error, ")
    what = what[0].lower() + what[1:]
    if name == "mode":
        what += " (economic and shadow are not in this release)"
    return f"{origin.get(name, name)}: {what}"


def _check_together(config: Config) -> None:
    least = config.keep_tokens + config.summary_tokens
    if config.mode != "manual" and config.threshold_tokens <= least:
        raise ConfigError(
            f"threshold_tokens ({config.threshold_tokens}) must be larger than keep_tokens + summary_tokens "
            f"({config.keep_tokens} + {config.summary_tokens}); raise it or lower the others"
        )
    if not config.api_keys and not _loopback(config.host):
        raise ConfigError(
            f"host {config.host} is reachable from other machines and no api_keys are set; set MEMSVC_API_KEYS "
            'to {"a-long-random-key": "tenant"}, or bind 127.0.0.1'
        )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def describe() -> list[tuple[str, str, str, str]]:
    """(name, variable, default, description) of every setting, for the documentation."""
    rows = []
    for name, info in Config.model_fields.items():
        default = info.get_default(call_default_factory=True)
        shown = "" if default in (None, {}) else str(default)
        rows.append((name, PREFIX + name.upper(), shown, info.description or ""))
    return rows


def markdown() -> str:
    """docs/settings.md as it should be."""
    lines = [
        "# Settings",
        "",
        f"A variable wins over the TOML file (`{CONFIG_FILE}` in the current folder, or the path in",
        "`MEMSVC_CONFIG`), which wins over the default. In the file the names are those of the first column.",
        "A name or value that is not known stops the start with a sentence that says which and why.",
        "",
        "| setting | variable | default | meaning |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{n}` | `{v}` | {d or '(none)'} | {t} |" for n, v, d, t in describe()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
