"""Signed trades: who began each of them, and which rule says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.core.errors import DataError, UsageError
from tsis.core.state import State
from tsis.kernels import trade_side as kernel

RULES: Final = pl.Enum(["none", "vendor", "quote", "tick"])
"""Which rule decided, in the order of the kernel's codes."""

_VENDOR: Final = {"buy": 1, "sell": -1, "unknown": 0}


@dataclass(frozen=True)
class QuoteRule:
    """Which quote prevails at a trade: the last one that is at least `delay_us` older.

    Parameters
    ----------
    delay_us : microseconds. At 1 a quote with the time stamp of the trade does not count, because nobody knows whether
        the trade changed it (Holden and Jacobsen 2014); at 0 it does. Lee and Ready (1991) took 5 s for the slow paper
        of their days.
    max_age_us : microseconds; a quote whose older side was last confirmed longer before the trade is stale.
    """

    delay_us: int = 1
    max_age_us: int = 900_000_000

    def __post_init__(self) -> None:
        """Refuse negative times."""
        if self.delay_us < 0 or self.max_age_us < self.delay_us:
            raise UsageError(
                f"quote rule: delay_us ({self.delay_us:,}) must not be negative and max_age_us ({self.max_age_us:,}) "
                "not less than delay_us"
            )


def initial_state() -> State:
    """Return the state before the first row of a ticker.

    ``ticks`` and ``quotes`` are the kernels'; ``pending`` are the quotes, ts, seq, bid and ask of each in turn, that no
    trade could see yet because the delay has not passed; ``until`` is the latest time seen, in microseconds.
    """
    return {
        "ticks": kernel.initial_tick_state(),
        "quotes": kernel.initial_quote_state(),
        "pending": np.empty(0),
        "until": np.array([-np.inf]),
    }


