"""Holds all trials of its family against each strategy."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from tsis.analytics.verdict import verdict
from tsis.governance.trials import chain_head, trial_sharpes
from tsis.lake.store import Lake
from tsis.runtime.ledger import TRIALS

VERDICTS = "governance.verdicts"


def judge(lake: Lake, run_id: str, judged_at: datetime) -> pl.DataFrame:
    """Append one verdict a strategy and return them; the head of the chain of trials is stored with each."""
    ledger = lake.scan(TRIALS).collect().sort("position")
    stats = lake.scan("analytics.strategy_stats").collect().sort("strategy_id")
    rows = []
    for strategy in stats.iter_rows(named=True):
        found = verdict(strategy, trial_sharpes(ledger, strategy["strategy_id"]))
        rows.append(
            {
                "strategy_id": strategy["strategy_id"],
                "run_id": run_id,
                **vars(found),
                "chain_head": chain_head(ledger),
                "judged_at": judged_at,
            }
        )
    verdicts = pl.DataFrame(rows, schema=lake.spec(VERDICTS).polars_schema)
    if verdicts.height:
        lake.append(VERDICTS, verdicts)
    return verdicts
