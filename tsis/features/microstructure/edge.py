"""EDGE: the spread from open, high, low and close, weighted so that its variance is least."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE, HIGH, LOW, OPEN
from tsis.kernels.window_sums import HEAD, sums_size, window_sums

_TERMS: Final = 4
_PRODUCTS: Final = _TERMS + _TERMS * (_TERMS + 1) // 2
_SUMS: Final = 6 + 2 * _PRODUCTS


@jit
def _moments(a: float, b: float, p: float, q: float, state: Array, at: int, n: int) -> tuple[float, float]:
    """Return mean and variance of a (t0 - p t1) + b (t2 - q t3) from the sums at `at`: of the terms, of their products.

    The products stand row by row: t0 t0, t0 t1, …, t1 t1, …
    """
    mean = (a * (state[at] - p * state[at + 1]) + b * (state[at + 2] - q * state[at + 3])) / n
    c0, c1, c2, c3 = a, -a * p, b, -b * q
    at += _TERMS
    total = c0 * (c0 * state[at] + 2.0 * (c1 * state[at + 1] + c2 * state[at + 2] + c3 * state[at + 3]))
    total += c1 * (c1 * state[at + 4] + 2.0 * (c2 * state[at + 5] + c3 * state[at + 6]))
    total += c2 * (c2 * state[at + 7] + 2.0 * c3 * state[at + 8]) + c3 * c3 * state[at + 9]
    return mean, total / n - mean * mean


@jit
def _terms(t0: float, t1: float, t2: float, t3: float, state: Array, at: int) -> None:
    """Write four terms and their products, as `_moments` reads their sums."""
    state[at], state[at + 1], state[at + 2], state[at + 3] = t0, t1, t2, t3
    state[at + 4], state[at + 5], state[at + 6], state[at + 7] = t0 * t0, t0 * t1, t0 * t2, t0 * t3
    state[at + 8], state[at + 9], state[at + 10] = t1 * t1, t1 * t2, t1 * t3
    state[at + 11], state[at + 12], state[at + 13] = t2 * t2, t2 * t3, t3 * t3


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    high_before, low_before, close_before = x[HIGH, first - 1], x[LOW, first - 1], x[CLOSE, first - 1]
    middle_before, end_before = 0.5 * np.log(high_before * low_before), np.log(close_before)
    for i in range(first, stop):
        opened, high, low, close = x[OPEN, i], x[HIGH, i], x[LOW, i], x[CLOSE, i]
        start, middle, end = np.log(opened), 0.5 * np.log(high * low), np.log(close)
        r1, r2, r3 = middle - start, start - middle_before, middle - end_before
        r4, r5 = end_before - middle_before, start - end_before
        moves = 1.0 if high != low or low != close_before else 0.0
        opens = moves * ((1.0 if opened != high else 0.0) + (1.0 if opened != low else 0.0))
        closes = moves * ((1.0 if close_before != high_before else 0.0) + (1.0 if close_before != low_before else 0.0))
        at = 0
        for j in range(params.shape[0]):
            n = int(params[j]) - 1  # the first bar only lends its prices to the second
            v = at + HEAD
            state[v], state[v + 1], state[v + 2] = moves, opens, closes
            state[v + 3], state[v + 4], state[v + 5] = r1, r3, r5
            _terms(r1 * r2, moves * r2, r3 * r4, moves * r4, state, v + 6)
            _terms(r1 * r5, moves * r5, r5 * r4, moves * r4, state, v + 6 + _PRODUCTS)
            window_sums(_SUMS, n, state, at)
            at += HEAD + _SUMS * (n + 3)
            v += _SUMS
            moved = state[v]
            out[i - first, k + j] = np.nan
            if not (moved >= 2.0 and state[v + 1] > 0.0 and state[v + 2] > 0.0):
                continue
            a, b = -4.0 * n / state[v + 1], -4.0 * n / state[v + 2]
            p, q, s = state[v + 3] / moved, state[v + 4] / moved, state[v + 5] / moved
            mean, variance = _moments(a, b, p, q, state, v + 6, n)
            other, other_variance = _moments(a, b, p, s, state, v + 6 + _PRODUCTS, n)
            # below zero is rounding
            variance, other_variance = max(variance, 0.0), max(other_variance, 0.0)
            total = variance + other_variance
            squared = (other_variance * mean + variance * other) / total if total > 0.0 else 0.5 * (mean + other)
            out[i - first, k + j] = np.sqrt(abs(squared))
        high_before, low_before, close_before = high, low, close
        middle_before, end_before = middle, end


class EdgeParams(Params):
    """Parameters of `edge`.

    Parameters
    ----------
    windows : bars, the first of which only lends its prices to the second; three at least.
    """

    windows: Periods = (20,)


@bank
def edge(params: EdgeParams) -> Bank:
    """Return the bank; NaN in windows with a missing bar, and where fewer than two bars move."""
    return Bank(
        inputs=(OPEN, HIGH, LOW, CLOSE),
        outputs=tuple(
            Feature(
                f"edge_spread_{n}",
                "frac",
                f"Spread over price of the last {n} bars: root of the absolute squared spread, the mean of two "
                "estimates by moments of open, close and midrange, weighted by each other's variance",
                n - 1,
                "Ardia, Guidotti and Kroencke (2024)",
            )
            for n in params.windows
        ),
        params=params.windows,
        state_size=sum(sums_size(_SUMS, n - 1) for n in params.windows),
        step=_step,
        lookback=1,
    )
