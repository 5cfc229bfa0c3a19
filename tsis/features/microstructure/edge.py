"""EDGE: the spread from open, high, low and close, weighted so that its variance is least."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import CLOSE, HIGH, LOW, OPEN
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum

_TERMS: Final = 4
_PRODUCTS: Final = _TERMS + _TERMS * (_TERMS + 1) // 2
_SUMS: Final = 6 + 2 * _PRODUCTS


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # values: whether the bar moves, whether its open and the close before are at an end; three returns; of the terms of
    # both estimates first the terms, then their products row by row. State: their sums for each window
    m = stop - first
    values, sums, terms = np.empty((_SUMS, m)), np.empty((_SUMS, m)), np.empty((2, _TERMS))
    high_before, low_before, close_before = x[HIGH, first - 1], x[LOW, first - 1], x[CLOSE, first - 1]
    middle_before, end_before = 0.5 * np.log(high_before * low_before), np.log(close_before)
    for row in range(m):
        i = first + row
        opened, high, low, close = x[OPEN, i], x[HIGH, i], x[LOW, i], x[CLOSE, i]
        start, middle, end = np.log(opened), 0.5 * np.log(high * low), np.log(close)
        r1, r2, r3 = middle - start, start - middle_before, middle - end_before
        r4, r5 = end_before - middle_before, start - end_before
        moves = 1.0 if high != low or low != close_before else 0.0
        values[0, row] = moves
        values[1, row] = moves * ((1.0 if opened != high else 0.0) + (1.0 if opened != low else 0.0))
        opens = (1.0 if close_before != high_before else 0.0) + (1.0 if close_before != low_before else 0.0)
        values[2, row] = moves * opens
        values[3, row], values[4, row], values[5, row] = r1, r3, r5
        terms[0, 0], terms[0, 1], terms[0, 2], terms[0, 3] = r1 * r2, moves * r2, r3 * r4, moves * r4
        terms[1, 0], terms[1, 1], terms[1, 2], terms[1, 3] = r1 * r5, moves * r5, r5 * r4, moves * r4
        at = 6
        for estimate in range(2):
            for one in range(_TERMS):
                values[at + one, row] = terms[estimate, one]
            at += _TERMS
            for one in range(_TERMS):
                for other in range(one, _TERMS):
                    values[at, row] = terms[estimate, one] * terms[estimate, other]
                    at += 1
        high_before, low_before, close_before = high, low, close
        middle_before, end_before = middle, end
    place, factors = 0, np.empty(_TERMS)
    for j in range(params.shape[0]):
        n = int(params[j]) - 1  # the first bar only lends its prices to the second
        for value in range(_SUMS):
            rolling_sum(values[value], n, state, place, sums[value])
            place += ROLLING_HEAD + n
        for row in range(m):
            moved = sums[0, row]
            out[row, k + j] = np.nan
            if not (moved >= 2.0 and sums[1, row] > 0.0 and sums[2, row] > 0.0):
                continue
            # each estimate is a sum of its terms, each times a factor: so are its mean and its variance
            means, variances, at = terms[0], terms[1], 6
            for estimate in range(2):
                factors[0], factors[2] = -4.0 * n / sums[1, row], -4.0 * n / sums[2, row]
                factors[1] = -factors[0] * (sums[3, row] / moved)
                factors[3] = -factors[2] * (sums[4 + estimate, row] / moved)
                mean, square = 0.0, 0.0
                for one in range(_TERMS):
                    mean += factors[one] * sums[at + one, row]
                at += _TERMS
                for one in range(_TERMS):
                    part = 0.5 * factors[one] * sums[at, row]
                    at += 1
                    for other in range(one + 1, _TERMS):
                        part += factors[other] * sums[at, row]
                        at += 1
                    square += 2.0 * factors[one] * part
                means[estimate] = mean / n
                # below zero is rounding
                variances[estimate] = max(square / n - means[estimate] * means[estimate], 0.0)
            total = variances[0] + variances[1]
            squared = 0.5 * (means[0] + means[1])
            if total > 0.0:
                squared = (variances[1] * means[0] + variances[0] * means[1]) / total
            out[row, k + j] = np.sqrt(abs(squared))


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
        state_size=_SUMS * sum(ROLLING_HEAD + n - 1 for n in params.windows),
        step=_step,
        lookback=1,
    )
