"""The gate: whether a result may be believed, and every reason why not, in words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsis.analytics.sharpe import (
    deflated_sharpe,
    expected_maximum_sharpe,
    min_backtest_length_years,
    min_track_record_length,
)
from tsis.analytics.trial_family import TrialFamily

CONFIDENCE = 0.98
"""Least deflated Sharpe ratio, and of the minimum track record: of lone trials without skill 2 % have as much."""
MAX_PBO = 0.2
MIN_DAYS = 30
"""Below it, mean, skew and kurtosis of the returns are noise, whatever they say."""
MIN_TRADES = 30
MAX_BAD_ROWS_FRAC = 0.01
MAX_MISSING_SESSIONS_FRAC = 0.05


@dataclass(frozen=True)
class DataQuality:
    """What the rows behind a result are worth: raw rows of the tickers that it traded.

    Parameters
    ----------
    n_rows : rows in the lake; n_synthetic of them were generated rather than observed.
    n_set_aside : rows that broke their contract and are not among them.
    n_sessions : sessions of the exchanges between the first and the last bar; n_missing of them have no bar.
    """

    n_rows: int = 0
    n_synthetic: int = 0
    n_set_aside: int = 0
    n_sessions: int = 0
    n_missing: int = 0


@dataclass(frozen=True)
class Verdict:
    """The judgement, with all figures that it rests on.

    Parameters
    ----------
    n_trials, n_effective, trial_sharpe_variance, pbo_frac, pbo_loss_frac : of the family, see `TrialFamily`.
    luck_sharpe_daily : the Sharpe ratio to expect of the best of n_effective trials without skill.
    dsr_frac : deflated Sharpe ratio, against that; None where the strategy has no Sharpe ratio.
    min_trl_days : track record at which this Sharpe ratio would exceed that luck with 98 %; None where it does not
        exceed it at all.
    min_btl_years : track record below which the best of n_effective trials without skill is expected to show this
        Sharpe ratio; None where it is not positive.
    n_raw_rows, n_synthetic_rows, n_set_aside_rows, n_missing_sessions : see `DataQuality`.
    verdict : one line.
    reasons : JSON list of every reason to refuse; empty where none.
    is_edge_shown : DSR at least 0.98 over at least 30 days with a trade.
    is_passed : no reason to refuse: what a model needs to become active.
    """

    n_trials: int
    n_effective: int
    trial_sharpe_variance: float | None
    luck_sharpe_daily: float
    dsr_frac: float | None
    pbo_frac: float | None
    pbo_loss_frac: float | None
    min_trl_days: float | None
    min_btl_years: float | None
    n_raw_rows: int
    n_synthetic_rows: int
    n_set_aside_rows: int
    n_missing_sessions: int
    verdict: str
    reasons: str
    is_edge_shown: bool
    is_passed: bool


def verdict(stats: Mapping[str, Any], family: TrialFamily, quality: DataQuality | None = None) -> Verdict:
    """Judge a strategy against everything that was tried in its family, and against its data.

    The thresholds are constants of this module, not parameters: who loosens them changes the code.

    Parameters
    ----------
    stats : n_days, n_trades, sharpe_daily, skew, kurtosis and periods_a_year of a row of analytics.strategy_stats.
    family : all trials, this one included.
    quality : of its data; None does not judge them.

    Trials of one family differ less than independent ones would, and their variance says less of luck. Where several
    are worth more than one it is taken as no smaller than the variance of the estimate itself, 1 / (n_days - 1).
    """
    n_days, n_trades = int(stats["n_days"]), int(stats["n_trades"])
    sharpe, rows = stats["sharpe_daily"], quality or DataQuality()
    variance = max(family.sharpe_variance or 0.0, 1.0 / (n_days - 1) if n_days > 1 else 0.0)
    luck = expected_maximum_sharpe(family.n_effective, variance)
    dsr = min_trl = min_btl = None
    if sharpe is not None:
        moments = {"skew": float(stats["skew"]), "kurtosis": float(stats["kurtosis"])}
        dsr = _defined(deflated_sharpe(sharpe, n_days, family.n_effective, variance, **moments))
        min_trl = _defined(min_track_record_length(sharpe, luck, CONFIDENCE, **moments))
        if sharpe > 0.0:
            annual = sharpe * math.sqrt(stats["periods_a_year"])
            min_btl = min_backtest_length_years(family.n_effective, annual)
    years = n_days / stats["periods_a_year"]
    reasons = _of_result(n_days, n_trades, years, dsr, min_trl, min_btl, family) + _of_data(rows)
    is_edge_shown = n_trades > 0 and n_days >= MIN_DAYS and dsr is not None and dsr >= CONFIDENCE
    return Verdict(
        n_trials=family.n_trials,
        n_effective=family.n_effective,
        trial_sharpe_variance=family.sharpe_variance,
        luck_sharpe_daily=luck,
        dsr_frac=dsr,
        pbo_frac=family.pbo_frac,
        pbo_loss_frac=family.loss_frac,
        min_trl_days=min_trl,
        min_btl_years=min_btl,
        n_raw_rows=rows.n_rows,
        n_synthetic_rows=rows.n_synthetic,
        n_set_aside_rows=rows.n_set_aside,
        n_missing_sessions=rows.n_missing,
        verdict=reasons[0] if reasons else f"edge shown: {_dsr(dsr, n_days, n_trades, family)}",
        reasons=json.dumps(reasons),
        is_edge_shown=is_edge_shown,
        is_passed=not reasons,
    )


def _of_result(
    n_days: int,
    n_trades: int,
    years: float,
    dsr: float | None,
    min_trl: float | None,
    min_btl: float | None,
    family: TrialFamily,
) -> list[str]:
    days, trades = _counted(n_days, "day"), _counted(n_trades, "trade")
    if n_trades == 0:
        return [f"no trades in {days}"]
    reasons = []
    if min_trl is not None and n_days < min_trl and min_trl > MIN_DAYS:
        reasons.append(f"too short: {days} of the {math.ceil(min_trl):,} that MinTRL asks")
    elif n_days < MIN_DAYS:
        reasons.append(f"too short: {days} of at least {MIN_DAYS}")
    if dsr is None:
        reasons.append(f"no edge shown: no Sharpe ratio over {trades}")
    elif dsr < CONFIDENCE:
        reasons.append(f"no edge shown: {_dsr(dsr, n_days, n_trades, family)}")
    if min_btl is not None and years < min_btl:
        luck = f"the best of {_counted(family.n_effective, 'independent trial')} shows as much by luck within"
        reasons.append(f"too short: {years:.1f} years, and {luck} {min_btl:.1f} (MinBTL)")
    if family.pbo_frac is not None and family.pbo_frac > MAX_PBO:
        reasons.append(
            f"overfitted: PBO {family.pbo_frac:.2f}, above {MAX_PBO}: so often the best trial of half of the days is "
            "no better than the median in the other half"
        )
    if n_trades < MIN_TRADES:
        reasons.append(f"too few trades: {n_trades} of at least {MIN_TRADES}")
    return reasons


def _of_data(quality: DataQuality) -> list[str]:
    reasons = []
    delivered = quality.n_rows + quality.n_set_aside
    if quality.n_synthetic:
        reasons.append(f"synthetic data: {quality.n_synthetic:,} of {quality.n_rows:,} raw rows were generated")
    if quality.n_set_aside > MAX_BAD_ROWS_FRAC * delivered:
        reasons.append(f"bad data: {quality.n_set_aside:,} of {delivered:,} raw rows broke their contract")
    if quality.n_missing > MAX_MISSING_SESSIONS_FRAC * quality.n_sessions:
        reasons.append(f"gaps: {quality.n_missing:,} of {quality.n_sessions:,} sessions have no bar")
    return reasons


def _dsr(dsr: float | None, n_days: int, n_trades: int, family: TrialFamily) -> str:
    shown = math.floor((dsr or 0.0) * 100) / 100
    held_against = _counted(family.n_trials, "trial")
    if family.n_effective != family.n_trials:
        held_against += f" worth {family.n_effective:,}"
    return f"DSR {shown:.2f} over {_counted(n_trades, 'trade')} in {_counted(n_days, 'day')}, {held_against}"


def _counted(n: int, thing: str) -> str:
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
