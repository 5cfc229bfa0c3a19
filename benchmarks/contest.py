"""Several ways to do the same work, run in turns so that a noisy neighbour hits all of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice, permutations

Timer = Callable[[], float]
"""Do the work once and return the seconds it took."""


@dataclass(frozen=True)
class Target:
    """What the time of TSIS may be at most, as a multiple of the other's; below 1 it must be faster."""

    most: float

    def __str__(self) -> str:
        if self.most >= 1:
            return f"at most {self.most:.1f}× as long"
        return f"at least {1 / self.most:.0f}× faster" if self.most < 0.6 else f"at most {self.most:g}× as long"


@dataclass(frozen=True)
class Contest:
    """One piece of work.

    Parameters
    ----------
    work : what is done.
    ours, others : the way of TSIS, and every other way by name.
    targets : by name of the other.
    n_items, item : how many of what one run handles, for a rate; 0 shows none.
    is_warmed : each counted run follows an uncounted one of itself, so that nobody pays for what the neighbour left in
        the caches and in the allocator; too dear for the long ones.
    """

    work: str
    ours: Timer
    others: Mapping[str, Timer]
    targets: Mapping[str, Target] = field(default_factory=dict)
    n_items: int = 0
    item: str = ""
    is_warmed: bool = True


@dataclass(frozen=True)
class Row:
    """TSIS against one other: median seconds of both, and `fastest`, the ratio of the fastest run of each."""

    work: str
    other: str
    ours_s: float
    other_s: float
    target: Target | None
    n_items: int
    item: str
    fastest: float = float("nan")

    @property
    def ratio(self) -> float:
        return self.ours_s / self.other_s

    @property
    def is_missed(self) -> bool:
        return self.target is not None and self.ratio > self.target.most


def timed(work: Callable[[], object], repeat: int = 1, clock: Callable[[], float] = time.perf_counter) -> Timer:
    """Return a timer of `work`: the median of `repeat` runs in a row; releasing the result is not counted.

    `clock` may be `time.thread_time` where all ways use one thread: neighbours on the same cores then count less.
    """

    def once() -> float:
        started = clock()
        result = work()
        seconds = clock() - started
        del result
        return seconds

    return lambda: statistics.median(once() for _ in range(repeat))


def hold(contest: Contest, rounds: int) -> list[Row]:
    """Run all ways `rounds` times in turns, in changing order, and compare the medians."""
    ways = {"": contest.ours, **contest.others}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for order in islice(cycle(permutations(ways)), rounds):
        for name in order:
            if contest.is_warmed:
                ways[name]()
            gc.collect()
            seconds[name].append(ways[name]())
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return [
        Row(
            contest.work,
            name,
            medians[""],
            medians[name],
            contest.targets.get(name),
            contest.n_items,
            contest.item,
            min(seconds[""]) / min(seconds[name]),
        )
        for name in contest.others
    ]
