"""Stage `events`: the moments at which a decision is considered."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from tsis.core.instrument import instrument
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.kernels.cusum import CUSUM_STATE, cusum_filter
from tsis.labeling.volatility import bar_volatility
from tsis.tables.labeling.events import Events
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim


class CusumParams(Params):
    """How events of one series are found.

    Parameters
    ----------
    span : of the exponentially weighted volatility per bar; there is no event before as many returns.
    multiple : the CUSUM threshold in multiples of that volatility.
    primary : ``momentum`` takes the direction of the move that raised the event as its side, ``reversal`` the other.
    min_target_frac : an event whose volatility does not exceed it is none.
    """

    span: int = Field(default=100, ge=2)
    multiple: float = Field(default=2.0, gt=0)
    primary: Literal["momentum", "reversal"] = "momentum"
    min_target_frac: float = Field(default=0.0, ge=0)


def _default_series() -> dict[str, dict[str, CusumParams]]:
    daily = {"time_1d": CusumParams(span=50, multiple=2.0)}
    return {
        "equity": daily,
        "etf": daily,
        "future": {"dollar_70M": CusumParams(span=100, multiple=4.0, primary="reversal")},
        "fx": {"time_1h": CusumParams(span=100, multiple=4.0)},
    }


class EventsParams(Params):
    """Parameters of `events`.

    Parameters
    ----------
    series : asset class, then bar specification, to how its events are found; other series have none.
    """

    series: dict[str, dict[str, CusumParams]] = Field(default_factory=_default_series)


@stage(reads=[InformationBars, TickersDim], writes=[Events], by="ticker")
def events(information_bars: pl.DataFrame, tickers_dim: pl.DataFrame, params: EventsParams) -> pl.DataFrame:
    """Return the bars at which the symmetric CUSUM filter of log returns fires, known at their close.

    `target` is the volatility per bar at that close.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim.
    """
    frames = [spec(Events).empty()]
    ordered = information_bars.sort(spec(InformationBars).key)
    for (ticker, bar_spec), bars in ordered.partition_by("ticker", "bar_spec", as_dict=True).items():
        chosen = params.series.get(instrument(tickers_dim, ticker).asset_class, {}).get(bar_spec)
        if chosen is not None:
            frames.append(_events_of(bars, chosen))
    return pl.concat(frames).sort(spec(Events).key)


def cusum_directions(close: NDArray[np.float64], threshold: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return +1, -1 or 0 for each close: the events of the CUSUM filter on log returns (AFML snippet 2.4)."""
    returns = np.full(close.size, np.nan)
    returns[1:] = np.diff(np.log(close))
    out = np.zeros(close.size, dtype=np.int8)
    cusum_filter(returns, threshold, np.zeros(CUSUM_STATE), out)
    return out


def _events_of(bars: pl.DataFrame, params: CusumParams) -> pl.DataFrame:
    close = bars["close"].to_numpy()
    target = bar_volatility(close, params.span)
    directions = cusum_directions(close, params.multiple * target)
    side = directions if params.primary == "momentum" else -directions
    return (
        bars.select(
            "ticker",
            "bar_spec",
            pl.col("ts_close").alias("t0"),
            "seq",
            pl.lit("cusum").alias("kind"),
            pl.Series("side", side, dtype=pl.Int8),
            pl.Series("target", target),
        )
        .filter(pl.Series(directions != 0))
        .filter((pl.col("target") > params.min_target_frac) & (pl.col("target") > 0))
    )
