import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.kernels import bars as kernel

COLUMNS = {name: j for j, name in enumerate(kernel.OUT_COLUMNS)}
KINDS = [(kernel.TIME, 60e6), (kernel.TICK, 7.0), (kernel.VOLUME, 40.0), (kernel.DOLLAR, 9_000.0)]
SAMPLE = Path(__file__).resolve().parents[3] / "data" / "sample" / "es_trades.parquet"


def random_ticks(seed: int, n: int) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    ts = 1_378_072_800_000_000 + np.cumsum(random.integers(0, 30_000_000, n))
    price = 100.0 + 0.25 * np.cumsum(random.integers(-1, 2, n))
    size = random.integers(1, 30, n).astype(float)
    side = random.integers(-1, 2, n).astype(np.int8)
    return ts, np.arange(n), price, size, side


def fold(ticks, kind, threshold, state, capacity=1_000, multiplier=2.0, price_factor=1.0, size_factor=1.0):
    rows, position, n = [], 0, ticks[0].size
    while position < n:
        out = np.empty((capacity, len(kernel.OUT_COLUMNS)))
        rest = [array[position:] for array in ticks]
        consumed, written = kernel.fold_bars(*rest, kind, threshold, multiplier, price_factor, size_factor, state, out)
        assert consumed > 0 or written > 0
        rows.append(out[:written])
        position += consumed
    return np.concatenate(rows) if rows else np.empty((0, len(kernel.OUT_COLUMNS)))


def naive(ticks, kind, threshold, multiplier=2.0):
    """Build the bars of the definition, slowly: (ts_open, ts_close, OHLC, volume, dollars, n, buy and sell volume)."""
    bars, bar, last, sign, start = [], [], None, 0, None
    for ts, seq, price, size, side in zip(*ticks, strict=True):
        interval = ts // int(threshold) if kind == kernel.TIME else None
        if kind == kernel.TIME and bar and interval != start:
            bars.append((start * int(threshold), (start + 1) * int(threshold), bar))
            bar = []
        start = interval
        if last is not None and price != last:
            sign = 1 if price > last else -1
        last = price
        bar.append((ts, seq, price, size, side or sign))
        total = {
            kernel.TICK: len(bar),
            kernel.VOLUME: sum(t[3] for t in bar),
            kernel.DOLLAR: sum(t[2] * t[3] * multiplier for t in bar),
        }
        if kind != kernel.TIME and total[kind] >= threshold:
            bars.append((bar[0][0], bar[-1][0], bar))
            bar = []
    return [
        (
            opened,
            closed,
            trades[0][2],
            max(t[2] for t in trades),
            min(t[2] for t in trades),
            trades[-1][2],
            sum(t[3] for t in trades),
            sum(t[2] * t[3] * multiplier for t in trades),
            len(trades),
            sum(t[3] for t in trades if t[4] > 0),
            sum(t[3] for t in trades if t[4] < 0),
            sum(t[4] > 0 for t in trades),
            sum(t[4] < 0 for t in trades),
            trades[0][0],
            trades[0][1],
            trades[-1][0],
            trades[-1][1],
        )
        for opened, closed, trades in bars
    ]


@pytest.mark.parametrize(("kind", "threshold"), KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_bars_are_those_of_the_definition(kind, threshold, seed):
    ticks = random_ticks(seed, 400)
    found = fold(ticks, kind, threshold, kernel.initial_state())
    names = ["ts_open", "ts_close", "open", "high", "low", "close", "volume", "dollar_volume", "n_ticks"]
    names += ["buy_volume", "sell_volume", "n_buys", "n_sells"]
    names += ["raw_ts_first", "raw_seq_first", "raw_ts_last", "raw_seq_last"]
    expected = np.array(naive(ticks, kind, threshold), dtype=float)
    assert expected.shape[0] > 5
    np.testing.assert_array_equal(found[:, [COLUMNS[name] for name in names]], expected)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 300),
    cuts=st.lists(st.integers(0, 300), max_size=6),
    capacity=st.integers(1, 5),
    case=st.sampled_from(KINDS),
)
def test_any_chunks_and_any_capacity_give_the_same_bytes(seed, n, cuts, capacity, case):
    ticks = random_ticks(seed, n)
    whole_state, state = kernel.initial_state(), kernel.initial_state()
    whole = fold(ticks, *case, whole_state)
    edges = [0, *sorted(min(cut, n) for cut in cuts), n]
    chunks = []
    for start, stop in pairwise(edges):
        state = np.frombuffer(state.tobytes()).copy()
        chunks.append(fold([array[start:stop] for array in ticks], *case, state, capacity=capacity))
    assert np.concatenate(chunks).tobytes() == whole.tobytes()
    assert state.tobytes() == whole_state.tobytes()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 300), case=st.sampled_from(KINDS))
