"""Whether an exchange is open: cron knows weekdays, the exchange's calendar knows holidays and half days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from tsis.bars.sessions import calendar_sessions


@dataclass(frozen=True)
class Session:
    """A session of an exchange; `open` and `close` in UTC."""

    day: date
    open: datetime
    close: datetime
    is_half_day: bool


def session_of(calendar: str, moment: datetime, timezone: str) -> Session | None:
    """Return the session of the exchange's day at `moment`, None on a day without one.

    Parameters
    ----------
    calendar : as exchange_calendars names it.
    moment : with a time zone.
    timezone : of the exchange: it decides which day it is.
    """
    day = moment.astimezone(ZoneInfo(timezone)).date()
    rows = calendar_sessions(calendar, day, day)
    return Session(*rows.row(0)) if rows.height else None


def is_open(session: Session | None, moment: datetime) -> bool:
    """Tell whether `moment` lies in the session, its open included, its close too: the last bar closes then."""
    return session is not None and session.open <= moment <= session.close
