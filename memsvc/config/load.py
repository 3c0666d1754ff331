"""Reading the settings: `MEMSVC_*` variables over a TOML file over defaults.

A wrong value stops the start with a sentence that says which, what was given, where, and what
is allowed.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from memsvc.config.describe import allowed
from memsvc.config.observing import Observing
from memsvc.config.schema import CONFIG_FILE, CONFIG_VARIABLE, MODELS, PREFIX, Config, ConfigError

_NOT_OURS = re.compile(r"MEMSVC_(TEST_\w+|SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
"""Variables of the test suite, and those that Kubernetes adds beside a service named memsvc."""
_SECRET = re.compile(r"_key|_token$|_secret$|webhook_url$")
"""Names of settings whose values are never shown; the path of a webhook's address is often its password."""
OF_A_SERVER = {"host", "port", "api_keys", "rate_per_s", "rate_burst", *Observing.model_fields}
"""Settings of what only `memsvc serve` does."""


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
    variables |= _vendors(env, {**table, **variables})
    origin = {k: str(path) for k in table} | {k: "the environment" for k in variables} | {k: f"--{k}" for k in flags}
    return _checked({**table, **variables, **flags}, origin)


def embedded_config(given: Mapping[str, Any], env: Mapping[str, str] | None = None) -> Config:
    """The settings that a program gives to a service in its own process; nothing else counts but the vendors' own
    variables. Raises ConfigError.

    Args:
        env: None = the process's environment.
    """
    idle = sorted(OF_A_SERVER & set(given))
    if idle:
        raise ConfigError(f"{', '.join(idle)}: without a server this says nothing; leave it out.")
    values = {**_vendors(os.environ if env is None else env, given), **given}
    return _checked(values, dict.fromkeys(values, "the call"))


def _checked(values: Mapping[str, Any], origin: Mapping[str, str]) -> Config:
    """Settings by name as a Config. Raises ConfigError. `origin` says where each comes from."""
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
    named = env.get(CONFIG_VARIABLE)
    path = cwd / (named or CONFIG_FILE)
    if not path.is_file():
        if named:
            raise ConfigError(f"{CONFIG_VARIABLE} names {named}, and there is no such file.")
        return path, {}
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as wrong:
        raise ConfigError(f"{path} cannot be read as TOML: {wrong}.") from None


def _variables(env: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, value in env.items():
        upper = variable.upper()
        if not upper.startswith(PREFIX) or upper == CONFIG_VARIABLE or _NOT_OURS.fullmatch(upper) or not value:
            continue
        if upper == "MEMSVC_PORT" and value.startswith("tcp://"):  # Kubernetes again
            continue
        found[upper.removeprefix(PREFIX).lower()] = value
    for name in ("api_keys", "output_caps"):
        if name in found:
            try:
                found[name] = json.loads(found[name])
            except ValueError:
                found[name] = None  # refused below, in the same words as any other wrong value
    return found


def _vendors(env: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, str]:
    """What the vendors' own variables say where ours say nothing. A vendor's key goes with the vendor's
    address: it is not sent to a server that only our settings name."""
    found: dict[str, str] = {}
    for vendor in ("anthropic", "openai") if any(map(given.get, MODELS)) else ():
        key, url = env.get(f"{vendor.upper()}_API_KEY"), env.get(f"{vendor.upper()}_BASE_URL")
        ours = given.get(f"{vendor}_base_url")
        if key and not ours and not given.get(f"{vendor}_api_key"):
            found[f"{vendor}_api_key"] = key
        if url and not ours:
            found[f"{vendor}_base_url"] = url
    return found


def _unknown(name: str, place: str) -> str:
    in_env = place == "the environment"
    close = difflib.get_close_matches(name.lower(), Config.model_fields, 1)
    shown, hint = (f"{PREFIX}{n.upper()}" if in_env else n for n in (name, close[0] if close else ""))
    return f"{shown} in {place} is no setting" + (f"; did you mean {hint}?" if close else "; docs/settings.md has all.")


def _sentence(name: str, given: object, place: str, error: ErrorDetails) -> str:
    own_words = str(error["ctx"]["error"]) if error["type"] == "value_error" else ""
    what = own_words or f"must be {allowed(name)}"
    shown = "given" if _SECRET.search(name) else f"given as {_shown(given)}"
    return f"{name} ({PREFIX}{name.upper()}), {shown} in {place}, {what}."


def _shown(given: object) -> str:
    # A URL may carry a password, also one that is no URL for a slip of the hand.
    text = re.sub(r"(?:(?<=://)|^(?![\w+.-]+://))\S*@", "***@", str(given))
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
    if (config.summarizer_input_usd is None) != (config.summarizer_output_usd is None):
        yield (
            "summarizer_input_usd and summarizer_output_usd (MEMSVC_SUMMARIZER_INPUT_USD, _OUTPUT_USD) go together:"
            " set both, or neither."
        )
    for name in config.writers:
        vendor = name.partition(":")[0]
        if getattr(config, f"{vendor}_api_key") is None and getattr(config, f"{vendor}_base_url") is None:
            upper = vendor.upper()
            yield (
                f"{_naming(config, name)} has {name!r} and there is no key for it: set {upper}_API_KEY or "
                f"MEMSVC_{upper}_API_KEY, or MEMSVC_{upper}_BASE_URL for a server that needs none."
            )
    if config.rate_burst is not None and config.rate_per_s is None:
        yield "rate_burst (MEMSVC_RATE_BURST) says nothing without rate_per_s (MEMSVC_RATE_PER_S): set both."


def _naming(config: Config, model: str) -> str:
    """The setting that names a model."""
    name = next(setting for setting in MODELS if model in getattr(config, setting))
    return f"{name} ({PREFIX}{name.upper()})"
