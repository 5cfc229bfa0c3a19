"""The phases of a day: the rule told once more in plain Python, and days made for each phase."""

from datetime import date

import numpy as np
import pytest
from given_rows import given_rows
from pydantic import ValidationError
from session_rows import calendar_rows, columns, es_rows, eurusd_rows

from tsis.core.stream import (
    CLOSE,
    HIGH,
    IS_HALF_DAY,
    LOW,
    N_GIVEN,
    OPEN,
    SESSION,
    SESSION_CLOSE,
    SESSION_OPEN,
    TS_CLOSE,
    TS_OPEN,
    VOLUME,
)
from tsis.features.session.day_phase import DayPhaseParams, day_phase

NONE, DRIVE, IMPULSE, PULLBACK, CONSOLIDATION, EXHAUSTION = range(6)
MINUTE_US, DAY_US = 60e6, 86_400e6
SERIES = {
    "random": lambda: given_rows("5m", 6, 3_000),
    "XNYS": lambda: calendar_rows("XNYS", date(2018, 11, 12), date(2018, 11, 30), 2, early_h=1, late_h=1),
    "CMES": lambda: calendar_rows("CMES", date(2013, 8, 28), date(2013, 9, 6), 5),
    "EURUSD": eurusd_rows,
    "ES": es_rows,
}
BANK = day_phase(DayPhaseParams())


def phases(rows):
    found = columns(BANK, rows)
    return found["day_phase"], found["day_phase_strength"]


def average_true_ranges(rows, period=14):
    before, ranges, out = np.nan, [], []
    for high, low, close in rows[:, [HIGH, LOW, CLOSE]]:
        if not np.isnan(before):
            ranges.append(max(high, before) - min(low, before))
        if len(ranges) <= period:
            out.append(np.mean(ranges) if len(ranges) == period else np.nan)
        else:
            out.append((out[-1] * (period - 1) + ranges[-1]) / period)
        before = close
    return np.array(out), np.append(np.nan, ranges)


def told(bars, atr, true_range):
    """Return phase and strength of the last of the `bars` of a session's hours, by the rule."""
    open_, high, low, close, volume = (bars[:, stream] for stream in (OPEN, HIGH, LOW, CLOSE, VOLUME))
    n, now = len(bars), close[-1]
    reach, top_at, bottom_at = high.max() - low.min(), int(high.argmax()), int(low.argmin())
    is_up = top_at > bottom_at or (top_at == bottom_at and close[top_at] >= open_[top_at])
    end = high.max() if is_up else low.min()
    retraced = abs(end - now) / reach if reach > 0 else np.nan
    drive = abs(now - open_[0]) / reach if reach > 0 else np.nan
    pace = reach / (atr * np.sqrt(abs(top_at - bottom_at) + 1))
    minutes = (bars[-1, TS_CLOSE] - bars[-1, SESSION_OPEN]) / MINUTE_US
    if np.isnan(atr):
        return NONE, 0.0
    if minutes <= 30 and drive >= 2 / 3 and reach >= atr * np.sqrt(n):
        return DRIVE, drive
    if n == 1:
        return NONE, 0.0
    earlier = volume[:-1]
    effort = volume[-1] / earlier.mean() if earlier.sum() > 0 else true_range / atr
    width = high[-1] - low[-1]
    given_back = ((high[-1] - now) if is_up else (now - low[-1])) / width if width > 0 else np.nan
    age = n - 1 - (top_at if is_up else bottom_at)
    if pace >= 1.25 and age <= 1 and effort >= 2 and given_back > 0.5:
        return EXHAUSTION, given_back
    if n >= 10:
        limit = 0.6 * atr * np.sqrt(10)
        lately = high[-10:].max() - low[-10:].min()
        if lately <= limit:
            return CONSOLIDATION, 1 - lately / limit
    if pace >= 1.25 and retraced <= 0.618:
        return (IMPULSE if retraced <= 0.25 else PULLBACK), 1 - retraced
    return NONE, 0.0


