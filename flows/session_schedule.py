"""Schedules that follow an exchange: weekdays at an hour, without its holidays."""

from __future__ import annotations

from datetime import date, timedelta

from prefect.schedules import RRule, Schedule

from tsis.bars.sessions import calendar_sessions

AHEAD = timedelta(days=366)
"""How far holidays are looked up; what runs on a later one is stopped by the guard in the flow."""


def session_schedule(calendar: str, timezone: str, hour: int, minute: int, first: date) -> Schedule:
    """Return a schedule of every session of `calendar` from `first` on, at a time of the exchange's day.

    Parameters
    ----------
    calendar : as exchange_calendars names it.
    timezone : of the exchange; the hour stays what it is when its clocks change.
    """
    sessions = set(calendar_sessions(calendar, first, first + AHEAD)["session"])
    last = max(sessions, default=first)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    holidays = [day for day in days if day.weekday() < 5 and day not in sessions]
    at = f"T{hour:02d}{minute:02d}00"
    lines = [
        f"DTSTART:{first:%Y%m%d}{at}",
        f"RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR={hour};BYMINUTE={minute};BYSECOND=0",
    ]
    if holidays:
        lines.append("EXDATE:" + ",".join(f"{day:%Y%m%d}{at}" for day in holidays))
    return RRule("\n".join(lines), timezone=timezone)
