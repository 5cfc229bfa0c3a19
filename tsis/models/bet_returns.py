"""What the bets of a fit would have earned out of fold: the daily returns under which the fit is counted as a trial."""

from __future__ import annotations

import math
from datetime import date

import polars as pl

_EVENT = ["ticker", "bar_spec", "t0", "seq"]


def bet_returns(predictions: pl.DataFrame, dataset: pl.DataFrame, dates: pl.Series) -> pl.DataFrame:
    """Return the return of each date, before costs, from one bet on every event that is more likely than not to pay.

    A bet is closed at the label's end and earns its return times the event's average uniqueness, so that bets at the
    same time share one stake. Dates on which none ends earn 0. It says how alike fits are and what choosing among them
    is worth; it is no backtest, and never a signal.

    Parameters
    ----------
    predictions : of one model and the split ``cv``. dataset : the labelled events.
    dates : UTC dates with a bar; in the result each stands once, those with a bet's end besides.

    Returns
    -------
    date, ret_frac, ordered by date.
    """
    bets = (
        predictions.select(*_EVENT, "probability")
        .join(dataset.select(*_EVENT, "t1", "ret_frac", "average_uniqueness"), on=_EVENT, how="inner")
        .sort("t1", *_EVENT)
        .with_columns(
            date=pl.col("t1").dt.offset_by("-1us").dt.date(),
            earned=pl.when(pl.col("probability") >= 0.5)
            .then(pl.col("ret_frac") * pl.col("average_uniqueness"))
            .otherwise(0.0),
        )
    )
    earned: dict[date, list[float]] = {}
    for ended, gain in bets.select("date", "earned").iter_rows():
        earned.setdefault(ended, []).append(gain)
    sums = [math.fsum(gains) for gains in earned.values()]  # exact: no number of threads can change a bit
    daily = pl.DataFrame({"date": list(earned), "ret_frac": sums}, schema={"date": pl.Date, "ret_frac": pl.Float64})
    among = pl.DataFrame({"date": dates.cast(pl.Date).unique()})
    if not bets.is_empty():
        first, last = bets["t0"].min(), daily["date"].max()
        among = among.filter(pl.col("date").is_between(pl.lit(first).dt.date(), pl.lit(last)))
    else:
        among = among.clear()
    whole = pl.concat([among, daily.select("date")]).unique().sort("date")
    return whole.join(daily, on="date", how="left", maintain_order="left").with_columns(
        pl.col("ret_frac").fill_null(0.0)
    )