def trade_side(
    trades: pl.DataFrame, quotes: pl.DataFrame, rule: QuoteRule | None = None, state: State | None = None
) -> tuple[pl.DataFrame, State]:
    """Return the side of each trade and which rule decided, and the state from which later trades go on.

    The vendor's side comes first; then the quote test of Lee and Ready (1991), above the midpoint of the prevailing
    quote a buy, below it a sell; then the tick rule, the sign of the last change of price (AFML 2.3.2). The tick rule
    decides at the midpoint, and where the quote is absent, stale, locked (bid = ask) or crossed (bid > ask). A
    one-sided message leaves the other side standing; suspicious quotes are left out. Before the first change of price
    the side is 0 by the rule ``none``. Each side is known at its trade.

    Rows may come in any order, and in pieces: cut trades and quotes at one time, and hand the state on. The pieces give
    the same sides as the whole.

    Parameters
    ----------
    trades : rows of raw.trades of one ticker. With a column price_factor, the tick rule compares adjusted prices, so
        that a split is no tick.
    quotes : rows of raw.quotes of the same ticker; none where the lake has none, and the tick rule decides.
    rule : which quote prevails; `QuoteRule()` by default.
    state : what the piece before returned; not changed.

    Returns
    -------
    sides : ts, seq, side (Int8: +1, -1, 0), rule (`RULES`), one row a trade, sorted by (ts, seq).
    state : for the next piece.

    Raises
    ------
    DataError
        If there are several tickers, two rows of one time and seq, or rows no later than the last of the piece before.
    """
    rule, state = rule or QuoteRule(), state or initial_state()
    _refuse_other_tickers(trades, quotes)
    factor = pl.col("price_factor") if "price_factor" in trades.columns else pl.lit(1.0)
    tape = trades.select("ts", "seq", "price", "side", factor.alias("factor")).sort("ts", "seq")
    book = pl.concat([_pending(state), _quote_columns(quotes)]).sort("ts", "seq")
    for name, rows in (("raw.trades", tape), ("raw.quotes", book)):
        _refuse_twins(name, rows)
    ts, quote_ts = _microseconds(tape), _microseconds(book)
    _refuse_late(ts, _microseconds(quotes), state["until"][0])

    quote_state, ticks = state["quotes"].copy(), state["ticks"].copy()
    standing = np.empty((quote_ts.size + 1, 3))
    standing[0] = _standing(quote_state)
    until_us = max([state["until"][0], *ts[-1:].tolist(), *quote_ts[-1:].tolist()])
    n_seen = int(np.searchsorted(quote_ts, until_us - rule.delay_us, side="right"))
    bid, ask = (book[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("bid", "ask"))
    kernel.two_sided_quotes(quote_ts[:n_seen], bid[:n_seen], ask[:n_seen], quote_state, standing[1 : n_seen + 1])

    # no trade of this piece is later than until_us: quotes beyond n_seen are not needed yet
    prevailing = standing[np.searchsorted(quote_ts[:n_seen], ts - rule.delay_us, side="right")]
    prevailing[ts - prevailing[:, 2] > rule.max_age_us] = np.nan
    factors = tape["factor"].to_numpy()
    vendor = tape["side"].replace_strict(_VENDOR, return_dtype=pl.Int8).to_numpy()
    side, decided_by = np.empty(ts.size, np.int8), np.empty(ts.size, np.int8)
    kernel.lee_ready(
        tape["price"].to_numpy() * factors,
        vendor,
        prevailing[:, 0] * factors,
        prevailing[:, 1] * factors,
        ticks,
        side,
        decided_by,
    )
    sides = tape.select("ts", "seq").with_columns(
        side=pl.Series(side, dtype=pl.Int8), rule=pl.Series(decided_by).cast(pl.UInt8).cat.to(RULES)
    )
    held_back = np.column_stack([column[n_seen:] for column in (quote_ts, book["seq"].to_numpy(), bid, ask)])
    after = {"ticks": ticks, "quotes": quote_state, "pending": held_back.ravel(), "until": np.array([float(until_us)])}
    return sides, after


def _quote_columns(quotes: pl.DataFrame) -> pl.DataFrame:
    return quotes.lazy().filter(~pl.col("is_suspicious")).select("ts", "seq", "bid", "ask").collect()


def _pending(state: State) -> pl.DataFrame:
    ts, seq, bid, ask = state["pending"].reshape(-1, 4).T
    columns = {"ts": ts.astype(np.int64), "seq": seq.astype(np.int64), "bid": bid, "ask": ask}
    return pl.DataFrame(columns).with_columns(
        pl.col("ts").cast(pl.Datetime("us", "UTC")), pl.col("bid", "ask").fill_nan(None)
    )


def _standing(state: NDArray[np.float64]) -> NDArray[np.float64]:
    older = min(state[1], state[3]) if not np.isnan(state[[1, 3]]).any() else np.nan
    return np.array([state[0], state[2], older])


def _microseconds(rows: pl.DataFrame) -> NDArray[np.int64]:
    return rows["ts"].cast(pl.Int64).to_numpy()


def _refuse_other_tickers(trades: pl.DataFrame, quotes: pl.DataFrame) -> None:
    tickers = sorted({*trades["ticker"].unique(), *quotes["ticker"].unique()})
    if len(tickers) > 1:
        raise DataError(f"trade_side: trades and quotes of {len(tickers)} tickers ({', '.join(tickers[:5])}); pass one")


def _refuse_twins(name: str, rows: pl.DataFrame) -> None:
    twins = np.flatnonzero((np.diff(_microseconds(rows)) == 0) & (np.diff(rows["seq"].to_numpy()) == 0))
    if twins.size:
        first = rows.row(int(twins[0]), named=True)
        raise DataError(
            f"{name}: {twins.size:,} rows share their ts and seq with the row before (first: {first['ts']}, seq "
            f"{first['seq']}); keep one source a day: delete the other's rows"
        )


def _refuse_late(ts: NDArray[np.int64], quote_ts: NDArray[np.int64], until_us: float) -> None:
    n_late = int((ts <= until_us).sum() + (quote_ts <= until_us).sum())
    if n_late:
        raise DataError(
            f"trade_side: {n_late:,} trades or quotes are not later than the end of the piece before; cut trades and "
            "quotes at one time, or begin anew without a state"
        )
