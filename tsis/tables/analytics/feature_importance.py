"""How much each feature mattered to each model."""

from __future__ import annotations

from tsis.core.table import Table, column


class FeatureImportance(Table, key=("model", "method", "feature")):
    """How much each feature mattered to each model."""

    model: str = column("name", "Model")
    method: str = column("enum", "mdi: mean gain over the folds", isin=["mdi"])
    feature: str = column("name", "Feature")
    importance: float = column("frac", "Share of the total, mean over the folds", ge=0)
    std: float = column("frac", "Standard deviation over the folds", ge=0)
