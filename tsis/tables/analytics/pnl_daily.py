"""Result by strategy and day."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, column


class PnlDaily(Table, key=("session_id", "strategy_id", "date")):
    """Result by strategy and day."""

    session_id: str = column("id", "The session that decided: backtest:<strategy_id>, or a live session's id")
    origin: str = column("enum", "Where it happened", isin=["backtest", "paper", "live"])
    strategy_id: str = column("name", "Strategy")
    date: pl.Date = column("date", "Session, or UTC date for markets that never close")
    equity: float = column("quote", "Equity at the end of the day")
    pnl: float = column("quote", "Change of equity over the day")
    ret_frac: float = column("frac", "pnl over the equity before it")
    n_fills: int = column("count", "Fills of the day", ge=0)
    fees: float = column("quote", "Commission of the day", ge=0)
    turnover: float = column("quote", "Traded value of the day", ge=0)
