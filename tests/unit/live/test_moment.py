"""What is asked at the moment of a decision, and of no event of the past."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from lakes import rows

from tsis.core.table import spec
from tsis.live.moment import of_this_moment
from tsis.tables.signals.setups import Setups

CLOSE = datetime(2020, 1, 6, 21, tzinfo=UTC)
SESSIONS = rows(
    "reference.sessions",
    2,
    exchange="XNYS",
    session=[CLOSE.date(), (CLOSE + timedelta(days=1)).date()],
    open=[CLOSE - timedelta(hours=6.5), CLOSE + timedelta(hours=17.5)],
    close=[CLOSE, CLOSE + timedelta(days=1)],
)
TICKERS = rows("reference.tickers_dim", 1, ticker="X", exchange="XNYS")


def judged(t0, now, **columns):
    given = {"ticker": "X", "action": "ENTRY_ARMED", "checklist": '{"predicted": true}', "reason": "", **columns}
    return of_this_moment(rows("signals.setups", 1, t0=t0, **given), SESSIONS, TICKERS, now, timedelta(minutes=5))


@pytest.mark.parametrize(
    ("t0", "late_s", "reason"),
    [
        (CLOSE - timedelta(hours=1), 300, ""),
        (CLOSE - timedelta(hours=1), 301, "stale: the bar closed more than 300 s before"),
        (CLOSE, 0, ""),
        (CLOSE + timedelta(seconds=1), 0, "outside of the session"),
        (CLOSE - timedelta(days=9), 0, "outside of the session"),
        (CLOSE + timedelta(hours=1), 600, "stale: the bar closed more than 300 s before; outside of the session"),
    ],
)
def test_it_must_be_fresh_and_within_the_session(t0, late_s, reason):
    row = judged(t0, t0 + timedelta(seconds=late_s)).row(0, named=True)
    assert (row["action"], row["reason"]) == ("HOLD" if reason else "ENTRY_ARMED", reason)
    told = json.loads(row["checklist"])
    assert told == {"predicted": True, "is_fresh": "stale" not in reason, "in_session": "outside" not in reason}


def test_what_was_held_back_before_stays_so_with_its_reason():
    row = judged(CLOSE, CLOSE, action="HOLD", reason="regime undefined").row(0, named=True)
    assert (row["action"], row["reason"]) == ("HOLD", "regime undefined")
    later = judged(CLOSE, CLOSE + timedelta(days=1), action="HOLD", reason="regime undefined").row(0, named=True)
    assert later["reason"] == "regime undefined; stale: the bar closed more than 300 s before"


def test_a_ticker_without_sessions_is_outside_of_them():
    found = of_this_moment(
        rows("signals.setups", 1, ticker="Y", t0=CLOSE, reason="", checklist="{}"),
        SESSIONS,
        TICKERS,
        CLOSE,
        timedelta(minutes=5),
    )
    assert found["reason"].to_list() == ["outside of the session"]


def test_nothing_stays_nothing():
    empty = spec(Setups).empty()
    assert of_this_moment(empty, SESSIONS, TICKERS, CLOSE, timedelta(minutes=5)).equals(empty)
