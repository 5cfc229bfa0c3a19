"""Law 6 and what the store relies on, over every declared table, found by discovery."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from tsis.core.names import require_identifier
from tsis.core.table import TableSpec
from tsis.lake import Lake
from tsis.lake.check import check_lake
from tsis.lake.contract import check_contract
from tsis.lake.parquet import frame_batches, write_partition
from tsis.lake.partition import partition_of
from tsis.runtime.tables import tables

TABLES = list(tables().values())
ZONES = {
    *("reference", "raw", "processed_features", "labeling", "ml_dataset", "signals", "execution"),
    *("analytics", "governance"),
}
MOMENT = datetime(2021, 3, 14, 15, 9, 26, 535_897, tzinfo=UTC)
NOT_A_UNIT = {"", "-", "?", "none", "n/a", "tbd", "todo"}

every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def valid_rows(table: TableSpec, n: int = 3) -> pl.DataFrame:
    """Return rows that meet the contract and differ in every key column that can."""
    data = {name: [_value(table, name, i) for i in range(n)] for name in table.polars_schema}
    return pl.DataFrame(data, schema=table.polars_schema)


def _value(table: TableSpec, name: str, i: int) -> Any:
    column, dtype = table.columns[name], table.polars_schema[name].base_type()
    if column.nullable and i == 1:
        return None
    allowed = [check.statistics["allowed_values"] for check in column.checks if check.name == "isin"]
    if allowed:
        return sorted(allowed[0])[0]
    if name == "bar_spec":
        return "time_1d"
    # equal in all columns of a row but rising over the rows: ordered prices and quotes are in order
    step = i if name in table.key else 0
    values = {
        pl.String: f"T{step}",
        pl.Datetime: MOMENT + timedelta(days=200 * step),
        pl.Date: date(2021, 3, 14) + timedelta(days=step),
        pl.Boolean: False,
        pl.Binary: b"\x00\xff",
        pl.Float64: 1.0,
    }
    return values.get(dtype, 1 + step)


def test_the_tables_of_all_zones_are_there() -> None:
    assert {table.zone for table in TABLES} == ZONES
    assert len(TABLES) == len({table.name for table in TABLES}) >= 30


@every_table
def test_names_are_sql_identifiers(table: TableSpec) -> None:
    for name in (table.zone, table.table, *table.polars_schema):
        assert require_identifier(name) == name


@every_table
def test_every_column_has_a_unit_and_a_description(table: TableSpec) -> None:
    assert len(table.description) > 15
    assert table.description.endswith(".")
    for name, column in table.columns.items():
        assert table.unit(name).strip().lower() not in NOT_A_UNIT, f"{name} has no unit"
        assert column.description, f"{name} has no description"
        assert not column.description.endswith("."), f"{name}: a description is a phrase"


@every_table
def test_units_in_names_agree_with_the_declared_ones(table: TableSpec) -> None:
    suffixes = {
        "_bps": "bps",
        "_frac": "frac",
        "_ns": "ns",
        "_ms": "ms",
        "_s": "s",
        "_bytes": "bytes",
        "_quote": "quote",
    }
    for name in table.polars_schema:
        for suffix, unit in suffixes.items():
            if name.endswith(suffix):
                assert table.unit(name) == unit, name
        if name.startswith("is_"):
            assert (table.unit(name), table.polars_schema[name]) == ("flag", pl.Boolean), name
        if table.polars_schema[name] == pl.Boolean:
            assert table.unit(name) == "flag", name
        if isinstance(table.polars_schema[name], pl.Datetime):
            assert (table.unit(name), table.polars_schema[name]) == ("UTC", pl.Datetime("us", "UTC")), name


@every_table
def test_enums_are_closed(table: TableSpec) -> None:
    for name, column in table.columns.items():
        allowed = [check.statistics["allowed_values"] for check in column.checks if check.name == "isin"]
        if table.unit(name) == "enum":
            assert allowed, f"{name} is an enum without its values"
        if allowed and table.polars_schema[name] == pl.String:
            assert all(re.fullmatch(r"[A-Za-z0-9_.]+", value) for value in allowed[0]), name
            assert len(allowed[0]) == len(set(allowed[0]))


@every_table
def test_the_key_identifies_and_orders_rows(table: TableSpec) -> None:
    assert table.key
    assert len(set(table.key)) == len(table.key)
    for name in table.key:
        column = table.columns[name]
        assert not column.nullable, f"key column {name} may be null"
        assert not table.polars_schema[name].is_float(), f"key column {name} is a float"


@every_table
def test_time_and_partition_are_what_the_store_can_prune_by(table: TableSpec) -> None:
    if table.time is not None:
        assert table.polars_schema[table.time] == pl.Datetime("us", "UTC")
        assert not table.columns[table.time].nullable
    if table.partition != "none":
        assert table.time is not None
    if table.partition == "bar_spec":
        assert {"bar_spec", table.time} <= set(table.key)


@every_table
def test_a_revisable_table_can_be_read_as_of(table: TableSpec) -> None:
    """The newest row of a key is the last one, and a revision lies in the partition of what it revises."""
    if not table.is_revisable:
        assert "is_deleted" not in table.polars_schema
        return
    assert table.key[-1] == "known_at"
    assert table.time is None or table.time in table.key
    if table.zone == "raw":
        assert {"source", "is_synthetic", "is_deleted"} <= set(table.polars_schema)
        assert "source" in table.key


@every_table
def test_quarantine_is_for_what_vendors_send(table: TableSpec) -> None:
    assert table.quarantines == (table.zone in ("raw", "reference") and table.is_revisable)
    if table.quarantines:
        assert "reason" not in table.polars_schema, "the quarantine adds a column of this name"


@every_table
def test_rows_with_nulls_where_they_may_be_meet_the_contract(table: TableSpec) -> None:
    rows = valid_rows(table)
    assert check_contract(table, rows).good.equals(rows)


@every_table
def test_a_null_where_none_may_be_is_found(table: TableSpec) -> None:
    required = [name for name, column in table.columns.items() if not column.nullable]
    reasons = reasons_of(table, [(name, None) for name in required])
    for name, reason in zip(required, reasons, strict=True):
        assert f"{name}: not_nullable" in reason.split("; ")


@every_table
def test_no_number_may_be_nan_or_infinite(table: TableSpec) -> None:
    floats = [name for name, dtype in table.polars_schema.items() if dtype.is_float()]
    broken = [(name, float(value)) for name in floats for value in ("nan", "inf", "-inf")]
    for (name, _), reason in zip(broken, reasons_of(table, broken), strict=True):
        assert f"{name}: not a finite number" in reason.split("; ")


def reasons_of(table: TableSpec, broken: list[tuple[str, object]]) -> list[str]:
    """Return why each row is refused; row i has the value `broken[i]` in one column and is valid in all others."""
    data: dict[str, list[object]] = {
        name: [_value(table, name, 2 * i) for i in range(len(broken))] for name in table.polars_schema
    }
    for row, (name, value) in enumerate(broken):
        data[name][row] = value
    checked = check_contract(replace(table, quarantines=True), pl.DataFrame(data, schema=table.polars_schema))
    assert checked.good.is_empty()
    return checked.bad["_reason"].to_list()


@every_table
def test_rows_come_back_from_parquet_with_their_types(table: TableSpec, tmp_path: Path) -> None:
    rows = valid_rows(table).sort(table.key)
    (entry,) = write_partition(table, tmp_path, "", frame_batches(table, rows))
    stored = pq.read_schema(tmp_path / entry.path)
    assert stored.equals(table.arrow_schema)
    assert [field.nullable for field in stored] == [column.nullable for column in table.columns.values()]
    back = pl.read_parquet(tmp_path / entry.path)
    assert back.schema == table.polars_schema
    assert back.equals(rows)
    assert entry.rows == 3
    if table.time:
        assert datetime.fromisoformat(entry.time_min or "") == rows[table.time].min()
        assert datetime.fromisoformat(entry.time_max or "") == rows[table.time].max()


@every_table
def test_published_rows_are_read_again(table: TableSpec, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", {table.name: table})
    rows = valid_rows(table)
    published = lake.append(table.name, rows)
    assert lake.scan(table.name).collect().sort(table.key).equals(rows)
    assert lake.append(table.name, rows.reverse()).version == published.version
    n_partitions = rows.select(partition_of(table)).n_unique() if table.partition != "none" else 1
    assert len(lake.manifest(table, published.version).files) == n_partitions
    assert lake.replace(table.name, rows).version == published.version
    assert lake.replace(table.name, rows.clear()).rows == 0
    assert lake.scan(table.name).collect().equals(table.empty())
    assert list(check_lake(lake)) == []


@every_table
def test_nothing_is_a_version_too(table: TableSpec, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", {table.name: table})
    assert lake.scan(table.name).collect().equals(table.empty())
    assert lake.replace(table.name, table.empty()).rows == 0
    assert lake.scan(table.name).collect().schema == table.polars_schema
