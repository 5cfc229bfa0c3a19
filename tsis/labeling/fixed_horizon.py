"""Stage `fixed_horizon`: the return over the bars, or the seconds, that followed."""

from __future__ import annotations

from typing import Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from tsis.core.params import Params
from tsis.core.series import Series, by_series
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.labeling.bar_positions import LONGEST_S, bars_of, horizon, microseconds, require_targets, start_positions
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.fixed_horizon import FixedHorizon
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim


class HorizonParams(Params):
    """The horizon of one series; give one of the first two.

    Parameters
    ----------
    n_bars : it is that many bars after the event.
    seconds : it is the first bar that closes at least that long after.
    multiple : a return counts where its size exceeds this multiple of the event's target; 0 takes every sign.
    """

    n_bars: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0, le=LONGEST_S)
    multiple: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _one_horizon(self) -> Self:
        if (self.n_bars is None) == (self.seconds is None):
            raise ValueError("fixed_horizon takes one horizon: give n_bars, or seconds")
        return self


def _default_series() -> dict[str, dict[str, HorizonParams]]:
    daily = {"time_1d": HorizonParams(n_bars=5, multiple=1.0)}
    return {
        "equity": daily,
        "etf": daily,
        "future": {"dollar_70M": HorizonParams(n_bars=20, multiple=2.0)},
        "fx": {"time_1h": HorizonParams(n_bars=24, multiple=2.0)},
    }


class FixedHorizonParams(Params):
    """Parameters of `fixed_horizon`.

    Parameters
    ----------
    series : asset class, then bar specification, to its horizon; other series have no such labels.
    """

    series: Series[HorizonParams] = Field(default_factory=_default_series)


@stage(reads=[Events, InformationBars, TickersDim], writes=[FixedHorizon], by="ticker")
def fixed_horizon(
    events: pl.DataFrame, information_bars: pl.DataFrame, tickers_dim: pl.DataFrame, params: FixedHorizonParams
) -> pl.DataFrame:
    """Return each event's return over a fixed horizon and its sign (AFML 3.2).

    An event whose horizon has not been reached has no row.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim, or an event has no bar or no target above zero.
    """
    frames = [spec(FixedHorizon).empty()]
    for rows, chosen in by_series(events.sort(spec(Events).key), tickers_dim, params.series):
        if chosen is not None:
            frames.append(horizon_labels(rows, bars_of(rows, information_bars), chosen))
    return pl.concat(frames).sort(spec(FixedHorizon).key)


def horizon_labels(events: pl.DataFrame, bars: pl.DataFrame, params: HorizonParams) -> pl.DataFrame:
    """Return the rows of fixed_horizon for the events of one series, in their order.

    Parameters
    ----------
    events : ticker, bar_spec, t0, seq, target.
    bars : ts_close, seq, close of that series, sorted by (ts_close, seq).

    Raises
    ------
    DataError
        If an event has no bar or no target above zero, or the bars are unsorted or not unique.
    """
    start = start_positions(events, bars)
    require_targets(events)
    end = horizon(microseconds(bars["ts_close"]), start, params.n_bars, params.seconds)
    is_ended = end < bars.height
    start, end = start[is_ended], end[is_ended]
    close = bars["close"].to_numpy()
    ret = close[end] / close[start] - 1.0
    threshold = params.multiple * events["target"].to_numpy()[is_ended]
    schema = spec(FixedHorizon).polars_schema
    return (
        events.filter(pl.Series(is_ended, dtype=pl.Boolean))
        .with_columns(
            t1=bars["ts_close"].gather(end),
            t1_seq=bars["seq"].gather(end),
            label=pl.Series(np.where(np.abs(ret) > threshold, np.sign(ret), 0.0)),
            ret_frac=pl.Series(ret),
            threshold_frac=pl.Series(threshold),
        )
        .select(pl.col(name).cast(kind) for name, kind in schema.items())
    )
