"""The daily returns of trials: what tells how alike they are, and how far choosing among them overfits.

A series is kept under the SHA-256 of its days and values, and the row of its trial names that hash. The chain of the
ledger therefore covers the returns: none can be altered, shortened or taken away unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from tsis.core.errors import IntegrityError, some
from tsis.core.table import spec
from tsis.tables.governance.trial_returns import TrialReturns

Floats = npt.NDArray[np.float64]

MIN_SHARED_FRAC = 0.5
"""A trial with results on fewer of the days can't be compared with the others; it counts as one of its own."""


def daily_series(dates: pl.Series, ret_frac: pl.Series) -> pl.DataFrame:
    """Return the rows of one series, sorted by date, under its hash.

    Parameters
    ----------
    dates, ret_frac : (n,) UTC dates, each once, and finite returns.
    """
    rows = pl.DataFrame({"date": dates.cast(pl.Date), "ret_frac": ret_frac.cast(pl.Float64)}).sort("date")
    return rows.select(pl.lit(series_hash(rows)).alias("returns_hash"), "date", "ret_frac")


def series_hash(rows: pl.DataFrame) -> str:
    """Return the SHA-256 of the days (int32 since 1970) and then the returns (float64), little-endian."""
    digest = hashlib.sha256(rows["date"].to_physical().to_numpy().astype("<i4").tobytes())
    digest.update(rows["ret_frac"].to_numpy().astype("<f8").tobytes())
    return digest.hexdigest()


def verify_returns(ledger: pl.DataFrame, returns: pl.DataFrame) -> None:
    """Check that every series that the ledger names is there as it was recorded, and no other.

    Raises
    ------
    IntegrityError
        If a series was altered, cut, removed or inserted.
    """
    named = set(ledger["returns_hash"].drop_nulls())
    found = returns.sort(spec(TrialReturns).key).partition_by("returns_hash", as_dict=True, maintain_order=True)
    altered = [str(name) for (name,), rows in found.items() if name not in named or series_hash(rows) != name]
    lost = named - {str(name) for (name,) in found}
    wrong = sorted({*altered, *lost})
    if wrong:
        raise IntegrityError(
            f"governance.trial_returns: {len(wrong):,} series of {len(named):,} are not as the ledger names them "
            f"({len(lost):,} are gone; first: {some([name[:12] for name in wrong])}): daily returns of trials were "
            "altered, removed or inserted; restore the table from a copy"
        )


def family_returns(ledger: pl.DataFrame, returns: pl.DataFrame, family: str, days: Sequence[object]) -> Floats:
    """Return (days, trials) the daily returns of a family's trials on `days`, 0 where a trial has no result.

    In chain order; trials without returns, or with results on fewer than half of the days, are left out.
    """
    own = ledger.filter(
        pl.col("status") == "result", pl.col("family") == family, pl.col("returns_hash").is_not_null()
    ).sort("position")
    wanted = pl.DataFrame({"date": days}, schema={"date": pl.Date}).sort("date")
    series = returns.join(own.select("returns_hash").unique(), on="returns_hash", how="semi").partition_by(
        "returns_hash", as_dict=True
    )
    columns = []
    for name in own["returns_hash"]:
        there = wanted.join(series[(name,)], on="date", how="left", maintain_order="left")["ret_frac"]
        if wanted.height and there.len() - there.null_count() >= MIN_SHARED_FRAC * wanted.height:
            columns.append(there.fill_null(0.0).to_numpy())
    return np.column_stack(columns) if columns else np.empty((wanted.height, 0))
