"""How far trading moves the price: the lambdas of Amihud, Kyle and Hasbrouck."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import BUY_VOLUME, CLOSE, DOLLAR_VOLUME, LOG_RETURN, SELL_VOLUME, VOLUME
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum

_SUMS: Final = 9
_WIDTH: Final = 7
_EXACT_FRAC: Final = 1e-13  # residuals below that part of the variance are rounding


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: for each window nine sums
    values, sums = np.empty((_SUMS, stop - first)), np.empty((_SUMS, stop - first))
    for i in range(first, stop):
        row, change, log_return = i - first, x[CLOSE, i] - x[CLOSE, i - 1], x[LOG_RETURN, i]
        volume, dollars = x[VOLUME, i], x[DOLLAR_VOLUME, i]
        signed = x[BUY_VOLUME, i] - x[SELL_VOLUME, i]
        is_traded = volume > 0.0 and dollars > 0.0
        root = np.sqrt(dollars)
        signed_root = root if signed > 0.0 else (-root if signed < 0.0 else 0.0 * signed * root)
        values[0, row] = abs(log_return) / dollars if is_traded else np.nan
        values[1, row] = abs(change) / volume if is_traded else np.nan
        values[2, row] = abs(log_return) / root if is_traded else np.nan
        values[3, row], values[4, row], values[5, row] = change * signed, signed * signed, change * change
        values[6, row], values[7, row] = log_return * signed_root, signed_root * signed_root
        values[8, row] = log_return * log_return
    at = 0
    for j in range(params.shape[0]):
        n, c = int(params[j]), k + _WIDTH * j
        for value in range(_SUMS):
            rolling_sum(values[value], n, state, at, sums[value])
            at += ROLLING_HEAD + n
        for row in range(stop - first):
            out[row, c], out[row, c + 1], out[row, c + 4] = sums[0, row] / n, sums[1, row] / n, sums[2, row] / n
            for line in range(2):
                xy, xx, yy = sums[3 + 3 * line, row], sums[4 + 3 * line, row], sums[5 + 3 * line, row]
                residuals = yy - xy * xy / xx
                out[row, c + 2 + 3 * line] = xy / xx if xx > 0.0 else np.nan
                # a line through the origin
                has_residuals = residuals > _EXACT_FRAC * yy
                out[row, c + 3 + 3 * line] = xy / np.sqrt(residuals / (n - 1.0) * xx) if has_residuals else np.nan


class PriceImpactParams(Params):
    """Parameters of `price_impact`.

    Parameters
    ----------
    windows : bars over which means and regressions are taken.
    """

    windows: Periods = (20,)


def _outputs(n: int) -> tuple[Feature, ...]:
    amihud, kyle, hasbrouck = "Amihud (2002), AFML 19.4.2", "Kyle (1985), AFML 19.4.1", "Hasbrouck (2009), AFML 19.4.3"
    line = "slope of the line through the origin that least squares fit to"
    return (
        Feature(
            f"amihud_{n}",
            "1/quote",
            f"Mean of |log return| / dollar volume over the last {n} bars; null with a bar without volume among them",
            n,
            amihud,
        ),
        Feature(
            f"kyle_ratio_{n}",
            "quote/unit",
            f"Mean of |change of the close| / volume over the last {n} bars: Kyle's lambda where every bar is one "
            "trade, with the sign of its change; null with a bar without volume among them",
            n,
            kyle,
        ),
        Feature(
            f"kyle_lambda_{n}",
            "quote/unit",
            f"Kyle's lambda: {line} changes of the close on buy_volume - sell_volume over the last {n} bars",
            n,
            kyle,
        ),
        Feature(f"kyle_lambda_t_{n}", "ratio", f"t-value of kyle_lambda_{n}; null where the fit is perfect", n, kyle),
        Feature(
            f"hasbrouck_ratio_{n}",
            "1/sqrt quote",
            f"Mean of |log return| / sqrt(dollar volume) over the last {n} bars; null with a bar without volume "
            "among them",
            n,
            hasbrouck,
        ),
        Feature(
            f"hasbrouck_lambda_{n}",
            "1/sqrt quote",
            f"Hasbrouck's lambda: {line} log returns on the root of dollar volume, with the sign of buy_volume - "
            f"sell_volume, over the last {n} bars; a bar stands for one trade",
            n,
            hasbrouck,
        ),
        Feature(
            f"hasbrouck_lambda_t_{n}",
            "ratio",
            f"t-value of hasbrouck_lambda_{n}; null where the fit is perfect",
            n,
            hasbrouck,
        ),
    )


@bank
def price_impact(params: PriceImpactParams) -> Bank:
    """Return the bank; NaN in windows with a missing value: regressions need the sides of trades in all bars."""
    return Bank(
        inputs=(CLOSE, LOG_RETURN, VOLUME, DOLLAR_VOLUME, BUY_VOLUME, SELL_VOLUME),
        outputs=tuple(item for n in params.windows for item in _outputs(n)),
        params=params.windows,
        state_size=_SUMS * sum(ROLLING_HEAD + n for n in params.windows),
        step=_step,
        lookback=1,
    )
