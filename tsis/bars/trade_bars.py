"""Bars from the trades of one ticker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.bars.bar_kernel import Trades, bar_kernel
from tsis.bars.bar_params import ExpectationParams
from tsis.core.bar_spec import BarSpec
from tsis.core.table import spec
from tsis.kernels.bars import close_interval
from tsis.tables.processed_features.information_bars import InformationBars

_END_OF_INTERVAL: Final = 18  # in the state of a time bar


@dataclass(frozen=True)
class Ticks:
    """The trades of one ticker as arrays of equal length, in order of (ts, seq); sizes and prices as traded."""

    ts_us: NDArray[np.int64]
    seq: NDArray[np.int64]
    price: NDArray[np.float64]
    size: NDArray[np.float64]
    side: NDArray[np.int8]
    split_factor: NDArray[np.float64]
    price_factor: NDArray[np.float64]

    def stretches(self) -> list[tuple[Trades, float, float]]:
        """Return the trades between two ex-dates, with the factors of prices and of sizes: kernels take constants."""
        changes = (np.diff(self.price_factor) != 0.0) | (np.diff(self.split_factor) != 0.0)
        edges = [0, *(np.flatnonzero(changes) + 1).tolist(), self.ts_us.size]
        columns = (self.ts_us, self.seq, self.price, self.size, self.side)
        return [
            (tuple(column[i:j] for column in columns), float(self.price_factor[i]), 1.0 / float(self.split_factor[i]))  # type: ignore[misc]
            for i, j in pairwise(edges)
            if i < j
        ]


def ticks(trades: pl.DataFrame) -> Ticks:
    """Return the arrays of one ticker's rows of raw.trades, in order of (ts, seq), with split and price factors."""
    side = pl.when(pl.col("side") == "buy").then(1).when(pl.col("side") == "sell").then(-1).otherwise(0)
    return Ticks(
        trades["ts"].cast(pl.Int64).to_numpy(),
        trades["seq"].to_numpy(),
        trades["price"].to_numpy(),
        trades["size"].to_numpy(),
        trades.select(side.cast(pl.Int8)).to_series().to_numpy(),
        trades["split_factor"].to_numpy(),
        trades["price_factor"].to_numpy(),
    )


def trade_bars(
    trades: Ticks,
    bar: BarSpec,
    ticker: str,
    multiplier: float,
    state: NDArray[np.float64],
    over_until_us: float = -math.inf,
    expect: ExpectationParams | None = None,
) -> pl.DataFrame:
    """Return the complete bars of one specification as rows of information_bars; the open bar stays in `state`.

    Prices carry price_factor and quantities are divided by split_factor, trade by trade; dollar_volume and the
    thresholds of dollar bars are money as traded. price_factor of a bar is that of its last trade. Where the threshold
    changes from bar to bar, a bar has the one that it reached.

    Parameters
    ----------
    state : that of `bar_kernel(bar, expect)`, changed in place.
    over_until_us : microseconds since the epoch up to which time is known to have passed without a further trade; a
        last time bar that ends by then is complete.
    expect : of imbalance and runs bars.
    """
    kernel = bar_kernel(bar, expect or ExpectationParams())
    found = [
        kernel.rows(taken, multiplier, price_factor, size_factor, state)
        for taken, price_factor, size_factor in trades.stretches()
    ]
    if bar.kind == "time" and state[_END_OF_INTERVAL] <= over_until_us:
        out = np.empty((1, len(kernel.columns)))
        found.append(out[: close_interval(round(bar.threshold * 1e6), state, out)])
    rows = np.concatenate(found) if found else np.empty((0, len(kernel.columns)))
    threshold = pl.col("threshold") if "threshold" in kernel.columns else pl.lit(bar.threshold)
    return bar_rows(rows, kernel.columns, ticker, pl.lit(bar.name), threshold)


def bar_rows(
    rows: NDArray[np.float64],
    columns: Sequence[str],
    ticker: str,
    bar_spec: pl.Expr | pl.Series,
    threshold: pl.Expr | pl.Series,
) -> pl.DataFrame:
    """Return what a kernel wrote as rows of information_bars, in its order; columns that the table lacks are left out.

    Parameters
    ----------
    rows : (n, len(columns)) one a bar.
    bar_spec, threshold : one for all, one a bar, or computed from `columns`.
    """
    schema = spec(InformationBars).polars_schema
    values = {name: pl.Series(rows[:, j]) for j, name in enumerate(columns) if name in schema}
    whole = {name: series.cast(pl.Int64) for name, series in values.items() if schema[name].base_type() != pl.Float64}
    return (
        pl.DataFrame(values | whole)
        .with_columns(
            ticker=pl.lit(ticker),
            bar_spec=bar_spec,
            imbalance=pl.col("buy_volume") - pl.col("sell_volume"),
            threshold=threshold,
            raw_table=pl.lit("raw.trades"),
        )
        .select(pl.col(name).cast(kind) for name, kind in schema.items())
    )
