"""Adjustment factors that accumulate forward from the first session."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.core.errors import DataError, some


def forward_factors(
    dates: NDArray[np.datetime64], close: NDArray[np.float64], actions: pl.DataFrame, ticker: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (split_factor, dividend_factor) of each session; both are 1 on the first.

    From its ex-date on, a split multiplies split_factor by its ratio (new shares per old share), and a dividend
    multiplies dividend_factor by ``1 / (1 - amount / close of the session before)``, the close as traded. An
    ex-date without a session counts on the next one; one before or on the first session, or after the last, changes
    nothing. Where both fall on one day the dividend is paid on the new shares, so that it is compared with the close
    divided by the ratio. Mergers and symbol changes do not adjust. A later action changes no earlier factor.

    Parameters
    ----------
    dates, close : (n,) sessions in order and their unadjusted closes.
    actions : ex_date, kind, ratio, amount, source of one ticker.

    Raises
    ------
    DataError
        If two sources report the same action, a split has no ratio or a dividend no amount, or a dividend is not less
        than the price.
    """
    splits, growth = np.ones(dates.size), np.ones(dates.size)
    known = actions.filter(pl.col("kind").is_in(["split", "dividend"])).sort("ex_date", "kind", "source")
    twice = known.group_by("ex_date", "kind").len().filter(pl.col("len") > 1).sort("ex_date", "kind")
    if not twice.is_empty():
        raise DataError(
            f"reference.corporate_actions: {ticker} has {twice.height:,} actions from several sources "
            f"({some(f'{kind} {day}' for day, kind, _ in twice.iter_rows())}); keep one source a ticker"
        )
    bare = known.filter(pl.when(pl.col("kind") == "split").then(pl.col("ratio")).otherwise(pl.col("amount")).is_null())
    if not bare.is_empty():
        raise DataError(
            f"reference.corporate_actions: {ticker} has {bare.height:,} splits without a ratio or dividends without "
            f"an amount (first: {bare['kind'][0]} {bare['ex_date'][0]}); correct them with a later known_at"
        )
    places = np.searchsorted(dates, known["ex_date"].to_numpy().astype(dates.dtype), side="left")
    for place, ratio in zip(places, known["ratio"], strict=True):
        if ratio is not None and 0 < place < dates.size:
            splits[place] *= ratio
    for place, kind, day, amount in zip(places, known["kind"], known["ex_date"], known["amount"], strict=True):
        if kind == "dividend" and 0 < place < dates.size:
            before = close[place - 1] / splits[place]
            if amount >= before:
                raise DataError(
                    f"reference.corporate_actions: the dividend of {ticker} on {day} ({amount}) is not less than the "
                    f"close before ({before}); check the amount, or whether a split of that day is missing"
                )
            growth[place] *= 1.0 / (1.0 - amount / before)
    return np.multiply.accumulate(splits), np.multiply.accumulate(growth)
