"""What each feature, or cluster of features, saves out of sample, on the purged folds."""

from __future__ import annotations

from tsis.core.table import Table, column


class CvImportance(Table, key=("model", "method", "feature")):
    """What each feature, or cluster of features, saves out of sample, on the purged folds."""

    model: str = column("name", "Model whose events they are")
    method: str = column(
        "enum",
        "mda: shuffled; clustered_mda: shuffled with its cluster; sfi: alone, against the base rate",
        isin=["mda", "clustered_mda", "sfi"],
    )
    feature: str = column("name", "Feature")
    cluster: int = column("count", "Cluster of alike features, from 0; they share one clustered_mda", ge=0)
    importance: float = column("nats", "Log loss that it saves, mean over the folds; negative where it harms")
    std: float = column("nats", "Standard deviation (ddof 1) over the folds", ge=0)
    n_folds: int = column("count", "Folds", ge=1)
