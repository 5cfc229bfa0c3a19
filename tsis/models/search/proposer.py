"""The contract of a method of search."""

from __future__ import annotations

from typing import Protocol

from tsis.models.search.space import Point


class Proposer(Protocol):
    """Proposes a point, is told its loss, proposes the next; equal seeds and losses give equal points."""

    def ask(self) -> Point | None:
        """Return the next point, None where there is none left."""

    def tell(self, loss: float) -> None:
        """Say what came of the point that was asked for last; lower is better."""
