"""What all trials of a family say together: how many they are worth, and how well choosing among them works."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsis.analytics.backtest_overfitting import backtest_overfitting
from tsis.analytics.effective_trials import effective_trials
from tsis.analytics.sharpe import expected_maximum_normal, trial_variance

Floats = npt.NDArray[np.float64]

MOST_BLOCKS = 16
DAYS_A_BLOCK = 10
"""CSCV cuts time into up to 16 blocks of at least 10 days: a Sharpe ratio of fewer says nothing."""
LEAST_BLOCKS = 4
_ROUNDING = 1e-6


@dataclass(frozen=True)
class TrialFamily:
    """The trials that are held against a strategy.

    Parameters
    ----------
    n_trials : distinct trials, at least 1.
    n_effective : independent trials of which the best is expected to be as lucky as the best of these.
    sharpe_variance : variance (ddof 0) of the daily Sharpe ratios of the trials; None for fewer than two.
    pbo_frac : probability of backtest overfitting among the clusters; None for fewer than two, or too few days.
    loss_frac : share of CSCV's splits in which the best of one half loses money in the other; None as `pbo_frac`.
    """

    n_trials: int
    n_effective: int
    sharpe_variance: float | None
    pbo_frac: float | None
    loss_frac: float | None


def trial_family(sharpes: Sequence[float | None], returns: npt.ArrayLike | None = None) -> TrialFamily:
    """Return what a family of trials is worth.

    Trials that are alike are one choice, not many: they are clustered (`effective_trials`), a cluster is represented by
    the mean of its trials' returns, each divided by its standard deviation, and the clusters are what CSCV chooses
    among (`backtest_overfitting`): thirty variants of a good rule must not look overfitted because it does not matter
    which of them is taken. A trial whose returns are unknown is a cluster of its own.

    Choosing within a cluster is luck as well. Of m trials with the mean correlation ρ the best is expected
    sqrt(1 - ρ) E[max m] standard errors above what they share, so that the cluster is worth as many independent trials
    as have that expected maximum: 1 for copies, m for strangers. `n_effective` is the sum over the clusters, rounded
    up.

    Parameters
    ----------
    sharpes : daily Sharpe ratio of every distinct trial, the judged one included; None where a trial has none: it
        counts all the same.
    returns : (days, m) daily returns of those m of the trials whose returns are known, on the same days in order.

    Raises
    ------
    DataError
        If returns are not finite.
    """
    known = [x for x in sharpes if x is not None]
    values = np.empty((0, 0)) if returns is None else np.asarray(returns, dtype=np.float64)
    n_days, n_known = values.shape
    n_trials = max(len(sharpes), n_known, 1)
    variance = trial_variance(known) if len(known) > 1 else None
    if n_days < 3:
        return TrialFamily(n_trials, n_trials, variance, None, None)
    cluster = effective_trials(values).cluster
    clusters = _representatives(values, cluster)
    pbo, loss = _overfitting(clusters)
    worth = math.fsum(_worth(values[:, cluster == number]) for number in range(clusters.shape[1]))
    n_effective = min(math.ceil(worth - _ROUNDING) + n_trials - n_known, n_trials)
    return TrialFamily(n_trials, n_effective, variance, pbo, loss)


def _worth(members: Floats) -> float:
    """Return how many independent trials the best of these (days, m) alike ones is as lucky as; from 1 to m."""
    m, spread = members.shape[1], members.std(axis=0)
    if m == 1 or not spread.min() > 0.0:
        return 1.0
    total = ((members - members.mean(axis=0)) / spread).sum(axis=1)
    rho = min(max((float(total.var()) / m - 1.0) / (m - 1), 0.0), 1.0)
    luck, of_two = math.sqrt(1.0 - rho) * expected_maximum_normal(m), expected_maximum_normal(2)
    if luck <= of_two:
        return 1.0 + luck / of_two
    low, high = 2.0, float(m)
    for _ in range(50):
        middle = (low + high) / 2.0
        low, high = (middle, high) if expected_maximum_normal(middle) < luck else (low, middle)
    return high


def _representatives(values: Floats, cluster: npt.NDArray[np.int64]) -> Floats:
    """Return (days, clusters), the mean of the trials of each, none of them louder than the others."""
    spread = values.std(axis=0)
    unit = np.divide(values, spread, out=np.zeros_like(values), where=spread > 0.0)
    n_clusters = int(cluster.max()) + 1 if cluster.size else 0
    means = [unit[:, cluster == number].mean(axis=1) for number in range(n_clusters)]
    return np.column_stack(means) if means else np.empty((values.shape[0], 0))


def _overfitting(clusters: Floats) -> tuple[float | None, float | None]:
    n_days, n_clusters = clusters.shape
    n_blocks = min(MOST_BLOCKS, n_days // DAYS_A_BLOCK // 2 * 2)
    if n_clusters < 2 or n_blocks < LEAST_BLOCKS:
        return None, None
    found = backtest_overfitting(clusters, n_blocks, n_trials=n_clusters)
    return found.pbo, found.loss_frac
