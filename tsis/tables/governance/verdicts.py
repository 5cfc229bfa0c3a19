"""The judgement on each strategy, with all trials held against it."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class Verdicts(Table, key=("strategy_id", "run_id")):
    """The judgement on each strategy, with all trials held against it."""

    strategy_id: str = column("name", "Strategy")
    run_id: str = column("id", "Run that judged")
    family: str = column("name", "Family whose trials were held against it")
    n_trials: int = column("count", "Trials of the family", ge=0)
    n_effective: int = column("count", "Independent trials whose best is as lucky as the best of these", ge=0)
    trial_sharpe_variance: float = column(
        "ratio", "Variance of the daily Sharpe ratios of the trials; null for fewer than two", nullable=True, ge=0
    )
    luck_sharpe_daily: float = column(
        "ratio", "Daily Sharpe ratio to expect of the best of n_effective trials without skill", ge=0
    )
    dsr_frac: float = column("frac", "Deflated Sharpe ratio; null if undefined", nullable=True, ge=0, le=1)
    pbo_frac: float = column(
        "frac",
        "Probability of backtest overfitting among the clusters, by CSCV; null for one cluster or too few days",
        nullable=True,
        ge=0,
        le=1,
    )
    pbo_loss_frac: float = column(
        "frac", "Share of CSCV's splits in which the best of one half loses in the other", nullable=True, ge=0, le=1
    )
    min_trl_days: float = column("days", "Minimum track record length at 98 %; null if undefined", nullable=True)
    min_btl_years: float = column(
        "years",
        "Minimum backtest length: within it the best of n_effective trials shows this Sharpe ratio by luck; null where "
        "the Sharpe ratio is not positive",
        nullable=True,
        ge=0,
    )
    n_raw_rows: int = column("rows", "Raw rows of the tickers that it traded", ge=0)
    n_synthetic_rows: int = column("rows", "Those that were generated rather than observed", ge=0)
    n_set_aside_rows: int = column("rows", "Raw rows of the tickers that broke their contract", ge=0)
    n_missing_sessions: int = column("count", "Sessions between first and last bar that have no bar", ge=0)
    verdict: str = column("text", "In words: that it passed, or the first reason why not")
    reasons: str = column("JSON", "Every reason to refuse; an empty list where it passed")
    is_edge_shown: bool = column("flag", "True where DSR is at least 0.98")
    is_passed: bool = column("flag", "True where nothing refuses it: what a model needs to become active")
    stats_version: str = column("sha256", "Version of analytics.strategy_stats that was judged")
    chain_head: str = column("sha256", "Head of the chain of trials at that moment")
    judged_at: Timestamp = column("UTC", "When")
