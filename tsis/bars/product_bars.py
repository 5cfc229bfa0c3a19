"""All bars of a futures product: those of the contract held, one contract after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

import polars as pl

from tsis.bars.bar_params import InformationBarsParams
from tsis.bars.ticker_bars import Given, cut_time_bars, ticker_bars
from tsis.core.holding import Holding, forget, take_holdings
from tsis.core.state import State

_PRICES: Final = ("open", "high", "low", "close", "vwap")


def product_bars(
    given: Given, rolls: pl.DataFrame, params: InformationBarsParams, after: State, until: datetime | None
) -> list[pl.DataFrame]:
    """Return the bars of one product, a frame a group, and leave the state after them in `after`.

    While a contract is held, these are the bars that it would have if its rows began then, in its own prices; then
    prices are divided by the ratios of the gaps so far, as price_factor says. At a roll all begin anew: a time bar that
    is open is cut and ends there, as the first after it begins there; any other open bar has not reached its threshold
    and is dropped, and so are a vendor's bars that were open then. Range and Renko bars count points of the contract.

    Parameters
    ----------
    given : of the product: its facts and sessions, and the raw rows of its contracts, held or not; no daily_cache.
    rolls : rows of futures_roll of the product that are not in `after` yet.
    params, after, until : as of `ticker_bars`. The contract held is in the state as well.
    """
    product, frames = given.facts.ticker, []
    for holding in take_holdings(product, rolls, after):
        held, end = _held(given, holding), holding.held_until or until
        made = [] if end is None and held.is_empty() else ticker_bars(held, params, after, end)
        if holding.held_until is not None:
            cut_time_bars(held, params, after, holding.held_until)
            made += ticker_bars(_without_rows(held), params, after, holding.held_until)
            forget(holding.contract, after)
        frames += [_adjusted(bars, product, holding) for bars in made]
    return frames


def _held(given: Given, holding: Holding) -> Given:
    at, closed = holding.has("ts"), holding.has("ts_close") & (pl.col("ts") >= holding.held_from)
    return replace(
        given,
        facts=replace(given.facts, ticker=holding.contract),
        trades=given.trades.filter(at),
        quotes=given.quotes.filter(at),
        ohlcv_1m=given.ohlcv_1m.filter(closed),
        ohlcv_1h=given.ohlcv_1h.filter(closed),
        ohlcv_daily=given.ohlcv_daily.filter(closed),
    )


def _without_rows(given: Given) -> Given:
    names = ("trades", "quotes", "ohlcv_1m", "ohlcv_1h", "ohlcv_daily")
    return replace(given, **{name: getattr(given, name).clear() for name in names})


def _adjusted(bars: pl.DataFrame, product: str, holding: Holding) -> pl.DataFrame:
    factor = 1.0 / holding.cum_gap_ratio
    return bars.with_columns(
        pl.lit(product).alias("ticker"),
        # an interval of a time bar may have begun before the roll
        pl.max_horizontal("ts_open", pl.lit(holding.held_from, pl.Datetime("us", "UTC"))).alias("ts_open"),
        pl.col(*_PRICES, "price_factor") * factor,
    )
