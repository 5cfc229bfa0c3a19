"""Stage `meta_labels`: whether acting on the primary side paid."""

from __future__ import annotations

import polars as pl

from tsis.core.errors import DataError
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.labeling.triple_barrier import BarrierParams, labels
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.meta_labels import MetaLabels
from tsis.tables.labeling.triple_barrier import TripleBarrier

_KEY = list(spec(MetaLabels).key)


class MetaLabelsParams(Params):
    """`meta_labels` has no parameters."""


@stage(reads=[TripleBarrier, Events], writes=[MetaLabels], by="ticker")
def meta_labels(triple_barrier: pl.DataFrame, events: pl.DataFrame, params: MetaLabelsParams) -> pl.DataFrame:  # noqa: ARG001
    """Return 1 where the return of the event's side was positive, else 0; events without a side have no row.

    AFML 3.6: the secondary model learns whether to act, not which way.
    """
    sides = events.filter(pl.col("side").is_not_null()).select(*_KEY, "side")
    return (
        triple_barrier.join(sides, on=_KEY)
        .select(*_KEY, "t1", "side", label=(pl.col("ret_frac") > 0).cast(pl.Int8))
        .sort(_KEY)
    )


def meta_labels_of(side: pl.Series, events: pl.DataFrame, bars: pl.DataFrame, params: BarrierParams) -> pl.DataFrame:
    """Return the rows of meta_labels that another primary model would have, for the events of one series.

    Parameters
    ----------
    side : +1, -1, or 0 and null where that model does not act, one an event; such events have no row.
    events : rows of the table `events`, whose own side is not looked at.
    bars : ts_close, seq, open, high, low, close of that series, sorted by (ts_close, seq).
    params : the barriers; pt on the side's winning, sl on its losing side.

    Raises
    ------
    DataError
        If there is not one side an event, or it is another number; and as `triple_barrier.labels`.
    """
    if len(side) != events.height:
        raise DataError(f"meta_labels_of: {len(side):,} sides for {events.height:,} events; pass one an event")
    wrong = side.filter(~side.fill_null(0).is_in([-1, 0, 1]))
    if len(wrong):
        raise DataError(f"meta_labels_of: {len(wrong):,} sides are not +1, -1, 0 or null (first: {wrong[0]})")
    acted = events.with_columns(side.cast(pl.Int8).alias("side")).filter(pl.col("side").fill_null(0) != 0)
    return meta_labels(triple_barrier=labels(acted, bars, params).sort(_KEY), events=acted, params=MetaLabelsParams())
