"""Collects what the report shows and writes the page."""

from __future__ import annotations

from pathlib import Path

from tsis.analytics.report import report_page
from tsis.lake.durable import replace_file
from tsis.lake.store import Lake

SHOWN = (
    "processed_features.information_bars",
    "labeling.events",
    "labeling.triple_barrier",
    "signals.setups",
    "signals.signals_history",
    "execution.fills_log",
    "analytics.pnl_daily",
    "analytics.strategy_stats",
    "analytics.model_stats",
    "analytics.feature_importance",
    "governance.verdicts",
    "governance.runs",
)


def write_report(lake: Lake) -> Path:
    """Write ``analytics/report.html`` for the current snapshot and return its path."""
    frames = {name: lake.scan(name).collect().sort(lake.spec(name).key) for name in SHOWN}
    path = lake.root / "analytics" / "report.html"
    replace_file(path, report_page(frames, lake.snapshot().id[:12]).encode())
    return path
