"""Which futures products count as tickers, and which contract gives their raw rows when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import polars as pl

from tsis.core.stage import AnyStage
from tsis.core.table import spec
from tsis.lake.transaction import Transaction
from tsis.tables.processed_features.futures_roll import FuturesRoll
from tsis.tables.reference.contracts_dim import ContractsDim
from tsis.tables.reference.tickers_dim import TickersDim

ROLLS: Final = spec(FuturesRoll).name
_CONTRACTS: Final = spec(ContractsDim).name
_TICKERS: Final = spec(TickersDim).name


class Stretch(NamedTuple):
    """The rows of `contract` that are known after `after` and not after `until` (None: no end) are the product's."""

    contract: str
    after: datetime
    until: datetime | None


class Products:
    """The products of a stage, as its transaction sees them.

    To a stage by product these are all of contracts_dim. To a stage by ticker that reads futures_roll they are those
    that tickers_dim has too: each is a ticker whose raw rows are those of the contract held at the time, and its
    contracts are no tickers. To all others there are none.
    """

    def __init__(self, stage: AnyStage, transaction: Transaction) -> None:
        self._contracts: Mapping[str, frozenset[str]] = {}
        self._stretches: dict[str, list[Stretch]] = {}
        reads = {table.name for table in stage.reads}
        is_ticker = stage.by == "ticker" and reads >= {ROLLS, _CONTRACTS, _TICKERS}
        if stage.by != "product" and not is_ticker:
            return
        listed = transaction.scan(_CONTRACTS).select("product", "ticker").unique()
        if is_ticker:
            names = transaction.scan(_TICKERS).select("ticker").unique()
            listed = listed.join(names, left_on="product", right_on="ticker", how="semi")
        by_product = listed.collect().group_by("product").agg("ticker")
        self._contracts = {product: frozenset(tickers) for product, tickers in by_product.iter_rows()}
        if is_ticker:
            rolls = transaction.scan(ROLLS).select("product", "ticker", "held_from").collect().sort("held_from")
            for product in self._contracts:
                held = rolls.filter(pl.col("product") == product)
                ends = [*held["held_from"].to_list()[1:], None]
                self._stretches[product] = list(map(Stretch, held["ticker"], held["held_from"], ends))

    def __contains__(self, unit: object) -> bool:
        """Tell whether `unit` is a product."""
        return unit in self._contracts

    def names(self) -> frozenset[str]:
        """Return the products."""
        return frozenset(self._contracts)

    def contracts(self, product: str | None = None) -> frozenset[str]:
        """Return the contracts of `product`, or of all."""
        return frozenset().union(*self._contracts.values()) if product is None else self._contracts[product]

    def stretches(self, product: str, after: datetime | None, until: datetime | None) -> Sequence[Stretch]:
        """Return which contract gives the rows known after `after` and not after `until` (None is no bound)."""
        found = []
        for contract, begin, end in self._stretches[product]:
            first = begin if after is None else max(begin, after)
            last = min((moment for moment in (end, until) if moment is not None), default=None)
            if last is None or first < last:
                found.append(Stretch(contract, first, last))
        return found
