"""Every fill, at the price as traded."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class FillsLog(Table, key=("session_id", "fill_id"), time="ts", partition="year"):
    """Every fill, at the price as traded."""

    session_id: str = column("id", "The session that decided: backtest:<strategy_id>, or a live session's id")
    origin: str = column("enum", "Where it happened", isin=["backtest", "paper", "live"])
    fill_id: str = column("id", "Unique within the session")
    order_id: str = column("id", "Order that it fills")
    ts: Timestamp = column("UTC", "When it was filled")
    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    side: str = column("enum", "Direction", isin=["buy", "sell"])
    qty: float = column("units", "Quantity", gt=0)
    price: float = column("quote", "Price paid or received, slippage included, as traded", gt=0)
    fee: float = column("quote", "Commission", ge=0)
    funding: float = column(
        "quote", "Funding, interest and borrowing of the position since the fill before; negative where received"
    )
    slippage_bps: float = column("bps", "Cost against the reference price")
    volume_frac: float = column(
        "frac", "Share of the volume of its bar, both as traded; null where the bar had none", nullable=True, ge=0
    )
    price_factor: float = column(
        "ratio", "Forward adjustment at the fill: price times it is the price that bars and pnl are in", gt=0
    )
