"""Points proposed by Optuna, from what the earlier ones gave."""

from __future__ import annotations

from typing import Any

from tsis.core.errors import UsageError
from tsis.models.search.space import Choice, Point, Space


class OptunaSearch:
    """`n` points by Optuna's tree-structured Parzen estimator, one after the other, from one seed.

    Optuna is an extra (``pip install tsis[search]``). A point that comes twice is tried twice and counts once.

    Raises
    ------
    UsageError
        If Optuna is not installed.
    """

    def __init__(self, space: Space, n: int, seed: int) -> None:
        try:
            import optuna  # noqa: PLC0415  an extra, and slow to import
        except ImportError as error:
            raise UsageError(
                "search with Optuna: it is not installed; run pip install 'tsis[search]', or use --method random"
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._distributions: dict[str, Any] = {}
        for name, dimension in space.items():
            if isinstance(dimension, Choice):
                self._distributions[name] = optuna.distributions.CategoricalDistribution(dimension.values)
            elif dimension.is_integer:
                self._distributions[name] = optuna.distributions.IntDistribution(
                    int(dimension.low), int(dimension.high), log=dimension.is_log
                )
            else:
                self._distributions[name] = optuna.distributions.FloatDistribution(
                    dimension.low, dimension.high, log=dimension.is_log
                )
        self._study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=seed))
        self._left, self._trial = n, None

    def ask(self) -> Point | None:
        """Return the next point."""
        if not self._left:
            return None
        self._left -= 1
        trial = self._study.ask(self._distributions)
        self._trial = trial
        return {name: trial.params[name] for name in self._distributions}

    def tell(self, loss: float) -> None:
        """Let the next points depend on it."""
        self._study.tell(self._trial, loss)
