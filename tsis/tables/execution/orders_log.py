"""Every order, accepted or not."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class OrdersLog(Table, key=("session_id", "order_id"), time="ts_signal", partition="year"):
    """Every order, accepted or not."""

    session_id: str = column("id", "The session that decided: backtest:<strategy_id>, or a live session's id")
    origin: str = column("enum", "Where it happened", isin=["backtest", "paper", "live"])
    order_id: str = column("id", "The client's id, the same on a retry")
    signal_id: str = column("id", "Signal that it serves")
    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    side: str = column("enum", "Direction", isin=["buy", "sell"])
    qty: float = column("units", "Quantity", gt=0)
    type: str = column("enum", "Kind of order", isin=["market", "stop", "limit"])
    price: float = column("quote", "Limit or trigger price, as traded; null for market orders", nullable=True, gt=0)
    stop: float = column("quote", "Protective stop that goes with an entry, as traded", nullable=True, gt=0)
    tp: float = column("quote", "Target that goes with an entry, as traded", nullable=True, gt=0)
    status: str = column("enum", "Last known state", isin=["filled", "rejected", "cancelled", "working"])
    reject_reason: str = column("text", "Why it was rejected; null otherwise", nullable=True)
    ts_signal: Timestamp = column("UTC", "When the signal was given")
    ts_sent: Timestamp = column("UTC", "When it was sent", nullable=True)
    ts_ack: Timestamp = column("UTC", "When the broker had it", nullable=True)
    ts_done: Timestamp = column("UTC", "When it was filled, rejected or cancelled", nullable=True)
    latency_ms: float = column("ms", "From signal to acknowledgement; null in a backtest", nullable=True, ge=0)
    broker: str = column("name", "Broker; simulated in a backtest")
