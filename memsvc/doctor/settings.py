"""What the settings say, and what the stored keys say beside them."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from memsvc.config import Config
from memsvc.core.access import ApiKey
from memsvc.doctor.findings import Finding
from memsvc.ports.inspect import Facts

SOON_S = 14 * 86_400.0
SECRETS = (
    *("api_keys", "encryption_key", "anthropic_api_key", "openai_api_key"),
    *("alert_webhook_secret", "alert_webhook_url", "metrics_token"),
)
"""Settings that nobody else should read; the address of a webhook often holds a password."""


def judge_settings(config: Config, file: Path) -> Iterator[Finding]:
    """`file`: the TOML file, which need not be there."""
    given = len(config.model_fields_set)
    yield Finding("settings_ok", f"{given} set, {len(type(config).model_fields) - given} by default")
    if file.is_file() and file.stat().st_mode & stat.S_IROTH:
        text = file.read_text(encoding="utf-8", errors="replace")
        held = [name for name in SECRETS if name in text]
        if held or ("@" in config.store and "store" in text):
            yield Finding("settings_readable", f"{file} holds {', '.join(held or ['a password in store'])}")
    least = config.keep_tokens + config.summary_tokens
    if config.mode == "manual":
        yield Finding("mode_manual", "mode is manual")
    elif least > 0.8 * config.threshold_tokens:
        yield Finding("keeps_nearly_all", f"{least:,} of a threshold of {config.threshold_tokens:,} tokens")
    if config.max_tokens is not None and config.mode != "manual" and config.max_tokens <= config.threshold_tokens:
        yield Finding("max_below_threshold", f"{config.max_tokens:,} against {config.threshold_tokens:,}")
    if config.mode == "shadow":
        yield Finding("mode_shadow", "mode is shadow")
    if not config.workers_concurrency:
        yield Finding("no_workers", "this process answers, others compact")


def judge_access(config: Config, facts: Facts | None, now: float) -> Iterator[Finding]:
    """`facts` None: the store could not be looked into, and what it has is not judged."""
    keys = facts.keys if facts is not None else ()
    active = [key for key in keys if key.state(now) == "active"]
    named = len(config.api_keys)
    if active or named:
        yield Finding("keys_on", f"{len(active)} in the store, {named} in the settings")
    elif keys:
        yield Finding("keys_ended", f"{len(keys)} in the store, none of them good")
    elif facts is not None:
        yield Finding("keys_off" if config.only_here else "keys_missing", f"host is {config.host}")
    for key in keys:
        yield from _ends(key, now)
    if facts is not None and facts.sealed:
        yield from _sealed(config, facts)


def _ends(key: ApiKey, now: float) -> Iterator[Finding]:
    if key.expires_at is None or key.revoked_at is not None:
        return
    who = f"key {key.id} ({key.name or 'without a name'}) of tenant {key.tenant}"
    days = (key.expires_at - now) / 86_400
    if days <= 0:
        yield Finding("key_expired", f"{who}, {-days:.0f} days ago")
    elif key.expires_at - now < SOON_S:
        yield Finding("key_expires", f"{who}, in {days:.1f} days")


def _sealed(config: Config, facts: Facts) -> Iterator[Finding]:
    number = f"{len(facts.sealed)} stored"
    if config.encryption_key is None:
        yield Finding("sealed_unreadable", number)
    elif find_spec("cryptography") is None:
        yield Finding("sealed_no_library", number)
