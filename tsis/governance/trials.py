"""The ledger of trials: a chain in which no row can be altered, removed or inserted unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from tsis.core.errors import IntegrityError
from tsis.core.table import spec
from tsis.tables.governance.trials import Trials

GENESIS = "0" * 64


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


def chain_head(ledger: pl.DataFrame) -> str:
    """Return the hash of the last row, `GENESIS` for an empty ledger."""
    return str(ledger["hash"][-1]) if ledger.height else GENESIS


def chained(ledger: pl.DataFrame, trials: Sequence[Trial]) -> pl.DataFrame:
    """Return the rows that append `trials` to `ledger`; a trial that is there with this status does not count again."""
    known = set(ledger.select("trial_id", "status").iter_rows())
    previous, position = chain_head(ledger), ledger.height
    rows = []
    for trial in trials:
        if (trial.trial_id, trial.status) in known:
            continue
        known.add((trial.trial_id, trial.status))
        content = {"position": position, **vars(trial)}
        digest = _row_hash(content, previous)
        rows.append({**content, "previous": previous, "hash": digest})
        previous, position = digest, position + 1
    return pl.DataFrame(rows, schema=spec(Trials).polars_schema)


def verify_chain(ledger: pl.DataFrame, recorded_heads: Sequence[str] = ()) -> None:
    """Check every link, and that every head that a verdict recorded is still in the chain.

    Raises
    ------
    IntegrityError
        If a row was altered, removed or inserted, or the tail was cut.
    """
    previous = GENESIS
    hashes = {GENESIS}
    for position, row in enumerate(ledger.sort("position").iter_rows(named=True)):
        content = {name: value for name, value in row.items() if name not in ("previous", "hash")}
        intact = row["position"] == position and row["previous"] == previous
        if not intact or row["hash"] != _row_hash(content, previous):
            raise IntegrityError(
                f"governance.trials: the chain is broken at position {position:,} of {ledger.height:,}: "
                "a trial was altered, removed or inserted; restore the ledger from a copy"
            )
        previous = row["hash"]
        hashes.add(previous)
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


def _row_hash(content: dict[str, object], previous: str) -> str:
    text = json.dumps({**content, "previous": previous}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
