"""What every search tried, and what came of it."""

from __future__ import annotations

from tsis.core.table import Table, column


class Searches(Table, key=("search_id", "number")):
    """What every search tried, and what came of it."""

    search_id: str = column("sha256", "Hash of model, method, seed, space and input versions: a repeat has the same")
    number: int = column("count", "Which of its trials, from 0", ge=0)
    model: str = column("name", "Model")
    method: str = column("enum", "How points were chosen", isin=["grid", "random", "optuna"])
    seed: int = column("count", "Seed of the choice", ge=0)
    trial_id: str = column("sha256", "Trial in governance.trials; points that are equal share one")
    point: str = column("JSON", "The estimator's parameters that were tried")
    log_loss: float = column("nats", "Mean over the purged folds; null where the fit failed", nullable=True, ge=0)
    log_loss_std: float = column("nats", "Standard deviation (ddof 1) over the folds", nullable=True, ge=0)
    auc: float = column("frac", "Mean over the purged folds; null where undefined", nullable=True, ge=0, le=1)
    sharpe_daily: float = column("ratio", "Of the bets out of fold, before costs; null if undefined", nullable=True)
    error: str = column("text", "Why the fit failed; null otherwise", nullable=True)
