"""The ledger of trials: a chain in which no row can be altered, removed or inserted unseen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from tsis.core.errors import IntegrityError
from tsis.core.table import spec
from tsis.governance.hash_chain import GENESIS, first_broken, linked
from tsis.tables.governance.trials import Trials


@dataclass(frozen=True)
class Trial:
    """One attempt or one result, before it is chained."""

    trial_id: str
    family: str
    stage: str
    search_index: str
    status: str
    sharpe_daily: float | None = None
    n_observations: int | None = None
    returns_hash: str | None = None


def trial_id(fingerprint: str, search_index: str) -> str:
    """Return the hash of stage, code, params and input versions (`fingerprint`) and the search index."""
    return hashlib.sha256(f"{fingerprint}:{search_index}".encode()).hexdigest()


def chained(ledger: pl.DataFrame, trials: Sequence[Trial]) -> pl.DataFrame:
    """Return the rows that append `trials` to `ledger`; a trial that is there with this status does not count again."""
    known = set(ledger.select("trial_id", "status").iter_rows())
    fresh = []
    for trial in trials:
        if (trial.trial_id, trial.status) not in known:
            known.add((trial.trial_id, trial.status))
            fresh.append(vars(trial))
    return pl.DataFrame(linked(ledger, fresh), schema=spec(Trials).polars_schema)


def verify_chain(ledger: pl.DataFrame, recorded_heads: Sequence[str] = ()) -> None:
    """Check every link, and that every head that a verdict recorded is still in the chain.

    Raises
    ------
    IntegrityError
        If a row was altered, removed or inserted, or the tail was cut.
    """
    position = first_broken(ledger)
    if position is not None:
        raise IntegrityError(
            f"governance.trials: the chain is broken at position {position:,} of {ledger.height:,}: "
            "a trial was altered, removed or inserted; restore the ledger from a copy"
        )
    hashes = {GENESIS, *ledger["hash"]}
    lost = [head for head in recorded_heads if head not in hashes]
    if lost:
        raise IntegrityError(
            f"governance.trials: {len(lost):,} recorded heads are not in the chain (first: {lost[0][:12]}): "
            "its tail was cut; restore the ledger from a copy"
        )


def trial_sharpes(ledger: pl.DataFrame, family: str) -> list[float | None]:
    """Return the daily Sharpe ratio of each distinct result of a family, in chain order; None where it had none."""
    results = ledger.filter((pl.col("status") == "result") & (pl.col("family") == family))
    return results["sharpe_daily"].to_list()
