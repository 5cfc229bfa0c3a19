"""What the rows behind a result are worth is counted where the result traded."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from lakes import T0, rows

from tsis.analytics.verdict import DataQuality
from tsis.lake.quarantine import set_aside
from tsis.runtime.data_quality import data_quality

HOURS = [T0 + timedelta(days=k) for k in (0, 1, 4, 5)]
TRADES = "raw.ohlcv_1h"


@pytest.fixture
def traded(lake):
    sessions = [
        {"session": (T0 + timedelta(days=k)).date(), "open": T0 + timedelta(days=k, hours=-1)} for k in range(6)
    ]
    lake.replace("sessions", rows("reference.sessions", 6, exchange="XNAS", **columns(sessions)))
    lake.append("tickers_dim", rows("reference.tickers_dim", 1, ticker="A", exchange="XNAS"))
    return lake


def columns(sessions):
    opens = [one["open"] for one in sessions]
    return {
        "session": [one["session"] for one in sessions],
        "open": opens,
        "close": [moment + timedelta(hours=6) for moment in opens],
    }


def with_bars(lake, is_synthetic):
    raw = rows(TRADES, 4, ticker="A", ts=HOURS, is_synthetic=is_synthetic)
    lake.append(TRADES, pl.concat([raw, rows(TRADES, 1, ticker="B", ts=[T0], is_synthetic=True)]))
    ends = [hour + timedelta(hours=1) for hour in HOURS]
    lake.replace(
        "information_bars",
        rows(
            "processed_features.information_bars",
            4,
            ticker="A",
            bar_spec="time_1h",
            ts_open=HOURS,
            ts_close=ends,
            raw_table=TRADES,
            raw_ts_first=HOURS,
            raw_ts_last=HOURS,
        ),
    )
    lake.replace("setups", rows("signals.setups", 1, session_id="s", ticker="A", bar_spec="time_1h", ts=ends[0]))


def test_generated_rows_and_empty_sessions_of_the_ticker_are_counted(traded):
    with_bars(traded, is_synthetic=[False, True, False, False])
    assert data_quality(traded, "s") == DataQuality(4, 1, 0, 4, 2)


def test_rows_set_aside_are_counted_where_they_are_the_tickers(traded):
    with_bars(traded, is_synthetic=False)
    set_aside(traded.root, TRADES, pl.DataFrame({"ticker": ["A", "B", None], "reason": "x"}))
    assert data_quality(traded, "s").n_set_aside == 2


def test_a_session_without_setups_rests_on_nothing(traded):
    assert data_quality(traded, "other") == DataQuality()
