"""The judgement on each strategy, with all trials held against it."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class Verdicts(Table, key=("strategy_id", "run_id")):
    """The judgement on each strategy, with all trials held against it."""

    strategy_id: str = column("name", "Strategy")
    run_id: str = column("id", "Run that judged")
    n_trials: int = column("count", "Trials of the family", ge=0)
    trial_sharpe_variance: float = column(
        "ratio", "Variance of the daily Sharpe ratios of the trials; null for fewer than two", nullable=True, ge=0
    )
    dsr_frac: float = column("frac", "Deflated Sharpe ratio; null if undefined", nullable=True, ge=0, le=1)
    min_trl_days: float = column("days", "Minimum track record length; null if undefined", nullable=True)
    verdict: str = column("text", "In words")
    is_edge_shown: bool = column("flag", "True where DSR is at least 0.95")
    stats_version: str = column("sha256", "Version of analytics.strategy_stats that was judged")
    chain_head: str = column("sha256", "Head of the chain of trials at that moment")
    judged_at: Timestamp = column("UTC", "When")
