"""Stage `information_bars`: time, tick, volume and dollar bars of every series."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from pydantic import Field, field_validator, model_validator

from tsis.bars.bar_spec import BarSpec, parse_bar_spec
from tsis.bars.price_factors import BEFORE_CLOSE, last_factors, with_factors
from tsis.bars.time_bars import time_bars
from tsis.bars.trade_bars import Ticks, ticks, trade_bars
from tsis.bars.trade_side import QuoteRule, trade_side
from tsis.bars.vendor_bars import vendor_bars
from tsis.core.errors import DataError, ParamsError
from tsis.core.instrument import Instrument, instrument
from tsis.core.order import in_order
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.state import State
from tsis.core.table import spec
from tsis.kernels.bars import initial_state
from tsis.kernels.time_bars import initial_state as initial_time_state
from tsis.tables.processed_features.daily_cache import DailyCache
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.raw.ohlcv_1h import Ohlcv1h
from tsis.tables.raw.ohlcv_1m import Ohlcv1m
from tsis.tables.raw.ohlcv_daily import OhlcvDaily
from tsis.tables.raw.quotes import Quotes
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


class QuoteRuleParams(Params):
    """See `tsis.bars.trade_side.QuoteRule`.

    Parameters
    ----------
    delay_us : a quote counts for trades at least that much later.
    max_age_us : and not for those that are later by more.
    """

    delay_us: int = Field(default=1, ge=0)
    max_age_us: int = Field(default=900_000_000, ge=0)

    @model_validator(mode="after")
    def _quotes_count_for_a_while(self) -> QuoteRuleParams:
        if self.max_age_us < self.delay_us:
            raise ParamsError(f"information_bars.quotes: max_age_us {self.max_age_us:,} is less than delay_us")
        return self


class InformationBarsParams(Params):
    """Parameters of `information_bars`.

    Parameters
    ----------
    bars : asset class to bar specifications; each is built where a ticker has the data for it.
    quotes : which quote prevails at a trade, for the sides of trades where the lake has quotes.
    """

    bars: dict[str, tuple[str, ...]] = Field(default_factory=_default_bars)
    quotes: QuoteRuleParams = QuoteRuleParams()

    @field_validator("bars")
    @classmethod
    def _specs_are_known(cls, bars: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for names in bars.values():
            for name in names:
                parse_bar_spec(name)
        return bars


@stage(
    reads=[Trades, Quotes, Ohlcv1m, Ohlcv1h, OhlcvDaily, DailyCache, TickersDim],
    writes=[InformationBars],
    by="ticker",
    ahead={DailyCache: BEFORE_CLOSE},
)
def information_bars(
    trades: pl.DataFrame,
    quotes: pl.DataFrame,
    ohlcv_1m: pl.DataFrame,
    ohlcv_1h: pl.DataFrame,
    ohlcv_daily: pl.DataFrame,
    daily_cache: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: InformationBarsParams,
    state: State | None = None,
    until: datetime | None = None,
) -> tuple[pl.DataFrame, State]:
    """Return all bars that the parameters ask for and the data allow.

    Buys and sells are the vendor's; else, where the lake has quotes, those of Lee and Ready; else the tick rule's.

    tick, volume and dollar bars come from trades; time_1d from daily bars; other time bars from trades and, in
    intervals without a trade, from the vendor's bars of that very size (1 minute, 1 hour). Suspicious trades are left
    out. Intervals with neither have no row.

    What an interval shows is decided by the trades before its end, so that later data never change it: one trade is
    enough to put the vendor's bar aside, also while the trades' bar is still open. That bar is emitted when a later
    row of the ticker, a trade or any vendor's bar, shows that its interval is over. A vendor's bar off the grid of the
    epoch gives way to trades before its end in any interval of the grid that it touches.

    The state holds, under ``ticker bar_spec``, the open bar (all time bars in one), under ``ticker`` the factors and
    the time of the last trade, and under ``ticker side …`` what decides the sides of trades.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim, or two sources report the same bar or trades of the same day.
    ParamsError
        If the parameters have no entry for a ticker's asset class.
    """
    raw = (trades, quotes, ohlcv_1m, ohlcv_1h, ohlcv_daily)
    frames, after = [spec(InformationBars).empty()], dict(state or {})
    for ticker in sorted({name for rows in raw for name in rows["ticker"].unique()}):
        facts = instrument(tickers_dim, ticker)
        if facts.asset_class not in params.bars:
            raise ParamsError(
                f"information_bars: {ticker} is of class {facts.asset_class}, for which params.yaml has no bars; "
                f"add information_bars.bars.{facts.asset_class} (an empty list builds none)"
            )
        tape, book, *closed = (rows.filter(pl.col("ticker") == ticker) for rows in (*raw, daily_cache))
        given = _Given(facts, in_order(tape, ["ts", "seq"]), book, *(in_order(rows, ["ts_close"]) for rows in closed))
        frames += _of_ticker(given, params, after, until)
    return pl.concat(frames).sort("ticker", "bar_spec", "ts_close", "seq"), after


@dataclass(frozen=True)
class _Given:
    """The rows of one ticker, in order of time."""

    facts: Instrument
    trades: pl.DataFrame
    quotes: pl.DataFrame
    ohlcv_1m: pl.DataFrame
    ohlcv_1h: pl.DataFrame
    ohlcv_daily: pl.DataFrame
    daily_cache: pl.DataFrame

    def known_us(self) -> float:
        """Return the latest time of a row, in microseconds."""
        ticks = [rows["ts"] for rows in (self.trades, self.quotes)]
        closes = [rows["ts_close"] for rows in (self.ohlcv_1m, self.ohlcv_1h, self.ohlcv_daily)]
        return max(float(times.to_physical().to_numpy().max()) for times in (*ticks, *closes) if len(times))

    def vendor(self, bar: BarSpec) -> tuple[pl.DataFrame, str] | None:
        """Return the vendor's bars of that very size and their table, None where no table has the size."""
        return {
            60.0: (self.ohlcv_1m, "raw.ohlcv_1m"),
            3_600.0: (self.ohlcv_1h, "raw.ohlcv_1h"),
            86_400.0: (self.ohlcv_daily, "raw.ohlcv_daily"),
        }.get(bar.threshold if bar.kind == "time" else 0.0)


