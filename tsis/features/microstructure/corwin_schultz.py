"""Spread and volatility of Corwin and Schultz: one high and low over two bars against those of each."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import HIGH, LOW
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum

_DENOMINATOR: Final = 3.0 - 2.0 * 2.0**0.5
_RANGE: Final = (8.0 / np.pi) ** 0.5  # expected log range of a Brownian motion, in its standard deviations


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: the sum of each window
    m = stop - first
    pairs, wides, betas = np.empty(m), np.empty(m), np.empty(m)
    before = np.log(x[HIGH, first - 1] / x[LOW, first - 1]) ** 2
    for i in range(first, stop):
        squared = np.log(x[HIGH, i] / x[LOW, i]) ** 2
        gamma = np.log(max(x[HIGH, i], x[HIGH, i - 1]) / min(x[LOW, i], x[LOW, i - 1])) ** 2
        pairs[i - first], wides[i - first] = squared + before, np.sqrt(gamma / _DENOMINATOR)
        before = squared
    at = 0
    for j in range(params.shape[0]):
        n = int(params[j])
        rolling_sum(pairs, n, state, at, betas)
        at += ROLLING_HEAD + n
        for row in range(m):
            root, wide = np.sqrt(betas[row] / n), wides[row]
            alpha = (2.0**0.5 - 1.0) / _DENOMINATOR * root - wide
            sigma = (2.0**-0.5 - 1.0) / (_RANGE * _DENOMINATOR) * root + wide / _RANGE
            growth = np.exp(alpha)
            # a comparison with NaN is false, which leaves it
            out[row, k + 2 * j] = 0.0 if alpha < 0.0 else 2.0 * (growth - 1.0) / (1.0 + growth)
            out[row, k + 2 * j + 1] = 0.0 if sigma < 0.0 else sigma


class CorwinSchultzParams(Params):
    """Parameters of `corwin_schultz`.

    Parameters
    ----------
    windows : pairs of bars of which the mean squared range is taken.
    """

    windows: Periods = (20,)


@bank
def corwin_schultz(params: CorwinSchultzParams) -> Bank:
    """Return the bank; NaN in windows with a missing bar. Gaps between sessions are not taken out."""
    return Bank(
        inputs=(HIGH, LOW),
        outputs=tuple(
            item
            for n in params.windows
            for item in (
                Feature(
                    f"corwin_schultz_{n}",
                    "frac",
                    "Spread over price, 2 (e^a - 1) / (1 + e^a), where a = (sqrt 2 - 1) sqrt(b) / d - sqrt(g / d), "
                    f"d = 3 - 2 sqrt 2, b the mean over {n} pairs of successive bars of the sum of their squared log "
                    "ranges, g the squared log range of the last two bars together; 0 where a is negative",
                    n,
                    "Corwin and Schultz (2012), AFML 19.3.3",
                ),
                Feature(
                    f"beckers_parkinson_{n}",
                    "frac",
                    "Volatility of a bar apart from the spread: (sqrt(1/2) - 1) sqrt(b) / (k d) + sqrt(g / d) / k, "
                    f"k = sqrt(8 / pi), b, g and d as of corwin_schultz_{n}; 0 where negative",
                    n,
                    "Beckers (1983), Parkinson (1980), AFML 19.3.2, snippet 19.2",
                ),
            )
        ),
        params=params.windows,
        state_size=sum(ROLLING_HEAD + n for n in params.windows),
        step=_step,
        lookback=1,
    )
