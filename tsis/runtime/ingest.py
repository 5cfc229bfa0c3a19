"""Takes what a source delivers into raw and reference, in one transaction and in bounded memory."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from tsis.core.clock import Clock, SystemClock
from tsis.core.errors import ContractError
from tsis.core.params import Params
from tsis.lake.durable import file_sha256
from tsis.lake.quarantine import set_aside
from tsis.lake.store import Lake
from tsis.lake.transaction import Transaction
from tsis.runtime.code_version import code_version
from tsis.runtime.dag import owner_of_table, stages
from tsis.runtime.record import Identity, earlier_outputs, entry, log, publish
from tsis.runtime.results import Outcome
from tsis.sources.protocol import AnySource

if TYPE_CHECKING:
    from tsis.runtime.gate import Gate


@dataclass
class Ingestion:
    """What an ingestion did, by table."""

    run_id: str
    delivered: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    out_of_order: Counter[str] = field(default_factory=Counter)
    quarantine_files: list[Path] = field(default_factory=list)
    tickers: set[str] = field(default_factory=set)
    is_known: bool = False

    def strangers(self, lake: Lake) -> list[str]:
        """Return the tickers of the delivery that reference.tickers_dim does not have."""
        known = set(lake.scan("reference.tickers_dim").select("ticker").unique().collect()["ticker"])
        return sorted(self.tickers - known)

    def summary(self) -> list[str]:
        """Return one line a table: delivered, new, known already, quarantined, out of order."""
        return [
            f"{table}: {self.delivered[table]:,} rows delivered, {self.added[table]:,} new, "
            f"{self.delivered[table] - self.quarantined[table] - self.added[table]:,} known already, "
            f"{self.quarantined[table]:,} quarantined"
            + (f", {self.out_of_order[table]:,} out of order (sorted)" if self.out_of_order[table] else "")
            for table in sorted(self.delivered)
        ]


def ingest(
    lake: Lake, source: AnySource, request: Params, clock: Clock | None = None, *, gate: Gate | None = None
) -> Ingestion:
    """Fetch, parse, check, quarantine, merge, commit.

    The same delivery twice changes nothing, and files taken before are not read again. A row with a known key
    and other values is refused unless it carries a later ``known_at``. All of the delivery that is good is
    published, or nothing of it.

    Parameters
    ----------
    gate : judges the delivery before it is committed, such as `tsis.runtime.gate.quality_gate`; None: nobody does.

    Raises
    ------
    GateError
        If the gate refuses the delivery; nothing of it is published.
    DataError, UsageError
        As the source raises them.
    RevisionError
        If a known row arrives with other values.
    """
    clock = clock or SystemClock()
    started_at, begin = clock.now(), time.perf_counter()
    done = Ingestion(f"{started_at:%Y%m%dT%H%M%S}-{uuid4().hex[:6]}")
    stage = f"ingest:{source.name}"
    batches = source.batches(request)  # checks the request before anything is read
    what = _identity(source, request)
    if what.inputs and _is_held(lake, earlier_outputs(lake, stage, what.fingerprint)):
        done.is_known = True
        return done
    revisable = [name for name, table in lake.tables.items() if table.quarantines]
    outputs: dict[str, str] = {}
    with lake.transaction(revisable) as transaction:
        before = {name: transaction.version(name) for name in revisable}
        vendor_seq: dict[str, bool] = {}
        for batch in batches:
            done.delivered[batch.table] += batch.rows.height + batch.rejected.height
            done.out_of_order[batch.table] += batch.n_out_of_order
            if vendor_seq.setdefault(batch.table, batch.has_vendor_seq) != batch.has_vendor_seq:
                raise ContractError(f"{batch.table}: some files of this delivery have sequence numbers, others not")
            if batch.rejected.height:
                done.quarantined[batch.table] += batch.rejected.height
                done.quarantine_files.append(set_aside(lake.root, batch.table, batch.rejected))
            if "ticker" in batch.rows.columns:
                done.tickers.update(batch.rows["ticker"].unique().drop_nulls())
            staged = transaction.stage(batch.table, batch.rows, batch.origin)
            done.quarantined[batch.table] += staged.rows_quarantined
            if staged.quarantine:
                done.quarantine_files.append(staged.quarantine)
        for table, has_vendor_seq in sorted(vendor_seq.items()):
            rows_before = _rows(lake, table, before[table])
            published = transaction.append_staged(table, has_vendor_seq=has_vendor_seq)
            done.added[table] = published.rows - rows_before
            outputs[table] = published.version
        _open_all(lake, transaction)
        if gate:
            gate(lake, transaction, done.run_id, clock)
        transaction.commit(f"{done.run_id} {stage}")
    outcome = Outcome(
        stage=stage,
        status="success",
        rows_in=done.delivered.total(),
        rows_out=done.added.total(),
        rows_quarantined=done.quarantined.total(),
        seconds=time.perf_counter() - begin,
    )
    log(lake, done.run_id, outcome, started_at)
    publish(lake, [entry(done.run_id, outcome, what, outputs, started_at)], f"{done.run_id} runs")
    return done


def _open_all(lake: Lake, transaction: Transaction) -> None:
    """Give each table that no stage owns a version, be it without rows: that nothing came is known by its manifest."""
    owned = owner_of_table(stages())
    for name, table in lake.tables.items():
        if table.quarantines and name not in owned and transaction.version(name) is None:
            transaction.append(name, table.empty())


def _identity(source: AnySource, request: Params) -> Identity:
    """Return code, request, and the hash of every file of the delivery."""
    files = source.files(request) if source.files else ()
    code = code_version(source.batches.__module__)
    return Identity(code, request.digest(), {str(path): file_sha256(path) for path in files})


def _is_held(lake: Lake, earlier: dict[str, str] | None) -> bool:
    """Tell whether the lake is as an earlier success of the same delivery left it."""
    tables = lake.snapshot().tables
    return bool(earlier) and all(tables.get(name) == version for name, version in (earlier or {}).items())


def _rows(lake: Lake, table: str, version: str | None) -> int:
    return lake.manifest(lake.spec(table), version).rows if version else 0
