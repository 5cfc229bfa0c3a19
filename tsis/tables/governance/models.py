"""Every fitted artefact with its window."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class Models(Table, key=("model", "split", "fold")):
    """Every fitted artefact with its window."""

    model: str = column("name", "Model")
    model_version: str = column("sha256", "Hash of the fitted artefact")
    split: str = column("enum", "Split", isin=["cv", "walk_forward"])
    fold: int = column("count", "Fold or refit", ge=0)
    trained_from: Timestamp = column("UTC", "First t0 of the training rows")
    trained_to: Timestamp = column("UTC", "Last t1 of the training rows")
    valid_from: Timestamp = column("UTC", "First t0 that it predicts")
    valid_to: Timestamp = column("UTC", "Last t0 that it predicts")
    n_train: int = column("rows", "Training rows")
    estimator: str = column("name", "Kind of estimator")
    features: str = column("JSON", "Feature names in order")
    params: str = column("JSON", "Parameters of the estimator, and what else was learnt on the training rows")
    artifact: pl.Binary = column(
        "bytes", "The model as XGBoost UBJSON or skops, with features, calibration and frozen orders of differentiation"
    )
