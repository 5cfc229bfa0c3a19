"""Keltner channel: an exponential average of the closes, and the average true range on both sides of it.

A bar whose close or true range is missing has no value; each average passes over what it lacks.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Period
from tsis.core.stream import CLOSE, HIGH, LOW, TRUE_RANGE


class KeltnerParams(Params):
    """Parameters of `keltner`.

    Parameters
    ----------
    period : of the exponential average, in bars.
    range_period : of the average true range, in bars.
    width : distance of the bands from the average, in average true ranges.
    """

    period: Period = 20
    range_period: Period = 10
    width: float = Field(default=2.0, gt=0.0)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: closes so far, their average, true ranges so far, their average; an average is a sum until it is full
    period, range_period, width = params[0], params[1], params[2]
    n_closes, middle, n_ranges, reach = state[0], state[1], state[2], state[3]
    alpha = 2.0 / (period + 1.0)
    for i in range(first, stop):
        close = x[CLOSE, i]
        true_range = x[TRUE_RANGE, i] + 0.0 * (x[HIGH, i] + x[LOW, i])
        if not np.isnan(close):
            n_closes += 1.0
            if n_closes > period:
                middle += (close - middle) * alpha
            else:
                middle += close
                if n_closes == period:
                    middle /= period
        if not np.isnan(true_range):
            n_ranges += 1.0
            if n_ranges > range_period:
                reach += (true_range - reach) / range_period
            else:
                reach += true_range
                if n_ranges == range_period:
                    reach /= range_period
        is_known = n_closes >= period and n_ranges >= range_period and not np.isnan(close + true_range)
        half = width * reach if is_known else np.nan
        out[i - first, k] = middle + half
        out[i - first, k + 1] = middle if is_known else np.nan
        out[i - first, k + 2] = middle - half
        out[i - first, k + 3] = 0.5 + 0.5 * (close - middle) / half if half > 0.0 else np.nan
    state[0], state[1], state[2], state[3] = n_closes, middle, n_ranges, reach


@bank
def keltner(params: KeltnerParams) -> Bank:
    """Return the bank: the channel, and where the close lies in it."""
    period, ranges, width = params.period, params.range_period, params.width
    average = f"Exponential average of span {period} of the closes, begun with the mean of the first {period}"
    reach = f"{width:g} average true ranges of {ranges} bars"
    texts = (
        ("upper", "quote", f"{average}, plus {reach}"),
        ("middle", "quote", average),
        ("lower", "quote", f"{average}, less {reach}"),
        ("place", "frac", "Place of the close between the lower (0) and the upper (1) band; null where they meet"),
    )
    return Bank(
        inputs=(HIGH, LOW, CLOSE, TRUE_RANGE),
        outputs=tuple(
            Feature(
                f"keltner_{name}_{period}",
                unit,
                text,
                max(period - 1, ranges),
                "Keltner (1960) as amended by Raschke: TA-Lib EMA and ATR",
            )
            for name, unit, text in texts
        ),
        params=(period, ranges, width),
        state_size=4,
        step=_step,
    )