def test_volume_and_money_are_conserved_and_prices_ordered(seed, n, case):
    ticks = random_ticks(seed, n)
    state = kernel.initial_state()
    found = fold(ticks, *case, state)
    volume, dollars, count = (found[:, COLUMNS[name]].sum() for name in ("volume", "dollar_volume", "n_ticks"))
    assert volume + state[5] == ticks[3].sum()
    assert dollars + state[6] == pytest.approx((ticks[2] * ticks[3] * 2.0).sum(), rel=1e-12)
    assert count + state[0] == n
    opens, highs, lows, closes = (found[:, COLUMNS[name]] for name in ("open", "high", "low", "close"))
    assert (lows <= np.minimum(opens, closes)).all()
    assert (np.maximum(opens, closes) <= highs).all()


def test_no_bar_sees_later_trades():
    ticks = random_ticks(3, 300)
    changed = [array.copy() for array in ticks]
    changed[2][200:] *= 3.0
    changed[3][200:] += 100.0
    for case in KINDS:
        before = fold(ticks, *case, kernel.initial_state())
        after = fold(changed, *case, kernel.initial_state())
        known = before[:, COLUMNS["ts_close"]] < ticks[0][200]
        assert known.sum() > 3
        np.testing.assert_array_equal(before[known], after[: known.sum()])


