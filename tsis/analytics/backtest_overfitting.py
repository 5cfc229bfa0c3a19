"""How often the best of many backtests is not even average afterwards: PBO by CSCV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError, ParamsError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NOISE = 1e-14
_CELLS = 1 << 20
"""Numbers of one piece of work: what a piece takes of memory does not grow with the splits."""


@dataclass(frozen=True, eq=False)
class Overfitting:
    """What happens out of sample to the trial that is best in sample, over all c = C(S, S/2) splits.

    Parameters
    ----------
    logit : (c,) ln(ω / (1 - ω)) of its relative rank ω = rank / (trials + 1) out of sample, ties at their mean rank.
    trial : (c,) which trial it is, the first of equals.
    sharpe_in, sharpe_out : (c,) its Sharpe ratio in and out of sample, per observation, ddof 1.
    """

    logit: Floats
    trial: Ints
    sharpe_in: Floats
    sharpe_out: Floats

    @property
    def pbo(self) -> float:
        """Return the share of the splits whose logit is not positive: chosen well, no better than the median after."""
        return float(np.count_nonzero(self.logit <= 0.0) / self.logit.size)

    @property
    def loss_frac(self) -> float:
        """Return the share of the splits in which the chosen trial loses money out of sample."""
        return float(np.count_nonzero(self.sharpe_out < 0.0) / self.sharpe_out.size)

    @property
    def degradation(self) -> float:
        """Return the slope of the Sharpe ratio out of sample on the one in sample; NaN where the latter never varies.

        Negative where the better a trial looks the worse it turns out: the usual sign of overfitting.
        """
        x = self.sharpe_in - self.sharpe_in.mean()
        spread = float(np.sum(x * x))
        return float(np.sum(x * (self.sharpe_out - self.sharpe_out.mean())) / spread) if spread > 0.0 else float("nan")


def backtest_overfitting(returns: npt.ArrayLike, n_blocks: int = 16, *, n_trials: int | None = None) -> Overfitting:
    """Return what combinatorially symmetric cross-validation (CSCV) finds among trials of one family.

    Time is cut into `n_blocks` blocks. For every choice of half of them the trial with the best Sharpe ratio there is
    looked up in the other half. Bailey, Borwein, López de Prado & Zhu (2017); López de Prado (2018), 11.6.

    Parameters
    ----------
    returns : (observations, trials) of the same moments, in order of time: one column a trial. All trials of the search
        belong in it, not only the good ones.
    n_blocks : S, even; the first blocks are a row longer where the rows do not divide. S = 16 makes 12,870 splits.
    n_trials : the number of columns, to be said where there are more trials than observations: a matrix that stands on
        its side gives a number too, of nothing.

    A trial whose returns do not vary within a half (no position, say) has the Sharpe ratio 0 there.

    Raises
    ------
    DataError
        If there are not two trials of finite returns, fewer than 2 observations a block, or more trials than
        observations unless `n_trials` says so.
    ParamsError
        If `n_blocks` is odd or below 2.
    """
    values = _require_returns(returns, n_blocks, n_trials)
    sums = _sums(values, n_blocks)
    found = [_chosen(inside, sums) for inside in _halves(n_blocks, values.shape[1])]
    logit, trial, sharpe_in, sharpe_out = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Overfitting(logit, trial.astype(np.int64), sharpe_in, sharpe_out)


def _require_returns(returns: npt.ArrayLike, n_blocks: int, n_trials: int | None) -> Floats:
    if n_blocks < 2 or n_blocks % 2:
        raise ParamsError(f"CSCV: n_blocks = {n_blocks}; must be even and at least 2")
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 2:
        raise DataError(f"CSCV: returns of shape {values.shape}; needs (observations, trials) with at least 2 trials")
    n, columns = values.shape
    if n_trials is not None and n_trials != columns:
        raise DataError(f"CSCV: {columns:,} columns but n_trials = {n_trials:,}; rows are observations, columns trials")
    if n < columns and n_trials is None:
        raise DataError(
            f"CSCV: {n:,} observations of {columns:,} trials; rows are observations, columns trials: transpose, or say "
            f"n_trials={columns} if it is so"
        )
    if n < 2 * n_blocks:
        raise DataError(f"CSCV: {n:,} observations for {n_blocks} blocks; needs at least 2 each")
    n_bad = int(np.count_nonzero(~np.isfinite(values)))
    if n_bad:
        raise DataError(f"CSCV: {n_bad:,} of {values.size:,} returns are NaN or infinite; align the trials first")
    return values


class _Sums(NamedTuple):
    """(S,) rows of each block; (S, trials) sums and sums of squares about `centre`, the overall mean of each trial."""

    n: Floats
    first: Floats
    second: Floats
    centre: Floats


def _sums(values: Floats, n_blocks: int) -> _Sums:
    centre = values.mean(axis=0)
    parts = np.array_split(values - centre, n_blocks)
    return _Sums(
        np.array([float(part.shape[0]) for part in parts]),
        np.array([part.sum(axis=0) for part in parts]),
        np.array([np.square(part).sum(axis=0) for part in parts]),
        centre,
    )


def _halves(n_blocks: int, n_trials: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield (some splits, S) flags of the blocks in sample, a piece of work at a time."""
    chosen = np.zeros((comb(n_blocks, n_blocks // 2), n_blocks), dtype=np.bool_)
    for row, blocks in enumerate(combinations(range(n_blocks), n_blocks // 2)):
        chosen[row, list(blocks)] = True
    step = max(_CELLS // n_trials, 1)
    for start in range(0, chosen.shape[0], step):
        yield chosen[start : start + step]


def _chosen(inside: npt.NDArray[np.bool_], sums: _Sums) -> tuple[Floats, ...]:
    before, after = _sharpe(inside, sums), _sharpe(~inside, sums)
    best = np.argmax(before, axis=1)
    rows = np.arange(best.size)
    chosen = after[rows, best][:, None]
    rank = np.count_nonzero(after < chosen, axis=1) + (np.count_nonzero(after == chosen, axis=1) + 1) / 2
    omega = rank / (after.shape[1] + 1)
    return np.log(omega / (1.0 - omega)), best.astype(np.float64), before[rows, best], chosen[:, 0]


def _sharpe(half: npt.NDArray[np.bool_], sums: _Sums) -> Floats:
    """Return (splits, trials) Sharpe ratios; summed block by block, so that the order of the sums is fixed."""
    n = np.zeros((half.shape[0], 1))
    first, second = np.zeros((2, half.shape[0], sums.centre.size))
    for block in range(sums.n.size):
        is_in = half[:, block, None]
        n += is_in * sums.n[block]
        first += is_in * sums.first[block]
        second += is_in * sums.second[block]
    mean = sums.centre + first / n
    variance = (second - first * (first / n)) / (n - 1.0)
    varies = variance > _NOISE * np.maximum(mean * mean, 1e-12)
    return np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
