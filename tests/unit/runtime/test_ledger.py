"""The ledger of trials only grows, whatever a verdict has seen of it, and a strategy keeps its trials."""

import pytest

from tsis.core.errors import IntegrityError
from tsis.governance.trials import Trial, chained, trial_sharpes
from tsis.lake import Lake
from tsis.runtime.judge import joined_families
from tsis.runtime.ledger import TRIALS, append_trials, verified_ledger, verify_grown_only
from tsis.runtime.tables import tables


def trials(*names):
    return [Trial(name, "family", "predictions", name, "attempt") for name in names]


@pytest.fixture
def lake(tmp_path):
    made = Lake(tmp_path, tables())
    append_trials(made, trials("a", "b"))
    append_trials(made, trials("c"))
    return made


def test_a_ledger_that_grew_is_whole(lake):
    verify_grown_only(lake)
    assert verified_ledger(lake.scan).height == 3


def test_what_was_never_committed_is_no_trial(lake):
    with lake.transaction([TRIALS]) as transaction:
        ledger = verified_ledger(transaction.scan)
        transaction.append(TRIALS, chained(ledger, trials("broken off")))
    verify_grown_only(lake)


def test_a_tail_that_no_verdict_has_seen_is_missed(lake):
    lake.replace(TRIALS, verified_ledger(lake.scan).head(1))
    assert verified_ledger(lake.scan).height == 1  # the chain itself is whole
    with pytest.raises(IntegrityError, match=r"trials of an earlier version .* its tail was cut"):
        verify_grown_only(lake)


def test_a_tail_that_was_cut_and_grown_anew_is_missed(lake):
    lake.replace(TRIALS, verified_ledger(lake.scan).head(2))
    append_trials(lake, trials("d", "e"))
    with pytest.raises(IntegrityError, match="its tail was cut"):
        verify_grown_only(lake)


def test_a_ledger_that_was_emptied_is_missed(lake):
    lake.replace(TRIALS, verified_ledger(lake.scan).clear())
    with pytest.raises(IntegrityError, match="its tail was cut"):
        verify_grown_only(lake)


def result(name, family, search_index, sharpe):
    return Trial(name, family, "strategy_stats", search_index, "result", sharpe, 250)


def test_another_family_leaves_no_trial_behind(tmp_path):
    lake = Lake(tmp_path, tables())
    told = [
        result("1", "s", "backtest:s", 0.1),
        result("2", "s", "search:s", 0.2),
        result("3", "others", "backtest:t", 0.3),
        result("4", "fresh", "backtest:s", 0.4),
    ]
    append_trials(lake, told)
    ledger = verified_ledger(lake.scan)
    assert trial_sharpes(ledger, "fresh") == [0.4]
    assert trial_sharpes(joined_families(ledger, "backtest:s", "s", "fresh"), "fresh") == [0.1, 0.2, 0.4]
    assert trial_sharpes(joined_families(ledger, "backtest:t", "t", "others"), "others") == [0.3]
