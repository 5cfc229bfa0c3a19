"""Features in clusters that say the same, as many as their silhouettes show."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def feature_clusters(x: Floats, max_clusters: int | None = None) -> Rows:
    """Return the cluster of each feature, numbered in the order of their first features.

    Agglomerative clustering with average linkage on the distance sqrt((1 - |ρ|) / 2): a feature and its negative say
    the same. Of 2 to `max_clusters` clusters those are taken whose silhouettes have the largest mean over standard
    deviation, the quality of López de Prado & Lewis (2019) and MLAM 4.4; linkage takes the place of their k-means,
    so that nothing is drawn.

    Parameters
    ----------
    x : (n, k) features; a NaN counts as the mean of its column. Use the training rows alone where it matters.
    max_clusters : at most k - 1, which is the default. Fewer than three features are a cluster each.

    Raises
    ------
    DataError
        If there are fewer than 2 rows, or infinite values.
    """
    n, k = x.shape
    if n < 2 or np.isinf(x).any():
        raise DataError(
            f"feature clusters: {n:,} rows, {int(np.isinf(x).sum()):,} infinite values; needs 2 finite rows"
        )
    if k < 3:
        return np.arange(k, dtype=np.int64)
    from sklearn.cluster import AgglomerativeClustering  # noqa: PLC0415  slow import
    from sklearn.metrics import silhouette_samples  # noqa: PLC0415

    distance = np.sqrt((1.0 - np.abs(_correlation(x))) / 2.0)
    best, chosen = -np.inf, np.zeros(k, dtype=np.int64)
    for n_clusters in range(2, min(max_clusters or k - 1, k - 1) + 1):
        found = AgglomerativeClustering(n_clusters=n_clusters, metric="precomputed", linkage="average").fit_predict(
            distance
        )
        silhouette = silhouette_samples(distance, found, metric="precomputed")
        quality = float(silhouette.mean() / max(silhouette.std(), 1e-12))
        if quality > best:
            best, chosen = quality, found
    _, first, inverse = np.unique(chosen, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def _correlation(x: Floats) -> Floats:
    """Return (k, k), sums in a fixed order and rounded, so that no cluster hangs on the last bits."""
    n_known = np.maximum(np.count_nonzero(~np.isnan(x), axis=0), 1)
    centred = np.nan_to_num(x - np.nansum(x, axis=0) / n_known)
    norm = np.sqrt(np.square(centred).sum(axis=0))
    unit = np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 0.0)
    rho = np.array([(unit * unit[:, [i]]).sum(axis=0) for i in range(x.shape[1])])
    np.fill_diagonal(rho, 1.0)
    return np.asarray(np.round(np.clip(rho, -1.0, 1.0), 12), dtype=np.float64)
