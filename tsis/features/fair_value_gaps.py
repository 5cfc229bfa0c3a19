"""Stage `fair_value_gaps`: every gap of three bars, and what became of it."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from tsis.core.feature import Array
from tsis.core.params import Params
from tsis.core.series import BarSpecName
from tsis.core.stage import stage
from tsis.core.step_call import address, run_step
from tsis.core.stream import N_STREAMS
from tsis.core.table import spec
from tsis.core.ticker_sessions import ticker_sessions
from tsis.features.gaps.fair_value_gap import DIRECTIONS, FairValueGapParams
from tsis.features.given_streams import given_streams
from tsis.kernels import fair_value_gaps as kernel
from tsis.tables.processed_features.fair_value_gaps import FairValueGaps
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim

_BLOCK: Final = 4096
_EVENTS: Final = ("row", "place", "event", *kernel.GAP_FIELDS)
_LATER: Final = {
    kernel.TOUCHED: "ts_touched",
    kernel.FILLED: "ts_filled",
    kernel.INVERTED: "ts_inverted",
    kernel.DROPPED: "ts_dropped",
}
_FLAGS: Final = {"trend": "with_trend", "session": "in_session"}


class FairValueGapsParams(Params):
    """Parameters of `fair_value_gaps`.

    Parameters
    ----------
    bar_specs : the series to look for gaps in, by their bar specification; null for all.
    fair_value_gap : parameters of the family; give it the same in `features`.
    """

    bar_specs: tuple[BarSpecName, ...] | None = None
    fair_value_gap: FairValueGapParams = FairValueGapParams()


@stage(reads=[InformationBars, Sessions, TickersDim], writes=[FairValueGaps], by="ticker")
def fair_value_gaps(
    information_bars: pl.DataFrame, sessions: pl.DataFrame, tickers_dim: pl.DataFrame, params: FairValueGapsParams
) -> pl.DataFrame:
    """Return one row a gap of each series and timeframe, from the kernel that gives the features of `fair_value_gap`.

    The times of later events are null where they did not come by the end of the data.
    """
    chosen = information_bars
    if params.bar_specs is not None:
        chosen = chosen.filter(pl.col("bar_spec").is_in(params.bar_specs))
    frames = [spec(FairValueGaps).empty()]
    by_ticker = chosen.sort(spec(InformationBars).key).partition_by("ticker", as_dict=True)
    for (ticker,), of_ticker in by_ticker.items():
        listed = ticker_sessions(sessions, tickers_dim, str(ticker))
        facts = tickers_dim.filter(pl.col("ticker") == ticker)
        for bars in of_ticker.partition_by("bar_spec"):
            frames.append(gaps_of(bars, given_streams(bars, listed, facts), params.fair_value_gap))
    return pl.concat(frames).sort(spec(FairValueGaps).key)


def gaps_of(bars: pl.DataFrame, given: Array, params: FairValueGapParams) -> pl.DataFrame:
    """Return the rows of fair_value_gaps for the bars of one series.

    Parameters
    ----------
    bars : ticker, bar_spec, ts_close, seq, sorted by (ts_close, seq).
    given : (`N_GIVEN`, n) the streams of the same bars.
    """
    events = pl.concat([pl.DataFrame(block, schema=_EVENTS, orient="row") for block in _events(given, params)])
    known = bars.select("ticker", "bar_spec", "ts_close", "seq").with_row_index("row")
    events = events.with_columns(pl.col("row").cast(pl.UInt32), pl.col("event").cast(pl.Int64)).join(
        known, on="row", maintain_order="left"
    )
    gap = ["place", "number"]
    found = events.filter(_tells(kernel.CREATED))
    for event, name in _LATER.items():
        later = events.filter(_tells(event)).select(*gap, pl.col("ts_close").alias(name))
        found = found.join(later, on=gap, how="left", maintain_order="left")
    place = pl.col("place").cast(pl.Int64)
    sign = 1.0 - 2.0 * (place % 2)
    flags = [(pl.col(name).fill_nan(None) > 0.0).alias(f"is_{told}") for name, told in _FLAGS.items()]
    return found.select(
        "ticker",
        "bar_spec",
        pl.lit(pl.Series(params.timeframes, dtype=pl.String)).gather(place // 2).alias("timeframe"),
        pl.lit(pl.Series(DIRECTIONS, dtype=pl.String)).gather(place % 2).alias("direction"),
        pl.col("ts_close").alias("ts_created"),
        pl.col("number").cast(pl.Int64),
        "seq",
        pl.max_horizontal(sign * pl.col("near"), sign * pl.col("far")).alias("top"),
        pl.min_horizontal(sign * pl.col("near"), sign * pl.col("far")).alias("bottom"),
        pl.col("size").alias("size_atr"),
        pl.col("displacement").alias("displacement_atr"),
        pl.col("volume").fill_nan(None).alias("volume_ratio"),
        *flags,
        "quality",
        *_LATER.values(),
    )


def _tells(event: float) -> pl.Expr:
    return pl.col("event") & int(event) > 0


def _events(given: Array, params: FairValueGapParams) -> list[Array]:
    """Return what the kernel tells of the rows, block by block: (n, `LOG_WIDTH`)."""
    n_timeframes, size = len(params.timeframes), kernel.state_size(len(params.timeframes), params.capacity)
    state = np.zeros(size + kernel.log_size(_BLOCK, n_timeframes, params.capacity))
    numbers = np.array(params.numbers(), dtype=np.float64)
    x, out = np.full((N_STREAMS, _BLOCK), np.nan), np.empty((_BLOCK, 2 * kernel.N_OUTPUTS * n_timeframes))
    found = [np.empty((0, kernel.LOG_WIDTH))]
    follow_gaps = address(kernel.follow_gaps)
    for first in range(0, given.shape[1], _BLOCK):
        block = given[:, first : first + _BLOCK]
        n = block.shape[1]
        x[: block.shape[0], :n] = block
        state[size] = 0.0
        run_step(follow_gaps, x, 0, n, numbers, state, out, 0)
        events = state[size + 1 : size + 1 + int(state[size]) * kernel.LOG_WIDTH].reshape(-1, kernel.LOG_WIDTH).copy()
        events[:, 0] += first
        found.append(events)
    return found
