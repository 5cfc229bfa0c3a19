"""Where the labels of several tickers lie in the bars of their series, in one count of positions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from tsis.core.errors import DataError

Ints = npt.NDArray[np.int64]


def label_positions(events: pl.DataFrame, bars: pl.DataFrame) -> tuple[Ints, Ints]:
    """Return the first and last bar of each label's window, (n,); both -1 for a window that has not ended.

    Tickers share no bar: their positions are set apart. Of bars that close at the same time a window holds all.

    Parameters
    ----------
    events : ticker, t0, t1 (null where the window has not ended), in any order.
    bars : ticker, ts_close; of the bar specification of the events.

    Raises
    ------
    DataError
        If an event has no bar.
    """
    start, end = np.full(events.height, -1, dtype=np.int64), np.full(events.height, -1, dtype=np.int64)
    ended = events.with_row_index("_row").filter(pl.col("t1").is_not_null())
    closes = {key: part["ts_close"].sort() for key, part in bars.partition_by("ticker", as_dict=True).items()}
    apart = 0
    for (ticker,), part in sorted(ended.partition_by("ticker", as_dict=True).items()):
        series = closes.get((ticker,), pl.Series("ts_close", [], part["t0"].dtype))
        orphans = part.filter(~pl.col("t0").is_in(series.implode()))
        if orphans.height:
            raise DataError(
                f"label windows: {orphans.height:,} of {part.height:,} events of {ticker} have no bar in "
                f"processed_features.information_bars (first: {orphans['t0'][0]}); run the stages before"
            )
        rows = part["_row"].to_numpy()
        start[rows] = apart + series.search_sorted(part["t0"], side="left").to_numpy()
        end[rows] = np.maximum(apart + series.search_sorted(part["t1"], side="right").to_numpy() - 1, start[rows])
        apart += series.len() + 1
    return start, end
