"""Which version of which table came from which."""

from __future__ import annotations

from tsis.core.table import Table, Timestamp, column


class Lineage(Table, key=("started_at", "run_id", "output_table", "input_table"), time="started_at", partition="month"):
    """Which version of which table came from which."""

    run_id: str = column("id", "Run")
    stage: str = column("name", "Stage")
    output_table: str = column("name", "Table written")
    output_version: str = column("sha256", "Its manifest hash")
    input_table: str = column("name", "Table read")
    input_version: str = column("sha256", "Its manifest hash")
    started_at: Timestamp = column("UTC", "When the stage began")
