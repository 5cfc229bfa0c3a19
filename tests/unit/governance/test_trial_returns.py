"""The daily returns of trials are covered by the ledger's chain."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsis.core.errors import IntegrityError
from tsis.core.table import spec
from tsis.governance.trial_returns import daily_series, family_returns, series_hash, verify_returns
from tsis.governance.trials import Trial, chained, verify_chain
from tsis.tables.governance.trial_returns import TrialReturns
from tsis.tables.governance.trials import Trials

DAYS = [date(2021, 3, 1) + timedelta(days=k) for k in range(10)]


def series(values, days=DAYS):
    return daily_series(pl.Series(days[: len(values)]), pl.Series(values, dtype=pl.Float64))


def kept(*listed):
    rows = [series(values) for values in listed]
    trials = [
        Trial(f"trial {k}", "f", "stage", str(k), "result", 0.1, item.height, item["returns_hash"][0])
        for k, item in enumerate(rows)
    ]
    return chained(spec(Trials).empty(), trials), pl.concat(rows).unique(spec(TrialReturns).key)


LEDGER, RETURNS = kept([0.1, -0.2, 0.3], [0.0, 0.0, 0.5, 0.25], [0.1, -0.2, 0.3])


def test_a_series_is_kept_once_and_in_any_order():
    assert LEDGER["returns_hash"].n_unique() == 2
    assert RETURNS.height == 7
    verify_returns(LEDGER, RETURNS.sample(fraction=1.0, shuffle=True, seed=3))
    shuffled = daily_series(pl.Series(DAYS[2::-1]), pl.Series([0.3, -0.2, 0.1]))
    assert shuffled["returns_hash"][0] == LEDGER["returns_hash"][0]


@given(st.integers(0, 6), st.sampled_from(["alter", "remove", "move", "insert", "remove all", "foreign"]))
def test_any_alteration_is_found(at, kind):
    row, n = pl.int_range(pl.len()) == at, RETURNS.height
    changed = {
        "alter": RETURNS.with_columns(ret_frac=pl.when(row).then(np.nextafter(1.0, 2.0)).otherwise("ret_frac")),
        "remove": RETURNS.filter(~row),
        "move": RETURNS.with_columns(date=pl.when(row).then(date(2022, 1, 1)).otherwise("date")),
        "insert": pl.concat([RETURNS, RETURNS[at % n].with_columns(date=date(2030, 1, 1))]),
        "remove all": RETURNS.clear(),
        "foreign": pl.concat([RETURNS, series([0.7])]),
    }[kind]
    with pytest.raises(IntegrityError, match="trial_returns"):
        verify_returns(LEDGER, changed)


def test_another_hash_in_the_ledger_breaks_the_chain():
    forged = LEDGER.with_columns(returns_hash=pl.lit(series_hash(series([9.0]))))
    with pytest.raises(IntegrityError, match="chain is broken at position 0"):
        verify_chain(forged)


def test_the_returns_of_a_family_stand_side_by_side_on_the_days_of_the_judged():
    found = family_returns(LEDGER, RETURNS, "f", DAYS[:4])
    assert found.T.tolist() == [[0.1, -0.2, 0.3, 0.0], [0.0, 0.0, 0.5, 0.25], [0.1, -0.2, 0.3, 0.0]]
    assert family_returns(LEDGER, RETURNS, "g", DAYS[:4]).shape == (4, 0)


def test_a_trial_with_results_on_few_of_the_days_can_not_be_compared():
    assert family_returns(LEDGER, RETURNS, "f", DAYS[:6]).shape == (6, 3)
    assert family_returns(LEDGER, RETURNS, "f", DAYS[:8]).shape == (8, 1)
