"""Where the windows of events lie in the bars of their series."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.core.errors import DataError


def start_positions(rows: pl.DataFrame, bars: pl.DataFrame) -> NDArray[np.int64]:
    """Return the row number in `bars` of the bar on which each of `rows` (t0, seq) is known.

    Parameters
    ----------
    rows, bars : of one series; bars sorted by (ts_close, seq).

    Raises
    ------
    DataError
        If a row has no bar.
    """
    numbered = bars.select(pl.col("ts_close").alias("t0"), "seq").with_row_index("position")
    found = rows.select("ticker", "bar_spec", "t0", "seq").join(
        numbered, on=["t0", "seq"], how="left", maintain_order="left"
    )
    lost = found.filter(pl.col("position").is_null())
    if not lost.is_empty():
        first = lost.row(0, named=True)
        raise DataError(
            f"labeling: {lost.height:,} of {rows.height:,} rows of {first['ticker']} {first['bar_spec']} have no bar "
            f"(first: t0={first['t0'].isoformat()}, seq={first['seq']}); run information_bars and events again"
        )
    return found["position"].cast(pl.Int64).to_numpy()


def microseconds(times: pl.Series) -> NDArray[np.int64]:
    """Return UTC times as microseconds since the epoch."""
    return times.cast(pl.Int64).to_numpy()
