"""Rules of sizing: AFML's formulas, what they know, and how a strategy chooses one."""

import math

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy.stats import norm

from tsis.signals.setups import SetupsParams
from tsis.signals.sizing import AveragedSizing, BudgetSizing, DynamicSizing, ProbabilitySizing, Sizing
from tsis.signals.sizing.bets import STILL_OPEN, Bets
from tsis.signals.strategy_params import StrategyParams

STEP = 1e-9


def bets(n=40, seed=3, n_series=2, **given):
    random = np.random.default_rng(seed)
    t0 = np.sort(random.integers(0, 60, n))
    t1 = t0 + random.integers(1, 20, n)
    made = {
        "series": random.integers(1, n_series + 1, n),
        "t0": t0,
        "t1": np.where(random.random(n) < 0.1, STILL_OPEN, t1),
        "side": random.choice([-1.0, 1.0], n),
        "probability": random.uniform(0.3, 0.95, n),
        "is_made": random.random(n) < 0.8,
        "target": random.uniform(0.005, 0.02, n),
        "pt": np.full(n, 2.0),
        "sl": np.full(n, 1.0),
        "entry": random.uniform(50, 150, n),
    }
    return Bets(**made | given)


def of_probability(p):
    return max(2.0 * norm.cdf((p - 0.5) / math.sqrt(p * (1.0 - p))) - 1.0, 0.0)


def test_of_the_probability():
    given = bets()
    size, limit = ProbabilitySizing().sizes(given, STEP)
    assert size == pytest.approx([of_probability(p) for p in given.probability], abs=1e-8)
    assert np.isnan(limit).all()
    coarse = ProbabilitySizing().sizes(given, 0.25)[0]
    assert set(coarse.tolist()) <= {0.0, 0.25, 0.5, 0.75, 1.0}


def active(given, i, is_at=lambda t0, t: t0 <= t):
    """Return the numbers of the bets that are active as bet i begins, itself among them, bet by bet."""
    return [
        j
        for j in range(given.t0.size)
        if given.is_made[j]
        and given.series[j] == given.series[i]
        and is_at(given.t0[j], given.t0[i])
        and given.t1[j] > given.t0[i]
    ]


def test_averaged_over_the_active_bets():
    given = bets()
    size, _ = AveragedSizing().sizes(given, STEP)
    n_other = 0
    for i in range(given.t0.size):
        own = of_probability(given.probability[i])
        if given.is_made[i]:
            among = active(given, i)
            signed = [given.side[j] * of_probability(given.probability[j]) for j in among]
            own = max(given.side[i] * math.fsum(signed) / len(signed), 0.0)
            n_other += len(among) > 1
        assert size[i] == pytest.approx(own, abs=1e-8)
    assert n_other > 10


def test_what_the_number_of_bets_leaves_of_the_budget():
    given = bets()
    size, _ = BudgetSizing(most_long=4, most_short=3).sizes(given, STEP)
    for i in range(given.t0.size):
        share = 1 / 4 if given.side[i] > 0 else 1 / 3
        if given.is_made[i]:
            sides = [given.side[j] for j in active(given, i)]
            long, short = min(sides.count(1.0) / 4, 1.0), min(sides.count(-1.0) / 3, 1.0)
            share = max(given.side[i] * (long - short), 0.0)
        assert size[i] == pytest.approx(share, abs=1e-8)
    assert len(set(np.round(size, 6).tolist())) > 4


def test_dynamic_figures_of_the_reference():
    # forecast 115, price 100, w with m(10) = 0.95, at most 100: position 97, limit price 112.365739. A bet with pt 2
    # that surely pays has its forecast two targets above the price
    given = bets(
        1, n_series=1, side=np.array([1.0]), probability=np.array([1.0]), target=np.array([0.075]),
        entry=np.array([100.0]),
    )  # fmt: skip
    size, limit = DynamicSizing(divergence=10 / 7.5, size=0.95, max_position=100).sizes(given, STEP)
    assert size == pytest.approx([0.97])
    assert limit == pytest.approx([112.365739], abs=1e-6)


