"""Log price and log volume, differentiated as little as a memory of some bars allows.

The orders are given: the smallest that makes a series stationary depends on the sample, so that it is learnt with the
model. A bar without price or volume leaves no value until the window has passed it.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE, VOLUME
from tsis.kernels.fracdiff import fixed_window

_WIDEST = 10_000


def _are_distinct(orders: tuple[float, ...]) -> tuple[float, ...]:
    if len(set(orders)) < len(orders):
        raise ValueError("an order is given twice")
    return orders


Orders = Annotated[tuple[Annotated[float, Field(gt=0.0, lt=2.0)], ...], AfterValidator(_are_distinct)]


class FracdiffParams(Params):
    """Parameters of `fracdiff`.

    Parameters
    ----------
    price_orders : orders d of the log close, a column each.
    volume_orders : orders d of the log volume.
    cut_off : the window ends before the first weight that is smaller; what it leaves out is what a value forgets.
    """

    price_orders: Orders = (0.4,)
    volume_orders: Orders = (0.4,)
    cut_off: float = Field(default=1e-3, gt=0.0, lt=1.0)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # params: for each column its stream, the width of its window, its weights; state: that of each `fixed_window`
    n = stop - first
    logs, written = np.empty(n), np.empty(n)
    place, at, column = 0, 0, k
    while place < params.shape[0]:
        stream, width = int(params[place]), int(params[place + 1])
        for i in range(n):
            value = x[stream, first + i]
            logs[i] = np.log(value) if value > 0.0 else np.nan
        fixed_window(logs, params[place + 2 : place + 2 + width], state[at : at + width], written)
        for i in range(n):
            out[i, column] = written[i]
        place, at, column = place + 2 + width, at + width, column + 1


@bank
def fracdiff(params: FracdiffParams) -> Bank:
    """Return the bank: a column an order."""
    columns = [(CLOSE, "price", "close", d) for d in params.price_orders]
    columns += [(VOLUME, "volume", "volume", d) for d in params.volume_orders]
    outputs: list[Feature] = []
    constants: list[float] = []
    for stream, name, text, d in columns:
        weights = _weights(d, params.cut_off)
        constants += [stream, len(weights), *weights]
        outputs.append(
            Feature(
                f"frac_diff_{name}_{f'{d:g}'.replace('.', '_')}",
                f"log {name}",
                f"Log {text}, fractionally differentiated by {d:g} with a fixed window of {len(weights)} bars, whose "
                f"weights are at least {params.cut_off:g} in size",
                len(weights) - 1,
                "AFML 5.5",
            )
        )
    return Bank(
        inputs=(CLOSE, VOLUME),
        outputs=tuple(outputs),
        params=tuple(constants),
        state_size=len(constants) - 2 * len(outputs),
        step=_step,
    )


def _weights(d: float, cut_off: float) -> list[float]:
    # as kernels.fracdiff.fixed_weights does, without compiling for a list of columns; a test holds them together
    weights = [1.0]
    while abs(weight := -weights[-1] * (d - len(weights) + 1.0) / len(weights)) >= cut_off:
        weights.append(weight)
        if len(weights) > _WIDEST:
            raise ValueError(f"fracdiff: the window of d = {d:g} exceeds {_WIDEST} bars; raise cut_off")
    return weights
