"""Each thing that serves, made from the settings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from msgspec import Struct
from pydantic import SecretStr

from memsvc.config import Config, ConfigError, own_server
from memsvc.core.budgets import Budget, Period
from memsvc.core.limits import Policy
from memsvc.core.money import Usage
from memsvc.core.route import Tier
from memsvc.gateway import Upstream, Ways
from memsvc.llm import AnthropicModel, Limits, OpenAIModel, WrittenSummarizer
from memsvc.llm.batches import batches_of
from memsvc.llm.calls import Model
from memsvc.llm.deferred import DeferredSummarizer
from memsvc.observe import AlertLost, Sink, StoreNotice, both
from memsvc.ports import NO_SPANS, Counter, Holds, Prices, Spans, Store
from memsvc.prices import LOCAL, FixedPrices, GenaiPrices, ListedPrices, WithOwnServers, read_prices
from memsvc.service.budgets import Terms
from memsvc.service.deferral import Deferrals
from memsvc.service.economics import Economics
from memsvc.stores import open_store
from memsvc.webhook import Webhook

DEFAULT_ANTHROPIC, DEFAULT_OPENAI = "claude-haiku-5-5", "gpt-6-luna"
"""The vendors' cheapest models at the time of this release, neither of them announced to end."""


class Pace(Struct, frozen=True):
    """How a summarizer waits between its calls, and by what it measures that (seconds that never go back)."""

    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    monotonic: Callable[[], float] = time.monotonic


REAL = Pace()
"""As time goes by."""


def sink_of(config: Config, clock: Callable[[], float], log: Sink) -> tuple[Sink, Webhook | None]:
    """Where events go: the log, and the webhook if one is named."""
    if config.alert_webhook_url is None:
        return log, None
    secret = config.alert_webhook_secret
    webhook = Webhook(
        config.alert_webhook_url,
        secret.get_secret_value().encode() if secret is not None else None,
        clock=clock,
        failed=lambda why: log(AlertLost(why)),
    )

    return both(log, webhook.offer), webhook


def prices_of(config: Config) -> Prices:
    """The price list, which loads with the first question, below the file that the settings name. ConfigError."""
    listed = WithOwnServers(GenaiPrices())
    if config.prices_file is None:
        return listed
    try:
        return ListedPrices(read_prices(Path(config.prices_file).read_text(encoding="utf-8")), listed)
    except (OSError, ValueError) as wrong:
        raise ConfigError(f"prices_file (MEMSVC_PRICES_FILE), {config.prices_file}: {wrong}.") from None


def store_of(config: Config, sink: Sink, *, own_loop: bool = False) -> Store:
    """The store that the settings name, not open yet. Raises ConfigError. `own_loop`: see `open_store`."""
    try:
        return open_store(
            config.store,
            persistence=config.redis_persistence,
            wait_replicas=config.redis_wait_replicas,
            wait_ms=config.redis_wait_ms,
            warn=lambda text: sink(StoreNotice(text)),
            own_loop=own_loop,
        )
    except ValueError as wrong:  # its words repeat nothing of the URL that may be secret
        raise ConfigError(f"store (MEMSVC_STORE): {wrong}.") from None


def written_summarizers(
    config: Config,
    ledger: Holds,
    counter: Counter,
    listed: Prices,
    clock: Callable[[], float],
    *,
    pace: Pace = REAL,
    spans: Spans = NO_SPANS,
) -> list[WrittenSummarizer]:
    """The models that the settings name, in order, not open yet. Raises ConfigError for one without a price."""
    limits = Limits(
        input_tokens=config.summarizer_input_tokens,
        call_s=config.summarizer_timeout_s,
        micros_per_hour=int(config.summary_usd_per_hour * 1_000_000),
    )
    made = []
    for name in config.writers:
        model = _model(config, name)
        price = _price(config, model, listed, clock())
        made.append(
            WrittenSummarizer(
                model,
                ledger,
                price,
                counter.count,
                clock=clock,
                limits=limits,
                sleep=pace.sleep,
                monotonic=pace.monotonic,
                spans=spans,
            )
        )
    return made


def deferrals_of(
    config: Config, made: Sequence[WrittenSummarizer], ledger: Holds, listed: Prices, clock: Callable[[], float]
) -> Deferrals | None:
    """Those of `written_summarizers` whose vendors take batches; None where the settings want none."""
    if config.batch == "off":
        return None
    most = int(config.summary_usd_per_hour * 1_000_000)
    found = []
    for written in made:
        if (batches := batches_of(written.model)) is not None:
            price = _price(config, written.model, listed, clock())
            found.append(DeferredSummarizer(written, batches, ledger, price, clock=clock, micros_per_hour=most))
    return Deferrals(found)


