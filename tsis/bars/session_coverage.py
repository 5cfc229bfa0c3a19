"""Stage `session_coverage`: how many intervals of each session had no trade."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import field_validator

from tsis.bars.empty_intervals import interval_us, is_traded
from tsis.bars.session_grid import session_intervals
from tsis.core.bar_spec import parse_bar_spec
from tsis.core.errors import ParamsError
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.core.ticker_sessions import ticker_sessions
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.processed_features.session_coverage import SessionCoverage
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim


class SessionCoverageParams(Params):
    """Parameters of `session_coverage`.

    Parameters
    ----------
    bar_specs : time bars shorter than a day, whose grid begins with the session: a minute does on every exchange.
    """

    bar_specs: tuple[str, ...] = ("time_1m",)

    @field_validator("bar_specs")
    @classmethod
    def _are_intervals_of_a_day(cls, bar_specs: tuple[str, ...]) -> tuple[str, ...]:
        for bar in map(parse_bar_spec, bar_specs):
            if bar.kind != "time" or bar.threshold >= 86_400.0:
                raise ParamsError(f"session_coverage: {bar.name} is no time bar shorter than a day; write time_1m")
        return bar_specs


@stage(reads=[InformationBars, Sessions, TickersDim], writes=[SessionCoverage], by="ticker")
def session_coverage(
    information_bars: pl.DataFrame, sessions: pl.DataFrame, tickers_dim: pl.DataFrame, params: SessionCoverageParams
) -> pl.DataFrame:
    """Return how many intervals of each session had no trade, and how many of those came in a row.

    Intervals without trades have no row in information_bars; this states them. The sessions are those of the ticker's
    exchange, from that of a series' first bar on, also such without any trade; a session is counted once a later bar of
    the ticker, of any specification, shows that it is over. A vendor's bar counts as traded unless it says 0 trades.
    """
    frames = [spec(SessionCoverage).empty()]
    by_ticker = information_bars.sort(spec(InformationBars).key).partition_by("ticker", as_dict=True)
    for (ticker,), of_ticker in by_ticker.items():
        now = of_ticker["ts_close"].max()
        over = ticker_sessions(sessions, tickers_dim, str(ticker)).filter(pl.col("close") <= now)
        for name in sorted(set(params.bar_specs)):
            series = of_ticker.filter(pl.col("bar_spec") == name)
            if not series.is_empty():
                frames.append(_of_series(series, over.filter(pl.col("close") >= series["ts_close"].min())))
    return pl.concat(frames).sort(spec(SessionCoverage).key)


def _of_series(bars: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    rows = sessions.sort("open", "close")
    which, starts, ends = session_intervals(rows, interval_us(bars))
    is_empty = ~is_traded(_known_at_the_close(bars, rows), starts, ends)
    n = rows.height
    return rows.select(
        pl.lit(bars["ticker"][0]).alias("ticker"),
        pl.lit(bars["bar_spec"][0]).alias("bar_spec"),
        "session",
        pl.col("close").alias("ts_close"),
        "is_half_day",
        pl.Series("n_intervals", np.bincount(which, minlength=n), dtype=pl.Int64),
        pl.Series("n_empty", np.bincount(which[is_empty], minlength=n), dtype=pl.Int64),
        pl.Series("n_longest_empty", _longest_runs(is_empty, which, n), dtype=pl.Int64),
    )


def _known_at_the_close(bars: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    # a bar that goes on after a close, on a grid that does not fit the session, says nothing at that close
    closes = sessions.select(next_close="close")
    return (
        bars.filter(pl.col("n_ticks") > 0)
        .sort("ts_open")
        .join_asof(closes, left_on="ts_open", right_on="next_close", strategy="forward", allow_exact_matches=False)
        .filter(pl.col("next_close").is_null() | (pl.col("ts_close") <= pl.col("next_close")))
    )


def _longest_runs(is_empty: NDArray[np.bool_], which: NDArray[np.int64], n_sessions: int) -> NDArray[np.int64]:
    longest = np.zeros(n_sessions, np.int64)
    place = np.arange(is_empty.size)
    is_first = np.diff(which, prepend=-1) != 0
    # a run begins anew after each traded interval, and with each session
    since = np.maximum.accumulate(np.where(~is_empty, place, np.where(is_first, place - 1, -1)))
    np.maximum.at(longest, which, place - since)
    return longest
