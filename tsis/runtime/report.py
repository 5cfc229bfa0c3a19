"""Collects what the report shows and writes the page."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tsis.analytics.report import REPORT_TABLES, report_page
from tsis.lake.durable import replace_file
from tsis.lake.store import Lake


def write_report(lake: Lake) -> Path:
    """Write ``analytics/report.html`` for the current snapshot and return its path."""
    frames = {name: _shown(lake, name) for name in lake.tables}
    path = lake.root / "analytics" / "report.html"
    replace_file(path, report_page(frames, lake.snapshot().id).encode())
    return path


def _shown(lake: Lake, name: str) -> pl.DataFrame:
    """Return a table that a chart needs whole; of the others, whose rows are only counted, one column."""
    rows = lake.scan(name)
    return (rows if name in REPORT_TABLES else rows.select(lake.spec(name).key[0])).collect()
