"""Which contract a futures product held when, of rows that a stage by ticker is given piece by piece."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from tsis.core.state import State

_HOLDS: Final = " holds "
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Holding:
    """A contract and when it is held.

    Parameters
    ----------
    held_from, held_until : its rows are those known after the one and not after the other; None: it is held still.
    cum_gap_ratio : what its prices are divided by.
    """

    contract: str
    held_from: datetime
    held_until: datetime | None
    cum_gap_ratio: float

    def has(self, time: str) -> pl.Expr:
        """Tell of rows whether they are the contract's, known in that span by their column `time`."""
        return (pl.col("ticker") == self.contract) & self.spans(time)

    def spans(self, time: str) -> pl.Expr:
        """Tell of rows whether they are known in that span."""
        is_after = pl.col(time) > self.held_from
        return is_after if self.held_until is None else is_after & (pl.col(time) <= self.held_until)


def contracts_of_products(
    futures_roll: pl.DataFrame, contracts_dim: pl.DataFrame, tickers_dim: pl.DataFrame, state: State
) -> dict[str, set[str]]:
    """Return the contracts of each product that is a ticker: those that are listed, and those that it held.

    Parameters
    ----------
    futures_roll, contracts_dim, tickers_dim : rows of the tables; a product is a ticker where tickers_dim has it.
    state : of the stage; see `take_holdings`.
    """
    known = pl.concat(rows.select("product", "ticker") for rows in (contracts_dim, futures_roll))
    before = (name.partition(_HOLDS) for name in state if _HOLDS in name)
    found: dict[str, set[str]] = {product: {contract} for product, _, contract in before}
    for product, contract in known.filter(pl.col("product").is_in(tickers_dim["ticker"].implode())).iter_rows():
        found.setdefault(product, set()).add(contract)
    return found


def take_holdings(product: str, rolls: pl.DataFrame, after: State) -> list[Holding]:
    """Return the contract held before `rolls`, if there was one, and those of `rolls`, in order.

    Parameters
    ----------
    rolls : rows of futures_roll of `product` that are not in `after` yet.
    after : the state of a stage, which holds the last contract under ``product holds contract``; changed in place.
    """
    rows = rolls.sort("held_from").select("ticker", "held_from", pl.lit(None), "cum_gap_ratio").iter_rows()
    known = [Holding(*row) for row in rows]
    for name in [name for name in after if name.startswith(f"{product}{_HOLDS}")]:
        ratio, from_us = after.pop(name)
        held_from = _EPOCH + timedelta(microseconds=int(from_us))
        known.insert(0, Holding(name.partition(_HOLDS)[2], held_from, None, float(ratio)))
    if known:
        last = known[-1]
        from_us = float((last.held_from - _EPOCH) // timedelta(microseconds=1))
        after[f"{product}{_HOLDS}{last.contract}"] = np.array([last.cum_gap_ratio, from_us])
    ends = [following.held_from for following in known[1:]]
    return [replace(each, held_until=end) for each, end in zip(known, [*ends, None][: len(known)], strict=True)]


def forget(ticker: str, after: State) -> None:
    """Take what belongs to `ticker` out of a state, whose names begin with it."""
    for name in [name for name in after if name.split(" ")[0] == ticker]:
        del after[name]
