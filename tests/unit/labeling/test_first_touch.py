"""The barrier kernel, which compares prices and skips blocks, against a loop over returns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.kernels import barriers


def found(bars, start, vertical, side, target, pt, sl, intrabar):
    end, barrier, ret = np.empty(start.size, dtype=np.int64), np.empty(start.size, dtype=np.int8), np.empty(start.size)
    barriers.first_touch(*bars, start, vertical, side, target, pt, sl, intrabar, end, barrier, ret)
    return end, barrier, ret


def by_loop(bars, start, vertical, side, target, pt, sl, intrabar):
    open_, high, low, close = bars
    rows = []
    for first, until, sign, width in zip(start, vertical, side.astype(float), target, strict=True):
        row = (-1, barriers.OPEN, np.nan)
        upper, lower = (pt * width if pt else np.inf), (-sl * width if sl else -np.inf)
        for i in range(first + 1, min(until, close.size - 1) + 1):
            now, opening = (sign * (price / close[first] - 1.0) for price in (close[i], open_[i]))
            extremes = [sign * (price / close[first] - 1.0) for price in (low[i], high[i])] if intrabar else [now]
            if min(extremes) < lower:
                row = (i, barriers.STOP_LOSS, min(lower, opening) if intrabar else now)
            elif max(extremes) > upper:
                row = (i, barriers.PROFIT_TAKING, max(upper, opening) if intrabar else now)
            elif i == until:
                row = (i, barriers.VERTICAL, now)
            else:
                continue
            break
        rows.append(row)
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def walk(random, n, step):
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, step, n)))
    close = np.round(close, 2)
    open_ = np.concatenate((close[:1], close[:-1])) + random.choice([0.0, 0.05, -0.05], n)
    reach = np.abs(random.normal(0.0, step, (2, n))) * close
    return open_, np.maximum(open_, close) + reach[0], np.minimum(open_, close) - reach[1], close


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    pt=st.sampled_from([0.0, 0.5, 1.0, 3.0, 200.0]),
    sl=st.sampled_from([0.0, 0.5, 1.0, 3.0, 200.0]),
    longest=st.sampled_from([1, 20, 3_000]),
    intrabar=st.booleans(),
)
def test_against_a_loop(seed, pt, sl, longest, intrabar):
    random = np.random.default_rng(seed)
    n = 2_600
    bars = walk(random, n, 1e-3)
    start = np.sort(random.choice(n, 12, replace=False))
    vertical = start + random.integers(1, longest + 1, 12)
    side = random.choice([-1, 1], 12).astype(np.int8)
    arguments = (bars, start, vertical, side, random.uniform(0.001, 0.01, 12), pt, sl, intrabar)
    for ours, theirs in zip(found(*arguments), by_loop(*arguments), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("intrabar", [False, True])
def test_a_touch_beyond_many_quiet_blocks(intrabar):
    close = np.full(6_000, 100.0)
    close[5_555] = 100.78125
    close[5_556] = 98.0
    start, side = np.array([0, 1, 3_000]), np.array([1, -1, 1], dtype=np.int8)
    vertical, target = np.full(3, 2**62), np.full(3, 0.0078125)
    # a return of exactly 1/128 does not exceed a barrier of 1/128
    end, barrier, _ = found((close,) * 4, start, vertical, side, target, 1.0, 1.0, intrabar)
    assert end.tolist() == [5_556] * 3
    assert barrier.tolist() == [barriers.STOP_LOSS, barriers.PROFIT_TAKING, barriers.STOP_LOSS]
    end, barrier, ret = found((close,) * 4, start, vertical, side, target, 9.0, 9.0, intrabar)
    assert (end.tolist(), barrier.tolist(), np.isnan(ret).all()) == ([-1] * 3, [barriers.OPEN] * 3, True)


def test_a_barrier_on_the_very_price_is_not_touched():
    # entry times (1 + return) rounds to either side of the price; the return decides
    random = np.random.default_rng(2)
    entry = random.uniform(1.0, 1_000.0, 5_000)
    exits = entry * random.uniform(0.9, 1.1, 5_000)
    for one, other in zip(entry, exits, strict=True):
        close = np.array([one, other, one])
        width = np.array([abs(other / one - 1.0)])
        side = np.array([1], dtype=np.int8)
        end, _, _ = found((close,) * 4, np.array([0]), np.array([2]), side, width, 1.0, 1.0, False)
        assert end[0] == 2
        end, _, _ = found((close,) * 4, np.array([0]), np.array([2]), side, np.nextafter(width, 0.0), 1.0, 1.0, False)
        assert end[0] == 1
