"""Counts trials: an attempt before a stage is called, its results afterwards."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from tsis.core.stage import AnyStage
from tsis.governance.trials import Trial, chained, trial_id, verify_chain
from tsis.lake.store import Lake
from tsis.runtime.dag import SHARED
from tsis.runtime.record import Identity

TRIALS = "governance.trials"


def is_trial(stage: AnyStage) -> bool:
    """Tell whether a stage tries something that counts."""
    return any(table.name in SHARED for table in stage.writes)


def record_attempt(lake: Lake, stage: AnyStage, what: Identity) -> None:
    """Append that `stage` is about to be tried with this identity."""
    _append(lake, [Trial(trial_id(what.fingerprint, ""), stage.name, stage.name, "", "attempt")])


def record_results(lake: Lake, stage: AnyStage, what: Identity, results: pl.DataFrame) -> None:
    """Append what came of it: one row a search index.

    Parameters
    ----------
    results : family, search_index, sharpe_daily, n_observations.
    """
    _append(
        lake,
        [
            Trial(
                trial_id(what.fingerprint, row["search_index"]),
                row["family"],
                stage.name,
                row["search_index"],
                "result",
                row["sharpe_daily"],
                row["n_observations"],
            )
            for row in results.iter_rows(named=True)
        ],
    )


def verified_ledger(scan: Callable[[str], pl.LazyFrame]) -> pl.DataFrame:
    """Return the ledger in chain order, held against its links and the heads that verdicts recorded.

    Raises
    ------
    IntegrityError
        If a trial was altered, removed or inserted, or the tail was cut.
    """
    ledger = scan(TRIALS).collect().sort("position")
    verify_chain(ledger, scan("governance.verdicts").select("chain_head").unique().collect()["chain_head"].to_list())
    return ledger


def _append(lake: Lake, trials: list[Trial]) -> None:
    with lake.transaction([TRIALS]) as transaction:
        ledger = verified_ledger(transaction.scan)
        rows = chained(ledger, trials)
        if rows.height:
            transaction.append(TRIALS, rows)
            transaction.commit("trials")
