"""The settings and what each may be."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, SecretStr, field_validator

from memsvc.config.observing import Observing
from memsvc.config.values import HTTP, MIN_KEY_LENGTH, key_bytes, only_here
from memsvc.core.limits import LEAST_CLAMP_TOKENS
from memsvc.core.route import Tier

PREFIX = "MEMSVC_"
CONFIG_FILE = "memsvc.toml"
STORES = (
    "sqlite:///relative.db, sqlite:////absolute.db, sqlite://:memory:, redis://host:port, "
    "redis+sentinel://host:port,…/service or redis+cluster://host:port,…"
)
_SERVERS = re.compile(r"rediss?(\+sentinel|\+cluster)?://\S+")
MODELS = ("summarizers", "models_nano", "models_standard", "models_pro")
"""Settings that name models."""
SUMMARIZERS = "anthropic, anthropic:MODEL, openai, openai:MODEL or local"
CONFIG_VARIABLE = "MEMSVC_CONFIG"

Mode = Literal["threshold", "economic", "manual", "shadow"]
Seconds = Annotated[float, Field(allow_inf_nan=False)]


class ConfigError(Exception):
    """The settings are wrong; the text has one sentence a line. It never holds a secret."""


class Config(Observing):
    """Everything an operator can set. Token figures are o200k counts."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field("127.0.0.1", min_length=1, description="Address to bind. Anything but loopback needs a key.")
    port: int = Field(8080, ge=0, le=65535, description="Port to bind; 0 = any free one.")
    store: str = Field(
        "sqlite:///memsvc.db", description=f"Where conversations live: {STORES}; rediss:// is the same through TLS."
    )
    redis_persistence: Literal["warn", "require", "off"] = Field(
        "warn",
        description="What to do at the start about a Redis or Valkey that keeps no append-only file: log a warning, "
        "refuse to start, or not look.",
    )
    redis_wait_replicas: int = Field(
        0, ge=0, le=10, description="Replicas that must have a write before it is acknowledged; 0 = the primary alone."
    )
    redis_wait_ms: int = Field(
        1_000, ge=1, le=60_000, description="Milliseconds they may take; then the answer is 503."
    )
    mode: Mode = Field(
        "economic",
        description="When to compact: past the threshold; economic = also earlier, when it pays; manual = when asked; "
        "shadow = as economic, but the full history is served all the same (economics.md).",
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
    alpha: Seconds = Field(
        1.5, gt=0, description="Economic mode: rent paid, over the price of a compaction, at which it is made."
    )
    guard: Seconds = Field(
        0.25, ge=0, description="Economic mode: the least it covers, as a share of what stays and the summary."
    )
    tool_output_tokens: int | None = Field(
        None,
        ge=LEAST_CLAMP_TOKENS,
        description="A tool's output longer than about this is shown without its middle in contexts; the log keeps all "
        "of it. Unset = nothing is cut.",
    )
    loss_usd: Seconds = Field(
        0.0, ge=0, description="Economic mode: dollars that one compaction is taken to cost in lost detail."
    )
    placement: Literal["user", "system_block"] = Field(
        "user", description="Where the summary goes: a user message, or a second system block."
    )
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="Largest request body.")
    workers_concurrency: int = Field(
        8,
        ge=0,
        le=64,
        description="Compactions that run at once in this process; most of one is waiting where a model writes. "
        "Of local summarizers two run at once. 0 = none: `memsvc worker` processes do them.",
    )
    lease_s: Seconds = Field(
        30.0, ge=1, description="Seconds after which another worker takes over a compaction that was not finished."
    )
    poll_s: Seconds = Field(1.0, gt=0, le=60, description="Longest pause in seconds between looks at the queue.")
    cache_bytes: int = Field(24 * 1024 * 1024, ge=0, description="Memory for rendered contexts.")
    token_counter: Literal["auto", "toktok", "tiktoken"] = Field(
        "auto", description="Library that counts; auto = toktok if it passes its check, else tiktoken."
    )
    api_keys: dict[SecretStr, str] = Field(
        default_factory=dict,
        description="API keys with every scope, and the tenant of each; `memsvc keys create` makes more. Without a key "
        "here or in the store none is asked for, and only loopback can be bound.",
    )
    encryption_key: SecretStr | None = Field(
        None,
        description="Encrypts what `memsvc provider-keys` stores: 32 random bytes as base64. Without it they are lost.",
    )
    rate_per_s: Seconds | None = Field(
        None, gt=0, description="Requests a second that each tenant may make of this process. Unset = any number."
    )
    rate_burst: int | None = Field(
        None, gt=0, description="Requests that may come at once. Unset = those of one second, at least 1."
    )
    summarizers: tuple[str, ...] = Field(
        (),
        description="Models that write summaries, asked in this order; the local summarizer is always the last. "
        "`anthropic` is claude-haiku-5-5, `openai` is gpt-6-luna; `anthropic:MODEL`, `openai:MODEL` name another.",
    )
    batch: Literal["off", "idle"] = Field(
        "off",
        description="idle = summaries of sessions whose provider cache has expired may wait for a batch, up to a day, "
        "at half the price (economics.md). Past a threshold none waits.",
    )
    models_nano: tuple[str, ...] = Field(
        (),
        description="Models of the cheapest tier, in order, named as in `summarizers`. Where that is empty, a summary "
        "is written by the tier that its conversation asks for, else by a cheaper one (routing.md).",
    )
    models_standard: tuple[str, ...] = Field((), description="Models of the middle tier.")
    models_pro: tuple[str, ...] = Field((), description="Models of the dearest tier.")
    anthropic_api_key: SecretStr | None = Field(None, description="Key for `anthropic`. Unset = ANTHROPIC_API_KEY.")
    anthropic_base_url: str | None = Field(
        None, description="Another server with the Messages API. Unset = ANTHROPIC_BASE_URL, else the vendor's."
    )
    openai_api_key: SecretStr | None = Field(
        None,
        description="Key for `openai`. Unset = OPENAI_API_KEY, which is not sent to an openai_base_url set here.",
    )
    openai_base_url: str | None = Field(
        None,
        description="Another server with Chat Completions, such as http://127.0.0.1:11434/v1. "
        "Unset = OPENAI_BASE_URL, else the vendor's.",
    )
    gateway_anthropic_url: str = Field(
        "https://api.anthropic.com",
        description="Where the gateway sends calls of the Messages API (gateway.md); the address as the SDK takes it.",
    )
    gateway_anthropic_provider: str | None = Field(
        None,
        min_length=1,
        max_length=50,
        description="Its name in the price list, in the books and for `memsvc provider-keys`. Unset = `anthropic`, or "
        "`local`, which costs nothing, for a server on this machine or in a private network: name it if that bills.",
    )
    gateway_openai_url: str = Field(
        "https://api.openai.com/v1",
        description="Where it sends Chat Completions and Responses. `{model}` in it stands for the model's name; a "
        "query in it goes with every call.",
    )
    gateway_openai_auth: Literal["bearer", "api-key"] = Field(
        "bearer", description="How a stored key is sent there: `api-key` is Azure's way."
    )
    gateway_openai_provider: str | None = Field(
        None,
        min_length=1,
        max_length=50,
        description="The same for `gateway_openai_url`. Unset = `openai`, or `local`.",
    )
    gateway_idle_s: Seconds = Field(
        600.0, gt=0, description="A provider that sends nothing for so many seconds is given up."
    )
    output_caps: dict[str, int] = Field(
        default_factory=dict,
        description="Most tokens of a reply through the gateway, by feature (`x-memsvc-feature`, else `chat`); `*` = "
        "of every other.",
    )
    summarizer_input_tokens: int = Field(
        90_000,
        ge=2_000,
        description="Most provider tokens of one request for a summary, its answer included; longer ranges go in "
        "parts. Set it to the window of a local model (a refused request halves it by itself, but some servers cut a "
        "request off without a word); above 100,000 some models cost five times as much.",
    )
    summarizer_timeout_s: Seconds = Field(
        60.0, gt=0, le=600, description="Seconds for one such request, its repetitions included."
    )
    rebuild_epochs: int = Field(
        5,
        ge=0,
        description="After so many epochs a model writes its summary from the original messages again (the newest "
        "150,000 tokens of them), not from the summary before. It does so earlier where that has drifted from them; 0 "
        "= only then.",
    )
    summary_usd_per_hour: Seconds = Field(
        0.25, gt=0, description="The most that summaries of one conversation may cost in an hour; then local ones."
    )
    summarizer_input_usd: Seconds | None = Field(
        None,
        ge=0,
        description="Price of a million input tokens, where the price list does not know the model. "
        "Servers on this machine or a private network cost nothing.",
    )
    summarizer_output_usd: Seconds | None = Field(None, ge=0, description="The same for output tokens.")
    prices_file: str | None = Field(
        None,
        description="TOML file with prices of models; it outranks the list that ships with the package (budgets.md).",
    )
    budget_day_usd: Seconds | None = Field(
        None,
        gt=0,
        description="Dollars that the calls of a tenant without a budget of its own may cost in a day (UTC). Past it "
        "summaries are local ones.",
    )
    budget_month_usd: Seconds | None = Field(None, gt=0, description="The same for a month.")
    budget_levels: tuple[int, ...] = Field(
        (50, 80, 100), description="Per cent of a budget at which it is told in the log and to the webhook."
    )
    alert_webhook_url: str | None = Field(
        None, description="Where such news is sent as JSON by POST; http:// or https://. Redirects are not followed."
    )
    alert_webhook_secret: SecretStr | None = Field(
        None, description="Signs what is sent there: HMAC-SHA256 over time and body (budgets.md)."
    )
    shutdown_s: Seconds = Field(
        10.0, ge=0, description="Seconds that requests and compactions under way get at a stop."
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object) -> object:
        if isinstance(value, bool):  # `port = true` would be 1
            raise ValueError
        return value

    @field_validator(*MODELS, mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return [x.strip() for x in value.split(",") if x.strip()] if isinstance(value, str) else value

    @field_validator(*MODELS)
    @classmethod
    def _known_summarizers(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            vendor, colon, model = name.partition(":")
            if vendor not in ("anthropic", "openai", "local") or (colon and (not model or vendor == "local")):
                raise ValueError(f"has {name!r}; each must be {SUMMARIZERS}")
        return tuple(n for n in dict.fromkeys(names) if n != "local")

    @field_validator("budget_levels", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        return [x.strip() for x in value.split(",") if x.strip()] if isinstance(value, str) else value

    @field_validator("budget_levels")
    @classmethod
    def _percent(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        if not all(0 < level <= 1_000 for level in levels):
            raise ValueError("must be per cents from 1 to 1000, with commas between them")
        return levels

    @field_validator("output_caps")
    @classmethod
    def _positive(cls, caps: dict[str, int]) -> dict[str, int]:
        for feature, most in caps.items():
            if not 1 <= len(feature) <= 100 or not feature.isprintable() or most < 1:
                raise ValueError('must be an object of features and numbers above 0, such as {"chat": 1000}')
        return caps

    @field_validator(
        "alert_webhook_url", "anthropic_base_url", "openai_base_url", "gateway_anthropic_url", "gateway_openai_url"
    )
    @classmethod
    def _http(cls, url: str | None) -> str | None:
        if url is not None and not HTTP.fullmatch(url):
            raise ValueError("must be an http:// or https:// address without a user or password")
        return url

    @field_validator("store")
    @classmethod
    def _known_store(cls, url: str) -> str:
        scheme, separator, rest = url.partition("://")
        file = separator and scheme == "sqlite" and (rest == ":memory:" or (rest.startswith("/") and len(rest) > 1))
        if not file and not _SERVERS.fullmatch(url):
            raise ValueError(f"must be {STORES}")
        return url

    @field_validator("encryption_key")
    @classmethod
    def _32_bytes(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and key_bytes(key) is None:
            raise ValueError("must be 32 bytes as base64, such as `openssl rand -base64 32` prints")
        return key

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

    @property
    def shown_store(self) -> str:
        """The store's URL as it may be printed: without user, password and parameters."""
        return re.sub(r"//\S*@", "//", self.store.partition("?")[0])

    @property
    def only_here(self) -> bool:
        """Whether `host` is reachable from this machine alone."""
        return only_here(self.host)

    def encryption_bytes(self) -> bytes | None:
        """The key that encrypts, in the clear; never log this. None = not set."""
        return None if self.encryption_key is None else key_bytes(self.encryption_key)

    @property
    def tiers(self) -> dict[Tier, tuple[str, ...]]:
        """Models by tier, as far as they are named and `summarizers` names none."""
        named: dict[Tier, tuple[str, ...]] = {
            "nano": self.models_nano,
            "standard": self.models_standard,
            "pro": self.models_pro,
        }
        return {} if self.summarizers else {tier: models for tier, models in named.items() if models}

    @property
    def writers(self) -> tuple[str, ...]:
        """All models that may write summaries, each once."""
        return tuple(dict.fromkeys((*self.summarizers, *(name for tier in self.tiers.values() for name in tier))))

    def tenant_keys(self) -> dict[str, str]:
        """Keys in the clear, for the HTTP face alone; never log this."""
        return {key.get_secret_value(): tenant for key, tenant in self.api_keys.items()}
