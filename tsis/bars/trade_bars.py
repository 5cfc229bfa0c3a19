"""Bars from the trades of one ticker."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.bars.bar_spec import BarSpec
from tsis.core.table import spec
from tsis.kernels import bars as kernel
from tsis.tables.processed_features.information_bars import InformationBars

_KINDS: Final = {"time": kernel.TIME, "tick": kernel.TICK, "volume": kernel.VOLUME, "dollar": kernel.DOLLAR}
_ROWS_A_CALL: Final = 4_096
_END_OF_INTERVAL: Final = 18  # in the kernel's state


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


def ticks(trades: pl.DataFrame) -> Ticks:
    """Return the arrays of one ticker's rows of raw.trades, in order of (ts, seq), with split and price factors."""
    side = trades["side"].replace_strict({"buy": 1, "sell": -1, "unknown": 0}, return_dtype=pl.Int8)
    return Ticks(
        trades["ts"].cast(pl.Int64).to_numpy(),
        trades["seq"].to_numpy(),
        trades["price"].to_numpy(),
        trades["size"].to_numpy(),
        side.to_numpy(),
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
) -> pl.DataFrame:
    """Return the complete bars of one specification as rows of information_bars; the open bar stays in `state`.

    Prices carry price_factor and quantities are divided by split_factor, trade by trade; dollar_volume and the
    thresholds of dollar bars are money as traded. price_factor of a bar is that of its last trade.

    Parameters
    ----------
    state : the kernel's, changed in place.
    over_until_us : microseconds since the epoch up to which time is known to have passed without a further trade; a
        last time bar that ends by then is complete.
    """
    out = np.empty((_ROWS_A_CALL, len(kernel.OUT_COLUMNS)))
    threshold = bar.threshold * 1e6 if bar.kind == "time" else bar.threshold
    found: list[NDArray[np.float64]] = []
    for start, stop in _stretches(trades):
        position = start
        while position < stop:
            consumed, written = kernel.fold_bars(
                trades.ts_us[position:stop],
                trades.seq[position:stop],
                trades.price[position:stop],
                trades.size[position:stop],
                trades.side[position:stop],
                _KINDS[bar.kind],
                threshold,
                multiplier,
                trades.price_factor[start],
                1.0 / trades.split_factor[start],
                state,
                out,
            )
            found.append(out[:written].copy())
            position += consumed
    if bar.kind == "time" and state[_END_OF_INTERVAL] <= over_until_us:
        found.append(out[: kernel.close_interval(int(threshold), state, out)].copy())
    return _frame(np.concatenate(found) if found else out[:0], bar, ticker)


def _stretches(trades: Ticks) -> list[tuple[int, int]]:
    # the kernel takes constant factors: one call for each stretch between two ex-dates
    changes = (np.diff(trades.price_factor) != 0.0) | (np.diff(trades.split_factor) != 0.0)
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), trades.ts_us.size]
    return [(start, stop) for start, stop in pairwise(edges) if start < stop]


def _frame(rows: NDArray[np.float64], bar: BarSpec, ticker: str) -> pl.DataFrame:
    schema = spec(InformationBars).polars_schema
    values = {name: pl.Series(rows[:, j]) for j, name in enumerate(kernel.OUT_COLUMNS)}
    whole = {name: series.cast(pl.Int64) for name, series in values.items() if schema[name].base_type() != pl.Float64}
    return (
        pl.DataFrame(values | whole)
        .with_columns(
            ticker=pl.lit(ticker),
            bar_spec=pl.lit(bar.name),
            imbalance=pl.col("buy_volume") - pl.col("sell_volume"),
            threshold=pl.lit(bar.threshold),
            raw_table=pl.lit("raw.trades"),
        )
        .select(pl.col(name).cast(kind) for name, kind in schema.items())
    )
