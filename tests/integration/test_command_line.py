"""The command line as a person uses it, on the demo's lake."""

from __future__ import annotations

import csv
import io
import json
import resource
import shutil
import subprocess
import sys

import duckdb
import polars as pl
import pytest
from demo import tsis

from tsis.lake.catalog import FILE


def sql(lake, query, output_format="json"):
    return json.loads(tsis("sql", query, "--format", output_format, lake=lake).stdout)


def test_demo_ends_with_figures_verdict_and_next_steps(demo_lake):
    shown = tsis("demo", lake=demo_lake).stdout
    for expected in ("processed_features.information_bars", "es_dollar", "us_daily", "fx_hourly", "verdict"):
        assert expected in shown
    assert any(words in shown for words in ("no edge shown", "too short", "edge shown"))
    assert "What to type next" in shown


def test_the_issue_query(demo_lake):
    rows = sql(demo_lake, "select bar_spec, count(*) as n from processed_features.information_bars group by 1")
    assert {"time_1m", "time_1d", "time_1h"} <= {row["bar_spec"] for row in rows}
    assert all(row["n"] > 0 for row in rows)


def test_sql_formats_agree(demo_lake):
    query = "select ticker, count(*) as n from raw.ohlcv_daily group by 1 order by 1"
    as_json = sql(demo_lake, query)
    as_csv = list(csv.DictReader(io.StringIO(tsis("sql", query, "--format", "csv", lake=demo_lake).stdout)))
    command = [sys.executable, "-m", "tsis.cli", "--lake", str(demo_lake), "sql", query, "--format", "parquet"]
    as_parquet = pl.read_parquet(io.BytesIO(subprocess.run(command, capture_output=True, check=True).stdout))
    assert [(row["ticker"], row["n"]) for row in as_json] == as_parquet.rows()
    assert [(row["ticker"], int(row["n"])) for row in as_csv] == as_parquet.rows()


def test_every_fill_resolves_to_its_raw_rows(demo_lake):
    """The chain from a fill back to raw has no gap, and the raw rows are those of its bar."""
    gaps = sql(
        demo_lake,
        "select count(*) as n from marts.trade_chain where order_id is null or signal_id is null "
        "or trained_to is null or feature_ts_close is null or raw_table is null",
    )
    fills = sql(demo_lake, "select count(*) as n from execution.fills_log")
    chain = sql(demo_lake, "select count(*) as n, count(distinct (session_id, fill_id)) as d from marts.trade_chain")
    assert fills[0]["n"] > 0
    assert chain[0]["n"] == chain[0]["d"] == fills[0]["n"]
    assert gaps[0]["n"] == 0


def test_no_model_was_trained_on_what_it_could_not_know(demo_lake):
    late = sql(
        demo_lake,
        "select count(*) as n from marts.trade_chain where trained_to >= feature_ts_close or filled_at < ts_signal",
    )
    assert late[0]["n"] == 0


def test_bars_of_ticks_equal_their_raw_ticks(demo_lake):
    bad = sql(
        demo_lake,
        """
        with ticks as (
            select bar.bar_spec, bar.ts_close, bar.seq, any_value(bar.volume) as volume,
                any_value(bar.n_ticks) as n_ticks, sum(trade.size) as size, count(*) as n
            from processed_features.information_bars as bar
            join raw.trades as trade on trade.ticker = bar.ticker
                and (trade.ts, trade.seq) >= (bar.raw_ts_first, bar.raw_seq_first)
                and (trade.ts, trade.seq) <= (bar.raw_ts_last, bar.raw_seq_last)
            where bar.raw_table = 'raw.trades' and bar.bar_spec in ('volume_2500', 'tick_1000', 'time_1h')
            group by 1, 2, 3
        )
        select count(*) as n from ticks where volume <> size or n_ticks <> n
        """,
    )
    assert bad[0]["n"] == 0


def test_marts_answer(demo_lake):
    day = sql(demo_lake, "select ticker from marts.universe_asof(date '2010-06-01')")
    assert {row["ticker"] for row in day} >= {"AAPL", "IBM", "MSFT", "GOOG"}
    assert "FB" not in {row["ticker"] for row in day}
    adjusted = sql(demo_lake, "select date, close from marts.adjusted('AAPL', '2005-03-01'::timestamptz)")
    raw = sql(demo_lake, "select date, close_d from processed_features.daily_cache where ticker = 'AAPL' order by date")
    assert adjusted[-1]["close"] == pytest.approx(raw[len(adjusted) - 1]["close_d"])
    assert adjusted[0]["close"] == pytest.approx(raw[0]["close_d"] / 4, rel=1e-3)
    drawdowns = sql(demo_lake, "select min(drawdown_frac) as low, max(drawdown_frac) as high from marts.strategy_daily")
    assert -1 <= drawdowns[0]["low"] < 0 == drawdowns[0]["high"]


def test_the_catalog_works_from_any_folder_and_for_several_readers(demo_lake, tmp_path, monkeypatch):
    tsis("sql", "select 1", lake=demo_lake)
    monkeypatch.chdir(tmp_path)
    readers = [duckdb.connect(str(demo_lake / FILE), read_only=True) for _ in range(3)]
    counts = {reader.execute("select count(*) from raw.trades").fetchone() for reader in readers}
    assert counts == {(500_000,)}
    for reader in readers:
        reader.close()


