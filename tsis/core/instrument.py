"""What a stage must know of an instrument, from its rows in reference.tickers_dim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from tsis.core.errors import DataError

ASSET_CLASSES: Final = ("equity", "etf", "future", "fx", "crypto", "index")


@dataclass(frozen=True)
class Instrument:
    """The unchanging facts of a ticker.

    Parameters
    ----------
    asset_class : selects parameters.
    multiplier : value of one price point of one unit, in quote currency.
    """

    ticker: str
    asset_class: str
    multiplier: float


def instrument(tickers_dim: pl.DataFrame, ticker: str) -> Instrument:
    """Return the facts of `ticker`.

    Raises
    ------
    DataError
        If it has no row, or if its rows disagree: a contract whose class or multiplier changed is another instrument.
    """
    rows = tickers_dim.lazy().filter(pl.col("ticker") == ticker)
    facts = rows.select("asset_class", "multiplier").unique().sort("asset_class", "multiplier").collect()
    if facts.is_empty():
        raise DataError(
            f"{ticker} is not in reference.tickers_dim; add a row to reference.tickers_dim "
            "(asset_class, multiplier, tick_size, exchange, valid_from) and run again"
        )
    if facts.height > 1:
        raise DataError(
            f"reference.tickers_dim: {ticker} has {facts.height} different (asset_class, multiplier): {facts.rows()}; "
            "give the changed contract a ticker of its own"
        )
    return Instrument(ticker, *facts.row(0))
