"""Where in its trading session a bar closes: minutes since the open and to the close, kind of hours, day."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import IS_HALF_DAY, SESSION, SESSION_CLOSE, SESSION_OPEN, TS_CLOSE

_MINUTE_US: Final = 60e6
_SOURCE: Final = "calendar of the exchange"


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:  # noqa: ARG001  a time by itself needs no state
    for i in range(first, stop):
        row = i - first
        now, opens, closes = x[TS_CLOSE, i], x[SESSION_OPEN, i], x[SESSION_CLOSE, i]
        since, left, whole = (now - opens) / _MINUTE_US, (closes - now) / _MINUTE_US, (closes - opens) / _MINUTE_US
        is_early, is_late = 1.0 if since <= 0.0 else 0.0, 1.0 if left < 0.0 else 0.0
        missing = 0.0 * whole * since  # NaN where there is no session
        out[row, k] = since
        out[row, k + 1] = left
        out[row, k + 2] = np.ceil(since) - 1.0 if since > 0.0 and left >= 0.0 else np.nan
        out[row, k + 3] = min(max(since / whole, 0.0), 1.0) if missing == 0.0 else np.nan
        out[row, k + 4] = is_early + missing
        out[row, k + 5] = is_late + missing
        out[row, k + 6] = x[IS_HALF_DAY, i]
        out[row, k + 7] = x[SESSION, i] + 3.0 - 7.0 * np.floor((x[SESSION, i] + 3.0) / 7.0)  # 1970 began on a Thursday


class SessionClockParams(Params):
    """Parameters of `session_clock`."""


@bank
def session_clock(params: SessionClockParams) -> Bank:  # noqa: ARG001
    """Return the bank; null where the calendar has no session for a bar.

    A session's hours begin after its open and end with its close, and a bar is where it closes: one that closes with
    the open is of the time before.
    """

    def feature(name: str, unit: str, description: str) -> Feature:
        return Feature(name, unit, description, 0, _SOURCE)

    return Bank(
        inputs=(TS_CLOSE, SESSION, SESSION_OPEN, SESSION_CLOSE, IS_HALF_DAY),
        outputs=(
            feature(
                "minutes_since_open",
                "minutes",
                "From the session's open to the bar's close, with fractions; negative in pre-market",
            ),
            feature(
                "minutes_to_close",
                "minutes",
                "From the bar's close to the session's close, with fractions; negative after hours",
            ),
            feature(
                "minute_of_session",
                "count",
                "Number of the minute in which the bar ends, 0 for the first after the open; null outside of the "
                "session's hours",
            ),
            feature(
                "session_elapsed_frac",
                "frac",
                "Share of the session's hours that is over at the bar's close: 0 in pre-market, 1 after hours",
            ),
            feature("pre_market", "0 or 1", "1 where the bar closes before or with the session's open, else 0"),
            feature("after_hours", "0 or 1", "1 where the bar closes after the session's close, else 0"),
            feature("half_day", "0 or 1", "1 where the exchange closes early on the bar's session, else 0"),
            feature("day_of_week", "number", "Day of the week of the session's date, 0 for Monday to 6 for Sunday"),
        ),
        params=(),
        state_size=0,
        step=_step,
    )