def test_inputs_are_not_mutated():
    ticks = random_ticks(1, 100)
    copies = [array.copy() for array in ticks]
    fold(ticks, kernel.TICK, 5.0, kernel.initial_state())
    for array, copy in zip(ticks, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_factors_change_prices_and_sizes_but_not_money():
    ticks = random_ticks(2, 200)
    plain = fold(ticks, kernel.DOLLAR, 9_000.0, kernel.initial_state())
    adjusted = fold(ticks, kernel.DOLLAR, 9_000.0, kernel.initial_state(), price_factor=2.0, size_factor=0.5)
    for name, factor in [("open", 2.0), ("high", 2.0), ("vwap", 2.0), ("volume", 0.5), ("dollar_volume", 1.0)]:
        np.testing.assert_allclose(adjusted[:, COLUMNS[name]], factor * plain[:, COLUMNS[name]], rtol=1e-14)
    assert (adjusted[:, COLUMNS["price_factor"]] == 2.0).all()


def test_the_driver_closes_an_interval_once():
    ticks = random_ticks(4, 30)
    state, out = kernel.initial_state(), np.empty((1, len(kernel.OUT_COLUMNS)))
    found = fold(ticks, kernel.TIME, 60e6, state)
    assert kernel.close_interval(60_000_000, state, out) == 1
    assert kernel.close_interval(60_000_000, state, out) == 0
    assert out[0, COLUMNS["ts_open"]] == ticks[0][-1] // 60_000_000 * 60_000_000
    assert found[:, COLUMNS["volume"]].sum() + out[0, COLUMNS["volume"]] == ticks[3].sum()
    assert out[0, COLUMNS["ts_close"]] > ticks[0][-1]
    later = [array.copy() for array in ticks]
    later[0][:] += 10**9
    resumed = fold(later, kernel.TIME, 60e6, state)
    assert resumed[0, COLUMNS["ts_open"]] == later[0][0] // 60_000_000 * 60_000_000


def plain_step(state, kind, threshold, multiplier, factors, trade):
    """Take one trade as the definition says, every sum in the order of the trades; return the bar it closes, if any."""
    ts, seq, price, size, side = trade
    row = None
    if kind == kernel.TIME and ts >= state[18]:
        if state[0] > 0:
            row = plain_row(state, state[18] - threshold, state[18], 0.0)
        state[18] = float((int(ts) // int(threshold) + 1) * int(threshold))
    p, q = price * factors[0], size * factors[1]
    if state[0] == 0.0:
        state[3], state[13], state[14] = p, float(ts), float(seq)
    state[12] = 1.0 if p > state[4] else -1.0 if p < state[4] else state[12]
    signed = float(side) if side != 0 else state[12]
    state[0] += 1.0
    state[1], state[2], state[4] = max(state[1], p), min(state[2], p), p
    state[5] += q
    state[6] += price * size * multiplier
    state[7] += p * q
    state[8 if signed > 0 else 9] += q if signed else 0.0
    state[10 if signed > 0 else 11] += 1.0 if signed else 0.0
    state[15], state[16], state[17] = float(ts), float(seq), factors[0]
    total = {kernel.TICK: state[0], kernel.VOLUME: state[5], kernel.DOLLAR: state[6]}
    if kind != kernel.TIME and total[kind] >= threshold:
        row = plain_row(state, state[13], state[15], state[16])
    return row


def plain_row(state, ts_open, ts_close, seq):
    """Return the bar and begin the next."""
    ticks, high, low, first, last, volume, dollars, notional, buys, sells, n_buys, n_sells = state[:12]
    row = [ts_open, ts_close, seq, first, high, low, last, volume, dollars, ticks, notional / volume]
    row += [buys, sells, n_buys, n_sells, state[17], *state[13:17]]
    state[0], state[1], state[2] = 0.0, -np.inf, np.inf
    state[5:12] = [0.0] * 7
    return row


AWKWARD = [
    *[(kernel.TIME, amount) for amount in (1e6, 60e6, 9e9)],
    *[(kernel.TICK, amount) for amount in (1.0, 6.5, 7.0, 256.0, 700.0)],
    *[(kernel.VOLUME, amount) for amount in (0.5, 20.3, 1_000.7)],
    *[(kernel.DOLLAR, amount) for amount in (100.0, 50_000.1, 2e6)],
]


@pytest.mark.parametrize(("kind", "threshold"), AWKWARD)
def test_every_bit_is_that_of_the_plain_sums_in_the_order_of_the_trades(kind, threshold):
    random = np.random.default_rng(int(threshold) + kind)
    state, expected_state = kernel.initial_state(), kernel.initial_state().tolist()
    found, expected = [], []
    later = 0
    for factors, n in [((1.0, 1.0), 1), ((1.37, 0.3), 900), ((1.37 * 1.011, 0.3), 300), ((0.7, 1.9), 513)]:
        ts, seq, price, size, side = random_ticks(n, n)
        ts = ts + later
        later += int(ts[-1] - ts[0]) + 1
        price = price * 1.013
        size = size * random.random(n)
        if n == 300:
            side[:] = 0
        ticks = (ts, seq, price, size, side)
        found.append(fold(ticks, kind, threshold, state, 1 + n // 7, 5.3, *factors))
        rows = (
            plain_step(expected_state, kind, threshold, 5.3, factors, trade)
            for trade in zip(*(array.tolist() for array in ticks), strict=True)
        )
        expected += [row for row in rows if row is not None]
    assert np.array(expected).tobytes() == np.concatenate(found).tobytes()
    assert np.array(expected_state).tobytes() == state.tobytes()
    assert expected
    assert threshold > 1e9 or len(expected) > 1


@pytest.mark.parametrize(
    ("kind", "threshold", "n_bars", "digest"),
    [
        (kernel.TIME, 60000000.0, 2263, "21683e4b723fff9f"),
        (kernel.TICK, 1000.0, 500, "a29e393c80933484"),
        (kernel.VOLUME, 250.0, 2175, "c1fbe1518cc1482c"),
        (kernel.DOLLAR, 70000000.0, 2127, "83423975bfaa16b3"),
    ],
)
def test_the_bars_of_the_sample_are_as_ever(kind, threshold, n_bars, digest):
    trades = pl.read_parquet(SAMPLE).sort("ts", maintain_order=True)
    ts = trades["ts"].cast(pl.Int64).to_numpy()
    price, size = (trades[name].cast(pl.Float64).to_numpy() for name in ("price", "size"))
    ticks = (ts, np.arange(ts.size), price, size, np.zeros(ts.size, np.int8))
    bars = fold(ticks, kind, threshold, kernel.initial_state(), 4_096, 50.0, 1.0371, 0.3)
    assert len(bars) == n_bars
    assert hashlib.sha256(bars.tobytes()).hexdigest()[:16] == digest
