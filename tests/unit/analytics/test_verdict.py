import dataclasses

import pytest

from tsis.analytics.verdict import verdict
from tsis.core.table import spec
from tsis.tables.governance.verdicts import Verdicts

STATS = {"n_days": 1250, "n_trades": 300, "sharpe_daily": 2.5 / 250**0.5, "skew": -3.0, "kurtosis": 10.0}
SPREAD = (0.5 / 250) ** 0.5
"""Standard deviation of trial Sharpe ratios in the example of the DSR paper."""


def family(n):
    """Trials whose population variance is SPREAD squared."""
    return [SPREAD, -SPREAD] * (n // 2)


def test_the_papers_strategy_is_an_edge_after_46_trials_and_none_after_100():
    shown = verdict(STATS, family(46))
    assert shown.is_edge_shown
    assert shown.dsr_frac == pytest.approx(0.950502, abs=5e-7)
    assert shown.verdict == "edge shown: DSR 0.95 over 300 trades in 1,250 days, 46 trials"
    hidden = verdict(STATS, family(100))
    assert not hidden.is_edge_shown
    assert hidden.dsr_frac == pytest.approx(0.900397, abs=5e-7)
    assert hidden.verdict == "too short: 1,250 days of the 2,052 that MinTRL asks"
    assert hidden.trial_sharpe_variance == pytest.approx(SPREAD**2)


def test_worse_than_luck_is_no_edge():
    found = verdict(STATS | {"sharpe_daily": 0.1}, family(100))
    assert found.min_trl_days is None
    assert found.verdict.startswith("no edge shown: DSR 0.")
    assert found.dsr_frac < 0.5


def test_three_days_are_too_short_whatever_they_show():
    found = verdict(STATS | {"n_days": 3, "sharpe_daily": 1.9, "skew": 0.7, "kurtosis": 1.5}, [1.9])
    assert not found.is_edge_shown
    assert found.verdict == "too short: 3 days of at least 30"
    slow = verdict(STATS | {"n_days": 3, "sharpe_daily": 0.05, "skew": 0.0, "kurtosis": 3.0}, [0.05])
    assert slow.verdict == "too short: 3 days of the 1,085 that MinTRL asks"


def test_no_trades_and_no_sharpe():
    none = STATS | {"n_trades": 0, "sharpe_daily": None, "skew": None, "kurtosis": None}
    assert verdict(none, [None]).verdict == "no trades in 1,250 days"
    assert not verdict(STATS | {"n_trades": 0}, [0.2]).is_edge_shown
    flat = verdict(none | {"n_trades": 4}, [])
    assert (flat.verdict, flat.dsr_frac, flat.n_trials) == ("no edge shown: no Sharpe ratio over 4 trades", None, 1)


def test_a_trial_without_a_sharpe_still_counts():
    with_failures = verdict(STATS, [*family(46), *[None] * 54])
    assert with_failures.n_trials == 100
    assert not with_failures.is_edge_shown


def test_its_fields_are_columns_of_the_table():
    assert {field.name for field in dataclasses.fields(verdict(STATS, [0.1]))} <= set(spec(Verdicts).columns)
