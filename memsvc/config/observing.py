"""The settings of what is told to operators: logs, metrics, traces."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from memsvc.config.values import MIN_KEY_LENGTH


class Observing(BaseModel):
    """What is logged, counted and traced (observability.md)."""

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["json", "console"] = Field("json", description="How log lines look.")
    access_log: Literal["off", "errors", "all"] = Field(
        "off",
        description="Requests that get a line of the log, at level info: none, those answered with 4xx or 5xx, or all. "
        "Faults of the service (5xx) are logged in any case.",
    )
    metrics: Literal["guarded", "public", "off"] = Field(
        "guarded",
        description="Who may see `GET /metrics` (observability.md): guarded = whoever sends metrics_token, or, without "
        "keys and token, programs of this machine; public = whoever reaches the port; off = nothing is counted.",
    )
    metrics_token: SecretStr | None = Field(
        None, description="What a scraper sends as `Authorization: Bearer`. No tenant's key opens /metrics."
    )
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port of /metrics, /healthz and /readyz for `memsvc worker`, on `host`; 0 = any free one. Unset = "
        "it has none.",
    )
    metrics_tenants: int = Field(
        50, ge=0, le=10_000, description="Tenants whose budgets are among the metrics, in the order of their names."
    )
    traces: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Traces by OpenTelemetry, which needs memsvc[otel]: auto = on where the standard variables name an "
        "exporter (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER, ...).",
    )

    @field_validator("metrics_token")
    @classmethod
    def _good_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None:
            text = token.get_secret_value()
            if len(text) < MIN_KEY_LENGTH or not (text.isascii() and text.isprintable()) or " " in text:
                raise ValueError(f"must be at least {MIN_KEY_LENGTH} visible ASCII characters without a space")
        return token
