"""Bets that overlap: their average size, and the budget that their number leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError, ParamsError

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int64]

_UNITS = 2.0**40


def average_active(t0: Times, t1: Times, size: Floats) -> tuple[Times, Floats]:
    """Return the average size of the active bets, at every moment at which it may change; López de Prado (2018), 10.4.

    A bet is active from t0 until before t1. One position stands for all that are: a new bet changes it by its share and
    does not trade the whole anew. Known at each moment from what had begun or ended by then.

    Parameters
    ----------
    t0, t1 : (n,) int64 microseconds in any order, t1 > t0; t1 is the first barrier touched, `int64` max while open.
    size : (n,) in [-1, 1].

    Returns
    -------
    (m,) the moments, ascending, each once; (m,) the average from each until the next, 0 where no bet is active. Sizes
    are taken to 2^-40 and their sums are exact: an average depends on the active bets alone, on none before them.

    Raises
    ------
    DataError
        If lengths differ, a bet ends before it begins or at once, or a size is not in [-1, 1].
    """
    sizes = np.asarray(size, dtype=np.float64)
    _require_bets(t0, t1, sizes)
    n_bad = int(np.count_nonzero(~(np.abs(sizes) <= 1.0)))
    if n_bad:
        raise DataError(f"active bets: {n_bad:,} of {sizes.size:,} sizes are NaN or outside [-1, 1]")
    moments = np.unique(np.concatenate((t0, t1)))
    begin, end = np.searchsorted(moments, t0), np.searchsorted(moments, t1)
    n_active = _running(begin, end, np.ones(sizes.size, dtype=np.int64), moments.size)
    total = _running(begin, end, np.rint(sizes * _UNITS).astype(np.int64), moments.size)
    return moments, np.divide(total / _UNITS, n_active, out=np.zeros(moments.size), where=n_active > 0)


def concurrent_bets(t0: Times, t1: Times, side: npt.ArrayLike) -> tuple[Ints, Ints]:
    """Return how many long and how many short bets are active as each begins, itself among them.

    Parameters
    ----------
    t0, t1 : (n,) as `average_active` takes them.
    side : (n,) its sign: above 0 long, below 0 short.
    """
    sides = np.asarray(side, dtype=np.float64)
    _require_bets(t0, t1, sides)
    return _active_at(t0, t1, sides > 0.0), _active_at(t0, t1, sides < 0.0)


def budget_size(n_long: npt.ArrayLike, n_short: npt.ArrayLike, most_long: int, most_short: int) -> Floats:
    """Return the share of long bets in their maximum less that of the short ones; López de Prado (2018), 10.2.

    The position uses the whole budget only when as many bets are active as ever were, so that room is left for those to
    come. The book takes the maxima of the whole sample; here they are given, from the past or the training rows, and
    more than so many bets count as so many.

    Parameters
    ----------
    n_long, n_short : (n,) active bets, as `concurrent_bets` returns them.
    most_long, most_short : at least 1.

    Returns
    -------
    (n,) in [-1, 1].
    """
    if most_long < 1 or most_short < 1:
        raise ParamsError(f"budget: most_long = {most_long}, most_short = {most_short}; both must be at least 1")
    long, short = (np.asarray(x, dtype=np.float64) for x in (n_long, n_short))
    return np.minimum(long / most_long, 1.0) - np.minimum(short / most_short, 1.0)


def _running(begin: Ints, end: Ints, value: Ints, n: int) -> Ints:
    change = np.zeros(n, dtype=np.int64)
    np.add.at(change, begin, value)
    np.subtract.at(change, end, value)
    return np.cumsum(change)


def _active_at(t0: Times, t1: Times, is_of: npt.NDArray[np.bool_]) -> Ints:
    begun = np.searchsorted(np.sort(t0[is_of]), t0, side="right")
    ended = np.searchsorted(np.sort(t1[is_of]), t0, side="right")
    return np.asarray(begun - ended, dtype=np.int64)


def _require_bets(t0: Any, t1: Any, value: Floats) -> None:
    if not t0.shape == t1.shape == value.shape:
        raise DataError(
            f"active bets: {t0.size:,} t0, {t1.size:,} t1 and {value.size:,} sizes; needs one of each a bet"
        )
    n_bad = int(np.count_nonzero(t1 <= t0))
    if n_bad:
        raise DataError(f"active bets: {n_bad:,} of {t0.size:,} end at or before their beginning (t1 <= t0)")
