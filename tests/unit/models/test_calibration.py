"""Calibrations against scikit-learn, and that they see purged inner folds of the training rows alone."""

import hashlib

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsis.core.errors import DataError
from tsis.models.artifact import load_model
from tsis.models.calibration import CalibrationParams, calibrate, isotonic, log_odds, sigmoid
from tsis.models.estimator import fit
from tsis.models.estimators.logistic import LogisticParams
from tsis.models.estimators.xgboost import XgboostParams
from tsis.models.label_positions import label_positions
from tsis.models.purged_k_fold import purged_k_fold
from tsis.models.sample import Sample


@pytest.fixture(scope="module")
def predictions():
    """Probabilities that are too sure of themselves, labels, weights."""
    rng = np.random.default_rng(4)
    true = rng.beta(2.0, 2.0, 800)
    sure = 1.0 / (1.0 + np.exp(-3.0 * log_odds(true) - 0.4))
    return sure, (rng.random(800) < true).astype(float), rng.uniform(0.1, 3.0, 800)


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(500, 3))
    t0 = np.arange(500) * 10
    label = (x[:, 0] + rng.normal(size=500) > 0).astype(float)
    return Sample(x, label, rng.uniform(0.5, 2.0, 500), ("a", "b", "c"), t0, t0 + rng.integers(1, 80, 500))


def test_sigmoid_is_that_of_scikit_learn(predictions):
    from sklearn.calibration import _SigmoidCalibration

    probability, label, weight = predictions
    even = weight / weight.mean()
    found = sigmoid(probability, label, even)
    oracle = _SigmoidCalibration().fit(log_odds(probability), label, even)
    assert (found.slope, found.intercept) == pytest.approx((-oracle.a_, -oracle.b_), abs=2e-3)
    np.testing.assert_allclose(found.apply(probability), oracle.predict(log_odds(probability)), atol=5e-4)
    assert found.slope == pytest.approx(1 / 3, abs=0.05)


def test_sigmoid_is_the_minimum(predictions):
    """No neighbour has a lower loss, with Platt's targets."""
    probability, label, weight = predictions
    found = sigmoid(probability, label, weight)
    n1, n0 = (weight * label).sum(), (weight * (1 - label)).sum()
    target = np.where(label == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))

    def loss(slope, intercept):
        z = slope * log_odds(probability) + intercept
        return float((weight * (np.logaddexp(0, z) - target * z)).sum())

    best = loss(found.slope, found.intercept)
    for step in (1e-4, 1e-2):
        for a, b in ((step, 0), (-step, 0), (0, step), (0, -step)):
            assert loss(found.slope + a, found.intercept + b) > best


def test_isotonic_is_that_of_scikit_learn(predictions):
    from sklearn.isotonic import IsotonicRegression

    probability, label, weight = predictions
    oracle = IsotonicRegression(out_of_bounds="clip").fit(probability, label, sample_weight=weight)
    asked = np.concatenate((np.linspace(0.0, 1.0, 1_001), probability))
    np.testing.assert_allclose(isotonic(probability, label, weight).apply(asked), oracle.predict(asked), atol=1e-12)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_mends_what_is_too_sure(predictions, method):
    probability, label, weight = predictions
    half = np.arange(800) < 400
    fitted = {"sigmoid": sigmoid, "isotonic": isotonic}[method](probability[half], label[half], weight[half])
    after = fitted.apply(probability[~half])
    brier = [np.mean((p - label[~half]) ** 2) for p in (probability[~half], after)]
    assert brier[1] < 0.9 * brier[0]
    assert ((after >= 0) & (after <= 1)).all()


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.floats(0.01, 10)), min_size=2, max_size=30))
def test_sigmoid_is_finite_and_isotonic_rises_whatever_it_is_given(rows):
    probability, label, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found = sigmoid(probability, label, weight)
    assert np.isfinite([found.slope, found.intercept]).all()
    assert (np.diff(isotonic(probability, label, weight).apply(np.linspace(0, 1, 50))) >= 0).all()


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("params", [XgboostParams(n_rounds=8), LogisticParams()], ids=lambda chosen: chosen.kind)
def test_it_is_learnt_on_purged_inner_folds_and_stored(sample, method, params):
    told = fit(sample, params, CalibrationParams(method=method, n_folds=4))
    inner = np.empty(500)
    for train, test in purged_k_fold(sample.t0, sample.t1, 4, 0.01):
        inner[test] = fit(sample.rows(train), params).probability(sample.x[test])
    expected = {"sigmoid": sigmoid, "isotonic": isotonic}[method](inner, sample.label, sample.relative_weight())
    assert told.calibration == expected
    plain = fit(sample, params)
    np.testing.assert_array_equal(told.probability(sample.x), expected.apply(plain.probability(sample.x)))
    loaded = load_model(told.artifact, told.version)
    assert loaded.calibration == expected
    np.testing.assert_array_equal(loaded.probability(sample.x, sample.features), told.probability(sample.x))
    assert told.version != plain.version


def test_no_calibration_needs_no_windows_and_the_others_do(sample):
    bare = Sample(sample.x, sample.label, sample.weight, sample.features, name="model 'm', cv fold 0")
    assert fit(bare, LogisticParams()).calibration is None
    with pytest.raises(DataError, match="model 'm', cv fold 0: calibration needs the windows"):
        fit(bare, LogisticParams(), CalibrationParams(method="sigmoid"))


def test_fewer_rows_than_inner_folds_and_folds_of_one_class_are_refused(sample):
    def learn(rows):
        return fit(rows, LogisticParams())

    few = sample.rows(np.arange(4))
    with pytest.raises(DataError, match="4 rows can't make 5 folds"):
        calibrate(few, learn, CalibrationParams(method="sigmoid", n_folds=5))
    ordered = sample.rows(np.argsort(sample.label, kind="stable"))
    apart = Sample(ordered.x, ordered.label, ordered.weight, sample.features, np.arange(500), np.arange(500))
    with pytest.raises(DataError, match="needs both classes"):
        calibrate(apart, learn, CalibrationParams(method="sigmoid", n_folds=2, embargo_frac=0.0))


def test_the_version_is_the_hash_of_all_of_it(sample):
    told = fit(sample, LogisticParams(), CalibrationParams(method="sigmoid"), {"fractional": "{}"})
    assert hashlib.sha256(told.artifact).hexdigest() == told.version
    assert load_model(told.artifact, told.version).attributes["fractional"] == "{}"


def test_positions_of_labels_in_the_bars_of_their_ticker():
    moments = [pl.datetime(2020, 1, day, time_unit="us", time_zone="UTC") for day in range(1, 7)]
    days = pl.select(pl.concat_list(moments).explode()).to_series()
    bars = pl.DataFrame({"ticker": ["A"] * 6 + ["B"] * 3, "ts_close": [*days, *days[:3]]})
    events = pl.DataFrame(
        {
            "ticker": ["A", "B", "A", "A"],
            "t0": [days[0], days[1], days[2], days[5]],
            "t1": [days[3], days[2], days[2], None],
        },
        schema_overrides={"t1": days.dtype},
    )
    start, end = label_positions(events, bars)
    assert start.tolist() == [0, 8, 2, -1]
    assert end.tolist() == [3, 9, 2, -1]
    with pytest.raises(DataError, match="1 of 1 events of B have no bar"):
        label_positions(events, bars.filter(pl.col("ticker") == "A"))
