"""Every point of a grid, in order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from tsis.core.errors import ParamsError
from tsis.models.search.space import Point, Space, points


class GridSearch:
    """All combinations of all choices, and of the ends and the middle of each range; the last dimension runs fastest.

    Raises
    ------
    ParamsError
        If there are more than `n`: a grid that is cut short is none.
    """

    def __init__(self, space: Space, n: int) -> None:
        if points(space) > n:
            raise ParamsError(
                f"grid search: {points(space):,} points and n = {n:,}; ask for as many, or for fewer values with --over"
            )
        self._left: Iterator[Point] = (
            dict(zip(space, values, strict=True)) for values in product(*(space[name].grid() for name in space))
        )

    def ask(self) -> Point | None:
        """Return the next point of the grid."""
        return next(self._left, None)

    def tell(self, loss: float) -> None:
        """Nothing is learnt."""