@pytest.mark.parametrize("name", SERIES)
def test_each_bar_is_in_the_phase_that_the_rule_tells(name):
    rows = SERIES[name]()[:3_000]
    atr, ranges = average_true_ranges(rows)
    phase, strength = phases(rows)
    within = (rows[:, TS_CLOSE] > rows[:, SESSION_OPEN]) & (rows[:, TS_CLOSE] <= rows[:, SESSION_CLOSE])
    first, expected = {}, np.zeros((len(rows), 2))
    for i in np.flatnonzero(within):
        begin = first.setdefault(rows[i, SESSION], i)
        expected[i] = told(rows[begin : i + 1], atr[i], ranges[i])
    # where rounding decides, either will do
    differs = phase != expected[:, 0]
    assert differs.mean() < 0.001
    np.testing.assert_allclose(strength[~differs], expected[~differs, 1], rtol=1e-9, atol=1e-12)
    assert {IMPULSE, PULLBACK, NONE} <= set(phase)
    assert strength.min() >= 0.0
    assert strength.max() <= 1.0


def test_all_phases_occur():
    phase, _ = phases(SERIES["XNYS"]())
    shares = np.array([np.mean(phase == code) for code in range(6)])
    assert (shares > 0.001).all()
    assert shares[1:].max() < 0.5


def day(closes, *, session=20_000, opened=None, wick=0.02, volume=100.0):
    """Return minute bars from 14:30 with these closes, each opening where the one before closed."""
    closes = np.asarray(closes, dtype=float)
    n = len(closes)
    rows = np.full((n, N_GIVEN), np.nan)
    opening = session * DAY_US + 870 * MINUTE_US
    rows[:, TS_OPEN] = opening + np.arange(n) * MINUTE_US
    rows[:, TS_CLOSE] = rows[:, TS_OPEN] + MINUTE_US
    rows[:, OPEN] = np.append(closes[0] if opened is None else opened, closes[:-1])
    rows[:, CLOSE] = closes
    rows[:, HIGH] = np.maximum(rows[:, OPEN], closes) + wick
    rows[:, LOW] = np.minimum(rows[:, OPEN], closes) - wick
    rows[:, VOLUME] = volume
    rows[:, SESSION], rows[:, SESSION_OPEN], rows[:, SESSION_CLOSE] = session, opening, opening + 390 * MINUTE_US
    rows[:, IS_HALF_DAY] = 0.0
    return rows


def after_a_quiet_day(closes, **given):
    """Return phase and strength of the bars of a day, after one whose bars have a true range of 0.1."""
    before = day(np.tile([100.0, 100.06], 30), session=19_999)
    rows = np.concatenate([before, day(closes, opened=100.0, **given)])
    return tuple(values[60:] for values in phases(rows))


UP = 100.0 + 0.06 * np.arange(1, 61)
WAVES = 100.0 + 0.06 * np.cumsum(np.tile([1, -1], 20))


def test_a_straight_opening_is_a_drive_and_then_an_impulse():
    phase, strength = after_a_quiet_day(UP)
    assert set(phase[2:30]) == {DRIVE}
    assert (strength[2:30] > 0.8).all()
    assert set(phase[30:]) == {IMPULSE}
    assert (strength[30:] > 0.9).all()


def test_the_way_down_is_the_mirror_of_the_way_up():
    up, down = after_a_quiet_day(UP), after_a_quiet_day(200.0 - UP)
    np.testing.assert_array_equal(up[0], down[0])
    np.testing.assert_allclose(up[1], down[1], rtol=1e-9)


def test_an_opening_that_goes_nowhere_is_no_drive():
    phase, _ = after_a_quiet_day(WAVES)
    assert DRIVE not in phase
    assert set(phase[:9]) == {NONE}
    assert set(phase[9:]) == {CONSOLIDATION}


