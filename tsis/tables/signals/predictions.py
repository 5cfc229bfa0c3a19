"""What each model said of each event, and under which split."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class Predictions(
    Table, key=("model", "split", "fold", "ticker", "bar_spec", "t0", "seq"), time="t0", partition="year"
):
    """What each model said of each event, and under which split."""

    model: str = column("name", "Model")
    model_version: str = column("sha256", "Hash of the fitted artefact")
    split: str = column(
        "enum", "cv predictions judge a model and never become signals", isin=["cv", "walk_forward", "live"]
    )
    fold: int = column("count", "Fold or refit, from 0", ge=0)
    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar on which the event is known")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    side: pl.Int8 = column("sign", "The primary model's side", isin=[-1, 1])
    probability: float = column("frac", "Probability that acting on the side pays", ge=0, le=1)
    predicted_at: Timestamp = column("UTC", "When the prediction could first be made")
