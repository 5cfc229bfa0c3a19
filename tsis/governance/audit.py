"""Why a position was entered: from the fill back to the raw rows, each row with its file, hashed now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from tsis.core.errors import DataError, IntegrityError, UnknownNameError
from tsis.core.table import TableSpec
from tsis.lake.catalog import open_catalog
from tsis.lake.integrity import damage
from tsis.lake.scan import may_hold
from tsis.lake.store import Lake

_CHAIN = """
select * from marts.trade_chain
where ticker = $ticker and filled_at >= $moment and (session_id = $session or $session is null)
order by filled_at, fill_id limit 1
"""


@dataclass(frozen=True)
class Evidence:
    """A file that holds rows of a step: its hash in the manifest, and what is wrong with it now (None: nothing)."""

    path: Path
    sha256: str
    problem: str | None


@dataclass(frozen=True)
class Step:
    """One step of the chain: the rows of a table, and the files that hold them.

    `rows` are at most the first `SHOWN` of `n_rows`.
    """

    name: str
    table: str
    rows: Sequence[Mapping[str, Any]]
    n_rows: int
    files: Sequence[Evidence]


SHOWN = 3


def audit_trail(lake: Lake, catalog: Path, ticker: str, moment: datetime, session: str | None = None) -> list[Step]:
    """Return the steps of the first fill of `ticker` at or after `moment`: fill, order, signal, model, …, raw rows.

    Every file is read and hashed anew: a step whose file is not what the manifest says tells so in its evidence.

    Parameters
    ----------
    catalog : the DuckDB file of the current snapshot.
    moment : with a time zone.
    session : only fills of this session; None takes any.

    Raises
    ------
    UnknownNameError
        If the ticker has no fills at all.
    DataError
        If it has none at or after `moment`, or a step of the chain is missing.
    IntegrityError
        If a file is damaged so that its rows can't be read.
    """
    chain = _chain(lake, catalog, ticker, moment, session)
    fill = pl.col("session_id") == chain["session_id"]
    bar = (pl.col("ticker") == ticker) & (pl.col("bar_spec") == chain["bar_spec"])
    at_bar = bar & (pl.col("ts_close") == chain["feature_ts_close"]) & (pl.col("seq") == chain["feature_seq"])
    version = pl.col("model_version") == chain["model_version"]
    after_first = (pl.col("ts") > chain["raw_ts_first"]) | (
        (pl.col("ts") == chain["raw_ts_first"]) & (pl.col("seq") >= chain["raw_seq_first"])
    )
    before_last = (pl.col("ts") < chain["raw_ts_last"]) | (
        (pl.col("ts") == chain["raw_ts_last"]) & (pl.col("seq") <= chain["raw_seq_last"])
    )
    of_strategy = pl.col("strategy_id") == chain["model"]
    newest = of_strategy & (pl.col("judged_at") == pl.col("judged_at").filter(of_strategy).max())
    asked = [
        ("fill", "execution.fills_log", fill & (pl.col("fill_id") == chain["fill_id"])),
        ("order", "execution.orders_log", fill & (pl.col("order_id") == chain["order_id"])),
        ("signal", "signals.setups", fill & (pl.col("signal_id") == chain["signal_id"])),
        ("prediction", "signals.predictions", version & bar & (pl.col("t0") == chain["feature_ts_close"])),
        ("model", "governance.models", version & (pl.col("split") == "walk_forward")),
        ("gate", "governance.verdicts", newest),
        ("features", "processed_features.features", at_bar),
        ("bar", "processed_features.information_bars", at_bar),
        ("raw rows", chain["raw_table"], (pl.col("ticker") == chain["raw_ticker"]) & after_first & before_last),
    ]
    steps = [_step(lake, name, lake.spec(table), condition) for name, table, condition in asked]
    missing = [step.name for step in steps if not step.n_rows and step.name != "gate"]
    if missing:
        raise DataError(f"fill {chain['fill_id']} of {ticker}: the chain has no {', no '.join(missing)}")
    return steps


def checklist(signal: Mapping[str, Any]) -> dict[str, bool]:
    """Return rule to whether it held, of a row of signals.setups."""
    return {str(rule): bool(held) for rule, held in json.loads(signal["checklist"]).items()}


def _chain(lake: Lake, catalog: Path, ticker: str, moment: datetime, session: str | None) -> dict[str, Any]:
    with open_catalog(catalog) as connection:
        found = connection.execute(_CHAIN, {"ticker": ticker, "moment": moment, "session": session})
        names = [column[0] for column in found.description or ()]
        row = found.fetchone()
    if row is not None:
        return dict(zip(names, row, strict=True))
    fills = lake.scan("execution.fills_log").select("ticker", "ts").collect()
    of_ticker = fills.filter(pl.col("ticker") == ticker)
    if of_ticker.is_empty():
        raise UnknownNameError("ticker with fills", ticker, fills["ticker"].unique().to_list())
    last = of_ticker["ts"].sort()[-1]
    raise DataError(f"{ticker} has {of_ticker.height:,} fills, the last at {last}; none from {moment}")


def _step(lake: Lake, name: str, spec: TableSpec, condition: pl.Expr) -> Step:
    version = lake.snapshot().tables.get(spec.name)
    try:
        rows = lake.scan(spec.name).filter(condition).collect().sort(spec.key)
    except pl.exceptions.PolarsError as error:
        raise IntegrityError(
            f"{spec.name} can't be read ({error}); 'tsis lake check' names the damaged file"
        ) from error
    files = [] if version is None or rows.is_empty() else _files(lake, spec, version, rows)
    shown = rows.select(pl.exclude(pl.Binary)).head(SHOWN).to_dicts()
    return Step(name, spec.name, shown, rows.height, files)


def _files(lake: Lake, spec: TableSpec, version: str, rows: pl.DataFrame) -> list[Evidence]:
    """Return the files that hold any of `rows`."""
    tickers = rows["ticker"].unique().to_list() if "ticker" in rows.columns else None
    first = rows[spec.time].min() if spec.time else None
    found = []
    for entry in lake.manifest(spec, version).files:
        path = lake.folder(spec) / entry.path
        if not may_hold(spec, entry, tickers, first if isinstance(first, datetime) else None):
            continue
        problem = damage(path, entry, is_hashed=True)
        if problem or _holds(path, rows.select(spec.key)):
            found.append(Evidence(path, entry.sha256, problem))
    return found


def _holds(path: Path, keys: pl.DataFrame) -> bool:
    stored = pl.scan_parquet(path, hive_partitioning=False, glob=False).select(keys.columns)
    return bool(stored.join(keys.lazy(), on=keys.columns, how="semi").head(1).collect().height)
