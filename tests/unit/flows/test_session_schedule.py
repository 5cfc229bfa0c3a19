"""Schedules follow the exchange: holidays, half days, the change of the clocks."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import pytest

pytest.importorskip("prefect")

from prefect.server.schemas.schedules import RRuleSchedule

from flows.calendar_guard import is_open, session_of
from flows.session_schedule import session_schedule

NEW_YORK = "America/New_York"


def next_runs(first: date, start: datetime, n: int) -> list[datetime]:
    made = session_schedule("XNYS", NEW_YORK, 17, 30, first)
    schedule = RRuleSchedule(rrule=made.rrule, timezone=made.timezone)
    return [moment.astimezone(UTC) for moment in asyncio.run(schedule.get_dates(n, start=start))]


def test_holidays_are_left_out_and_half_days_are_not():
    runs = next_runs(date(2026, 11, 21), datetime(2026, 11, 21, tzinfo=UTC), 5)
    days = [moment.date() for moment in runs]
    assert days == [date(2026, 11, day) for day in (23, 24, 25, 27, 30)]  # Thursday 26 is Thanksgiving


@pytest.mark.parametrize(
    ("start", "hours"),
    [(datetime(2027, 3, 11, tzinfo=UTC), [22, 22, 21, 21]), (datetime(2027, 11, 4, tzinfo=UTC), [21, 21, 22, 22])],
)
def test_the_hour_stays_when_the_clocks_change(start, hours):
    assert [moment.hour for moment in next_runs(date(2026, 11, 21), start, 4)] == hours


def test_the_guard_knows_holidays_and_half_days():
    assert session_of("XNYS", datetime(2026, 11, 26, 15, tzinfo=UTC), NEW_YORK) is None
    half = session_of("XNYS", datetime(2026, 11, 27, 15, tzinfo=UTC), NEW_YORK)
    assert half is not None
    assert half.is_half_day
    assert is_open(half, datetime(2026, 11, 27, 18, 0, tzinfo=UTC))  # closes at 13:00 in New York
    assert not is_open(half, datetime(2026, 11, 27, 18, 1, tzinfo=UTC))


def test_the_day_is_that_of_the_exchange():
    late = datetime(2026, 11, 24, 2, tzinfo=UTC)  # still Monday evening in New York
    found = session_of("XNYS", late, NEW_YORK)
    assert found is not None
    assert found.day == date(2026, 11, 23)


def test_a_day_of_the_weekend_has_no_session():
    assert session_of("XNYS", datetime(2026, 11, 21, 18, tzinfo=UTC), NEW_YORK) is None
