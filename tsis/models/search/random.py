"""Points drawn at random."""

from __future__ import annotations

import numpy as np

from tsis.models.search.space import Point, Space

_PATIENCE = 100


class RandomSearch:
    """`n` different points, each dimension drawn evenly over its choices or range; fewer where there are no more."""

    def __init__(self, space: Space, n: int, seed: int) -> None:
        self._space, self._left = space, n
        self._rng = np.random.default_rng(seed)
        self._drawn: list[Point] = []

    def ask(self) -> Point | None:
        """Return a point that was not drawn before."""
        for _ in range(_PATIENCE if self._left else 0):
            point = {name: dimension.at(float(self._rng.random())) for name, dimension in self._space.items()}
            if point not in self._drawn:
                self._drawn.append(point)
                self._left -= 1
                return point
        return None

    def tell(self, loss: float) -> None:
        """Nothing is learnt."""
