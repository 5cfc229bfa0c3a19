"""Stage `bar_microstructure`: what quotes and trades within a bar say of its market."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from tsis.core.bar_spec import parse_bar_spec
from tsis.core.holding import contracts_of_products, forget, take_holdings
from tsis.core.order import in_order
from tsis.core.params import Params
from tsis.core.series import BarSpecName
from tsis.core.stage import stage
from tsis.core.state import State
from tsis.core.table import spec
from tsis.core.ticker_sessions import ticker_sessions
from tsis.features.bar_windows import BarWindows, Tape, bar_windows, us
from tsis.kernels import quote_flow, size_entropy
from tsis.tables.processed_features.bar_microstructure import BarMicrostructure
from tsis.tables.processed_features.futures_roll import FuturesRoll
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.raw.quotes import Quotes
from tsis.tables.raw.trades import Trades
from tsis.tables.reference.contracts_dim import ContractsDim
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim

Array = NDArray[np.float64]
Quoted = tuple[NDArray[np.int64], Array]

_KEY: Final = ("ticker", "bar_spec", "ts_close", "seq")


class BarMicrostructureParams(Params):
    """Parameters of `bar_microstructure`.

    Parameters
    ----------
    bar_specs : the series to measure, by their bar specification.
    max_age_us : microseconds after which a side of the quote that no message has confirmed is stale.
    """

    bar_specs: tuple[BarSpecName, ...] = ("time_1m", "time_1h", "time_1d", "dollar_5M", "dollar_70M")
    max_age_us: int = Field(default=900_000_000, gt=0)


@stage(
    reads=[Trades, Quotes, InformationBars, FuturesRoll, ContractsDim, Sessions, TickersDim],
    writes=[BarMicrostructure],
    by="ticker",
)
def bar_microstructure(
    trades: pl.DataFrame,
    quotes: pl.DataFrame,
    information_bars: pl.DataFrame,
    futures_roll: pl.DataFrame,
    contracts_dim: pl.DataFrame,
    sessions: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: BarMicrostructureParams,
    state: State | None = None,
    until: datetime | None = None,
) -> tuple[pl.DataFrame, State]:
    """Return what the quotes and trades within each bar say, known at its close.

    Quotes belong to a bar after its open and up to its close; trades are those that the bar was made of. Suspicious
    rows are left out. Of a vendor's bar the quotes alone are measured, and not those of one that runs over a midnight
    in UTC, by which rows are cut into pieces. A bar of which nothing is known has no row. The bars of a futures product
    are measured by the rows of the contract held, each as if it began with the roll.

    The state holds, under ``ticker``, the time up to which rows were given, under ``ticker quotes`` the quote that
    stands, and under ``ticker bar_spec quotes`` and ``ticker bar_spec sizes`` what is known of the open bar.
    """
    frames, after = [spec(BarMicrostructure).empty()], dict(state or {})
    raw = (trades, quotes, information_bars)
    contracts = contracts_of_products(futures_roll, contracts_dim, tickers_dim, after)
    tickers = {name for rows in raw for name in rows["ticker"].unique()}
    for ticker in sorted(tickers.difference(*contracts.values()) | set(contracts)):
        listed = ticker_sessions(sessions, tickers_dim, ticker)
        of_ticker = pl.col("ticker") == ticker
        if ticker not in contracts:
            tape, book, bars = (rows.filter(of_ticker) for rows in raw)
            frames += _bars_measured(ticker, tape, book, bars, listed, params, after, until)
            continue
        for holding in take_holdings(ticker, futures_roll.filter(pl.col("product") == ticker), after):
            tape, book = (rows.filter(holding.has("ts")) for rows in (trades, quotes))
            bars, end = information_bars.filter(of_ticker & holding.spans("ts_close")), holding.held_until or until
            if end is not None or max(rows.height for rows in (tape, book, bars)) > 0:
                frames += _bars_measured(holding.contract, tape, book, bars, listed, params, after, end)
            if holding.held_until is not None:
                forget(holding.contract, after)
    return pl.concat(frames).sort(_KEY), after


def _bars_measured(
    ticker: str,
    tape: pl.DataFrame,
    book: pl.DataFrame,
    bars: pl.DataFrame,
    listed: pl.DataFrame,
    params: BarMicrostructureParams,
    after: State,
    until: datetime | None,
) -> list[pl.DataFrame]:
    """Return the rows of the bars of one ticker, and leave the state after them in `after`."""
    frames = []
    before_us = float(after[ticker][0]) if ticker in after else -np.inf
    until_us = until.timestamp() * 1e6 if until else _last_us(tape, book, bars)
    tape, book = (in_order(rows.filter(~pl.col("is_suspicious")), ["ts", "seq"]) for rows in (tape, book))
    given = Tape(us(tape, "ts"), tape["seq"].to_numpy(writable=True), before_us, until_us)
    classes = np.empty(tape.height, np.int8)
    size_entropy.size_classes(_floats(tape, "size"), classes)
    quoted = _quote_flow(book, params.max_age_us, f"{ticker} quotes", after)
    for bar_spec in params.bar_specs:
        rows = in_order(bars.filter(pl.col("bar_spec") == bar_spec), _KEY)
        name = f"{ticker} {bar_spec}"
        open_bar = after.get(f"{name} quotes", quote_flow.initial_bar_state()).copy()
        sizes = after.get(f"{name} sizes", size_entropy.initial_state()).copy()
        windows = bar_windows(rows, parse_bar_spec(bar_spec), given, listed, float(open_bar[0]))
        frames.append(_measured(rows, windows, classes, quoted, open_bar, sizes))
        after.update({f"{name} quotes": open_bar, f"{name} sizes": sizes})
    after[ticker] = np.array([until_us])
    return frames


def _quote_flow(book: pl.DataFrame, max_age_us: int, name: str, after: State) -> Quoted:
    """Return times of the quotes and what each does; the quote that stands afterwards goes to `after`."""
    ts = us(book, "ts")
    bid, bid_size, ask, ask_size = (_floats(book, side) for side in ("bid", "bid_size", "ask", "ask_size"))
    out = np.empty((ts.size, len(quote_flow.QUOTE_COLUMNS)))
    standing = after.get(name, quote_flow.initial_quote_state()).copy()
    quote_flow.quote_flow(ts, bid, bid_size, ask, ask_size, max_age_us, standing, out)
    after[name] = standing
    return ts, out


def _measured(
    bars: pl.DataFrame, windows: BarWindows, classes: NDArray[np.int8], quoted: Quoted, open_bar: Array, sizes: Array
) -> pl.DataFrame:
    """Return the rows of the bars of one series; `open_bar` and `sizes` are changed in place."""
    entropy, made = np.full(bars.height, np.nan), np.empty(windows.firsts.size)
    size_entropy.size_entropy(classes, windows.firsts, windows.stops, windows.is_begun, windows.next_first, sizes, made)
    entropy[windows.made_of_trades] = made
    found = np.empty((bars.height, len(quote_flow.BAR_COLUMNS)))
    quote_flow.measure_bars(*quoted, windows.opens, windows.closes, windows.next_open, open_bar, found)
    columns = dict(zip(quote_flow.BAR_COLUMNS, found.T, strict=True)) | {"trade_size_entropy": entropy}
    schema = spec(BarMicrostructure).polars_schema
    said = [pl.col(name).fill_nan(None).cast(schema[name]) for name in columns]
    is_known = pl.any_horizontal(pl.col(set(columns) - {"n_quotes"}).is_not_null()) | (pl.col("n_quotes") > 0)
    rows = pl.concat([bars.select(_KEY), pl.DataFrame(columns)], how="horizontal")
    return rows.lazy().with_columns(said).filter(is_known).collect()


def _floats(rows: pl.DataFrame, column: str) -> Array:
    return rows[column].cast(pl.Float64).fill_null(np.nan).to_numpy(writable=True)


def _last_us(*tables: pl.DataFrame) -> float:
    """Return the latest time at which a row is known."""
    times = [rows["ts_close" if "ts_close" in rows.columns else "ts"] for rows in tables]
    return max(float(us(rows.to_frame(), rows.name).max()) for rows in times if len(rows))
