"""Signals as the proposals of the session kernel."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tsis.backtest.tape import Tape
from tsis.core.errors import DataError, UsageError, some
from tsis.kernels import decision
from tsis.kernels.orders import LIMIT, MARKET, STOP_ORDER

Floats = npt.NDArray[np.float64]

ORDER_TYPES: Final = {"market": float(MARKET), "limit": float(LIMIT), "stop": float(STOP_ORDER)}
SIZINGS: Final = {
    "risk": float(decision.BY_RISK),
    "units": float(decision.BY_UNITS),
    "equity": float(decision.BY_EQUITY),
}
_COLUMNS: Final[dict[str, tuple[int, float]]] = {
    "side": (decision.P_SIDE, math.nan),
    "price": (decision.P_PRICE, math.nan),
    "stop": (decision.P_STOP, math.nan),
    "target": (decision.P_TARGET, math.nan),
    "trail_frac": (decision.P_TRAIL, 0.0),
    "size": (decision.P_SIZE, 1.0),
    "max_bars": (decision.P_MAX_BARS, math.inf),
    "good_bars": (decision.P_GOOD_BARS, math.inf),
}
_WORDS: Final = {
    "order_type": (decision.P_TYPE, ORDER_TYPES, "market"),
    "sizing": (decision.P_SIZING, SIZINGS, "equity"),
}
_KNOWN: Final = ("ticker", "ts", "expires_at", *_COLUMNS, *_WORDS)


def proposals(signals: pl.DataFrame, tape: Tape) -> Floats:
    """Return the signals in the order of their bars, as rows for the session kernel; P_SIGNAL is the row of `signals`.

    Parameters
    ----------
    signals : ticker, ts (the close of the bar that decides) and side: +1, -1, or 0 to leave. Where given, else as said:
        order_type (market, limit, stop; market) with its price; stop and target (none); trail_frac, the distance of a
        trailing stop as a share of the best price (0: none); sizing and size (``equity``: a share of the equity;
        ``units``: units as traded; ``risk``: a share of the account's risk per trade at the stop; all the equity);
        expires_at, max_bars (when a position ends; never), good_bars (how long an order waits; for ever). Null is as if
        the column were not there. At most one entry a bar, and one to leave.

    Raises
    ------
    UsageError
        If a column is unknown or missing, or a word is none of those.
    DataError
        If a signal has no bar, or does not say what its order needs.
    """
    unknown = sorted(set(signals.columns) - set(_KNOWN))
    missing = [name for name in ("ticker", "ts", "side") if name not in signals.columns]
    if unknown or missing:
        raise UsageError(f"backtest: signals lack {some(missing)}, and have the unknown columns {some(unknown)}")
    found = np.empty((signals.height, decision.PROPOSAL))
    found[:, decision.P_SIGNAL] = np.arange(signals.height)
    found[:, decision.P_ROW] = _rows(signals, tape)
    for name, (column, default) in _COLUMNS.items():
        found[:, column] = default
        if name in signals.columns:
            found[:, column] = signals[name].cast(pl.Float64).fill_null(default).to_numpy()
    for name, (column, words, usual) in _WORDS.items():
        found[:, column] = words[usual]
        if name in signals.columns:
            found[:, column] = _numbers(signals[name].fill_null(usual), words)
    found[:, decision.P_EXPIRES] = math.inf
    if "expires_at" in signals.columns:
        found[:, decision.P_EXPIRES] = signals["expires_at"].to_physical().cast(pl.Float64).fill_null(math.inf)
    _require_meant(found, signals, tape)
    # to leave comes before an entry of the same bar
    return found[np.lexsort((np.abs(found[:, decision.P_SIDE]), found[:, decision.P_ROW]))]


def _rows(signals: pl.DataFrame, tape: Tape) -> Floats:
    """Return the row of the bar that decides each signal: of those that close at its time, the last."""
    unknown = sorted(set(signals["ticker"].unique().to_list()) - set(tape.tickers))
    if unknown:
        raise DataError(f"backtest: signals of {some(unknown)}, of which there are no bars")
    at = signals["ts"].to_physical().to_numpy()
    rows = np.empty(signals.height)
    for name in tape.tickers:
        own = (
            np.arange(signals.height) if len(tape.tickers) == 1 else (signals["ticker"] == name).to_numpy().nonzero()[0]
        )
        bars = tape.rows[name]
        closes = tape.bars.ts_close if len(tape.tickers) == 1 else tape.bars.ts_close[bars]
        place = np.searchsorted(closes, at[own], side="right") - 1
        is_lost = (place < 0) | (closes[place] != at[own])
        if is_lost.any():
            first = signals.row(int(own[int(is_lost.argmax())]), named=True)
            raise DataError(
                f"backtest: {int(is_lost.sum()):,} of {own.size:,} signals of {name} are not at the close of a bar "
                f"(first: {first['ts']})"
            )
        rows[own] = bars[place]
    return rows


def _numbers(words: pl.Series, known: dict[str, float]) -> Any:
    unknown = sorted(set(words.unique().to_list()) - set(known))
    if unknown:
        raise UsageError(f"backtest: signals have a {words.name} of {some(unknown)}; known: {some(known)}")
    return words.replace_strict(known, return_dtype=pl.Float64).to_numpy()


def _require_meant(found: Floats, signals: pl.DataFrame, tape: Tape) -> None:
    side, size, kind = (found[:, at] for at in (decision.P_SIDE, decision.P_SIZE, decision.P_TYPE))
    price, stop, target = (found[:, at] for at in (decision.P_PRICE, decision.P_STOP, decision.P_TARGET))
    is_entry, trail = side != 0, found[:, decision.P_TRAIL]
    entry = np.where(kind == MARKET, tape.bars.close[found[:, decision.P_ROW].astype(np.int64)], price)
    rules = {
        "have a side that is not 1, -1 or 0": ~np.isin(side, (-1.0, 0.0, 1.0)),
        "have a size that is not above 0": is_entry & ~((size > 0) & np.isfinite(size)),
        "are limit or stop orders without a price above 0": is_entry & (kind != MARKET) & ~(price > 0),
        "are sized by risk without a stop": is_entry
        & (found[:, decision.P_SIZING] == decision.BY_RISK)
        & np.isnan(stop),
        "have their stop on the side of the gain": is_entry & (side * (entry - stop) <= 0),
        "have their target on the side of the loss": is_entry & (side * (target - entry) <= 0),
        "have a trail_frac outside 0 to 1": ~((trail >= 0) & (trail < 1)),
    }
    for words, is_wrong in rules.items():
        if is_wrong.any():
            first = signals.row(int(is_wrong.argmax()), named=True)
            raise DataError(
                f"backtest: {int(is_wrong.sum()):,} of {signals.height:,} signals {words} "
                f"(first: {first['ticker']} at {first['ts']})"
            )
    key = np.stack((found[:, decision.P_ROW], np.abs(side)))
    n_more = key.shape[1] - np.unique(key, axis=1).shape[1]
    if n_more:
        raise DataError(f"backtest: {n_more:,} signals share their bar with another; keep one a bar, and one to leave")
