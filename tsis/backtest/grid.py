"""Many backtests of one tape: parameter grids and combinatorial paths, over threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tsis.backtest.account import AccountParams
from tsis.backtest.backtest import Backtest, backtest
from tsis.backtest.tape import Tape
from tsis.core.errors import DataError, ParamsError

Measure = Callable[[Backtest], Mapping[str, Any]]
"""What is kept of a backtest: figures by name."""


def grid(
    tape: Tape,
    account: AccountParams,
    sets: Sequence[Mapping[str, Any]],
    signals_of: Callable[..., pl.DataFrame],
    measure: Measure,
    n_threads: int = 1,
) -> pl.DataFrame:
    """Backtest each set of parameters and return one row a set: its parameters and its figures.

    The kernel runs without the GIL; each set has an account of its own, so that the number of threads changes nothing
    but the time. The best row of a grid is the luckiest of so many: hold all of them against it, see
    `tsis.analytics.sharpe.deflated_sharpe` and `tsis.analytics.backtest_overfitting`.

    Parameters
    ----------
    sets : keyword arguments of `signals_of`.
    signals_of : returns the signals of a set, see `tsis.backtest.proposals.proposals`; called from several threads.
    measure : returns the figures; called from several threads.

    Raises
    ------
    ParamsError
        If `n_threads` is below 1.
    """
    if n_threads < 1:
        raise ParamsError(f"grid: n_threads = {n_threads}; must be at least 1")

    def one(chosen: Mapping[str, Any]) -> dict[str, Any]:
        return {**chosen, **measure(backtest(tape, signals_of(**chosen), account))}

    with ThreadPoolExecutor(n_threads) as pool:
        return pl.DataFrame(list(pool.map(one, sets)), infer_schema_length=None)


def on_paths(
    tape: Tape,
    account: AccountParams,
    paths: npt.ArrayLike,
    signals_of: Callable[[npt.NDArray[Any]], pl.DataFrame],
    measure: Measure,
    n_threads: int = 1,
) -> pl.DataFrame:
    """Backtest each path of combinatorial purged cross-validation and return one row a path: `path` and its figures.

    A distribution of results in place of one; López de Prado (2018), 12.4. Most models of a path were fitted on what
    came later, so a path judges a way of modelling and is never a source of signals to trade.

    Parameters
    ----------
    paths : (n_paths, n) predictions, as ``CombinatorialPurgedCV.paths`` returns them.
    signals_of : returns the signals that a path's predictions give.

    Raises
    ------
    DataError
        If `paths` is not two-dimensional.
    """
    predictions = np.asarray(paths)
    if predictions.ndim != 2:
        raise DataError(f"on_paths: predictions of shape {predictions.shape}; needs (paths, rows)")
    numbered = [{"path": number} for number in range(predictions.shape[0])]
    return grid(tape, account, numbered, lambda path: signals_of(predictions[path]), measure, n_threads)
