"""One call that runs every feature bank: each compiled on its own, entered through its address.

A program is an integer table with one row a bank: address of its compiled step, where its parameters begin and end,
where its state begins and ends, and its first column. So a bank that is added compiles alone, whichever file it is in,
and one live bar costs one call from Python, however many banks there are.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.step_call import call_step
from tsis.core.stream import CLOSE, HIGH, LOG_RETURN, LOW, N_GIVEN, TRUE_RANGE, TYPICAL_PRICE

_BLOCK: Final = 256
"""Rows a call: what the banks write in one stays in the cache until the last of them."""


@jit
def _derive(x: NDArray[np.float64], first: int, stop: int) -> None:
    """Fill the derived streams of the new rows."""
    for i in range(first, stop):
        high, low, close = x[HIGH, i], x[LOW, i], x[CLOSE, i]
        before = x[CLOSE, i - 1]
        x[LOG_RETURN, i] = np.log(close / before)
        x[TRUE_RANGE, i] = max(high, before) - min(low, before) if not np.isnan(before) else np.nan
        x[TYPICAL_PRICE, i] = (high + low + close) / 3.0


@jit
def run_banks(
    program: NDArray[np.int64],
    params: NDArray[np.float64],
    state: NDArray[np.float64],
    window: NDArray[np.float64],
    history: int,
    position: int,
    given: NDArray[np.float64],
    out: NDArray[np.float64],
) -> int:
    """Feed `rows` to every bank, write what they say, and return the position in `window` after them.

    Parameters
    ----------
    program, params : see the module; the parameters of all banks, one after the other.
    state : of all banks, one after the other; changed in place.
    window : (`N_STREAMS`, `history` + room), changed in place: earlier bars up to `position`. When the room is used up,
        the last `history` of them move to the front.
    given : (`N_GIVEN`, n) the new bars, a stream a row.
    out : (n, width) what the banks say of each.
    """
    capacity = window.shape[1]
    done = 0
    n = given.shape[1]
    while done < n:
        if position == capacity:
            for s in range(window.shape[0]):
                for i in range(history):
                    window[s, i] = window[s, capacity - history + i]
            position = history
        stop = position + min(capacity - position, _BLOCK, n - done)
        for s in range(N_GIVEN):
            for i in range(stop - position):
                window[s, position + i] = given[s, done + i]
        _derive(window, position, stop)
        part = out[done : done + stop - position]
        for b in range(program.shape[0]):
            bank = program[b]
            arguments = (
                window,
                position,
                stop,
                params[bank[1] : bank[2]],
                state[bank[3] : bank[4]],
                part,
                bank[5],
            )
            call_step(bank[0], arguments)
        done += stop - position
        position = stop
    return position
