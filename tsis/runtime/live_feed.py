"""The lake as the feed of a live session."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from tsis.bars.daily_cache import daily_cache
from tsis.bars.information_bars import information_bars
from tsis.core.params import Params
from tsis.lake.manifest import Manifest
from tsis.lake.scan import scan_manifest
from tsis.lake.store import Lake
from tsis.lake.transaction import Transaction
from tsis.live.steps import CHAIN
from tsis.runtime.code_version import code_version
from tsis.runtime.inputs import Inputs, known_between
from tsis.runtime.products import Products

_RAW = [table for table in information_bars.reads if table.zone == "raw"]


class LakeFeed:
    """Reads the raw rows of a lake through one transaction; the adjustment factors are computed anew from them.

    Parameters
    ----------
    lake, transaction : what to read, as of when.
    params : by stage.
    """

    def __init__(self, lake: Lake, transaction: Transaction, params: Mapping[str, Params]) -> None:
        self._lake, self._transaction, self._params = lake, transaction, params
        self._inputs = Inputs(information_bars, transaction)
        self._products = Products(information_bars, transaction)
        self._daily: dict[str, pl.DataFrame] = {}
        self._identities: dict[str, str] = {}

    def rows(self, ticker: str, after: datetime | None, until: datetime | None) -> dict[str, pl.DataFrame]:
        """Return the arguments of the stages; of daily_cache no row before its day has closed."""
        days = known_between(self._factors(ticker).lazy(), "ts_close", after, until).collect()
        return self._inputs.between(ticker, after, until) | {"daily_cache": days}

    def identity(self, ticker: str) -> str:
        """Return a digest of code, parameters and the tables without a time."""
        if ticker not in self._identities:
            parts = [[code_version(stage.module), self._params[stage.name].digest()] for stage in CHAIN]
            timeless = [_digest(frame) for _, frame in sorted(self._inputs.timeless(ticker).items())]
            self._identities[ticker] = hashlib.sha256(json.dumps([parts, timeless]).encode()).hexdigest()
        return self._identities[ticker]

    def inputs(self, ticker: str, until: datetime) -> str:
        """Return the versions of the raw tables and a digest of the factors up to `until`, as JSON."""
        told: dict[str, Any] = {table.name: self._transaction.version(table.name) for table in _RAW}
        told["factors"] = self._factors_digest(ticker, until)
        return json.dumps(told, sort_keys=True)

    def is_revised(self, ticker: str, inputs: str, until: datetime) -> bool:
        """Compare the rows in the files that are not the same as then; where those are gone, they count as changed."""
        told = json.loads(inputs)
        if told.pop("factors") != self._factors_digest(ticker, until):
            return True
        return any(self._differs(name, version, ticker, until) for name, version in told.items())

    def _differs(self, name: str, before: str | None, ticker: str, until: datetime) -> bool:
        table, now = self._lake.spec(name), self._transaction.version(name)
        if before == now:
            return False
        if before is not None and not self._lake.has_version(table, before):
            return True
        old, new = (self._lake.manifest(table, version) if version else None for version in (before, now))
        paths = [{entry.path for entry in found.files} if found else set() for found in (old, new)]
        changed = {path.rpartition("/")[0] for path in paths[0] ^ paths[1]}
        first, second = (self._known(name, found, changed, ticker, until) for found in (old, new))
        return not first.equals(second)

    def _known(
        self, name: str, manifest: Manifest | None, partitions: set[str], ticker: str, until: datetime
    ) -> pl.DataFrame:
        table = self._lake.spec(name)
        tickers: Sequence[str] = [ticker]
        if ticker in self._products:
            tickers = sorted(self._products.contracts(ticker))
        chosen = manifest and Manifest(
            manifest.table, manifest.schema, tuple(entry for entry in manifest.files if entry.partition in partitions)
        )
        rows = scan_manifest(self._lake.folder(table), table, chosen, tickers, None, None, None)
        return rows.filter(pl.col(str(table.known)) <= until).collect().sort(table.key)

    def _factors(self, ticker: str) -> pl.DataFrame:
        if ticker not in self._daily:
            given = {
                table.table: self._transaction.scan(table.name, tickers=[ticker]).collect()
                for table in daily_cache.reads
            }
            self._daily[ticker] = daily_cache.frames(given, self._params["daily_cache"])[0][0].sort("ts_close")
        return self._daily[ticker]

    def _factors_digest(self, ticker: str, until: datetime) -> str:
        held = self._factors(ticker).filter(pl.col("ts_close") <= until)
        return _digest(held.select("ts_close", "split_factor", "dividend_factor"))


def _digest(frame: pl.DataFrame) -> str:
    digest = hashlib.sha256(f"{frame.width} {frame.height} ".encode())
    digest.update(frame.hash_rows(seed=0).to_numpy().tobytes())
    return digest.hexdigest()