def test_check_is_clean_and_finds_a_flipped_byte(demo_lake, tmp_path):
    assert "every file as its manifest says" in tsis("lake", "check", lake=demo_lake).stdout
    broken = tmp_path / "lake"
    shutil.copytree(demo_lake, broken)
    victim = next((broken / "raw/ohlcv_daily").rglob("*.parquet"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    found = tsis("lake", "check", lake=broken, check=False)
    assert found.returncode == 1
    assert victim.name in found.stderr
    assert "rows, key" in found.stderr


def test_a_cut_ledger_is_found(demo_lake, tmp_path):
    from tsis.runtime.workspace import open_lake

    broken = tmp_path / "lake"
    shutil.copytree(demo_lake, broken)
    lake = open_lake(broken)
    ledger = lake.scan("governance.trials").collect().sort("position")
    lake.replace("governance.trials", ledger.head(1))
    found = tsis("lake", "check", lake=broken, check=False)
    assert found.returncode == 1
    assert "tail was cut" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "information_bras"], 2, "did you mean 'information_bars'?"),
        (["tables", "raw.trade"], 2, "did you mean 'raw.trades'?"),
        (["tables", "bars"], 2, "did you mean 'information_bars'?"),
        (["ingest", "sampel"], 2, "did you mean 'sample'?"),
        (["ingest", "lean", "--path", "/nowhere"], 1, "/nowhere"),
        (["ingest", "files", "--path", "x.csv", "--table", "raw.trades", "--ticker", "../x"], 2, "../x"),
        (["sql", "select * from raw.tradez"], 2, "trades"),
        (["sql", "select 1", "--format", "cvs"], 2, "did you mean 'csv'?"),
        (["lake", "history", "raw.tradse"], 2, "did you mean 'raw.trades'?"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_errors_say_what_to_do_in_a_few_lines(arguments, code, words, demo_lake):
    done = tsis(*arguments, lake=demo_lake, check=False)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 6


def test_wrong_settings_and_parameters_are_usage_errors(demo_lake, tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text("triple_barier:\n  pt: 2\n")
    done = tsis("run", lake=demo_lake, check=False, TSIS_PARAMS=str(params))
    assert (done.returncode, "did you mean 'triple_barrier'?" in done.stderr) == (2, True)
    params.write_text("sessions:\n  frist: 2000-01-01\n")
    done = tsis("run", lake=demo_lake, check=False, TSIS_PARAMS=str(params))
    assert (done.returncode, "section sessions: frist" in done.stderr) == (2, True)
    done = tsis("run", lake=demo_lake, check=False, TSIS_THREADS="many")
    assert (done.returncode, "TSIS_THREADS" in done.stderr) == (2, True)


def test_a_traceback_only_with_debug(demo_lake):
    command = [sys.executable, "-m", "tsis.cli", "--debug", "--lake", str(demo_lake), "tables", "nothing"]
    assert "Traceback" in subprocess.run(command, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize(
    "command",
    ["demo", "run", "stages", "tables", "ingest", "sql", "report", "doctor", "lake check", "lake history", "lake gc"],
)
def test_help_has_an_example(command, tmp_path):
    shown = tsis(*command.split(), "--help", lake=tmp_path).stdout
    assert f"tsis {command}" in " ".join(shown.split())


def test_help_is_quick(tmp_path):
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        tsis("--help", lake=tmp_path)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert min(seconds) < 0.6  # processor time: what a quiet machine needs, whatever else runs on this one
    heavy = {"polars", "numba", "pandera", "duckdb", "xgboost", "pandas"}
    code = f"import sys, tsis.cli; print(sorted({heavy} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


def test_a_folder_without_a_lake_is_not_taken_for_one(tmp_path):
    for arguments in (["sql", "select 1"], ["run"], ["report"], ["lake", "check"], ["lake", "history"]):
        done = tsis(*arguments, lake=tmp_path / "nowhere", check=False)
        assert (done.returncode, "no lake in" in done.stderr) == (2, True), arguments
    assert not (tmp_path / "nowhere").exists()


def test_sql_shows_intervals_nested_values_and_wide_rows(demo_lake):
    rows = sql(demo_lake, "select ts_close - ts_open as lasted from processed_features.information_bars limit 1")
    assert isinstance(rows[0]["lasted"], str)
    assert tsis("sql", "select [1, 2] as pair", "--format", "csv", lake=demo_lake).stdout.splitlines()[0] == "pair"
    wide = tsis("sql", "select * from marts.trade_chain limit 1", lake=demo_lake).stdout
    assert "bar_price_factor" in wide


def test_a_mistyped_ticker_is_refused_with_the_nearest(demo_lake):
    from tsis.core.errors import UnknownNameError
    from tsis.runtime.workspace import open_lake

    lake = open_lake(demo_lake)
    assert lake.scan("raw.quotes", tickers=["IBM"]).collect().is_empty()
    with pytest.raises(UnknownNameError, match=r"unknown ticker in raw.ohlcv_daily 'IBN'; did you mean 'IBM'"):
        lake.scan("raw.ohlcv_daily", tickers=["IBN"])


def test_doctor_stages_history_and_report(demo_lake):
    assert "nothing is missing" in tsis("doctor", lake=demo_lake).stdout
    assert "triple_barrier" in tsis("stages", lake=demo_lake).stdout
    assert "ingest:sample" in tsis("lake", "history", "raw.trades", lake=demo_lake).stdout
    assert "report.html" in tsis("report", lake=demo_lake).stdout
    assert (demo_lake / "analytics/report.html").stat().st_size > 1_000_000


def test_the_registry_names_the_newest_refit_of_each_model(demo_lake):
    registry = json.loads((demo_lake / "governance/model_registry.json").read_text())
    assert {entry["name"] for entry in registry["models"]} == {"es_dollar", "us_daily", "fx_hourly"}
    for entry in registry["models"]:
        assert entry["stage"] == "candidate"
        assert len(entry["version"]) == 64
        assert entry["features"]
        assert entry["trained_at"]
