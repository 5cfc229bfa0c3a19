"""How well probabilities match labels of 0 and 1."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_CLIP = 1e-15


def scores(label: Floats, probability: Floats) -> dict[str, float | None]:
    """Return base rate, precision, recall and F1 at 0.5, AUC, log loss (nats) and Brier score.

    Parameters
    ----------
    label : (n,) 0 or 1, n >= 1.
    probability : (n,) of label 1.

    Returns
    -------
    None where a figure is undefined: precision without a positive prediction, recall without a positive label, F1
    without either, AUC with one class.
    """
    n = label.size
    predicted, actual = probability >= 0.5, label == 1.0
    n_hits, n_predicted, n_actual = (int(np.count_nonzero(x)) for x in (predicted & actual, predicted, actual))
    clipped = np.clip(probability, _CLIP, 1.0 - _CLIP)
    losses = -np.where(actual, np.log(clipped), np.log1p(-clipped))
    return {
        "base_rate_frac": n_actual / n,
        "precision": n_hits / n_predicted if n_predicted else None,
        "recall": n_hits / n_actual if n_actual else None,
        "f1": 2 * n_hits / (n_predicted + n_actual) if n_predicted + n_actual else None,
        "auc": _auc(actual, probability),
        "log_loss": math.fsum(losses) / n,
        "brier": math.fsum((probability - label) ** 2) / n,
    }


def _auc(actual: npt.NDArray[np.bool_], probability: Floats) -> float | None:
    n_positive = int(np.count_nonzero(actual))
    n_negative = actual.size - n_positive
    if not n_positive or not n_negative:
        return None
    _, group, size = np.unique(probability, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(size) - (size - 1) / 2
    rank_sum = math.fsum(mean_rank[group][actual])
    return (rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
