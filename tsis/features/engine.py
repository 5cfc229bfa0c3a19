"""The feature engine: all banks as one program, the same compiled code for a history and for one live bar."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.feature import Array, Bank
from tsis.core.step_call import address
from tsis.core.stream import BASES, N_STREAMS
from tsis.kernels.run_banks import run_banks

_ROOM: Final = 4096
"""Bars, at least, that fit behind the history before it moves to the front again."""
_SAME_PLACES: Final = 512
"""Numbers so far apart compete for the same places of the nearest cache."""
_APART: Final = 24
"""What keeps the same bar of one stream and the next out of each other's way there."""


class Engine:
    """A fixed sequence of banks over the bars of one series.

    Parameters
    ----------
    banks : in the order of their columns.

    Attributes
    ----------
    names : tuple of str
        Of the outputs, column by column.
    history : int
        Earlier bars that the banks look back on.
    """

    def __init__(self, banks: Sequence[Bank]) -> None:
        self.banks = tuple(banks)
        self.names = tuple(output.name for bank in self.banks for output in bank.outputs)
        self.history = max([1, *(bank.lookback for bank in self.banks)])
        read = {stream for bank in self.banks for stream in bank.inputs}
        read |= {base for stream in read for base in BASES.get(stream, ())}
        self._streams = np.array(sorted(read), dtype=np.int64)
        self._params = np.array([value for bank in self.banks for value in bank.params], dtype=np.float64)
        self._state_size = sum(bank.state_size for bank in self.banks)

    @cached_property
    def _program(self) -> NDArray[np.int64]:
        rows, p, s, k = [], 0, 0, 0
        for bank in self.banks:
            rows.append((address(bank.step), p, p + len(bank.params), s, s + bank.state_size, k))
            p, s, k = p + len(bank.params), s + bank.state_size, k + len(bank.outputs)
        return np.array(rows, dtype=np.int64).reshape(-1, 6)

    def start(self) -> Array:
        """Return the checkpoint before the first bar: the state of every bank, then the bars that they look back on."""
        return np.concatenate([np.zeros(self._state_size), np.full(N_STREAMS * self.history, np.nan)])

    def fold(self, given: Array, checkpoint: Array) -> tuple[Array, Array]:
        """Return what the banks say of each bar, and the checkpoint after the last.

        Parameters
        ----------
        given : (`N_GIVEN`, n) C-ordered float64: the streams of the bars after `checkpoint`, in order.
        checkpoint : from `start`, or from an earlier call; not changed.

        Returns
        -------
        out : (n, len(names)), NaN where a value is missing.
        checkpoint : flat float64 array; its bytes can be saved.
        """
        session = self.live(checkpoint)
        return session.step(given), session.checkpoint()

    def live(self, checkpoint: Array) -> Live:
        """Return a session that goes on from `checkpoint`, bar by bar."""
        state = checkpoint[: self._state_size].copy()
        window = np.full(
            (N_STREAMS, (self.history + _ROOM) // _SAME_PLACES * _SAME_PLACES + _SAME_PLACES + _APART), np.nan
        )
        window[:, : self.history] = checkpoint[self._state_size :].reshape(N_STREAMS, self.history)
        return Live(self._program, self._streams, self._params, state, window, self.history, len(self.names))


class Live:
    """Bars as they close, from a checkpoint on; see `Engine.live`."""

    def __init__(
        self,
        program: NDArray[np.int64],
        streams: NDArray[np.int64],
        params: Array,
        state: Array,
        window: Array,
        history: int,
        width: int,
    ) -> None:
        self._program, self._streams, self._params, self._state, self._window = program, streams, params, state, window
        self._history = self._position = history
        self._one = np.empty((1, width))

    def step(self, given: Array) -> Array:
        """Return what the banks say of the next bars.

        Parameters
        ----------
        given : (`N_GIVEN`, n) C-ordered float64: their streams.

        Returns
        -------
        (n, len(names)) array; for one bar the same array at every call, overwritten by the next.
        """
        n = given.shape[1]
        out = self._one if n == 1 else np.empty((n, self._one.shape[1]))
        self._position = run_banks(
            self._program,
            self._streams,
            self._params,
            self._state,
            self._window,
            self._history,
            self._position,
            given,
            out,
        )
        return out

    def checkpoint(self) -> Array:
        """Return the checkpoint after the last bar."""
        last = self._window[:, self._position - self._history : self._position]
        return np.concatenate([self._state, last.ravel()])
