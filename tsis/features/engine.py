"""The feature engine: all banks as one program, the same compiled code for a history and for one live bar."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.errors import ParamsError
from tsis.core.feature import Array, Bank
from tsis.core.step_call import address
from tsis.core.stream import BASES, N_GIVEN, N_STREAMS
from tsis.kernels.run_banks import run_banks

_ROOM: Final = 4096
"""Bars, at least, that fit behind the history before it moves to the front again."""
_SAME_PLACES: Final = 512
"""Numbers so far apart compete for the same places of the nearest cache."""
_APART: Final = 24
"""What keeps the same bar of one stream and the next out of each other's way there."""
_WORTH_SHARING: Final = 16_384
"""Bars, at least, that threads share the banks out for."""
_TURN: Final = 8_192
"""Bars that a thread feeds to some banks before it turns to others."""
_GROUPS_A_THREAD: Final = 2


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
        self._streams = _streams(self.banks)
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

    def fold(self, given: Array, checkpoint: Array, n_threads: int = 1) -> tuple[Array, Array]:
        """Return what the banks say of each bar, and the checkpoint after the last.

        Parameters
        ----------
        given : (`N_GIVEN`, n) C-ordered float64: the streams of the bars after `checkpoint`, in order.
        checkpoint : from `start`, or from an earlier call; not changed.
        n_threads : how many share the banks out where the bars are many; the bits do not depend on it. Stages compute
            a ticker a thread as they are: this is for one long series.

        Returns
        -------
        out : (n, len(names)), NaN where a value is missing.
        checkpoint : flat float64 array; its bytes can be saved.

        Raises
        ------
        ParamsError
            If `n_threads` is below 1.
        """
        if n_threads < 1:
            raise ParamsError(f"Engine.fold: n_threads = {n_threads}; must be at least 1")
        if n_threads > 1 and self.banks and given.shape[1] >= _WORTH_SHARING:
            return self._shared(given, checkpoint, n_threads)
        session = self.live(checkpoint)
        return session.step(given), session.checkpoint()

    def live(self, checkpoint: Array) -> Live:
        """Return a session that goes on from `checkpoint`, bar by bar."""
        state = checkpoint[: self._state_size].copy()
        return self._session(self._program, self._streams, state, checkpoint)

    def _session(self, program: NDArray[np.int64], streams: NDArray[np.int64], state: Array, checkpoint: Array) -> Live:
        length = (self.history + _ROOM) // _SAME_PLACES * _SAME_PLACES + _SAME_PLACES + _APART
        window = np.full((N_STREAMS, length), np.nan)
        window[:, : self.history] = checkpoint[self._state_size :].reshape(N_STREAMS, self.history)
        return Live(program, streams, self._params, state, window, self.history, len(self.names))

    def _shared(self, given: Array, checkpoint: Array, n_threads: int) -> tuple[Array, Array]:
        """Do what `fold` does by turns: a thread takes some banks, with their states and columns, for some of the bars.

        All banks go on at about the same pace, so that nobody has to know which of them are slow.
        """
        n, state = given.shape[1], checkpoint[: self._state_size].copy()
        out = np.empty((n, len(self.names)))
        turns: deque[tuple[Live, NDArray[np.int64], int]] = deque()
        for group in self._groups(_GROUPS_A_THREAD * n_threads):
            # the first session has all streams, and so the checkpoint
            streams = _streams(self.banks[group]) if turns else self._streams
            session = self._session(self._program[group], streams, state, checkpoint)
            turns.append((session, streams[streams < N_GIVEN], 0))
        whole, _, _ = turns[0]

        def work() -> None:
            while True:
                try:
                    session, streams, first = turns.popleft()
                except IndexError:  # others have the last ones
                    return
                stop = min(first + _TURN, n)
                bars = np.empty((N_GIVEN, stop - first))
                for stream in streams:
                    bars[stream] = given[stream, first:stop]
                session.write(bars, out[first:stop])
                if stop < n:
                    turns.append((session, streams, stop))

        with ThreadPoolExecutor(n_threads) as pool:
            for worker in [pool.submit(work) for _ in range(n_threads)]:
                worker.result()
        return out, whole.checkpoint()

    def _groups(self, n: int) -> list[slice]:
        """Return neighbouring banks, at most `n` groups with about as many outputs each."""
        outputs = np.cumsum([0, *(len(bank.outputs) for bank in self.banks)])
        shares = np.linspace(0, outputs[-1], n + 1)[1:-1]
        bounds = {0, len(self.banks), *(int(np.abs(outputs - share).argmin()) for share in shares)}
        return [slice(first, stop) for first, stop in pairwise(sorted(bounds))]


def _streams(banks: Sequence[Bank]) -> NDArray[np.int64]:
    """Return the streams that the banks read, and those that these are derived from, in order."""
    read = {stream for bank in banks for stream in bank.inputs}
    read |= {base for stream in read for base in BASES.get(stream, ())}
    return np.array(sorted(read), dtype=np.int64)


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
        self.write(given, out)
        return out

    def write(self, given: Array, out: Array) -> None:
        """Write what the banks say of the next bars into `out`, C-ordered, as `step` returns it."""
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

    def checkpoint(self) -> Array:
        """Return the checkpoint after the last bar."""
        last = self._window[:, self._position - self._history : self._position]
        return np.concatenate([self._state, last.ravel()])
