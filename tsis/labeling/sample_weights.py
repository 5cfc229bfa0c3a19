"""Stage `sample_weights`: how much each label says that the others do not."""

from __future__ import annotations

import numpy as np
import polars as pl

from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.kernels.concurrency import concurrency, label_weights
from tsis.labeling.bar_positions import bars_of, end_positions, start_positions
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.sample_weights import SampleWeights
from tsis.tables.labeling.triple_barrier import TripleBarrier
from tsis.tables.processed_features.information_bars import InformationBars


class SampleWeightsParams(Params):
    """`sample_weights` has no parameters: normalisation and decay belong to each fold's training rows."""


@stage(reads=[TripleBarrier, Events, InformationBars], writes=[SampleWeights], by="ticker")
def sample_weights(
    triple_barrier: pl.DataFrame,
    events: pl.DataFrame,
    information_bars: pl.DataFrame,
    params: SampleWeightsParams,  # noqa: ARG001
) -> pl.DataFrame:
    """Return concurrency, average uniqueness and return attribution of each label, as known at its t1.

    An event without a label is a window that is still open: it overlaps with every label since its t0. So a row does
    not change when that window ends later.

    Raises
    ------
    DataError
        If an event, or the end of its window, has no bar.
    """
    key = list(spec(SampleWeights).key)
    ends = events.join(triple_barrier.select(*key, "t1", "t1_seq"), on=key, how="left")
    frames = [spec(SampleWeights).empty()]
    frames += [
        weights(rows, bars_of(rows, information_bars))
        for rows in ends.sort(key).partition_by("ticker", "bar_spec", maintain_order=True)
    ]
    return pl.concat(frames).sort(key)


def weights(windows: pl.DataFrame, bars: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of sample_weights for the events of one series.

    A window reaches from the bar of (t0, seq) to that of (t1, t1_seq), both included.

    Parameters
    ----------
    windows : ticker, bar_spec, t0, seq, t1, t1_seq; the last two are null while a window is open.
    bars : ts_close, seq, close of that series, sorted by (ts_close, seq).
    """
    start = start_positions(windows, bars)
    is_closed = windows["t1"].is_not_null()
    end = np.full(start.size, bars.height)
    known = is_closed.to_numpy()
    end[known] = end_positions(windows.filter(is_closed), bars)
    log_return = np.full(bars.height, np.nan)
    log_return[1:] = np.diff(np.log(bars["close"].to_numpy()))
    alive = concurrency(start, end, bars.height)
    found = label_weights(start[known], end[known], alive, log_return)
    return windows.filter(is_closed).select(
        "ticker",
        "bar_spec",
        "t0",
        "seq",
        "t1",
        concurrency=pl.Series(found[:, 0]),
        average_uniqueness=pl.Series(found[:, 1]),
        return_attribution=pl.Series(found[:, 2]),
    )
