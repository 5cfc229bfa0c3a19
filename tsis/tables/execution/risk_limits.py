"""The limits of a session, their worst value, and when they were breached."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class RiskLimits(Table, key=("session_id", "limit")):
    """The limits of a session, their worst value, and when they were breached."""

    session_id: str = column("id", "The session that decided: backtest:<strategy_id>, or a live session's id")
    origin: str = column("enum", "Where it happened", isin=["backtest", "paper", "live"])
    limit: str = column("enum", "Which limit", isin=["risk_per_trade_frac", "max_positions", "daily_loss_frac"])
    value: float = column("limit", "The limit")
    current: float = column("limit", "Largest value that was reached")
    breached_at: Timestamp = column(
        "UTC", "First time an order was refused or a position closed for it; null if never", nullable=True
    )
