"""Which kernel makes the bars of a specification, and from which state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tsis.bars.bar_params import ExpectationParams
from tsis.core.bar_spec import BarSpec
from tsis.kernels import bars, imbalance_bars, price_bars, runs_bars
from tsis.kernels.expectations import Expectations, expectations

Rows = NDArray[np.float64]
Trades = tuple[NDArray[np.int64], NDArray[np.int64], Rows, Rows, NDArray[np.int8]]
"""ts_us, seq, price, size, side, of equal length."""

_KINDS: Final = {"time": bars.TIME, "tick": bars.TICK, "volume": bars.VOLUME, "dollar": bars.DOLLAR}


@dataclass(frozen=True)
class BarKernel:
    """The fold of one specification.

    Parameters
    ----------
    columns : what a row of the fold holds: those of `tsis.kernels.bars`, then ``threshold`` where the threshold
        changes from bar to bar, and what else the kernel tells.
    initial_state : returns the state before the first trade.
    fold : ``fold(*trades, multiplier, price_factor, size_factor, state, out)`` changes `state` in place, writes rows
        and returns (trades consumed, rows written); fewer are consumed than given only if `out` is full.
    """

    columns: tuple[str, ...]
    initial_state: Callable[[], Rows]
    fold: Callable[..., tuple[int, int]]

    def rows(
        self,
        trades: Trades,
        multiplier: float,
        price_factor: float,
        size_factor: float,
        state: Rows,
        n_rows: int = 4_096,
    ) -> Rows:
        """Return the bars that `trades` complete, (n, len(columns)); the open bar stays in `state`.

        `n_rows` is how many the fold writes at a time; it does not change the rows.
        """
        n, position, found = trades[0].shape[0], 0, []
        out = np.empty((n_rows, len(self.columns)))
        while position < n:
            rest = tuple(array[position:] for array in trades)
            consumed, written = self.fold(*rest, multiplier, price_factor, size_factor, state, out)
            found.append(out[:written].copy())
            position += consumed
        return np.concatenate(found) if found else out[:0]


def bar_kernel(bar: BarSpec, params: ExpectationParams) -> BarKernel:
    """Return the kernel of `bar`; of time bars the open one is closed by `tsis.kernels.bars.close_interval`.

    Raises
    ------
    ParamsError
        If `params` ask for what can't be.
    """
    if bar.kind in _KINDS:
        threshold = bar.threshold * 1e6 if bar.kind == "time" else bar.threshold
        fold = _with(bars.fold_bars, _KINDS[bar.kind], threshold)
        return BarKernel(bars.OUT_COLUMNS, bars.initial_state, fold)
    if bar.kind == "range":
        fold = _with(price_bars.fold_range_bars, bar.threshold)
        return BarKernel(price_bars.RANGE_COLUMNS, price_bars.initial_range_state, fold)
    if bar.kind == "renko":
        fold = _with(price_bars.fold_renko_bars, bar.threshold)
        return BarKernel(price_bars.RENKO_COLUMNS, price_bars.initial_renko_state, fold)
    expect = bar_expectations(bar, params)
    counted, _, rule = bar.kind.partition("_")
    kernel: Any = imbalance_bars if rule == "imbalance" else runs_bars
    fold = kernel.fold_imbalance_bars if rule == "imbalance" else kernel.fold_runs_bars
    return BarKernel(kernel.OUT_COLUMNS, partial(kernel.initial_state, expect), _with(fold, _KINDS[counted], expect))


def bar_expectations(bar: BarSpec, params: ExpectationParams) -> Expectations:
    """Return how an imbalance or a runs bar forms its expectations."""
    n, reach = bar.threshold, 1.0 if bar.expected == "const" else params.expected_range
    if bar.expected == "book":
        return expectations(n, span_bars=params.span_bars, span_ticks=params.span_ticks)
    return expectations(
        n,
        span_bars=params.span_bars,
        span_ticks=params.span_ticks,
        expected_ticks=(n / reach, n * reach),
        bar_ticks=(float(np.ceil(n / params.bar_range)), float(np.floor(n * params.bar_range))),
        floor=params.floor,
    )


def _with(fold: Callable[..., tuple[int, int]], *rule: object) -> Callable[..., tuple[int, int]]:
    # the rule stands between the five arrays of trades and the rest
    return lambda *given: fold(*given[:5], *rule, *given[5:])
