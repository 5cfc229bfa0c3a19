"""What a strategy proposes at each event, before risk."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class Setups(Table, key=("session_id", "signal_id"), time="ts", partition="year"):
    """What a strategy proposes at each event, before risk."""

    session_id: str = column("id", "The session that decided: backtest:<strategy_id>, or a live session's id")
    origin: str = column("enum", "Where it happened", isin=["backtest", "paper", "live"])
    signal_id: str = column("id", "Unique within the session: model, ticker, bar, time")
    ts: Timestamp = column("UTC", "When it was decided")
    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    seq: int = column("count", "Sequence number of the bar", ge=0)
    t0: Timestamp = column("UTC", "Feature row that it rests on: with ticker, bar_spec and seq")
    phase: str = column(
        "enum", "Phase of the day", isin=["opening_drive", "impulse", "pullback", "consolidation", "exhaustion", "none"]
    )
    setup: str = column("name", "Rule that proposed it")
    side: pl.Int8 = column("sign", "+1 long, -1 short", isin=[-1, 1])
    ml_score: float = column(
        "frac", "The model's probability; null where there is no prediction, which is HOLD", nullable=True, ge=0, le=1
    )
    regime: str = column(
        "enum",
        "Market regime at t0, which the prediction had to pass first",
        isin=["trend_up", "trend_down", "range", "undefined"],
    )
    expected_return_frac: float = column(
        "frac",
        "Return expected of the side at its barriers, before costs: p * pt * target - (1 - p) * sl * target",
        nullable=True,
    )
    entry: float = column("quote", "Reference price: the close at the decision", gt=0)
    limit_price: float = column(
        "quote", "Worst price at which the bet pays for its size; null where it enters at market", nullable=True, gt=0
    )
    stop: float = column("quote", "Stop price", gt=0)
    tp1: float = column("quote", "First target price", gt=0)
    trail_frac: float = column(
        "frac", "Distance of a trailing stop from the best price since the entry; null for none", nullable=True, gt=0
    )
    bet_size: float = column("frac", "Share of the allowed risk to bet", ge=0, le=1)
    expires_at: Timestamp = column(
        "UTC", "A position is closed at the first open from then on; null where only max_bars counts", nullable=True
    )
    max_bars: int = column(
        "bars", "A position is closed at the open after so many bars; null where only time counts", nullable=True, ge=1
    )
    action: str = column("enum", "Proposal; HOLD where the checklist fails", isin=["ENTRY_ARMED", "HOLD"])
    checklist: str = column("JSON", "Each rule and whether it held")
    reason: str = column("text", "Why it holds back; empty where armed")
    model: str = column("name", "Model")
    model_version: str = column("sha256", "Hash of the fitted artefact; null where there was none", nullable=True)
