"""A wrong setting stops the start with a sentence that says which, what was given, where, and what is allowed."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from memsvc.app import written_summarizers
from memsvc.config import Config, ConfigError, allowed, describe, load_config
from memsvc.core.money import Usage
from memsvc.prices import GenaiPrices
from tests.service.world import the_counter

KEY = "a-key-that-is-long-enough"
KEYS = f'{{"{KEY}": "acme"}}'


def _refusal(env: dict[str, str], cwd: Path, overrides: dict[str, object] | None = None) -> str:
    with pytest.raises(ConfigError) as wrong:
        load_config(overrides, env=env, cwd=cwd)
    assert KEY not in "".join(traceback.format_exception(wrong.value)), "a key shows in the traceback"
    return str(wrong.value)


def test_defaults_need_nothing(tmp_path: Path) -> None:
    config = load_config(env={}, cwd=tmp_path)
    assert (config.host, config.port, config.threshold_tokens) == ("127.0.0.1", 8080, 32_000)
    assert config == Config()


def test_the_command_line_wins_over_variables_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "memsvc.toml").write_text("port = 1\nkeep_tokens = 5\nsummary_tokens = 6\n")
    config = load_config({"port": 3, "host": None}, env={"MEMSVC_PORT": "2", "MEMSVC_KEEP_TOKENS": "7"}, cwd=tmp_path)
    assert (config.port, config.keep_tokens, config.summary_tokens) == (3, 7, 6)
    assert config.host == "127.0.0.1", "a flag that was not given says nothing"


def test_a_file_may_stand_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(f'port = 7\n[api_keys]\n"{KEY}" = "acme"\n')
    (tmp_path / "memsvc.toml").write_text("port = 8\n")
    for name in ("other.toml", str(tmp_path / "other.toml")):
        config = load_config(env={"MEMSVC_CONFIG": name}, cwd=tmp_path)
        assert (config.port, config.tenant_keys()) == (7, {KEY: "acme"})


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        (
            {"MEMSVC_PORT": "eighty"},
            "port (MEMSVC_PORT), given as 'eighty' in the environment, must be a whole number from 0 to 65535.",
        ),
        (
            {"MEMSVC_KEEP_TOKENS": "-1"},
            "keep_tokens (MEMSVC_KEEP_TOKENS), given as '-1' in the environment, must be a whole number above 0.",
        ),
        (
            {"MEMSVC_LEASE_S": "inf"},
            "lease_s (MEMSVC_LEASE_S), given as 'inf' in the environment, must be a number of at least 1.",
        ),
        (
            {"MEMSVC_POLL_S": "nan"},
            "poll_s (MEMSVC_POLL_S), given as 'nan' in the environment, must be a number above 0 and at most 60.",
        ),
        (
            {"MEMSVC_LOG_FORMAT": "xml"},
            "log_format (MEMSVC_LOG_FORMAT), given as 'xml' in the environment, must be json or console.",
        ),
        (
            {"MEMSVC_MODE": "sometimes"},
            "mode (MEMSVC_MODE), given as 'sometimes' in the environment, must be threshold, economic, manual or "
            "shadow.",
        ),
    ],
)
def test_the_sentence(env: dict[str, str], sentence: str, tmp_path: Path) -> None:
    assert _refusal(env, tmp_path) == sentence


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"MEMSVC_PRT": "1"}, ["MEMSVC_PRT in the environment", "did you mean MEMSVC_PORT?"]),
        ({"MEMSVC_ZZZZZZZZ": "1"}, ["MEMSVC_ZZZZZZZZ", "no setting"]),
        ({"MEMSVC_STORE": "mysql://me:secret@host/x"}, ["MEMSVC_STORE", "sqlite:///", "mysql://***@host"]),
        ({"MEMSVC_STORE": "redis:/me:secret@host/x"}, ["MEMSVC_STORE", "'***@host/x'"]),
        ({"MEMSVC_STORE": "mysql://me:sec/secret@host/x"}, ["MEMSVC_STORE", "'mysql://***@host/x'"]),
        ({"MEMSVC_ALERT_WEBHOOK_URL": "hooks.example/secret"}, ["MEMSVC_ALERT_WEBHOOK_URL", "http://"]),
        ({"MEMSVC_ENCRYPTION_KEY": "secret"}, ["MEMSVC_ENCRYPTION_KEY", "32 bytes as base64"]),
        ({"MEMSVC_RATE_BURST": "5"}, ["rate_burst", "MEMSVC_RATE_PER_S"]),
        ({"MEMSVC_RATE_PER_S": "0"}, ["MEMSVC_RATE_PER_S", "above 0"]),
        ({"MEMSVC_KEEP_TOKENS": "31000"}, ["MEMSVC_THRESHOLD_TOKENS", "32000", "31000 + 2000"]),
        ({"MEMSVC_MAX_TOKENS": "9000"}, ["MEMSVC_MAX_TOKENS", "9000", "8000 + 2000"]),
        ({"MEMSVC_API_KEYS": KEY}, ["MEMSVC_API_KEYS", "JSON object"]),
        ({"MEMSVC_API_KEYS": f'["{KEY}"]'}, ["MEMSVC_API_KEYS", "JSON object"]),
        ({"MEMSVC_API_KEYS": f'{{"{KEY}": 5}}'}, ["MEMSVC_API_KEYS", "JSON object"]),
        ({"MEMSVC_API_KEYS": '{"short": "t"}'}, ["tenant 't'", "16"]),
        ({"MEMSVC_API_KEYS": f'{{"{KEY}": ""}}'}, ["MEMSVC_API_KEYS", "200 printable"]),
        ({"MEMSVC_API_KEYS": f'{{"{KEY} {KEY}": "t"}}'}, ["MEMSVC_API_KEYS", "visible ASCII"]),
        ({"MEMSVC_CONFIG": "nowhere.toml"}, ["nowhere.toml", "no such file"]),
        ({"MEMSVC_SUMMARIZER_INPUT_USD": "1"}, ["summarizer_output_usd", "both, or neither"]),
        ({"MEMSVC_SUMMARIZERS": "gemini"}, ["'gemini'", "openai:MODEL"]),
        ({"MEMSVC_SUMMARIZERS": "openai:"}, ["'openai:'", "openai:MODEL"]),
        ({"MEMSVC_SUMMARIZERS": "openai"}, ["'openai'", "OPENAI_API_KEY", "MEMSVC_OPENAI_BASE_URL"]),
        ({"MEMSVC_OPENAI_BASE_URL": "localhost:1"}, ["MEMSVC_OPENAI_BASE_URL", "http://"]),
        ({"MEMSVC_OPENAI_BASE_URL": "http://me:secret@host/v1"}, ["MEMSVC_OPENAI_BASE_URL", "//***@host"]),
    ],
)
def test_a_wrong_value_is_named(env: dict[str, str], words: list[str], tmp_path: Path) -> None:
    text = _refusal(env, tmp_path)
    assert not [w for w in words if w not in text], text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prt = 1", ["prt in ", "memsvc.toml", "did you mean port?"]),
        ("port = 'x'", ["port (MEMSVC_PORT), given as 'x' in ", "memsvc.toml"]),
        ("port = true", ["given as 'True'", "whole number"]),
        ("[policy]\nkeep_tokens = 1", ["policy in ", "no setting"]),
        ("port = ", ["memsvc.toml", "cannot be read"]),
    ],
)
def test_the_file_is_named(text: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "memsvc.toml").write_text(text)
    refusal = _refusal({}, tmp_path)
    assert not [w for w in words if w not in refusal], refusal


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "memsvc.toml").write_text("prot = 1\nmode = 'x'\n")
    lines = _refusal({"MEMSVC_PORT": "-1"}, tmp_path, {"host": ""}).splitlines()
    assert [line.split()[0] for line in lines] == ["prot", "mode", "port", "host"]
    assert "--host" in lines[-1]


def test_what_others_put_into_the_environment_is_let_be(tmp_path: Path) -> None:
    links = {
        "MEMSVC_PORT": "tcp://10.0.0.1:80",
        "MEMSVC_SERVICE_HOST": "10.0.0.1",
        "MEMSVC_SERVICE_PORT_HTTP": "80",
        "MEMSVC_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert load_config(env={**links, "MEMSVC_TEST_REDIS": "x", "MEMSVC_MAX_TOKENS": ""}, cwd=tmp_path) == Config()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_what_is_reachable_from_here_alone(host: str) -> None:
    assert Config(host=host).only_here


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.test", "localhost.example.test", "127.0.0.1.x"])
def test_what_is_reachable_from_elsewhere(host: str) -> None:
    assert not Config(host=host).only_here


def test_manual_mode_needs_no_room_under_the_threshold(tmp_path: Path) -> None:
    env = {"MEMSVC_MODE": "manual", "MEMSVC_THRESHOLD_TOKENS": "5"}
    assert load_config(env=env, cwd=tmp_path).threshold_tokens == 5


def test_keys_are_never_shown(tmp_path: Path) -> None:
    config = load_config(env={"MEMSVC_API_KEYS": KEYS, "MEMSVC_HOST": "0.0.0.0"}, cwd=tmp_path)
    assert config.tenant_keys() == {KEY: "acme"}
    assert KEY not in repr(config) + str(config) + str(config.model_dump())
    _refusal({"MEMSVC_API_KEYS": f'{{"{KEY}": 1}}', "MEMSVC_PORT": "x"}, tmp_path)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Config().port = 1  # type: ignore[misc]


@pytest.mark.parametrize("row", describe(), ids=lambda row: row.name)
def test_every_setting_says_what_it_is(row: tuple[str, ...]) -> None:
    name, variable, phrase, _, description = row
    assert variable == f"MEMSVC_{name.upper()}"
    assert phrase == allowed(name)
    assert "None" not in phrase
    assert description.endswith(".")


def test_summarizers_by_name_and_the_vendors_own_variables(tmp_path: Path) -> None:
    env = {"MEMSVC_SUMMARIZERS": "anthropic, openai:qwen3:8b,local,anthropic", "ANTHROPIC_API_KEY": "a" * 20}
    config = load_config(env={**env, "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, cwd=tmp_path)
    assert config.summarizers == ("anthropic", "openai:qwen3:8b")
    assert config.anthropic_api_key is not None
    assert config.anthropic_api_key.get_secret_value() == "a" * 20
    assert config.openai_base_url == "http://127.0.0.1:1/v1"
    (tmp_path / "memsvc.toml").write_text('summarizers = ["openai"]\nopenai_api_key = "from the file"\n')
    config = load_config(env={"OPENAI_API_KEY": "b" * 20}, cwd=tmp_path)
    assert config.openai_api_key is not None
    assert config.openai_api_key.get_secret_value() == "from the file"


def test_a_vendors_key_is_not_sent_to_a_server_that_only_our_settings_name(tmp_path: Path) -> None:
    env = {"MEMSVC_SUMMARIZERS": "openai", "OPENAI_API_KEY": "leak", "MEMSVC_OPENAI_BASE_URL": "http://10.0.0.1/v1"}
    assert load_config(env=env, cwd=tmp_path).openai_api_key is None


def test_without_summarizers_the_vendors_variables_do_not_matter(tmp_path: Path) -> None:
    assert load_config(env={"OPENAI_BASE_URL": "nonsense", "ANTHROPIC_API_KEY": "x"}, cwd=tmp_path) == Config()


def test_prices_of_the_settings_are_for_models_that_the_list_does_not_know() -> None:
    def price(name: str, **more: Any) -> int | None:
        config = Config(summarizers=(name,), **more)
        (made,) = written_summarizers(config, None, the_counter(), GenaiPrices(), lambda: 1.7e9)  # type: ignore[arg-type]
        return made._paid._prices.micros(made.model.provider, made.model.name, Usage(1_000_000, 0), at=1.79e9)

    given = {"summarizer_input_usd": 7.0, "summarizer_output_usd": 9.0, "openai_api_key": "k", "anthropic_api_key": "k"}
    assert price("openai:unheard-of", **given) == 7_000_000
    assert price("anthropic:claude-sonnet-5-5", **given) == 2_000_000
    local = "http://127.0.0.1:1/v1"
    assert price("openai:qwen3", openai_base_url=local) == 0
    keyed = {"anthropic_base_url": "http://litellm:4000", "anthropic_api_key": "k"}
    assert price("anthropic:claude-sonnet-5-5", **keyed) == 2_000_000, "a proxy with a key may be billed for"
    with pytest.raises(ConfigError, match="not in the price list"):
        price("openai:unheard-of", openai_api_key="k")
