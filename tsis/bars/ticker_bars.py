"""All bars of one ticker, from where an earlier call left them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from tsis.bars.bar_kernel import bar_kernel
from tsis.bars.bar_params import InformationBarsParams, QuoteRuleParams
from tsis.bars.price_factors import last_factors, with_factors
from tsis.bars.time_bars import session_time_bars, time_bars
from tsis.bars.trade_bars import Ticks, ticks, trade_bars
from tsis.bars.trade_side import QuoteRule, trade_side
from tsis.bars.vendor_bars import vendor_bars
from tsis.core.bar_spec import BarSpec, parse_bar_spec
from tsis.core.errors import DataError
from tsis.core.instrument import Instrument
from tsis.core.state import State
from tsis.kernels.time_bars import end_at
from tsis.kernels.time_bars import initial_state as initial_time_state


@dataclass(frozen=True)
class Given:
    """What a stage is given of one ticker: raw rows in order of time, and its exchange's sessions."""

    facts: Instrument
    sessions: pl.DataFrame
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

    def is_empty(self) -> bool:
        """Tell whether there is no raw row."""
        return all(
            rows.is_empty() for rows in (self.trades, self.quotes, self.ohlcv_1m, self.ohlcv_1h, self.ohlcv_daily)
        )

    def vendor(self, bar: BarSpec) -> tuple[pl.DataFrame, str] | None:
        """Return the vendor's bars of that very size and their table, None where no table has the size."""
        return {
            60.0: (self.ohlcv_1m, "raw.ohlcv_1m"),
            3_600.0: (self.ohlcv_1h, "raw.ohlcv_1h"),
            86_400.0: (self.ohlcv_daily, "raw.ohlcv_daily"),
        }.get(bar.threshold if bar.kind == "time" else 0.0)


def ticker_bars(
    given: Given, params: InformationBarsParams, after: State, until: datetime | None
) -> list[pl.DataFrame]:
    """Return the bars of one ticker, a frame a group, and leave the state after them in `after`; the stage says how."""
    ticker, multiplier = given.facts.ticker, given.facts.multiplier
    split, price, last_trade_us = after.get(ticker, np.array([1.0, 1.0, -math.inf]))
    usable = given.trades.filter(~pl.col("is_suspicious"))
    _refuse_two_sources_a_day(ticker, usable)
    tape = _sided(with_factors(usable, "ts", given.daily_cache, (split, price)), given, params.quotes, after)
    over_us = given.known_us() if until is None else until.timestamp() * 1e6
    frames = []
    bars = [parse_bar_spec(name) for name in params.bars[given.facts.asset_class]]
    for name, group in _groups(ticker, bars).items():
        after[name] = after[name].copy() if name in after else initial_time_state(len(group))
        if group[0].kind == "time":
            frames.append(time_bars(tape, group, ticker, multiplier, after[name], over_us))
        else:
            frames.append(session_time_bars(tape, group, given.sessions, ticker, multiplier, after[name], over_us))
    for bar in bars:
        vendor = given.vendor(bar)
        if vendor is not None:
            rows = with_factors(vendor[0], "ts_close", given.daily_cache, (split, price))
            made = vendor_bars(rows, vendor[1], bar, multiplier)
            frames.append(made if bar.name == "time_1d" else _without_trades(made, tape, last_trade_us, bar))
        elif bar.kind not in ("time", "session"):
            name = f"{ticker} {bar.name}"
            initial = bar_kernel(bar, params.expectations).initial_state
            after[name] = after[name].copy() if name in after else initial()
            frames.append(trade_bars(tape, bar, ticker, multiplier, after[name], expect=params.expectations))
    if tape.ts_us.size:
        last_trade_us = float(tape.ts_us[-1])
    after[ticker] = np.array([*last_factors(given.daily_cache, (split, price)), last_trade_us])
    return frames


def cut_time_bars(given: Given, params: InformationBarsParams, after: State, at: datetime) -> None:
    """Let the open time bars of a ticker in the state `after` end at `at`; those that begin at it are dropped."""
    bars = [parse_bar_spec(name) for name in params.bars[given.facts.asset_class]]
    for name in _groups(given.facts.ticker, bars):
        end_at(round(at.timestamp() * 1e6), after[name])


def _groups(ticker: str, bars: list[BarSpec]) -> dict[str, list[BarSpec]]:
    """Return the time bars that are made in one pass, by the name of their state."""
    by_time = [bar for bar in bars if bar.kind == "time" and bar.name != "time_1d"]
    by_session = [bar for bar in bars if bar.kind == "session"]
    return {f"{ticker} {' '.join(bar.name for bar in group)}": group for group in (by_time, by_session) if group}


def _sided(trades: pl.DataFrame, given: Given, rule: QuoteRuleParams, after: State) -> Ticks:
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
    source = trades["source"]
    if source.is_empty() or (source == source[0]).all():
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
