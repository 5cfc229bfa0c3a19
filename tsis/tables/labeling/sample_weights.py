"""How much each label says that the others do not, as known at t1."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class SampleWeights(Table, key=("ticker", "bar_spec", "t0", "seq"), time="t0", partition="year"):
    """How much each label says that the others do not, as known at t1."""

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    t0: Timestamp = column("UTC", "Close of the bar on which the event is known")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    t1: Timestamp = column("UTC", "End of the label's window; the row is known from then on")
    concurrency: float = column("labels", "Mean number of labels alive over the window", ge=1)
    average_uniqueness: float = column("frac", "Mean of 1 / concurrency over the window (AFML 4.2)", gt=0, le=1)
    return_attribution: float = column(
        "frac", "Absolute sum of log returns, each over its concurrency (AFML 4.10)", ge=0
    )
