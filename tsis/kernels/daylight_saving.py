"""Daylight saving time by arithmetic, for kernels, which can't ask for a time zone.

New York: from the second Sunday of March to the first of November at 02:00 local time; before 2007 from the first
Sunday of April to the last of October. London: from the last Sunday of March to the last of October at 01:00 UTC;
before 1996 until the fourth Sunday of October. That is the law from 1990 on, and what Python's
zoneinfo says until 2040 and beyond; years before 1990 follow the oldest rule here. Tokyo has none.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Batch, Rows

HOUR_US: Final = 3_600e6
DAY_US: Final = 86_400e6

_MARCH, _APRIL, _OCTOBER, _NOVEMBER = 59.0, 90.0, 273.0, 304.0  # days of a common year before them


@jit
def _sunday(day: float) -> float:
    """Return the first Sunday at or after `day`, both as days since 1970; that began on a Thursday."""
    return day + (3.0 - day) % 7.0


@jit
def daylight_saving(ts_us: float, year: NDArray[np.float64]) -> tuple[bool, bool]:
    """Return whether New York and London have daylight saving time at `ts_us`, microseconds since 1970 UTC.

    Parameters
    ----------
    year : (6,) zeros at first, changed in place: first moment of a year and of the next, beginning and end of the
        season in New York and in London. It only saves time: what it held before does not matter.
    """
    if not (year[0] <= ts_us < year[1]):
        # a guess that is at most a year off, then the year itself
        number = np.floor(1970.0 + ts_us / (365.2425 * DAY_US)) - 1.0
        begin, end, leap = 0.0, -np.inf, 0.0
        while end <= ts_us:
            before = number - 1.0
            n_leap = np.floor(before / 4.0) - np.floor(before / 100.0) + np.floor(before / 400.0)
            begin = (number - 1970.0) * 365.0 + n_leap - 477.0
            leap = 1.0 if number % 4.0 == 0.0 and (number % 100.0 != 0.0 or number % 400.0 == 0.0) else 0.0
            end = (begin + 365.0 + leap) * DAY_US
            number += 1.0
        number -= 1.0
        first = begin + leap
        if number >= 2007.0:
            year[2] = _sunday(first + _MARCH + 7.0) * DAY_US + 7.0 * HOUR_US
            year[3] = _sunday(first + _NOVEMBER) * DAY_US + 6.0 * HOUR_US
        else:
            year[2] = _sunday(first + _APRIL) * DAY_US + 7.0 * HOUR_US
            year[3] = _sunday(first + _NOVEMBER - 7.0) * DAY_US + 6.0 * HOUR_US
        year[4] = _sunday(first + _APRIL - 7.0) * DAY_US + HOUR_US
        october = first + _NOVEMBER - 7.0 if number >= 1996.0 else first + _OCTOBER + 21.0
        year[5] = _sunday(october) * DAY_US + HOUR_US
        year[0], year[1] = begin * DAY_US, end
    return year[2] <= ts_us < year[3], year[4] <= ts_us < year[5]


def _run(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
    year = np.zeros(6)
    rows = [daylight_saving(float(ts_us), year) for ts_us in arrays[0]]
    return np.array(rows, dtype=np.float64).reshape(-1, 2), np.arange(len(rows))


DAYLIGHT_SAVING: Final = Batch(("ts_us",), _run)
