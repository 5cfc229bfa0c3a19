"""How many independent trials a family of correlated trials is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError, ParamsError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ALIKE = 0.5
"""Trials whose returns correlate so much on average count as one."""


@dataclass(frozen=True, eq=False)
class EffectiveTrials:
    """Trials in clusters.

    Parameters
    ----------
    n : clusters, the effective number of independent trials; 0 for no trial.
    cluster : (trials,) the cluster of each trial, numbered in the order of their first trials.
    """

    n: int
    cluster: Ints


def effective_trials(returns: npt.ArrayLike, alike: float = ALIKE) -> EffectiveTrials:
    """Return the clusters of trials whose returns are alike; their number is the N of DSR and MinBTL.

    Agglomerative clustering with average linkage on 1 - correlation: the two clusters whose trials correlate most on
    average are merged, as long as that average is above `alike`. N trials that are alike are worth 1, N that are
    independent are worth N, and nothing is drawn. The clustering that López de Prado & Lewis (2019) propose (ONC:
    k-means, the k of the best silhouette) can answer neither 1 nor N, and depends on a seed. A trial and its mirror
    image count twice: the better of the two is a choice as well. Choosing within a cluster adds a little luck that the
    count leaves out, so that N is rather small than large; a higher `alike` is the remedy.

    Parameters
    ----------
    returns : (observations, trials) of the same moments, one column a trial; every trial of the family.
    alike : in (0, 1); a higher one makes more clusters, a stricter judgement.

    Returns in which nothing varies (no trade) have no correlation: they are alike where they are equal, else not.

    Raises
    ------
    DataError
        If returns are not finite, or there are fewer than 3 observations.
    ParamsError
        If `alike` is out of range.
    """
    if not 0.0 < alike < 1.0:
        raise ParamsError(f"effective trials: alike = {alike}; must lie between 0 and 1")
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 2:
        raise DataError(f"effective trials: returns of shape {values.shape}; needs (observations, trials)")
    n, n_trials = values.shape
    if n_trials == 0:
        return EffectiveTrials(0, np.empty(0, dtype=np.int64))
    n_bad = int(np.count_nonzero(~np.isfinite(values)))
    if n < 3 or n_bad:
        raise DataError(
            f"effective trials: {n:,} observations of {n_trials:,} trials, {n_bad:,} returns NaN or infinite; needs 3 "
            "finite ones of each trial"
        )
    if n_trials == 1:
        return EffectiveTrials(1, np.zeros(1, dtype=np.int64))
    from sklearn.cluster import AgglomerativeClustering  # noqa: PLC0415  slow import

    distance = 1.0 - _correlation(values)
    found = AgglomerativeClustering(
        n_clusters=None, distance_threshold=1.0 - alike, metric="precomputed", linkage="average"
    ).fit_predict(distance)
    _, first, inverse = np.unique(found, return_index=True, return_inverse=True)
    cluster = np.argsort(np.argsort(first))[inverse].astype(np.int64)
    return EffectiveTrials(int(first.size), cluster)


def _correlation(values: Floats) -> Floats:
    """Return (trials, trials), one row a sum in a fixed order, and rounded: a merge must not hang on the last bits."""
    centred = values - values.mean(axis=0)
    flat = np.ptp(values, axis=0) == 0.0
    norm = np.sqrt(np.square(centred).sum(axis=0))
    unit = np.divide(centred, norm, out=np.zeros_like(centred), where=~flat & (norm > 0.0))
    rho = np.array([(unit * unit[:, i, None]).sum(axis=0) for i in range(values.shape[1])])
    level = np.where(flat, values[0], np.nan)
    rho[level[:, None] == level[None, :]] = 1.0
    np.fill_diagonal(rho, 1.0)
    return np.asarray(np.round(np.clip(rho, -1.0, 1.0), 12), dtype=np.float64)
