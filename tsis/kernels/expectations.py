"""What imbalance and runs bars expect of the next bar: exponentially weighted averages in a flat state."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from tsis.core.errors import ParamsError
from tsis.core.jit import jit
from tsis.core.kernel import Rows

EVER: Final = math.inf
AVERAGE_SIZE: Final = 3
"""Of an average's state: the average, the sum of the weights, values seen; the ring of the last values follows."""


class Expectations(NamedTuple):
    """How expectations are formed and bounded, as a kernel takes them; see `expectations`, which makes them.

    `memory_bars` and `memory_ticks` are the lengths of the rings, 0 where nothing is forgotten.
    """

    initial_ticks: float
    span_bars: float
    span_ticks: float
    memory_bars: float
    memory_ticks: float
    expected_min: float
    expected_max: float
    min_ticks: float
    max_ticks: float
    floor: float
    side_ticks: float


def expectations(
    initial_ticks: float,
    *,
    span_bars: float = 20,
    span_ticks: float = 10_000,
    memory_spans: float = EVER,
    expected_ticks: tuple[float, float] = (0.0, EVER),
    bar_ticks: tuple[float, float] = (0.0, EVER),
    floor: float = 0.0,
    side_ticks: float = 0.0,
) -> Expectations:
    """Return how expectations are formed; the defaults are the book's own recursion (AFML 2.3.2), without bounds.

    An average of span s weighs its values by (1 - a)^0, (1 - a)^1, … back from the last one, a = 2 / (s + 1), and
    divides by the sum of these weights.

    Parameters
    ----------
    initial_ticks : E0[T] of the first bar, and the trades from which the first expectations come: there is no
        threshold before so many trades, and they belong to the first bar.
    span_bars : span of the averages over bars: E0[T], and of runs bars P[b=1].
    span_ticks : span of the averages over trades: of the signed sizes, or of the sizes of either side.
    memory_spans : each average forgets what is older than so many spans, which must make whole numbers of bars and
        of trades; `EVER` is the plain recursion. With 1 and initial_ticks ≥ span_ticks the bars are mlfinpy's.
    expected_ticks : least and greatest E0[T]; (n, n) makes it constant.
    bar_ticks : no bar closes before the first, and every bar closes at the second, whatever the threshold says.
    floor : of imbalance bars: the threshold is at least `floor` × √E0[T] × the average size. With 1 this is what
        trades of random sign reach after about E0[T] of them, so that balanced flow doesn't shrink the bars.
    side_ticks : of runs bars: the first expectations also wait for so many buys and so many sells (mlfinpy:
        initial_ticks). With 0 a side that was not seen counts nothing.

    Raises
    ------
    ParamsError
        If a figure is out of its range, or bounds do not hold `initial_ticks`.
    """
    problems = []
    for name, value in (("initial_ticks", initial_ticks), ("span_bars", span_bars), ("span_ticks", span_ticks)):
        if not 1.0 <= value < EVER:
            problems.append(f"{name} is {value}, not a number of 1 or more")
    for name, value in (("floor", floor), ("side_ticks", side_ticks)):
        if not 0.0 <= value < EVER:
            problems.append(f"{name} is {value}, not a number of 0 or more")
    for name, (least, most) in (("expected_ticks", expected_ticks), ("bar_ticks", bar_ticks)):
        if not 0.0 <= least <= initial_ticks <= most:
            problems.append(f"{name} ({least:g}, {most:g}) do not hold initial_ticks {initial_ticks:g}")
    memory = [0.0, 0.0] if memory_spans == EVER else [memory_spans * span_bars, memory_spans * span_ticks]
    if memory_spans != EVER and not all(length >= 1.0 and float(length).is_integer() for length in memory):
        problems.append(f"memory_spans {memory_spans} of {span_bars} bars and {span_ticks} trades are not whole")
    if problems:
        raise ParamsError("expectations: " + "; ".join(problems))
    figures = (initial_ticks, span_bars, span_ticks, *memory, *expected_ticks, *bar_ticks, floor, side_ticks)
    return Expectations(*map(float, figures))


@jit
def kept_of(span: float) -> float:
    """Return what an average of that span keeps of a value's weight when the next one comes."""
    return 1.0 - 2.0 / (span + 1.0)


@jit
def observe(value: float, span: float, average: Rows) -> float:
    """Take one more value into an average, changed in place, and return the average.

    Parameters
    ----------
    average : (`AVERAGE_SIZE` + memory,) float64, from zeros.
    """
    kept = kept_of(span)
    ring = average[AVERAGE_SIZE:]
    oldest, lost = 0.0, 0.0
    if ring.shape[0] > 0:
        place = int(average[2]) % ring.shape[0]
        if average[2] >= ring.shape[0]:
            oldest, lost = ring[place], kept ** ring.shape[0]
        ring[place] = value
    average[1] = kept * average[1] + (1.0 - lost)
    # by its changes, so that the average of equal values is that value to the last bit
    average[0] += ((value - average[0]) - lost * (oldest - average[0])) / average[1]
    average[2] += 1.0
    result: float = average[0]
    return result


@jit
def expected_ticks_after(n_ticks: float, expect: Expectations, average: Rows) -> float:
    """Take the trades of the bar that closed into their average and return E0[T] of the next, inside its bounds."""
    expected = observe(n_ticks, expect.span_bars, average)
    return min(max(expected, expect.expected_min), expect.expected_max)
