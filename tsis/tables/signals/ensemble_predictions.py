"""What each ensemble said of each event, and how much each member counted."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class EnsemblePredictions(Table, key=("model", "ticker", "bar_spec", "t0", "seq"), time="t0", partition="year"):
    """What each ensemble said of each event, and how much each member counted; walk-forward predictions only."""

    model: str = column("name", "Ensemble")
    model_version: str = column("sha256", "Hash of its parameters and of the versions of its members at the event")
    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar on which the event is known")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    side: pl.Int8 = column("sign", "The primary model's side", isin=[-1, 1])
    probability: float = column("frac", "Weighted mean of the members' probabilities that the side pays", ge=0, le=1)
    predicted_at: Timestamp = column("UTC", "When the prediction could first be made")
    n_past: int = column("count", "Events whose label was known by then, on which the members could be compared", ge=0)
    members: str = column(
        "JSON", "Of each member its version (null of a rule), its probability and its weight; weights sum to 1"
    )
