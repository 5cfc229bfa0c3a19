"""The quoted market: spread, depth and the flow of orders at the best prices."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.periods import Periods
from tsis.core.stream import ASK_SIZE, BID_SIZE, DEPTH_IMBALANCE, ORDER_FLOW, SPREAD_BPS
from tsis.kernels.rolling_windows import ROLLING_HEAD, rolling_sum

_SUMS: Final = 3


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: for each window the sums of spread, flow and depth
    values, sums = np.empty((_SUMS, stop - first)), np.empty((_SUMS, stop - first))
    for i in range(first, stop):
        row = i - first
        spread, flow = x[SPREAD_BPS, i], x[ORDER_FLOW, i]
        out[row, k], out[row, k + 1], out[row, k + 2] = spread, x[DEPTH_IMBALANCE, i], flow
        values[0, row], values[1, row], values[2, row] = spread, flow, 0.5 * (x[BID_SIZE, i] + x[ASK_SIZE, i])
    at = 0
    for j in range(params.shape[0]):
        n = int(params[j])
        for value in range(_SUMS):
            rolling_sum(values[value], n, state, at, sums[value])
            at += ROLLING_HEAD + n
        for row in range(stop - first):
            depths = sums[2, row]
            out[row, k + 3 + 2 * j] = sums[0, row] / n
            out[row, k + 4 + 2 * j] = sums[1, row] / (depths / n) if depths > 0.0 else np.nan


class QuotedMarketParams(Params):
    """Parameters of `quoted_market`.

    Parameters
    ----------
    windows : bars over which means and sums are taken.
    """

    windows: Periods = (20,)


@bank
def quoted_market(params: QuotedMarketParams) -> Bank:
    """Return the bank; NaN where the lake has no quotes, and in windows with such a bar."""
    flow = "Cont, Kukanov and Stoikov (2014)"
    rolling = [
        item
        for n in params.windows
        for item in (
            Feature(f"spread_bps_{n}", "bps", f"Mean of spread_bps over the last {n} bars", n - 1, "Harris (2003) 14"),
            Feature(
                f"order_flow_imbalance_{n}",
                "ratio",
                f"Sum of order_flow_imbalance over the last {n} bars, divided by the mean of the quantities bid and "
                "offered at their closes",
                n - 1,
                flow,
            ),
        )
    ]
    return Bank(
        inputs=(SPREAD_BPS, BID_SIZE, ASK_SIZE, DEPTH_IMBALANCE, ORDER_FLOW),
        outputs=(
            Feature(
                "spread_bps",
                "bps",
                "Quoted spread over the midpoint, mean over the time of the bar; null without quotes",
                0,
                "Harris (2003) 14",
            ),
            Feature(
                "depth_imbalance",
                "frac",
                "(bid_size - ask_size) / (bid_size + ask_size) at the close of the bar, -1 to 1; null without quotes",
                0,
                "Cao, Hansch and Wang (2009)",
            ),
            Feature(
                "order_flow_imbalance",
                "units",
                "What was added at the best bid or taken from the best offer, less the reverse, over the quotes of the "
                "bar; null without quotes",
                0,
                flow,
            ),
            *rolling,
        ),
        params=params.windows,
        state_size=_SUMS * sum(ROLLING_HEAD + n for n in params.windows),
        step=_step,
    )
