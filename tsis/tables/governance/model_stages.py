"""Every promotion and retirement of a model; each row is chained to the one before."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class ModelStages(Table, key=("position",)):
    """Every promotion and retirement of a model; each row is chained to the one before."""

    position: int = column("count", "Place in the chain, from 0", ge=0)
    model: str = column("name", "Model")
    model_version: str = column("sha256", "Hash of the artefact")
    stage: str = column("enum", "What it became", isin=["active", "retired"])
    reason: str = column("text", "Why, as whoever changed it said")
    entry: str = column("JSON", "The model's entry in the registry as it stood before")
    verdict_run_id: str = column("id", "Run whose verdict let it pass; null for a retirement", nullable=True)
    changed_at: Timestamp = column("UTC", "When")
    previous: str = column("sha256", "Hash of the row before")
    hash: str = column("sha256", "Hash of this row")
