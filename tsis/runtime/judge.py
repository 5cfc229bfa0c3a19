"""Holds all trials of its family against each strategy."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from tsis.analytics.verdict import verdict
from tsis.governance.trials import chain_head, trial_sharpes
from tsis.lake.store import Lake
from tsis.runtime.ledger import verified_ledger

STATS, VERDICTS = "analytics.strategy_stats", "governance.verdicts"


def judge(lake: Lake, run_id: str, judged_at: datetime) -> pl.DataFrame:
    """Append one verdict a strategy where its statistics or the chain of trials have changed, and return them.

    The version of the statistics and the head of the chain are stored with each verdict: a verdict on other statistics,
    or one that knew fewer trials, is not left standing.

    Raises
    ------
    IntegrityError
        If the ledger of trials was altered or cut.
    """
    version = lake.snapshot().tables.get(STATS)
    if version is None:
        return lake.spec(VERDICTS).empty()
    ledger = verified_ledger(lake.scan)
    stamp = {"stats_version": version, "chain_head": chain_head(ledger)}
    newest = lake.scan(VERDICTS).collect().sort("judged_at").group_by("strategy_id", maintain_order=True).last()
    judged = set(newest.filter(**stamp)["strategy_id"])
    rows = [
        {
            "strategy_id": strategy["strategy_id"],
            "run_id": run_id,
            **vars(verdict(strategy, trial_sharpes(ledger, _family(ledger, strategy)))),
            **stamp,
            "judged_at": judged_at,
        }
        for strategy in lake.scan(STATS).collect().sort("strategy_id").iter_rows(named=True)
        if strategy["strategy_id"] not in judged
    ]
    verdicts = pl.DataFrame(rows, schema=lake.spec(VERDICTS).polars_schema)
    if verdicts.height:
        lake.append(VERDICTS, verdicts)
    return verdicts


def _family(ledger: pl.DataFrame, strategy: dict[str, Any]) -> str:
    """Return the family under which the strategy's newest trial was counted."""
    own = ledger.filter(pl.col("search_index") == strategy["session_id"], pl.col("status") == "result")
    return str(own["family"][-1]) if own.height else str(strategy["strategy_id"])
