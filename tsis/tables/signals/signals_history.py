"""Every decision of a session: entries, exits, and holds with their reason."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class SignalsHistory(Table, key=("session_id", "signal_id", "action"), time="ts", partition="year"):
    """Every decision of a session: entries, exits, and holds with their reason."""

    session_id: str = column("id", "The session that decided: backtest:<strategy_id>, or a live session's id")
    origin: str = column("enum", "Where it happened", isin=["backtest", "paper", "live"])
    signal_id: str = column("id", "Unique within the session: model, ticker, bar, time")
    ts: Timestamp = column("UTC", "When it was decided")
    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    seq: int = column("count", "Sequence number of the bar", ge=0)
    action: str = column("enum", "Decision", isin=["ENTER", "EXIT", "HOLD"])
    size: float = column("units", "Quantity decided on; 0 for HOLD", ge=0)
    status: str = column("enum", "What became of it", isin=["waiting", "triggered", "filled", "expired", "cancelled"])
    risk_ok: bool = column("flag", "True where every risk rule held")
    reason: str = column("text", "Why: the rule that refused, or the exit that was met")
    model: str = column("name", "Model")
    model_version: str = column("sha256", "Hash of the fitted artefact; null where there was none", nullable=True)
