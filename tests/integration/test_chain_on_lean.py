"""Minute bars that the chain builds from LEAN's ticks against LEAN's own minute files.

Measured: volume equal in 99.03 % of IBM's 2,157 minutes and 99.46 % of BAC's 2,949, close in 81.13 % and 97.39 %.
"""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from tsis.runtime.ingest import ingest
from tsis.runtime.settings import REPOSITORY
from tsis.runtime.sources import request_for, source_named
from tsis.runtime.workspace import open_workspace

DATA = Path(os.environ.get("TSIS_LEAN_DATA", REPOSITORY.parent / "shared" / "data" / "lean"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no LEAN data in {DATA}; TSIS_LEAN_DATA names the folder")


@pytest.fixture(scope="module")
def minutes(tmp_path_factory):
    """Return our minute bars beside LEAN's, one row a minute that either has."""
    workspace = open_workspace(tmp_path_factory.mktemp("lean") / "lake")
    lean = source_named("lean")
    tables = ["reference.tickers_dim", "reference.exchanges_dim", "raw.trades", "raw.ohlcv_1m"]
    ingest(workspace.lake, lean, request_for(lean, {"path": str(DATA), "tickers": ["IBM", "BAC"], "tables": tables}))
    report = workspace.run(["daily_cache", "information_bars"])
    assert not report.failed
    bars = workspace.lake.scan("information_bars").filter(pl.col("bar_spec") == "time_1m", raw_table="raw.trades")
    theirs = workspace.lake.scan("raw.ohlcv_1m").filter(pl.col("ts").dt.date() >= pl.date(2013, 10, 7))
    ours = bars.with_columns(ts=pl.col("ts_close").dt.offset_by("-1m"))
    return ours.collect().join(theirs.collect(), on=["ticker", "ts"], how="full", coalesce=True, suffix="_lean")


@pytest.mark.parametrize("ticker", ["IBM", "BAC"])
def test_volume_agrees_in_98_of_100_minutes(minutes, ticker, record_property):
    both = minutes.filter(pl.col("ticker") == ticker)
    volume = both.select((pl.col("volume") == pl.col("volume_lean")).fill_null(value=False).mean()).item()
    close = both.select((pl.col("close") == pl.col("close_lean")).fill_null(value=False).mean()).item()
    record_property("volume_frac", volume)
    record_property("close_frac", close)
    assert both.height > 1_500
    assert volume >= 0.98
    assert close >= 0.75  # LEAN leaves odd lots and late prints out of its prices, not out of its volume
