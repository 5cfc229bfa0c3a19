"""Tests for structural breaks over the windows that end at each bar."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class StructuralBreaks(Table, key=("ticker", "bar_spec", "ts_close", "seq"), time="ts_close", partition="year"):
    """Tests for structural breaks over the windows that end at each bar; known at its close.

    Columns are null where a window is not yet full, nothing moved in it, or the regression is singular.
    """

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    bar_spec: str = column("name", "Bar specification")
    ts_close: Timestamp = column("UTC", "End of the bar that ends the window; the row is known from then on")
    seq: int = column("count", "Sequence number of the bar, for bars that close at the same time", ge=0)
    csw_up: float = column(
        "standard deviations",
        "Chu-Stinchcombe-White CUSUM of log closes, largest rise in the window (AFML 17.3.2)",
        nullable=True,
    )
    csw_up_critical: float = column(
        "standard deviations", "What csw_up exceeds by chance in 5 % of cases", nullable=True
    )
    csw_down: float = column("standard deviations", "The same for the largest fall", nullable=True)
    csw_down_critical: float = column(
        "standard deviations", "What csw_down exceeds by chance in 5 % of cases", nullable=True
    )
    chow: float = column(
        "t-value", "Largest Chow-type Dickey-Fuller statistic of log closes in the window (AFML 17.4.1)", nullable=True
    )
    chow_bars: int = column("count", "Bars from its break to this one", nullable=True, ge=0)
    sadf: float = column(
        "t-value", "Supremum augmented Dickey-Fuller statistic of log closes (AFML 17.4.2)", nullable=True
    )
    sadf_bars: int = column("count", "Bars from the beginning of its window to this one", nullable=True, ge=0)
