"""The daily returns of the trials, under the hash by which the ledger names them."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, column


class TrialReturns(Table, key=("returns_hash", "date")):
    """The daily returns of the trials, under the hash by which the ledger names them."""

    returns_hash: str = column("sha256", "Hash of the whole series; equal series are kept once")
    date: pl.Date = column("date", "UTC date of the result")
    ret_frac: float = column("frac", "Return of the day, 0 where nothing was held")