def test_dynamic_follows_the_divergence_and_never_turns_a_side_round():
    given = bets(probability=np.linspace(0.2, 0.9, 40))
    rule = DynamicSizing(divergence=1.0, size=0.5, max_position=1_000)
    size, limit = rule.sizes(given, STEP)
    expected = (given.probability * 2.0 - (1.0 - given.probability)) * given.target
    for i in range(given.t0.size):
        if expected[i] <= 0.0:
            assert (size[i], math.isnan(limit[i])) == (0.0, True)
            continue
        x = expected[i] / given.target[i]  # in targets; w = 1 (0.5^-2 - 1) = 3
        assert size[i] == pytest.approx(x / math.sqrt(3.0 + x * x), abs=1e-3)
        # between the price now and the forecast, so that the whole way pays
        assert given.side[i] * (limit[i] - given.entry[i]) > 0.0
        assert given.side[i] * (given.entry[i] * (1 + given.side[i] * expected[i]) - limit[i]) > 0.0
    assert 0 < np.count_nonzero(expected <= 0.0) < 20


RULES = [ProbabilitySizing(), AveragedSizing(), BudgetSizing(most_long=3, most_short=3), DynamicSizing()]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_no_size_sees_later_bets_or_when_an_active_one_will_end(rule):
    given = bets(80)
    whole = rule.sizes(given, STEP)
    for now in (10, 30, 45):
        later = given.t0 > now
        random = np.random.default_rng(now)
        changed = Bets(
            **{
                **vars(given),
                "probability": np.where(later, random.uniform(0.3, 0.95, 80), given.probability),
                "side": np.where(later, -given.side, given.side),
                "is_made": np.where(later, ~given.is_made, given.is_made),
                "t1": np.where(given.t1 > now, STILL_OPEN, given.t1),
            }
        )
        for before, after in zip(whole, rule.sizes(changed, STEP), strict=True):
            np.testing.assert_array_equal(before[~later], after[~later])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_sizes_lie_between_none_and_all(rule):
    size, _ = rule.sizes(bets(200, n_series=3), 0.1)
    assert ((size >= 0.0) & (size <= 1.0)).all()
    assert np.count_nonzero(size) > 20
    assert rule.sizes(bets(0), 0.1)[0].size == 0


def test_bets_of_rows():
    rows = pl.DataFrame(
        {
            "ticker": ["B", "A", "B"],
            "bar_spec": ["x", "x", "x"],
            "t0": pl.Series([1, 2, 3]).cast(pl.Datetime("us", "UTC")),
            "t1": pl.Series([5, None, 6]).cast(pl.Datetime("us", "UTC")),
            "side": pl.Series([1, -1, 1], dtype=pl.Int8),
            "is_made": [True, True, False],
            **{name: [0.5, 0.5, 0.5] for name in ("probability", "target", "pt", "sl", "entry")},
        }
    )
    found = Bets.of(rows)
    assert found.series.tolist() == [2, 1, 2]
    assert found.t1.tolist() == [5, STILL_OPEN, 6]
    assert [chosen.tolist() for chosen, _ in found.made_by_series()] == [[1], [0]]


def test_a_strategy_names_its_rule():
    read = TypeAdapter(Sizing).validate_python
    assert [read(rule.model_dump()) for rule in RULES] == RULES
    given = {"pt": 2.0, "sl": 1.0, "max_bars": 5, "round_trip_cost_bps": 1.0}
    assert StrategyParams.model_validate(given).sizing == ProbabilitySizing()
    sized = {"strategies": {"m": given | {"sizing": {"kind": "budget", "most_long": 5, "most_short": 2}}}}
    assert SetupsParams.model_validate(sized).strategies["m"].sizing == BudgetSizing(most_long=5, most_short=2)
    for wrong, message in (
        ({"kind": "budget"}, "most_long"),
        ({"kind": "kelly"}, "does not match any of the expected tags"),
        ({"kind": "dynamic", "size": 1.0}, "size"),
    ):
        with pytest.raises(ValidationError, match=message):
            StrategyParams.model_validate(given | {"sizing": wrong})
