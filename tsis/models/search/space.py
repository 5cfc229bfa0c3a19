"""The space that a search goes through."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tsis.core.errors import ParamsError, UnknownNameError

Value = float | int | str
Point = dict[str, Value]

GRID_POINTS = 3
"""Values of a range in a grid: its ends and its middle."""


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Value, ...]

    def at(self, share: float) -> Value:
        """Return the value at a share in [0, 1) of the choices."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def grid(self) -> tuple[Value, ...]:
        """Return all of them."""
        return self.values


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, evenly or evenly in logarithms."""

    low: float
    high: float
    is_log: bool = False
    is_integer: bool = False

    def at(self, share: float) -> Value:
        """Return the number at a share in [0, 1] of the range."""
        if self.is_integer and not self.is_log:
            return min(int(self.low + share * (self.high - self.low + 1)), int(self.high))
        span = self.high - self.low
        value = self.low * math.pow(self.high / self.low, share) if self.is_log else self.low + share * span
        value = min(max(value, self.low), self.high)
        return round(value) if self.is_integer else value

    def grid(self) -> tuple[Value, ...]:
        """Return its ends and its middle, each once."""
        return tuple(dict.fromkeys(self.at(step / (GRID_POINTS - 1)) for step in range(GRID_POINTS)))


Dimension = Choice | Range
Space = dict[str, Dimension]

SPACES: dict[str, Space] = {
    "xgboost": {
        "max_depth": Range(2, 5, is_integer=True),
        "learning_rate": Range(0.02, 0.2, is_log=True),
        "n_rounds": Choice((30, 60, 120)),
        "min_child_weight": Range(1.0, 20.0, is_log=True),
    },
    "hist_gradient_boosting": {
        "max_depth": Range(2, 5, is_integer=True),
        "learning_rate": Range(0.02, 0.2, is_log=True),
        "min_samples_leaf": Range(5, 50, is_log=True, is_integer=True),
    },
    "random_forest": {"max_depth": Range(2, 10, is_integer=True), "min_weight_fraction_leaf": Range(0.01, 0.1)},
    "extra_trees": {"max_depth": Range(2, 10, is_integer=True), "min_weight_fraction_leaf": Range(0.01, 0.1)},
    "logistic": {"inverse_penalty": Range(0.001, 10.0, is_log=True), "l1_frac": Choice((0.0, 0.5, 1.0))},
}
"""What is searched where nothing is said, by kind of estimator."""


def default_space(kind: str) -> Space:
    """Return the space of an estimator.

    Raises
    ------
    UnknownNameError
        If it has none: then every dimension must be given.
    """
    if kind not in SPACES:
        raise UnknownNameError("estimator with a search space of its own", kind, SPACES)
    return SPACES[kind]


def parse_space(texts: list[str]) -> Space:
    """Return the dimensions written as ``name=a,b,c``, ``name=low..high`` or ``name=low..high:log``.

    A range between whole numbers holds whole numbers; write 1.0..3.0 for all between.

    Raises
    ------
    ParamsError
        If one can't be read, or a range is empty.
    """
    space: Space = {}
    for text in texts:
        name, found, written = text.partition("=")
        if not (found and name and written):
            raise ParamsError(f"--over {text}: write name=a,b,c or name=low..high or name=low..high:log")
        space[name] = _range(text, written) if ".." in written else Choice(tuple(map(_value, written.split(","))))
    return space


def points(space: Mapping[str, Dimension]) -> int:
    """Return how many points its grid has."""
    return math.prod(len(dimension.grid()) for dimension in space.values())


def _range(text: str, written: str) -> Range:
    ends, _, kind = written.partition(":")
    low, high = (_value(end) for end in ends.split("..", 1))
    is_log = kind == "log"
    if isinstance(low, str) or isinstance(high, str) or not low < high or kind not in ("", "log"):
        raise ParamsError(f"--over {text}: needs two numbers, the lower first, and perhaps :log")
    if is_log and low <= 0:
        raise ParamsError(f"--over {text}: a range in logarithms must be above 0")
    return Range(low, high, is_log, isinstance(low, int) and isinstance(high, int))


def _value(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip()
