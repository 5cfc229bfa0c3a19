"""Holds all trials of its family against each strategy."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from tsis.analytics.trial_family import trial_family
from tsis.analytics.verdict import verdict
from tsis.governance.hash_chain import chain_head
from tsis.governance.trial_returns import family_returns
from tsis.governance.trials import trial_sharpes
from tsis.lake.store import Lake
from tsis.runtime.data_quality import data_quality
from tsis.runtime.ledger import RETURNS, VERDICTS, verified_ledger, verified_returns, verify_grown_only

STATS, DAYS = "analytics.strategy_stats", "analytics.pnl_daily"


def judge(lake: Lake, run_id: str, judged_at: datetime) -> pl.DataFrame:
    """Append one verdict a strategy where its statistics or the chain of trials have changed, and return them.

    The version of the statistics and the head of the chain are stored with each verdict: a verdict on other statistics,
    or one that knew fewer trials, is not left standing.

    Raises
    ------
    IntegrityError
        If the ledger of trials, or the daily returns that it names, were altered or cut.
    """
    version = lake.snapshot().tables.get(STATS)
    if version is None:
        return lake.spec(VERDICTS).empty()
    ledger = verified_ledger(lake.scan)
    stamp = {"stats_version": version, "chain_head": chain_head(ledger)}
    newest = lake.scan(VERDICTS).collect().sort("judged_at").group_by("strategy_id", maintain_order=True).last()
    judged = set(newest.filter(**stamp)["strategy_id"])
    waiting = [
        strategy
        for strategy in lake.scan(STATS).collect().sort("strategy_id").iter_rows(named=True)
        if strategy["strategy_id"] not in judged
    ]
    if waiting:
        verify_grown_only(lake)
    returns = verified_returns(lake.scan, ledger) if waiting else lake.spec(RETURNS).empty()
    rows = [
        {
            "strategy_id": strategy["strategy_id"],
            "run_id": run_id,
            **_judged(lake, strategy, ledger, returns),
            **stamp,
            "judged_at": judged_at,
        }
        for strategy in waiting
    ]
    verdicts = pl.DataFrame(rows, schema=lake.spec(VERDICTS).polars_schema)
    if verdicts.height:
        lake.append(VERDICTS, verdicts)
    return verdicts


def _judged(lake: Lake, strategy: dict[str, Any], ledger: pl.DataFrame, returns: pl.DataFrame) -> dict[str, Any]:
    own, name = strategy["session_id"], _family(ledger, strategy)
    days = lake.scan(DAYS).filter(pl.col("session_id") == own, pl.col("strategy_id") == strategy["strategy_id"])
    dates = days.select("date").collect()["date"].to_list()
    joined = joined_families(ledger, own, str(strategy["strategy_id"]), name)
    family = trial_family(trial_sharpes(joined, name), family_returns(joined, returns, name, dates))
    return {"family": name, **vars(verdict(strategy, family, data_quality(lake, own)))}


def _family(ledger: pl.DataFrame, strategy: dict[str, Any]) -> str:
    """Return the family under which the strategy's newest trial was counted."""
    own = ledger.filter(pl.col("search_index") == strategy["session_id"], pl.col("status") == "result")
    return str(own["family"][-1]) if own.height else str(strategy["strategy_id"])


def joined_families(ledger: pl.DataFrame, session_id: str, strategy_id: str, family: str) -> pl.DataFrame:
    """Return the ledger with every family in which the strategy ever was counted under the name `family`.

    Who gives a strategy another family does not leave its trials, nor those that they were counted with, behind.
    """
    own = pl.col("search_index").is_in([session_id, f"fit:{strategy_id}", f"search:{strategy_id}"])
    were = ledger.filter(own, pl.col("status") == "result")["family"].unique().to_list()
    return ledger.with_columns(
        pl.when(pl.col("family").is_in(were)).then(pl.lit(family)).otherwise("family").alias("family")
    )
