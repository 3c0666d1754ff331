"""What a caller may send about budgets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from memsvc.wire.requests import Body, Name

MAX_BUDGETS = 100
"""Most budgets of one tenant."""


class BudgetWanted(Body):
    """What calls may cost in each day or month, in UTC."""

    period: Literal["day", "month"] = Field(description="`day` or `month`, in UTC.")
    feature: Name | None = Field(None, description="What the calls are for, as reports name it. Default: all calls.")
    limit_usd: float = Field(gt=0, le=1_000_000_000, allow_inf_nan=False, description="Dollars.")


class PutBudgets(Body):
    """A tenant's own budgets; they take the place of those it had, and of the service's for the same calls."""

    budgets: list[BudgetWanted] = Field(max_length=MAX_BUDGETS, fail_fast=True)

    @field_validator("budgets")
    @classmethod
    def _each_once(cls, budgets: list[BudgetWanted]) -> list[BudgetWanted]:
        if len({(b.period, b.feature) for b in budgets}) < len(budgets):
            raise PydanticCustomError("twice", "has two budgets for the same period and feature")
        return budgets