def test_what_follows_an_impulse_is_a_pullback_until_too_much_is_given_back():
    back = UP[-1] - 0.06 * np.arange(1, 61)
    phase, strength = after_a_quiet_day(np.append(UP, back))
    lost = (3.6 + 0.02 - (back - 100.0)) / 3.64
    expected = np.select([lost <= 0.25, lost <= 0.618], [IMPULSE, PULLBACK], NONE)
    np.testing.assert_array_equal(phase[60:], expected)
    np.testing.assert_allclose(strength[60:], np.where(lost <= 0.618, 1.0 - lost, 0.0), rtol=1e-6, atol=1e-9)


def test_a_pause_at_the_top_is_a_consolidation_and_its_break_an_impulse():
    pause = UP[-1] + 0.02 * np.tile([-1, 1], 12)
    phase, strength = after_a_quiet_day(np.concatenate([UP, pause, pause[-1] + 0.12 * np.arange(1, 6)]))
    assert set(phase[72:84]) == {CONSOLIDATION}
    assert ((strength[72:84] > 0.0) & (strength[72:84] < 1.0)).all()
    assert set(phase[-4:]) == {IMPULSE}


def climax(volume, closes_at):
    rows = np.concatenate(
        [day(np.tile([100.0, 100.06], 30), session=19_999), day(np.append(UP, closes_at), opened=100.0)]
    )
    rows[-1, HIGH] = UP[-1] + 0.4
    rows[-1, VOLUME] = volume
    phase, strength = phases(rows)
    return phase[-1], strength[-1]


def test_a_new_high_on_much_volume_that_closes_low_is_exhaustion():
    phase, strength = climax(250.0, UP[-1])
    assert phase == EXHAUSTION
    assert strength == pytest.approx(0.4 / 0.42)
    assert climax(190.0, UP[-1])[0] == IMPULSE  # volume as usual
    assert climax(250.0, UP[-1] + 0.35)[0] == IMPULSE  # closes high
    # where the session has no volume, the bar's range tells
    rows = np.concatenate([day(np.tile([100.0, 100.06], 30), session=19_999), day(np.append(UP, UP[-1]), opened=100.0)])
    rows[:, VOLUME] = np.nan
    rows[-1, HIGH] = UP[-1] + 0.4
    assert phases(rows)[0][-1] == EXHAUSTION
    rows[-1, HIGH] = UP[-1] + 0.1
    assert phases(rows)[0][-1] == IMPULSE


def test_the_first_bars_of_a_series_and_the_hours_around_a_session_have_none():
    rows = day(UP)
    phase, strength = phases(rows)
    assert set(phase[:14]) == {NONE}
    assert set(strength[:14]) == {0.0}
    assert set(phase[14:30]) == {DRIVE}
    rows[40:, SESSION_CLOSE] = rows[40, TS_OPEN]
    assert set(phases(rows)[0][40:]) == {NONE}


def test_a_bar_without_price_or_session_is_missing_and_passed_over():
    rows = np.concatenate([day(np.tile([100.0, 100.06], 30), session=19_999), day(UP, opened=100.0)])
    clean, _ = phases(rows)
    for streams in ([OPEN, HIGH, LOW, CLOSE], [SESSION, SESSION_OPEN, SESSION_CLOSE]):
        lost = rows.copy()
        lost[np.ix_([75, 100], streams)] = np.nan
        phase, strength = phases(lost)
        assert np.isnan(phase[[75, 100]]).all()
        assert np.isnan(strength[[75, 100]]).all()
        np.testing.assert_array_equal(np.delete(phase, [75, 100]), np.delete(clean, [75, 100]))


def test_it_can_say_something_of_the_first_bar():
    for output, values in zip(BANK.outputs, phases(given_rows("5m", 1, 30)), strict=True):
        assert np.flatnonzero(np.isfinite(values))[0] == output.warm_up == 0


@pytest.mark.parametrize("given", [{"atr_period": 1}, {"quiet": 0.0}, {"impulse_retraced": 0.7}, {"drive_frac": 1.5}])
def test_impossible_parameters_are_refused(given):
    with pytest.raises(ValidationError):
        DayPhaseParams(**given)
