"""The bets of one strategy, as the rules of sizing see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

STILL_OPEN: Final = np.iinfo(np.int64).max
"""End of a bet whose window has not ended."""


@dataclass(frozen=True)
class Bets:
    """Arrays (n,), one entry a prediction.

    Parameters
    ----------
    series : number of the ticker and bar specification.
    t0, t1 : microseconds since 1970; t1 is the first barrier touched, `STILL_OPEN` where none is yet. Of an earlier bet
        nothing but whether it is over by a later t0 is asked, which is known then.
    side : the primary model's, +1 or -1.
    probability : that the side pays.
    is_made : whether all rules but that of the size hold; a bet that is held back takes no room of others.
    target, pt, sl : volatility as a fraction, and the barriers in multiples of it.
    entry : the price.
    """

    series: Times
    t0: Times
    t1: Times
    side: Floats
    probability: Floats
    is_made: npt.NDArray[np.bool_]
    target: Floats
    pt: Floats
    sl: Floats
    entry: Floats

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Bets:
        """Return them of rows with ticker, bar_spec and columns of the names above; a null t1 has not come."""
        series = rows.select(pl.struct("ticker", "bar_spec").rank("dense")).to_series()
        return cls(
            series=series.cast(pl.Int64).to_numpy(),
            t0=rows["t0"].to_physical().to_numpy(),
            t1=rows["t1"].to_physical().fill_null(STILL_OPEN).to_numpy(),
            is_made=rows["is_made"].to_numpy(),
            **{
                name: rows[name].cast(pl.Float64).to_numpy()
                for name in ("side", "probability", "target", "pt", "sl", "entry")
            },
        )

    def made_by_series(self) -> Iterator[tuple[npt.NDArray[np.int64], Self]]:
        """Yield the row numbers of the bets that are made, series by series, and these bets."""
        for series in np.unique(self.series[self.is_made]):
            chosen = np.flatnonzero(self.is_made & (self.series == series))
            given: dict[str, Any] = {field.name: getattr(self, field.name)[chosen] for field in fields(self)}
            yield chosen, type(self)(**given)
