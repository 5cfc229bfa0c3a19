"""The one way in which stages run: order, no-op, partial failure, skipping, recording."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import polars as pl
import pytest

from tsis.core.errors import StoreError
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import Table, column, spec
from tsis.lake import Lake
from tsis.lake.transaction import Transaction
from tsis.runtime import returned
from tsis.runtime.dag import ordered, select
from tsis.runtime.run import run
from tsis.tables.analytics.feature_importance import FeatureImportance
from tsis.tables.governance.lineage import Lineage
from tsis.tables.governance.runs import Runs
from tsis.tables.governance.trials import Trials


class Prices(Table, name="demo.prices", key=("ticker", "day")):
    """Prices of the test."""

    ticker: str = column("symbol", "Ticker")
    day: int = column("days", "Day")
    price: float = column("quote", "Price", gt=0)


class Doubles(Table, name="demo.doubles", key=("ticker", "day")):
    """Twice the price."""

    ticker: str = column("symbol", "Ticker")
    day: int = column("days", "Day")
    price: float = column("quote", "Price", gt=0)


class Halves(Table, name="demo.halves", key=("ticker", "day")):
    """Half the doubles."""

    ticker: str = column("symbol", "Ticker")
    day: int = column("days", "Day")
    price: float = column("quote", "Price", gt=0)


class Totals(Table, name="demo.totals", key=("ticker",)):
    """Sum of the doubles."""

    ticker: str = column("symbol", "Ticker")
    total: float = column("quote", "Total")


class DoublesParams(Params):
    factor: float = 2.0
    fails_on: str = ""
    breaks_on: str = ""
    lacks_price_of: str = ""


class TotalsParams(Params):
    pass


calls: list[str] = []


@stage(reads=[Prices], writes=[Doubles], by="ticker")
def doubles(prices: pl.DataFrame, params: DoublesParams) -> pl.DataFrame:
    """Multiply."""
    ticker = prices["ticker"][0]
    calls.append(ticker)
    if ticker == params.fails_on:
        raise ZeroDivisionError("planted")
    if ticker == params.lacks_price_of:
        return prices.drop("price")
    if ticker == params.breaks_on:
        return prices.with_columns(-pl.col("price"))
    return prices.with_columns(pl.col("price") * params.factor)


@stage(reads=[Doubles], writes=[Totals])
def totals(doubles: pl.DataFrame, params: TotalsParams) -> pl.DataFrame:
    """Add."""
    return doubles.group_by("ticker").agg(total=pl.col("price").sum()).sort("ticker")


CHAIN = ordered([totals, doubles])


@pytest.fixture(params=["in memory", "on hold"])
def lake(tmp_path, request, monkeypatch):
    if request.param == "on hold":
        monkeypatch.setattr(returned, "IN_MEMORY_BYTES", 0)
    tables = [spec(t) for t in (Prices, Doubles, Totals, Runs, Lineage, Trials, FeatureImportance)]
    found = Lake(tmp_path / "lake", {table.name: table for table in tables}, wait_s=5)
    rows = [(ticker, day, 1.0 + day) for ticker in ("A", "B", "C") for day in range(3)]
    found.replace("demo.prices", pl.DataFrame(rows, schema=spec(Prices).polars_schema, orient="row"))
    calls.clear()
    return found


def go(lake, threads=2, **doubles_params):
    params = {"doubles": DoublesParams(**doubles_params), "totals": TotalsParams()}
    return run(lake, list(CHAIN.values()), params, threads=threads)


def statuses(report):
    return {outcome.stage: outcome.status for outcome in report.outcomes}


def test_order_follows_from_the_tables():
    assert list(CHAIN) == ["doubles", "totals"]
    assert [item.name for item in select(["totals"], CHAIN)] == ["totals"]


def test_a_run_publishes_and_records(lake):
    report = go(lake)
    assert statuses(report) == {"doubles": "success", "totals": "success"}
    assert lake.scan("totals").collect()["total"].to_list() == [12.0, 12.0, 12.0]
    runs = lake.scan("governance.runs").collect()
    assert runs["rows_in"].to_list() == [9, 9]
    assert runs["rows_out"].to_list() == [9, 3]
    lineage = lake.scan("governance.lineage").collect()
    assert set(lineage.select("input_table", "output_table").iter_rows()) == {
        ("demo.prices", "demo.doubles"),
        ("demo.doubles", "demo.totals"),
    }
    versions = lake.snapshot().tables
    assert set(lineage["output_version"]) == {versions["demo.doubles"], versions["demo.totals"]}


def test_an_unchanged_run_calls_nothing_and_changes_nothing(lake):
    go(lake)
    before = lake.snapshot()
    calls.clear()
    assert set(statuses(go(lake)).values()) == {"unchanged"}
    assert calls == []
    assert lake.snapshot() == before


def test_a_parameter_runs_what_depends_on_it_and_back_takes_the_earlier_outputs(lake):
    go(lake)
    first = lake.snapshot().tables["demo.totals"]
    assert set(statuses(go(lake, factor=3.0)).values()) == {"success"}
    assert lake.snapshot().tables["demo.totals"] != first
    calls.clear()
    assert set(statuses(go(lake, factor=2.0)).values()) == {"unchanged"}
    assert calls == []
    assert lake.snapshot().tables["demo.totals"] == first


def test_one_failing_ticker_leaves_the_others_published(lake):
    go(lake)
    report = go(lake, factor=10.0, fails_on="B")
    assert statuses(report) == {"doubles": "partial", "totals": "skipped"}
    assert "B" in report.outcomes[0].error
    assert "planted" in report.outcomes[0].error
    first = lake.scan("doubles").collect().group_by("ticker").agg(pl.col("price").min()).sort("ticker")
    assert first["price"].to_list() == [10.0, 2.0, 10.0]
    failed = lake.scan("governance.runs").filter(pl.col("status") == "partial").collect()
    assert failed["error"].to_list() == ["B: ZeroDivisionError: planted"]
    assert statuses(go(lake, factor=10.0)) == {"doubles": "success", "totals": "success"}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"breaks_on": "B"}, "B: demo.doubles: 3 of 3 rows broke price: greater_than(0) (3)"),
        ({"lacks_price_of": "B"}, "B: demo.doubles: missing columns price"),
    ],
)
def test_a_ticker_whose_rows_break_the_contract_leaves_the_others_published(lake, wrong, reason):
    go(lake)
    report = go(lake, factor=10.0, **wrong)
    assert statuses(report) == {"doubles": "partial", "totals": "skipped"}
    assert report.outcomes[0].error.startswith(reason)
    assert report.outcomes[0].rows_out == 6
    first = lake.scan("doubles").collect().group_by("ticker").agg(pl.col("price").min()).sort("ticker")
    assert first["price"].to_list() == [10.0, 2.0, 10.0]


def test_rows_of_two_tickers_with_one_key_fail_the_stage(lake):
    @stage(reads=[Prices], writes=[Doubles], by="ticker")
    def doubles(prices: pl.DataFrame, params: TotalsParams) -> pl.DataFrame:
        """Call everybody A."""
        return prices.with_columns(ticker=pl.lit("A"))

    report = run(lake, [doubles], {"doubles": TotalsParams()})
    assert statuses(report) == {"doubles": "failed"}
    assert re.search("repeated key|rows of A come behind those of A", report.outcomes[0].error)
    assert "demo.doubles" not in lake.snapshot().tables


def test_stages_by_ticker_go_on_with_the_other_tickers(lake):
    @stage(reads=[Doubles], writes=[Halves], by="ticker")
    def halves(doubles: pl.DataFrame, params: TotalsParams) -> pl.DataFrame:
        """Halve."""
        return doubles.with_columns(pl.col("price") / 2)

    lake.tables["demo.halves"] = spec(Halves)
    chain = list(ordered([doubles, halves, totals]).values())
    params = {"doubles": DoublesParams(fails_on="B"), "halves": TotalsParams(), "totals": TotalsParams()}
    assert statuses(run(lake, chain, params)) == {"doubles": "partial", "halves": "success", "totals": "skipped"}
    assert lake.scan("halves").collect()["ticker"].unique().sort().to_list() == ["A", "C"]


def test_a_stage_whose_every_ticker_fails_publishes_nothing(lake):
    prices = lake.scan("prices").filter(pl.col("ticker") == "B").collect()
    lake.replace("demo.prices", prices)
    report = go(lake, fails_on="B")
    assert statuses(report) == {"doubles": "failed", "totals": "skipped"}
    assert "demo.doubles" not in lake.snapshot().tables


def test_output_that_breaks_its_contract_fails_that_ticker_only(lake):
    rows = (
        lake.scan("prices")
        .collect()
        .with_columns(price=pl.when(pl.col("ticker") == "C").then(1e308).otherwise(pl.col("price")))
    )
    lake.replace("demo.prices", rows)
    report = go(lake, factor=1e9)
    assert report.outcomes[0].status == "partial"
    assert "not a finite number" in report.outcomes[0].failures["C"]
    assert lake.scan("doubles").collect()["ticker"].unique().sort().to_list() == ["A", "B"]


def test_threads_do_not_change_the_manifest(lake, tmp_path):
    one = go(lake, threads=1).snapshot
    versions = dict(lake.snapshot().tables)
    run(lake, list(CHAIN.values()), {"doubles": DoublesParams(), "totals": TotalsParams()}, threads=4, is_forced=True)
    again = lake.snapshot().tables
    assert one
    assert {name: again[name] for name in ("demo.doubles", "demo.totals")} == {
        name: versions[name] for name in ("demo.doubles", "demo.totals")
    }


def test_the_log_has_a_line_for_every_stage_even_unchanged_ones(lake):
    import json

    go(lake)
    go(lake)
    lines = [json.loads(line) for line in (lake.root / "governance/pipeline_status.log").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["success", "success", "unchanged", "unchanged"]
    assert datetime.fromisoformat(lines[0]["at"]).tzinfo == UTC


def test_a_stage_that_fails_while_it_publishes_leaves_none_of_its_tables(lake, monkeypatch):
    @stage(reads=[Prices], writes=[Doubles, Halves], by="ticker")
    def doubles(prices: pl.DataFrame, params: DoublesParams):
        """Multiply."""
        return prices.with_columns(pl.col("price") * params.factor), prices

    lake.tables["demo.halves"] = spec(Halves)
    assert statuses(run(lake, [doubles], {"doubles": DoublesParams()})) == {"doubles": "success"}
    before = lake.snapshot().tables
    honest = Transaction.replace

    def failing(self, table, rows, tickers=None):
        if table == "demo.halves":
            raise StoreError("planted")
        return honest(self, table, rows, tickers)

    monkeypatch.setattr(Transaction, "replace", failing)
    assert statuses(run(lake, [doubles], {"doubles": DoublesParams(factor=5.0)})) == {"doubles": "failed"}
    assert {name: lake.snapshot().tables[name] for name in ("demo.doubles", "demo.halves")} == {
        name: before[name] for name in ("demo.doubles", "demo.halves")
    }


def test_a_stage_is_not_given_a_table_of_an_older_layout(lake):
    class Older(Table, name="demo.doubles", key=("ticker", "day")):
        """Twice the price."""

        ticker: str = column("symbol", "Ticker")
        day: int = column("days", "Day")

    older = Lake(lake.root, lake.tables | {"demo.doubles": spec(Older)}, wait_s=5)
    older.replace("demo.doubles", pl.DataFrame({"ticker": ["A"], "day": [1]}))
    (outcome,) = run(lake, [totals], {"totals": TotalsParams()}).outcomes
    assert outcome.status == "failed"
    assert "demo.doubles: the lake holds 1 rows of another layout" in str(outcome.error)
    assert "'tsis run' makes anew" in str(outcome.error)
    assert statuses(go(lake)) == {"doubles": "success", "totals": "success"}
