"""The DuckDB catalog: one schema a zone, one view a table, and the marts; rebuilt once a snapshot."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import duckdb

from tsis.core.errors import DataError
from tsis.core.names import require_identifier
from tsis.core.table import TableSpec
from tsis.lake.durable import sync
from tsis.lake.lock import locked
from tsis.lake.manifest import Manifest
from tsis.lake.snapshot import Snapshot
from tsis.lake.store import Lake

FILE = "warehouse.duckdb"
_SQL_TYPES = {
    "string": "VARCHAR",
    "double": "DOUBLE",
    "int64": "BIGINT",
    "int32": "INTEGER",
    "int8": "TINYINT",
    "bool": "BOOLEAN",
    "date32[day]": "DATE",
    "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
    "binary": "BLOB",
}


def refresh_catalog(lake: Lake, marts: Path) -> Path:
    """Return the catalog of the current snapshot, building it where it is older or was moved.

    Parameters
    ----------
    marts : folder of hand-written SQL, run in path order after the views.

    Raises
    ------
    DataError
        If a mart's SQL fails, with the file and DuckDB's reason.
    """
    path = lake.root / FILE
    sources = sorted(marts.rglob("*.sql"))
    if _stamp(path) == _wanted(lake, lake.snapshot(), sources):
        return path  # without the lock, so that a lake on a read-only file system can be queried
    with locked(lake.lock_path("_catalog"), FILE, 60.0):
        snapshot = lake.snapshot()
        stamp = _wanted(lake, snapshot, sources)
        if _stamp(path) == stamp:
            return path
        lake.root.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{FILE}.{os.getpid()}.tmp")
        temporary.unlink(missing_ok=True)
        try:
            with duckdb.connect(str(temporary)) as connection:
                connection.execute("set TimeZone = 'UTC'")
                connection.begin()  # without, each of some 800 statements is synced to the disk
                _build(connection, lake, snapshot, sources)
                connection.execute("create table main.catalog as select $stamp as stamp", {"stamp": stamp})
                connection.commit()
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def open_catalog(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a catalog read-only, times in UTC; any number of processes may."""
    connection = duckdb.connect(str(path), read_only=True)
    connection.execute("set TimeZone = 'UTC'")
    return connection


def _wanted(lake: Lake, snapshot: Snapshot, sources: Iterable[Path]) -> str:
    return f"{snapshot.id} {lake.root} " + " ".join(f"{s.name}:{s.stat().st_mtime_ns}" for s in sources)


def _stamp(path: Path) -> str | None:
    if not path.exists():
        return None
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("select stamp from main.catalog").fetchone()
    return str(found[0]) if found else None


def _build(connection: duckdb.DuckDBPyConnection, lake: Lake, snapshot: Snapshot, sources: Iterable[Path]) -> None:
    zones = sorted({spec.zone for spec in lake.tables.values()})
    for schema in [*zones, "marts"]:
        connection.execute(f"create schema {require_identifier(schema)}")
    for name, spec in lake.tables.items():
        version = snapshot.tables.get(name)
        manifest = lake.manifest(spec, version) if version else None
        rows = _rows(lake, spec, manifest)
        superseded = any(entry.n_superseded for entry in (manifest.files if manifest else ()))
        connection.execute(f"create view {name} as {_newest(spec, rows, '') if superseded else rows}")
        if spec.is_revisable:
            known = _newest(spec, rows, "where known_at <= as_of")
            connection.execute(f"create macro {name}_asof(as_of) as table {known}")
        _describe(connection, spec)
    for source in sources:
        try:
            connection.execute(source.read_text(encoding="utf-8"))
        except duckdb.Error as error:
            raise DataError(f"{source}: {str(error).splitlines()[0]}") from error


def _rows(lake: Lake, spec: TableSpec, manifest: Manifest | None) -> str:
    if manifest is None or not manifest.files:
        columns = (f"cast(null as {_SQL_TYPES[str(field.type)]}) as {field.name}" for field in spec.arrow_schema)
        return f"select {', '.join(columns)} where false"
    folder = lake.folder(spec)
    files = ", ".join(_quoted(str(folder / entry.path)) for entry in manifest.files)
    return f"select * from read_parquet([{files}], hive_partitioning = false)"


def _newest(spec: TableSpec, rows: str, condition: str) -> str:
    base = ", ".join(name for name in spec.key if name != "known_at")
    rank = f"row_number() over (partition by {base} order by known_at desc)"
    newest = f"select * from ({rows}) {condition} qualify {rank} = 1"
    return f"select * from ({newest}) where not is_deleted" if "is_deleted" in spec.polars_schema else newest


def _describe(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    connection.execute(f"comment on view {spec.name} is {_quoted(spec.description)}")
    for name, column in spec.columns.items():
        text = f"[{spec.unit(name)}] {column.description}"
        connection.execute(f"comment on column {spec.name}.{name} is {_quoted(text)}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
