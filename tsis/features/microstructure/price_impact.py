"""How far trading moves the price: the lambdas of Amihud, Kyle and Hasbrouck."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import BUY_VOLUME, CLOSE, DOLLAR_VOLUME, LOG_RETURN, SELL_VOLUME, VOLUME
from tsis.kernels.window_sums import HEAD, sums_size, window_sums

_SUMS: Final = 9
_WIDTH: Final = 7
_EXACT_FRAC: Final = 1e-13  # residuals below that part of the variance are rounding


@jit
def _t_value(xy: float, xx: float, yy: float, n: int) -> float:
    """Return the t-value of the slope xy / xx of a line through the origin; NaN where it leaves no residuals."""
    residuals = yy - xy * xy / xx
    return float(xy / np.sqrt(residuals / (n - 1.0) * xx)) if residuals > _EXACT_FRAC * yy else np.nan


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    for i in range(first, stop):
        change, log_return = x[CLOSE, i] - x[CLOSE, i - 1], x[LOG_RETURN, i]
        volume, dollars = x[VOLUME, i], x[DOLLAR_VOLUME, i]
        signed = x[BUY_VOLUME, i] - x[SELL_VOLUME, i]
        is_traded = volume > 0.0 and dollars > 0.0
        root = np.sqrt(dollars)
        signed_root = root if signed > 0.0 else (-root if signed < 0.0 else 0.0 * signed * root)
        at = 0
        for j in range(params.shape[0]):
            n = int(params[j])
            v = at + HEAD
            state[v] = abs(log_return) / dollars if is_traded else np.nan
            state[v + 1] = abs(change) / volume if is_traded else np.nan
            state[v + 2] = abs(log_return) / root if is_traded else np.nan
            state[v + 3], state[v + 4], state[v + 5] = change * signed, signed * signed, change * change
            state[v + 6], state[v + 7] = log_return * signed_root, signed_root * signed_root
            state[v + 8] = log_return * log_return
            window_sums(_SUMS, n, state, at)
            v += _SUMS
            row, c = i - first, k + _WIDTH * j
            out[row, c], out[row, c + 1], out[row, c + 4] = state[v] / n, state[v + 1] / n, state[v + 2] / n
            xy, xx = state[v + 3], state[v + 4]
            out[row, c + 2] = xy / xx if xx > 0.0 else np.nan
            out[row, c + 3] = _t_value(xy, xx, state[v + 5], n)
            xy, xx = state[v + 6], state[v + 7]
            out[row, c + 5] = xy / xx if xx > 0.0 else np.nan
            out[row, c + 6] = _t_value(xy, xx, state[v + 8], n)
            at += HEAD + _SUMS * (n + 3)


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
        state_size=sum(sums_size(_SUMS, n) for n in params.windows),
        step=_step,
        lookback=1,
    )
