"""What a bar lacks, as it was last known in the session, and how long ago."""

from __future__ import annotations

import numpy as np
from pydantic import field_validator

from tsis.core.errors import UnknownNameError
from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import BUY_VOLUME, DEPTH_IMBALANCE, NAMES, SELL_VOLUME, SESSION, SPREAD_BPS, VWAP

_STREAMS = {NAMES[stream]: stream for stream in (VWAP, BUY_VOLUME, SELL_VOLUME, SPREAD_BPS, DEPTH_IMBALANCE)}


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: session, then last value and its age in bars for each stream; an age of -1 says that there is none
    n = params.shape[0]
    session = state[0]
    for i in range(first, stop):
        if x[SESSION, i] != session:
            session = x[SESSION, i]
            for j in range(n):
                state[2 + 2 * j] = -1.0
        for j in range(n):
            value, at = x[int(params[j]), i], 1 + 2 * j
            if not np.isnan(value):
                state[at], state[at + 1] = value, 0.0
            elif state[at + 1] >= 0.0:
                state[at + 1] += 1.0
            is_known = state[at + 1] >= 0.0
            out[i - first, k + 2 * j] = state[at] if is_known else np.nan
            out[i - first, k + 2 * j + 1] = state[at + 1] if is_known else np.nan
    state[0] = session


class LastKnownParams(Params):
    """Parameters of `last_known`.

    Parameters
    ----------
    streams : what is carried forward: vwap, buy_volume, sell_volume, spread_bps, depth_imbalance.
    """

    streams: tuple[str, ...] = ("spread_bps", "depth_imbalance")

    @field_validator("streams")
    @classmethod
    def _are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in _STREAMS]:
            raise ValueError(str(UnknownNameError("stream", unknown[0], _STREAMS)))
        if len(set(value)) < len(value):
            raise ValueError(f"{', '.join(value)}: one is given twice")
        return value


@bank
def last_known(params: LastKnownParams) -> Bank:
    """Return the bank."""
    outputs = []
    for name in params.streams:
        about = f"{name.replace('_', ' ')} of this bar or of the last one of the session that has it"
        outputs.append(
            Feature(f"{name}_last", _UNITS[name], f"The {about}; a session begins without", 0, "forward fill")
        )
        outputs.append(
            Feature(f"{name}_age", "bars", f"Bars since the {about}: 0 where it is this one", 0, "forward fill")
        )
    return Bank(
        inputs=(*(_STREAMS[name] for name in params.streams), SESSION),
        outputs=tuple(outputs),
        params=tuple(float(_STREAMS[name]) for name in params.streams),
        state_size=1 + 2 * len(params.streams),
        step=_step,
    )


_UNITS = {
    "vwap": "quote",
    "buy_volume": "units",
    "sell_volume": "units",
    "spread_bps": "bps",
    "depth_imbalance": "frac",
}
