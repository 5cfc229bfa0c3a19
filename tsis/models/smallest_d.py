"""How little a series must be differentiated to be stationary: learnt on training rows, frozen with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.core.errors import DataError, UsageError
from tsis.kernels.fracdiff import fixed_weights, fixed_window

Floats = NDArray[np.float64]

GRID: Final = tuple(round(0.05 * step, 2) for step in range(21))
_FEWEST_ROWS: Final = 30


@dataclass(frozen=True)
class OrderTried:
    """What the augmented Dickey-Fuller test says of one order on one training window.

    Parameters
    ----------
    width : values a window of the fixed-width difference.
    n_rows : differentiated rows that the training window gives.
    adf, p_value, critical_5_pct, correlation : the statistic, its p-value and 5 % point, and the correlation with the
        series itself; None where fewer than 30 rows are left, or where what is left is a constant.
    """

    d: float
    width: int
    n_rows: int
    adf: float | None = None
    p_value: float | None = None
    critical_5_pct: float | None = None
    correlation: float | None = None


@dataclass(frozen=True)
class FractionalOrder:
    """What a training window says about the order of differentiation.

    Parameters
    ----------
    d : the smallest order tried whose series is stationary.
    cut_off : of the weights.
    tried : one row an order: d, width (values a window), n_rows, adf (the statistic), p_value, critical_5_pct,
        correlation (with the series itself); null where the training window is too short for it.
    """

    d: float
    cut_off: float
    tried: pl.DataFrame

    def differentiate(self, series: Floats) -> Floats:
        """Return the series differentiated by `d`; NaN until the first window is full."""
        return differentiated(series, self.d, self.cut_off)


def differentiated(series: Floats, d: float, cut_off: float = 1e-4) -> Floats:
    """Return the fixed-width window fractional difference of `series` (FFD, AFML snippet 5.3).

    NaN until the window is full, and while it holds a NaN. Row by row it is a sum over the values before, so that it is
    known with its row.
    """
    weights = fixed_weights(d, cut_off)
    out = np.empty(series.size)
    fixed_window(np.ascontiguousarray(series, dtype=np.float64), weights, np.zeros(weights.size), out)
    return out


def smallest_d(
    series: Floats,
    window: tuple[int, int],
    grid: Sequence[float] = GRID,
    cut_off: float = 1e-4,
    max_p_value: float = 0.05,
) -> FractionalOrder:
    """Return the smallest order of `grid` whose FFD passes the augmented Dickey-Fuller test (AFML snippet 5.4).

    The test has a constant and one lag. Rows outside `window` are not looked at.

    Parameters
    ----------
    series : (n,) such as log closes.
    window : (first, end) rows of the training window, end excluded.

    Raises
    ------
    DataError
        If the window does not lie in the series, holds a NaN, an infinity or nothing but one value, or no order passes.
    UsageError
        If there are no orders to try.
    """
    first, end = window
    series = np.asarray(series, dtype=np.float64)
    rows = series[max(first, 0) : max(end, 0)].copy()
    if not 0 <= first < end <= series.size:
        raise DataError(f"smallest_d: the window {first}:{end} does not lie in {series.size:,} rows")
    if not grid:
        raise UsageError("smallest_d: the grid has no orders to try")
    n_missing = int((~np.isfinite(rows)).sum())
    if n_missing:
        raise DataError(
            f"smallest_d: {n_missing:,} of {rows.size:,} training rows are NaN or infinite; fill or drop them first"
        )
    if rows.min() == rows.max():
        raise DataError(f"smallest_d: all {rows.size:,} training rows are {rows[0]:g}; choose another window")
    tried = pl.DataFrame([asdict(try_order(rows, d, cut_off)) for d in sorted(grid)], schema=_SCHEMA)
    passing = tried.filter(pl.col("p_value") <= max_p_value)
    if passing.is_empty():
        lowest = tried["p_value"].drop_nulls().sort().head(1).to_list()
        best = f"the lowest is {lowest[0]:.3f}" if lowest else "all windows are too short"
        raise DataError(
            f"smallest_d: none of {tried.height} orders has a p-value of at most {max_p_value} on {rows.size:,} rows, "
            f"{best}; take a longer training window, a higher cut_off or higher orders"
        )
    return FractionalOrder(passing["d"][0], cut_off, tried)


_SCHEMA: Final = {
    "d": pl.Float64,
    "width": pl.Int64,
    "n_rows": pl.Int64,
    "adf": pl.Float64,
    "p_value": pl.Float64,
    "critical_5_pct": pl.Float64,
    "correlation": pl.Float64,
}


def try_order(rows: Floats, d: float, cut_off: float = 1e-4) -> OrderTried:
    """Return what the augmented Dickey-Fuller test (constant, one lag) says of one order on these training rows.

    Parameters
    ----------
    rows : (n,) finite, not all the same.
    """
    from statsmodels.tsa.stattools import adfuller  # noqa: PLC0415  slow import

    width = fixed_weights(d, cut_off).size
    n_rows = rows.size - width + 1
    if n_rows < _FEWEST_ROWS:
        return OrderTried(d, width, max(n_rows, 0))
    found = differentiated(rows, d, cut_off)[width - 1 :]
    if np.ptp(found) <= 1e-12 * np.abs(found).max():  # a line, differentiated: the test is not defined
        return OrderTried(d, width, n_rows)
    test = adfuller(found, maxlag=1, regression="c", autolag=None, result_object=True)
    return OrderTried(
        d,
        width,
        n_rows,
        adf=float(test.statistic),
        p_value=float(test.pvalue),
        critical_5_pct=float(test.critical_values["5%"]),
        correlation=float(np.corrcoef(found, rows[width - 1 :])[0, 1]),
    )
