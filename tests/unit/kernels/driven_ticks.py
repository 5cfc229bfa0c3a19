"""Trades for the tests of bars that are driven by information, and the folds over them."""

from itertools import pairwise

import numpy as np


def random_ticks(seed, n, sides=True):
    """Return ts, seq, price, size, side; prices stand still, walk and jump, sizes have a heavy tail."""
    random = np.random.default_rng(seed)
    ts = 1_378_072_800_000_000 + np.cumsum(random.integers(0, 3_000_000, n))
    steps = random.integers(-1, 2, n) + np.where(random.random(n) < 0.01, random.integers(-20, 21, n), 0)
    price = np.maximum(100.0 + 0.25 * np.cumsum(steps), 1.0)
    size = np.ceil(1.0 + random.pareto(1.2, n))
    side = random.integers(-1, 2, n) if sides else np.zeros(n)
    return ts, np.arange(n), price, size, side.astype(np.int8)


def fold(make, n_columns, ticks, rule, state, capacity=1_000, factors=(1.0, 1.0, 1.0)):
    """Return the bars of `ticks` and change `state`, with room for `capacity` bars a call."""
    rows, position, n = [np.empty((0, n_columns))], 0, ticks[0].size
    while position < n:
        out = np.full((capacity, n_columns), np.nan)
        consumed, written = make(*(array[position:] for array in ticks), *rule, *factors, state, out)
        assert consumed > 0
        assert written == capacity or position + consumed == n
        rows.append(out[:written])
        position += consumed
    return np.concatenate(rows)


def in_pieces(make, n_columns, ticks, rule, state, cuts, capacity):
    """Return bars and state of `ticks` cut anywhere, with the state saved as bytes at each cut."""
    n, rows = ticks[0].size, []
    for start, stop in pairwise([0, *sorted(min(cut, n) for cut in cuts), n]):
        state = np.frombuffer(state.tobytes()).copy()
        rows.append(fold(make, n_columns, [array[start:stop] for array in ticks], rule, state, capacity))
    return np.concatenate(rows), state
