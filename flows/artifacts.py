"""What a person wants to see of a flow run, as Prefect artifacts."""

from __future__ import annotations

import base64

import polars as pl
from prefect.artifacts import create_image_artifact, create_link_artifact, create_table_artifact

from flows.equity_picture import equity_picture
from tsis.lake.store import Lake
from tsis.runtime.results import RunReport

_ROWS = 200
"""Most rows of a table artifact: the page shows all of them at once."""


def show_outcomes(report: RunReport) -> None:
    """Show how each stage ended."""
    rows = [
        {
            "stage": outcome.stage,
            "status": outcome.status,
            "rows in": outcome.rows_in,
            "rows out": outcome.rows_out,
            "seconds": round(outcome.seconds, 2),
            "error": outcome.error or "",
        }
        for outcome in report.outcomes
    ]
    create_table_artifact(rows, key="stages", description=f"Run {report.run_id}, snapshot {report.snapshot[:12]}")


def show_tables(lake: Lake) -> None:
    """Show rows and version of each table of the current snapshot."""
    versions = lake.snapshot().tables
    rows = [
        {"table": name, "rows": lake.manifest(spec, versions[name]).rows, "version": versions[name][:12]}
        for name, spec in lake.tables.items()
        if name in versions
    ]
    create_table_artifact(rows, key="tables", description="Rows and versions by table")


def show_quality(lake: Lake) -> None:
    """Show the newest verdicts of the quality checks, those that failed first, and where the page is."""
    verdicts = lake.scan("governance.quality").collect()
    newest = verdicts.filter(pl.col("judged_at") == pl.col("judged_at").max())
    shown = ["is_passed", "severity", "check_name", "judged_table", "n_measured", "n_failed", "worst", "unit"]
    rows = newest.sort("is_passed", "severity", "check_name", "judged_table").select(shown)
    _table(rows, "quality", f"Quality; the page is {lake.root / 'governance' / 'quality.html'}")


def show_results(lake: Lake) -> None:
    """Show fold scores, strategies with their verdicts, and the equity of each strategy."""
    scores = lake.scan("analytics.model_stats").collect().sort("model", "split", "fold")
    _table(scores, "fold-scores", "Scores of each fold and refit")
    stats = lake.scan("analytics.strategy_stats").collect().sort("strategy_id")
    verdicts = lake.scan("governance.verdicts").collect().sort("judged_at")
    latest = verdicts.group_by("strategy_id", maintain_order=True).last()
    shown = ["strategy_id", "n_days", "n_trades", "sharpe_annual", "max_drawdown_frac", "n_trials", "verdict"]
    _table(stats.join(latest, on="strategy_id", how="left").select(shown), "strategies", "Strategies and verdicts")
    daily = lake.scan("analytics.pnl_daily").collect()
    if daily.height:
        picture = base64.b64encode(equity_picture(daily).encode()).decode()
        create_image_artifact(f"data:image/svg+xml;base64,{picture}", key="equity", description="Equity by strategy")


def show_report(lake: Lake) -> None:
    """Link the report: a file of this machine, which a browser opens from its address bar."""
    page = lake.root / "analytics" / "report.html"
    if page.exists():
        create_link_artifact(page.as_uri(), key="report", link_text=str(page), description="The offline report")


def _table(rows: pl.DataFrame, key: str, description: str) -> None:
    times = pl.selectors.temporal()
    text = rows.head(_ROWS).with_columns(times.cast(pl.String), pl.selectors.float().round(4))
    count = f"{description} (the first {_ROWS} of {rows.height:,})" if rows.height > _ROWS else description
    create_table_artifact(text.to_dicts(), key=key, description=count)
