"""The judgement on a strategy, in one honest line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tsis.analytics.sharpe import deflated_sharpe, expected_maximum_sharpe, min_track_record_length, trial_variance

CONFIDENCE = 0.95
MIN_DAYS = 30
"""Below it, mean, skew and kurtosis of the returns are noise, whatever they say."""


@dataclass(frozen=True)
class Verdict:
    """The judgement.

    Parameters
    ----------
    n_trials : trials held against the strategy, at least 1.
    trial_sharpe_variance : variance (ddof 0) of their daily Sharpe ratios; None for fewer than two.
    dsr_frac : deflated Sharpe ratio; None where the strategy has no Sharpe ratio.
    min_trl_days : track record at which this Sharpe ratio would exceed the luck of the trials with 95 %; None where
        it does not exceed it at all.
    verdict : one line.
    is_edge_shown : DSR at least 0.95 over at least 30 days with a trade.
    """

    n_trials: int
    trial_sharpe_variance: float | None
    dsr_frac: float | None
    min_trl_days: float | None
    verdict: str
    is_edge_shown: bool


def verdict(stats: Mapping[str, Any], trial_sharpes: Sequence[float | None]) -> Verdict:
    """Judge a strategy against everything that was tried in its family.

    Parameters
    ----------
    stats : a row of analytics.strategy_stats.
    trial_sharpes : daily Sharpe ratios of the family's trials, this one included, a repeat once; None where a trial had
        none: it counts as a trial.
    """
    n_days, n_trades = int(stats["n_days"]), int(stats["n_trades"])
    known = [x for x in trial_sharpes if x is not None]
    n_trials = max(len(trial_sharpes), 1)
    variance = trial_variance(known)
    sharpe = stats["sharpe_daily"]
    dsr = min_trl = None
    if sharpe is not None:
        moments = {"skew": float(stats["skew"]), "kurtosis": float(stats["kurtosis"])}
        dsr = _defined(deflated_sharpe(sharpe, n_days, n_trials, variance, **moments))
        luck = expected_maximum_sharpe(n_trials, variance)
        min_trl = _defined(min_track_record_length(sharpe, luck, CONFIDENCE, **moments))
    is_edge_shown = n_trades > 0 and n_days >= MIN_DAYS and dsr is not None and dsr >= CONFIDENCE
    return Verdict(
        n_trials=n_trials,
        trial_sharpe_variance=variance if len(known) > 1 else None,
        dsr_frac=dsr,
        min_trl_days=min_trl,
        verdict=_text(n_days, n_trades, n_trials, dsr, min_trl),
        is_edge_shown=is_edge_shown,
    )


def _text(n_days: int, n_trades: int, n_trials: int, dsr: float | None, min_trl: float | None) -> str:
    held_against, days, trades = _counted(n_trials, "trial"), _counted(n_days, "day"), _counted(n_trades, "trade")
    if n_trades == 0:
        return f"no trades in {days}"
    if min_trl is not None and n_days < min_trl and min_trl > MIN_DAYS:
        return f"too short: {days} of the {math.ceil(min_trl):,} that MinTRL asks"
    if n_days < MIN_DAYS:
        return f"too short: {days} of at least {MIN_DAYS}"
    if dsr is None:
        return f"no edge shown: no Sharpe ratio over {trades}"
    kind = "edge shown" if dsr >= CONFIDENCE else "no edge shown"
    return f"{kind}: DSR {math.floor(dsr * 100) / 100:.2f} over {trades} in {days}, {held_against}"


def _counted(n: int, thing: str) -> str:
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
