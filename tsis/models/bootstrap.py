"""Samples of overlapping labels: how unique they are, and how to draw them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError
from tsis.kernels.sequential_bootstrap import segments, sequential_bootstrap

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LONGEST = 2**32


def label_windows(start: npt.ArrayLike, end: npt.ArrayLike) -> tuple[Ints, Ints]:
    """Return the windows as int64 arrays, once they are known to be windows.

    Parameters
    ----------
    start, end : (n,) positions of the first and the last bar of each label in the bars of its series, both included, in
        any order. Series that share no bar, such as tickers, are set apart by an offset of the caller.

    Raises
    ------
    DataError
        If they are not whole numbers of equal count, if a window ends before it starts, or if one is longer than
        2 ** 32, as times in microseconds are.
    """
    first, last = np.asarray(start), np.asarray(end)
    if first.ndim != 1 or first.shape != last.shape:
        raise DataError(f"label windows: start {first.shape} and end {last.shape} must be one-dimensional and as long")
    for name, values in (("start", first), ("end", last)):
        if values.size and not np.issubdtype(values.dtype, np.integer):
            raise DataError(
                f"label windows: {name} is {values.dtype}, not integer: give positions of bars; a label whose window "
                "has not ended belongs in no sample"
            )
    first, last = first.astype(np.int64), last.astype(np.int64)
    n_reversed = int(np.count_nonzero(last < first))
    if n_reversed:
        at = int(np.argmax(last < first))
        raise DataError(
            f"label windows: {n_reversed:,} of {first.size:,} end before they start "
            f"(first: row {at}, start={first[at]}, end={last[at]})"
        )
    if first.size and int((last - first).max()) >= _LONGEST:
        raise DataError(
            f"label windows: the longest spans {int((last - first).max()) + 1:,}: these look like times; give "
            "positions of bars, as numpy.searchsorted finds them in the times of the bars"
        )
    return first, last


def uniqueness(start: npt.ArrayLike, end: npt.ArrayLike) -> Floats:
    """Return the average uniqueness of each label among these labels: the mean over its bars of 1 / concurrency.

    Of the training rows of a fold it says what the stored column cannot: how unique they are without the rows of the
    other folds. AFML 4.2.
    """
    first, last = label_windows(start, end)
    return _given(first, last, first, last, 0)


def draw_probabilities(start: npt.ArrayLike, end: npt.ArrayLike, drawn: npt.ArrayLike = ()) -> Floats:
    """Return the probability of each label to be drawn next after the rows `drawn`: snippet 4.5 of AFML.

    A plain computation in O(n) of what the kernel keeps up to date.

    Raises
    ------
    DataError
        If the windows are none, or a drawn row is not one of the labels.
    """
    first, last = label_windows(start, end)
    if not first.size:
        raise DataError("sequential bootstrap: no labels to draw from")
    rows = _rows(drawn, first.size)
    weight = _given(first, last, first[rows], last[rows], 1)
    probability: Floats = weight / weight.sum()
    return probability


def sample_uniqueness(start: npt.ArrayLike, end: npt.ArrayLike, rows: npt.ArrayLike) -> float:
    """Return the average uniqueness of the sample `rows`: the mean of 1 / concurrency over all bars of all its labels.

    A row drawn twice overlaps itself. Snippet 4.4 of AFML, whose mean is over bars, so that long labels count more;
    NaN for an empty sample.
    """
    first, last = label_windows(start, end)
    chosen = _rows(rows, first.size)
    each = uniqueness(first[chosen], last[chosen])
    return float(np.average(each, weights=(last - first + 1)[chosen])) if chosen.size else float("nan")


def sequential_sample(start: npt.ArrayLike, end: npt.ArrayLike, n_draws: int, seed: int) -> Ints:
    """Return the rows of a sequential bootstrap, in the order drawn: equal seeds give equal rows.

    The kernel says what is drawn and how exactly; the uniforms are those of ``numpy.random.default_rng(seed)``.

    Raises
    ------
    DataError
        If rows are wanted and there are none.
    """
    first, last = label_windows(start, end)
    if n_draws < 0 or (n_draws and not first.size):
        raise DataError(f"sequential bootstrap: can't draw {n_draws:,} rows from {first.size:,} labels")
    return sequential_bootstrap(first, last, np.random.default_rng(seed).random(n_draws))


def _given(first: Ints, last: Ints, by_first: Ints, by_last: Ints, own: int) -> Floats:
    # mean over the bars of each window of 1 / (own + windows of the others that hold the bar)
    n = first.size
    if not n:
        return np.empty(0)
    left, right, width, _, _ = segments(np.concatenate((first, by_first)), np.concatenate((last, by_last)))
    change = np.zeros(width.size + 1, dtype=np.int64)
    np.add.at(change, left[n:], 1)
    np.add.at(change, right[n:] + 1, -1)
    alive = np.cumsum(change)[:-1] + own
    share = np.append(width / np.maximum(alive, 1), 0.0)
    bounds = np.column_stack((left[:n], right[:n] + 1)).ravel()
    mean: Floats = np.add.reduceat(share, bounds)[::2] / (last - first + 1)
    return mean


def _rows(rows: npt.ArrayLike, n: int) -> Ints:
    chosen = np.asarray(rows)
    is_whole = not chosen.size or np.issubdtype(chosen.dtype, np.integer)
    if chosen.ndim != 1 or not is_whole or (chosen.size and not 0 <= chosen.min() <= chosen.max() < n):
        raise DataError(f"label windows: rows must be numbers of the {n:,} labels, from 0")
    return chosen.astype(np.int64)
