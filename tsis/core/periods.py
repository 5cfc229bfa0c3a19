"""Lengths that families of features are given."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field


def _differ(lengths: tuple[int, ...]) -> tuple[int, ...]:
    if twice := sorted({length for length in lengths if lengths.count(length) > 1}):
        raise ValueError(f"{', '.join(map(str, twice))}: given twice")
    return lengths


Period = Annotated[int, Field(ge=2, le=100_000)]
"""Number of bars in a window."""
Periods = Annotated[tuple[Period, ...], Field(min_length=1), AfterValidator(_differ)]
"""Windows, no two of the same length."""
Lags = Annotated[tuple[Annotated[int, Field(ge=1, le=100_000)], ...], Field(min_length=1), AfterValidator(_differ)]
"""Numbers of bars to go back, no two the same."""
