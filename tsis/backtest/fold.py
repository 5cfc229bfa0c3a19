"""The session kernel over arrays of any length."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from tsis.kernels import session as kernel
from tsis.kernels.fills import RECORD
from tsis.kernels.session import Floats, Ints


@dataclass(frozen=True)
class BarArrays:
    """Bars in the order of their close, as the arguments of `tsis.kernels.session.session` of the same names.

    Those of one value hold it for all rows; `open_`, `high`, `low` and `close` have one a bar.
    """

    ticker: Ints
    day: Ints
    ts_open: Ints
    ts_close: Ints
    open_: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    factor: Floats

    def since(self, row: int) -> BarArrays:
        """Return the bars from `row` on."""
        arrays = (getattr(self, column.name) for column in fields(self))
        return BarArrays(*(array[row:] if array.shape[0] > 1 else array for array in arrays))


def fold(
    state: Floats,
    limits: Floats,
    instruments: Floats,
    bars: BarArrays,
    proposals: Floats,
    equity: Floats | None = None,
) -> Floats:
    """Run the session over all bars and return its records; `state` and `equity` (one a bar) are written in place."""
    n_rows, done = bars.open_.shape[0], 0
    if equity is None:
        equity = np.empty(0)
    parts = [np.empty((0, RECORD))]
    room = 3 * proposals.shape[0] + 2 * instruments.shape[0] + 2 * kernel.ROW_RECORDS
    while done < n_rows:
        records = np.empty((room, RECORD))
        rest = bars if done == 0 else bars.since(done)
        n_consumed, n_records = kernel.session(
            state, limits, instruments, rest.ticker, rest.day, rest.ts_open, rest.ts_close, rest.open_, rest.high,
            rest.low, rest.close, rest.volume, rest.factor, proposals, records, equity[done:],
        )  # fmt: skip
        parts.append(records[:n_records])
        done += n_consumed
    return np.concatenate(parts) if len(parts) != 2 else parts[1]
