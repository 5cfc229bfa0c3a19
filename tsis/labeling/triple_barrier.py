"""Stage `triple_barrier`: what became of each event."""

from __future__ import annotations

from typing import Final, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from tsis.core.errors import ParamsError
from tsis.core.instrument import instrument
from tsis.core.params import Params
from tsis.core.series import Series, by_series
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.kernels import barriers as kernel
from tsis.labeling.bar_positions import LONGEST_S, bars_of, horizon, microseconds, require_targets, start_positions
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.triple_barrier import TripleBarrier
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim

_NAMES: Final = {
    kernel.PROFIT_TAKING: "profit_taking",
    kernel.STOP_LOSS: "stop_loss",
    kernel.VERTICAL: "vertical",
}


class BarrierParams(Params):
    """The barriers of one series.

    Parameters
    ----------
    pt, sl : distances of profit-taking and stop in multiples of the event's target; 0 turns one off. They lie on the
        side's winning and losing side; without a side, above and below.
    max_bars : the vertical barrier is that many bars after the event; null for none.
    max_seconds : it is the first bar that closes at least that long after; null for none. The earlier of both holds.
    touch : on ``close`` (AFML), or on ``high_low``, where the stop is taken to be first if both are touched in one bar.
    vertical_label : where the vertical barrier comes first, the label is ``zero`` or the ``sign`` of the return.
    """

    pt: float = Field(default=2.0, ge=0)
    sl: float = Field(default=2.0, ge=0)
    max_bars: int | None = Field(default=20, ge=1)
    max_seconds: float | None = Field(default=None, gt=0, le=LONGEST_S)
    touch: Literal["close", "high_low"] = "close"
    vertical_label: Literal["zero", "sign"] = "sign"

    @model_validator(mode="after")
    def _some_barrier(self) -> Self:
        if self.pt == self.sl == 0 and self.max_bars is None and self.max_seconds is None:
            raise ValueError(
                "all barriers are off, so that no event would ever end; give pt, sl, max_bars or max_seconds"
            )
        return self


def _default_series() -> dict[str, dict[str, BarrierParams]]:
    daily = {"time_1d": BarrierParams(pt=3.0, sl=3.0, max_bars=15)}
    return {
        "equity": daily,
        "etf": daily,
        "future": {"dollar_70M": BarrierParams(pt=5.0, sl=5.0, max_bars=50)},
        "fx": {"time_1h": BarrierParams(pt=5.0, sl=5.0, max_bars=48)},
    }


class TripleBarrierParams(Params):
    """Parameters of `triple_barrier`.

    Parameters
    ----------
    series : asset class, then bar specification, to its barriers; every series with events needs them.
    pt, sl : take the place of those of every series, null for none: to try one distance everywhere.
    """

    series: Series[BarrierParams] = Field(default_factory=_default_series)
    pt: float | None = Field(default=None, ge=0)
    sl: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self.barriers()
        return self

    def barriers(self) -> dict[str, dict[str, BarrierParams]]:
        """Return the barriers of each series, `pt` and `sl` in place of its own where given."""
        given = {name: value for name, value in (("pt", self.pt), ("sl", self.sl)) if value is not None}
        return {
            asset_class: {name: BarrierParams(**{**own.model_dump(), **given}) for name, own in by_spec.items()}
            for asset_class, by_spec in self.series.items()
        }


@stage(reads=[Events, InformationBars, TickersDim], writes=[TripleBarrier], by="ticker")
def triple_barrier(
    events: pl.DataFrame, information_bars: pl.DataFrame, tickers_dim: pl.DataFrame, params: TripleBarrierParams
) -> pl.DataFrame:
    """Return the first barrier that each event reaches (AFML 3.4); an event whose window has not ended has no row.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim, or an event has no bar or no target above zero.
    ParamsError
        If a series has events and no barriers.
    """
    frames = [spec(TripleBarrier).empty()]
    for rows, chosen in by_series(events.sort(spec(Events).key), tickers_dim, params.barriers()):
        if chosen is None:
            ticker, bar_spec = rows.select("ticker", "bar_spec").row(0)
            asset_class = instrument(tickers_dim, ticker).asset_class
            raise ParamsError(
                f"triple_barrier: {ticker} has {rows.height:,} events on {bar_spec} and params.yaml no barriers; add "
                f"triple_barrier.series.{asset_class}.{bar_spec} (pt, sl, max_bars)"
            )
        frames.append(labels(rows, bars_of(rows, information_bars), chosen))
    return pl.concat(frames).sort(spec(TripleBarrier).key)


def labels(events: pl.DataFrame, bars: pl.DataFrame, params: BarrierParams) -> pl.DataFrame:
    """Return the rows of triple_barrier for the events of one series, in their order.

    Parameters
    ----------
    events : rows of the table `events`; a null side counts as +1. For a minimum return (AFML's ``min_ret``), pass those
        whose target exceeds it.
    bars : ts_close, seq, open, high, low, close of that series, sorted by (ts_close, seq).

    Raises
    ------
    DataError
        If an event has no bar or no target above zero, or the bars are unsorted or not unique.
    """
    start = start_positions(events, bars)
    require_targets(events)
    vertical = horizon(microseconds(bars["ts_close"]), start, params.max_bars, params.max_seconds)
    end = np.empty(start.size, dtype=np.int64)
    barrier = np.empty(start.size, dtype=np.int8)
    ret = np.empty(start.size)
    kernel.first_touch(
        bars["open"].to_numpy(),
        bars["high"].to_numpy(),
        bars["low"].to_numpy(),
        bars["close"].to_numpy(),
        start,
        vertical,
        events["side"].fill_null(1).to_numpy(),
        events["target"].to_numpy(),
        params.pt,
        params.sl,
        params.touch == "high_low",
        end,
        barrier,
        ret,
    )
    label = np.sign(ret)
    if params.vertical_label == "zero":
        label = np.where(barrier == kernel.VERTICAL, 0.0, label)
    ended = end >= 0
    schema = spec(TripleBarrier).polars_schema
    return (
        events.filter(pl.Series(ended, dtype=pl.Boolean))
        .with_columns(
            t1=bars["ts_close"].gather(end[ended]),
            t1_seq=bars["seq"].gather(end[ended]),
            label=pl.Series(label[ended]),
            ret_frac=pl.Series(ret[ended]),
            barrier=pl.Series(barrier[ended]).replace_strict(_NAMES, return_dtype=pl.String),
            pt=pl.lit(params.pt),
            sl=pl.lit(params.sl),
        )
        .select(pl.col(name).cast(kind) for name, kind in schema.items())
    )
