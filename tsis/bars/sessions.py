"""Stage `sessions`: the trading days of every exchange."""

from __future__ import annotations

import warnings
from datetime import date, timedelta
from typing import Any

import polars as pl
from pydantic import model_validator

from tsis.core.errors import ParamsError, UnknownNameError
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.tables.reference.exchanges_dim import ExchangesDim
from tsis.tables.reference.sessions import Sessions


class SessionsParams(Params):
    """Parameters of `sessions`.

    Parameters
    ----------
    first, last : range of session dates, both included; cut to what a calendar covers.
    """

    first: date = date(2000, 1, 1)
    last: date = date(2018, 12, 31)

    @model_validator(mode="after")
    def _is_a_range(self) -> SessionsParams:
        if self.first > self.last:
            raise ParamsError(f"sessions: first ({self.first}) is after last ({self.last}); swap them in params.yaml")
        return self


@stage(reads=[ExchangesDim], writes=[Sessions])
def sessions(exchanges_dim: pl.DataFrame, params: SessionsParams) -> pl.DataFrame:
    """Return the sessions of every exchange with open, close and half days in UTC, from exchange_calendars.

    A half day is a session that closes earlier than the exchange's regular time. Breaks at noon are not stored.

    Raises
    ------
    UnknownNameError
        If exchange_calendars does not know a calendar.
    """
    frames = [
        calendar_sessions(calendar, params.first, params.last).select(pl.lit(mic).alias("exchange"), pl.all())
        for mic, calendar in exchanges_dim.select("mic", "calendar").unique().sort("mic", "calendar").iter_rows()
    ]
    return pl.concat([spec(Sessions).empty(), *frames]).sort("exchange", "session")


def calendar_sessions(calendar: str, first: date, last: date) -> pl.DataFrame:
    """Return session, open, close, is_half_day of one calendar from `first` to `last`, both included.

    Raises
    ------
    UnknownNameError
        If exchange_calendars does not know the calendar.
    """
    import exchange_calendars  # noqa: PLC0415  1 s
    from exchange_calendars.errors import InvalidCalendarName, NoSessionsError  # noqa: PLC0415

    with warnings.catch_warnings():
        # exchange_calendars 4.13 uses what pandas 3 deprecates
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            # a week more, because it takes no range of one day
            found: Any = _calendar(calendar, first - timedelta(days=7), last)
        except InvalidCalendarName:
            known = exchange_calendars.get_calendar_names(include_aliases=True)
            raise UnknownNameError("calendar", calendar, known) from None
        except NoSessionsError:
            return _frame([], [], [], [])
        early = {moment.date() for moment in found.early_closes}
        days = [moment.date() for moment in found.sessions]
        opens = [moment.to_pydatetime() for moment in found.opens.dt.floor("us")]
        closes = [moment.to_pydatetime() for moment in found.closes.dt.floor("us")]
    return _frame(days, opens, closes, [day in early for day in days]).filter(pl.col("session") >= first)


def _calendar(name: str, first: date, last: date) -> Any:
    """Return a calendar of the days from `first` to `last` that it covers; building one takes 0.3 s."""
    from exchange_calendars import get_calendar  # noqa: PLC0415
    from exchange_calendars.errors import NoSessionsError  # noqa: PLC0415

    try:
        return get_calendar(name, start=first.isoformat(), end=last.isoformat())
    except ValueError:  # beyond its bounds, which only a calendar knows
        covered = type(get_calendar(name))
        start, end = _clamped(first, covered.bound_min(), max), _clamped(last, covered.bound_max(), min)
        if start >= end:
            raise NoSessionsError(calendar_name=name, start=start, end=end) from None
        return get_calendar(name, start=start.isoformat(), end=end.isoformat())


def _clamped(day: date, bound: Any, choose: Any) -> date:
    return day if bound is None else choose(day, bound.date())


def _frame(days: list[date], opens: list[Any], closes: list[Any], half: list[bool]) -> pl.DataFrame:
    columns = {"session": days, "open": opens, "close": closes, "is_half_day": half}
    schema = {name: kind for name, kind in spec(Sessions).polars_schema.items() if name != "exchange"}
    return pl.DataFrame(columns, schema=schema)
