from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tsis.kernels.daylight_saving import daylight_saving

ZONES = {"America/New_York": 0, "Europe/London": 1}


def seconds(year):
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


def moments():
    """Return every sixth hour from 1990 to 2040, and every half hour and the second before it around the changes."""
    coarse = set(range(seconds(1990), seconds(2041), 6 * 3_600))
    fine = set()
    for name in ZONES:
        zone = ZoneInfo(name)
        ordered = sorted(coarse)
        offsets = [datetime.fromtimestamp(moment, zone).utcoffset() for moment in ordered]
        for before, after, at in zip(offsets, offsets[1:], ordered, strict=False):
            if before != after:
                fine |= {at + 1_800 * j - second for j in range(13) for second in (0, 1)}
    assert len(fine) > 2 * 2 * 51 * 20
    return sorted(coarse | fine)


def test_it_is_that_of_the_time_zones_from_1990_to_2040():
    year, times = np.zeros(6), moments()
    found = np.array([daylight_saving(1e6 * moment, year) for moment in times])
    for name, column in ZONES.items():
        zone = ZoneInfo(name)
        expected = [bool(datetime.fromtimestamp(moment, zone).dst()) for moment in times]
        np.testing.assert_array_equal(found[:, column], expected, err_msg=name)


def test_the_order_of_times_does_not_matter():
    times = moments()[::97]
    year = np.zeros(6)
    there = [daylight_saving(1e6 * moment, year) for moment in times]
    back = [daylight_saving(1e6 * moment, year) for moment in reversed(times)]
    afresh = [daylight_saving(1e6 * moment, np.zeros(6)) for moment in times]
    assert there == back[::-1] == afresh


@pytest.mark.parametrize("moment", [np.nan, -1.0, 0.0, -2.2e15, 4.1e15])
def test_any_time_is_answered(moment):
    year = np.zeros(6)
    assert daylight_saving(moment, year) == daylight_saving(moment, year)
    assert daylight_saving(1_500_000_000e6, year) == (True, True)
