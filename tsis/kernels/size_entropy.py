"""Entropy of the sizes of a bar's trades."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Fold, Rows

N_CLASSES: Final = 64
SMALLEST_POWER: Final = -24
"""Class k holds the sizes from 2^(k - 24) to below twice that; the first and the last hold all beyond them too."""


def initial_state() -> Rows:
    """Return the state before the first trade: trades of the open bar in each class."""
    return np.zeros(N_CLASSES)


@jit
def size_classes(size: NDArray[np.float64], out: NDArray[np.int8]) -> None:
    """Write the class of each size, see `SMALLEST_POWER`; sizes are positive."""
    for i in range(size.shape[0]):
        power = math.frexp(size[i])[1] - 1
        out[i] = np.int8(min(max(power - SMALLEST_POWER, 0), N_CLASSES - 1))


@jit
def places(
    ts: NDArray[np.int64], seq: NDArray[np.int64], at_ts: NDArray[np.int64], at_seq: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many trades, in order of (ts, seq), come no later than each of the given ones."""
    out = np.empty(at_ts.shape[0], np.int64)
    for j in range(at_ts.shape[0]):
        low, high = 0, ts.shape[0]
        while low < high:
            middle = (low + high) // 2
            if ts[middle] > at_ts[j] or (ts[middle] == at_ts[j] and seq[middle] > at_seq[j]):
                high = middle
            else:
                low = middle + 1
        out[j] = low
    return out


@jit
def class_entropy(counts: NDArray[np.float64]) -> float:
    """Return Shannon's entropy of the shares of the counts in bits, NaN where all are 0."""
    total, weighted = 0.0, 0.0
    for count in counts:
        total += count
        if count > 1.0:
            weighted += count * np.log2(count)
    return float(max(np.log2(total) - weighted / total, 0.0)) if total > 0.0 else np.nan


@jit
def size_entropy(
    classes: NDArray[np.int8],
    firsts: NDArray[np.int64],
    stops: NDArray[np.int64],
    is_open: bool,
    next_first: int,
    state: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the entropy of the sizes of each bar's trades, NaN where it has none; the open bar stays in `state`.

    Parameters
    ----------
    classes : (n,) of the trades after the call before, from `size_classes`.
    firsts, stops : (m,) first trade of each bar that closes, and the one after its last; bars in order.
    is_open : the first bar, or without one the open bar, began before these trades: those in the state belong to it.
    next_first : first trade of the bar that is open after this call.
    state : from `initial_state`, changed in place.
    out : (m,).
    """
    for j in range(firsts.shape[0]):
        if j > 0 or not is_open:
            state[:] = 0.0
        for i in range(firsts[j], stops[j]):
            state[classes[i]] += 1.0
        out[j] = class_entropy(state)
    if firsts.shape[0] > 0 or not is_open:
        state[:] = 0.0
    for i in range(next_first, classes.shape[0]):
        state[classes[i]] += 1.0


def _run(arrays: tuple[Array, ...], state: Rows) -> Rows:
    """Close a bar with every sell."""
    size, side = arrays
    classes = np.empty(size.shape[0], np.int8)
    size_classes(size, classes)
    rows, zero = np.arange(size.shape[0]), np.zeros(size.shape[0], np.int64)
    ends = np.flatnonzero(side < 0)
    stops = places(rows, zero, ends, zero[: ends.shape[0]])
    firsts = np.append(0, stops)
    out = np.empty(stops.shape[0])
    size_entropy(classes, firsts[:-1], stops, True, int(firsts[-1]), state, out)
    return out


SIZE_ENTROPY: Final = Fold(("size", "side"), initial_state, _run)
