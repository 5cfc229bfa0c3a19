"""Every fit or backtest ever tried; each row is chained to the one before."""

from __future__ import annotations

from tsis.core.table import Table, column


class Trials(Table, key=("position",)):
    """Every fit or backtest ever tried; each row is chained to the one before."""

    position: int = column("count", "Place in the chain, from 0", ge=0)
    trial_id: str = column(
        "sha256", "Hash of stage, code, params, input versions and search index: a repeat has the same"
    )
    family: str = column("name", "Scope of the number of trials")
    stage: str = column("name", "Stage that tried")
    search_index: str = column("name", "Which of the stage's trials")
    status: str = column("enum", "attempt is written before the stage is called", isin=["attempt", "result"])
    sharpe_daily: float = column("ratio", "Result of a trial; null for attempts and where undefined", nullable=True)
    n_observations: int = column("count", "Observations behind it; null for attempts", nullable=True, ge=0)
    returns_hash: str = column(
        "sha256", "Its daily returns in governance.trial_returns; null where it has none", nullable=True
    )
    previous: str = column("sha256", "Hash of the row before")
    hash: str = column("sha256", "Hash of this row")
