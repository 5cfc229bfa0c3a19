"""Stage `tail_sets`: which tickers of a session did best and worst for their volatility."""

from __future__ import annotations

import numpy as np
import polars as pl
from pydantic import Field

from tsis.core.params import Params
from tsis.core.series import Series
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.labeling.cross_section import forward_returns, groups, ranks, universes
from tsis.labeling.volatility import bar_volatility
from tsis.tables.labeling.tail_sets import TailSets
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim


class TailParams(Params):
    """The tails of one universe.

    Parameters
    ----------
    n_bars : length of the return that is compared.
    span : of the exponentially weighted volatility per bar that divides it; a ticker takes part from as many returns.
    tail_frac : each tail holds that part of the tickers, rounded down; a session with too few for one has no rows.
    """

    n_bars: int = Field(default=1, ge=1)
    span: int = Field(default=50, ge=2)
    tail_frac: float = Field(default=0.2, gt=0, le=0.5)


def _default_series() -> dict[str, dict[str, TailParams]]:
    return {"equity": {"time_1d": TailParams()}}


class TailSetsParams(Params):
    """Parameters of `tail_sets`.

    Parameters
    ----------
    series : asset class, then bar specification (of time bars), to its tails; other series have none.
    """

    series: Series[TailParams] = Field(default_factory=_default_series)


@stage(reads=[InformationBars, TickersDim], writes=[TailSets], by="whole")
def tail_sets(information_bars: pl.DataFrame, tickers_dim: pl.DataFrame, params: TailSetsParams) -> pl.DataFrame:
    """Return +1 for the tickers in the upper tail of a session's returns over volatility, -1 in the lower, 0 between.

    The tickers of one asset class that close together are compared (Huerta, Corbacho and Elkan 2013).

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim.
    ParamsError
        If bars of a kind that does not close together are named.
    """
    frames = [spec(TailSets).empty()]
    frames += [
        tails(bars, chosen) for bars, chosen in universes(information_bars, tickers_dim, params.series, "tail_sets")
    ]
    return pl.concat(frames).sort(spec(TailSets).key)


def tails(bars: pl.DataFrame, params: TailParams) -> pl.DataFrame:
    """Return the rows of tail_sets for one universe.

    Tickers of equal value share a tail or stay out of it together: one is in the upper tail where fewer than
    ``floor(tail_frac * n_tickers)`` are above it, and where both tails would hold it, in neither.

    Parameters
    ----------
    bars : exchange, ticker, bar_spec, ts_close, seq, close of the time bars of one universe, in any order.
    """
    volatility = [
        series.select("ticker", pl.col("ts_close").alias("t0")).with_columns(
            volatility_frac=pl.Series(bar_volatility(series["close"].to_numpy(), params.span))
        )
        for series in bars.sort("ts_close", "seq").partition_by("ticker")
    ]
    empty = pl.DataFrame(schema={"ticker": pl.String, "t0": bars.schema["ts_close"], "volatility_frac": pl.Float64})
    rows = (
        forward_returns(bars, params.n_bars)
        .join(pl.concat([empty, *volatility]), on=["ticker", "t0"])
        .filter(pl.col("volatility_frac") > 0, pl.col("volatility_frac").is_finite())
        .sort("t0", "t1", "ticker")
    )
    group, first = groups(rows)
    n_tickers = np.diff(np.append(first, rows.height))[group]
    in_tail = np.floor(params.tail_frac * n_tickers + 1e-9).astype(np.int64)
    adjusted = (rows["ret_frac"] / rows["volatility_frac"]).to_numpy()
    is_lower, is_upper = ranks(group, first, adjusted) < in_tail, ranks(group, first, -adjusted) < in_tail
    label = is_upper.astype(np.int8) - is_lower.astype(np.int8)
    schema = spec(TailSets).polars_schema
    return (
        rows.with_columns(label=pl.Series(label, dtype=pl.Int8), n_tickers=pl.Series(n_tickers, dtype=pl.Int64))
        .filter(pl.Series(in_tail > 0, dtype=pl.Boolean))
        .select(pl.col(name).cast(kind) for name, kind in schema.items())
    )
