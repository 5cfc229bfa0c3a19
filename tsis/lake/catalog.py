"""The DuckDB catalog: one schema a zone, one view a table, and the marts; rebuilt once a snapshot."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import duckdb

from tsis.core.errors import DataError
from tsis.core.names import require_identifier
from tsis.core.table import TableSpec
from tsis.lake.durable import sync
from tsis.lake.lock import locked
from tsis.lake.manifest import Manifest, schema_fingerprint
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
    """Return the catalog of the current snapshot, bringing it up to date where it is older or was moved.

    Where only data has changed, the views of the tables that changed are replaced in a copy; else all is built anew.

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
    frame = _frame(lake, sources)
    if _stamp(path) == (frame, lake.snapshot().id):
        return path  # without the lock, so that a lake on a read-only file system can be queried
    with locked(lake.lock_path("_catalog"), FILE, 60.0):
        snapshot = lake.snapshot()
        before = _stamp(path)
        if before == (frame, snapshot.id):
            return path
        lake.root.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{FILE}.{os.getpid()}.tmp")
        temporary.unlink(missing_ok=True)
        try:
            if before and before[0] == frame:
                shutil.copyfile(path, temporary)
            with duckdb.connect(str(temporary)) as connection:
                connection.execute("set TimeZone = 'UTC'")
                connection.begin()  # without, each of some 1,000 statements is synced to the disk
                if before and before[0] == frame:
                    _replace_changed(connection, lake, snapshot)
                else:
                    _build(connection, lake, snapshot, sources)
                connection.execute(
                    "create or replace table main.catalog as select $1 as frame, $2 as snapshot", [frame, snapshot.id]
                )
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


def _frame(lake: Lake, sources: Iterable[Path]) -> str:
    """Return a digest of everything in a catalog that is not data: place, declarations and marts."""
    digest = hashlib.sha256(f"{duckdb.__version__} {lake.root}".encode())
    for name, spec in lake.tables.items():
        digest.update(f"{name} {spec.description} {spec.key} {spec.arrow_schema} {_texts(spec)}".encode())
    for source in sources:
        digest.update(f"{source.name} {source.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


def _stamp(path: Path) -> tuple[str, str] | None:
    """Return frame and snapshot of a catalog, None where there is none or one of an older layout."""
    if not path.exists():
        return None
    with duckdb.connect(str(path), read_only=True) as connection:
        try:
            found = connection.execute("select frame, snapshot from main.catalog").fetchone()
        except duckdb.Error:
            return None
    return (str(found[0]), str(found[1])) if found else None


def _build(connection: duckdb.DuckDBPyConnection, lake: Lake, snapshot: Snapshot, sources: Iterable[Path]) -> None:
    zones = sorted({spec.zone for spec in lake.tables.values()})
    for schema in [*zones, "marts"]:
        connection.execute(f"create schema {require_identifier(schema)}")
    connection.execute("create table main.definitions (name varchar, definition varchar)")
    for spec in lake.tables.values():
        _define(connection, spec, _definition(lake, spec, snapshot))
    for source in sources:
        try:
            connection.execute(source.read_text(encoding="utf-8"))
        except duckdb.Error as error:
            raise DataError(f"{source}: {str(error).splitlines()[0]}") from error


def _replace_changed(connection: duckdb.DuckDBPyConnection, lake: Lake, snapshot: Snapshot) -> None:
    known = dict(connection.execute("select name, definition from main.definitions").fetchall())
    for name, spec in lake.tables.items():
        definition = _definition(lake, spec, snapshot)
        if definition != known[name]:
            connection.execute("delete from main.definitions where name = $1", [name])
            _define(connection, spec, definition)


def _define(connection: duckdb.DuckDBPyConnection, spec: TableSpec, definition: str) -> None:
    connection.execute(definition)
    connection.execute("insert into main.definitions values ($1, $2)", [spec.name, definition])
    connection.execute(f"comment on view {spec.name} is {_quoted(spec.description)}")
    for name, text in _texts(spec).items():
        connection.execute(f"comment on column {spec.name}.{name} is {_quoted(text)}")


def _definition(lake: Lake, spec: TableSpec, snapshot: Snapshot) -> str:
    """Return the statements that make the view of a table, and the macro of one that is revised."""
    version = snapshot.tables.get(spec.name)
    manifest = lake.manifest(spec, version) if version else None
    rows = _rows(lake, spec, manifest)
    superseded = any(entry.n_superseded for entry in (manifest.files if manifest else ()))
    view = f"create or replace view {spec.name} as {_newest(spec, rows, '') if superseded else rows}"
    if not spec.is_revisable:
        return view
    known = _newest(spec, rows, "where known_at <= as_of")
    return f"{view}; create or replace macro {spec.name}_asof(as_of) as table {known}"


def _rows(lake: Lake, spec: TableSpec, manifest: Manifest | None) -> str:
    if manifest is None or not manifest.files:
        columns = (f"cast(null as {_SQL_TYPES[str(field.type)]}) as {field.name}" for field in spec.arrow_schema)
        return f"select {', '.join(columns)} where false"
    folder = lake.folder(spec)
    files = ", ".join(_quoted(str(folder / entry.path)) for entry in manifest.files)
    rows = f"select * from read_parquet([{files}], hive_partitioning = false)"
    if manifest.schema == schema_fingerprint(spec):
        return rows
    # written with other columns: those that it lacks are null until it is written anew
    return f"{_rows(lake, spec, None)} union all by name {rows}"


def _newest(spec: TableSpec, rows: str, condition: str) -> str:
    base = ", ".join(name for name in spec.key if name != "known_at")
    rank = f"row_number() over (partition by {base} order by known_at desc)"
    newest = f"select * from ({rows}) {condition} qualify {rank} = 1"
    return f"select * from ({newest}) where not is_deleted" if "is_deleted" in spec.polars_schema else newest


def _texts(spec: TableSpec) -> dict[str, str]:
    return {name: f"[{spec.unit(name)}] {column.description}" for name, column in spec.columns.items()}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
