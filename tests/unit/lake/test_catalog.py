"""The catalog follows the lake: what is brought up to date equals what is built anew."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tsis.core.errors import DataError
from tsis.core.table import Table, Timestamp, column, spec
from tsis.lake.catalog import FILE, open_catalog, refresh_catalog
from tsis.lake.store import Lake


class Prices(Table, name="demo.prices", key=("ticker", "known_at"), time="known_at"):
    """Prices that are revised."""

    ticker: str = column("symbol", "Ticker")
    known_at: Timestamp = column("UTC", "Known at")
    price: float = column("quote", "It's the price")


class Totals(Table, name="demo.totals", key=("ticker",)):
    """Totals."""

    ticker: str = column("symbol", "Ticker")
    total: float = column("quote", "Total")


def prices(*known: int) -> pl.DataFrame:
    rows = [("A", datetime(2024, 1, day, tzinfo=UTC), float(day)) for day in known]
    return pl.DataFrame(rows, schema=spec(Prices).polars_schema, orient="row")


def said(path: Path) -> list[list[tuple[object, ...]]]:
    """Views, macros and columns with their comments, and the rows that the views give."""
    with open_catalog(path) as connection:
        return [
            sorted(connection.execute(query).fetchall(), key=str)
            for query in (
                "select schema_name, view_name, sql, comment from duckdb_views() where not internal",
                "select schema_name, table_name, column_name, data_type, comment from duckdb_columns()",
                "select schema_name, function_name, macro_definition from duckdb_functions() where not internal",
                "select * from demo.prices",
                "select * from demo.prices_asof('2024-01-02')",
                "select * from demo.totals",
                "select * from marts.doubled",
            )
        ]


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    folder = tmp_path / "warehouse"
    folder.mkdir()
    (folder / "doubled.sql").write_text(
        "create view marts.doubled as select ticker, 2 * price as twice from demo.prices"
    )
    return folder


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", {table.name: table for table in map(spec, (Prices, Totals))}, wait_s=5)


def test_what_is_brought_up_to_date_equals_what_is_built_anew(lake: Lake, marts: Path) -> None:
    path = refresh_catalog(lake, marts)
    assert said(path)[3] == []
    for rows in (prices(1), prices(2, 3)):
        with lake.transaction(["demo.prices"]) as transaction:
            transaction.append("demo.prices", rows)
            transaction.commit("test")
        updated = said(refresh_catalog(lake, marts))
        path.unlink()
        assert updated == said(refresh_catalog(lake, marts))
    assert [row[2] for row in updated[3]] == [3.0]
    assert [row[2] for row in updated[4]] == [2.0]
    assert ("demo", "prices", "price", "DOUBLE", "[quote] It's the price") in updated[1]


def test_an_edited_mart_is_built_anew(lake: Lake, marts: Path) -> None:
    lake.replace("demo.prices", prices(1))
    refresh_catalog(lake, marts)
    (marts / "doubled.sql").write_text(
        "create view marts.doubled as select ticker, 3 * price as thrice from demo.prices"
    )
    assert said(refresh_catalog(lake, marts))[-1] == [("A", 3.0)]


def test_a_mart_that_fails_is_named_and_the_catalog_of_before_stays(lake: Lake, marts: Path) -> None:
    path = refresh_catalog(lake, marts)
    before = path.read_bytes()
    (marts / "wrong.sql").write_text("create view marts.wrong as select nothing from demo.prices")
    with pytest.raises(DataError, match=r"wrong\.sql: Binder Error"):
        refresh_catalog(lake, marts)
    assert path.read_bytes() == before
    assert [found.name for found in lake.root.glob(f"{FILE}*")] == [FILE]


def test_a_table_that_was_written_with_other_columns_can_be_read(lake: Lake, marts: Path) -> None:
    lake.replace("demo.totals", pl.DataFrame({"ticker": ["A"], "total": [1.0]}))

    class Totals(Table, name="demo.totals", key=("ticker",)):
        """Totals."""

        ticker: str = column("symbol", "Ticker")
        total: float = column("quote", "Total")
        n: int = column("rows", "How many", nullable=True)

    later = Lake(lake.root, lake.tables | {"demo.totals": spec(Totals)}, wait_s=5)
    assert said(refresh_catalog(later, marts))[5] == [("A", 1.0, None)]
    later.replace("demo.totals", pl.DataFrame({"ticker": ["A"], "total": [1.0], "n": [3]}))
    assert said(refresh_catalog(later, marts))[5] == [("A", 1.0, 3)]


def test_a_catalog_without_what_this_one_needs_is_built_anew(lake: Lake, marts: Path) -> None:
    path = refresh_catalog(lake, marts)
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table main.catalog")
        connection.execute("create table main.catalog as select 'of an older layout' as stamp")
    lake.replace("demo.prices", prices(1))
    assert len(said(refresh_catalog(lake, marts))[3]) == 1
