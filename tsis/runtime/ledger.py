"""Counts trials: an attempt before a stage is called, its results afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import polars as pl

from tsis.core.errors import IntegrityError
from tsis.core.stage import AnyStage
from tsis.core.table import spec
from tsis.governance.trial_returns import daily_series, verify_returns
from tsis.governance.trials import Trial, chained, trial_id, verify_chain
from tsis.lake.snapshot import FOLDER, read_snapshot
from tsis.lake.store import Lake
from tsis.runtime.dag import SHARED
from tsis.runtime.record import Identity
from tsis.tables.governance.trial_returns import TrialReturns

MODELS = "governance.models"
TRIALS, RETURNS, VERDICTS = "governance.trials", "governance.trial_returns", "governance.verdicts"


def is_trial(stage: AnyStage) -> bool:
    """Tell whether a stage tries something that counts: it fits models, or says itself what came of its trials."""
    return fits(stage) or any(table.name in SHARED for table in stage.writes)


def fits(stage: AnyStage) -> bool:
    """Tell whether a stage fits models."""
    return any(table.name == MODELS for table in stage.writes)


def record_attempt(lake: Lake, stage: AnyStage, what: Identity) -> None:
    """Append that `stage` is about to be tried with this identity."""
    append_trials(lake, [Trial(trial_id(what.fingerprint, ""), stage.name, stage.name, "", "attempt")])


def record_results(lake: Lake, stage: AnyStage, what: Identity, results: pl.DataFrame) -> None:
    """Append what came of it: one row a search index, and its daily returns where it has some.

    Parameters
    ----------
    results : family, search_index, sharpe_daily, n_observations; `dates` and `returns` (lists of one length) where the
        stage gives them.
    """
    trials, series = [], []
    for row in results.iter_rows(named=True):
        found = daily_returns(row.get("dates"), row.get("returns"))
        series.append(found)
        trials.append(
            Trial(
                trial_id(what.fingerprint, row["search_index"]),
                row["family"],
                stage.name,
                row["search_index"],
                "result",
                row["sharpe_daily"],
                row["n_observations"],
                found["returns_hash"][0] if found.height else None,
            )
        )
    append_trials(lake, trials, series)


def daily_returns(dates: Sequence[date] | None, returns: Sequence[float] | None) -> pl.DataFrame:
    """Return the rows of governance.trial_returns for one trial, none where it has no returns."""
    if not dates or not returns:
        return spec(TrialReturns).empty()
    return daily_series(pl.Series(dates, dtype=pl.Date), pl.Series(returns, dtype=pl.Float64))


def verified_ledger(scan: Callable[[str], pl.LazyFrame]) -> pl.DataFrame:
    """Return the ledger in chain order, held against its links and the heads that verdicts recorded.

    Raises
    ------
    IntegrityError
        If a trial was altered, removed or inserted, or the tail was cut.
    """
    ledger = scan(TRIALS).collect().sort("position")
    verify_chain(ledger, scan(VERDICTS).select("chain_head").unique().collect()["chain_head"].to_list())
    return ledger


def verify_grown_only(lake: Lake) -> None:
    """Check that the ledger holds every trial that a kept version of it held.

    A verdict keeps the head of the chain, but not that of trials which came after it; the versions that the lake keeps
    do, until `tsis lake gc` removes them.

    Raises
    ------
    IntegrityError
        If it lacks one: its tail was cut, or cut and grown anew.
    """
    known = set(lake.scan(TRIALS).select("hash").collect()["hash"])
    for version in _committed(lake):
        earlier = lake.scan_version(TRIALS, version).select("hash").collect()["hash"]
        lost = [digest for digest in earlier if digest not in known]
        if lost:
            raise IntegrityError(
                f"governance.trials: {len(lost):,} of {earlier.len():,} trials of an earlier version ({version[:12]}) "
                "are gone: its tail was cut; restore the ledger from a copy"
            )


def _committed(lake: Lake) -> list[str]:
    """Return the versions of the ledger in kept snapshots: what was written and never committed is no trial."""
    paths = {lake.root / FOLDER / f"{entry['snapshot']}.json" for entry in lake.history()}
    found = {read_snapshot(path).tables.get(TRIALS) for path in paths if path.exists()}
    return sorted(version for version in found if version is not None)


def verified_returns(scan: Callable[[str], pl.LazyFrame], ledger: pl.DataFrame) -> pl.DataFrame:
    """Return the daily returns of all trials, held against the hashes that the ledger names.

    Raises
    ------
    IntegrityError
        If a series was altered, cut, removed or inserted.
    """
    returns = scan(RETURNS).collect()
    verify_returns(ledger, returns)
    return returns


def append_trials(lake: Lake, trials: Sequence[Trial], series: Sequence[pl.DataFrame] = ()) -> None:
    """Append trials to the chain, and the daily returns that they name; what is there already is not counted again."""
    with lake.transaction([TRIALS, RETURNS]) as transaction:
        ledger = verified_ledger(transaction.scan)
        rows = chained(ledger, trials)
        named = rows["returns_hash"].drop_nulls().implode()
        returns = pl.concat([spec(TrialReturns).empty(), *series]).filter(pl.col("returns_hash").is_in(named))
        if rows.height:
            transaction.append(TRIALS, rows)
            if returns.height:
                transaction.append(RETURNS, returns.unique(spec(TrialReturns).key))
            transaction.commit("trials")
