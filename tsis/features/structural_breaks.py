"""Stage `structural_breaks`: whether prices have left their random walk."""

from __future__ import annotations

from typing import Final, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from tsis.core.params import Params
from tsis.core.series import Series, by_series
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.kernels import structural_breaks as kernel
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.processed_features.structural_breaks import StructuralBreaks
from tsis.tables.reference.tickers_dim import TickersDim

_KEY: Final = ["ticker", "bar_spec", "ts_close", "seq"]


class BreakParams(Params):
    """The windows of one series.

    Parameters
    ----------
    min_bars, max_bars : the shortest and the longest window; CUSUM and Chow take the longest that there is.
    n_lags : lagged changes in the regression of SADF.
    trend : powers of time in it: -1 none, 0 a constant, 1 a trend, 2 a quadratic one.
    trim_frac : share of the window at each end in which Chow looks for no break.
    b_alpha : of the CUSUM's critical value; 4.6 for 5 %.
    """

    min_bars: int = Field(default=20, ge=4)
    max_bars: int = Field(default=100, ge=4)
    n_lags: int = Field(default=1, ge=0)
    trend: int = Field(default=kernel.CONSTANT, ge=kernel.NO_CONSTANT, le=kernel.QUADRATIC_TREND)
    trim_frac: float = Field(default=0.15, ge=0, lt=0.5)
    b_alpha: float = Field(default=kernel.B_ALPHA_5_PCT, gt=0)

    @model_validator(mode="after")
    def _windows_can_be_estimated(self) -> Self:
        least = 2 * self.n_lags + self.trend + 5
        if self.min_bars < least:
            raise ValueError(f"min_bars must be {least} or more for {self.n_lags} lags and trend {self.trend}")
        if self.max_bars < self.min_bars:
            raise ValueError(f"max_bars must be min_bars ({self.min_bars}) or more")
        return self


def _default_series() -> dict[str, dict[str, BreakParams]]:
    return {"future": {"dollar_70M": BreakParams()}}


class StructuralBreaksParams(Params):
    """Parameters of `structural_breaks`.

    Parameters
    ----------
    series : asset class, then bar specification, to its windows; other series are not tested.
    """

    series: Series[BreakParams] = Field(default_factory=_default_series)


@stage(reads=[InformationBars, TickersDim], writes=[StructuralBreaks], by="ticker")
def structural_breaks(
    information_bars: pl.DataFrame, tickers_dim: pl.DataFrame, params: StructuralBreaksParams
) -> pl.DataFrame:
    """Return the tests of AFML 17 over the windows that end at each bar, known at its close.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim.
    """
    frames = [spec(StructuralBreaks).empty()]
    ordered = information_bars.sort(spec(InformationBars).key)
    for bars, chosen in by_series(ordered, tickers_dim, params.series):
        if chosen is not None:
            frames.append(break_tests(bars, chosen))
    return pl.concat(frames).sort(spec(StructuralBreaks).key)


def break_tests(bars: pl.DataFrame, params: BreakParams) -> pl.DataFrame:
    """Return the rows of structural_breaks for the bars of one series.

    Parameters
    ----------
    bars : ticker, bar_spec, ts_close, seq, close, sorted by (ts_close, seq).
    """
    y = np.log(bars["close"].to_numpy())
    csw, chow, sadf = np.empty((y.size, 4)), np.empty((y.size, 2)), np.empty((y.size, 2))
    kernel.csw_cusum(y, params.min_bars, params.max_bars, params.b_alpha, csw)
    kernel.sup_chow(y, params.min_bars, params.max_bars, params.trim_frac, chow)
    kernel.sadf(y, params.min_bars, params.max_bars, params.n_lags, params.trend, sadf)
    schema = spec(StructuralBreaks).polars_schema
    found = np.column_stack((csw, chow, sadf))
    columns = [name for name in schema.names() if name not in _KEY]
    return bars.select(_KEY).with_columns(
        pl.Series(name, found[:, j]).fill_nan(None).cast(schema[name]) for j, name in enumerate(columns)
    )