def tiers_of(config: Config, made: Sequence[WrittenSummarizer]) -> dict[Tier, list[WrittenSummarizer]]:
    """What was made of `config.writers`, by tier."""
    by_name = dict(zip(config.writers, made, strict=True))
    return {tier: [by_name[name] for name in names] for tier, names in config.tiers.items()}


def _model(config: Config, entry: str) -> AnthropicModel | OpenAIModel:
    vendor, _, name = entry.partition(":")
    if vendor == "anthropic":
        return AnthropicModel(
            name or DEFAULT_ANTHROPIC, api_key=_secret(config.anthropic_api_key), base_url=config.anthropic_base_url
        )
    return OpenAIModel(name or DEFAULT_OPENAI, api_key=_secret(config.openai_api_key), base_url=config.openai_base_url)


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None else None


def _price(config: Config, model: Model, listed: Prices, now: float) -> Prices:
    """The price list, what the settings say of a model that it does not know, or nothing for a server of one's
    own that asks for no key: behind one that does, somebody may be billed."""
    own = model.base_url is not None and own_server(model.base_url) and not model.keyed
    if config.summarizer_input_usd is None and own:
        return FixedPrices(0.0, 0.0)
    if listed.micros(model.provider, model.name, Usage(1000, 1000), at=now) is None:
        if config.summarizer_input_usd is not None and config.summarizer_output_usd is not None:
            return FixedPrices(config.summarizer_input_usd, config.summarizer_output_usd)
        raise ConfigError(
            f"the price of {model.provider}:{model.name} is not in the price list: set MEMSVC_SUMMARIZER_INPUT_USD"
            " and MEMSVC_SUMMARIZER_OUTPUT_USD (dollars per million tokens)."
        )
    return listed


def models_of(config: Config) -> list[AnthropicModel | OpenAIModel]:
    """The models that may write summaries, each once, not open yet."""
    return [_model(config, name) for name in config.writers]


def is_priced(config: Config, model: Model, listed: Prices, now: float) -> bool:
    """Whether a summary by this model has a price."""
    try:
        _price(config, model, listed, now)
    except ConfigError:
        return False
    return True


def economics_of(config: Config, listed: Prices, clock: Callable[[], float]) -> Economics:
    """What decides in the economic mode: the price list, and the rates of the first model that writes summaries."""
    rates = None
    if config.writers:
        model = _model(config, config.writers[0])
        rates = _price(config, model, listed, clock()).rates(model.provider, model.name, at=clock())
    return Economics(listed, clock=clock, summarizer=rates, loss_usd=config.loss_usd)


def ways_of(config: Config) -> Ways:
    """Where the gateway's calls go."""
    ours, theirs = config.gateway_anthropic_url, config.gateway_openai_url
    our_name, their_name = config.gateway_anthropic_provider, config.gateway_openai_provider
    our_own = our_name is None and own_server(ours)
    their_own = their_name is None and own_server(theirs)
    return Ways(
        Upstream("anthropic", ours, our_name or (LOCAL if our_own else "anthropic"), own=our_own),
        Upstream(
            "openai",
            theirs,
            their_name or (LOCAL if their_own else "openai"),
            config.gateway_openai_auth,
            own=their_own,
        ),
        config.output_caps,
    )


def terms_of(config: Config) -> Terms:
    """Budgets of tenants that have none of their own, and the levels that are told of."""
    limits: tuple[tuple[Period, float | None], ...] = (
        ("day", config.budget_day_usd),
        ("month", config.budget_month_usd),
    )
    defaults = (Budget(period, None, int(usd * 1_000_000)) for period, usd in limits if usd is not None)
    return Terms(tuple(defaults), tuple(sorted(set(config.budget_levels))))


def default_policy(config: Config) -> Policy:
    """The service's own policy, which sessions override; max_tokens 0 = by the model."""
    return Policy(
        mode=config.mode,
        threshold_tokens=config.threshold_tokens,
        keep_tokens=config.keep_tokens,
        summary_tokens=config.summary_tokens,
        max_tokens=config.max_tokens or 0,
        max_bytes=config.max_bytes,
        cache_ttl=config.cache_ttl,
        alpha=config.alpha,
        guard=config.guard,
        placement=config.placement,
        tool_output_tokens=config.tool_output_tokens,
    )
