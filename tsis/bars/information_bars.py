"""Stage `information_bars`: every kind of bar, of every series."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from tsis.bars.bar_params import InformationBarsParams
from tsis.bars.price_factors import BEFORE_CLOSE
from tsis.bars.product_bars import product_bars
from tsis.bars.ticker_bars import Given, ticker_bars
from tsis.core.errors import DataError, ParamsError, some
from tsis.core.holding import contracts_of_products
from tsis.core.instrument import instrument
from tsis.core.order import in_order
from tsis.core.stage import stage
from tsis.core.state import State
from tsis.core.table import spec
from tsis.core.ticker_sessions import ticker_sessions
from tsis.tables.processed_features.daily_cache import DailyCache
from tsis.tables.processed_features.futures_roll import FuturesRoll
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.raw.ohlcv_1h import Ohlcv1h
from tsis.tables.raw.ohlcv_1m import Ohlcv1m
from tsis.tables.raw.ohlcv_daily import OhlcvDaily
from tsis.tables.raw.quotes import Quotes
from tsis.tables.raw.trades import Trades
from tsis.tables.reference.contracts_dim import ContractsDim
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim


@stage(
    reads=[Trades, Quotes, Ohlcv1m, Ohlcv1h, OhlcvDaily, DailyCache, FuturesRoll, ContractsDim, Sessions, TickersDim],
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
    futures_roll: pl.DataFrame,
    contracts_dim: pl.DataFrame,
    sessions: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: InformationBarsParams,
    state: State | None = None,
    until: datetime | None = None,
) -> tuple[pl.DataFrame, State]:
    """Return all bars that the parameters ask for and the data allow.

    Buys and sells are the vendor's; else, where the lake has quotes, those of Lee and Ready; else the tick rule's.

    time_1d comes from daily bars; other time bars from trades and, in intervals without a trade, from the vendor's bars
    of that very size (1 minute, 1 hour); all others from trades. Suspicious trades are left out. Intervals with neither
    have no row: session_coverage counts them.

    What an interval shows is decided by the trades before its end, so that later data never change it: one trade is
    enough to put the vendor's bar aside, also while the trades' bar is still open. That bar is emitted when a later
    row of the ticker, a trade or any vendor's bar, shows that its interval is over. A vendor's bar off the grid of the
    epoch gives way to trades before its end in any interval of the grid that it touches.

    A product of contracts_dim that is in tickers_dim is a ticker: it has the bars of the contract that it held by
    futures_roll (`product_bars`), and its contracts, whose trades these are, have none of their own.

    The state holds, under ``ticker bar_spec``, the open bar (all time bars in one), under ``ticker`` the factors and
    the time of the last trade, and under ``ticker side …`` what decides the sides of trades.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim, two sources report the same bar or trades of the same day, or a product has
        raw rows of its own.
    ParamsError
        If the parameters have no entry for a ticker's asset class.
    """
    raw = (trades, quotes, ohlcv_1m, ohlcv_1h, ohlcv_daily)
    frames, after = [spec(InformationBars).empty()], dict(state or {})
    tickers = {name for rows in raw for name in rows["ticker"].unique()}
    contracts = contracts_of_products(futures_roll, contracts_dim, tickers_dim, after)
    if tickers & set(contracts):
        raise DataError(
            f"{some(sorted(tickers & set(contracts)))}: products of reference.contracts_dim that have raw rows of "
            "their own; give the products other names there, or take them out of reference.tickers_dim"
        )
    for ticker in sorted(tickers.difference(*contracts.values()) | set(contracts)):
        facts = instrument(tickers_dim, ticker)
        if facts.asset_class not in params.bars:
            raise ParamsError(
                f"information_bars: {ticker} is of class {facts.asset_class}, for which params.yaml has no bars; "
                f"add information_bars.bars.{facts.asset_class} (an empty list builds none)"
            )
        names = contracts.get(ticker, {ticker})
        tape, book, *closed = (rows.filter(pl.col("ticker").is_in(names)) for rows in raw)
        closed.append(daily_cache.filter(pl.col("ticker") == ticker))
        by_close = (in_order(rows, ["ts_close"]) for rows in closed)
        listed = ticker_sessions(sessions, tickers_dim, ticker)
        given = Given(facts, listed, in_order(tape, ["ts", "seq"]), book, *by_close)
        if ticker in contracts:
            rolls = futures_roll.filter(pl.col("product") == ticker)
            frames += product_bars(given, rolls, params, after, until)
        else:
            frames += ticker_bars(given, params, after, until)
    return pl.concat(frames).sort("ticker", "bar_spec", "ts_close", "seq"), after
