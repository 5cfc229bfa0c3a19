"""Stage `excess_returns`: how much better than its universe each ticker did."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from tsis.core.params import Params
from tsis.core.series import Series
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.labeling.cross_section import forward_returns, groups, universes
from tsis.tables.labeling.excess_returns import ExcessReturns
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim


class ExcessParams(Params):
    """The comparison within one universe.

    Parameters
    ----------
    n_bars : length of the return that is compared.
    min_tickers : a session with fewer has no rows.
    """

    n_bars: int = Field(default=1, ge=1)
    min_tickers: int = Field(default=2, ge=2)


def _default_series() -> dict[str, dict[str, ExcessParams]]:
    return {"equity": {"time_1d": ExcessParams()}}


class ExcessReturnsParams(Params):
    """Parameters of `excess_returns`.

    Parameters
    ----------
    series : asset class, then bar specification (of time bars), to its comparison; other series have none.
    """

    series: Series[ExcessParams] = Field(default_factory=_default_series)


@stage(reads=[InformationBars, TickersDim], writes=[ExcessReturns], by="whole")
def excess_returns(
    information_bars: pl.DataFrame, tickers_dim: pl.DataFrame, params: ExcessReturnsParams
) -> pl.DataFrame:
    """Return each ticker's return less the mean and less the median of its universe over the same bars.

    The tickers of one asset class that close together are compared.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim.
    ParamsError
        If bars of a kind that does not close together are named.
    """
    frames = [spec(ExcessReturns).empty()]
    frames += [
        excess(bars, chosen)
        for bars, chosen in universes(information_bars, tickers_dim, params.series, "excess_returns")
    ]
    return pl.concat(frames).sort(spec(ExcessReturns).key)


def excess(bars: pl.DataFrame, params: ExcessParams) -> pl.DataFrame:
    """Return the rows of excess_returns for one universe.

    Parameters
    ----------
    bars : exchange, ticker, bar_spec, ts_close, seq, close of the time bars of one universe, in any order.
    """
    rows = forward_returns(bars, params.n_bars)
    group, first = groups(rows)
    sizes = np.diff(np.append(first, rows.height))
    returns = rows["ret_frac"].to_numpy()
    over_mean = returns - _means(returns, first, sizes)[group]
    over_median = returns - _medians(returns, group, first, sizes)[group]
    schema = spec(ExcessReturns).polars_schema
    return (
        rows.with_columns(
            excess_mean_frac=pl.Series(over_mean),
            excess_median_frac=pl.Series(over_median),
            label_mean=pl.Series(np.sign(over_mean)),
            label_median=pl.Series(np.sign(over_median)),
            n_tickers=pl.Series(sizes[group], dtype=pl.Int64),
        )
        .filter(pl.col("n_tickers") >= params.min_tickers)
        .select(pl.col(name).cast(kind) for name, kind in schema.items())
    )


def _means(values: NDArray[np.float64], first: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of each group; a sum sees the rows of its own group alone, in order."""
    sums: NDArray[np.float64] = np.add.reduceat(values, first) if first.size else np.empty(0)
    return sums / sizes


def _medians(
    values: NDArray[np.float64], group: NDArray[np.int64], first: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    ordered = values[np.lexsort((values, group))]
    medians: NDArray[np.float64] = 0.5 * (ordered[first + (sizes - 1) // 2] + ordered[first + sizes // 2])
    return medians
