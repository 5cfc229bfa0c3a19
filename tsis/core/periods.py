"""Lengths of windows as parameters of a family of features: one column, or one set of columns, for each."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field


def _are_distinct(periods: tuple[int, ...]) -> tuple[int, ...]:
    twice = sorted({period for period in periods if periods.count(period) > 1})
    if twice:
        raise ValueError(f"{', '.join(map(str, twice))} given twice")
    return periods


_AT_LEAST_ONE = Field(min_length=1)

Periods = Annotated[tuple[Annotated[int, Field(ge=1)], ...], _AT_LEAST_ONE, AfterValidator(_are_distinct)]
"""Different lengths of at least one bar."""

PeriodsFromTwo = Annotated[tuple[Annotated[int, Field(ge=2)], ...], _AT_LEAST_ONE, AfterValidator(_are_distinct)]
"""Different lengths of at least two bars, for figures that need a second one, such as a standard deviation."""
