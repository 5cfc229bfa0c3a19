"""What the quality checks said of each version of each table."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class Quality(
    Table,
    key=("judged_at", "run_id", "check_name", "judged_table", "severity"),
    time="judged_at",
    partition="month",
):
    """What the quality checks said of each version of each table, promoted or not."""

    run_id: str = column("id", "Run that was judged, or judging:… where the current snapshot was")
    check_name: str = column("name", "Check")
    judged_table: str = column("name", "Table")
    severity: str = column("enum", "An error blocks the snapshot, a warning does not", isin=["error", "warning"])
    is_passed: bool = column("flag", "True where all measured values are within the limits")
    unit: str = column("name", "Unit of the measured values and the limits")
    at_least: float = column("unit", "Lower limit; null where there is none", nullable=True)
    at_most: float = column("unit", "Upper limit; null where there is none", nullable=True)
    n_measured: int = column("count", "Values measured", ge=0)
    n_failed: int = column("count", "Values beyond the limits", ge=0)
    worst: float = column("unit", "The value farthest beyond a limit, else nearest to one; null without", nullable=True)
    examples: str = column("JSON", "Up to five of the values beyond the limits, the worst first: ticker, bars, when")
    version: str = column("sha256", "Manifest hash of the version that was judged")
    result: str = column("JSON", "What Great Expectations returned for the check over all tables it judged")
    judged_at: Timestamp = column("UTC", "When")
