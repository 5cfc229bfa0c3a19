"""The ledger of trials is a chain."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsis.core.errors import IntegrityError
from tsis.core.table import spec
from tsis.governance.hash_chain import chain_head
from tsis.governance.trials import Trial, chained, trial_id, trial_sharpes, verify_chain
from tsis.tables.governance.trials import Trials

EMPTY = spec(Trials).empty()


def result(index, sharpe=0.1, family="f"):
    return Trial(trial_id("code", index), family, "stage", index, "result", sharpe, 100)


def ledger_of(n):
    return chained(EMPTY, [result(str(i), 0.1 * i) for i in range(n)])


def test_a_repeat_does_not_count():
    ledger = chained(EMPTY, [result("a"), result("a"), result("b")])
    assert ledger["search_index"].to_list() == ["a", "b"]
    assert chained(ledger, [result("b")]).is_empty()


def test_an_attempt_and_its_result_are_two_rows_of_one_trial():
    attempt = Trial(trial_id("code", "a"), "f", "stage", "a", "attempt")
    assert chained(EMPTY, [attempt, result("a")])["status"].to_list() == ["attempt", "result"]
    assert trial_sharpes(chained(EMPTY, [attempt, result("a")]), "f") == [0.1]


def test_appending_in_steps_equals_appending_at_once():
    trials = [result(str(i)) for i in range(6)]
    first = chained(EMPTY, trials[:2])
    assert pl.concat([first, chained(first, trials[2:])]).equals(chained(EMPTY, trials))


def test_a_trial_without_a_sharpe_counts():
    ledger = chained(EMPTY, [result("a", None), result("b", 0.2), result("c", 0.3, family="other")])
    assert trial_sharpes(ledger, "f") == [None, 0.2]


@given(st.integers(1, 8), st.data())
def test_any_alteration_is_found(n, data):
    ledger = ledger_of(n)
    verify_chain(ledger, [chain_head(ledger)])
    at = data.draw(st.integers(0, n - 1))
    kind = data.draw(st.sampled_from(["alter", "remove", "swap"]))
    if kind == "alter":
        changed = ledger.with_columns(
            sharpe_daily=pl.when(pl.col("position") == at).then(9.9).otherwise(pl.col("sharpe_daily"))
        )
    elif kind == "remove":
        changed = ledger.filter(pl.col("position") != at)
    else:
        changed = ledger.with_columns(position=(pl.col("position") + 1) % n) if n > 1 else ledger.head(0)
    with pytest.raises(IntegrityError):
        verify_chain(changed, [chain_head(ledger)])
