"""Stage `meta_labels`: whether acting on the primary side paid."""

from __future__ import annotations

import polars as pl

from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.meta_labels import MetaLabels
from tsis.tables.labeling.triple_barrier import TripleBarrier


class MetaLabelsParams(Params):
    """`meta_labels` has no parameters."""


@stage(reads=[TripleBarrier, Events], writes=[MetaLabels], by="ticker")
def meta_labels(triple_barrier: pl.DataFrame, events: pl.DataFrame, params: MetaLabelsParams) -> pl.DataFrame:  # noqa: ARG001
    """Return 1 where the return of the event's side was positive, else 0; events without a side have no row.

    AFML 3.6: the secondary model learns whether to act, not which way.
    """
    key = list(spec(MetaLabels).key)
    sides = events.filter(pl.col("side").is_not_null()).select(*key, "side")
    return (
        triple_barrier.join(sides, on=key)
        .select(*key, "t1", "side", label=(pl.col("ret_frac") > 0).cast(pl.Int8))
        .sort(key)
    )
