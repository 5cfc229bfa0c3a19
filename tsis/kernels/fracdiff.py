"""Fractional differentiation: a weighted sum over the values up to each row, whose weights fade like a power (AFML 5).

Every row is one sum in the order of its taps, from the newest value to the oldest, whether it is computed alone or
beside others: so one row at a time gives the bits of the whole.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Batch, Fold, Rows

_BLOCK: Final = 256  # rows whose sums stay in the first-level cache while the taps pass by


@jit
def expanding_weights(d: float, n: int) -> NDArray[np.float64]:
    """Return the first `n` weights of (1 - B)^d, newest first: 1, -d, d(d-1)/2, ... (AFML snippet 5.1)."""
    weights = np.ones(n)
    for k in range(1, n):
        weights[k] = -weights[k - 1] * (d - k + 1.0) / k
    return weights


@jit
def fixed_weights(d: float, cut_off: float) -> NDArray[np.float64]:
    """Return the weights of (1 - B)^d, newest first, up to the last before one is below `cut_off` in size.

    AFML snippet 5.3. Their number, the width of the window, grows like cut_off^(-1/(1+d)).
    """
    width, weight = 1, 1.0
    while True:
        weight = -weight * (d - width + 1.0) / width
        if abs(weight) < cut_off:
            break
        width += 1
    return expanding_weights(d, width)


@jit
def _sums(x: NDArray[np.float64], first: int, weights: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write sum_k weights[k] * x[first + i - k] for each row i of `out`; `first` is at least len(weights) - 1."""
    n, n_taps = out.shape[0], weights.shape[0]
    in_fours = n_taps - n_taps % 4
    rows = np.empty(_BLOCK)
    for start in range(0, n - n % _BLOCK, _BLOCK):
        newest = first + start
        for i in range(_BLOCK):
            rows[i] = 0.0
        for k in range(0, in_fours, 4):
            w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
            z = x[newest - k - 3 :]
            for i in range(_BLOCK):  # a constant: no loop for a rest, whose registers the weights need
                rows[i] = rows[i] + w0 * z[i + 3] + w1 * z[i + 2] + w2 * z[i + 1] + w3 * z[i]
        for k in range(in_fours, n_taps):
            weight, z = weights[k], x[newest - k :]
            for i in range(_BLOCK):
                rows[i] = rows[i] + weight * z[i]
        for i in range(_BLOCK):
            out[start + i] = rows[i]
    for i in range(n - n % _BLOCK, n):
        total = 0.0
        for k in range(n_taps):
            total = total + weights[k] * x[first + i - k]
        out[i] = total


@jit
def fixed_window(
    x: NDArray[np.float64], weights: NDArray[np.float64], state: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Write the weighted sum over the last len(weights) values of each row (FFD, AFML snippet 5.3).

    NaN until there are as many values, and as long as one of them is NaN.

    Parameters
    ----------
    x : (n,) consecutive values, such as log prices.
    weights : (w,) newest first, see `fixed_weights`.
    state : (w,) number of values so far, and the last w - 1 of them in order; zeros at first, changed in place.
    out : (n,) written.
    """
    n, n_before = x.shape[0], weights.shape[0] - 1
    values = np.empty(n_before + n)
    for i in range(n_before):
        values[i] = state[1 + i]
    for i in range(n):
        values[n_before + i] = x[i]
    _sums(values, n_before, weights, out)
    n_missing = min(max(n_before - int(state[0]), 0), n)
    for i in range(n_missing):
        out[i] = np.nan
    state[0] += n
    for i in range(n_before):
        state[1 + i] = values[n + i]


@jit
def expanding_window(x: NDArray[np.float64], d: float) -> NDArray[np.float64]:
    """Return the weighted sum over all values up to each row (AFML snippet 5.2), in time n^2; NaN after a NaN.

    The first rows hold little of the weight; which ones to leave out, `expanding_skip` says.
    """
    n = x.shape[0]
    out = np.empty(n)
    weights = expanding_weights(d, n)
    padded = np.zeros(n + _BLOCK)
    padded[_BLOCK:] = x
    for start in range(0, n, _BLOCK):
        end = min(start + _BLOCK, n)
        # a tap that reaches before the first value meets a zero, which changes no bit of the sum
        _sums(padded, start + _BLOCK, weights[:end], out[start:end])
    return out


@jit
def expanding_skip(d: float, n: int, max_loss_frac: float) -> int:
    """Return how many of the first of `n` expanding rows miss more than `max_loss_frac` of the absolute weight.

    AFML snippet 5.2, which leaves out one row more. It depends on the length of the sample: no stored row may.
    """
    sizes = np.abs(expanding_weights(d, n))
    total = sizes.sum()
    held = 0.0
    for k in range(n):
        held += sizes[k]
        if 1.0 - held / total <= max_loss_frac:
            return k
    return n


_WIDTH: Final = 37


def _run_fixed(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty(arrays[0].shape[0])
    fixed_window(arrays[0], expanding_weights(0.4, _WIDTH), state, out)
    return out


def _run_cut_off(arrays: tuple[Array, ...], state: Rows) -> Rows:
    out = np.empty(arrays[0].shape[0])
    fixed_window(arrays[0], fixed_weights(0.9, 1e-3), state, out)
    return out


def _run_expanding(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
    n = arrays[0].shape[0]
    skipped = expanding_skip(0.4, 50, 0.1)
    return expanding_window(arrays[0], 0.4)[skipped:], np.arange(skipped, max(n, skipped))


FIXED_WINDOW: Final = Fold(("close",), lambda: np.zeros(_WIDTH), _run_fixed)
FIXED_WINDOW_CUT_OFF: Final = Fold(("close",), lambda: np.zeros(12), _run_cut_off)
EXPANDING_WINDOW: Final = Batch(("close",), _run_expanding)
