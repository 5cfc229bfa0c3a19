"""How each model did, by fold, on rows that it had not seen."""

from __future__ import annotations

from tsis.core.table import Table, column


class ModelStats(Table, key=("model", "split", "fold")):
    """How each model did, by fold, on rows that it had not seen."""

    model: str = column("name", "Model")
    split: str = column("enum", "Split", isin=["cv", "walk_forward"])
    fold: int = column("count", "Fold", ge=0)
    n_train: int = column("rows", "Training rows after purging and embargo", ge=0)
    n_test: int = column("rows", "Labelled test rows", ge=0)
    base_rate_frac: float = column("frac", "Share of positive labels among the test rows", ge=0, le=1)
    precision: float = column("frac", "Precision at 0.5; null where nothing was predicted positive", nullable=True)
    recall: float = column("frac", "Recall at 0.5; null where nothing was positive", nullable=True)
    f1: float = column("frac", "F1 at 0.5; null where undefined", nullable=True)
    auc: float = column("frac", "Area under the ROC curve; null for one class", nullable=True)
    log_loss: float = column("nats", "Log loss", ge=0)
    brier: float = column("ratio", "Brier score", ge=0)
