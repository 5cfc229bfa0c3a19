"""Laws 1, 2 and 5 over every rule strategy that discovery finds, and what a stance is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from laws import broken_laws
from pydantic import ValidationError
from session_bars import session_bars

from tsis.core.kernel import Fold
from tsis.core.rule_strategy import ENTRY, SIDE
from tsis.labeling.events import rule_strategies
from tsis.labeling.strategies.sma_cross import SMA_CROSS

N = 700
SETTINGS = {
    "bollinger_breakout": [{}, {"window": 5, "width": 1.0}],
    "cusum_momentum": [{"multiple": 2.0}, {"threshold_frac": 0.02}],
    "fvg_retest": [{}, {"min_size": 0.3, "max_age_bars": 10}],
    "gap_and_go": [{}, {"opening_bars": 2, "min_gap_frac": 0.005}],
    "grid": [{"multiple": 2.0}, {"step_frac": 0.01, "n_lines": 3}],
    "macd": [{}, {"fast": 3, "slow": 7, "signal": 3}],
    "rsi_reversal": [{}, {"period": 5, "oversold": 40, "overbought": 60}],
    "sma_cross": [{}, {"fast": 1, "slow": 10}],
}
"""Parameters under which a strategy enters often; one without any is tried with its defaults."""
CASES = [(kind, settings) for kind in rule_strategies() for settings in SETTINGS.get(kind, [{}])]


def given(strategy, seed=1, n=N):
    bars = session_bars(seed, n)
    return tuple(bars[name] for name in strategy.inputs)


def fold_of(strategy, params):
    """Return the strategy as a fold: a row a bar, side and entry."""

    def run(arrays, state):
        return strategy.run(np.vstack(arrays), params, state).T

    return Fold(strategy.inputs, lambda: strategy.initial_state(params), run)


def stances(strategy, params, arrays):
    return strategy.run(np.vstack(arrays), params, strategy.initial_state(params))


def test_all_strategies_are_there():
    expected = {"sma_cross", "macd", "rsi_reversal", "bollinger_breakout", "fvg_retest", "cusum_momentum", "gap_and_go"}
    assert expected | {"grid"} <= set(rule_strategies())


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_live_is_batch_and_nothing_looks_ahead(kind, settings):
    strategy = rule_strategies()[kind]
    params = strategy.params(**settings)
    assert (strategy.kind, params.kind) == (kind, kind)
    assert strategy.description
    assert strategy.source
    for seed in (1, 2, 3):
        assert broken_laws(fold_of(strategy, params), given(strategy, seed), seed)[0] == []


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_a_stance_is_a_side_and_an_entry_on_it(kind, settings):
    strategy = rule_strategies()[kind]
    found = stances(strategy, strategy.params(**settings), given(strategy))
    assert set(found[SIDE].tolist()) == {-1, 0, 1}
    assert set(found[ENTRY].tolist()) == {0, 1}
    assert (found[SIDE][found[ENTRY] == 1] != 0).all()
    assert {-1, 1} == set(found[SIDE][found[ENTRY] == 1].tolist())
    assert 10 < found[ENTRY].sum() < N / 2


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_no_side_in_the_warm_up_and_soon_after(kind, settings):
    strategy = rule_strategies()[kind]
    params = strategy.params(**settings)
    n = strategy.warm_up_bars(params)
    first = []
    for seed in range(40):
        arrays = [np.nan_to_num(values, nan=0.005) for values in given(strategy, seed, n + 60)]
        side = stances(strategy, params, arrays)[SIDE]
        assert not side[:n].any()
        first.append(int(np.argmax(side != 0)) if side.any() else n + 60)
    assert min(first) <= n + 12


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_a_bar_without_values_has_no_entry_and_is_survived(kind, settings):
    strategy = rule_strategies()[kind]
    params = strategy.params(**settings)
    arrays = [values.copy() for values in given(strategy)]
    for values in arrays:
        values[300:305] = np.nan
    found = stances(strategy, params, arrays)
    assert not found[ENTRY, 300:305].any()
    assert len(set(found[SIDE, 299:305].tolist())) == 1
    assert found[ENTRY, 400:].sum() > 3


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_nothing_in_nothing_out(kind, settings):
    strategy = rule_strategies()[kind]
    params = strategy.params(**settings)
    assert stances(strategy, params, [values[:0] for values in given(strategy)]).shape == (2, 0)


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_the_unit_of_the_price_does_not_matter(kind, settings):
    strategy = rule_strategies()[kind]
    params = strategy.params(**settings)
    scaled = [
        values * 1024.0 if name in ("open", "high", "low", "close") else values
        for name, values in zip(strategy.inputs, given(strategy), strict=True)
    ]
    np.testing.assert_array_equal(stances(strategy, params, scaled), stances(strategy, params, given(strategy)))


def peeking(x, numbers, state, out):
    """Enter on the side of the next close."""
    out[SIDE] = np.sign(np.append(np.diff(x[0]), 0.0)).astype(np.int8)
    out[ENTRY] = (out[SIDE] != 0).astype(np.int8)


def forgetting(x, numbers, state, out):
    """Take the side of the close against the first one of the call."""
    out[SIDE] = np.sign(x[0] - x[0][:1]).astype(np.int8)
    out[ENTRY] = 0


@pytest.mark.parametrize(("cheat", "law"), [(peeking, "looks ahead"), (forgetting, "row by row: other rows")])
def test_a_planted_cheat_is_caught(cheat, law):
    strategy = replace(SMA_CROSS, step=cheat)
    broken, _ = broken_laws(fold_of(strategy, SMA_CROSS.params()), given(strategy), 1)
    assert law in broken


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("sma_cross", {"fast": 50, "slow": 20}, r"fast \(50\) must be less than slow \(20\)"),
        ("macd", {"fast": 26, "slow": 26}, r"fast \(26\) must be less than slow \(26\)"),
        ("rsi_reversal", {"oversold": 60}, "the levels rise"),
        ("cusum_momentum", {}, "one threshold"),
        ("cusum_momentum", {"multiple": 1.0, "threshold_frac": 0.1}, "one threshold"),
        ("grid", {}, "one distance"),
        ("bollinger_breakout", {"width": 0.0}, "width"),
        ("fvg_retest", {"min_size": -1.0}, "min_size"),
        ("gap_and_go", {"min_gap_frac": 0.0}, "min_gap_frac"),
    ],
)
def test_wrong_parameters_are_refused(kind, settings, message):
    with pytest.raises(ValidationError, match=message):
        rule_strategies()[kind].params(**settings)
