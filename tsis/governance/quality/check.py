"""The contract of a check: what it measures, on which tables, and which values are right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import polars as pl

from tsis.core.discovery import members
from tsis.core.errors import UsageError
from tsis.core.table import TableSpec

Severity = Literal["error", "warning"]
MEASURED = pl.Schema(
    {"judged_table": pl.String, "ticker": pl.String, "bar_spec": pl.String, "at": pl.String, "value": pl.Float64}
)
"""The columns of measured values: where, whose, which bars, when (a session, a column), and the value."""


@dataclass(frozen=True)
class Limits:
    """The values that are right, and why.

    Parameters
    ----------
    reason : why the limits are where they are: what lies beyond them, and what still lies within.
    at_least, at_most : the limits; a value that equals one is right. One of them may be left out.
    """

    reason: str
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise UsageError("limits have neither at_least nor at_most")


@dataclass(frozen=True)
class Candidate:
    """One table before it is promoted, and what a check may hold against it.

    Parameters
    ----------
    table : its declaration.
    rows : all of its rows.
    before : its rows in the current snapshot; None where there is no other version.
    beside : the tables that the check reads beside it, by name.
    """

    table: TableSpec
    rows: pl.LazyFrame
    before: pl.LazyFrame | None
    beside: Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Check:
    """What a file in ``tsis/governance/quality/checks`` declares.

    Parameters
    ----------
    name : the name of the file.
    description : what is measured, one sentence.
    unit : of the measured values.
    judges : tells whether the check applies to a table.
    measure : a pure function from a candidate to its measured values: a column ``value`` without nulls, and of
        ``ticker``, ``bar_spec`` and ``at`` those that say whose it is. No rows: nothing could be measured.
    reads : tables that it needs beside the one it judges.
    error : values that block the snapshot; None where none do.
    warning : values that are written down; None where none are.
    """

    name: str
    description: str
    unit: str
    judges: Callable[[TableSpec], bool]
    measure: Callable[[Candidate], pl.LazyFrame]
    reads: tuple[str, ...] = ()
    error: Limits | None = None
    warning: Limits | None = None

    def __post_init__(self) -> None:
        if not self.limits:
            raise UsageError(f"check {self.name} has limits for neither errors nor warnings")

    @property
    def limits(self) -> dict[Severity, Limits]:
        """Return the limits by severity, errors first."""
        given: dict[Severity, Limits | None] = {"error": self.error, "warning": self.warning}
        return {severity: limits for severity, limits in given.items() if limits is not None}


@cache
def checks() -> tuple[Check, ...]:
    """Return every check, in name order.

    Raises
    ------
    UsageError
        If two have one name.
    """
    found = sorted(members("tsis.governance.quality.checks", Check), key=lambda check: check.name)
    for first, second in pairwise(found):
        if first.name == second.name:
            raise UsageError(f"two checks are called {first.name}")
    return tuple(found)


def measured(check: Check, candidate: Candidate) -> pl.LazyFrame:
    """Return what `check` measures, in the columns of `MEASURED`."""
    values = check.measure(candidate)
    given = set(values.collect_schema().names())
    texts = [
        pl.col(name).cast(pl.String) if name in given else pl.lit(None, pl.String).alias(name)
        for name in ("ticker", "bar_spec", "at")
    ]
    return values.select(pl.lit(candidate.table.name).alias("judged_table"), *texts, pl.col("value").cast(pl.Float64))
