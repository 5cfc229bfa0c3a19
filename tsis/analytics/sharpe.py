"""How far a Sharpe ratio can be believed.

Conventions, the same in every function: a Sharpe ratio is per observation (not annualised) and `n_observations`
counts those observations; `kurtosis` is 3 for normal returns; `skew` and `kurtosis` are population moments. Divide an
annual Sharpe ratio by the root of the periods a year, an annual variance of Sharpe ratios by the periods.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

_NORMAL = NormalDist()
_EULER_GAMMA = 0.5772156649015329


def probabilistic_sharpe(
    sharpe: float, benchmark: float, n_observations: float, skew: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Return the probability that the true Sharpe ratio exceeds `benchmark`; Bailey & López de Prado (2012).

    NaN for fewer than 2 observations or where the moments make the variance of the estimate negative.
    """
    variance = _estimation_variance(sharpe, skew, kurtosis)
    if n_observations < 2 or not variance > 0.0:
        return math.nan
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt((n_observations - 1) / variance))


def min_track_record_length(
    sharpe: float, benchmark: float, confidence: float = 0.95, skew: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Return the observations after which `sharpe` would exceed `benchmark` with `confidence`.

    In observations, not rounded. NaN where the Sharpe ratio is not above the benchmark, or as in
    `probabilistic_sharpe`. Bailey & López de Prado (2012).
    """
    variance = _estimation_variance(sharpe, skew, kurtosis)
    if not sharpe > benchmark or not variance > 0.0:
        return math.nan
    return 1.0 + variance * (_NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2


def expected_maximum_normal(n_trials: float) -> float:
    """Return the expected maximum of `n_trials` independent standard normals, as the DSR approximates it.

    0 for one trial: nothing was chosen. Bailey & López de Prado (2014), equation 1.
    """
    if n_trials <= 1:
        return 0.0
    return (1.0 - _EULER_GAMMA) * _NORMAL.inv_cdf(1.0 - 1.0 / n_trials) + _EULER_GAMMA * _NORMAL.inv_cdf(
        1.0 - 1.0 / (n_trials * math.e)
    )


def expected_maximum_sharpe(n_trials: float, trial_variance: float) -> float:
    """Return the Sharpe ratio to expect of the best of `n_trials` without skill.

    `trial_variance` is the variance of the trials' Sharpe ratios, per observation.
    """
    return math.sqrt(trial_variance) * expected_maximum_normal(n_trials)


def deflated_sharpe(
    sharpe: float,
    n_observations: float,
    n_trials: float,
    trial_variance: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Return the probability that the true Sharpe ratio exceeds what the best of `n_trials` shows by luck.

    The probabilistic Sharpe ratio against `expected_maximum_sharpe`; NaN as there. Bailey & López de Prado (2014).
    """
    benchmark = expected_maximum_sharpe(n_trials, trial_variance)
    return probabilistic_sharpe(sharpe, benchmark, n_observations, skew, kurtosis)


def trial_variance(trial_sharpes: Sequence[float]) -> float:
    """Return the population variance (ddof 0) of the trials' Sharpe ratios; 0 for fewer than two."""
    n = len(trial_sharpes)
    if n < 2:
        return 0.0
    mean = math.fsum(trial_sharpes) / n
    return math.fsum((x - mean) ** 2 for x in trial_sharpes) / n


def min_backtest_length_years(n_trials: float, annual_sharpe: float = 1.0) -> float:
    """Return the years below which the best of `n_trials` without skill is expected to show `annual_sharpe`.

    Bailey, Borwein, López de Prado & Zhu (2014), MinBTL; 0 for one trial.
    """
    return (expected_maximum_normal(n_trials) / annual_sharpe) ** 2


def _estimation_variance(sharpe: float, skew: float, kurtosis: float) -> float:
    return 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
