import dataclasses
import json

import pytest

from tsis.analytics.trial_family import TrialFamily, trial_family
from tsis.analytics.verdict import DataQuality, Verdict
from tsis.analytics.verdict import verdict as judged
from tsis.core.table import spec
from tsis.tables.governance.verdicts import Verdicts

STATS = {"n_days": 1250, "n_trades": 300, "sharpe_daily": 2.5 / 250**0.5, "skew": -3.0, "kurtosis": 10.0} | {
    "periods_a_year": 250.0
}
SPREAD = (0.5 / 250) ** 0.5
"""Standard deviation of trial Sharpe ratios in the example of the DSR paper."""


def verdict(stats, sharpes):
    return judged(stats, trial_family(sharpes))


def family(n):
    """Trials whose population variance is SPREAD squared."""
    return [SPREAD, -SPREAD] * (n // 2)


def test_the_papers_strategy_is_an_edge_after_20_trials_and_none_after_100():
    shown = verdict(STATS, family(46))
    assert shown.dsr_frac == pytest.approx(0.950502, abs=5e-7)
    assert not shown.is_edge_shown
    assert verdict(STATS, family(20)).is_edge_shown
    hidden = verdict(STATS, family(100))
    assert not hidden.is_edge_shown
    assert hidden.dsr_frac == pytest.approx(0.900397, abs=5e-7)
    assert hidden.verdict == "too short: 1,250 days of the 3,198 that MinTRL asks"
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
    assert slow.verdict == "too short: 3 days of the 1,691 that MinTRL asks"


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


GOOD = {"n_days": 1250, "n_trades": 300, "sharpe_daily": 0.19, "skew": 0.0, "kurtosis": 3.0, "periods_a_year": 250.0}


def reasons(stats=GOOD, quality=None, **figures):
    given = TrialFamily(20, 12, 1e-3, 0.0, 0.0)
    found = judged(stats, dataclasses.replace(given, **figures), quality)
    assert found.is_passed == (not json.loads(found.reasons))
    return json.loads(found.reasons)


def test_a_result_without_a_reason_to_refuse_passes():
    found = judged(GOOD, TrialFamily(20, 12, 1e-3, 0.0, 0.0), DataQuality(1000, 0, 10, 100, 5))
    assert found.is_passed
    assert json.loads(found.reasons) == []
    assert found.verdict == "edge shown: DSR 0.99 over 300 trades in 1,250 days, 20 trials worth 12"
    assert found.luck_sharpe_daily == pytest.approx(1e-3**0.5 * 1.6648, rel=1e-4)


@pytest.mark.parametrize(
    ("stats", "figures", "words"),
    [
        ({"n_trades": 29}, {}, ["too few trades: 29 of at least 30"]),
        ({}, {"pbo_frac": 0.25}, ["overfitted: PBO 0.25, above 0.2"]),
        ({}, {"pbo_frac": None}, []),
        (
            {"n_days": 60, "sharpe_daily": 0.19, "n_trades": 40},
            {},
            [
                "no edge shown: DSR 0.",
                "too short: 0.2 years, and the best of 12 independent trials shows as much by luck within 0.3 (MinBTL)",
            ],
        ),
        ({"n_trades": 0, "sharpe_daily": None}, {}, ["no trades in 1,250 days"]),
    ],
)
def test_every_reason_is_given_in_words(stats, figures, words):
    found = reasons(GOOD | stats, **figures)
    assert len(found) == len(words)
    assert all(text.startswith(begin) for text, begin in zip(found, words, strict=True))


@pytest.mark.parametrize(
    ("quality", "words"),
    [
        (DataQuality(n_rows=500, n_synthetic=1), "synthetic data: 1 of 500 raw rows were generated"),
        (DataQuality(n_rows=980, n_set_aside=20), "bad data: 20 of 1,000 raw rows broke their contract"),
        (DataQuality(n_rows=980, n_sessions=100, n_missing=6), "gaps: 6 of 100 sessions have no bar"),
    ],
)
def test_bad_data_refuse_the_best_result(quality, words):
    assert reasons(quality=quality) == [words]


def test_trials_that_hardly_differ_do_not_lower_the_luck_of_a_choice():
    found = judged(GOOD, TrialFamily(20, 12, 1e-9, 0.0, 0.0))
    assert found.luck_sharpe_daily == pytest.approx(1249**-0.5 * 1.6648, rel=1e-4)


def test_its_fields_are_columns_of_the_table():
    assert {field.name for field in dataclasses.fields(Verdict)} <= set(spec(Verdicts).columns)
