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
def _fill(
    window: NDArray[np.float64],
    streams: NDArray[np.int64],
    position: int,
    stop: int,
    given: NDArray[np.float64],
    done: int,
) -> None:
    """Write the streams of the new bars from `position` to `stop` - 1, which begin at `done` in `given`."""
    first, last, one, begin = np.uint64(position), np.uint64(stop), np.uint64(1), np.uint64(done)
    for s in streams:
        if s < N_GIVEN:
            for i in range(last - first):
                window[s, first + i] = given[s, begin + i]
        elif s == LOG_RETURN:
            for i in range(first, last):
                window[LOG_RETURN, i] = np.log(window[CLOSE, i] / window[CLOSE, i - one])
        elif s == TRUE_RANGE:
            for i in range(first, last):
                high, low, before = window[HIGH, i], window[LOW, i], window[CLOSE, i - one]
                top, bottom = before if before > high else high, before if before < low else low
                window[TRUE_RANGE, i] = top - bottom + 0.0 * before
        elif s == TYPICAL_PRICE:
            for i in range(first, last):
                window[TYPICAL_PRICE, i] = (window[HIGH, i] + window[LOW, i] + window[CLOSE, i]) / 3.0


@jit
def run_banks(
    program: NDArray[np.int64],
    streams: NDArray[np.int64],
    params: NDArray[np.float64],
    state: NDArray[np.float64],
    window: NDArray[np.float64],
    history: int,
    position: int,
    given: NDArray[np.float64],
    out: NDArray[np.float64],
) -> int:
    """Feed the bars `given` to every bank, write what they say, and return the position in `window` after them.

    Parameters
    ----------
    program : see the module.
    streams : those that a bank reads, in order; the others are NaN.
    params : of all banks, one after the other.
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
            for s in streams:
                for i in range(history):
                    window[s, i] = window[s, capacity - history + i]
            position = history
        stop = position + min(capacity - position, _BLOCK, n - done)
        _fill(window, streams, position, stop, given, done)
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
