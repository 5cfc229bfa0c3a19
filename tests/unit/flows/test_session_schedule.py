"""Schedules follow the exchange: holidays, half days, the change of the clocks."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

pytest.importorskip("prefect")

from prefect.server.schemas.schedules import CronSchedule, RRuleSchedule

from flows.calendar_guard import is_open, session_of
from flows.deployments import schedules
from flows.session_schedule import session_schedule
from tsis.bars.sessions import calendar_sessions

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


def served(today: date) -> dict[str, RRuleSchedule | CronSchedule]:
    """Return flow to schedule as the server reads it."""
    found = {}
    for flow, made in schedules(today).items():
        if made is not None and made.rrule:
            found[flow.name] = RRuleSchedule(rrule=made.rrule, timezone=made.timezone)
        elif made is not None:
            found[flow.name] = CronSchedule(cron=made.cron, timezone=made.timezone)
    return found


def in_new_york(schedule, start: date, end: date) -> list[datetime]:
    bounds = [datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(NEW_YORK)) for day in (start, end)]
    runs = asyncio.run(schedule.get_dates(1_000, start=bounds[0], end=bounds[1]))
    return [moment.astimezone(ZoneInfo(NEW_YORK)) for moment in runs]


@pytest.mark.parametrize(
    ("flow", "hour", "minute"), [("reference_daily", 6, 0), ("research", 17, 30), ("analytics_daily", 18, 30)]
)
def test_a_year_of_runs_is_a_year_of_sessions(flow, hour, minute):
    """Both changes of the clocks and every holiday: each session has one run, at the exchange's hour, nothing else."""
    today = date(2026, 11, 22)
    runs = in_new_york(served(today)[flow], today, today + timedelta(days=365))
    sessions = calendar_sessions("XNYS", today, today + timedelta(days=364))["session"].to_list()
    assert [moment.date() for moment in runs] == sessions
    assert {(moment.hour, moment.minute) for moment in runs} == {(hour, minute)}
    assert {moment.utcoffset() for moment in runs} == {timedelta(hours=-5), timedelta(hours=-4)}


@pytest.mark.parametrize("change", [date(2027, 3, 14), date(2027, 11, 7)])
def test_a_night_whose_hours_are_skipped_or_come_twice_has_one_run(change):
    runs = in_new_york(
        served(date(2026, 11, 22))["governance_nightly"], change - timedelta(days=2), change + timedelta(3)
    )
    assert [moment.date() for moment in runs] == [change + timedelta(days=number) for number in range(-2, 3)]


@pytest.mark.parametrize("moment", ["2027-03-12T22:29:59", "2027-03-15T21:29:59", "2027-11-05T21:29:59"])
def test_the_next_run_follows_from_the_clock_alone(moment):
    """Set forward or back, the clock decides what is next; a second later, the session after."""
    schedule = served(date(2026, 11, 22))["research"]
    before = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    first, second = asyncio.run(schedule.get_dates(2, start=before))
    (after,) = asyncio.run(schedule.get_dates(1, start=before + timedelta(seconds=2)))
    assert first.astimezone(UTC) == before + timedelta(seconds=1)
    assert after == second
    assert after.astimezone(ZoneInfo(NEW_YORK)).date() > first.astimezone(ZoneInfo(NEW_YORK)).date()
