"""What a prediction must reach before it becomes an entry, regime by regime."""

from __future__ import annotations

from typing import Final, Literal

import polars as pl
from pydantic import Field

from tsis.core.params import Params

Regime = Literal["trend_up", "trend_down", "range"]
UNDEFINED: Final = "undefined"


class Thresholds(Params):
    """The least that a prediction must say; p is the probability that the primary side pays.

    Parameters
    ----------
    direction : of 2 p - 1, the lean towards the side, from -1 to 1. A lean to the other side is negative: a model that
        decides whether to act does not turn the side round.
    magnitude_frac : of the expected return p * pt * target - (1 - p) * sl * target, a fraction of the price, before
        costs and as if every bet ended at a barrier.
    confidence : of max(p, 1 - p).
    """

    direction: float = Field(default=0.3, ge=-1, le=1)
    magnitude_frac: float = 0.0001
    confidence: float = Field(default=0.6, ge=0.5, le=1)


def expected_return_frac() -> pl.Expr:
    """Return the expected return at the barriers, from the columns probability, target, pt, sl."""
    p = pl.col("probability")
    return (p * pl.col("pt") - (1.0 - p) * pl.col("sl")) * pl.col("target")


def regime_at(events: pl.DataFrame, regimes: pl.DataFrame) -> pl.DataFrame:
    """Return `events` (ticker, bar_spec, t0, seq, each once) with the regime at the bar of each.

    It is that of the last row of `regimes` which starts at the bar or before; undefined where there is none. The
    regime is known at the close of its first bar, and no later row is looked at.
    """
    key = ["ticker", "bar_spec", "t0", "seq"]
    starts = regimes.select("ticker", "bar_spec", pl.col("ts_start").alias("t0"), "seq", "regime", _is_event=False)
    asked = events.select(*key, pl.lit(None, pl.String).alias("regime"), _is_event=True)
    return (
        pl.concat([starts, asked])
        .sort(*key, "_is_event")
        .with_columns(pl.col("regime").forward_fill().over("ticker", "bar_spec").fill_null(UNDEFINED))
        .filter("_is_event")
        .drop("_is_event")
    )
