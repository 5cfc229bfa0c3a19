"""Stage `trend_scanning`: the most significant trend that followed each event."""

from __future__ import annotations

from typing import Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from tsis.core.params import Params
from tsis.core.series import Series, by_series
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.kernels.trend_scan import trend_scan
from tsis.labeling.bar_positions import bars_of, start_positions
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.trend_scanning import TrendScanning
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim


class TrendParams(Params):
    """The windows of one series.

    Parameters
    ----------
    shortest, longest, step : bars in a window, the event's included: shortest, shortest + step, … up to longest.
    min_t_value : a trend whose t-value is smaller in size is labelled 0.
    """

    shortest: int = Field(default=5, ge=3)
    longest: int = Field(default=20, ge=3)
    step: int = Field(default=1, ge=1)
    min_t_value: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _some_window(self) -> Self:
        if self.longest < self.shortest:
            raise ValueError(f"longest ({self.longest}) must not be below shortest ({self.shortest})")
        return self


def _default_series() -> dict[str, dict[str, TrendParams]]:
    daily = {"time_1d": TrendParams()}
    return {
        "equity": daily,
        "etf": daily,
        "future": {"dollar_70M": TrendParams(shortest=10, longest=50)},
        "fx": {"time_1h": TrendParams(shortest=10, longest=48)},
    }


class TrendScanningParams(Params):
    """Parameters of `trend_scanning`.

    Parameters
    ----------
    series : asset class, then bar specification, to its windows; other series have no such labels.
    """

    series: Series[TrendParams] = Field(default_factory=_default_series)


@stage(reads=[Events, InformationBars, TickersDim], writes=[TrendScanning], by="ticker")
def trend_scanning(
    events: pl.DataFrame, information_bars: pl.DataFrame, tickers_dim: pl.DataFrame, params: TrendScanningParams
) -> pl.DataFrame:
    """Return the sign of the strongest trend that began at each event (Lopez de Prado 2020, 5.4).

    Known only when the longest window has ended, whichever was chosen; an event before that has no row.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim, or an event has no bar.
    """
    frames = [spec(TrendScanning).empty()]
    for rows, chosen in by_series(events.sort(spec(Events).key), tickers_dim, params.series):
        if chosen is not None:
            frames.append(trend_labels(rows, bars_of(rows, information_bars), chosen))
    return pl.concat(frames).sort(spec(TrendScanning).key)


def trend_labels(events: pl.DataFrame, bars: pl.DataFrame, params: TrendParams) -> pl.DataFrame:
    """Return the rows of trend_scanning for the events of one series, in their order.

    Parameters
    ----------
    events : ticker, bar_spec, t0, seq; every bar may be one.
    bars : ts_close, seq, close of that series, sorted by (ts_close, seq).

    Raises
    ------
    DataError
        If an event has no bar, or the bars are unsorted or not unique.
    """
    start = start_positions(events, bars)
    close = bars["close"].to_numpy()
    longest = params.longest - (params.longest - params.shortest) % params.step
    t_value, n_bars = np.empty(start.size), np.empty(start.size, dtype=np.int64)
    trend_scan(close, start, params.shortest, longest, params.step, t_value, n_bars)
    is_ended = n_bars > 0
    start, t_value, n_bars = start[is_ended], t_value[is_ended], n_bars[is_ended]
    known = start + longest - 1
    schema = spec(TrendScanning).polars_schema
    return (
        events.filter(pl.Series(is_ended, dtype=pl.Boolean))
        .with_columns(
            t1=bars["ts_close"].gather(known),
            t1_seq=bars["seq"].gather(known),
            label=pl.Series(np.where(np.abs(t_value) >= params.min_t_value, np.sign(t_value), 0.0)),
            t_value=pl.Series(t_value),
            n_bars=pl.Series(n_bars),
            ret_frac=pl.Series(close[start + n_bars - 1] / close[start] - 1.0),
        )
        .select(pl.col(name).cast(kind) for name, kind in schema.items())
    )
