"""A basket as one series: spreads, hedged pairs and portfolios with changing weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tsis.core.errors import DataError, UsageError, some
from tsis.kernels import etf_trick as kernel

_COLUMNS = ("ts_close", "open", "close", "weight", "point_value", "dividend", "is_rebalanced")


def etf_trick(rows: pl.DataFrame, tickers: Sequence[str], cost_bps: float = 0.0) -> pl.DataFrame:
    """Return the value of one unit of money invested in a basket, close by close.

    A series like that of a fund which holds the weights: its returns are what could have been earned, while a weighted
    sum of prices jumps whenever the weights change. Weights taken at a close are bought at the next opens, so that each
    value follows from what was known then.

    Parameters
    ----------
    rows : one row a ticker and ``ts_close``, with open, close, weight (negative where short), point_value (money a
        point), dividend (paid on the row, in points), is_rebalanced (take this row's weights; one for all tickers).
    tickers : the basket.
    cost_bps : cost of trading, of the money bought and sold.

    Returns
    -------
    ts_close, value (1 at first; known at ts_close), cost_frac (of rebalancing at the row's opens, not taken off the
    value), in order of time.

    Raises
    ------
    UsageError
        If a column is missing.
    DataError
        If tickers do not have the same times, a price is missing or not positive, or all weights taken are zero.

    References
    ----------
    López de Prado (2018), 2.4.1.
    """
    if missing := [name for name in ("ticker", *_COLUMNS) if name not in rows.columns]:
        raise UsageError(f"etf_trick: {some(missing)} not among the columns of the rows")
    parts = [rows.filter(pl.col("ticker") == ticker).sort("ts_close").select(_COLUMNS) for ticker in tickers]
    times = parts[0]["ts_close"]
    if strangers := [name for name, part in zip(tickers, parts, strict=True) if not part["ts_close"].equals(times)]:
        raise DataError(f"etf_trick: {some(strangers)} have other times than {tickers[0]}; keep those that all have")
    matrices = {name: _matrix(parts, name) for name in ("open", "close", "weight", "point_value", "dividend")}
    for name in ("open", "close", "point_value"):
        if wrong := int(np.count_nonzero(~(matrices[name] > 0.0))):
            raise DataError(f"etf_trick: {wrong:,} values of {name} are missing or not positive; leave these times out")
    is_rebalanced = parts[0]["is_rebalanced"].to_numpy(writable=True)
    if empty := int(np.count_nonzero(~(np.abs(matrices["weight"][is_rebalanced]).sum(axis=1) > 0.0))):
        raise DataError(
            f"etf_trick: {empty:,} rebalancings have no weights; give one ticker a weight, or skip these rows"
        )
    out = np.empty((times.len(), 2))
    state = kernel.initial_etf_trick(len(tickers))
    kernel.etf_trick(
        matrices["open"],
        matrices["close"],
        matrices["weight"],
        matrices["point_value"],
        matrices["dividend"],
        is_rebalanced,
        state,
        out,
    )
    return pl.DataFrame({"ts_close": times, "value": out[:, 0], "cost_frac": out[:, 1] * cost_bps / 1e4})


def _matrix(parts: Sequence[pl.DataFrame], name: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    columns = [part[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for part in parts]
    return np.ascontiguousarray(np.column_stack(columns))