def _of_ticker(
    given: _Given, params: InformationBarsParams, after: State, until: datetime | None
) -> list[pl.DataFrame]:
    ticker, multiplier = given.facts.ticker, given.facts.multiplier
    split, price, last_trade_us = after.get(ticker, np.array([1.0, 1.0, -math.inf]))
    usable = given.trades.filter(~pl.col("is_suspicious"))
    _refuse_two_sources_a_day(ticker, usable)
    tape = _sided(with_factors(usable, "ts", given.daily_cache, (split, price)), given, params.quotes, after)
    over_us = given.known_us() if until is None else until.timestamp() * 1e6
    frames = []
    bars = [parse_bar_spec(name) for name in params.bars[given.facts.asset_class]]
    by_time = [bar for bar in bars if bar.kind == "time" and bar.name != "time_1d"]
    if by_time:
        name = f"{ticker} {' '.join(bar.name for bar in by_time)}"
        after[name] = after[name].copy() if name in after else initial_time_state(len(by_time))
        frames.append(time_bars(tape, by_time, ticker, multiplier, after[name], over_us))
    for bar in bars:
        if bar.kind != "time":
            name = f"{ticker} {bar.name}"
            after[name] = after[name].copy() if name in after else initial_state()
            frames.append(trade_bars(tape, bar, ticker, multiplier, after[name]))
        elif (vendor := given.vendor(bar)) is not None:
            rows = with_factors(vendor[0], "ts_close", given.daily_cache, (split, price))
            made = vendor_bars(rows, vendor[1], bar, multiplier)
            frames.append(made if bar.name == "time_1d" else _without_trades(made, tape, last_trade_us, bar))
    if tape.ts_us.size:
        last_trade_us = float(tape.ts_us[-1])
    after[ticker] = np.array([*last_factors(given.daily_cache, (split, price)), last_trade_us])
    return frames


def _sided(trades: pl.DataFrame, given: _Given, rule: QuoteRuleParams, after: State) -> Ticks:
    """Return the tape, with the sides that quotes decide where there are any; the kernels apply the tick rule."""
    tape, prefix = ticks(trades), f"{given.facts.ticker} side "
    before = {name.removeprefix(prefix): array for name, array in after.items() if name.startswith(prefix)}
    if given.quotes.is_empty() and not before:
        return tape
    sides, later = trade_side(trades, given.quotes, QuoteRule(rule.delay_us, rule.max_age_us), before or None)
    after.update({prefix + name: array for name, array in later.items()})
    return replace(tape, side=sides["side"].to_numpy())


def _without_trades(made: pl.DataFrame, tape: Ticks, last_trade_us: float, bar: BarSpec) -> pl.DataFrame:
    """Return the vendor's bars whose intervals have no trade; `last_trade_us` is the last one before the tape."""
    interval = int(bar.threshold) * 1_000_000
    start = made["ts_open"].to_physical().to_numpy() // interval * interval
    # trades at or after the close are not known at it: they take no part, whatever grid the vendor uses
    before_start = np.searchsorted(tape.ts_us, start, side="left")
    before_close = np.searchsorted(tape.ts_us, made["ts_close"].to_physical().to_numpy(), side="left")
    return made.filter(pl.Series((before_start == before_close) & (start > last_trade_us), dtype=pl.Boolean))


def _refuse_two_sources_a_day(ticker: str, trades: pl.DataFrame) -> None:
    if trades["source"].n_unique() < 2:
        return
    # a day ends with its midnight, as the pieces do in which a long series is given
    day = (pl.col("ts") - timedelta(microseconds=1)).dt.date().alias("day")
    by_day = trades.group_by(day).agg(pl.col("source").unique().sort())
    mixed = by_day.filter(pl.col("source").list.len() > 1).sort("day")
    if not mixed.is_empty():
        raise DataError(
            f"raw.trades: {ticker} has trades of several sources on {mixed.height:,} days (first: {mixed['day'][0]}, "
            f"{', '.join(mixed['source'][0])}); keep one source a day: delete the other's rows"
        )
