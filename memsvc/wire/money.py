"""What a caller may ask and send about money."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from memsvc.wire.requests import Body, Name, Query, plain

MAX_BUDGETS = 100
"""Most budgets of one tenant."""
BY = "^((day|feature|model)(,(day|feature|model)){0,9})?$"

PERIOD: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": "^(today|([1-9]|[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6])d)$"},
        {"type": "string", "pattern": "^[12][0-9]{3}-(0[1-9]|1[0-2])$"},
        {"type": "string", "format": "date"},
    ]
}


class SpendQuery(Query):
    """Which calls to sum up, and how."""

    period: Annotated[str, Field(max_length=20), AfterValidator(plain), WithJsonSchema(PERIOD)] = Field(
        "30d", description="`today`, so many days with today (`7d`), a month (`2026-11`) or a day (`2026-11-24`), UTC."
    )
    by: Annotated[str, Field(max_length=40, json_schema_extra={"pattern": BY}), AfterValidator(plain)] = Field(
        "feature,model", description="What to tell apart: of `day`, `feature` and `model`, with commas between them."
    )


class BudgetWanted(Body):
    """What calls may cost in each day or month, in UTC."""

    period: Literal["day", "month"] = Field(description="`day` or `month`, in UTC.")
    feature: Name | None = Field(None, description="What the calls are for, as reports name it. Default: all calls.")
    limit_usd: float = Field(gt=0, le=1_000_000_000, allow_inf_nan=False, description="Dollars.")


class PutBudgets(Body):
    """A tenant's own budgets; they take the place of those it had, and of the service's for the same calls."""

    budgets: list[BudgetWanted] = Field(max_length=MAX_BUDGETS, fail_fast=True)

    @property
    def each(self) -> list[BudgetWanted]:
        """One for each period and feature: of several all hold, so the smallest says it."""
        smallest: dict[tuple[str, str | None], BudgetWanted] = {}
        for one in sorted(self.budgets, key=lambda b: b.limit_usd):
            smallest.setdefault((one.period, one.feature), one)
        return list(smallest.values())
