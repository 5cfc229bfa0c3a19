"""The position after each fill."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class Positions(Table, key=("session_id", "ticker", "ts", "fill_id"), time="ts", partition="year"):
    """The position after each fill."""

    session_id: str = column("id", "The session that decided: backtest:<strategy_id>, or a live session's id")
    origin: str = column("enum", "Where it happened", isin=["backtest", "paper", "live"])
    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    ts: Timestamp = column("UTC", "Time of the fill")
    fill_id: str = column("id", "Fill that changed it")
    qty: float = column("units", "Signed quantity held afterwards")
    avg_price: float = column("quote", "Average entry price; null when flat", nullable=True, gt=0)
    realised_pnl: float = column("quote", "Realised in the ticker since the start, fees included")
    unrealised_pnl: float = column("quote", "Open result at the fill's price")
