"""Log price, differentiated as little as a memory of about fifty bars allows."""

from __future__ import annotations

from typing import Final

import numpy as np

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import CLOSE
from tsis.kernels.fracdiff import fixed_window

_D: Final = 0.4
_CUT_OFF: Final = 1e-3
_WIDTH: Final = 55  # of fixed_weights(_D, _CUT_OFF); a test holds them together


def _weights() -> tuple[float, ...]:
    # as expanding_weights does, without compiling on import
    weights = [1.0]
    for k in range(1, _WIDTH):
        weights.append(-weights[-1] * (_D - k + 1.0) / k)
    return tuple(weights)


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    written = np.empty(stop - first)
    fixed_window(np.log(x[CLOSE, first:stop]), params, state, written)
    for i in range(first, stop):
        out[i - first, k] = written[i - first]


class FracdiffParams(Params):
    """Parameters of `fracdiff`."""


@bank
def fracdiff(params: FracdiffParams) -> Bank:  # noqa: ARG001
    """Return the bank."""
    return Bank(
        inputs=(CLOSE,),
        outputs=(
            Feature(
                "frac_diff_0_4",
                "log price",
                f"Log close, fractionally differentiated by {_D:g} with a fixed window of {_WIDTH} bars (weights of at "
                f"least {_CUT_OFF:g})",
                _WIDTH - 1,
                "AFML 5.5",
            ),
        ),
        params=_weights(),
        state_size=_WIDTH,
        step=_step,
    )
