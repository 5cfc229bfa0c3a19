"""Fits are trials: what their bets out of fold would have earned is held against every later one of the family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from tsis.analytics.moments import moments
from tsis.core.params import Params
from tsis.models.bet_returns import bet_returns

Scan = Callable[[str], pl.LazyFrame]
PREDICTIONS, DATASET, BARS = (
    "signals.predictions",
    "ml_dataset.dataset",
    "processed_features.information_bars",
)


def fit_results(
    scan: Scan, params: Mapping[str, Params], predictions: pl.DataFrame | None = None, what: str = "fit"
) -> pl.DataFrame:
    """Return the trials of the models that were just fitted, as `tsis.runtime.ledger.record_results` takes them.

    Parameters
    ----------
    scan : reads tables as the run sees them.
    params : of all stages; `strategy_stats` says which family a model belongs to.
    predictions : of the fits; those of the lake where not given.
    what : what tried, the first part of search_index.
    """
    if predictions is None:
        predictions = scan(PREDICTIONS).filter(pl.col("split") == "cv").collect()
    judged = predictions.filter(pl.col("split") == "cv").sort("model", "t0", "ticker", "seq")
    family_of = getattr(params.get("strategy_stats"), "family_of", {})
    rows = []
    for (model,), own in judged.partition_by("model", as_dict=True, maintain_order=True).items():
        events = scan(DATASET).join(
            own.lazy().select("ticker", "bar_spec").unique(), on=["ticker", "bar_spec"], how="semi"
        )
        daily = bet_returns(own, events.collect(), _dates(scan, own))
        found = moments(daily["ret_frac"].to_list())
        rows.append(
            {
                "family": family_of.get(str(model), str(model)),
                "search_index": f"{what}:{model}",
                "sharpe_daily": found.sharpe,
                "n_observations": daily.height,
                "dates": daily["date"].to_list(),
                "returns": daily["ret_frac"].to_list(),
            }
        )
    return pl.DataFrame(rows, schema=_SCHEMA)


def _dates(scan: Scan, predictions: pl.DataFrame) -> pl.Series:
    bars = scan(BARS).join(
        predictions.lazy().select("ticker", "bar_spec").unique(), on=["ticker", "bar_spec"], how="semi"
    )
    return bars.select(pl.col("ts_close").dt.offset_by("-1us").dt.date().unique()).collect().to_series()


_SCHEMA: dict[str, Any] = {
    "family": pl.String,
    "search_index": pl.String,
    "sharpe_daily": pl.Float64,
    "n_observations": pl.Int64,
    "dates": pl.List(pl.Date),
    "returns": pl.List(pl.Float64),
}
