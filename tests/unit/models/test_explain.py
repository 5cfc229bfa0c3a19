"""What each feature added: it adds up to the margin, and goes to what the model learnt from."""

import numpy as np
import pytest

from tsis.core.errors import DataError, UsageError
from tsis.models.artifact import load_model
from tsis.models.calibration import CalibrationParams
from tsis.models.estimator import fit
from tsis.models.estimators.logistic import LogisticParams
from tsis.models.estimators.random_forest import RandomForestParams
from tsis.models.estimators.xgboost import XgboostParams
from tsis.models.explain import explain
from tsis.models.sample import Sample

NAMES = ("up", "down", "noise", "absent")


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(500, 4))
    x[:, 3] = np.nan
    x[::9, 2] = np.nan
    label = (2 * x[:, 0] - x[:, 1] + rng.normal(size=500) > 0).astype(float)
    t0 = np.arange(500)
    return Sample(x, label, rng.uniform(0.5, 2.0, 500), NAMES, t0, t0 + 3)


def stored(sample, params, **given):
    told = fit(sample, params, **given)
    return load_model(told.artifact, told.version)


@pytest.mark.parametrize("params", [XgboostParams(n_rounds=40), LogisticParams()], ids=lambda chosen: chosen.kind)
def test_contributions_and_bias_add_up_to_the_margin(sample, params):
    model = stored(sample, params)
    for row in sample.x[:40]:
        told = explain(model, row, NAMES)
        assert told.bias + sum(part.log_odds for part in told.contributions) == pytest.approx(told.margin, abs=1e-5)
        assert 1 / (1 + np.exp(-told.margin)) == pytest.approx(told.probability, abs=1e-6)
        assert sorted(part.feature for part in told.contributions) == sorted(NAMES)
        sizes = [abs(part.log_odds) for part in told.contributions]
        assert sizes == sorted(sizes, reverse=True)
        by_name = {part.feature: part for part in told.contributions}
        assert by_name["absent"].log_odds == 0.0
        assert np.isnan(by_name["absent"].value)
        assert by_name["up"].value == row[0]


@pytest.mark.parametrize("params", [XgboostParams(n_rounds=40), LogisticParams()], ids=lambda chosen: chosen.kind)
def test_what_moves_the_label_has_its_sign(sample, params):
    model = stored(sample, params)
    told = explain(model, np.array([2.0, 2.0, 0.0, np.nan]), NAMES)
    by_name = {part.feature: part.log_odds for part in told.contributions}
    assert by_name["up"] > 0.5 > 0.1 > abs(by_name["noise"])
    assert by_name["down"] < -0.2


def test_xgboost_values_are_shapley_values_of_its_trees():
    """Two features and one tree: by hand over all orders of knowing them."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, size=(400, 2)).astype(float)
    label = ((x[:, 0] + x[:, 1]) == 2).astype(float)
    params = XgboostParams(n_rounds=1, max_depth=2, subsample=1.0, colsample_bytree=1.0, min_child_weight=0.0)
    model = stored(Sample(x, label, np.ones(400), ("a", "b")), params)
    margin = {tuple(row): explain(model, row, ("a", "b")).margin for row in np.unique(x, axis=0)}
    # TreeSHAP weighs what is not known by the hessians of the leaves: with one round, by the counts of rows
    share_b1 = {a: x[x[:, 0] == a, 1].mean() for a in (0.0, 1.0)}
    share_a1 = x[:, 0].mean()
    given_a = {a: (1 - share_b1[a]) * margin[a, 0.0] + share_b1[a] * margin[a, 1.0] for a in (0.0, 1.0)}
    given_b = {b: (1 - share_a1) * margin[0.0, b] + share_a1 * margin[1.0, b] for b in (0.0, 1.0)}
    base = (1 - share_a1) * given_a[0.0] + share_a1 * given_a[1.0]
    told = explain(model, np.array([1.0, 1.0]), ("a", "b"))
    expected = 0.5 * ((given_a[1.0] - base) + (margin[1.0, 1.0] - given_b[1.0]))
    assert {part.feature: part.log_odds for part in told.contributions}["a"] == pytest.approx(expected, abs=2e-3)
    assert told.bias == pytest.approx(base, abs=2e-3)


def test_a_calibrated_model_is_explained_before_its_calibration(sample):
    plain = explain(stored(sample, LogisticParams()), sample.x[0], NAMES)
    model = stored(sample, LogisticParams(), calibration=CalibrationParams(method="sigmoid"))
    told = explain(model, sample.x[0], NAMES)
    assert told.margin == plain.margin
    assert told.probability == model.probability(sample.x[:1], NAMES)[0] != plain.probability


def test_what_has_no_values_says_so_and_other_features_are_refused(sample):
    with pytest.raises(UsageError, match="is a random_forest: SHAP values are there for xgboost and logistic"):
        explain(stored(sample, RandomForestParams(n_estimators=3)), sample.x[0], NAMES)
    with pytest.raises(DataError, match=r"1 are missing \(absent\)"):
        explain(stored(sample, LogisticParams()), sample.x[0, :3], NAMES[:3])
