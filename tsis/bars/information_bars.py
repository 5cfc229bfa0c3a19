"""Stage `information_bars`: time, tick, volume and dollar bars of every series."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from pydantic import Field, field_validator

from tsis.bars.bar_spec import BarSpec, parse_bar_spec
from tsis.bars.price_factors import with_factors
from tsis.bars.trade_bars import Ticks, ticks, trade_bars
from tsis.bars.vendor_bars import vendor_bars
from tsis.core.errors import DataError, ParamsError
from tsis.core.instrument import instrument
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.tables.processed_features.daily_cache import DailyCache
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.raw.ohlcv_1h import Ohlcv1h
from tsis.tables.raw.ohlcv_1m import Ohlcv1m
from tsis.tables.raw.ohlcv_daily import OhlcvDaily
from tsis.tables.raw.trades import Trades
from tsis.tables.reference.tickers_dim import TickersDim


def _default_bars() -> dict[str, tuple[str, ...]]:
    return {
        "equity": ("time_1m", "time_1h", "time_1d", "dollar_5M"),
        "etf": ("time_1m", "time_1h", "time_1d", "dollar_5M"),
        "future": ("time_1m", "time_5m", "time_1h", "time_1d", "tick_1000", "volume_2500", "dollar_70M"),
        "fx": ("time_1m", "time_1h", "time_1d"),
        "crypto": ("time_1m", "time_1h", "time_1d", "dollar_5M"),
        "index": ("time_1m", "time_1h", "time_1d"),
    }


class InformationBarsParams(Params):
    """Parameters of `information_bars`.

    Parameters
    ----------
    bars : asset class to bar specifications; each is built where a ticker has the data for it.
    """

    bars: dict[str, tuple[str, ...]] = Field(default_factory=_default_bars)

    @field_validator("bars")
    @classmethod
    def _specs_are_known(cls, bars: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for names in bars.values():
            for name in names:
                parse_bar_spec(name)
        return bars


@stage(
    reads=[Trades, Ohlcv1m, Ohlcv1h, OhlcvDaily, DailyCache, TickersDim],
    writes=[InformationBars],
    by="ticker",
)
def information_bars(
    trades: pl.DataFrame,
    ohlcv_1m: pl.DataFrame,
    ohlcv_1h: pl.DataFrame,
    ohlcv_daily: pl.DataFrame,
    daily_cache: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: InformationBarsParams,
) -> pl.DataFrame:
    """Return all bars that the parameters ask for and the data allow.

    tick, volume and dollar bars come from trades; time_1d from daily bars; other time bars from trades and, in
    intervals without a trade, from the vendor's bars of that very size (1 minute, 1 hour). Suspicious trades are left
    out. Intervals with neither have no row.

    What an interval shows is decided by the trades before its end, so that later data never change it: one trade is
    enough to put the vendor's bar aside, also while the trades' bar is still open. That bar is emitted when a later
    trade, or a vendor's bar of its size that ends no earlier, shows that its interval is over. A vendor's bar off the
    grid of the epoch gives way to trades before its end in any interval of the grid that it touches.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim, or two sources report the same bar or trades of the same day.
    ParamsError
        If the parameters have no entry for a ticker's asset class.
    """
    vendors = {
        60.0: (ohlcv_1m, "raw.ohlcv_1m"),
        3_600.0: (ohlcv_1h, "raw.ohlcv_1h"),
        86_400.0: (ohlcv_daily, "raw.ohlcv_daily"),
    }
    frames = [spec(InformationBars).empty()]
    for ticker in sorted(
        {name for rows in (trades, ohlcv_1m, ohlcv_1h, ohlcv_daily) for name in rows["ticker"].unique()}
    ):
        facts = instrument(tickers_dim, ticker)
        if facts.asset_class not in params.bars:
            raise ParamsError(
                f"information_bars: {ticker} is of class {facts.asset_class}, for which params.yaml has no bars; "
                f"add information_bars.bars.{facts.asset_class} (an empty list builds none)"
            )
        factors = daily_cache.filter(pl.col("ticker") == ticker)
        usable = trades.filter((pl.col("ticker") == ticker) & ~pl.col("is_suspicious")).sort("ts", "seq")
        _refuse_two_sources_a_day(ticker, usable)
        tape = ticks(with_factors(usable, "ts", factors))
        for bar in map(parse_bar_spec, params.bars[facts.asset_class]):
            series = made = spec(InformationBars).empty()
            if bar.kind == "time" and bar.threshold in vendors:
                reported, raw_table = vendors[bar.threshold]
                rows = with_factors(reported.filter(pl.col("ticker") == ticker).sort("ts_close"), "ts_close", factors)
                made = vendor_bars(rows, raw_table, bar, facts.multiplier)
            if bar.name != "time_1d":
                series = trade_bars(tape, bar, ticker, facts.multiplier, _last_close_us(made))
            frames += [series, made if bar.name == "time_1d" else _without_trades(made, tape, bar)]
    return pl.concat(frames).sort("ticker", "bar_spec", "ts_close", "seq")


def _last_close_us(made: pl.DataFrame) -> float:
    return -math.inf if made.is_empty() else float(made["ts_close"].to_physical().max())  # type: ignore[arg-type]


def _without_trades(made: pl.DataFrame, tape: Ticks, bar: BarSpec) -> pl.DataFrame:
    if made.is_empty() or tape.ts_us.size == 0:
        return made
    interval = int(bar.threshold) * 1_000_000
    start = made["ts_open"].to_physical().to_numpy() // interval * interval
    # trades at or after the close are not known at it: they take no part, whatever grid the vendor uses
    before_start = np.searchsorted(tape.ts_us, start, side="left")
    before_close = np.searchsorted(tape.ts_us, made["ts_close"].to_physical().to_numpy(), side="left")
    return made.filter(pl.Series(before_start == before_close))


def _refuse_two_sources_a_day(ticker: str, trades: pl.DataFrame) -> None:
    by_day = trades.group_by(pl.col("ts").dt.date().alias("day")).agg(pl.col("source").unique().sort())
    mixed = by_day.filter(pl.col("source").list.len() > 1).sort("day")
    if not mixed.is_empty():
        raise DataError(
            f"raw.trades: {ticker} has trades of several sources on {mixed.height:,} days (first: {mixed['day'][0]}, "
            f"{', '.join(mixed['source'][0])}); keep one source a day: delete the other's rows"
        )
